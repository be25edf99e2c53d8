//! A second implementation of the metrics, slow and plain, from the raw events. It
//! uses no code of the fold, the frame or the metrics. Every question selects the
//! events known at its cut and evaluates them from scratch.

pub mod money;
pub mod report;
pub mod stage;

use std::collections::BTreeMap;

use prost::Message;
use stoa_events::Event;
use stoa_kernel::Timestamp;
use stoa_proto::{
    enable::v1::{CertificationAward, CertificationAwardEarned, CourseCompletionRecorded},
    market::v1::MarketingCampaignDeployed,
    onboard::v1::{
        Enrollment, EnrollmentCreated, EnrollmentStatus, Partner, PartnerUpdated, TenantSettings, TenantSettingsUpdated, Tier, TierUpdated,
    },
    sell::v1::{ClosureCode, Deal, DealUpdated},
};

pub const DAY: i64 = 86_400_000_000;

/// One version of an aggregate.
#[derive(Clone)]
pub struct Version<T> {
    pub occurred: i64,
    pub corrects: bool,
    pub state: T,
}

/// Everything that is known at a cut: each noun by name, with its versions in order.
pub struct Known {
    pub as_of: i64,
    pub settings: Vec<Version<TenantSettings>>,
    pub tiers: BTreeMap<String, Vec<Version<Tier>>>,
    pub partners: BTreeMap<String, Vec<Version<Partner>>>,
    pub enrollments: BTreeMap<String, Vec<Version<Enrollment>>>,
    pub deals: BTreeMap<String, Vec<Version<Deal>>>,
    pub awards: BTreeMap<String, Vec<Version<CertificationAward>>>,
    /// Last known states of the nouns that carry their own instant.
    pub campaigns: Vec<(String, i64)>,
    pub trainings: Vec<(String, i64)>,
    pub rates: Vec<stoa_proto::incentivize::v1::ExchangeRate>,
}

pub fn micros(t: Option<&prost_types::Timestamp>) -> Option<i64> {
    t.map(|t| t.seconds * 1_000_000 + i64::from(t.nanos) / 1000)
}

fn chains<T>(events: &[&Event], noun: &str, state: impl Fn(&[u8]) -> T) -> BTreeMap<String, Vec<Version<T>>> {
    let mut mine: Vec<&&Event> = events.iter().filter(|e| e.subject.split('.').nth(1) == Some(noun)).collect();
    mine.sort_by_key(|e| e.version);
    let mut found: BTreeMap<String, Vec<Version<T>>> = BTreeMap::new();
    for event in mine {
        found.entry(event.aggregate.clone()).or_default().push(Version {
            occurred: micros(event.occurred_time.as_ref()).unwrap(),
            corrects: event.subject == "sell.deal.corrected",
            state: state(&event.data),
        });
    }
    found
}

fn last<T>(chains: BTreeMap<String, Vec<Version<T>>>) -> impl Iterator<Item = T> {
    chains.into_values().map(|mut versions| versions.pop().unwrap().state)
}

impl Known {
    pub fn new(events: &[Event], as_of: i64, known_at: i64) -> Self {
        let known: Vec<&Event> = events.iter().filter(|e| micros(e.recorded_time.as_ref()).unwrap() < known_at).collect();
        let campaigns = chains(&known, "marketing_campaign", |b| MarketingCampaignDeployed::decode(b).unwrap().marketing_campaign.unwrap());
        let trainings = chains(&known, "course_completion", |b| CourseCompletionRecorded::decode(b).unwrap().course_completion.unwrap());
        let rates =
            chains(&known, "exchange_rate", |b| stoa_proto::incentivize::v1::ExchangeRateSet::decode(b).unwrap().exchange_rate.unwrap());
        Self {
            as_of,
            settings: chains(&known, "tenant_settings", |b| TenantSettingsUpdated::decode(b).unwrap().tenant_settings.unwrap())
                .into_values()
                .next()
                .unwrap_or_default(),
            tiers: chains(&known, "tier", |b| TierUpdated::decode(b).unwrap().tier.unwrap()),
            partners: chains(&known, "partner", |b| PartnerUpdated::decode(b).unwrap().partner.unwrap()),
            enrollments: chains(&known, "enrollment", |b| EnrollmentCreated::decode(b).unwrap().enrollment.unwrap()),
            deals: chains(&known, "deal", |b| DealUpdated::decode(b).unwrap().deal.unwrap()),
            awards: chains(&known, "certification_award", |b| CertificationAwardEarned::decode(b).unwrap().certification_award.unwrap()),
            campaigns: last(campaigns)
                .filter(|c| c.co_branded)
                .filter_map(|c| micros(c.deploy_time.as_ref()).map(|at| (c.partner, at)))
                .filter(|(_, at)| *at < as_of)
                .collect(),
            trainings: last(trainings)
                .map(|c| (c.partner, micros(c.complete_time.as_ref()).unwrap()))
                .filter(|(_, at)| *at < as_of)
                .collect(),
            rates: last(rates).collect(),
        }
    }

    /// Reporting currency and time zone.
    pub fn settings(&self) -> (String, String) {
        match state_at(&self.settings, self.as_of, |_| i64::MIN) {
            Some(s) => (s.reporting_currency.clone(), s.time_zone.clone()),
            None => ("USD".to_owned(), "UTC".to_owned()),
        }
    }

    /// The partner's attributes at an instant.
    pub fn partner_at(&self, name: &str, as_of: i64) -> Partner {
        let versions = self.partners.get(name).map(Vec::as_slice).unwrap_or_default();
        state_at(versions, as_of, |_| i64::MIN).cloned().unwrap_or_default()
    }

    pub fn tiers_now(&self) -> Vec<&Tier> {
        self.tiers.values().filter_map(|versions| state_at(versions, self.as_of, |_| i64::MIN)).collect()
    }

    /// All partners that any fact names.
    pub fn everybody(&self) -> Vec<String> {
        let mut names: Vec<String> = self.partners.keys().cloned().collect();
        names.extend(self.enrollments.values().flatten().map(|e| e.state.partner.clone()));
        names.extend(self.deals.values().flatten().flat_map(|d| d.state.credits.iter().map(|c| c.partner.clone())));
        names.extend(self.deals.values().flatten().map(|d| d.state.partner.clone()));
        names.extend(self.campaigns.iter().map(|c| c.0.clone()));
        names.retain(|n| !n.is_empty());
        names.sort();
        names.dedup();
        names
    }

    /// The topmost ancestor.
    pub fn root(&self, name: &str) -> String {
        let mut at = name.to_owned();
        loop {
            let parent = self.partner_at(&at, self.as_of).parent;
            if parent.is_empty() {
                return at;
            }
            at = parent;
        }
    }

    /// Enrollments that have started, by (start, name), each with its first tier.
    pub fn started(&self, partner: &str) -> Vec<(i64, String, Enrollment, String)> {
        let mut found = Vec::new();
        for (name, versions) in &self.enrollments {
            let first = |e: &Enrollment| micros(e.effective_time.as_ref()).unwrap();
            let Some(state) = state_at(versions, self.as_of, first).filter(|e| e.partner == partner) else { continue };
            let effective = micros(state.effective_time.as_ref()).unwrap();
            if effective < self.as_of {
                found.push((effective, name.clone(), state.clone(), versions[0].state.tier.clone()));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        found
    }

    pub fn in_force(&self, e: &Enrollment) -> bool {
        let live = matches!(e.status(), EnrollmentStatus::Enrolled | EnrollmentStatus::Suspended);
        live && micros(e.end_time.as_ref()).is_none_or(|end| self.as_of <= end)
    }

    /// Instants of the registrations that count.
    pub fn registrations(&self, partner: &str) -> Vec<i64> {
        self.deals.values().filter_map(|deal| registered(deal, self.as_of)).filter(|(who, _)| who == partner).map(|(_, at)| at).collect()
    }

    pub fn deployments(&self, partner: &str) -> Vec<i64> {
        self.campaigns.iter().filter(|c| c.0 == partner).map(|c| c.1).collect()
    }

    pub fn activities(&self, partner: &str) -> Vec<i64> {
        [self.registrations(partner), self.deployments(partner)].concat()
    }

    /// First instant of a date in the tenant's time zone.
    pub fn start_of(&self, date: &str) -> i64 {
        Timestamp::start_of(date.parse().unwrap(), &self.settings().1).unwrap().micros()
    }
}

/// Returns the state of the highest version that happened before `as_of`. `first`
/// is the instant from which on the first version counts at the latest.
pub fn state_at<T>(versions: &[Version<T>], as_of: i64, first: impl Fn(&T) -> i64) -> Option<&T> {
    let instant = |i: usize| if i == 0 { versions[0].occurred.min(first(&versions[0].state)) } else { versions[i].occurred };
    (0..versions.len()).rev().find(|i| instant(*i) < as_of).map(|i| &versions[i].state)
}

/// Returns who registered a deal and when, if the registration counts.
fn registered(versions: &[Version<Deal>], as_of: i64) -> Option<(String, i64)> {
    let now = &versions.last()?.state;
    let submit = micros(now.submit_time.as_ref()).filter(|at| *at < as_of)?;
    if now.partner.is_empty() {
        return None;
    }
    let mut counts = true;
    let mut void = false;
    for said in versions.iter().filter(|s| s.state.submit_time.is_some() || s.state.win_time.is_some() || s.corrects) {
        let early = micros(said.state.withdraw_time.as_ref()).filter(|at| at - submit <= DAY);
        let is_void = early.is_some() || said.state.closure_code() == ClosureCode::Duplicate;
        if is_void != void {
            void = is_void;
            let at = early.filter(|_| is_void).unwrap_or(said.occurred).max(submit);
            if at < as_of {
                counts = !is_void;
            }
        }
    }
    counts.then_some((now.partner.clone(), submit))
}
