//! One row of a connector: what it makes of our deal.

use stoa_events::{Step, record};
use stoa_kernel::{Cx, Money, Reason, Result, Timestamp, ids, names};
use stoa_proto::common::v1::ErrorReason as Common;
use stoa_proto::sell::v1::{
    CrmConnector, CrmDealField as Field, CrmFinding, CrmFindingKind as Finding, CrmRow, CrmRowError, CrmRowOutcome as Outcome,
    CrmRowResult, Deal, DealConflicted, DealCreated, DealDeleted, DealLost, DealStageChanged, DealSubmitted, DealUpdated, DealWon,
    ErrorReason, PipelineStage as Stage, RegistrationState as State,
};
use stoa_store::Tx;

use super::{
    conflict,
    connector::is_remote,
    group::{Group, is_superseded, is_unchanged},
    mapping::{self, Mapped},
    merge,
};
use crate::{
    claim::index,
    deal::{credit, pipeline, registration, screening, store::Deals},
    link::table as link,
};

fn answer(row: &CrmRow, outcome: Outcome, local_id: &str, findings: &[Finding], errors: Vec<CrmRowError>) -> CrmRowResult {
    let findings = findings.iter().map(|f| CrmFinding { kind: i32::from(*f), message: mapping::message(*f).to_owned() });
    CrmRowResult {
        remote_id: row.remote_id.clone(),
        remote_version: row.remote_version.clone(),
        outcome: outcome.into(),
        resource: if local_id.is_empty() { String::new() } else { names::name("deals", local_id) },
        findings: findings.collect(),
        errors,
    }
}

/// The answer to a row that cannot be understood.
pub(super) fn rejected(row: &CrmRow, errors: Vec<CrmRowError>) -> CrmRowResult {
    answer(row, Outcome::Rejected, "", &[], errors)
}

/// Applies one row. A row that is refused writes nothing, so that the
/// transaction goes on with its neighbors.
pub(super) async fn apply(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, group: &mut Group) -> Result<CrmRowResult> {
    let live = match group.links.get(row) {
        Some(link) => {
            let live = if link.deleted { "" } else { link.local_id.as_str() };
            if is_unchanged(link, row) {
                return Ok(answer(row, Outcome::Unchanged, live, &link::findings(link), Vec::new()));
            }
            if is_superseded(link, row) {
                return Ok(answer(row, Outcome::Unchanged, live, &[Finding::Superseded], Vec::new()));
            }
            live.to_owned()
        }
        None => String::new(),
    };
    if row.deleted {
        return delete(tx, cx, connector, row, &live, group).await;
    }
    let mapped = match mapping::map(connector, &row.deal.clone().unwrap_or_default(), cx.now) {
        Ok(mapped) => mapped,
        Err(errors) => return Ok(rejected(row, errors)),
    };
    match live.as_str() {
        "" => create(tx, cx, connector, row, mapped, group).await,
        id => update(tx, cx, connector, row, mapped, id, group).await,
    }
}

/// When the CRM changed the object, as far as it says so; never in the future.
fn changed_at(row: &CrmRow, cx: &Cx) -> Timestamp {
    Timestamp::stored(row.remote_time.as_ref()).map_or(cx.now, |at| at.min(cx.now))
}

async fn create(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, mapped: Mapped, group: &mut Group) -> Result<CrmRowResult> {
    let id = ids::new_id();
    let deal = from_history(&id, &mapped);
    let first = mapped.registered.or(mapped.closed).unwrap_or_else(|| changed_at(row, cx));
    let mut steps = vec![Step::new::<DealCreated>(deal.clone()).at(first)];
    add_registration_and_stage(&mut steps, deal, &mapped, true, changed_at(row, cx), cx)?;
    let deal = record::<Deals>(tx, cx, None, steps).await?;
    let findings = keep(tx, cx, deal, mapped.findings, true, group).await?;
    group.links.put(link::new_link(cx, names::last(&connector.name), row, &id, &findings));
    Ok(answer(row, Outcome::Created, &id, &findings, Vec::new()))
}

/// The deal before anything that the row says happened to it.
fn from_history(id: &str, mapped: &Mapped) -> Deal {
    let engaged = if mapped.registered.is_some() { Stage::Engaging } else { Stage::Prospecting };
    let stage = if mapped.closed.is_some() { engaged } else { mapped.stage };
    Deal {
        name: names::name("deals", id),
        display_name: if mapped.display_name.is_empty() { mapped.default_name.clone() } else { mapped.display_name.clone() },
        partner: mapped.partner.clone(),
        credits: credit::whole(&mapped.partner),
        product_line: mapped.product_line.clone(),
        customer: mapped.customer.clone(),
        amount: mapped.amount.map(Money::proto),
        close_date: mapped.close_date.clone(),
        pipeline_stage: stage.into(),
        imported: true,
        ..Deal::default()
    }
}

/// Registration, then stage, as the row says them.
fn add_registration_and_stage(
    steps: &mut Vec<Step<Deal>>,
    mut deal: Deal,
    mapped: &Mapped,
    takes_stage: bool,
    at: Timestamp,
    cx: &Cx,
) -> Result<()> {
    if let Some(since) = mapped.registered
        && deal.imported
        && !deal.partner.is_empty()
        && deal.registration_state() == State::Unspecified
    {
        deal = registration::imported(&deal, since, cx.now)?;
        steps.push(Step::new::<DealSubmitted>(deal.clone()).at(since));
    }
    if !takes_stage || deal.pipeline_stage() == mapped.stage {
        return Ok(());
    }
    let closed = mapped.closed.unwrap_or(at);
    steps.push(match mapped.stage {
        Stage::Won => Step::new::<DealWon>(pipeline::won(&deal, None, closed)?).at(closed),
        Stage::Lost => Step::new::<DealLost>(pipeline::lost(&deal, "", "", closed)?).at(closed),
        stage => Step::new::<DealStageChanged>(pipeline::staged(&deal, stage)?).at(at),
    });
    Ok(())
}

/// Keeps a deal as a row left it. A registration of the past is not screened
/// against others; an overlap with one of them is a finding.
async fn keep(tx: &Tx, cx: &Cx, deal: Deal, mut findings: Vec<Finding>, is_new: bool, group: &mut Group) -> Result<Vec<Finding>> {
    if is_new && deal.imported && deal.submit_time.is_some() {
        index::add(tx, cx, &deal).await?;
        group.registrations.index(&deal);
    }
    group.put(deal.clone());
    if deal.imported && group.registrations.overlap(tx, cx, &deal).await? {
        findings.push(Finding::Overlap);
    }
    Ok(findings)
}

async fn update(
    tx: &Tx,
    cx: &Cx,
    connector: &CrmConnector,
    row: &CrmRow,
    mapped: Mapped,
    local_id: &str,
    group: &mut Group,
) -> Result<CrmRowResult> {
    let current = group.deal(local_id)?;
    let mut deal = merge::with_remote_fields(connector, &current, &mapped);
    let kept = merge::keep_claim(&current, &mut deal, cx.now);
    let takes_stage = is_remote(connector, Field::PipelineStage);
    if let Some(error) = merge::contradiction(&current, &mapped, deal != current, takes_stage) {
        return contradicted(tx, cx, connector, row, local_id, error).await;
    }
    let (at, mut steps) = (changed_at(row, cx), Vec::new());
    if deal != current {
        steps.push(Step::new::<DealUpdated>(deal.clone()).at(at));
        let update = screening::update_index(tx, cx, &current, &deal).await?;
        if update.is_changed {
            group.registrations.index(&deal);
        }
        if let Some(source) = update.holder {
            deal = registration::conflicted(&deal, source, cx.now)?;
            steps.push(Step::new::<DealConflicted>(deal.clone()));
        }
    }
    add_registration_and_stage(&mut steps, deal, &mapped, takes_stage, at, cx)?;
    let outcome = if steps.is_empty() { Outcome::Unchanged } else { Outcome::Updated };
    let deal = record::<Deals>(tx, cx, Some(&current), steps).await?;
    // For a deal that was registered before, screening has updated the index.
    let is_new = current.submit_time.is_none();
    let findings = merge::findings(&mapped, &deal, kept);
    let findings = keep(tx, cx, deal, findings, is_new, group).await?;
    group.links.put(link::new_link(cx, names::last(&connector.name), row, local_id, &findings));
    Ok(answer(row, outcome, local_id, &findings, Vec::new()))
}

/// The answer to a row that contradicts what is final here; the row is kept.
async fn contradicted(
    tx: &Tx,
    cx: &Cx,
    connector: &CrmConnector,
    row: &CrmRow,
    local_id: &str,
    error: CrmRowError,
) -> Result<CrmRowResult> {
    conflict::keep(tx, cx, names::last(&connector.name), row, local_id, &error.reason).await?;
    Ok(answer(row, Outcome::Conflict, local_id, &[], vec![error]))
}

/// A deal that was never final nor registered here goes with its original; the
/// link stays as a tombstone.
async fn delete(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, local_id: &str, group: &mut Group) -> Result<CrmRowResult> {
    if local_id.is_empty() {
        return Ok(answer(row, Outcome::Unchanged, "", &[], Vec::new()));
    }
    let current = group.deal(local_id)?;
    let registered_here = !current.imported && current.registration_state() != State::Unspecified;
    if registered_here || !pipeline::is_open(&current) {
        let reason = if registered_here { Reason::from(Common::StateInvalid) } else { ErrorReason::DealClosed.into() };
        let message = format!("{} is registered or closed here and is not deleted from outside", current.name);
        return contradicted(tx, cx, connector, row, local_id, mapping::error("deleted", reason, message)).await;
    }
    let at = changed_at(row, cx);
    let deleted = Step::new::<DealDeleted>(pipeline::deleted(&current, at)?).at(at);
    group.put(record::<Deals>(tx, cx, Some(&current), [deleted]).await?);
    group.links.put(link::new_link(cx, names::last(&connector.name), row, local_id, &[]));
    Ok(answer(row, Outcome::Updated, local_id, &[], Vec::new()))
}
