use stoa_kernel::Result;
use stoa_proto::incentivize::v1::{
    BatchCreateExchangeRatesRequest, BatchCreateExchangeRatesResponse, CreateExchangeRateRequest, ExchangeRate, GetExchangeRateRequest,
    ListExchangeRatesRequest, ListExchangeRatesResponse, UpdateExchangeRateRequest, exchange_rate_service_server::ExchangeRateService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::ExchangeRates};
use crate::Api;

#[tonic::async_trait]
impl ExchangeRateService for Api {
    async fn create_exchange_rate(&self, request: Request<CreateExchangeRateRequest>) -> Result<Response<ExchangeRate>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn batch_create_exchange_rates(
        &self,
        request: Request<BatchCreateExchangeRatesRequest>,
    ) -> Result<Response<BatchCreateExchangeRatesResponse>, Status> {
        write(&self.deps, request, operations::batch_create).await
    }

    async fn get_exchange_rate(&self, request: Request<GetExchangeRateRequest>) -> Result<Response<ExchangeRate>, Status> {
        get::<ExchangeRates>(&self.deps, request).await
    }

    async fn list_exchange_rates(&self, request: Request<ListExchangeRatesRequest>) -> Result<Response<ListExchangeRatesResponse>, Status> {
        list::<ExchangeRates, _>(&self.deps, request).await
    }

    async fn update_exchange_rate(&self, request: Request<UpdateExchangeRateRequest>) -> Result<Response<ExchangeRate>, Status> {
        write(&self.deps, request, operations::update).await
    }
}
