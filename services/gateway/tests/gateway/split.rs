//! The gateway in a process of its own.

use std::sync::Arc;

use http::Method;
use stoa_auth::{ServiceKey, ServiceSigner};
use stoa_rpc::{Peers, ServeConfig, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fake::*;

#[tokio::test]
async fn services_are_reached_over_the_network() {
    let stop = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let config = ServeConfig { door: door(), cors_origins: Vec::new(), http: None };
    let server = tokio::spawn(serve(listener, Fake("selling").channel(), config, stop.clone()));

    let signer = ServiceSigner::new(Arc::new(ServiceKey::generate().unwrap()), "gateway");
    let peers = Peers::new(signer).remote("sell", &address).unwrap().remote("onboard", &address).unwrap();
    let remote = ["sell", "onboard"].map(|name| (name, peers.as_caller(name)));
    let gateway = in_front_of(remote.into_iter().chain([("events", Fake("own").channel())]));

    let token = token(60);
    let answer = json(ask(&gateway, Method::GET, "/v1/services/sell/events", &[("authorization", &token)], "").await).await;
    let event = &answer["events"][0];
    assert_eq!((event["actor"].as_str(), event["partner"].as_str()), (Some("selling"), Some(token.as_str())), "as the caller: {answer}");

    let large = ask(&gateway, Method::GET, "/v1/services/sell/events:read", &[("accept", "text/event-stream")], "").await;
    assert_eq!(text(large).await.matches("\nid: ").count(), 5);
    let rows = "{\"bulkEnrollmentId\": \"a\"}\nnonsense\n{\"bulkEnrollmentId\": \"b\"}\n";
    let answers = text(ask(&gateway, Method::POST, "/v1/enrollments:bulkEnroll", &[], rows).await).await;
    assert_eq!(answers.lines().count(), 3, "{answers}");
    let failed = ask(&gateway, Method::PATCH, "/v1/programs/p", &[("if-match", "\"6\"")], "{\"displayName\": \"Gold\"}").await;
    assert_eq!(failed.status(), 412);

    stop.cancel();
    server.await.unwrap().unwrap();
    let away = ask(&gateway, Method::GET, "/v1/services/sell/events", &[], "").await;
    assert_eq!(away.status(), 503);
}
