use std::collections::BTreeMap;

use stoa_kernel::{Cx, Error, Result, page::Page};
use stoa_proto::{
    common::v1::Money,
    incentivize::v1::{
        GetTrialBalanceRequest, LedgerAccountBalance, ListLedgerTransactionsRequest, ListLedgerTransactionsResponse, TrialBalance,
        ledger_service_server::LedgerService,
    },
};
use stoa_rpc::{answer, enter};
use stoa_store::{DbResult, Store};
use tonic::{Request, Response, Status};

use super::{
    prove::{self, Totals},
    store,
};
use crate::{Api, commission, mdf_budget, mdf_claim};

#[tonic::async_trait]
impl LedgerService for Api {
    async fn list_ledger_transactions(
        &self,
        request: Request<ListLedgerTransactionsRequest>,
    ) -> Result<Response<ListLedgerTransactionsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListLedgerTransactions", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut ledger_transactions = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut ledger_transactions, store::key);
                Ok(ListLedgerTransactionsResponse { ledger_transactions, next_page_token })
            }
            .await,
        )
    }

    async fn get_trial_balance(&self, request: Request<GetTrialBalanceRequest>) -> Result<Response<TrialBalance>, Status> {
        let (cx, _) = enter(request)?;
        answer(trial_balance(&self.deps.store, &cx).await)
    }
}

/// Adds up the books of a tenant and proves them, all in one snapshot.
async fn trial_balance(store: &Store, cx: &Cx) -> Result<TrialBalance> {
    cx.require_tenant_reach()?;
    let snapshot = store::snapshot(store.read()).await?;
    let books = store::books(&snapshot, cx).await?;
    let unbalanced = store::unbalanced(&snapshot, cx).await?;
    let transaction_count = i64::try_from(store::count(&snapshot, cx).await?).unwrap_or(i64::MAX);
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    mdf_budget::store::totals(&snapshot, cx, &mut totals).await?;
    mdf_claim::store::totals(&snapshot, cx, &mut totals).await?;
    for (currency, sum) in commission::store::total(&snapshot, cx).await? {
        totals.entry(currency).or_default().commissions = sum;
    }
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
    let minor_units = i64::try_from(minor)
        .map_err(|_| Error::precondition("AMOUNT_OVERFLOW", format!("the books in {currency} add up to more than 64 bits can show")))?;
    Ok(Money { minor_units, currency_code: currency.to_owned() })
}
