use std::sync::Arc;

use futures::FutureExt;
use stoa_kernel::{Cx, Error, Result, names, page::Page};
use stoa_proto::sell::v1::{
    AdvanceDealStageRequest, ApproveDealRegistrationRequest, CorrectDealRequest, CreateDealRequest, Credit, Deal,
    ExtendDealProtectionRequest, GetDealRequest, ListDealsRequest, ListDealsResponse, LoseDealRequest, RejectDealRegistrationRequest,
    RequestDealActionRequest, SubmitDealRegistrationRequest, UpdateDealRequest, WinDealRequest, WithdrawDealRegistrationRequest,
    deal_service_server::DealService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{close, decide, operations, registration, store, submit};
use crate::Api;

/// What a write needs to know that the owner may have to be asked for: found
/// out before the transaction. A refusal is given inside of it, so that a retry
/// of a request that was answered gets that answer.
impl Api {
    /// Refuses credits of partners that do not exist.
    async fn check_credited(&self, cx: &Cx, field: &str, credits: &[Credit]) -> Result<()> {
        for credit in credits {
            stoa_directory::require_partner(&self.deps, cx, field, &credit.partner).await?;
        }
        Ok(())
    }

    async fn check_named(&self, cx: &Cx, deal: Option<&Deal>) -> Result<()> {
        let Some(deal) = deal else { return Ok(()) };
        if !deal.partner.is_empty() {
            stoa_directory::require_partner(&self.deps, cx, "deal.partner", &deal.partner).await?;
        }
        self.check_credited(cx, "deal.credits.partner", &deal.credits).await
    }

    async fn create(&self, cx: &Cx, request: CreateDealRequest) -> Result<Deal> {
        let checked = self.check_named(cx, request.deal.as_ref()).await;
        self.deps
            .store
            .write_once(cx, request, move |tx, cx, request| {
                let checked = checked.clone();
                async move {
                    checked?;
                    operations::create(tx, cx, request).await
                }
                .boxed()
            })
            .await
    }

    async fn update(&self, cx: &Cx, request: UpdateDealRequest) -> Result<Deal> {
        let credits = request.deal.as_ref().map(|deal| deal.credits.as_slice()).unwrap_or_default();
        let checked = self.check_credited(cx, "deal.credits.partner", credits).await;
        self.deps
            .store
            .write_once(cx, request, move |tx, cx, request| {
                let checked = checked.clone();
                async move {
                    checked?;
                    operations::update(tx, cx, request).await
                }
                .boxed()
            })
            .await
    }

    async fn submit(&self, cx: &Cx, request: SubmitDealRegistrationRequest) -> Result<Deal> {
        let authorized = Arc::new(submit::authorized(&self.deps, cx, &request.name).await);
        self.deps
            .store
            .write_once(cx, request, move |tx, cx, request| {
                let authorized = authorized.clone();
                async move { submit::submit(tx, cx, request, authorized.as_ref().as_ref().map_err(Clone::clone)?).await }.boxed()
            })
            .await
    }

    async fn correct(&self, cx: &Cx, request: CorrectDealRequest) -> Result<Deal> {
        let checked = self.check_credited(cx, "credits.partner", &request.credits).await;
        self.deps
            .store
            .write_once(cx, request, move |tx, cx, request| {
                let checked = checked.clone();
                async move {
                    checked?;
                    close::correct(tx, cx, request).await
                }
                .boxed()
            })
            .await
    }
}

#[tonic::async_trait]
impl DealService for Api {
    async fn create_deal(&self, request: Request<CreateDealRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.create(&cx, request).await)
    }

    async fn get_deal(&self, request: Request<GetDealRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "deals", &request.name)?;
                let found = store::find(self.deps.store.read(), &cx, id).await?;
                found.map(|deal| registration::seen(deal, cx.now)).ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_deals(&self, request: Request<ListDealsRequest>) -> Result<Response<ListDealsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListDeals", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut deals = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut deals, |d| vec![names::last(&d.name).to_owned()]);
                Ok(ListDealsResponse { deals, next_page_token })
            }
            .await,
        )
    }

    async fn update_deal(&self, request: Request<UpdateDealRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.update(&cx, request).await)
    }

    async fn submit_deal_registration(&self, request: Request<SubmitDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.submit(&cx, request).await)
    }

    async fn approve_deal_registration(&self, request: Request<ApproveDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| decide::approve(tx, cx, request).boxed()).await)
    }

    async fn reject_deal_registration(&self, request: Request<RejectDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| decide::reject(tx, cx, request).boxed()).await)
    }

    async fn request_deal_action(&self, request: Request<RequestDealActionRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| decide::request_action(tx, cx, request).boxed()).await)
    }

    async fn withdraw_deal_registration(&self, request: Request<WithdrawDealRegistrationRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| decide::withdraw(tx, cx, request).boxed()).await)
    }

    async fn extend_deal_protection(&self, request: Request<ExtendDealProtectionRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| decide::extend(tx, cx, request).boxed()).await)
    }

    async fn advance_deal_stage(&self, request: Request<AdvanceDealStageRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| close::advance(tx, cx, request).boxed()).await)
    }

    async fn win_deal(&self, request: Request<WinDealRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| close::win(tx, cx, request).boxed()).await)
    }

    async fn lose_deal(&self, request: Request<LoseDealRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| close::lose(tx, cx, request).boxed()).await)
    }

    async fn correct_deal(&self, request: Request<CorrectDealRequest>) -> Result<Response<Deal>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.correct(&cx, request).await)
    }
}
