//! The trial balance of a tenant, with its proof.

use std::collections::BTreeMap;

use stoa_kernel::{Cx, Error, Result};
use stoa_proto::{
    common::v1::{ErrorReason, Money},
    incentivize::v1::{LedgerAccountBalance, TrialBalance},
};
use stoa_store::{DbResult, Store};

use super::{
    prove::{self, Totals},
    store,
};
use crate::{commission, mdf_budget, mdf_claim};

/// Adds up the books of a tenant and proves them, all in one snapshot.
pub(super) async fn trial_balance(store: &Store, cx: &Cx) -> Result<TrialBalance> {
    cx.require_tenant_reach()?;
    let snapshot = store::snapshot(store.read()).await?;
    let books = store::books(&snapshot, cx).await?;
    let unbalanced = store::unbalanced(&snapshot, cx).await?;
    let transaction_count = i64::try_from(store::count(&snapshot, cx).await?).unwrap_or(i64::MAX);
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    let mut add = |sums: BTreeMap<String, i128>, set: fn(&mut Totals, i128)| {
        for (currency, sum) in sums {
            set(totals.entry(currency).or_default(), sum);
        }
    };
    add(mdf_budget::store::budgeted(&snapshot, cx).await?, |totals, sum| totals.budgeted = sum);
    add(mdf_budget::store::committed(&snapshot, cx).await?, |totals, sum| totals.committed = sum);
    add(mdf_claim::store::approved(&snapshot, cx).await?, |totals, sum| totals.approved = sum);
    add(mdf_claim::store::paid(&snapshot, cx).await?, |totals, sum| totals.paid = sum);
    add(commission::store::accrued(&snapshot, cx).await?, |totals, sum| totals.commissions = sum);
    snapshot.commit().await.db()?;

    let findings = prove::prove(&books, &totals, &unbalanced);
    let mut balances = Vec::with_capacity(books.len());
    for ((currency, account), sums) in &books {
        balances.push(LedgerAccountBalance {
            account: *account as i32,
            debit: Some(amount(sums.debit, currency)?),
            credit: Some(amount(sums.credit, currency)?),
            balance: Some(amount(sums.balance(), currency)?),
        });
    }
    let sums = prove::sums(&books).into_iter().map(|(currency, sum)| amount(sum, &currency)).collect::<Result<_>>()?;
    Ok(TrialBalance { name: "trialBalance".to_owned(), balances, sums, transaction_count, balanced: findings.is_empty(), findings })
}

fn amount(minor: i128, currency: &str) -> Result<Money> {
    let minor_units = i64::try_from(minor).map_err(|_| {
        Error::precondition(ErrorReason::AmountOverflow, format!("the books in {currency} add up to more than 64 bits can hold"))
    })?;
    Ok(Money { minor_units, currency_code: currency.to_owned() })
}
