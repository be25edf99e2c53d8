//! The network quality report: the figures of the headline and of every group.

mod api;
mod partners;

use stoa_proto::{
    analytics::v1::{Breakdown, NetworkQuality, QualityFigures, QualityGroup, RollUp},
    onboard::v1::PartnerType,
};

use crate::{
    definition::Definition,
    frame::keeper::Ready,
    metrics::{
        Question,
        figures::{Scene, figures, unconverted},
        population::populations,
        standing::Standings,
    },
    request::instant,
};

/// Computes the report. `text` is the filter of the request.
pub(crate) fn quality(ready: &Ready, question: &Question, breakdowns: &[Breakdown], text: &str, definition: &Definition) -> NetworkQuality {
    let frame = &ready.frame;
    let standings = Standings::at(frame, question.cut, question.window_days, definition);
    let populations = populations(&standings, question, breakdowns);
    let scene = Scene::new(frame, question, definition, &standings.currency);
    let mut headline = figures(&scene, &populations.headline);
    if question.filter.is_all()
        && let Some(revenue) = &mut headline.channel_revenue
    {
        revenue.direct = Some(scene.money(standings.direct.minor));
        revenue.direct_unconverted = unconverted(frame, &standings.direct.unconverted);
    }
    let mut groups: Vec<(u32, QualityGroup)> = Vec::new();
    for of_breakdown in &populations.groups {
        for (value, population) in &of_breakdown.by_value {
            let figures = figures(&scene, population);
            if !is_empty(&figures) {
                groups.push((*value, group(&scene, of_breakdown.breakdown, *value, figures)));
            }
        }
    }
    sort(&scene, breakdowns, &mut groups);
    NetworkQuality {
        definition_version: definition.version.to_owned(),
        as_of: instant(question.cut.as_of),
        known_at: instant(question.cut.known_at),
        window_days: i32::try_from(question.window_days).unwrap_or(i32::MAX),
        filter: text.to_owned(),
        roll_up: if question.roll_up { RollUp::Parent } else { RollUp::Self_ } as i32,
        folded_positions: ready.positions.clone(),
        reporting_currency: standings.currency.clone(),
        headline: Some(headline),
        groups: groups.into_iter().map(|(_, group)| group).collect(),
        frame_exceeded: ready.exceeded(),
    }
}

/// Whether no partner is behind any of the figures.
fn is_empty(figures: &QualityFigures) -> bool {
    let revenue = figures.channel_revenue.clone().unwrap_or_default();
    let parts = [revenue.from_active, revenue.from_inactive, revenue.from_left];
    let activation = figures.activation.unwrap_or_default();
    figures.enrolled_count == 0
        && parts.iter().flatten().all(|money| money.minor_units == 0)
        && revenue.unconverted.is_empty()
        && activation.immature_count == 0
        && activation.ratio.is_none_or(|r| r.denominator == 0)
}

fn group(scene: &Scene<'_>, breakdown: Breakdown, value: u32, figures: QualityFigures) -> QualityGroup {
    let text = scene.frame.texts.get(value);
    let (value, display_name) = match breakdown {
        Breakdown::Tier => (text.to_owned(), scene.tier_name(value).to_owned()),
        Breakdown::Type => {
            let name = type_name(value);
            (name.clone(), name)
        }
        _ => (text.to_owned(), text.to_owned()),
    };
    QualityGroup { breakdown: breakdown as i32, value, display_name, figures: Some(figures) }
}

/// Name of a partner type, for example `AGENT`. Empty if the type is unknown.
fn type_name(number: u32) -> String {
    let known = i32::try_from(number).ok().and_then(|n| PartnerType::try_from(n).ok()).unwrap_or_default();
    match known {
        PartnerType::Unspecified => String::new(),
        known => known.as_str_name().trim_start_matches("PARTNER_TYPE_").to_owned(),
    }
}

/// Sorts by the order of the requested breakdowns, then tiers by program and rank,
/// and other groups by value.
fn sort(scene: &Scene<'_>, breakdowns: &[Breakdown], groups: &mut [(u32, QualityGroup)]) {
    let place = |g: &QualityGroup| breakdowns.iter().position(|b| *b as i32 == g.breakdown).unwrap_or_default();
    groups.sort_by(|(a, left), (b, right)| {
        place(left).cmp(&place(right)).then_with(|| {
            if left.breakdown() == Breakdown::Tier { scene.tier_key(*a).cmp(&scene.tier_key(*b)) } else { left.value.cmp(&right.value) }
        })
    });
}
