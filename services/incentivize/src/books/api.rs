use stoa_kernel::Result;
use stoa_proto::incentivize::v1::{
    GetTrialBalanceRequest, ListLedgerTransactionsRequest, ListLedgerTransactionsResponse, TrialBalance,
    ledger_service_server::LedgerService,
};
use stoa_rpc::{answer, enter};
use stoa_service::list;
use tonic::{Request, Response, Status};

use super::trial_balance::trial_balance;
use crate::{Api, ledger::LedgerTransactions};

#[tonic::async_trait]
impl LedgerService for Api {
    async fn list_ledger_transactions(
        &self,
        request: Request<ListLedgerTransactionsRequest>,
    ) -> Result<Response<ListLedgerTransactionsResponse>, Status> {
        list::<LedgerTransactions, _>(&self.deps, request).await
    }

    async fn get_trial_balance(&self, request: Request<GetTrialBalanceRequest>) -> Result<Response<TrialBalance>, Status> {
        let (cx, _) = enter(request)?;
        answer(trial_balance(&self.deps.store, &cx).await)
    }
}
