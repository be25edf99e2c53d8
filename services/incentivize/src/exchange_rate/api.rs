use futures::FutureExt;
use stoa_kernel::{Error, names, page::Page};
use stoa_proto::incentivize::v1::{
    BatchCreateExchangeRatesRequest, BatchCreateExchangeRatesResponse, CreateExchangeRateRequest, ExchangeRate, GetExchangeRateRequest,
    ListExchangeRatesRequest, ListExchangeRatesResponse, UpdateExchangeRateRequest, exchange_rate_service_server::ExchangeRateService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl ExchangeRateService for Api {
    async fn create_exchange_rate(&self, request: Request<CreateExchangeRateRequest>) -> Result<Response<ExchangeRate>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn batch_create_exchange_rates(
        &self,
        request: Request<BatchCreateExchangeRatesRequest>,
    ) -> Result<Response<BatchCreateExchangeRatesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::batch_create(tx, cx, request).boxed()).await)
    }

    async fn get_exchange_rate(&self, request: Request<GetExchangeRateRequest>) -> Result<Response<ExchangeRate>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "exchangeRates", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_exchange_rates(&self, request: Request<ListExchangeRatesRequest>) -> Result<Response<ListExchangeRatesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListExchangeRates", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut exchange_rates = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut exchange_rates, |r| vec![names::last(&r.name).to_owned()]);
                Ok(ListExchangeRatesResponse { exchange_rates, next_page_token })
            }
            .await,
        )
    }

    async fn update_exchange_rate(&self, request: Request<UpdateExchangeRateRequest>) -> Result<Response<ExchangeRate>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }
}
