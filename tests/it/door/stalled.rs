//! Bodies that do not arrive.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, stream::FuturesUnordered};
use stoa_tests::door::{
    Connection, Line, Target,
    limit::{BODY_READ_MS, BUFFERED_BYTES, MESSAGE_BYTES},
    web_code, within,
};
use tonic::Code;

use super::{LATER, LIST, SOON};

/// One byte of a body at a time: often enough that no idle limit applies.
const DRIP: Duration = Duration::from_millis(100);

#[tokio::test]
async fn by_grpc_end_in_time() -> Result<()> {
    let target = Target::start(&[(BODY_READ_MS, 500)]).await?;
    let token = target.partner_user("north")?;
    for body in [&[][..], &[0, 0, 0], &[0, 0, 0, 0, 100, 10]] {
        let connection = Connection::open(target.address).await?;
        let mut call = connection.begin(LIST, &token).await?;
        call.send(body, false)?;
        let reply = within(LATER, &format!("after {body:?}"), call.reply()).await?;
        ensure!(reply.status.code() == Code::DeadlineExceeded, "{:?}", reply.status);
    }
    Ok(())
}

#[tokio::test]
async fn over_http_end_in_time() -> Result<()> {
    let target = Target::start(&[(BODY_READ_MS, 500)]).await?;
    let token = target.partner_user("north")?;
    for (path, kind) in [("/v1/deals", "application/json"), (LIST, "application/grpc-web+proto")] {
        for body in ["", "{\"d"] {
            let mut line = Line::open(target.address).await?;
            line.send(target.head("POST", path, &token, 100, &[("content-type", kind)]));
            line.send(body);
            let answer = within(LATER, path, line.answer()).await?.context("no answer")?;
            let timed_out = [408, 504].contains(&answer.status) || web_code(&answer) == Some(Code::DeadlineExceeded as i32);
            ensure!(timed_out, "{answer:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn that_drip_end_as_well() -> Result<()> {
    let target = Target::start(&[(BODY_READ_MS, 500)]).await?;
    let mut line = Line::open(target.address).await?;
    line.send(target.head("POST", "/v1/deals", &target.partner_user("north")?, 100_000, &[]));
    let mut drops = tokio::time::interval(DRIP);
    let answer = within(LATER, "a body of a byte at a time", async {
        loop {
            tokio::select! {
                answer = line.answer() => return answer,
                _ = drops.tick() => {}
            }
            line.send(" ");
        }
    });
    let answer = answer.await?.context("no answer")?;
    ensure!([408, 504].contains(&answer.status), "{answer:?}");
    Ok(())
}

/// All but the last byte of some bodies, which together exceed what a process
/// may hold of bodies of one tenant.
#[tokio::test]
async fn hold_a_bounded_number_of_bytes() -> Result<()> {
    const BYTES: usize = 60_000;
    let target = Target::start(&[(MESSAGE_BYTES, 1 << 16), (BUFFERED_BYTES, 4 << 20)]).await?;
    let mut lines = Vec::new();
    for nth in 0..40 {
        let line = Line::open(target.address).await?;
        let token = target.partner_user(&format!("partner-{nth}"))?;
        line.send(target.head("POST", "/v1/deals", &token, BYTES + 1, &[]));
        line.send(vec![b' '; BYTES]);
        lines.push(line);
    }
    let mut answers: FuturesUnordered<_> = lines.iter_mut().map(Line::answer).collect();
    let first = within(SOON, "one of the bodies is refused", async { answers.next().await.context("no lines")? }).await?;
    let first = first.context("a connection ends without an answer")?;
    first.refused(429, "OVERLOADED", "")?;
    ensure!(first.header("retry-after").parse::<u32>().is_ok(), "{first:?}");
    within(LATER, "small bodies are still read", target.serves("globex")).await
}
