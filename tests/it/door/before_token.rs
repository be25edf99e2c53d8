//! Nothing is read before the token is verified.

use anyhow::{Context, Result, ensure};
use stoa_tests::door::{Connection, Line, Target, limit::MESSAGE_BYTES, web_code, within};
use tonic::Code;

use super::{EVENTS, JUNK, LIST, SOON, UPLOAD};

/// Bytes of a body that takes long to read.
const LARGE: usize = 4_000_000;

/// A process that reads bodies of the largest size, so that no other limit refuses
/// them.
async fn target() -> Result<Target> {
    Target::start(&[(MESSAGE_BYTES, 4_194_304)]).await
}

/// Sends the head of a request with a junk token and nothing or all of its
/// body.
async fn refused_over_http(target: &Target, path: &str, kind: &str, body: &[u8]) -> Result<()> {
    let what = format!("{path} as {kind} with {} of {LARGE} bytes", body.len());
    within(SOON, &what, async {
        let mut line = Line::open(target.address).await?;
        line.send(target.head("POST", path, JUNK, LARGE, &[("content-type", kind)]));
        line.send(body.to_vec());
        let answer = line.answer().await?.context("no answer")?;
        if kind.starts_with("application/grpc") {
            ensure!(web_code(&answer) == Some(Code::Unauthenticated as i32), "{answer:?}");
            return Ok(());
        }
        answer.refused(401, "TOKEN_INVALID", "")
    })
    .await
}

async fn refused_by_grpc(target: &Target, path: &str, token: &str, body: &[u8]) -> Result<()> {
    let what = format!("{path} with {} bytes", body.len());
    within(SOON, &what, async {
        let connection = Connection::open(target.address).await?;
        let mut call = connection.begin(path, token).await?;
        if !body.is_empty() {
            call.send(body, false)?;
        }
        let reply = call.reply().await?;
        ensure!(reply.status.code() == Code::Unauthenticated, "{:?}", reply.status);
        ensure!(reply.reason() == "TOKEN_INVALID", "{:?}", reply.status);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_junk_token_is_refused_without_its_body() -> Result<()> {
    let target = target().await?;
    for token in ["", JUNK] {
        for path in [LIST, UPLOAD, EVENTS] {
            refused_by_grpc(&target, path, token, &[]).await?;
        }
    }
    for path in [LIST, EVENTS] {
        refused_over_http(&target, path, "application/grpc-web+proto", &[]).await?;
    }
    for path in ["/v1/deals", "/v1/enrollments:bulkEnroll", "/v1/services/sell/parkedEvents:replay"] {
        refused_over_http(&target, path, "application/json", &[]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_junk_token_is_refused_whatever_its_body_says() -> Result<()> {
    let target = target().await?;
    let junk = vec![b'['; LARGE];
    refused_by_grpc(&target, LIST, JUNK, &junk).await?;
    refused_over_http(&target, LIST, "application/grpc-web+proto", &junk).await?;
    refused_over_http(&target, "/v1/deals", "application/json", &junk).await
}

#[tokio::test]
async fn a_gateway_alone_refuses_junk_tokens_without_their_bodies() -> Result<()> {
    let target = target().await?;
    let gateway = target.gateway(&[]).await?;
    for path in [EVENTS, LIST] {
        refused_by_grpc(&gateway, path, JUNK, &[]).await?;
        refused_over_http(&gateway, path, "application/grpc-web+proto", &[]).await?;
    }
    refused_over_http(&gateway, "/v1/deals", "application/json", &[]).await?;
    refused_over_http(&gateway, "/v1/services/sell/parkedEvents:replay", "application/json", &[]).await
}
