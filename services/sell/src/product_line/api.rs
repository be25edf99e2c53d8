use stoa_kernel::Result;
use stoa_proto::sell::v1::{
    CreateProductLineRequest, GetProductLineRequest, ListProductLinesRequest, ListProductLinesResponse, ProductLine,
    product_line_service_server::ProductLineService,
};
use stoa_service::{get, list, write};
use tonic::{Request, Response, Status};

use super::{operations, store::ProductLines};
use crate::Api;

#[tonic::async_trait]
impl ProductLineService for Api {
    async fn create_product_line(&self, request: Request<CreateProductLineRequest>) -> Result<Response<ProductLine>, Status> {
        write(&self.deps, request, operations::create).await
    }

    async fn get_product_line(&self, request: Request<GetProductLineRequest>) -> Result<Response<ProductLine>, Status> {
        get::<ProductLines>(&self.deps, request).await
    }

    async fn list_product_lines(&self, request: Request<ListProductLinesRequest>) -> Result<Response<ListProductLinesResponse>, Status> {
        list::<ProductLines, _>(&self.deps, request).await
    }
}
