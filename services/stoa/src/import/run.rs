//! The import itself: a client of the API.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use indicatif::ProgressBar;
use stoa_kernel::ids;
use stoa_proto::{
    common::v1::Money,
    onboard::v1::{self as onboard, BulkEnrollOutcome, PartnerType},
    sell::v1::{self as sell, CrmDealField, CrmFieldOwner},
};
use tonic::{Code, Status};

use super::{
    Mapping, Summary,
    mapping::slug,
    rows::{Export, Line},
};
use crate::client::Door;

/// Imports the export in a directory.
///
/// # Errors
/// Where a file is missing or the suite refuses the set-up; refused rows are in
/// the summary instead.
pub async fn crm(door: &Door, dir: &Path, mapping: &Mapping, progress: &ProgressBar) -> Result<Summary> {
    let export = Export::load(dir)?;
    let lines = export.lines(dir, mapping)?;
    let mut summary = Summary { rows: lines.len() as u64, ..Summary::default() };
    summary.changes += set_up(door, &export, mapping).await?;
    summary.partners_enrolled = enroll(door, &export, mapping).await?;
    summary.changes += summary.partners_enrolled;
    summary.changes += assign_cams(door, &export).await?;
    push(door, lines, mapping, &mut summary, progress).await?;
    summary.changes += summary.created + summary.updated;
    Ok(summary)
}

/// 1 where something was created, 0 where it exists.
fn created<T>(result: Result<T, Status>) -> Result<u64> {
    match result {
        Ok(_) => Ok(1),
        Err(status) if status.code() == Code::AlreadyExists => Ok(0),
        Err(status) => Err(status.into()),
    }
}

/// Settings, program, tiers, product lines and the connector registration.
async fn set_up(door: &Door, export: &Export, mapping: &Mapping) -> Result<u64> {
    let mut changes = 0;
    let program = onboard::Program { display_name: mapping.program_name.clone(), ..Default::default() };
    let request = onboard::CreateProgramRequest { program_id: mapping.program.clone(), program: Some(program), ..Default::default() };
    changes += created(door.programs().create_program(request).await)?;
    let currency = stoa_kernel::money::currency("currency", &mapping.currency)?;
    let unit = 10_i64.pow(stoa_kernel::money::exponent(currency));
    for rule in &mapping.tiers {
        let threshold = Money { minor_units: rule.revenue_threshold * unit, currency_code: mapping.currency.clone() };
        let tier =
            onboard::Tier { display_name: rule.name.clone(), rank: rule.rank, revenue_threshold: Some(threshold), ..Default::default() };
        let parent = format!("programs/{}", mapping.program);
        let request = onboard::CreateTierRequest { parent, tier_id: rule.id.clone(), tier: Some(tier), ..Default::default() };
        changes += created(door.tiers().create_tier(request).await)?;
    }
    for series in export.products.iter().map(|p| p.series.as_str()).collect::<BTreeSet<_>>() {
        let line = sell::ProductLine { display_name: series.to_owned(), ..Default::default() };
        let request = sell::CreateProductLineRequest { product_line_id: slug(series), product_line: Some(line), ..Default::default() };
        changes += created(door.product_lines().create_product_line(request).await)?;
    }
    changes += created(door.crm_connectors().create_crm_connector(connector(export, mapping)).await)?;
    Ok(changes)
}

fn connector(export: &Export, mapping: &Mapping) -> sell::CreateCrmConnectorRequest {
    let line_of = |product: &str| export.products.iter().find(|p| p.product == product).map(|p| slug(&p.series));
    let listed = export.products.iter().map(|p| (p.product.clone(), Some(slug(&p.series))));
    let respelled = mapping.product_spellings.iter().map(|(theirs, ours)| (theirs.clone(), line_of(ours)));
    let rule = |(remote_product, line): (String, Option<String>)| {
        line.map(|line| sell::CrmProductRule { remote_product, product_line: format!("productLines/{line}") })
    };
    let stages = mapping.stages.iter().filter_map(|(theirs, ours)| {
        let pipeline_stage = Mapping::pipeline_stage(ours)? as i32;
        Some(sell::CrmStageRule { remote_stage: theirs.clone(), pipeline_stage })
    });
    // Stage, amount and close date come from the CRM.
    let owned = [CrmDealField::PipelineStage, CrmDealField::Amount, CrmDealField::CloseDate];
    let owners = owned.iter().map(|f| sell::CrmFieldRule { field: *f as i32, owner: CrmFieldOwner::Remote as i32 });
    let connector = sell::CrmConnector {
        display_name: format!("Import from {}", mapping.system),
        system: mapping.system.clone(),
        product_map: listed.chain(respelled).filter_map(rule).collect(),
        stage_map: stages.collect(),
        currency_code: mapping.currency.clone(),
        field_owners: owners.collect(),
        ..Default::default()
    };
    sell::CreateCrmConnectorRequest { crm_connector_id: mapping.connector.clone(), crm_connector: Some(connector), ..Default::default() }
}

/// Regional offices become distributors, sales agents agents under them.
async fn enroll(door: &Door, export: &Export, mapping: &Mapping) -> Result<u64> {
    let effective = mapping.effective()?;
    let row = |id: String, partner: onboard::Partner| onboard::BulkEnrollRequest {
        bulk_enrollment_id: mapping.connector.clone(),
        row: Some(onboard::BulkEnrollRow {
            row_id: id.clone(),
            partner_id: id,
            partner: Some(partner),
            program: format!("programs/{}", mapping.program),
            effective_time: Some(effective.proto()),
            ..Default::default()
        }),
    };
    let offices = export.agents.iter().map(|a| a.regional_office.as_str()).collect::<BTreeSet<_>>();
    let distributors = offices.into_iter().map(|office| {
        let partner = onboard::Partner {
            display_name: format!("{office} office"),
            r#type: PartnerType::Distributor as i32,
            territory: slug(office),
            ..Default::default()
        };
        row(slug(office), partner)
    });
    let agents = export.agents.iter().map(|agent| {
        let partner = onboard::Partner {
            display_name: agent.sales_agent.clone(),
            r#type: PartnerType::Agent as i32,
            parent: format!("partners/{}", slug(&agent.regional_office)),
            territory: slug(&agent.regional_office),
            ..Default::default()
        };
        row(slug(&agent.sales_agent), partner)
    });
    // Offices first: an agent refers to its office.
    let rows: Vec<_> = distributors.chain(agents).collect();
    let expected = rows.len();
    let mut answers = door.enrollments().bulk_enroll(futures::stream::iter(rows)).await?.into_inner();
    let (mut enrolled, mut answered) = (0, 0);
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        answered += 1;
        match answer.outcome() {
            BulkEnrollOutcome::Enrolled if !answer.replayed => enrolled += 1,
            BulkEnrollOutcome::Enrolled | BulkEnrollOutcome::Unchanged => {}
            _ => bail!("{} cannot be enrolled: {:?}", answer.row_id, answer.errors),
        }
    }
    if answered != expected {
        bail!("{answered} of {expected} organizations were answered; run the import again");
    }
    Ok(enrolled)
}

/// Managers become persons and CAMs of their agents.
async fn assign_cams(door: &Door, export: &Export) -> Result<u64> {
    let mut changes = 0;
    for manager in export.agents.iter().map(|a| a.manager.as_str()).collect::<BTreeSet<_>>() {
        let person = onboard::Person { display_name: manager.to_owned(), ..Default::default() };
        let request = onboard::CreatePersonRequest { person_id: person_id(manager), person: Some(person), ..Default::default() };
        changes += created(door.persons().create_person(request).await)?;
    }
    for agent in &export.agents {
        let partner = format!("partners/{}", slug(&agent.sales_agent));
        let name = format!("camAssignments/{}", slug(&agent.sales_agent));
        let person = format!("persons/{}", person_id(&agent.manager));
        let current = door.cam_assignments().get_cam_assignment(onboard::GetCamAssignmentRequest { name }).await;
        if current.is_ok_and(|c| c.get_ref().person == person) {
            continue;
        }
        door.cam_assignments().assign_cam(onboard::AssignCamRequest { partner, person, ..Default::default() }).await?;
        changes += 1;
    }
    Ok(changes)
}

/// A person's id says nothing about the person.
fn person_id(name: &str) -> String {
    ids::derived(&["crm-export", "person", name])
}

async fn push(door: &Door, lines: Vec<Line>, mapping: &Mapping, summary: &mut Summary, progress: &ProgressBar) -> Result<()> {
    progress.set_length(lines.len() as u64);
    let mut numbers = Vec::with_capacity(lines.len());
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        match line.row {
            Ok(row) => {
                numbers.push(line.number);
                let connector = format!("crmConnectors/{}", mapping.connector);
                rows.push(sell::PushChangesRequest { connector, row: Some(row) });
            }
            Err(message) => summary.refuse(line.number, &line.id, "INVALID_FIELD", message),
        }
    }
    let mut answers = door.crm_sync().push_changes(futures::stream::iter(rows)).await?.into_inner();
    let mut answered = 0;
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        let result = answer.result.context("an answer came without a result")?;
        summary.count(numbers[answered], &result);
        answered += 1;
        progress.inc(1);
    }
    if answered != numbers.len() {
        bail!("{answered} of {} rows were answered; run the import again, it goes on where it stopped", numbers.len());
    }
    Ok(())
}
