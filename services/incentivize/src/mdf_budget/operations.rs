//! What happens to budgets, each time with its posting.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Money, Result, Timestamp, etag, ids, names};
use stoa_proto::incentivize::v1::{CreateMdfBudgetRequest, MdfBudget, MdfBudgetCommitted, MdfBudgetCreated, MdfBudgetReleased, MdfRequest};
use stoa_store::Tx;

use super::{committed, new, released, store};
use crate::ledger;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateMdfBudgetRequest) -> Result<MdfBudget> {
    cx.require_tenant_reach()?;
    let id = ids::chosen_or_new("mdf_budget_id", &request.mdf_budget_id)?;
    let budget = new(&id, &request.mdf_budget.clone().unwrap_or_default(), cx)?;
    store::insert(tx, cx, &budget).await?;
    stoa_events::append(tx, cx, Fact::new(&budget.name, 1), &MdfBudgetCreated { mdf_budget: Some(budget.clone()) }).await?;
    ledger::post(tx, cx, &ledger::budget_created(&budget)?, cx.now).await?;
    Ok(budget)
}

/// Takes an amount for a request that is approved in this transaction. The
/// budget's row stays locked until it ends.
pub(crate) async fn commit(tx: &Tx, cx: &Cx, request: &MdfRequest, amount: Money) -> Result<()> {
    let missing = || Error::reference_not_found("mdf_budget", &request.mdf_budget);
    let current = store::lock(tx, cx, names::last(&request.mdf_budget)).await?.ok_or_else(missing)?;
    let budget = committed(&current, request, amount, cx)?;
    store::save(tx, cx, &budget).await?;
    let event = MdfBudgetCommitted { mdf_budget: Some(budget.clone()) };
    stoa_events::append(tx, cx, fact(&budget, cx.now), &event).await?;
    ledger::post(tx, cx, &ledger::reserved(request)?, cx.now).await
}

/// Gives back what a request, in the version it has after the fact, releases.
pub(crate) async fn release(tx: &Tx, cx: &Cx, request: &MdfRequest, amount: Money, at: Timestamp) -> Result<()> {
    if amount.minor == 0 {
        return Ok(());
    }
    let missing = || Error::internal(format!("the budget of {} is gone", request.name));
    let current = store::lock(tx, cx, names::last(&request.mdf_budget)).await?.ok_or_else(missing)?;
    let budget = released(&current, amount, cx)?;
    store::save(tx, cx, &budget).await?;
    let event = MdfBudgetReleased { mdf_budget: Some(budget.clone()) };
    stoa_events::append(tx, cx, fact(&budget, at), &event).await?;
    ledger::post(tx, cx, &ledger::released(request, amount)?, cx.now).await
}

fn fact(budget: &MdfBudget, at: Timestamp) -> Fact<'_> {
    Fact::new(&budget.name, etag::version(&budget.etag)).occurred(at).changed(vec!["committed_amount".to_owned()])
}
