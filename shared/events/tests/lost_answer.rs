//! A consumer whose stream does not answer, over a stand-in for the server.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use stoa_events::jetstream::{self, Consumer};
use stoa_kernel::{Clock, Result, Timestamp};
use stoa_store::{Store, StoreConfig};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

/// An event as the stream holds it.
const EVENT: &str = "NATS/1.0\r\nce-id: e-1\r\nce-tenant: acme\r\nce-fact: onboard.program.created\r\nce-subject: programs/a\r\n\
    ce-version: 1\r\nce-position: 1\r\nce-time: 2026-01-01T00:00:00Z\r\nce-recordedtime: 2026-01-01T00:00:00Z\r\n\
    ce-type: stoa.onboard.v1.ProgramCreated\r\n\r\n";
/// The subject on which the event is acknowledged.
const ACK: &str = "$JS.ACK.S.c.1.1.1.1700000000000000000.0";
const MAX_AGE_NANOS: u64 = 600_000_000_000;

/// The answer of a nats-server to a request of the JetStream API.
fn api(subject: &str) -> Option<Value> {
    let at = "2026-01-01T00:00:00Z";
    let state = json!({"messages": 0, "bytes": 0, "first_seq": 0, "first_ts": at, "last_seq": 0, "last_ts": at, "consumer_count": 0});
    let stream = json!({
        "name": "S", "subjects": ["s.>"], "retention": "limits", "max_consumers": -1, "max_msgs": -1, "max_bytes": -1,
        "max_age": MAX_AGE_NANOS, "max_msgs_per_subject": -1, "max_msg_size": -1, "discard": "old", "storage": "file",
        "num_replicas": 1, "duplicate_window": MAX_AGE_NANOS,
    });
    let consumer = json!({
        "name": "c", "durable_name": "c", "deliver_policy": "all", "ack_policy": "explicit", "ack_wait": MAX_AGE_NANOS,
        "max_deliver": -1, "replay_policy": "instant",
    });
    let none = json!({"consumer_seq": 0, "stream_seq": 0});
    if subject.starts_with("$JS.API.STREAM.INFO.") {
        Some(json!({"config": stream, "created": at, "state": state, "ts": at}))
    } else if subject.starts_with("$JS.API.CONSUMER.CREATE.") {
        Some(json!({
            "stream_name": "S", "name": "c", "created": at, "config": consumer, "delivered": none, "ack_floor": none,
            "num_ack_pending": 0, "num_redelivered": 0, "num_waiting": 0, "num_pending": 0, "ts": at,
        }))
    } else {
        None
    }
}

/// Serves one client. A request that may wait for an event gets one; any other
/// gets no answer at all. Acknowledgments are reported.
async fn serve(listener: TcpListener, acknowledged: mpsc::UnboundedSender<String>) -> std::io::Result<()> {
    let mut peer = BufStream::new(listener.accept().await?.0);
    say(&mut peer, "INFO {\"headers\":true,\"jetstream\":true,\"max_payload\":1048576,\"version\":\"2.15.1\",\"proto\":1}\r\n").await?;
    let mut inboxes: HashMap<String, String> = HashMap::new();
    let mut line = String::new();
    while peer.read_line(&mut line).await? > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["PING"] => say(&mut peer, "PONG\r\n").await?,
            ["SUB", inbox, sid] => {
                inboxes.insert(inbox.trim_end_matches('*').to_owned(), (*sid).to_owned());
            }
            ["PUB", subject, reply @ .., length] => {
                let mut body = vec![0; length.parse::<usize>().unwrap() + 2];
                peer.read_exact(&mut body).await?;
                let body = String::from_utf8(body).unwrap();
                if subject.starts_with("$JS.ACK.") {
                    acknowledged.send(body.trim_end().to_owned()).unwrap();
                }
                let reply = reply.first().copied().unwrap_or_default();
                let sid = inboxes.iter().find(|(inbox, _)| reply.starts_with(inbox.as_str())).map(|(_, sid)| sid.as_str());
                let answer = match (api(subject), sid) {
                    (Some(answer), Some(sid)) => format!("MSG {reply} {sid} {}\r\n{answer}\r\n", answer.to_string().len()),
                    (None, Some(sid)) if !body.contains("no_wait") => {
                        format!("HMSG s.0.onboard {sid} {ACK} {0} {0}\r\n{EVENT}\r\n", EVENT.len())
                    }
                    _ => String::new(),
                };
                say(&mut peer, &answer).await?;
            }
            _ => {}
        }
        line.clear();
    }
    Ok(())
}

async fn say(peer: &mut BufStream<TcpStream>, text: &str) -> std::io::Result<()> {
    peer.write_all(text.as_bytes()).await?;
    peer.flush().await
}

/// A consumer of such a server, and its acknowledgments.
async fn consumer(dir: &tempfile::TempDir) -> (Consumer, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let (send, acknowledged) = mpsc::unbounded_channel();
    tokio::spawn(serve(listener, send));
    let bus = jetstream::connect(jetstream::Config { stream: "S".into(), ..jetstream::Config::new(&url) }).await.unwrap();
    let store = Store::open(&StoreConfig::sqlite(&dir.path().join("store.db"))).await.unwrap();
    store.migrate(stoa_events::migrations()).await.unwrap();
    let clock = Clock::driven(Timestamp::from_micros(1_700_000_000_000_000)).0;
    let made = Consumer::new(bus, store, "sell", "onboard", Vec::new(), clock, Duration::from_secs(900)).await;
    (made.unwrap().answer_within(Duration::from_millis(50)), acknowledged)
}

/// Fails instead of waiting forever.
async fn ends<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(Duration::from_secs(30), work).await.expect("it waits for an answer that was lost")
}

#[tokio::test]
async fn a_lost_answer_is_a_failure_and_not_a_wait() {
    let dir = tempfile::tempdir().unwrap();
    let (consumer, _acknowledged) = consumer(&dir).await;
    for _ in 0..2 {
        let error = ends(consumer.run_once()).await.unwrap_err();
        assert_eq!(error.reason(), "UNAVAILABLE");
        assert!(error.cause().unwrap().contains("has not answered"), "{:?}", error.cause());
    }
}

#[tokio::test]
async fn events_before_a_lost_answer_are_applied() {
    let dir = tempfile::tempdir().unwrap();
    let (consumer, mut acknowledged) = consumer(&dir).await;
    for _ in 0..2 {
        assert_eq!(ends(consumer.wait_and_run(Duration::from_secs(20))).await.unwrap(), 1);
        assert_eq!(acknowledged.recv().await.as_deref(), Some("+ACK"));
    }
}
