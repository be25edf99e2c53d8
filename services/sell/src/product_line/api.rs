use futures::FutureExt;
use stoa_kernel::{Error, Result, names, page::Page};
use stoa_proto::sell::v1::{
    CreateProductLineRequest, GetProductLineRequest, ListProductLinesRequest, ListProductLinesResponse, ProductLine,
    product_line_service_server::ProductLineService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl ProductLineService for Api {
    async fn create_product_line(&self, request: Request<CreateProductLineRequest>) -> Result<Response<ProductLine>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::create(tx, cx, request).boxed()).await)
    }

    async fn get_product_line(&self, request: Request<GetProductLineRequest>) -> Result<Response<ProductLine>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "productLines", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_product_lines(&self, request: Request<ListProductLinesRequest>) -> Result<Response<ListProductLinesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let page = Page::read(&self.deps.page_key, &cx, &["ListProductLines"], request.page_size, &request.page_token)?;
                let mut product_lines = store::list(self.deps.store.read(), &cx, &page).await?;
                let next_page_token = page.cut(&mut product_lines, |p| vec![names::last(&p.name).to_owned()]);
                Ok(ListProductLinesResponse { product_lines, next_page_token })
            }
            .await,
        )
    }
}
