//! An investment allocation as tables.

use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use stoa_proto::analytics::v1::{Allocation, AllocationResource, InvestmentSegment, ResourcePlan};

use super::text::{bar, minor};

/// Maximum number of partners in the table.
const PARTNERS_MAX: usize = 20;

/// The whole plan as text.
#[must_use]
pub fn allocation(plan: &Allocation) -> String {
    let mut text = format!("Investment allocation (definition {})\n", plan.definition_version);
    for resource in &plan.plans {
        text += &resource_plan(resource);
    }
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    let mut header = vec!["partner".to_owned(), "segment".to_owned()];
    header.extend(plan.plans.iter().map(|p| resource_name(p.resource())));
    table.set_header(header);
    for partner in plan.partner_allocations.iter().take(PARTNERS_MAX) {
        let mut row = vec![partner.partner.clone(), segment_name(partner.segment())];
        row.extend(partner.unit_counts.iter().zip(&plan.plans).map(|(units, p)| units_text(*units, p)));
        table.add_row(row);
    }
    text + &format!("\nPartners{}\n{table}\n", if plan.next_page_token.is_empty() { "" } else { " (first page)" })
}

fn resource_plan(plan: &ResourcePlan) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(vec!["segment", "partners", "this plan", "", "uniform"]);
    for segment in &plan.segment_plans {
        let share = if plan.unit_count > 0 { segment.unit_count as f64 / plan.unit_count as f64 } else { 0.0 };
        table.add_row(vec![
            format!("{}{}", segment_name(segment.segment()), if segment.pooled { " (pooled)" } else { "" }),
            segment.partner_count.to_string(),
            units_text(segment.unit_count, plan),
            bar(share),
            units_text(segment.uniform_count, plan),
        ]);
    }
    let mut text = format!("\n{}: {}\n{table}\n", resource_name(plan.resource()), units_text(plan.unit_count, plan));
    if plan.left_count > 0 {
        text += &format!("not allocated: {} ({})\n", units_text(plan.left_count, plan), plan.left_reason().as_str_name());
    }
    if let (Some(here), Some(uniform)) = (plan.misallocation, plan.uniform_misallocation) {
        text += &format!("distance from the segments' revenue shares: {:.1} % (uniform {:.1} %)\n", here * 100.0, uniform * 100.0);
    }
    text
}

fn units_text(units: i64, plan: &ResourcePlan) -> String {
    if plan.currency_code.is_empty() { format!("{units} h") } else { minor(units, &plan.currency_code) }
}

fn resource_name(resource: AllocationResource) -> String {
    match resource {
        AllocationResource::CamHours => "CAM hours".to_owned(),
        AllocationResource::Mdf => "MDF".to_owned(),
        AllocationResource::Unspecified => "?".to_owned(),
    }
}

fn segment_name(segment: InvestmentSegment) -> String {
    segment.as_str_name().trim_start_matches("INVESTMENT_SEGMENT_").to_lowercase().replace('_', " ")
}
