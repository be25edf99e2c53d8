//! Connections: how many, and how long without a request.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stoa_tests::door::{
    Connection, Line, Target,
    limit::{CONNECTION_IDLE_S, CONNECTIONS, CONNECTIONS_PER_PEER},
    until, within,
};

use super::{LATER, LIST, SOON, UPLOAD, row};

const REQUEST: &str = "GET /openapi.json HTTP/1.1\r\nhost: stoa\r\n\r\n";

/// Whether a request on the connection is answered.
async fn answers(line: &mut Line) -> Result<bool> {
    line.send(REQUEST);
    Ok(within(SOON, "an answer or the end", line.answer()).await?.is_some())
}

#[tokio::test]
async fn that_are_idle_end() -> Result<()> {
    let target = Target::start(&[(CONNECTION_IDLE_S, 1)]).await?;
    let (mut silent, mut answered, mut half) =
        (Line::open(target.address).await?, Line::open(target.address).await?, Line::open(target.address).await?);
    ensure!(answers(&mut answered).await?);
    half.send("GET /v1/programs HTTP/1.1\r\nhost");
    let (mut unused, mut used) = (Connection::open(target.address).await?, Connection::open(target.address).await?);
    ensure!(used.call(LIST, &[], &target.admin("acme")?).await?.is_ok());
    tokio::try_join!(
        silent.ends(LATER, "without a byte"),
        answered.ends(LATER, "HTTP/1.1 after an answer"),
        half.ends(LATER, "HTTP/1.1 within a head"),
        unused.ends(LATER, "HTTP/2 without a call"),
        used.ends(LATER, "HTTP/2 after a call"),
    )?;
    Ok(())
}

/// An open stream is no idleness.
#[tokio::test]
async fn with_a_stream_stay() -> Result<()> {
    let target = Target::start(&[(CONNECTION_IDLE_S, 1)]).await?;
    let busy = Connection::open(target.address).await?;
    let mut stream = busy.begin(UPLOAD, &target.admin("acme")?).await?.started().await??;
    let mut idle = Connection::open(target.address).await?;
    idle.ends(LATER, "the idle one ends").await?;
    stream.send(&row())?;
    ensure!(within(SOON, "the busy one answers", stream.received()).await?);
    Ok(())
}

#[tokio::test]
async fn of_one_peer_are_bounded() -> Result<()> {
    const MAX: usize = 4;
    let target = Target::start(&[(CONNECTIONS_PER_PEER, MAX as u64)]).await?;
    let peer = |last: u8| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    let mut lines = Vec::new();
    for _ in 0..MAX {
        let mut line = Line::open_from(target.address, peer(9)).await?;
        ensure!(answers(&mut line).await?, "below the limit");
        lines.push(line);
    }
    let mut further = Line::open_from(target.address, peer(9)).await?;
    ensure!(!answers(&mut further).await?, "above the limit");
    ensure!(answers(&mut lines[0]).await?, "those below the limit stay");
    ensure!(answers(&mut Line::open_from(target.address, peer(10)).await?).await?, "another peer");
    lines.pop();
    until(LATER, "a connection that has ended makes room", || async { answers(&mut Line::open_from(target.address, peer(9)).await?).await })
        .await
}

#[tokio::test]
async fn are_bounded_in_total() -> Result<()> {
    const MAX: u8 = 6;
    let target = Target::start(&[(CONNECTIONS, MAX.into()), (CONNECTIONS_PER_PEER, MAX.into())]).await?;
    let mut lines = Vec::new();
    for last in 0..MAX {
        let mut line = Line::open_from(target.address, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 20 + last))).await?;
        ensure!(answers(&mut line).await?, "below the limit");
        lines.push(line);
    }
    let mut further = Line::open(target.address).await?;
    ensure!(!answers(&mut further).await?, "above the limit");
    ensure!(target.ready().await? > 0, "the management port has connections of its own");
    drop(lines);
    until(LATER, "connections that have ended make room", || async { answers(&mut Line::open(target.address).await?).await }).await?;
    target.http("GET", "/v1/programs", &Value::Null, &target.admin("acme")?, &[]).await?.ok().context("afterwards")?;
    Ok(())
}
