use std::pin::Pin;

use futures::{FutureExt, Stream, StreamExt, stream};
use stoa_kernel::{Cx, Error, Result, names, page::Page};
use stoa_proto::sell::v1::{
    BatchPushChangesRequest, BatchPushChangesResponse, CreateCrmConnectorRequest, CrmConnector, CrmRow, CrmRowResult,
    GetCrmConnectorRequest, ListCrmConnectorsRequest, ListCrmConnectorsResponse, PushChangesRequest, PushChangesResponse,
    UpdateCrmConnectorRequest, crm_connector_service_server::CrmConnectorService, crm_sync_service_server::CrmSyncService,
};
use stoa_rpc::{Deps, answer, enter};
use tonic::{Request, Response, Status, Streaming};

use super::{
    batch::{Pusher, ROWS_MAX},
    connector::{operations as connector, store},
};
use crate::Api;

/// Rows of one unary call.
const BATCH_ROWS_MAX: usize = 1000;

#[tonic::async_trait]
impl CrmConnectorService for Api {
    async fn create_crm_connector(&self, request: Request<CreateCrmConnectorRequest>) -> Result<Response<CrmConnector>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| connector::create(tx, cx, request).boxed()).await)
    }

    async fn get_crm_connector(&self, request: Request<GetCrmConnectorRequest>) -> Result<Response<CrmConnector>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "crmConnectors", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_crm_connectors(&self, request: Request<ListCrmConnectorsRequest>) -> Result<Response<ListCrmConnectorsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let page = Page::read(&self.deps.page_key, &cx, &["ListCrmConnectors"], request.page_size, &request.page_token)?;
                let mut crm_connectors = store::list(self.deps.store.read(), &cx, &page).await?;
                let next_page_token = page.cut(&mut crm_connectors, |c| vec![names::last(&c.name).to_owned()]);
                Ok(ListCrmConnectorsResponse { crm_connectors, next_page_token })
            }
            .await,
        )
    }

    async fn update_crm_connector(&self, request: Request<UpdateCrmConnectorRequest>) -> Result<Response<CrmConnector>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| connector::update(tx, cx, request).boxed()).await)
    }
}

#[tonic::async_trait]
impl CrmSyncService for Api {
    type PushChangesStream = Pin<Box<dyn Stream<Item = Result<PushChangesResponse, Status>> + Send>>;

    async fn push_changes(&self, request: Request<Streaming<PushChangesRequest>>) -> Result<Response<Self::PushChangesStream>, Status> {
        let (cx, rows) = enter(request)?;
        // Takes what has arrived and waits for nothing: a fast sender gets large
        // transactions, a slow one quick answers.
        let chunks = rows.ready_chunks(ROWS_MAX);
        let answers = stream::unfold(Some((Push::new(&self.deps, cx), chunks)), |state| async move {
            let (mut push, mut chunks) = state?;
            let chunk = chunks.next().await?;
            let (answers, broken) = push.take(chunk).await;
            let rest = if broken { None } else { Some((push, chunks)) };
            Some((stream::iter(answers), rest))
        });
        Ok(Response::new(Box::pin(answers.flatten())))
    }

    async fn batch_push_changes(&self, request: Request<BatchPushChangesRequest>) -> Result<Response<BatchPushChangesResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(push_batch(&self.deps, &cx, request).await)
    }
}

async fn push_batch(deps: &Deps, cx: &Cx, request: BatchPushChangesRequest) -> Result<BatchPushChangesResponse> {
    if request.rows.len() > BATCH_ROWS_MAX {
        return Err(Error::invalid("rows", format!("must have at most {BATCH_ROWS_MAX} entries, has {}; split them", request.rows.len())));
    }
    let mut pusher = Pusher::open(deps, cx, &request.connector).await?;
    let mut results = Vec::with_capacity(request.rows.len());
    let mut rows = request.rows.into_iter();
    loop {
        let chunk: Vec<CrmRow> = rows.by_ref().take(ROWS_MAX).collect();
        if chunk.is_empty() {
            return Ok(BatchPushChangesResponse { results });
        }
        results.extend(pusher.push(chunk).await?);
    }
}

/// A stream of rows on its way.
struct Push {
    deps: Deps,
    cx: Cx,
    pusher: Option<Pusher>,
    row_count: i64,
}

impl Push {
    fn new(deps: &Deps, cx: Cx) -> Self {
        Self { deps: deps.clone(), cx, pusher: None, row_count: 0 }
    }

    /// Answers a chunk; says whether the stream ends with it.
    async fn take(&mut self, chunk: Vec<Result<PushChangesRequest, Status>>) -> (Vec<Result<PushChangesResponse, Status>>, bool) {
        let (mut requests, mut failure) = (Vec::with_capacity(chunk.len()), None);
        for item in chunk {
            match item {
                Ok(request) => requests.push(request),
                Err(status) => {
                    failure = Some(status);
                    break;
                }
            }
        }
        let mut answers = Vec::with_capacity(requests.len() + 1);
        match self.push(requests).await {
            Ok(results) => answers.extend(results.into_iter().map(|result| Ok(self.counted(result)))),
            Err(error) => failure = Some(stoa_rpc::status(error)),
        }
        let broken = failure.is_some();
        answers.extend(failure.map(Err));
        (answers, broken)
    }

    async fn push(&mut self, requests: Vec<PushChangesRequest>) -> Result<Vec<CrmRowResult>> {
        let Some(first) = requests.first() else { return Ok(Vec::new()) };
        let mut pusher = match self.pusher.take() {
            Some(pusher) => pusher,
            None => Pusher::open(&self.deps, &self.cx, &first.connector).await?,
        };
        if let Some(other) = requests.iter().find(|request| request.connector != pusher.connector()) {
            let message = format!("must be {} on every row of this stream, is {}", pusher.connector(), other.connector);
            return Err(Error::invalid("connector", message));
        }
        let results = pusher.push(requests.into_iter().map(|request| request.row.unwrap_or_default()).collect()).await;
        self.pusher = Some(pusher);
        results
    }

    fn counted(&mut self, result: CrmRowResult) -> PushChangesResponse {
        self.row_count += 1;
        PushChangesResponse { result: Some(result), row_count: self.row_count }
    }
}
