//! From all rows of an aggregate to its facts. Pure: the rows decide, not the
//! order in which they were folded.
//!
//! *Overlaid* nouns (partner, tier, settings, enrollment, certification): at a
//! cut the highest version holds that happened before `as_of` and was recorded
//! before `known_at`. The first version of partner, tier and settings also
//! stands for the time before it, so that history that was taken later finds
//! them. *Dated* nouns (training, portal day, campaign, onboarding, rate, deal)
//! carry their instants in the state: the highest version known says them.

use super::{
    Activity, ActivityKind, Attributes, Certification, Enrollment, Fact, OPEN, PortalDay, Posting, Rate, Settings, Tier, derive_deal,
    intern::{Lists, Texts},
    overlay::{Knowledge, Overlay, span},
};
use crate::fold::{Body, Row, row};

/// Texts and lists that facts refer to.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) partners: Texts,
    pub(crate) texts: Texts,
    pub(crate) lists: Lists,
}

impl Names {
    pub(crate) fn bytes(&self) -> usize {
        self.partners.bytes() + self.texts.bytes() + self.lists.bytes()
    }
}

/// Facts by kind, each with the row of its column.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) attributes: Vec<(u32, Fact<Attributes>)>,
    pub(crate) enrollments: Vec<(u32, Fact<Enrollment>)>,
    pub(crate) activities: Vec<(u32, Fact<Activity>)>,
    pub(crate) trainings: Vec<(u32, Fact<i64>)>,
    pub(crate) portal_days: Vec<(u32, Fact<PortalDay>)>,
    pub(crate) certifications: Vec<(u32, Fact<Certification>)>,
    pub(crate) onboardings: Vec<(u32, Fact<i64>)>,
    pub(crate) postings: Vec<(u32, Fact<Posting>)>,
    pub(crate) tiers: Vec<(u32, Fact<Tier>)>,
    pub(crate) settings: Vec<(u32, Fact<Settings>)>,
    pub(crate) rates: Vec<(u32, Fact<Rate>)>,
}

impl Facts {
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.attributes.as_slice())
            + size_of_val(self.enrollments.as_slice())
            + size_of_val(self.activities.as_slice())
            + size_of_val(self.trainings.as_slice())
            + size_of_val(self.portal_days.as_slice())
            + size_of_val(self.certifications.as_slice())
            + size_of_val(self.onboardings.as_slice())
            + size_of_val(self.postings.as_slice())
            + size_of_val(self.tiers.as_slice())
            + size_of_val(self.settings.as_slice())
            + size_of_val(self.rates.as_slice())
    }
}

/// Adds the facts of one aggregate, whose rows come in the order of versions.
pub(crate) fn derive(rows: &[&Row], names: &mut Names, out: &mut Facts) {
    let Some(first) = rows.first() else { return };
    match &first.body {
        Body::Settings(_) => out.settings.extend(overlaid(rows, |row| settings(row, names))),
        Body::Tier(_) => out.tiers.extend(overlaid(rows, |row| tier(row, names))),
        Body::Partner(_) => out.attributes.extend(overlaid(rows, |row| attributes(row, names))),
        Body::Enrollment(start) => {
            let first_tier = names.texts.intern(&start.tier);
            let facts = overlaid(rows, |row| enrollment(row, first_tier, names));
            out.enrollments.extend(facts);
        }
        Body::Certification(_) => out.certifications.extend(overlaid(rows, |row| certification(row, names))),
        Body::Onboarding(_) => out.onboardings.extend(dated(rows, |body| onboarding(body, names))),
        Body::Training(_) => out.trainings.extend(dated(rows, |body| training(body, names))),
        Body::Portal(_) => out.portal_days.extend(dated(rows, |body| portal(body, names))),
        Body::Campaign(_) => out.activities.extend(dated(rows, |body| campaign(body, names))),
        Body::Rate(_) => out.rates.extend(dated(rows, |body| rate(body, names))),
        Body::Deal(_) => derive_deal::derive(rows, names, out),
    }
}

/// What a version says: where it stands, what, and since when if it is the first.
struct Said<T> {
    row: u32,
    value: T,
    first_from: i64,
}

fn overlaid<T: Copy + PartialEq>(rows: &[&Row], mut say: impl FnMut(&Row) -> Option<Said<T>>) -> Vec<(u32, Fact<T>)> {
    let mut overlay = Overlay::new();
    let mut knowledge = Knowledge::new();
    let mut first = true;
    for row in rows {
        let Some(said) = say(row) else { continue };
        let from = if first { said.first_from.min(row.occurred) } else { row.occurred };
        first = false;
        overlay.push(from, (said.row, said.value));
        knowledge.now(row.recorded, overlay.spans().collect());
    }
    let fact = |((from, to, (row, value)), known_from, known_to)| (row, Fact { value, span: span((from, to), (known_from, known_to)) });
    knowledge.facts().map(fact).collect()
}

/// The row and the instant that a version carries, and the value; nothing where
/// it is not dated yet.
type Dated<T> = Option<(u32, i64, T)>;

fn dated<T: Copy + PartialEq>(rows: &[&Row], mut say: impl FnMut(&Body) -> Dated<T>) -> Vec<(u32, Fact<T>)> {
    let mut knowledge = Knowledge::new();
    for row in rows {
        knowledge.now(row.recorded, say(&row.body).into_iter().collect());
    }
    let fact = |((row, from, value), known_from, known_to)| (row, Fact { value, span: span((from, OPEN), (known_from, known_to)) });
    knowledge.facts().map(fact).collect()
}

fn settings(row: &Row, names: &mut Names) -> Option<Said<Settings>> {
    let Body::Settings(s) = &row.body else { return None };
    let value = Settings { currency: names.texts.intern(&s.currency), zone: names.texts.intern(&s.zone) };
    Some(Said { row: 0, value, first_from: i64::MIN })
}

fn tier(row: &Row, names: &mut Names) -> Option<Said<Tier>> {
    let Body::Tier(t) = &row.body else { return None };
    let value = Tier {
        tier: names.texts.intern(&row.aggregate),
        program: names.texts.intern(&t.program),
        display_name: names.texts.intern(&t.display_name),
        rank: t.rank,
        threshold: t.threshold,
        currency: names.texts.intern(&t.currency),
    };
    Some(Said { row: 0, value, first_from: i64::MIN })
}

fn attributes(row: &Row, names: &mut Names) -> Option<Said<Attributes>> {
    let Body::Partner(p) = &row.body else { return None };
    let visible_to: Vec<i64> = p.visible_to.iter().map(|id| i64::from(names.partners.intern(id))).collect();
    let value = Attributes {
        kind: p.kind,
        territory: names.texts.intern(&p.territory),
        vertical: names.texts.intern(&p.vertical),
        parent: names.partners.intern(&p.parent),
        display_name: names.texts.intern(&p.display_name),
        visible_to: names.lists.intern(&visible_to),
    };
    Some(Said { row: names.partners.intern(stoa_kernel::names::last(&row.aggregate)), value, first_from: i64::MIN })
}

fn enrollment(row: &Row, first_tier: u32, names: &mut Names) -> Option<Said<Enrollment>> {
    let Body::Enrollment(e) = &row.body else { return None };
    let lines: Vec<i64> = e.product_lines.iter().map(|l| i64::from(names.texts.intern(l))).collect();
    let value = Enrollment {
        effective: e.effective,
        end: e.end.unwrap_or(OPEN),
        enrollment: names.texts.intern(&row.aggregate),
        program: names.texts.intern(&e.program),
        tier: names.texts.intern(&e.tier),
        first_tier,
        status: e.status,
        lines: names.lists.intern(&lines),
    };
    Some(Said { row: names.partners.intern(&e.partner), value, first_from: e.effective })
}

fn certification(row: &Row, names: &mut Names) -> Option<Said<Certification>> {
    let Body::Certification(c) = &row.body else { return None };
    let end = c.expire.unwrap_or(OPEN).min(c.revoke.unwrap_or(OPEN));
    let value = Certification { earn: c.earn, end, line: names.texts.intern(&c.product_line) };
    Some(Said { row: names.partners.intern(&c.partner), value, first_from: c.earn })
}

fn onboarding(body: &Body, names: &mut Names) -> Dated<i64> {
    let Body::Onboarding(o) = body else { return None };
    o.complete.map(|at| (names.partners.intern(&o.partner), at, at))
}

fn training(body: &Body, names: &mut Names) -> Dated<i64> {
    let Body::Training(t) = body else { return None };
    Some((names.partners.intern(&t.partner), t.complete, t.complete))
}

fn portal(body: &Body, names: &mut Names) -> Dated<PortalDay> {
    let Body::Portal(p) = body else { return None };
    let value = PortalDay { at: p.first, element: names.texts.intern(&p.element) };
    Some((names.partners.intern(&p.partner), p.first, value))
}

fn campaign(body: &Body, names: &mut Names) -> Dated<Activity> {
    let Body::Campaign(row::Campaign { partner, co_branded: true, deploy: Some(at) }) = body else { return None };
    Some((names.partners.intern(partner), *at, Activity { at: *at, kind: ActivityKind::Campaign }))
}

/// A rate is found by its date, not by when it was set.
fn rate(body: &Body, names: &mut Names) -> Dated<Rate> {
    let Body::Rate(r) = body else { return None };
    let value =
        Rate { base: names.texts.intern(&r.base), quote: names.texts.intern(&r.quote), date: names.texts.intern(&r.date), nanos: r.nanos };
    Some((0, i64::MIN, value))
}
