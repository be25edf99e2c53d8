//! The network quality report as tables.

use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use stoa_kernel::Timestamp;
use stoa_proto::analytics::v1::{Breakdown, NetworkQuality, QualityFigures, QualityGroup};

use super::text::{amount, bar, minor, percent, share};

/// The whole report as text.
#[must_use]
pub fn quality(report: &NetworkQuality) -> String {
    let as_of = Timestamp::stored(report.as_of.as_ref()).unwrap_or_default();
    let mut text =
        format!("Network quality as of {as_of} (window {} days, definition {})\n\n", report.window_days, report.definition_version);
    let Some(headline) = &report.headline else { return text };
    text += &self::headline(headline, &report.reporting_currency);
    text += &tiers(headline);
    text += &inactivity(headline);
    for (breakdown, title) in [
        (Breakdown::Tier, "By tier"),
        (Breakdown::Type, "By partner type"),
        (Breakdown::Territory, "By territory"),
        (Breakdown::Vertical, "By vertical"),
    ] {
        let groups: Vec<&QualityGroup> = report.groups.iter().filter(|g| g.breakdown() == breakdown).collect();
        if !groups.is_empty() {
            text += &format!("\n{title}\n{}\n", self::groups(&groups, &report.reporting_currency));
        }
    }
    text
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(header.to_vec());
    table
}

fn headline(figures: &QualityFigures, currency: &str) -> String {
    let mut table = table(&["metric", "value", ""]);
    let ratio = figures.active_ratio.as_ref();
    let counts = ratio.map(|r| format!("{} active of {} enrolled", r.numerator, r.denominator)).unwrap_or_default();
    table.add_row(vec!["active partner ratio".to_owned(), percent(ratio), format!("{}  {counts}", bar(share(ratio)))]);
    table.add_row(vec!["engaged (training in 60 d)".to_owned(), figures.engaged_count.to_string(), String::new()]);
    let revenue = figures.channel_revenue.clone().unwrap_or_default();
    table.add_row(vec![
        "channel revenue".to_owned(),
        amount(revenue.total.as_ref()),
        format!(
            "from active {}, inactive {}, left {}",
            amount(revenue.from_active.as_ref()),
            amount(revenue.from_inactive.as_ref()),
            amount(revenue.from_left.as_ref())
        ),
    ]);
    let no_rate = |source: &str| format!("{source}, no rate on or before the day");
    for rest in &revenue.unconverted {
        table.add_row(vec!["not converted".to_owned(), minor(rest.minor_units, &rest.currency_code), no_rate("channel")]);
    }
    if revenue.direct.as_ref().is_some_and(|direct| direct.minor_units != 0) {
        table.add_row(vec!["direct revenue".to_owned(), amount(revenue.direct.as_ref()), "credited to no partner".to_owned()]);
    }
    for rest in &revenue.direct_unconverted {
        table.add_row(vec!["not converted".to_owned(), minor(rest.minor_units, &rest.currency_code), no_rate("direct")]);
    }
    let per_active = figures.revenue_per_active_partner.as_ref().and_then(|r| r.value);
    let per_active = per_active.map_or_else(|| "–".to_owned(), |v| minor(v.round() as i64, currency));
    table.add_row(vec!["revenue per active partner".to_owned(), per_active, String::new()]);
    let concentration = figures.concentration.unwrap_or_default();
    let top = concentration.share.as_ref();
    let hhi = concentration.hhi.map_or_else(|| "–".to_owned(), |h| format!("{h:.0}"));
    table.add_row(vec![
        "concentration".to_owned(),
        top.and_then(|r| r.value).map_or_else(|| "–".to_owned(), |v| format!("{:.2} %", v * 100.0)),
        format!("{}  top {} partners; HHI {hhi}", bar(share(top)), concentration.top_count),
    ]);
    let activation = figures.activation.unwrap_or_default();
    let ratio = activation.ratio.as_ref();
    let counts = ratio.map(|r| format!("{} of {} matured, {} not yet", r.numerator, r.denominator, activation.immature_count));
    table.add_row(vec!["90-day activation".to_owned(), percent(ratio), format!("{}  {}", bar(share(ratio)), counts.unwrap_or_default())]);
    format!("{table}\n")
}

fn tiers(figures: &QualityFigures) -> String {
    if figures.tiers.is_empty() {
        return String::new();
    }
    let mut table = table(&["tier", "enrolled", "active", ""]);
    for tier in &figures.tiers {
        let share = if tier.enrolled_count > 0 { tier.active_count as f64 / tier.enrolled_count as f64 } else { 0.0 };
        let name = if tier.display_name.is_empty() { &tier.tier } else { &tier.display_name };
        table.add_row(vec![name.clone(), tier.enrolled_count.to_string(), tier.active_count.to_string(), bar(share)]);
    }
    format!("\nTier distribution\n{table}\n")
}

fn inactivity(figures: &QualityFigures) -> String {
    let Some(ages) = &figures.inactivity else { return String::new() };
    let rows = [
        ("up to 30 d", ages.up_to_30_days),
        ("31 to 90 d", ages.up_to_90_days),
        ("91 to 180 d", ages.up_to_180_days),
        ("181 to 365 d", ages.up_to_365_days),
        ("longer", ages.over_365_days),
        ("never active", ages.never),
    ];
    let total: i64 = rows.iter().map(|(_, n)| n).sum();
    if total == 0 {
        return String::new();
    }
    let mut table = table(&["inactive since", "partners", ""]);
    for (label, count) in rows {
        table.add_row(vec![label.to_owned(), count.to_string(), bar(count as f64 / total as f64)]);
    }
    format!("\nEnrolled and not active\n{table}\n")
}

fn groups(groups: &[&QualityGroup], currency: &str) -> String {
    let mut table = table(&["", "enrolled", "active", "ratio", "", "channel revenue", "per active partner", "top share", "90-day act."]);
    for group in groups {
        let figures = group.figures.clone().unwrap_or_default();
        let ratio = figures.active_ratio.as_ref();
        let per_active = figures.revenue_per_active_partner.as_ref().and_then(|r| r.value);
        let concentration = figures.concentration.unwrap_or_default();
        let name = if group.display_name.is_empty() { &group.value } else { &group.display_name };
        table.add_row(vec![
            if name.is_empty() { "(none)".to_owned() } else { name.clone() },
            figures.enrolled_count.to_string(),
            figures.active_count.to_string(),
            percent(ratio),
            bar(share(ratio)),
            amount(figures.channel_revenue.unwrap_or_default().total.as_ref()),
            per_active.map_or_else(|| "–".to_owned(), |v| minor(v.round() as i64, currency)),
            percent(concentration.share.as_ref()),
            percent(figures.activation.unwrap_or_default().ratio.as_ref()),
        ]);
    }
    table.to_string()
}
