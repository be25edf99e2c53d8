//! One row of a connector: what it makes of our deal.

use stoa_kernel::{Cx, Error, Money, Result, Timestamp, ids, names};
use stoa_proto::sell::v1::{
    CrmConnector, CrmDealField as Field, CrmFinding, CrmFindingKind as Finding, CrmRow, CrmRowError, CrmRowOutcome as Outcome,
    CrmRowResult, Deal, ErrorReason, PipelineStage as Stage, RegistrationState as State,
};
use stoa_store::Tx;

use super::{
    connector::is_remote,
    link::{self, Link},
    mapping::{self, Mapped},
    merge,
};
use crate::deal::{
    self, credit,
    facts::{self, Happened, Step},
    pipeline, registration, revised,
};

/// The answer to a row and the link that it leaves behind, where it was taken.
pub(super) struct Applied {
    pub(super) result: CrmRowResult,
    pub(super) link: Option<Link>,
}

fn answer(row: &CrmRow, outcome: Outcome, local_id: &str, findings: &[Finding], errors: Vec<CrmRowError>) -> CrmRowResult {
    let findings = findings.iter().map(|f| CrmFinding { kind: i32::from(*f), message: mapping::words(*f).to_owned() });
    CrmRowResult {
        remote_id: row.remote_id.clone(),
        remote_version: row.remote_version.clone(),
        outcome: outcome.into(),
        resource: if local_id.is_empty() { String::new() } else { names::name("deals", local_id) },
        findings: findings.collect(),
        errors,
    }
}

fn only(result: CrmRowResult) -> Applied {
    Applied { result, link: None }
}

/// The answer to a row that cannot be understood.
pub(super) fn rejected(row: &CrmRow, errors: Vec<CrmRowError>) -> CrmRowResult {
    answer(row, Outcome::Rejected, "", &[], errors)
}

/// Applies one row. A row that is refused writes nothing, so that the
/// transaction goes on with its neighbors.
pub(super) async fn apply(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, known: Option<&Link>) -> Result<Applied> {
    if let Some(link) = known {
        if link.remote_version == row.remote_version && link.deleted == row.deleted {
            return Ok(only(answer(row, Outcome::Unchanged, live_id(link), &link::findings(link), Vec::new())));
        }
        if is_superseded(link, row) {
            return Ok(only(answer(row, Outcome::Unchanged, live_id(link), &[Finding::Superseded], Vec::new())));
        }
    }
    if row.deleted {
        return delete(tx, cx, connector, row, known).await;
    }
    let mapped = match mapping::map(connector, &row.deal.clone().unwrap_or_default(), cx.now) {
        Ok(mapped) => mapped,
        Err(errors) => return Ok(only(rejected(row, errors))),
    };
    match known.filter(|link| !link.deleted) {
        None => create(tx, cx, connector, row, mapped, known.is_none()).await,
        Some(link) => update(tx, cx, connector, row, mapped, link).await,
    }
}

fn live_id(link: &Link) -> &str {
    if link.deleted { "" } else { &link.local_id }
}

/// Older than what was taken. A deleted object comes back only by a row that is
/// known to be newer.
fn is_superseded(link: &Link, row: &CrmRow) -> bool {
    match (link::remote_time(row), link.remote_time) {
        (Some(row), Some(link)) => row < link,
        _ => link.deleted && !row.deleted,
    }
}

/// When the CRM changed the object, as far as it says so; never in the future.
fn changed_at(row: &CrmRow, cx: &Cx) -> Timestamp {
    Timestamp::stored(row.remote_time.as_ref()).map_or(cx.now, |at| at.min(cx.now))
}

async fn create(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, mapped: Mapped, is_new: bool) -> Result<Applied> {
    let id = ids::new_id();
    let deal = from_history(&id, &mapped, cx);
    let first = mapped.registered.or(mapped.closed).unwrap_or_else(|| changed_at(row, cx));
    let mut steps = vec![Step { deal: deal.clone(), at: first, happened: Happened::Created }];
    follow(&mut steps, &deal, &mapped, true, changed_at(row, cx), cx)?;
    let deal = facts::write(tx, cx, None, steps).await?;
    let findings = registered_findings(tx, cx, &deal, mapped.findings, true).await?;
    let link = link::of(cx, names::last(&connector.name), row, &id, &findings);
    link::put(tx, &link, is_new).await?;
    Ok(Applied { result: answer(row, Outcome::Created, &id, &findings, Vec::new()), link: Some(link) })
}

/// The deal before anything that the row says happened to it.
fn from_history(id: &str, mapped: &Mapped, cx: &Cx) -> Deal {
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
        etag: stoa_kernel::etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..Deal::default()
    }
}

/// Registration, then stage, as the row says them.
fn follow(steps: &mut Vec<Step>, from: &Deal, mapped: &Mapped, takes_stage: bool, at: Timestamp, cx: &Cx) -> Result<()> {
    let mut deal = from.clone();
    if let Some(since) = mapped.registered
        && deal.imported
        && !deal.partner.is_empty()
        && deal.registration_state() == State::Unspecified
    {
        deal = registration::taken(&deal, since, cx)?;
        steps.push(Step { deal: deal.clone(), at: since, happened: Happened::Submitted });
    }
    if !takes_stage || deal.pipeline_stage() == mapped.stage {
        return Ok(());
    }
    let closed = mapped.closed.unwrap_or(at);
    let step = match mapped.stage {
        Stage::Won => Step { deal: pipeline::won(&deal, None, closed, cx)?, at: closed, happened: Happened::Won },
        Stage::Lost => Step { deal: pipeline::lost(&deal, "", "", closed, cx)?, at: closed, happened: Happened::Lost },
        stage => Step { deal: pipeline::staged(&deal, stage, cx)?, at, happened: Happened::StageChanged },
    };
    steps.push(step);
    Ok(())
}

/// A registration of the past is screened against nobody; that it overlaps
/// with another's is a finding.
async fn registered_findings(tx: &Tx, cx: &Cx, deal: &Deal, mut findings: Vec<Finding>, is_new: bool) -> Result<Vec<Finding>> {
    if deal.imported && deal.submit_time.is_some() {
        deal::index_claim(tx, cx, deal, is_new).await?;
        if deal::overlaps(tx.conn(), cx, deal).await?.is_some() {
            findings.push(Finding::Overlap);
        }
    }
    Ok(findings)
}

async fn update(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, mapped: Mapped, link: &Link) -> Result<Applied> {
    let Some(current) = deal::store::lock(tx, cx, &link.local_id).await? else {
        return Err(Error::internal(format!("deals/{} is linked and missing", link.local_id)));
    };
    let mut next = merge::with_remote_fields(connector, &current, &mapped);
    let kept = merge::keep_claim(&current, &mut next, cx);
    let paths = merge::differing(&current, &next);
    let takes_stage = is_remote(connector, Field::PipelineStage);
    if let Some(error) = merge::contradiction(&current, &mapped, !paths.is_empty(), takes_stage) {
        return conflict(tx, cx, connector, row, &link.local_id, error).await;
    }
    let at = changed_at(row, cx);
    let (mut deal, mut steps) = (current.clone(), Vec::new());
    if !paths.is_empty() {
        deal = revised(next, cx);
        steps.push(Step { deal: deal.clone(), at, happened: Happened::Updated(paths) });
        if let Some(source) = deal::follow_claim(tx, cx, &current, &deal).await? {
            deal = registration::conflicted(&deal, source, cx)?;
            steps.push(Step { deal: deal.clone(), at: cx.now, happened: Happened::Conflicted });
        }
    }
    follow(&mut steps, &deal, &mapped, takes_stage, at, cx)?;
    let outcome = if steps.is_empty() { Outcome::Unchanged } else { Outcome::Updated };
    let deal = facts::write(tx, cx, Some(&current), steps).await?;
    let findings = registered_findings(tx, cx, &deal, merge::findings(&mapped, &deal, kept), false).await?;
    let link = link::of(cx, &link.connector, row, &link.local_id, &findings);
    link::put(tx, &link, false).await?;
    Ok(Applied { result: answer(row, outcome, &link.local_id, &findings, Vec::new()), link: Some(link) })
}

async fn conflict(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, local_id: &str, error: CrmRowError) -> Result<Applied> {
    link::keep_conflict(tx, cx, names::last(&connector.name), row, local_id, &error.reason).await?;
    Ok(only(answer(row, Outcome::Conflict, local_id, &[], vec![error])))
}

/// A deal that was never final nor registered here goes with its original; the
/// link stays as a tombstone.
async fn delete(tx: &Tx, cx: &Cx, connector: &CrmConnector, row: &CrmRow, known: Option<&Link>) -> Result<Applied> {
    let Some(link) = known.filter(|link| !link.deleted) else {
        return Ok(only(answer(row, Outcome::Unchanged, "", &[], Vec::new())));
    };
    let Some(current) = deal::store::lock(tx, cx, &link.local_id).await? else {
        return Err(Error::internal(format!("deals/{} is linked and missing", link.local_id)));
    };
    let registered_here = !current.imported && current.registration_state() != State::Unspecified;
    if registered_here || !pipeline::is_open(&current) {
        let reason = if registered_here { "STATE_INVALID" } else { ErrorReason::DealClosed.as_str_name() };
        let message = format!("{} is registered or closed here and is not deleted from outside", current.name);
        return conflict(tx, cx, connector, row, &link.local_id, mapping::error("deleted", reason, message)).await;
    }
    let at = changed_at(row, cx);
    let step = Step { deal: pipeline::deleted(&current, at, cx)?, at, happened: Happened::Deleted };
    facts::write(tx, cx, Some(&current), vec![step]).await?;
    let tombstone = link::of(cx, &link.connector, row, &link.local_id, &[]);
    link::put(tx, &tombstone, false).await?;
    Ok(Applied { result: answer(row, Outcome::Updated, &link.local_id, &[], Vec::new()), link: Some(tombstone) })
}
