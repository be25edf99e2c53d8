//! Bulk enrollment: many rows, one answer each, none lost or doubled.
//!
//! The answer to a row that was taken is stored with the row's effects, in one
//! transaction, under (bulk enrollment, row id): sending the row again returns
//! that answer. A refused row leaves nothing behind and is tried again when it
//! is sent again.

use aws_lc_rs::digest;
use futures::stream::BoxStream;
use prost::Message;
use stoa_kernel::{Cx, Error, Reason, Result, ids, names};
use stoa_proto::{
    common::v1::ErrorReason as Common,
    onboard::v1::{Agreement, BulkEnrollOutcome as Outcome, BulkEnrollRequest, BulkEnrollResponse, BulkEnrollRow, ErrorReason, RowError},
    validate,
};
use stoa_rpc::Rows;
use stoa_service::{Deps, batch};
use stoa_store::{Store, Tx};
use tonic::{Status, Streaming};

use super::{bulk_group::Group, new};
use crate::{agreement, onboarding_plan};

/// Rows written in one transaction.
const ROWS_PER_WRITE_MAX: usize = 100;

/// Days that a row may lie back before it is history.
const HISTORY_DAYS: i64 = 1;

/// A stream of rows on its way.
struct Enrolling {
    deps: Deps,
    cx: Cx,
    row_count: i64,
}

/// Answers rows as they come.
pub(super) fn enroll(
    deps: &Deps,
    cx: Cx,
    turns: Rows,
    rows: Streaming<BulkEnrollRequest>,
) -> Result<BoxStream<'static, Result<BulkEnrollResponse, Status>>> {
    cx.require_tenant_reach()?;
    Ok(batch::answers(turns, rows, ROWS_PER_WRITE_MAX, Enrolling { deps: deps.clone(), cx, row_count: 0 }, next_group))
}

/// Answers a group as of the instant that it came: a stream may last for hours.
async fn next_group(mut on: Enrolling, rows: Vec<BulkEnrollRequest>) -> Result<(Enrolling, Vec<BulkEnrollResponse>)> {
    on.cx.now = on.deps.clock.now();
    let mut answers = answer(&on.deps.store, &on.cx, rows).await?;
    for answer in &mut answers {
        on.row_count += 1;
        answer.row_count = on.row_count;
    }
    Ok((on, answers))
}

/// Answers to a group of rows, in their order, as of the context's instant.
pub(crate) async fn answer(store: &Store, cx: &Cx, rows: Vec<BulkEnrollRequest>) -> Result<Vec<BulkEnrollResponse>> {
    batch::write_rows(rows, |rows| store.run(cx, rows, write), rejected).await
}

async fn write(tx: &Tx, cx: &Cx, rows: &Vec<BulkEnrollRequest>) -> Result<Vec<BulkEnrollResponse>> {
    let mut group = Group::read(tx, cx, rows).await?;
    let mut answers = Vec::with_capacity(rows.len());
    for request in rows {
        answers.push(write_row(tx, cx, request, &mut group).await?);
    }
    group.finish(tx, cx).await?;
    Ok(answers)
}

/// Answers one row. An error rolls the transaction back.
async fn write_row(tx: &Tx, cx: &Cx, request: &BulkEnrollRequest, group: &mut Group) -> Result<BulkEnrollResponse> {
    let row = request.row.clone().unwrap_or_default();
    let broken = validate::violations(&row);
    if !broken.is_empty() {
        return Ok(invalid(&row, broken));
    }
    let hash = digest::digest(&digest::SHA256, &row.encode_to_vec()).as_ref().to_vec();
    if let Some((known, answer)) = group.answer(request, &row.row_id) {
        let again = || BulkEnrollResponse { replayed: true, ..answer.clone() };
        return Ok(if *known == hash { again() } else { rejected(request, &row_id_reused(&row.row_id)) });
    }
    let answer = enroll_row(tx, cx, request, &row, group).await?;
    group.keep_answer(request, hash, &answer);
    Ok(answer)
}

async fn enroll_row(tx: &Tx, cx: &Cx, request: &BulkEnrollRequest, row: &BulkEnrollRow, group: &mut Group) -> Result<BulkEnrollResponse> {
    let program = group.program(tx, cx, row).await?;
    let tier = group.tier(tx, cx, &program, row).await?;
    let from = cx.occurred("effective_time", row.effective_time.as_ref())?;
    let partner = group.partner(tx, cx, row).await?;
    if let Some(member) = group.member(tx, cx, row, &program).await? {
        return Ok(reply(row, Outcome::Unchanged, member.name));
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
    let mut enrollment = new(&id, &in_force, tier, &[], cx.now);
    enrollment.imported = from < cx.now.plus_days(-HISTORY_DAYS);
    let enrollment = group.enroll(tx, cx, row, enrollment).await?;
    if !enrollment.imported {
        onboarding_plan::start(tx, cx, &enrollment).await?;
    }
    Ok(reply(row, Outcome::Enrolled, enrollment.name))
}

fn row_id_reused(row_id: &str) -> Error {
    Error::invalid("row_id", format!("`{row_id}` was sent before with other contents; give the changed row a new id"))
        .with_reason(ErrorReason::BulkRowChanged)
}

fn reply(row: &BulkEnrollRow, outcome: Outcome, enrollment: String) -> BulkEnrollResponse {
    BulkEnrollResponse { row_id: row.row_id.clone(), outcome: outcome as i32, enrollment, ..Default::default() }
}

fn invalid(row: &BulkEnrollRow, broken: Vec<validate::Violation>) -> BulkEnrollResponse {
    let reason = Reason::from(Common::InvalidField).to_string();
    let error = |v: validate::Violation| RowError { field: v.field, reason: reason.clone(), message: v.message };
    BulkEnrollResponse { errors: broken.into_iter().map(error).collect(), ..reply(row, Outcome::Rejected, String::new()) }
}

fn rejected(request: &BulkEnrollRequest, error: &Error) -> BulkEnrollResponse {
    let row = request.row.clone().unwrap_or_default();
    let field = error.fields().first().map(|f| f.field.clone()).unwrap_or_default();
    let errors = vec![RowError { field, reason: error.reason().to_string(), message: error.message().to_owned() }];
    BulkEnrollResponse { errors, ..reply(&row, Outcome::Rejected, String::new()) }
}
