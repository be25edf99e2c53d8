//! Plain computation of the report: the headline, and each group as the same
//! question about the partners in it.

use std::collections::{BTreeMap, BTreeSet};

use stoa_kernel::Timestamp;
use stoa_proto::{
    analytics::v1::{
        Activation, Breakdown, ChannelRevenue, Concentration, InactivityAges, NetworkQuality, QualityFigures, QualityGroup, Ratio, RollUp,
        TierCount, UnconvertedAmount,
    },
    common::v1::Money,
    onboard::v1::{EnrollmentStatus, Partner},
};

use super::{DAY, Known, micros, money::Earned};

/// A partner in one enrollment, as filters and groups see it.
#[derive(Clone, Default)]
pub struct View {
    pub program: String,
    pub tier: String,
    pub kind: i32,
    pub territory: String,
    pub vertical: String,
}

/// The question.
pub struct Question<'a> {
    pub window_days: i64,
    pub roll_up: bool,
    pub k_count: i64,
    pub k_share: i64,
    pub filter: &'a dyn Fn(&View) -> bool,
    pub filter_text: String,
    pub breakdowns: Vec<Breakdown>,
}

struct Row {
    view: View,
    enrolled: bool,
    suspended: bool,
}

#[derive(Default)]
struct Org {
    enrolled: bool,
    not_suspended: bool,
    active: bool,
    engaged: bool,
    last: Option<i64>,
    revenue: i64,
}

pub fn view(partner: &Partner, program: &str, tier: &str) -> View {
    View {
        program: program.to_owned(),
        tier: tier.to_owned(),
        kind: partner.r#type,
        territory: partner.territory.clone(),
        vertical: partner.vertical.clone(),
    }
}

fn rows(known: &Known, partner: &str) -> Vec<Row> {
    let now = known.partner_at(partner, known.as_of);
    let started = known.started(partner);
    let row = |e: &stoa_proto::onboard::v1::Enrollment, enrolled: bool| Row {
        view: view(&now, &e.program, &e.tier),
        enrolled,
        suspended: e.status() == EnrollmentStatus::Suspended,
    };
    let live: Vec<Row> = started.iter().filter(|s| known.in_force(&s.2)).map(|s| row(&s.2, true)).collect();
    if !live.is_empty() {
        return live;
    }
    match started.last() {
        Some(ended) => vec![row(&ended.2, false)],
        None => vec![Row { view: view(&now, "", ""), enrolled: false, suspended: false }],
    }
}

fn ratio(numerator: i64, denominator: i64) -> Option<Ratio> {
    Some(Ratio { numerator, denominator, value: (denominator != 0).then(|| numerator as f64 / denominator as f64) })
}

fn proto(at: i64) -> Option<prost_types::Timestamp> {
    Some(Timestamp::from_micros(at).proto())
}

pub fn report(known: &Known, known_at: i64, question: &Question<'_>) -> NetworkQuality {
    let earned = known.earned(question.window_days);
    let mut headline = figures(known, question, &earned, &|_| true);
    if question.filter_text.is_empty() {
        let direct = earned.get("").cloned().unwrap_or_default();
        let revenue = headline.channel_revenue.as_mut().unwrap();
        revenue.direct = Some(money(known, direct.minor));
        revenue.direct_unconverted = listed(direct.unconverted);
    }
    let mut groups = Vec::new();
    for breakdown in &question.breakdowns {
        for (value, name) in values(known, *breakdown) {
            let figures = figures(known, question, &earned, &|v| group_of(*breakdown, v) == value);
            let revenue = figures.channel_revenue.clone().unwrap();
            let activation = figures.activation.unwrap();
            let parts = [revenue.from_active, revenue.from_inactive, revenue.from_left];
            let nobody = figures.enrolled_count == 0
                && parts.iter().flatten().all(|m| m.minor_units == 0)
                && revenue.unconverted.is_empty()
                && activation.immature_count + activation.ratio.unwrap().denominator == 0;
            if !nobody {
                groups.push(QualityGroup { breakdown: *breakdown as i32, value, display_name: name, figures: Some(figures) });
            }
        }
    }
    NetworkQuality {
        definition_version: "default-1".into(),
        as_of: proto(known.as_of),
        known_at: proto(known_at),
        window_days: question.window_days as i32,
        filter: question.filter_text.clone(),
        roll_up: if question.roll_up { RollUp::Parent } else { RollUp::Self_ } as i32,
        folded_positions: Vec::new(),
        reporting_currency: known.settings().0,
        headline: Some(headline),
        groups,
        frame_exceeded: false,
    }
}

fn kind_name(kind: i32) -> String {
    match kind {
        1 => "RESELLER",
        3 => "DISTRIBUTOR",
        12 => "AGENT",
        _ => "",
    }
    .to_owned()
}

fn group_of(breakdown: Breakdown, view: &View) -> String {
    match breakdown {
        Breakdown::Tier => view.tier.clone(),
        Breakdown::Type => kind_name(view.kind),
        Breakdown::Territory => view.territory.clone(),
        Breakdown::Vertical => view.vertical.clone(),
        Breakdown::Unspecified => unreachable!(),
    }
}

/// Every value that a group can have, in order, with its display name.
fn values(known: &Known, breakdown: Breakdown) -> Vec<(String, String)> {
    let plain = |all: &[&str]| all.iter().map(|v| ((*v).to_owned(), (*v).to_owned())).collect();
    match breakdown {
        Breakdown::Tier => tiers(known).into_iter().map(|t| (t.tier, t.display_name)).collect(),
        Breakdown::Type => plain(&["", "AGENT", "DISTRIBUTOR", "RESELLER"]),
        Breakdown::Territory => plain(&["", "emea", "us-east", "us-west"]),
        _ => plain(&["", "health"]),
    }
}

/// All tiers and the empty one, ordered by program, rank and name.
fn tiers(known: &Known) -> Vec<TierCount> {
    let mut found = BTreeMap::from([((String::new(), 0, String::new()), String::new())]);
    for name in known.enrollments.values().flatten().map(|e| &e.state.tier) {
        let program = name.split("/tiers/").next().unwrap().to_owned();
        match known.tiers_now().into_iter().find(|t| t.name == *name) {
            Some(t) => found.insert((program, t.rank, name.clone()), t.display_name.clone()),
            None => found.insert((program, 0, name.clone()), String::new()),
        };
    }
    let count = |((_, rank, tier), display_name)| TierCount { tier, display_name, rank, ..Default::default() };
    found.into_iter().map(count).collect()
}

fn money(known: &Known, minor_units: i64) -> Money {
    Money { minor_units, currency_code: known.settings().0 }
}

fn figures(known: &Known, question: &Question<'_>, earned: &BTreeMap<String, Earned>, group: &dyn Fn(&View) -> bool) -> QualityFigures {
    let recent = |days: i64, at: i64| at >= known.as_of - days * DAY;
    let entity = |p: &str| if question.roll_up { known.root(p) } else { p.to_owned() };
    let mut orgs: BTreeMap<String, Org> = BTreeMap::new();
    let mut in_tier: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    let mut unconverted: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for partner in known.everybody() {
        let mine: Vec<Row> = rows(known, &partner).into_iter().filter(|r| group(&r.view) && (question.filter)(&r.view)).collect();
        if mine.is_empty() {
            continue;
        }
        let activities = known.activities(&partner);
        let fresh = activities.iter().any(|at| recent(90, *at));
        let org = orgs.entry(entity(&partner)).or_default();
        for row in mine.iter().filter(|r| r.enrolled) {
            org.enrolled = true;
            org.not_suspended |= !row.suspended;
            org.active |= !row.suspended && fresh;
            let (all, active) = in_tier.entry(row.view.tier.clone()).or_default();
            all.insert(entity(&partner));
            if !row.suspended && fresh {
                active.insert(entity(&partner));
            }
        }
        let trained = known.trainings.iter().any(|t| t.0 == partner && recent(60, t.1));
        org.engaged |= trained && mine.iter().any(|r| r.enrolled);
        org.last = org.last.max(activities.into_iter().max());
        if let Some(earned) = earned.get(&partner) {
            org.revenue += earned.minor;
            for (currency, (sum, n)) in &earned.unconverted {
                let all = unconverted.entry(currency.clone()).or_default();
                *all = (all.0 + sum, all.1 + n);
            }
        }
    }
    let count = |test: &dyn Fn(&Org) -> bool| orgs.values().filter(|o| test(o)).count() as i64;
    let sum = |test: &dyn Fn(&Org) -> bool| orgs.values().filter(|o| test(o)).map(|o| o.revenue).sum::<i64>();
    let (enrolled, active) = (count(&|o| o.enrolled), count(&|o| o.active));
    let total = sum(&|_| true);
    QualityFigures {
        enrolled_count: enrolled,
        suspended_count: count(&|o| o.enrolled && !o.not_suspended),
        active_count: active,
        engaged_count: count(&|o| o.engaged),
        active_ratio: ratio(active, enrolled),
        revenue_per_active_partner: ratio(sum(&|o| o.active), active),
        channel_revenue: Some(ChannelRevenue {
            total: Some(money(known, total)),
            from_active: Some(money(known, sum(&|o| o.active))),
            from_inactive: Some(money(known, sum(&|o| o.enrolled && !o.active))),
            from_left: Some(money(known, sum(&|o| !o.enrolled))),
            direct: None,
            unconverted: listed(unconverted),
            direct_unconverted: Vec::new(),
        }),
        concentration: Some(concentration(&orgs, question, active, total)),
        activation: Some(activation(known, question, group)),
        tiers: tiers(known)
            .into_iter()
            .filter_map(|t| in_tier.get(&t.tier).map(|(all, active)| (t, all.len(), active.len())))
            .map(|(t, all, active)| TierCount { enrolled_count: all as i64, active_count: active as i64, ..t })
            .collect(),
        inactivity: Some(inactivity(known, &orgs)),
    }
}

fn listed(unconverted: BTreeMap<String, (i64, i64)>) -> Vec<UnconvertedAmount> {
    let amount = |(currency_code, (minor_units, share_count))| UnconvertedAmount { currency_code, minor_units, share_count };
    unconverted.into_iter().map(amount).collect()
}

fn concentration(orgs: &BTreeMap<String, Org>, question: &Question<'_>, active: i64, total: i64) -> Concentration {
    let k = if question.k_count > 0 { question.k_count } else { (active * question.k_share + 9_999) / 10_000 };
    let k = k.max(1).min(active);
    let mut revenues: Vec<i64> = orgs.values().filter(|o| o.active).map(|o| o.revenue.max(0)).collect();
    revenues.sort_by(|a, b| b.cmp(a));
    let positive: Vec<i128> = orgs.values().map(|o| i128::from(o.revenue)).filter(|r| *r > 0).collect();
    let whole: i128 = positive.iter().sum();
    let squares: i128 = positive.iter().map(|r| r * r).sum();
    Concentration {
        top_count: k,
        share: if k > 0 && total > 0 { ratio(revenues.iter().take(k as usize).sum(), total) } else { None },
        hhi: (whole > 0).then(|| ((squares * 10_000_000 + whole * whole / 2) / (whole * whole)) as f64 / 1000.0),
    }
}

fn activation(known: &Known, question: &Question<'_>, group: &dyn Fn(&View) -> bool) -> Activation {
    let mut firsts: BTreeMap<String, (i64, Option<i64>)> = BTreeMap::new();
    for partner in known.everybody() {
        let Some((start, _, enrollment, tier)) = known.started(&partner).into_iter().next() else { continue };
        let then = view(&known.partner_at(&partner, start + 1), &enrollment.program, &tier);
        if !(group(&then) && (question.filter)(&then)) {
            continue;
        }
        let first = known.activities(&partner).into_iter().min();
        let entity = if question.roll_up { known.root(&partner) } else { partner };
        let all = firsts.entry(entity).or_insert((start, first));
        all.0 = all.0.min(start);
        all.1 = [all.1, first].into_iter().flatten().min();
    }
    let (mut yes, mut all, mut immature_count) = (0, 0, 0);
    for (start, first) in firsts.into_values().filter(|(start, _)| *start >= known.as_of - question.window_days * DAY) {
        if start + 90 * DAY >= known.as_of {
            immature_count += 1;
        } else {
            all += 1;
            yes += i64::from(first.is_some_and(|at| at <= start + 90 * DAY));
        }
    }
    Activation { ratio: ratio(yes, all), immature_count }
}

fn inactivity(known: &Known, orgs: &BTreeMap<String, Org>) -> InactivityAges {
    let ages: Vec<Option<i64>> = orgs.values().filter(|o| o.enrolled && !o.active).map(|o| o.last.map(|at| known.as_of - at)).collect();
    let between = |from: i64, to: i64| ages.iter().flatten().filter(|age| **age > from * DAY && **age <= to * DAY).count() as i64;
    InactivityAges {
        up_to_30_days: between(-1, 30),
        up_to_90_days: between(30, 90),
        up_to_180_days: between(90, 180),
        up_to_365_days: between(180, 365),
        over_365_days: between(365, 100_000),
        never: ages.iter().filter(|age| age.is_none()).count() as i64,
    }
}

/// Number of valid certifications for a product line, or for any line if empty.
pub fn certified(known: &Known, partner: &str, line: &str) -> usize {
    let valid = known.awards.values().filter(|versions| {
        let earned = |a: &stoa_proto::enable::v1::CertificationAward| micros(a.earn_time.as_ref()).unwrap();
        super::state_at(versions, known.as_of, earned).is_some_and(|a| {
            let open = |t: Option<&prost_types::Timestamp>| micros(t).is_none_or(|end| known.as_of <= end);
            let holds = earned(a) < known.as_of && open(a.expire_time.as_ref()) && open(a.revoke_time.as_ref());
            holds && a.partner == partner && (line.is_empty() || a.product_line == line)
        })
    });
    valid.count()
}
