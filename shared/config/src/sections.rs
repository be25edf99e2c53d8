//! The sections other than `auth`. `default.toml` documents their keys.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Secret, source};

/// Kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// One embedded file per service.
    Sqlite,
    /// A database server.
    Postgres,
}

/// How durable an answered SQLite commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// Survives a power cut.
    Full,
    /// Survives a crash of the process; a power cut may lose the last commits.
    Normal,
}

/// Stores.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Kind of store.
    pub backend: Backend,
    /// PostgreSQL: connection URL. `{service}` is replaced by the name of the
    /// service.
    pub url: Secret,
    /// SQLite: durability.
    pub synchronous: Synchronous,
    /// SQLite: maximum number of writes that share one commit.
    pub group_max: usize,
    /// SQLite: number of connections that read.
    pub read_connections_max: u32,
    /// PostgreSQL: number of connections.
    pub connections_max: u32,
}

/// Kind of event bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// Within the process.
    Embedded,
    /// NATS JetStream.
    Jetstream,
}

/// Event bus.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// Kind of bus.
    pub kind: BusKind,
    /// JetStream: servers; may hold a token or password.
    pub url: Secret,
    /// JetStream: name of the stream, and first part of its subjects.
    pub name: String,
    /// JetStream: copies of the stream.
    pub replicas: u8,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Traces, metrics and logs.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// OTLP collector. Empty for none.
    pub otlp_endpoint: String,
    /// Share of traces that are kept.
    pub sample_ratio: f64,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Levels by target.
    pub log_filter: String,
}

/// Limits of the server.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Maximum number of open connections.
    pub connections_max: usize,
    /// Maximum number of open connections from one address.
    pub connections_per_address_max: usize,
    /// Networks of proxies, from which many callers come with one address.
    pub proxies: Vec<IpNet>,
    /// Time without a request after which a connection ends.
    pub connection_idle_s_max: u64,
    /// Maximum number of requests whose token is being verified.
    pub arrivals_max: usize,
    /// Maximum number of requests in progress.
    pub concurrency_max: usize,
    /// Maximum size of one request message, in bytes.
    pub message_bytes_max: usize,
    /// Maximum size of all request bodies that the process holds, in bytes.
    pub buffered_bytes_max: usize,
    /// Time in which the body of a request must arrive.
    pub body_read_ms_max: u64,
    /// Longest deadline of a unary call.
    pub deadline_ms_max: u64,
    /// Maximum number of open streams of one caller.
    pub streams_per_caller_max: usize,
    /// Time between two messages of a stream that a caller sends.
    pub stream_idle_s_max: u64,
    /// Requests per second of one caller.
    pub rate_per_caller_per_second: u32,
    /// Requests that one caller may send at once after a pause.
    pub rate_burst: u32,
    /// Requests per second of all callers of one tenant.
    pub rate_per_tenant_per_second: u32,
    /// Requests that the callers of one tenant may send at once after a pause.
    pub rate_tenant_burst: u32,
    /// Refused tokens per second from one address.
    pub refusals_per_address_per_second: u32,
    /// Maximum size of a request that a signed link opens, in bytes.
    pub link_bytes_max: usize,
    /// Requests per second for the object of signed links.
    pub rate_per_link_per_second: u32,
    /// Requests for the object of signed links at once after a pause.
    pub rate_link_burst: u32,
    /// Maximum memory of the analytics frames, in bytes.
    pub frame_bytes_max: u64,
    /// Time that requests in progress get when the process stops.
    pub shutdown_grace_ms: u64,
}

/// REST, gRPC-Web and event streams.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Whether the gateway runs if `services` includes it.
    pub enabled: bool,
    /// Origins whose pages may call. `*` alone means all.
    #[serde(deserialize_with = "source::list")]
    pub cors_origins: Vec<String>,
}

/// Retention.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Days that event logs are kept. 0 means forever.
    pub retention_days: u32,
    /// Days that JetStream keeps events.
    pub stream_retention_days: u32,
    /// Days that a consumer remembers what it applied.
    pub inbox_retention_days: u32,
    /// Hours that answers are kept for retries.
    pub idempotency_retention_hours: u32,
}
