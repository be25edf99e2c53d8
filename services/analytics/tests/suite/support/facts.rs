//! Single facts, for handwritten networks.

use prost::Message;
use stoa_events::Event;
use stoa_proto::{common::v1::Money, enable::v1 as enable, market::v1 as market, onboard::v1 as onboard, sell::v1 as sell};

use super::world::{proto, tick};

/// An event that happened and was recorded at a tick.
pub fn event(subject: &str, aggregate: &str, version: i64, at: i64, data: Vec<u8>) -> Event {
    Event {
        event_id: format!("{aggregate}@{version}"),
        subject: subject.to_owned(),
        aggregate: aggregate.to_owned(),
        version,
        position: 1,
        occurred_time: proto(tick(at)),
        recorded_time: proto(tick(at)),
        data,
        ..Event::default()
    }
}

pub fn tier(program: &str, tier: &str, rank: i32, threshold: i64) -> Event {
    let name = format!("programs/{program}/tiers/{tier}");
    let revenue_threshold = Some(Money { minor_units: threshold, currency_code: "USD".into() });
    let state = onboard::Tier { name: name.clone(), display_name: tier.to_owned(), rank, revenue_threshold, ..Default::default() };
    event("onboard.tier.created", &name, 1, 0, onboard::TierCreated { tier: Some(state) }.encode_to_vec())
}

pub fn partner(id: &str, kind: onboard::PartnerType, territory: &str, visible_to: &[&str], at: i64) -> Event {
    let name = format!("partners/{id}");
    let state = onboard::Partner {
        name: name.clone(),
        display_name: format!("The {id}"),
        r#type: kind as i32,
        territory: territory.to_owned(),
        visible_to: visible_to.iter().map(|v| (*v).to_owned()).collect(),
        ..Default::default()
    };
    event("onboard.partner.created", &name, 1, at, onboard::PartnerCreated { partner: Some(state) }.encode_to_vec())
}

pub fn enrollment(id: &str, program: &str, tier: &str, at: i64) -> Event {
    let name = format!("enrollments/{id}-{program}");
    let state = onboard::Enrollment {
        name: name.clone(),
        partner: format!("partners/{id}"),
        program: format!("programs/{program}"),
        tier: format!("programs/{program}/tiers/{tier}"),
        status: onboard::EnrollmentStatus::Enrolled as i32,
        effective_time: proto(tick(at)),
        ..Default::default()
    };
    event("onboard.enrollment.created", &name, 1, at, onboard::EnrollmentCreated { enrollment: Some(state) }.encode_to_vec())
}

/// A deal that is registered at once, and also won if it has an amount.
pub fn deal(id: &str, partner: &str, amount: i64, at: i64) -> Event {
    let name = format!("deals/{id}");
    let state = sell::Deal {
        name: name.clone(),
        partner: format!("partners/{partner}"),
        amount: Some(Money { minor_units: amount, currency_code: "USD".into() }),
        submit_time: proto(tick(at)),
        win_time: if amount > 0 { proto(tick(at)) } else { None },
        ..Default::default()
    };
    event("sell.deal.won", &name, 1, at, sell::DealWon { deal: Some(state) }.encode_to_vec())
}

/// A version of a deal, with its state from a tick on.
pub fn deal_version(version: i64, at: i64, state: &sell::Deal) -> Event {
    let data = sell::DealUpdated { deal: Some(state.clone()) }.encode_to_vec();
    event("sell.deal.corrected", &state.name, version, at, data)
}

pub fn campaign(partner: &str, at: i64) -> Event {
    let name = format!("marketingCampaigns/{partner}-{at}");
    let state = market::MarketingCampaign {
        name: name.clone(),
        partner: format!("partners/{partner}"),
        co_branded: true,
        deploy_time: proto(tick(at)),
        ..Default::default()
    };
    let message = market::MarketingCampaignDeployed { marketing_campaign: Some(state) };
    event("market.marketing_campaign.deployed", &name, 1, at, message.encode_to_vec())
}

pub fn certification(partner: &str, at: i64) -> Event {
    let name = format!("certificationAwards/{partner}-{at}");
    let state = enable::CertificationAward {
        name: name.clone(),
        partner: format!("partners/{partner}"),
        earn_time: proto(tick(at)),
        ..Default::default()
    };
    let message = enable::CertificationAwardEarned { certification_award: Some(state) };
    event("enable.certification_award.earned", &name, 1, at, message.encode_to_vec())
}

pub fn portal(partner: &str, element: &str, at: i64) -> Event {
    let name = format!("portalActivities/{partner}-{at}");
    let state = enable::PortalActivity {
        name: name.clone(),
        partner: format!("partners/{partner}"),
        element: element.to_owned(),
        first_view_time: proto(tick(at)),
        ..Default::default()
    };
    let message = enable::PortalActivityRecorded { portal_activity: Some(state) };
    event("enable.portal_activity.recorded", &name, 1, at, message.encode_to_vec())
}
