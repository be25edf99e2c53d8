//! What happens on which day. Pure: decided before the first call.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, LogNormal, Poisson};

use super::network::{Organization, PRODUCT_LINES, TERRITORIES, VERTICALS};

/// The planned course of a deal.
#[derive(Debug, Clone)]
pub struct DealPlan {
    /// ID.
    pub id: String,
    /// Index into [`PRODUCT_LINES`].
    pub line: usize,
    /// Index into [`VERTICALS`].
    pub vertical: usize,
    /// Number of the customer.
    pub customer: u32,
    /// Whether several partners work on this customer.
    pub shared: bool,
    /// Amount in minor units of the territory's currency.
    pub amount: i64,
    /// Day on which it should close.
    pub close_day: u32,
}

/// Something that an organization does, or that happens to it.
#[derive(Debug, Clone)]
pub enum Action {
    /// A prospect is identified.
    Identify,
    /// A prospect is qualified.
    Qualify,
    /// A prospect is lost to a competitor.
    Lose,
    /// The agreement is signed, and the partner is enrolled and assigned to a CAM.
    Enroll,
    /// The partner views an element of the portal.
    Portal(&'static str),
    /// A person completes the course of a product line.
    Course(u32, usize),
    /// A person earns the certification of a product line.
    Certify(u32, usize),
    /// A marketing campaign is drafted and submitted.
    CampaignSubmit(String, usize),
    /// The campaign is approved and deployed.
    CampaignDeploy(String),
    /// The campaign is completed, with results: audience, responses, leads.
    CampaignResults(String, i64, i64, i64),
    /// MDF is requested for a campaign: amount.
    MdfRequest(String, i64),
    /// The MDF request is approved and started.
    MdfApprove(String),
    /// The spending is claimed, approved and paid: amount.
    MdfClaim(String, i64),
    /// A deal is created and submitted for registration.
    DealSubmit(DealPlan),
    /// The registration is approved.
    DealApprove(String),
    /// The registration is rejected as a duplicate.
    DealReject(String),
    /// The partner withdraws the registration.
    DealWithdraw(String),
    /// The deal moves to its next open stage.
    DealAdvance(String, usize),
    /// The deal is won.
    DealWin(String),
    /// The deal is lost.
    DealLose(String),
    /// The tier is raised by hand: index in the tiers.
    Tier(usize),
    /// The kick-off took place.
    KickOff,
    /// The partner leaves: reason.
    Terminate(&'static str),
}

impl Action {
    /// Whether the outcome depends on the order among partners.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        matches!(self, Self::DealSubmit(deal) if deal.shared)
    }
}

/// An action with the index of its organization in the network.
pub type Entry = (usize, Action);

/// Generates all actions of `span` days, by day. The order of a partner's actions is
/// kept.
///
/// # Errors
/// Never for the parameters below, which the distributions check.
pub fn generate(seed: u64, network: &[Organization], span: u32) -> anyhow::Result<Vec<Vec<Entry>>> {
    let mut days: Vec<Vec<Entry>> = vec![Vec::new(); span as usize];
    for (index, organization) in network.iter().enumerate() {
        // Every organization has its own generator, so that one partner's plan does
        // not depend on another's.
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(index as u64));
        let mut plan = Plan { index, organization, span, days: &mut days };
        plan.whole(&mut rng)?;
    }
    Ok(days)
}

struct Plan<'a> {
    index: usize,
    organization: &'a Organization,
    span: u32,
    days: &'a mut Vec<Vec<Entry>>,
}

impl Plan<'_> {
    fn at(&mut self, day: u32, action: Action) {
        if day < self.span {
            self.days[day as usize].push((self.index, action));
        }
    }

    fn whole(&mut self, rng: &mut StdRng) -> anyhow::Result<()> {
        let o = self.organization;
        self.at(o.identify_day, Action::Identify);
        let qualified = o.identify_day + 6;
        self.at(qualified, Action::Qualify);
        let Some(enrolled) = o.enroll_day else {
            self.at(qualified + rng.random_range(3..20), Action::Lose);
            return Ok(());
        };
        self.at(enrolled, Action::Enroll);
        self.at(enrolled + rng.random_range(3..12), Action::KickOff);
        let (active_from, active_to) = match o.activation_days {
            Some(wait) => (enrolled + wait, enrolled + wait + o.active_days),
            None => (self.span, self.span),
        };
        // Partners that never become active look around for a while and stop.
        let engaged_to = if o.activation_days.is_some() { active_to } else { enrolled + rng.random_range(5..70) };
        self.learn(rng, enrolled, engaged_to);
        self.browse(rng, enrolled, engaged_to);
        if o.activation_days.is_some() {
            self.sell(rng, active_from, active_to)?;
            if o.markets {
                self.market(rng, active_from, active_to);
            }
            self.promote(active_from, active_to);
            if o.terminates && active_to < self.span {
                let reasons = ["margins too low", "moved to a competitor's program", "left the market", "acquired"];
                self.at(active_to + 30, Action::Terminate(reasons[rng.random_range(0..reasons.len())]));
            }
        }
        Ok(())
    }

    fn learn(&mut self, rng: &mut StdRng, from: u32, to: u32) {
        for person in 0..rng.random_range(1..4_u32) {
            let line = rng.random_range(0..PRODUCT_LINES.len());
            let day = from + rng.random_range(2..45);
            if day >= to {
                continue;
            }
            self.at(day, Action::Course(person, line));
            if rng.random_bool(0.55) {
                self.at(day + rng.random_range(3..30), Action::Certify(person, line));
            }
        }
    }

    fn browse(&mut self, rng: &mut StdRng, from: u32, to: u32) {
        const ELEMENTS: [&str; 5] = ["deal-form", "course-catalog", "campaign-library", "mdf-form", "price-list"];
        let chance = (self.organization.portal_per_month / 30.0).min(0.9);
        let mut day = from + rng.random_range(0..5);
        while day < to.min(self.span) {
            self.at(day, Action::Portal(ELEMENTS[rng.random_range(0..ELEMENTS.len())]));
            let mut gap = 1;
            while !rng.random_bool(chance) && gap < 60 {
                gap += 1;
            }
            day += gap;
        }
    }

    fn sell(&mut self, rng: &mut StdRng, from: u32, to: u32) -> anyhow::Result<()> {
        let o = self.organization;
        let per_month: Poisson<f64> = Poisson::new(o.deals_per_month)?;
        let spread: LogNormal<f64> = LogNormal::new(0.0, 0.7)?;
        let mut number = 0;
        let mut month = from;
        while month < to.min(self.span) {
            // The first month has at least one deal, which activates the partner.
            let wanted = (per_month.sample(rng) as u32).max(u32::from(month == from)).min(12);
            for _ in 0..wanted {
                let day = if number == 0 { from } else { month + rng.random_range(0..30) };
                let line = rng.random_range(0..PRODUCT_LINES.len());
                let whole = (PRODUCT_LINES[line].2 * o.deal_scale * spread.sample(rng)).clamp(400.0, 900_000.0);
                let shared = rng.random_bool(0.06);
                let deal = DealPlan {
                    id: format!("{}-d{number:03}", o.id),
                    line,
                    vertical: if rng.random_bool(0.7) { o.vertical } else { rng.random_range(0..VERTICALS.len()) },
                    customer: if shared { rng.random_range(0..150) } else { (self.index as u32) * 1000 + 10_000 + number },
                    shared,
                    amount: (whole / 10.0).round() as i64 * 1000,
                    close_day: day + rng.random_range(20..110),
                };
                self.plan_deal(rng, day, deal);
                number += 1;
            }
            month += 30;
        }
        Ok(())
    }

    /// Schedules the course of a deal, from its submission on.
    fn plan_deal(&mut self, rng: &mut StdRng, day: u32, deal: DealPlan) {
        let (id, close_day) = (deal.id.clone(), deal.close_day);
        self.at(day, Action::DealSubmit(deal));
        if rng.random_bool(0.02) {
            return self.at(day, Action::DealWithdraw(id));
        }
        let decided = day + rng.random_range(1..5);
        if rng.random_bool(0.03) {
            return self.at(decided, Action::DealReject(id));
        }
        self.at(decided, Action::DealApprove(id.clone()));
        let length = close_day.saturating_sub(decided).max(6);
        for step in 1..=3 {
            self.at(decided + length * step / 4, Action::DealAdvance(id.clone(), step as usize));
        }
        let close = decided + length;
        if rng.random_bool(self.organization.win_rate) {
            self.at(close, Action::DealWin(id));
        } else {
            self.at(close, Action::DealLose(id));
        }
    }

    fn market(&mut self, rng: &mut StdRng, from: u32, to: u32) {
        let mut day = from + rng.random_range(0..40);
        let mut number = 0;
        while day < to.min(self.span) {
            let id = format!("{}-c{number:02}", self.organization.id);
            let line = rng.random_range(0..PRODUCT_LINES.len());
            self.at(day, Action::CampaignSubmit(id.clone(), line));
            let with_mdf = rng.random_bool(0.6);
            let amount = i64::from(rng.random_range(8..60_u32)) * 25_000;
            if with_mdf {
                self.at(day, Action::MdfRequest(id.clone(), amount));
                self.at(day + 3, Action::MdfApprove(id.clone()));
            }
            self.at(day + 5, Action::CampaignDeploy(id.clone()));
            let audience = i64::from(rng.random_range(200..5000_u32));
            self.at(day + 35, Action::CampaignResults(id.clone(), audience, audience / 20, audience / 150));
            if with_mdf && rng.random_bool(0.8) {
                self.at(day + 45, Action::MdfClaim(id, amount * i64::from(rng.random_range(70..=100_u32)) / 100));
            }
            number += 1;
            day += rng.random_range(45..110);
        }
    }

    /// Schedules promotions: partners that sell more reach higher tiers over time.
    fn promote(&mut self, from: u32, to: u32) {
        let pace = self.organization.deals_per_month * self.organization.deal_scale * self.organization.win_rate;
        let reached = if pace > 3.0 {
            3
        } else if pace > 1.0 {
            2
        } else {
            usize::from(pace > 0.3)
        };
        for tier in 1..=reached {
            let day = from + 60 * tier as u32;
            if day < to {
                self.at(day, Action::Tier(tier));
            }
        }
    }
}

/// Returns the currency of a partner's deals.
#[must_use]
pub fn currency(organization: &Organization) -> &'static str {
    TERRITORIES[organization.territory].2
}

#[cfg(test)]
mod tests {
    use super::{super::network, *};

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        let network = network::generate(3, 60, 400).unwrap();
        let text = |seed| format!("{:?}", generate(seed, &network, 400).unwrap());
        assert_eq!(text(3), text(3));
        assert_ne!(text(3), text(4));
    }

    #[test]
    fn no_partner_acts_commercially_before_enrollment() {
        let network = network::generate(5, 80, 400).unwrap();
        for (day, entries) in generate(5, &network, 400).unwrap().iter().enumerate() {
            for (index, action) in entries {
                let recruitment = matches!(action, Action::Identify | Action::Qualify | Action::Lose);
                let enrolled = network[*index].enroll_day;
                assert!(recruitment || enrolled.is_some_and(|d| d as usize <= day), "{action:?} on day {day}");
            }
        }
    }
}
