//! Operations on budgets, each with its posting.

use stoa_events::{Step, record, record_created};
use stoa_kernel::{Cx, Error, Money, Result, Timestamp, names};
use stoa_proto::incentivize::v1::{CreateMdfBudgetRequest, MdfBudget, MdfBudgetCommitted, MdfBudgetCreated, MdfBudgetReleased, MdfRequest};
use stoa_store::{Tx, documents};

use super::{committed, new, released, store::MdfBudgets};
use crate::ledger;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateMdfBudgetRequest) -> Result<MdfBudget> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("mdf_budget_id", &request.mdf_budget_id)?;
    let budget = new(&id, &request.mdf_budget.clone().unwrap_or_default())?;
    let budget = record_created::<MdfBudgets, MdfBudgetCreated>(tx, cx, budget).await?;
    ledger::post(tx, cx, &ledger::budget_created(&budget)?, cx.now).await?;
    Ok(budget)
}

/// Returns the budget of a request, locked until the transaction ends, whoever
/// the caller is: a partner that cancels its own request gives back to a budget
/// that it cannot see.
async fn lock(tx: &Tx, cx: &Cx, request: &MdfRequest) -> Result<Option<MdfBudget>> {
    documents::lock::<MdfBudgets>(tx, &cx.as_service(crate::NAME), names::last(&request.mdf_budget)).await
}

/// Commits an amount to a request that is approved in this transaction.
pub(crate) async fn commit(tx: &Tx, cx: &Cx, request: &MdfRequest, amount: Money) -> Result<()> {
    let missing = || Error::reference_not_found("mdf_budget", &request.mdf_budget);
    let current = lock(tx, cx, request).await?.ok_or_else(missing)?;
    let step = Step::new::<MdfBudgetCommitted>(committed(&current, request, amount)?);
    record::<MdfBudgets>(tx, cx, Some(&current), [step]).await?;
    ledger::post(tx, cx, &ledger::reserved(request)?, cx.now).await
}

/// Gives back what a request releases. `request` is the version that released it.
pub(crate) async fn release(tx: &Tx, cx: &Cx, request: &MdfRequest, amount: Money, at: Timestamp) -> Result<()> {
    if amount.minor == 0 {
        return Ok(());
    }
    let missing = || Error::internal(format!("the budget of {} is gone", request.name));
    let current = lock(tx, cx, request).await?.ok_or_else(missing)?;
    let step = Step::new::<MdfBudgetReleased>(released(&current, amount)?).at(at);
    record::<MdfBudgets>(tx, cx, Some(&current), [step]).await?;
    ledger::post(tx, cx, &ledger::released(request, amount)?, cx.now).await
}
