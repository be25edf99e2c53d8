//! Two processes: a gateway that runs no service, and the process that runs
//! them.

use std::collections::BTreeMap;

use axum::extract::Request as HttpRequest;
use stoa_proto::{
    codec::Codec,
    onboard::v1::{BulkEnrollRequest, BulkEnrollResponse, enrollment_service_client::EnrollmentServiceClient},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming, body::Body};

use super::{
    network::{Served, WEB_HEAD, web_body},
    *,
};

/// A method whose request and answers are streams. It answers each row as it
/// arrives.
pub(super) fn enrollments() -> Routes {
    let each = |request: Request<Streaming<BulkEnrollRequest>>| async {
        let caller = request.extensions().get::<stoa_kernel::Cx>().unwrap().caller.subject.clone();
        let answer = move |row: Result<BulkEnrollRequest, Status>| {
            row.map(|row| BulkEnrollResponse { row_id: row.bulk_enrollment_id, enrollment: caller.clone(), ..Default::default() })
        };
        Ok::<_, Status>(Response::new(request.into_inner().map(answer)))
    };
    let handle = move |request: HttpRequest| async move {
        let codec = Codec::<BulkEnrollResponse, BulkEnrollRequest>::default();
        tonic::server::Grpc::new(codec).streaming(tower::service_fn(each), request.map(Body::new)).await
    };
    axum::Router::new().route("/stoa.onboard.v1.EnrollmentService/BulkEnroll", axum::routing::post(handle)).into()
}

/// The process with the services, and the process with the gateway in front of
/// it. The gateway comes first.
async fn split() -> (Served, Served) {
    split_with(Limits::default()).await
}

/// Like [`split`], with limits of the process with the services.
pub(super) async fn split_with(limits: Limits) -> (Served, Served) {
    let back = Served::start(limits).await;
    let own = Suite::beside(&back.suite);
    let mut peers = Peers::new(ServiceSigner::new(own.services.clone(), "gateway"));
    for service in ["onboard", "sell"] {
        peers = peers.remote(service, &format!("http://{}", back.address)).unwrap();
    }
    let elsewhere = ["onboard", "sell"].map(|service| (service.to_owned(), peers.as_caller(service)));
    let stack = pass_through(own.stack.clone(), BTreeMap::from(elsewhere), own.door.clone());
    (Served::with(own, stack).await, back)
}

#[tokio::test]
async fn calls_pass_with_their_token_and_return_complete() {
    let (front, back) = split().await;
    let mut client = EventServiceClient::new(front.channel().await);
    let mut request = back.suite.request("sell");
    request.metadata_mut().insert("x-request-id", "order-7".parse().unwrap());
    request.metadata_mut().insert("traceparent", CALLER.parse().unwrap());
    let response = client.list_events(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), "order-7");
    let event = &response.get_ref().events[0];
    assert_eq!((event.actor.as_str(), event.request_id.as_str()), ("persons/ann", "order-7"));
    assert_eq!(event.traceparent[3..35], CALLER[3..35], "one trace through both processes");

    let stranger = client.list_events(Suite::new().request("sell")).await.unwrap_err();
    assert_eq!((stranger.code(), reason(&stranger)), (Code::Unauthenticated, "TOKEN_INVALID"));
    // Refusals of the services arrive with all details.
    let mut invalid = back.suite.request("sell");
    invalid.get_mut().page_size = -1;
    let refused = client.list_events(invalid).await.unwrap_err();
    assert_eq!(error(&refused).fields()[0].field, "page_size");
}

#[tokio::test]
async fn calls_for_this_process_stay() {
    let (front, _back) = split().await;
    let mut client = EventServiceClient::new(front.channel().await);
    let event = client.list_events(front.suite.request("echo")).await.unwrap().into_inner().events.remove(0);
    assert_eq!(event.actor, "persons/ann");
    let status = client.list_events(Suite::new().request("echo")).await.unwrap_err();
    assert_eq!(reason(&status), "TOKEN_INVALID", "the token of another installation");
    let mut large = front.suite.request("sell");
    large.get_mut().filter = "x".repeat(5 * 1024 * 1024);
    assert_eq!(reason(&client.list_events(large).await.unwrap_err()), "TOO_LARGE");
}

#[tokio::test]
async fn streams_pass_row_by_row_in_both_directions() {
    let (front, back) = split().await;
    let mut client = EnrollmentServiceClient::new(front.channel().await);
    let (rows, sent) = mpsc::channel(1);
    let mut request = Request::new(ReceiverStream::new(sent));
    request.metadata_mut().insert("authorization", back.suite.token_of("admin").parse().unwrap());
    let row = |id: &str| BulkEnrollRequest { bulk_enrollment_id: id.to_owned(), ..Default::default() };
    rows.send(row("one")).await.unwrap();
    let mut answers = client.bulk_enroll(request).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!((first.row_id.as_str(), first.enrollment.as_str()), ("one", "persons/ann"));
    // The second row is sent once the first has been answered.
    rows.send(row("two")).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().row_id, "two");
    rows.send(row("NOT AN ID")).await.unwrap();
    assert_eq!(reason(&answers.message().await.unwrap_err()), "INVALID_FIELD");
}

#[tokio::test]
async fn grpc_web_is_translated_in_front() {
    let (front, back) = split().await;
    let head = format!("{WEB_HEAD}{}", back.suite.token());
    let answer = String::from_utf8_lossy(&front.raw(&head, &web_body("sell")).await).to_lowercase();
    assert!(answer.contains("grpc-status:0") && answer.contains("persons/ann"), "{answer}");
}

#[tokio::test]
async fn a_service_that_is_down_is_unavailable() {
    let own = Suite::new();
    let peers = Peers::new(ServiceSigner::new(own.services.clone(), "gateway")).remote("sell", "http://127.0.0.1:1").unwrap();
    let stack = pass_through(own.stack.clone(), BTreeMap::from([("sell".to_owned(), peers.as_caller("sell"))]), own.door.clone());
    let status = EventServiceClient::new(stack).list_events(own.request("sell")).await.unwrap_err();
    assert_eq!(reason(&status), "UNAVAILABLE");
}
