//! Random networks as raw events: late facts, corrections, several versions
//! recorded at once, and history imported later. Instants are on a coarse grid, so
//! that windows and cuts coincide with facts.

use prost::Message;
use stoa_events::Event;
use stoa_kernel::Timestamp;
use stoa_proto::{
    common::v1::Money, enable::v1 as enable, incentivize::v1 as incentivize, market::v1 as market, onboard::v1 as onboard, sell::v1 as sell,
};

/// 2024-01-01.
pub const START: i64 = 1_704_067_200_000_000;
/// Six hours.
pub const TICK: i64 = 6 * 3_600_000_000;
/// Ticks per day.
pub const DAY: i64 = 4;
/// Lifetime of a network, in ticks.
pub const LIFE: i64 = 400 * DAY;
/// After all facts.
pub const END: i64 = START + 2 * LIFE * TICK;

/// SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end`, exclusive.
    pub fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.unsigned_abs()) as i64
    }

    pub fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as i64) as usize]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as i64 + 1) as usize);
        }
    }
}

/// The instant `n` ticks after the start.
pub fn tick(n: i64) -> i64 {
    START + n * TICK
}

pub fn proto(micros: i64) -> Option<prost_types::Timestamp> {
    Some(Timestamp::from_micros(micros).proto())
}

pub struct World {
    rng: Rng,
    partners: i64,
    pub events: Vec<Event>,
}

/// Generates the events of a random network.
pub fn network(seed: u64, partners: i64) -> Vec<Event> {
    let mut world = World { rng: Rng(seed), partners, events: Vec::new() };
    world.tenant();
    for i in 0..partners {
        world.partner(i);
        world.enrollments(i);
    }
    for i in 0..partners * 3 {
        world.deal(i);
    }
    for i in 0..partners * 2 {
        world.campaign(i);
        world.learning(i);
    }
    world.events
}

impl World {
    fn id(&mut self) -> String {
        format!("partners/p{}", self.rng.below(self.partners))
    }

    /// Instants of the next version: mostly later, sometimes with a past date, never
    /// recorded before the previous version.
    fn step(&mut self, (occurred, recorded): (i64, i64)) -> (i64, i64) {
        let ahead = self.rng.below(60 * DAY);
        let next = if self.rng.chance(12) { occurred - ahead / 4 } else { occurred + ahead };
        let late = if self.rng.chance(30) { self.rng.below(40 * DAY) } else { 0 };
        let same = self.rng.chance(15);
        (next, if same { recorded } else { recorded.max(next) + late })
    }

    /// Instants of a first version. History is recorded much later.
    fn first(&mut self) -> (i64, i64) {
        let occurred = self.rng.below(LIFE);
        let late = match self.rng.below(10) {
            0..=5 => 0,
            6..=8 => self.rng.below(20 * DAY),
            _ => LIFE,
        };
        (occurred, occurred + late)
    }

    fn push(&mut self, subject: &str, aggregate: &str, version: i64, at: (i64, i64), data: Vec<u8>) {
        self.events.push(Event {
            event_id: format!("{aggregate}@{version}"),
            subject: subject.to_owned(),
            aggregate: aggregate.to_owned(),
            version,
            position: self.events.len() as i64 + 1,
            occurred_time: proto(tick(at.0)),
            recorded_time: proto(tick(at.1)),
            data,
            ..Event::default()
        });
    }

    fn tenant(&mut self) {
        if self.rng.chance(60) {
            let mut at = (0, 0);
            for version in 1..=1 + self.rng.below(2) {
                let settings = onboard::TenantSettings {
                    name: "tenantSettings".into(),
                    reporting_currency: (*self.rng.pick(&["USD", "EUR"])).into(),
                    time_zone: (*self.rng.pick(&["UTC", "Europe/Berlin", "America/New_York"])).into(),
                    ..Default::default()
                };
                let message = onboard::TenantSettingsUpdated { tenant_settings: Some(settings) };
                self.push("onboard.tenant_settings.updated", "tenantSettings", version, at, message.encode_to_vec());
                at = self.step(at);
            }
        }
        for (program, tier, rank) in [("a", "base", 1), ("a", "gold", 2), ("b", "base", 1), ("b", "top", 5)] {
            self.tier(program, tier, rank);
        }
        for (base, quote) in [("EUR", "USD"), ("USD", "EUR"), ("JPY", "USD")] {
            for _ in 0..self.rng.below(4) {
                self.exchange_rate(base, quote);
            }
        }
    }

    fn tier(&mut self, program: &str, tier: &str, rank: i32) {
        let name = format!("programs/{program}/tiers/{tier}");
        let mut at = (self.rng.below(30 * DAY), self.rng.below(DAY));
        for version in 1..=1 + self.rng.below(2) {
            let money = Money { minor_units: self.rng.below(30_000), currency_code: (*self.rng.pick(&["USD", "EUR"])).into() };
            let message = onboard::TierUpdated {
                tier: Some(onboard::Tier {
                    name: name.clone(),
                    display_name: format!("{program} {tier} {version}"),
                    rank: if self.rng.chance(10) { 7 } else { rank },
                    revenue_threshold: self.rng.chance(80).then_some(money),
                    ..Default::default()
                }),
            };
            self.push("onboard.tier.updated", &name, version, at, message.encode_to_vec());
            at = self.step(at);
        }
    }

    fn exchange_rate(&mut self, base: &str, quote: &str) {
        let day = self.rng.below(LIFE / DAY);
        let date = Timestamp::from_micros(tick(day * DAY)).date("UTC").unwrap().to_string();
        let name = format!("exchangeRates/{base}-{quote}-{date}").to_lowercase();
        if self.events.iter().any(|e| e.aggregate == name) {
            return;
        }
        let mut at = self.first();
        for version in 1..=1 + self.rng.below(2) {
            let message = incentivize::ExchangeRateSet {
                exchange_rate: Some(incentivize::ExchangeRate {
                    name: name.clone(),
                    base_currency: base.into(),
                    quote_currency: quote.into(),
                    date: date.clone(),
                    rate_nanos: if base == "JPY" { 6_700_000 } else { 800_000_000 + self.rng.below(400_000_000) },
                    ..Default::default()
                }),
            };
            self.push("incentivize.exchange_rate.set", &name, version, at, message.encode_to_vec());
            at = self.step(at);
        }
    }

    fn partner(&mut self, i: i64) {
        let name = format!("partners/p{i}");
        let mut at = self.first();
        for version in 1..=1 + self.rng.below(3) {
            let below = i > 0 && self.rng.chance(40);
            let message = onboard::PartnerUpdated {
                partner: Some(onboard::Partner {
                    name: name.clone(),
                    display_name: format!("Partner {i}.{version}"),
                    r#type: *self.rng.pick(&[1, 3, 12]),
                    territory: (*self.rng.pick(&["", "us-east", "us-west", "emea"])).into(),
                    vertical: (*self.rng.pick(&["", "health"])).into(),
                    // Always one with a lower number, so that there are no cycles.
                    parent: if below { format!("partners/p{}", self.rng.below(i)) } else { String::new() },
                    visible_to: if below { vec!["p0".into()] } else { Vec::new() },
                    ..Default::default()
                }),
            };
            self.push("onboard.partner.updated", &name, version, at, message.encode_to_vec());
            at = self.step(at);
        }
    }

    fn enrollments(&mut self, i: i64) {
        for n in 0..*self.rng.pick(&[0, 1, 1, 1, 2, 3]) {
            let name = format!("enrollments/e{i}-{n}");
            let (program, tiers) = if self.rng.chance(70) { ("a", ["base", "gold"]) } else { ("b", ["base", "top"]) };
            let mut at = self.first();
            let effective = at.0 - if self.rng.chance(15) { self.rng.below(8) } else { 0 };
            let mut end = self.rng.chance(20).then(|| effective + self.rng.below(LIFE));
            for version in 1..=1 + self.rng.below(4) {
                let status = if version == 1 { 1 } else { *self.rng.pick(&[1, 1, 1, 2, 2, 3, 4]) };
                if status > 2 {
                    end = Some(at.0);
                }
                let lines: &[&str] = if self.rng.chance(25) { &["productLines/x", "productLines/y"] } else { &[] };
                let message = onboard::EnrollmentCreated {
                    enrollment: Some(onboard::Enrollment {
                        name: name.clone(),
                        partner: format!("partners/p{i}"),
                        program: format!("programs/{program}"),
                        tier: format!("programs/{program}/tiers/{}", self.rng.pick(&tiers)),
                        status,
                        effective_time: proto(tick(effective)),
                        end_time: end.and_then(|e| proto(tick(e))),
                        product_lines: lines.iter().map(|l| (*l).to_owned()).collect(),
                        ..Default::default()
                    }),
                };
                self.push("onboard.enrollment.created", &name, version, at, message.encode_to_vec());
                at = self.step(at);
            }
        }
    }

    fn campaign(&mut self, i: i64) {
        let name = format!("marketingCampaigns/c{i}");
        let mut at = self.first();
        let mut campaign =
            market::MarketingCampaign { name: name.clone(), partner: self.id(), co_branded: self.rng.chance(75), ..Default::default() };
        for version in 1..=1 + self.rng.below(3) {
            if version == 2 {
                campaign.deploy_time = proto(tick(at.0));
            }
            let message = market::MarketingCampaignDeployed { marketing_campaign: Some(campaign.clone()) };
            self.push("market.marketing_campaign.deployed", &name, version, at, message.encode_to_vec());
            at = self.step(at);
        }
    }

    fn learning(&mut self, i: i64) {
        let at = self.first();
        let name = format!("courseCompletions/t{i}");
        let completion =
            enable::CourseCompletion { name: name.clone(), partner: self.id(), complete_time: proto(tick(at.0)), ..Default::default() };
        let message = enable::CourseCompletionRecorded { course_completion: Some(completion) };
        self.push("enable.course_completion.recorded", &name, 1, at, message.encode_to_vec());

        let (mut at, name) = (self.first(), format!("portalActivities/v{i}"));
        let (partner, first) = (self.id(), at.0);
        for version in 1..=1 + self.rng.below(3) {
            let activity = enable::PortalActivity {
                name: name.clone(),
                partner: partner.clone(),
                element: (*self.rng.pick(&["courses/intro", "forms/deal"])).into(),
                first_view_time: proto(tick(first)),
                ..Default::default()
            };
            let message = enable::PortalActivityRecorded { portal_activity: Some(activity) };
            self.push("enable.portal_activity.recorded", &name, version, at, message.encode_to_vec());
            at.1 += self.rng.below(8);
        }

        let (mut at, name) = (self.first(), format!("certificationAwards/w{i}"));
        let mut award = enable::CertificationAward {
            name: name.clone(),
            partner: self.id(),
            product_line: (*self.rng.pick(&["", "productLines/x", "productLines/y"])).into(),
            earn_time: proto(tick(at.0)),
            expire_time: proto(tick(at.0 + 100 + self.rng.below(LIFE))),
            ..Default::default()
        };
        for version in 1..=1 + self.rng.below(2) {
            if version == 2 {
                award.revoke_time = proto(tick(at.0));
            }
            let message = enable::CertificationAwardEarned { certification_award: Some(award.clone()) };
            self.push("enable.certification_award.earned", &name, version, at, message.encode_to_vec());
            at = self.step(at);
        }
    }

    fn deal(&mut self, i: i64) {
        let name = format!("deals/d{i}");
        let mut at = self.first();
        let mut deal = sell::Deal {
            name: name.clone(),
            partner: if self.rng.chance(90) { self.id() } else { String::new() },
            amount: self.amount(),
            credits: self.credits(),
            ..Default::default()
        };
        let (mut version, mut won) = (1, false);
        let steps = 1 + self.rng.below(6);
        for _ in 0..steps {
            let subject = self.change(&mut deal, at, &mut won);
            let message = sell::DealUpdated { deal: Some(deal.clone()) };
            self.push(subject, &name, version, at, message.encode_to_vec());
            version += 1;
            at = if self.rng.chance(40) { (at.0 + self.rng.below(7), at.1 + self.rng.below(7)) } else { self.step(at) };
        }
    }

    /// Applies the next change to a deal. Returns the subject of its event.
    fn change(&mut self, deal: &mut sell::Deal, at: (i64, i64), won: &mut bool) -> &'static str {
        let now = proto(tick(at.0));
        match self.rng.below(10) {
            0..=2 if deal.submit_time.is_none() => {
                deal.submit_time = now;
                "sell.deal.submitted"
            }
            3 if deal.submit_time.is_some() && deal.withdraw_time.is_none() => {
                deal.withdraw_time = now;
                "sell.deal.withdrawn"
            }
            4 if deal.submit_time.is_some() => {
                let duplicate = deal.closure_code() == sell::ClosureCode::Duplicate;
                deal.closure_code = if duplicate { 0 } else { sell::ClosureCode::Duplicate as i32 };
                if duplicate { "sell.deal.approved" } else { "sell.deal.rejected" }
            }
            5..=7 if !*won => {
                *won = true;
                deal.win_time = now;
                "sell.deal.won"
            }
            5..=8 if *won => {
                match self.rng.below(7) {
                    0 => deal.amount = self.amount(),
                    1 => deal.credits = self.credits(),
                    2 => deal.win_time = proto(tick(at.0 - self.rng.below(30 * DAY))),
                    3..=5 if deal.win_time.is_some() => deal.lose_time = deal.win_time.take(),
                    // Won again as before, or on another day.
                    3..=5 => deal.win_time = deal.lose_time.take().filter(|_| self.rng.chance(70)).or(now),
                    _ => deal.partner = self.id(),
                }
                "sell.deal.corrected"
            }
            9 if *won && self.rng.chance(30) => {
                deal.delete_time = now;
                "sell.deal.deleted"
            }
            _ => "sell.deal.updated",
        }
    }

    fn amount(&mut self) -> Option<Money> {
        let currency_code = (*self.rng.pick(&["USD", "USD", "USD", "EUR", "JPY"])).to_owned();
        Some(Money { minor_units: self.rng.below(50_000), currency_code })
    }

    fn credits(&mut self) -> Vec<sell::Credit> {
        let choices: [&[i32]; 5] = [&[], &[10_000], &[3_333, 3_333], &[6_000, 4_000], &[1, 9_998]];
        let shares = *self.rng.pick(&choices);
        shares.iter().map(|share| sell::Credit { partner: self.id(), share_basis_points: *share }).collect()
    }
}
