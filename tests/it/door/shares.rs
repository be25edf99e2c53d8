//! What one caller may take of what all need.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stoa_tests::door::{
    Connection, Line, Started, Target,
    limit::{BODY_READ_MS, BUFFERED_BYTES, CONCURRENCY, MESSAGE_BYTES, STREAM_IDLE_S, STREAMS_PER_CALLER, UNLIMITED},
    until, within,
};
use tonic::{Code, Status};

use super::{LATER, LIST, SOON, UPLOAD, row};

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
    ensure!(status.code() == Code::DeadlineExceeded, "{status:?}");

    let mut line = Line::open(target.address).await?;
    let head = target.head("POST", "/v1/enrollments:bulkEnroll", &token, 1000, &[("content-type", "application/x-ndjson")]);
    line.send(head);
    let answer = within(LATER, "an upload over HTTP without lines ends", line.answer()).await?.context("no answer")?;
    ensure!(answer.text.contains("DEADLINE_EXCEEDED"), "{answer:?}");
    target.http("GET", "/v1/programs", &Value::Null, &token, &[]).await?.ok().context("afterwards")?;
    Ok(())
}

/// Bytes that complete no message are no sign of life.
#[tokio::test]
async fn uploads_that_trickle_end() -> Result<()> {
    let target = Target::start(&[(STREAM_IDLE_S, 1), (BODY_READ_MS, 500)]).await?;
    let token = target.admin("acme")?;
    let connection = Connection::open(target.address).await?;
    let mut open = upload(&connection, &token).await??;
    open.send_bytes(&[0, 0, 0, 4, 0])?;
    let mut drops = tokio::time::interval(Duration::from_millis(200));
    let ended = within(LATER, "an upload of a few bytes a second ends", async {
        loop {
            tokio::select! {
                received = open.received() => if !received? { return Ok(()) },
                _ = drops.tick() => open.send_bytes(&[7]).unwrap_or_default(),
            }
        }
    });
    ended.await?;
    let status = open.end().await?;
    ensure!(status.code() == Code::DeadlineExceeded, "{status:?}");
    Ok(())
}

/// A length that is only announced takes nothing from others.
#[tokio::test]
async fn announced_lengths_hold_nothing() -> Result<()> {
    const STREAMS: usize = 32;
    let target = Target::start(&UNLIMITED).await?;
    let mut open = Vec::new();
    for user in ["ann", "bob", "carl", "dora"] {
        let (connection, token) = (Connection::open(target.address).await?, target.person("acme", user, "admin")?);
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            // Beyond a user's part, streams are refused.
            let Ok(mut stream) = upload(&connection, &token).await? else { break };
            stream.send_bytes(&[0, 0, 4, 0, 0, 7])?;
            streams.push(stream);
        }
        ensure!(streams.len() >= STREAMS / 2, "{user} opens {} streams", streams.len());
        open.push((connection, streams));
    }
    within(LATER, "others of the tenant are served", target.serves("acme")).await?;
    let connection = Connection::open(target.address).await?;
    let mut rows = upload(&connection, &target.admin("acme")?).await??;
    rows.send(&row())?;
    ensure!(within(SOON, "a row of somebody else is answered", rows.received()).await?);
    Ok(())
}

/// Answers that nobody takes are bounded for each caller, and cost the others
/// nothing.
#[tokio::test]
async fn answers_that_nobody_reads_are_bounded() -> Result<()> {
    const COURSES: &str = "/stoa.enable.v1.CourseService/ListCourses";
    let limits = [&UNLIMITED[..], &[(MESSAGE_BYTES, 1 << 16), (BUFFERED_BYTES, 4 << 20)]].concat();
    let target = Target::start(&limits).await?;
    for nth in 0..40 {
        let body = json!({"displayName": format!("Course {nth}"), "description": "x".repeat(4000)});
        target.post("acme", "/v1/courses", &body).await?;
    }
    let (greedy, quiet) = (target.person("acme", "ann", "analyst")?, target.person("acme", "bob", "analyst")?);
    let deaf = Connection::open_unreading(target.address).await?;
    let mut unread = Vec::new();
    let refused = loop {
        ensure!(unread.len() < 50, "{} answers wait", unread.len());
        let mut call = deaf.begin(COURSES, &greedy).await?;
        call.send(&[0; 5], true)?;
        match within(SOON, "the headers of an answer", call.started()).await? {
            Ok(answer) => unread.push(answer),
            Err(refused) => break refused,
        }
    };
    ensure!(refused.code() == Code::ResourceExhausted && unread.len() > 1, "{refused:?} after {}", unread.len());
    let reading = Connection::open(target.address).await?;
    let further = reading.call(COURSES, &[], &greedy).await?;
    ensure!(further.reason() == "OVERLOADED", "on another connection: {further:?}");
    let other = reading.call(COURSES, &[], &quiet).await?;
    ensure!(other.is_ok() && other.message.len() > 100_000, "{:?}", other.status);
    within(LATER, "other tenants are served", target.serves("globex")).await?;
    drop((unread, deaf));
    until(LATER, "whoever goes away is served again", || async { Ok(reading.call(COURSES, &[], &greedy).await?.is_ok()) }).await
}
