//! What one caller may take of what all need.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stoa_tests::door::{
    Connection, Line, Started, Target,
    limit::{BODY_READ_MS, CONCURRENCY, STREAM_IDLE_S, STREAMS_PER_CALLER, UNLIMITED},
    within,
};
use tonic::{Code, Status};

use super::{LATER, LIST, SOON, UPLOAD};

/// Calls one after the other until told to stop. Returns how many succeeded.
async fn keep_calling(connection: Arc<Connection>, token: String, stop: Arc<AtomicBool>) -> Result<u64> {
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let reply = connection.call(LIST, &[], &token).await?;
        ensure!([Code::Ok, Code::ResourceExhausted].contains(&reply.status.code()), "{:?}", reply.status);
        answered += u64::from(reply.is_ok());
    }
    Ok(answered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_caller_leaves_room_for_others() -> Result<()> {
    let limits = [&UNLIMITED[..], &[(CONCURRENCY, 4)]].concat();
    let target = Target::start(&limits).await?;
    let greedy = target.partner_user("north")?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut calls = Vec::new();
    for _ in 0..4 {
        let connection = Arc::new(Connection::open(target.address).await?);
        for _ in 0..16 {
            calls.push(tokio::spawn(keep_calling(connection.clone(), greedy.clone(), stop.clone())));
        }
    }
    let quiet = [target.person("acme", "ann", "analyst")?, target.person("globex", "ann", "analyst")?];
    let connection = Connection::open(target.address).await?;
    let served = within(Duration::from_secs(20), "others are served", async {
        for _ in 0..50 {
            for token in &quiet {
                let reply = connection.call(LIST, &[], token).await?;
                ensure!(reply.is_ok(), "{:?}", reply.status);
            }
        }
        Ok(())
    });
    let served = served.await;
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for call in calls {
        answered += call.await??;
    }
    ensure!(answered > 0, "the greedy caller must be served as well");
    served
}

async fn upload(connection: &Connection, token: &str) -> Result<Result<Started, Status>> {
    within(SOON, "an upload starts", connection.begin(UPLOAD, token).await?.started()).await
}

#[tokio::test]
async fn streams_of_a_caller_are_bounded() -> Result<()> {
    let target = Target::start(&[(STREAMS_PER_CALLER, 2)]).await?;
    let connection = Connection::open(target.address).await?;
    let (ann, bob) = (target.person("acme", "ann", "admin")?, target.person("acme", "bob", "admin")?);
    let first = upload(&connection, &ann).await??;
    let _second = upload(&connection, &ann).await??;
    let Err(refused) = upload(&connection, &ann).await? else { anyhow::bail!("a third stream starts") };
    ensure!(refused.code() == Code::ResourceExhausted, "{refused:?}");
    let _others = upload(&connection, &bob).await??;
    drop(first);
    // The server learns of the end with a reset.
    within(LATER, "a stream that has ended makes room", async {
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        while upload(&connection, &ann).await?.is_err() {
            pause.tick().await;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn uploads_without_messages_end() -> Result<()> {
    let target = Target::start(&[(STREAM_IDLE_S, 1), (BODY_READ_MS, 500)]).await?;
    let token = target.admin("acme")?;
    let connection = Connection::open(target.address).await?;
    let open = upload(&connection, &token).await??;
    let status = within(LATER, "an upload by gRPC without messages ends", open.end()).await?;
    ensure!(status.code() != Code::Ok && status.code() != Code::Internal, "{status:?}");

    let mut line = Line::open(target.address).await?;
    let head = target.head("POST", "/v1/enrollments:bulkEnroll", &token, 1000, &[("content-type", "application/x-ndjson")]);
    line.send(head);
    within(LATER, "an upload over HTTP without lines ends", async {
        let answer = line.answer().await;
        // Either a complete answer that says so, or its end.
        ensure!(answer.as_ref().map_or(true, |a| a.as_ref().is_none_or(|a| !a.text.is_empty())), "{answer:?}");
        Ok(())
    })
    .await?;
    target.http("GET", "/v1/programs", &Value::Null, &token, &[]).await?.ok().context("afterwards")?;
    Ok(())
}
