use std::pin::Pin;

use futures::{FutureExt, Stream, StreamExt};
use stoa_kernel::{Cx, Error, Result, names, page::Page};
use stoa_proto::onboard::v1::{
    AssignTierRequest, AuthorizeProductLinesRequest, BulkEnrollRequest, BulkEnrollResponse, CreateEnrollmentRequest, Enrollment,
    GetEnrollmentRequest, ListEnrollmentsRequest, ListEnrollmentsResponse, ReactivateEnrollmentRequest, SuspendEnrollmentRequest,
    TerminateEnrollmentRequest, enrollment_service_server::EnrollmentService,
};
use stoa_rpc::{Deps, answer, enter, status as to_status};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::{bulk, enroll, operations, store};
use crate::Api;

/// Answers that wait for a slow reader of a bulk enrollment.
const ANSWERS_WAITING_MAX: usize = 4 * bulk::ROWS_PER_WRITE_MAX;

#[tonic::async_trait]
impl EnrollmentService for Api {
    type BulkEnrollStream = Pin<Box<dyn Stream<Item = Result<BulkEnrollResponse, Status>> + Send>>;

    async fn create_enrollment(&self, request: Request<CreateEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| enroll::create(tx, cx, request).boxed()).await)
    }

    async fn get_enrollment(&self, request: Request<GetEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let id = names::id("name", "enrollments", &request.name)?;
                store::find(self.deps.store.read(), &cx, id).await?.ok_or_else(|| Error::not_found(&request.name))
            }
            .await,
        )
    }

    async fn list_enrollments(&self, request: Request<ListEnrollmentsRequest>) -> Result<Response<ListEnrollmentsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let query = ["ListEnrollments", &request.filter];
                let page = Page::read(&self.deps.page_key, &cx, &query, request.page_size, &request.page_token)?;
                let mut enrollments = store::list(self.deps.store.read(), &cx, &page, &request.filter).await?;
                let next_page_token = page.cut(&mut enrollments, |e| vec![names::last(&e.name).to_owned()]);
                Ok(ListEnrollmentsResponse { enrollments, next_page_token })
            }
            .await,
        )
    }

    async fn assign_tier(&self, request: Request<AssignTierRequest>) -> Result<Response<Enrollment>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::assign_tier(tx, cx, request).boxed()).await)
    }

    async fn authorize_product_lines(&self, request: Request<AuthorizeProductLinesRequest>) -> Result<Response<Enrollment>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            self.deps.store.write_once(&cx, request, |tx, cx, request| operations::authorize_product_lines(tx, cx, request).boxed()).await,
        )
    }

    async fn suspend_enrollment(&self, request: Request<SuspendEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::suspend(tx, cx, request).boxed()).await)
    }

    async fn reactivate_enrollment(&self, request: Request<ReactivateEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::reactivate(tx, cx, request).boxed()).await)
    }

    async fn terminate_enrollment(&self, request: Request<TerminateEnrollmentRequest>) -> Result<Response<Enrollment>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::terminate(tx, cx, request).boxed()).await)
    }

    async fn bulk_enroll(&self, request: Request<Streaming<BulkEnrollRequest>>) -> Result<Response<Self::BulkEnrollStream>, Status> {
        let (cx, rows) = enter(request)?;
        cx.require_tenant_reach().map_err(to_status)?;
        let (sender, receiver) = mpsc::channel(ANSWERS_WAITING_MAX);
        tokio::spawn(bulk_enroll(self.deps.clone(), cx, rows, sender));
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))))
    }
}

/// Answers rows as they come, a group at a time, each as of the instant that the
/// group came: a stream may last for hours. Ends with the stream, with a
/// failure of the store, or when nobody reads the answers any more.
async fn bulk_enroll(
    deps: Deps,
    mut cx: Cx,
    rows: Streaming<BulkEnrollRequest>,
    answers: mpsc::Sender<Result<BulkEnrollResponse, Status>>,
) {
    let mut groups = rows.ready_chunks(bulk::ROWS_PER_WRITE_MAX);
    let mut row_count = 0;
    while let Some(group) = groups.next().await {
        let mut good = Vec::with_capacity(group.len());
        let mut broken = None;
        for item in group {
            match item {
                Ok(row) => good.push(row),
                Err(status) => {
                    broken = Some(status);
                    break;
                }
            }
        }
        cx.now = deps.clock.now();
        match bulk::answer(&deps.store, &cx, good).await {
            Ok(done) => {
                for mut one in done {
                    row_count += 1;
                    one.row_count = row_count;
                    if answers.send(Ok(one)).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => broken = Some(to_status(error)),
        }
        if let Some(status) = broken {
            // A closed channel means that the caller is gone: nobody to tell.
            answers.send(Err(status)).await.ok();
            return;
        }
    }
}
