//! Moving a deal through its pipeline to its end, and correcting that end.

use stoa_kernel::{Cx, Error, Money, Result};
use stoa_proto::sell::v1::{AdvanceDealStageRequest, CorrectDealRequest, Deal, LoseDealRequest, WinDealRequest};
use stoa_store::Tx;

use super::{
    facts::{self, Happened, Step},
    operations::load,
    pipeline,
};

pub(super) async fn advance(tx: &Tx, cx: &Cx, request: &AdvanceDealStageRequest) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = pipeline::staged(&current, request.target_stage(), cx)?;
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::StageChanged)]).await
}

/// A won deal has an amount: revenue and commission follow from it.
pub(super) async fn win(tx: &Tx, cx: &Cx, request: &WinDealRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let amount = request.amount.as_ref().map(|amount| Money::not_negative("amount", amount)).transpose()?;
    let deal = pipeline::won(&current, amount, cx.now, cx)?;
    if deal.amount.is_none() {
        return Err(Error::invalid("amount", "must be set: the deal has none"));
    }
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::Won)]).await
}

pub(super) async fn lose(tx: &Tx, cx: &Cx, request: &LoseDealRequest) -> Result<Deal> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = pipeline::lost(&current, &request.reason, &request.competitor, cx.now, cx)?;
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::Lost)]).await
}

pub(super) async fn correct(tx: &Tx, cx: &Cx, request: &CorrectDealRequest) -> Result<Deal> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deal = pipeline::corrected(&current, request, cx)?;
    facts::write(tx, cx, Some(&current), vec![Step::now(cx, deal, Happened::Corrected)]).await
}
