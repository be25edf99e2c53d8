//! Bulk enrollment: many rows, one answer each, none lost or doubled.
//!
//! The answer to a row that was taken is stored with the row's effects, in one
//! transaction, under (bulk enrollment, row id): sending the row again returns
//! that answer. A refused row leaves nothing behind and is tried again when it
//! is sent again. Rows are written in groups; where a group fails, its rows are
//! written one by one, so that a bad row stands alone.

use aws_lc_rs::digest;
use futures::FutureExt;
use prost::Message;
use stoa_kernel::{Cx, Error, Result, ids, names};
use stoa_proto::{
    onboard::v1::{Agreement, BulkEnrollOutcome as Outcome, BulkEnrollRequest, BulkEnrollResponse, BulkEnrollRow, ErrorReason, RowError},
    validate,
};
use stoa_store::{Store, Tx};

use super::{enroll, lapse::standing, new, store};
use crate::{agreement, onboarding_plan, partner, program, scope::require_writer, tenant_settings};

/// Rows written in one transaction.
pub(super) const ROWS_PER_WRITE_MAX: usize = 100;

/// Days that a row may lie back before it is history.
const HISTORY_DAYS: i64 = 1;

/// Answers to a group of rows, in their order, as of the context's instant.
/// Fails only where the store does.
pub(crate) async fn answer(store: &Store, cx: &Cx, rows: Vec<BulkEnrollRequest>) -> Result<Vec<BulkEnrollResponse>> {
    match transaction(store, cx, rows.clone()).await {
        Err(error) if error.is_transient() && rows.len() <= 1 => Err(error),
        Err(_) => {
            let mut answers = Vec::with_capacity(rows.len());
            for row in rows {
                answers.push(alone(store, cx, row).await?);
            }
            Ok(answers)
        }
        done => done,
    }
}

async fn alone(store: &Store, cx: &Cx, row: BulkEnrollRequest) -> Result<BulkEnrollResponse> {
    match transaction(store, cx, vec![row.clone()]).await {
        Ok(mut answers) => answers.pop().ok_or_else(|| Error::internal("a row got no answer")),
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            tracing::warn!(row = row_id(&row), cause = error.cause(), reason = error.reason(), "a row was refused");
            Ok(rejected(&row, &error))
        }
    }
}

fn row_id(request: &BulkEnrollRequest) -> &str {
    request.row.as_ref().map(|row| row.row_id.as_str()).unwrap_or_default()
}

async fn transaction(store: &Store, cx: &Cx, rows: Vec<BulkEnrollRequest>) -> Result<Vec<BulkEnrollResponse>> {
    store.write((cx.clone(), rows), |tx, (cx, rows)| write(tx, cx, rows).boxed()).await
}

async fn write(tx: &Tx, cx: &Cx, rows: &[BulkEnrollRequest]) -> Result<Vec<BulkEnrollResponse>> {
    let mut answers = Vec::with_capacity(rows.len());
    if rows.iter().any(|r| r.row.as_ref().and_then(|row| row.partner.as_ref()).is_some_and(|p| !p.parent.is_empty())) {
        // Before any partner's row, which earlier rows of the group write.
        partner::store::lock_hierarchy(tx, cx).await?;
    }
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
    let from = cx.occurred("effective_time", row.effective_time.as_ref())?;
    let partner = match partner::store::find(tx.conn(), cx, &row.partner_id).await? {
        Some(found) => {
            require_writer(tx.conn(), cx, &found.name, &row.partner_id).await?;
            found.name
        }
        None => partner::create(tx, cx, &row.partner_id, &row.partner.clone().unwrap_or_default()).await?.name,
    };
    if let Some(standing) = standing(tx, cx, &row.partner_id, names::last(&program)).await? {
        return Ok(reply(row, Outcome::Unchanged, standing.name));
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
    let mut enrollment = new(&id, &in_force, tier, Vec::new(), cx);
    enrollment.imported = from < cx.now.plus_days(-HISTORY_DAYS);
    enroll::record(tx, cx, &enrollment).await?;
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
