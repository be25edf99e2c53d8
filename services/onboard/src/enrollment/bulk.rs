//! Bulk enrollment: many rows, one answer each, none lost or doubled.
//!
//! A row's answer is stored with the row's effects, in one transaction, under
//! (bulk enrollment, row id): sending a row again returns that answer. Rows are
//! written in groups; where a group fails, its rows are written one by one, so
//! that a bad row stands alone.

use aws_lc_rs::digest;
use futures::FutureExt;
use prost::Message;
use stoa_kernel::{Cx, Error, Result, Timestamp, ids, names};
use stoa_proto::{
    onboard::v1::{Agreement, BulkEnrollOutcome as Outcome, BulkEnrollRequest, BulkEnrollResponse, BulkEnrollRow, ErrorReason, RowError},
    validate,
};
use stoa_store::{Store, Tx};

use super::{enroll, store};
use crate::{agreement, onboarding_plan, partner, program, tenant_settings};

/// Rows written in one transaction.
pub(super) const ROWS_PER_WRITE_MAX: usize = 100;

/// Answers to a group of rows, in their order. Fails only where the store does.
pub(super) async fn answer(store: &Store, cx: &Cx, rows: Vec<BulkEnrollRequest>) -> Result<Vec<BulkEnrollResponse>> {
    let group = store.write((cx.clone(), rows.clone()), |tx, (cx, rows)| write(tx, cx, rows).boxed()).await;
    match group {
        Ok(answers) => return Ok(answers),
        Err(error) if error.is_transient() => return Err(error),
        Err(_) => {}
    }
    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        let written = store.write((cx.clone(), vec![row.clone()]), |tx, (cx, rows)| write(tx, cx, rows).boxed()).await;
        answers.push(match written {
            Ok(mut one) => one.remove(0),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => rejected(&row, &error),
        });
    }
    Ok(answers)
}

async fn write(tx: &Tx, cx: &Cx, rows: &[BulkEnrollRequest]) -> Result<Vec<BulkEnrollResponse>> {
    let mut answers = Vec::with_capacity(rows.len());
    for request in rows {
        let row = request.row.clone().unwrap_or_default();
        let broken = validate::violations(&row);
        if !broken.is_empty() {
            answers.push(invalid(request, broken));
            continue;
        }
        let hash = digest::digest(&digest::SHA256, &row.encode_to_vec()).as_ref().to_vec();
        if let Some((known, answer)) = store::bulk_answer(tx, cx, &request.bulk_enrollment_id, &row.row_id).await? {
            answers.push(if known == hash {
                BulkEnrollResponse { replayed: true, ..answer }
            } else {
                rejected(request, &changed(&row.row_id))
            });
            continue;
        }
        let answer = enroll_row(tx, cx, request, &row).await?;
        store::keep_bulk_answer(tx, cx, &request.bulk_enrollment_id, &row.row_id, hash, &answer).await?;
        answers.push(answer);
    }
    Ok(answers)
}

/// Enrolls one row. An error rolls the row's transaction back.
async fn enroll_row(tx: &Tx, cx: &Cx, request: &BulkEnrollRequest, row: &BulkEnrollRow) -> Result<BulkEnrollResponse> {
    let program = program_of(tx, cx, row).await?;
    let tier = enroll::choose_tier(tx, cx, &program, &row.tier).await?;
    let from = match &row.effective_time {
        Some(time) => Timestamp::from_proto("effective_time", time)?,
        None => cx.now,
    };
    if from > cx.now {
        return Err(Error::invalid("effective_time", "must not lie in the future"));
    }
    let partner = match partner::store::find(tx.conn(), cx, &row.partner_id).await? {
        Some(found) => found.name,
        None => partner::create(tx, cx, &row.partner_id, &row.partner.clone().unwrap_or_default()).await?.name,
    };
    if let Some(live) = store::live(tx.conn(), cx, &row.partner_id, names::last(&program)).await? {
        return Ok(reply(row, Outcome::Unchanged, live.name));
    }
    let id = ids::derived(&[&cx.tenant, &request.bulk_enrollment_id, &row.row_id]);
    let signed = Agreement {
        name: names::name("agreements", &id),
        partner,
        program,
        signature_reference: format!("bulkEnrollments/{}/rows/{}", request.bulk_enrollment_id, row.row_id),
        ..Default::default()
    };
    let in_force = agreement::record_effective(tx, cx, signed, from).await?;
    let enrollment = enroll::record(tx, cx, &id, &in_force, tier, Vec::new()).await?;
    if !enrollment.imported {
        onboarding_plan::start(tx, cx, &enrollment).await?;
    }
    Ok(reply(row, Outcome::Enrolled, enrollment.name))
}

async fn program_of(tx: &Tx, cx: &Cx, row: &BulkEnrollRow) -> Result<String> {
    let name = if row.program.is_empty() {
        tenant_settings::store::find(tx.conn(), cx).await?.map(|s| s.default_program).unwrap_or_default()
    } else {
        row.program.clone()
    };
    if name.is_empty() {
        return Err(Error::invalid("program", "must be named, because the tenant has no default program"));
    }
    let id = names::id("program", "programs", &name)?;
    program::store::find(tx.conn(), cx, id).await?.ok_or_else(|| Error::reference_not_found("program", &name))?;
    Ok(name)
}

fn changed(row_id: &str) -> Error {
    Error::invalid("row_id", format!("`{row_id}` was sent before with other contents; give the changed row a new id"))
        .with_reason(ErrorReason::BulkRowChanged.as_str_name())
}

fn reply(row: &BulkEnrollRow, outcome: Outcome, enrollment: String) -> BulkEnrollResponse {
    BulkEnrollResponse { row_id: row.row_id.clone(), outcome: outcome as i32, enrollment, ..Default::default() }
}

fn invalid(request: &BulkEnrollRequest, broken: Vec<validate::Violation>) -> BulkEnrollResponse {
    let row = request.row.clone().unwrap_or_default();
    let error = |v: validate::Violation| RowError { field: v.field, reason: "INVALID_FIELD".to_owned(), message: v.message };
    BulkEnrollResponse { errors: broken.into_iter().map(error).collect(), ..reply(&row, Outcome::Rejected, String::new()) }
}

fn rejected(request: &BulkEnrollRequest, error: &Error) -> BulkEnrollResponse {
    let row = request.row.clone().unwrap_or_default();
    let field = error.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    let errors = vec![RowError { field, reason: error.reason().to_owned(), message: error.message().to_owned() }];
    BulkEnrollResponse { errors, ..reply(&row, Outcome::Rejected, String::new()) }
}
