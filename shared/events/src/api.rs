//! The RPC service over the logs of the services that this process runs.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use stoa_kernel::{
    Cx, Error, Result,
    page::{Page, PageKey},
    positions::Positions,
};
use stoa_proto::events::v1::{
    ListEventsRequest, ListEventsResponse, ListParkedEventsRequest, ListParkedEventsResponse, ReadEventsRequest, ReadEventsResponse,
    ReplayParkedEventsRequest, ReplayParkedEventsResponse, event_service_server::EventService,
};
use stoa_store::Store;
use tonic::{Request, Response, Status};

use crate::{log::EventLog, parked, subscription::Subscription};

/// Maximum number of events that one query of a stream reads. It reads fewer if
/// they are large.
const EVENTS_PER_QUERY_MAX: u64 = 500;

/// `stoa.events.v1.EventService`.
#[derive(Clone)]
pub struct EventsApi {
    services: Arc<HashMap<&'static str, (Store, Vec<Subscription>)>>,
    page_key: PageKey,
    status: fn(Error) -> Status,
}

impl EventsApi {
    /// Creates the API over these services' stores and subscriptions. `status`
    /// converts failures to answers as the rest of the server does.
    #[must_use]
    pub fn new(services: HashMap<&'static str, (Store, Vec<Subscription>)>, page_key: PageKey, status: fn(Error) -> Status) -> Self {
        Self { services: Arc::new(services), page_key, status }
    }

    /// The context that access made, and the message.
    fn enter<T>(&self, request: Request<T>) -> Result<(Cx, T), Status> {
        let (_, mut extensions, message) = request.into_parts();
        let missing = || (self.status)(Error::internal("the request has no context: it did not come through the door"));
        Ok((extensions.remove::<Cx>().ok_or_else(missing)?, message))
    }

    fn answer<T>(&self, result: Result<T>) -> Result<Response<T>, Status> {
        result.map(Response::new).map_err(self.status)
    }

    fn service(&self, cx: &Cx, name: &str) -> Result<(&'static str, &Store, &[Subscription])> {
        cx.caller.require_target(name)?;
        let found = self.services.get_key_value(name).ok_or_else(|| Error::not_found(&format!("services/{name}")))?;
        Ok((found.0, &found.1.0, &found.1.1))
    }

    async fn list(&self, cx: &Cx, request: ListEventsRequest) -> Result<ListEventsResponse> {
        let (service, store, _) = self.service(cx, &request.service)?;
        let query = ["ListEvents", service, &request.filter];
        let page = Page::read(&self.page_key, cx, &query, request.page_size, &request.page_token)?;
        let positions = Positions::new(&self.page_key, &cx.tenant, service);
        let (events, next_page_token) = EventLog::new(store.clone(), service).list(cx, &positions, &page, &request.filter).await?;
        Ok(ListEventsResponse { events, next_page_token })
    }

    async fn list_parked(&self, cx: &Cx, request: ListParkedEventsRequest) -> Result<ListParkedEventsResponse> {
        cx.require_tenant_reach()?;
        let (service, store, _) = self.service(cx, &request.service)?;
        let page = Page::read(&self.page_key, cx, &["ListParkedEvents", service], request.page_size, &request.page_token)?;
        let (mut parked_events, next_page_token) = parked::list(store, service, cx, &page).await?;
        for event in parked_events.iter_mut().filter_map(|parked| parked.event.as_mut()) {
            let source = event.subject.split('.').next().unwrap_or_default();
            event.position = Positions::new(&self.page_key, &cx.tenant, source).seal(event.position);
        }
        Ok(ListParkedEventsResponse { parked_events, next_page_token })
    }

    async fn replay(&self, cx: &Cx, request: ReplayParkedEventsRequest) -> Result<ReplayParkedEventsResponse> {
        cx.require_tenant_reach()?;
        let (_, store, subscriptions) = self.service(cx, &request.service)?;
        let done = parked::replay(store, subscriptions, &cx.tenant, &request.event_ids).await?;
        Ok(ReplayParkedEventsResponse { replayed_count: done.replayed, failed_count: done.failed })
    }
}

#[tonic::async_trait]
impl EventService for EventsApi {
    type ReadEventsStream = Pin<Box<dyn Stream<Item = Result<ReadEventsResponse, Status>> + Send>>;

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let (cx, request) = self.enter(request)?;
        self.answer(self.list(&cx, request).await)
    }

    async fn read_events(&self, request: Request<ReadEventsRequest>) -> Result<Response<Self::ReadEventsStream>, Status> {
        let (cx, request) = self.enter(request)?;
        let (service, store, _) = self.service(&cx, &request.service).map_err(self.status)?;
        let events = read(EventLog::new(store.clone(), service), request.position);
        Ok(Response::new(events.map_err(self.status).boxed()))
    }

    async fn list_parked_events(&self, request: Request<ListParkedEventsRequest>) -> Result<Response<ListParkedEventsResponse>, Status> {
        let (cx, request) = self.enter(request)?;
        self.answer(self.list_parked(&cx, request).await)
    }

    async fn replay_parked_events(
        &self,
        request: Request<ReplayParkedEventsRequest>,
    ) -> Result<Response<ReplayParkedEventsResponse>, Status> {
        let (cx, request) = self.enter(request)?;
        self.answer(self.replay(&cx, request).await)
    }
}

/// The log from a position to its end, with one batch in memory at a time.
fn read(log: EventLog, after: i64) -> impl Stream<Item = Result<ReadEventsResponse>> + Send {
    let batches = stream::try_unfold((log, after), |(log, after)| async move {
        let events = log.read(after, EVENTS_PER_QUERY_MAX).await?;
        let Some(last) = events.last() else { return Ok(None) };
        let position = last.position;
        let answers = events.into_iter().map(|event| Ok(ReadEventsResponse { position: event.position, event: Some(event) }));
        Ok(Some((stream::iter(answers), (log, position))))
    });
    batches.try_flatten()
}
