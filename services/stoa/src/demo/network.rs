//! A plausible partner network, generated from a seed. Pure: the same seed gives the
//! same network.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use rand_distr::{Distribution, Exp, LogNormal, Pareto};
use stoa_proto::onboard::v1::PartnerType;

/// Territories with their country and the currency of their customers.
pub const TERRITORIES: [(&str, &str, &str); 6] = [
    ("us-east", "US", "USD"),
    ("us-west", "US", "USD"),
    ("uk-ireland", "GB", "GBP"),
    ("dach", "DE", "EUR"),
    ("nordics", "SE", "EUR"),
    ("apac", "SG", "USD"),
];
/// Verticals.
pub const VERTICALS: [&str; 5] = ["healthcare", "manufacturing", "financial-services", "retail", "public-sector"];
/// Product lines with the size of a typical deal in whole currency units.
pub const PRODUCT_LINES: [(&str, &str, f64); 3] =
    [("endpoint", "Endpoint Protection", 9_000.0), ("cloud", "Cloud Platform", 22_000.0), ("network", "Secure Network", 14_000.0)];
/// Tiers with rank and revenue threshold in whole currency units.
pub const TIERS: [(&str, &str, i32, i64); 4] = [
    ("registered", "Registered", 1, 0),
    ("silver", "Silver", 2, 50_000),
    ("gold", "Gold", 3, 200_000),
    ("platinum", "Platinum", 4, 600_000),
];

const TYPES: [(PartnerType, f64); 9] = [
    (PartnerType::Reseller, 0.30),
    (PartnerType::Var, 0.16),
    (PartnerType::Msp, 0.15),
    (PartnerType::Si, 0.09),
    (PartnerType::Isv, 0.07),
    (PartnerType::Referral, 0.08),
    (PartnerType::Consultant, 0.07),
    (PartnerType::Dealer, 0.05),
    (PartnerType::Distributor, 0.03),
];

const FIRST: [&str; 24] = [
    "Alder", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Iris", "Juniper", "Kestrel", "Lumen", "Meridian", "Nova",
    "Orchid", "Pioneer", "Quarry", "Ridge", "Summit", "Tidal", "Umbra", "Vertex", "Willow", "Zephyr",
];
const SECOND: [&str; 16] = [
    "Systems",
    "Networks",
    "Technologies",
    "Solutions",
    "Digital",
    "Consulting",
    "Data",
    "Cloud",
    "Partners",
    "Security",
    "Works",
    "Integration",
    "Services",
    "Labs",
    "Software",
    "Group",
];

/// One organization and what it will do.
#[derive(Debug, Clone)]
pub struct Organization {
    /// ID, the same for the prospect and the partner.
    pub id: String,
    /// Name.
    pub name: String,
    /// Kind of organization.
    pub kind: PartnerType,
    /// Index into [`TERRITORIES`].
    pub territory: usize,
    /// Index into [`VERTICALS`].
    pub vertical: usize,
    /// Parent distributor.
    pub parent: Option<String>,
    /// Day on which it is enrolled; `None` if recruitment fails.
    pub enroll_day: Option<u32>,
    /// Day on which it is identified as a prospect.
    pub identify_day: u32,
    /// Days from enrollment to the first commercial activity; `None` if it never
    /// becomes active.
    pub activation_days: Option<u32>,
    /// Days from the first activity until it falls silent.
    pub active_days: u32,
    /// Whether it terminates when it falls silent.
    pub terminates: bool,
    /// Deals registered per 30 days while active.
    pub deals_per_month: f64,
    /// Factor on the size of its deals.
    pub deal_scale: f64,
    /// Share of its deals that are won.
    pub win_rate: f64,
    /// Portal days per 30 days while engaged.
    pub portal_per_month: f64,
    /// Whether it runs marketing campaigns.
    pub markets: bool,
}

fn pick<T: Copy>(rng: &mut StdRng, weighted: &[(T, f64)]) -> Option<T> {
    let mut at = rng.random::<f64>() * weighted.iter().map(|(_, w)| w).sum::<f64>();
    for (value, weight) in weighted {
        if at < *weight {
            return Some(*value);
        }
        at -= weight;
    }
    weighted.last().map(|(value, _)| *value)
}

/// Draws a number of days, rounded down, from 0 to `max`.
fn days<D: Distribution<f64>>(rng: &mut StdRng, from: &D, max: f64) -> u32 {
    // The clamp keeps the value within the range of `u32`.
    from.sample(rng).clamp(0.0, max) as u32
}

/// Generates `partners` organizations that are enrolled within `span` days, and the
/// prospects that are lost.
///
/// # Errors
/// Never for the parameters below, which the distributions check.
pub fn generate(seed: u64, partners: usize, span: u32) -> anyhow::Result<Vec<Organization>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let activation = Exp::new(1.0 / 38.0)?;
    let life = Exp::new(1.0 / 420.0)?;
    let size: LogNormal<f64> = LogNormal::new(0.0, 0.9)?;
    let volume: Pareto<f64> = Pareto::new(0.45, 1.7)?;
    let mut made: Vec<Organization> = Vec::with_capacity(partners * 5 / 4);
    let mut distributors: Vec<(usize, String)> = Vec::new();
    let lost = partners / 5;
    for i in 0..partners + lost {
        // Distributors come first, so that others can be below them.
        let kind = if i < partners / 40 { Some(PartnerType::Distributor) } else { pick(&mut rng, &TYPES[..8]) };
        let kind = kind.unwrap_or(PartnerType::Reseller);
        let territory = rng.random_range(0..TERRITORIES.len());
        let is_lost = i >= partners;
        // Two fifths of the network join at the start, the rest evenly over time.
        let enroll_day = if kind == PartnerType::Distributor || rng.random_bool(0.4) {
            rng.random_range(20..40)
        } else {
            rng.random_range(40..span.max(60) - 5)
        };
        let fit: f64 = rng.random();
        let chance = match kind {
            PartnerType::Distributor => 0.7,
            PartnerType::Referral | PartnerType::Consultant => 0.35,
            _ => 0.3 + 0.4 * fit,
        };
        let id = format!("p{i:05}");
        let parent = distributors.iter().filter(|(t, _)| *t == territory).map(|(_, id)| id.clone()).collect::<Vec<_>>();
        let below = matches!(kind, PartnerType::Dealer | PartnerType::Reseller) && rng.random_bool(0.4);
        let organization = Organization {
            name: format!("{} {} {i}", FIRST.choose(&mut rng).unwrap_or(&"Stoa"), SECOND.choose(&mut rng).unwrap_or(&"Group")),
            kind,
            territory,
            vertical: rng.random_range(0..VERTICALS.len()),
            parent: parent.choose(&mut rng).filter(|_| below && enroll_day > 40).cloned(),
            enroll_day: (!is_lost).then_some(enroll_day),
            identify_day: enroll_day.saturating_sub(rng.random_range(12..20)),
            activation_days: rng.random_bool(chance).then(|| 2 + days(&mut rng, &activation, 400.0)),
            active_days: 40 + days(&mut rng, &life, 2000.0),
            terminates: rng.random_bool(0.3),
            deals_per_month: volume.sample(&mut rng).min(9.0),
            deal_scale: size.sample(&mut rng).min(12.0),
            win_rate: 0.22 + 0.3 * fit,
            portal_per_month: 0.4 + 3.0 * rng.random::<f64>() * fit,
            markets: rng.random_bool(0.3),
            id: id.clone(),
        };
        if kind == PartnerType::Distributor && !is_lost {
            distributors.push((territory, id));
        }
        made.push(organization);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let text = |seed| format!("{:?}", generate(seed, 100, 500).unwrap());
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn all_requested_partners_are_enrolled_within_the_span() {
        let network = generate(7, 200, 300).unwrap();
        let enrolled: Vec<u32> = network.iter().filter_map(|o| o.enroll_day).collect();
        assert_eq!(enrolled.len(), 200);
        assert!(enrolled.iter().all(|d| *d < 300));
        for organization in network.iter().filter(|o| o.parent.is_some()) {
            let parent = network.iter().find(|o| Some(&o.id) == organization.parent.as_ref()).unwrap();
            assert!(parent.enroll_day < organization.enroll_day, "a parent is enrolled before its children");
        }
    }
}
