//! How output-only fields of requests are handled.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use prost::{Message, Name};
use prost_reflect::DynamicMessage;
use prost_types::Timestamp;
use stoa_proto::{
    POOL, behavior,
    onboard::v1::{BulkEnrollRequest, BulkEnrollRow, Partner},
    sell::v1::{
        CreateDealRequest, CreateProductLineRequest, Credit, Deal, DealCorrection, GetProductLineRequest, ListProductLinesRequest,
        ListProductLinesResponse, PipelineStage, ProductLine, UpdateDealRequest,
        product_line_service_client::ProductLineServiceClient,
        product_line_service_server::{ProductLineService, ProductLineServiceServer},
    },
};
use tonic::{Request, Response, Status};

/// The message without output-only fields, or `None` if it has none.
fn cleared<M: Message + Name + Default>(message: &M) -> Option<M> {
    let descriptor = POOL.get_message_by_name(&M::full_name()).unwrap();
    let mut dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap();
    behavior::clear_output_only(&mut dynamic).then(|| dynamic.transcode_to().unwrap())
}

fn names(list: &[prost_reflect::FieldDescriptor]) -> Vec<&str> {
    list.iter().map(prost_reflect::FieldDescriptor::name).collect()
}

#[test]
fn only_output_only_fields_are_cleared() {
    let sound = Deal {
        name: "deals/d".into(),
        display_name: "Fleet".into(),
        credits: vec![Credit { partner: "partners/p".into(), share_basis_points: 5_000 }],
        pipeline_stage: PipelineStage::Proposing.into(),
        etag: "\"3\"".into(),
        ..Default::default()
    };
    let sent = Deal {
        win_time: Some(Timestamp::default()),
        extension_count: 3,
        imported: true,
        corrections: vec![DealCorrection { reason: "mine".into(), ..Default::default() }],
        ..sound.clone()
    };
    let request = |deal: &Deal| UpdateDealRequest { deal: Some(deal.clone()), request_id: "r".into(), ..Default::default() };
    assert_eq!(cleared(&request(&sent)), Some(request(&sound)));
    assert_eq!(cleared(&request(&sound)), None);
    assert_eq!(cleared(&CreateDealRequest::default()), None);
}

#[test]
fn nested_output_only_fields_are_cleared() {
    let request = |partner| BulkEnrollRequest {
        bulk_enrollment_id: "b".into(),
        row: Some(BulkEnrollRow { row_id: "1".into(), partner: Some(partner), ..Default::default() }),
    };
    let sound = Partner { display_name: "North".into(), ..Default::default() };
    let sent = Partner { ancestors: vec!["top".into()], visible_to: vec!["top".into()], ..sound.clone() };
    assert_eq!(cleared(&request(sent)), Some(request(sound)));
}

#[test]
fn fields_are_grouped_by_behavior() {
    let fields = behavior::fields_of(&POOL.get_message_by_name("stoa.incentivize.v1.ExchangeRate").unwrap()).unwrap();
    assert_eq!(names(&fields.immutable), ["base_currency", "quote_currency", "date"]);
    assert_eq!(names(&fields.required), ["rate_nanos"]);
    assert_eq!(names(&fields.changeable), ["rate_nanos"]);
    assert_eq!(names(&fields.output_only), ["create_time", "update_time"]);
    let program = POOL.get_message_by_name("stoa.onboard.v1.Program").unwrap();
    assert_eq!(behavior::changeable(&program), ["display_name", "description", "descendants_visible"]);
}

/// A handler that keeps whatever it receives.
struct Careless;

#[tonic::async_trait]
impl ProductLineService for Careless {
    async fn create_product_line(&self, request: Request<CreateProductLineRequest>) -> Result<Response<ProductLine>, Status> {
        let line = request.into_inner().product_line.unwrap_or_default();
        Ok(Response::new(ProductLine { update_time: Some(Timestamp::default()), ..line }))
    }

    async fn get_product_line(&self, _: Request<GetProductLineRequest>) -> Result<Response<ProductLine>, Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn list_product_lines(&self, _: Request<ListProductLinesRequest>) -> Result<Response<ListProductLinesResponse>, Status> {
        Err(Status::unimplemented("not called"))
    }
}

/// The output of a future that is ready on the first poll.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn no_handler_receives_output_only_fields() {
    let line = ProductLine { display_name: "Edge".into(), etag: "\"1\"".into(), ..Default::default() };
    let sent = ProductLine { create_time: Some(Timestamp { seconds: 1, nanos: 0 }), ..line.clone() };
    let request = CreateProductLineRequest { product_line: Some(sent), ..Default::default() };
    let mut client = ProductLineServiceClient::new(ProductLineServiceServer::new(Careless));
    let answer = ready(client.create_product_line(request)).unwrap().unwrap().into_inner();
    assert_eq!(answer, ProductLine { update_time: Some(Timestamp::default()), ..line });
}

/// Responses pass through the same codec but must not be cleared.
#[test]
fn a_resource_whose_name_ends_in_request_is_not_a_request() {
    assert!(behavior::is_request("stoa.incentivize.v1.CreateMdfRequestRequest"));
    assert!(!behavior::is_request("stoa.incentivize.v1.MdfRequest"));
}
