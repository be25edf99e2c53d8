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
    mapping::{Mapping, slug},
    rows::{Export, Line},
    summary::{Place, Summary},
};
use crate::client::Client;

/// Imports the export in a directory.
///
/// # Errors
/// If a file is missing or the suite refuses the setup. Refused rows are in the
/// summary instead.
pub async fn crm(client: &Client, dir: &Path, mapping: &Mapping, progress: &ProgressBar) -> Result<Summary> {
    let export = Export::load(dir)?;
    let settings = onboard::GetTenantSettingsRequest { name: "tenantSettings".into() };
    let zone = client.call(settings).await?.time_zone;
    let lines = export.lines(dir, mapping, &zone)?;
    let mut summary = Summary { rows: lines.len() as u64, ..Summary::default() };
    summary.changes += set_up(client, &export, mapping).await?;
    enroll(client, &export, mapping, &zone, &mut summary).await?;
    summary.changes += summary.partners_enrolled;
    summary.changes += assign_cams(client, &export, &mut summary).await?;
    push(client, lines, mapping, &mut summary, progress).await?;
    summary.changes += summary.created + summary.updated;
    summary.finish();
    Ok(summary)
}

/// Returns 1 if something was created, 0 if it already exists.
fn created<T>(result: Result<T, Status>) -> Result<u64> {
    match result {
        Ok(_) => Ok(1),
        Err(status) if status.code() == Code::AlreadyExists => Ok(0),
        Err(status) => Err(status.into()),
    }
}

/// Creates the program, tiers, product lines and the connector registration. Returns
/// the number of changes.
async fn set_up(client: &Client, export: &Export, mapping: &Mapping) -> Result<u64> {
    let mut changes = 0;
    let program = onboard::Program { display_name: mapping.program_name.clone(), ..Default::default() };
    let request = onboard::CreateProgramRequest { program_id: mapping.program.clone(), program: Some(program), ..Default::default() };
    changes += created(client.call(request).await)?;
    let currency = stoa_kernel::money::currency("currency", &mapping.currency)?;
    let unit = 10_i64.pow(stoa_kernel::money::exponent(currency));
    for rule in &mapping.tiers {
        let threshold = Money { minor_units: rule.revenue_threshold * unit, currency_code: mapping.currency.clone() };
        let tier =
            onboard::Tier { display_name: rule.name.clone(), rank: rule.rank, revenue_threshold: Some(threshold), ..Default::default() };
        let parent = format!("programs/{}", mapping.program);
        let request = onboard::CreateTierRequest { parent, tier_id: rule.id.clone(), tier: Some(tier), ..Default::default() };
        changes += created(client.call(request).await)?;
    }
    for series in export.products.iter().map(|p| p.series.as_str()).collect::<BTreeSet<_>>() {
        let line = sell::ProductLine { display_name: series.to_owned(), ..Default::default() };
        let request = sell::CreateProductLineRequest { product_line_id: slug(series), product_line: Some(line), ..Default::default() };
        changes += created(client.call(request).await)?;
    }
    changes += register(client, connector(export, mapping)).await?;
    Ok(changes)
}

/// Registers the connector, or updates its registration if the mapping has changed.
async fn register(client: &Client, connector: sell::CrmConnector) -> Result<u64> {
    let name = connector.name.clone();
    let crm_connector_id = stoa_kernel::names::last(&name).to_owned();
    let request = sell::CreateCrmConnectorRequest { crm_connector_id, crm_connector: Some(connector.clone()), ..Default::default() };
    if created(client.call(request).await)? == 1 {
        return Ok(1);
    }
    let known = client.call(sell::GetCrmConnectorRequest { name }).await?;
    let wanted =
        sell::CrmConnector { etag: known.etag.clone(), create_time: known.create_time, update_time: known.update_time, ..connector };
    if wanted == known {
        return Ok(0);
    }
    let update_mask = Some(prost_types::FieldMask { paths: vec!["*".to_owned()] });
    let request = sell::UpdateCrmConnectorRequest { crm_connector: Some(wanted), update_mask, ..Default::default() };
    client.call(request).await?;
    Ok(1)
}

fn connector(export: &Export, mapping: &Mapping) -> sell::CrmConnector {
    let listed = export.products.iter().map(|p| p.product.as_str());
    let spellings: BTreeSet<&str> = listed.chain(mapping.product_spellings.keys().map(String::as_str)).collect();
    let rule = |product: &str| {
        let product_line = format!("productLines/{}", slug(export.product_line(product, mapping)?));
        Some(sell::CrmProductRule { remote_product: product.to_owned(), product_line })
    };
    let stages = mapping.stages.iter().filter_map(|(theirs, ours)| {
        let pipeline_stage = Mapping::pipeline_stage(ours)? as i32;
        Some(sell::CrmStageRule { remote_stage: theirs.clone(), pipeline_stage })
    });
    // Stage, amount and close date come from the CRM.
    let owned = [CrmDealField::PipelineStage, CrmDealField::Amount, CrmDealField::CloseDate];
    let owners = owned.iter().map(|f| sell::CrmFieldRule { field: *f as i32, owner: CrmFieldOwner::Remote as i32 });
    sell::CrmConnector {
        name: format!("crmConnectors/{}", mapping.connector),
        display_name: format!("Import from {}", mapping.system),
        system: mapping.system.clone(),
        product_map: spellings.into_iter().filter_map(rule).collect(),
        stage_map: stages.collect(),
        currency_code: mapping.currency.clone(),
        field_owners: owners.collect(),
        ..Default::default()
    }
}

/// Enrolls regional offices as distributors and sales agents as agents below them.
/// Refused organizations are reported and do not hold up the others.
async fn enroll(client: &Client, export: &Export, mapping: &Mapping, zone: &str, summary: &mut Summary) -> Result<()> {
    let rows = organizations(export, mapping, zone)?;
    let expected = rows.len();
    let lines = export.agent_lines();
    let mut answers = client.exchange(futures::stream::iter(rows)).await?;
    let mut answered = 0;
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        answered += 1;
        match answer.outcome() {
            BulkEnrollOutcome::Enrolled if !answer.replayed => summary.partners_enrolled += 1,
            BulkEnrollOutcome::Enrolled | BulkEnrollOutcome::Unchanged => {}
            BulkEnrollOutcome::Rejected | BulkEnrollOutcome::Unspecified => {
                let errors: Vec<String> = answer.errors.iter().map(|e| format!("{} {}", e.field, e.message).trim().to_owned()).collect();
                let reason = answer.errors.first().map_or("UNKNOWN", |e| &e.reason);
                let line = lines.get(&answer.row_id).copied().unwrap_or_default();
                summary.refuse_partner(line, &answer.row_id, reason, errors.join("; "));
            }
        }
    }
    if answered != expected {
        bail!("only {answered} of {expected} organizations were answered. Run the import again.");
    }
    Ok(())
}

fn organizations(export: &Export, mapping: &Mapping, zone: &str) -> Result<Vec<onboard::BulkEnrollRequest>> {
    let effective = mapping.effective(zone)?;
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
    // Offices come first, because an agent refers to its office.
    Ok(distributors.chain(agents).collect())
}

/// Creates managers as persons and assigns them to their agents as CAMs.
async fn assign_cams(client: &Client, export: &Export, summary: &mut Summary) -> Result<u64> {
    let mut changes = 0;
    for manager in export.agents.iter().map(|a| a.manager.as_str()).collect::<BTreeSet<_>>() {
        let person = onboard::Person { display_name: manager.to_owned(), ..Default::default() };
        let request = onboard::CreatePersonRequest { person_id: person_id(manager), person: Some(person), ..Default::default() };
        changes += created(client.call(request).await)?;
    }
    for (index, agent) in export.agents.iter().enumerate() {
        let id = slug(&agent.sales_agent);
        let person = format!("persons/{}", person_id(&agent.manager));
        let name = format!("camAssignments/{id}");
        let current = client.call(onboard::GetCamAssignmentRequest { name }).await;
        if current.is_ok_and(|c| c.person == person) {
            continue;
        }
        let request = onboard::AssignCamRequest { partner: format!("partners/{id}"), person, ..Default::default() };
        match client.call(request).await {
            Ok(_) => changes += 1,
            // The partner was refused before.
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument | Code::NotFound) => {
                let error = stoa_rpc::error(&status);
                summary.refuse_partner(index as u64 + 2, &id, error.reason().as_str(), error.message().to_owned());
            }
            Err(status) => return Err(status.into()),
        }
    }
    Ok(changes)
}

/// Derives a person's ID, which reveals nothing about the person.
fn person_id(name: &str) -> String {
    ids::derived(&["crm-export", "person", name])
}

async fn push(client: &Client, lines: Vec<Line>, mapping: &Mapping, summary: &mut Summary, progress: &ProgressBar) -> Result<()> {
    progress.set_length(lines.len() as u64);
    let mut places = Vec::with_capacity(lines.len());
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        match line.row {
            Ok(row) => {
                let customer = row.deal.as_ref().map(|deal| deal.account_name.clone()).unwrap_or_default();
                places.push(Place { line: line.number, customer, product_line: line.product_line });
                let connector = format!("crmConnectors/{}", mapping.connector);
                rows.push(sell::PushChangesRequest { connector, row: Some(row) });
            }
            Err(message) => summary.refuse(line.number, &line.id, "INVALID_FIELD", message),
        }
    }
    let mut answers = client.exchange(futures::stream::iter(rows)).await?;
    let mut answered = 0;
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        let result = answer.result.context("an answer has no result")?;
        summary.count(&places[answered], &result);
        answered += 1;
        progress.inc(1);
    }
    if answered != places.len() {
        bail!("only {answered} of {} rows were answered. Run the import again to continue where it stopped.", places.len());
    }
    Ok(())
}
