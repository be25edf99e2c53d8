use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::onboard::v1 as pb;

use super::{Body, micros, row};

/// Every event of a noun carries the noun's state in field 1, so that one
/// message type reads all of them.
pub(super) fn body(event: &Event, noun: &str) -> Result<Option<Body>> {
    Ok(Some(match noun {
        "tenant_settings" => settings(decode::<pb::TenantSettingsUpdated>(event)?.tenant_settings.unwrap_or_default()),
        "tier" => tier(decode::<pb::TierUpdated>(event)?.tier.unwrap_or_default()),
        "partner" => partner(decode::<pb::PartnerUpdated>(event)?.partner.unwrap_or_default()),
        "enrollment" => enrollment(event, decode::<pb::EnrollmentCreated>(event)?.enrollment.unwrap_or_default()),
        "onboarding_plan" => onboarding(&decode::<pb::OnboardingPlanStarted>(event)?.onboarding_plan.unwrap_or_default()),
        _ => return Ok(None),
    }))
}

fn settings(s: pb::TenantSettings) -> Body {
    Body::Settings(row::Settings { currency: s.reporting_currency, zone: s.time_zone })
}

fn tier(t: pb::Tier) -> Body {
    let threshold = t.revenue_threshold.unwrap_or_default();
    Body::Tier(row::Tier {
        program: t.name.split("/tiers/").next().unwrap_or_default().to_owned(),
        display_name: t.display_name,
        rank: t.rank,
        threshold: (!threshold.currency_code.is_empty()).then_some(threshold.minor_units),
        currency: threshold.currency_code,
    })
}

fn partner(p: pb::Partner) -> Body {
    Body::Partner(row::Partner {
        display_name: p.display_name,
        kind: p.r#type,
        territory: p.territory,
        vertical: p.vertical,
        parent: last(&p.parent).to_owned(),
        visible_to: p.visible_to,
    })
}

fn enrollment(event: &Event, e: pb::Enrollment) -> Body {
    let occurred = micros(event.occurred_time.as_ref()).unwrap_or_default();
    Body::Enrollment(row::Enrollment {
        partner: last(&e.partner).to_owned(),
        program: e.program.clone(),
        tier: e.tier.clone(),
        status: e.status,
        effective: micros(e.effective_time.as_ref()).unwrap_or(occurred),
        end: micros(e.end_time.as_ref()),
        product_lines: e.product_lines,
    })
}

fn onboarding(p: &pb::OnboardingPlan) -> Body {
    Body::Onboarding(row::Onboarding { partner: last(&p.partner).to_owned(), complete: micros(p.complete_time.as_ref()) })
}
