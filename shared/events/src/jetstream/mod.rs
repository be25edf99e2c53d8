//! The way of events between processes: NATS JetStream, 2.9 or later.
//!
//! The stream is transport with a short retention. The log is the archive: what
//! the stream lost, or forgot before a consumer took it, the consumer reads from
//! the owner's log ([`Consumer::with_archive`]).

mod consumer;
mod envelope;
mod gaps;
mod publisher;
mod refusals;

use std::{path::PathBuf, time::Duration};

use async_nats::{
    ConnectOptions,
    jetstream::{self, context::ContextBuilder, stream},
};
use stoa_kernel::{Error, Result};

pub use consumer::Consumer;
pub use envelope::{PARTITIONS, partition};
pub use publisher::Publisher;

/// How long an answer of the server may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the stream remembers event ids. It must exceed the longest pause
/// between two attempts to publish the same event.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);

/// Where the stream is and what it keeps.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the server, `nats://host:4222`, or several with commas.
    pub url: String,
    /// File with the credentials, where the server wants some.
    pub credentials: Option<PathBuf>,
    /// Name of the stream.
    pub stream: String,
    /// First part of all subjects; of its own for each installation that shares
    /// a server.
    pub prefix: String,
    /// Copies that a cluster keeps.
    pub replicas: usize,
    /// How long the stream keeps events.
    pub max_age: Duration,
}

impl Config {
    /// Stream `STOA` with subjects `stoa.>`, one copy, seven days.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            credentials: None,
            stream: "STOA".to_owned(),
            prefix: "stoa".to_owned(),
            replicas: 1,
            max_age: Duration::from_secs(7 * 86_400),
        }
    }
}

/// A connection to the stream.
#[derive(Debug, Clone)]
pub struct Bus {
    context: jetstream::Context,
    config: Config,
}

/// Connects. The connection restores itself when it is lost later.
///
/// # Errors
/// UNAVAILABLE where the server cannot be reached or refuses.
pub async fn connect(config: Config) -> Result<Bus> {
    let mut options = ConnectOptions::new().name("stoa");
    if let Some(file) = &config.credentials {
        options = options.credentials_file(file).await.map_err(Error::unavailable)?;
    }
    let servers: Vec<&str> = config.url.split(',').map(str::trim).collect();
    let client = options.connect(servers).await.map_err(Error::unavailable)?;
    let context = ContextBuilder::new().timeout(TIMEOUT).build(client);
    Ok(Bus { context, config })
}

/// Creates the stream unless it exists; one that exists keeps its settings,
/// because operators tune them.
///
/// # Errors
/// UNAVAILABLE where the server refuses.
pub async fn ensure_stream(bus: &Bus) -> Result<()> {
    let config = stream::Config {
        name: bus.config.stream.clone(),
        subjects: vec![format!("{}.>", bus.config.prefix)],
        description: Some(format!("events of the suite, in {PARTITIONS} partitions")),
        num_replicas: bus.config.replicas,
        max_age: bus.config.max_age,
        duplicate_window: DUPLICATE_WINDOW.min(bus.config.max_age),
        storage: stream::StorageType::File,
        ..Default::default()
    };
    bus.context.get_or_create_stream(config).await.map_err(Error::unavailable)?;
    Ok(())
}

impl Bus {
    /// Whether the server answers.
    ///
    /// # Errors
    /// UNAVAILABLE where it does not.
    pub async fn ping(&self) -> Result<()> {
        self.context.get_stream(&self.config.stream).await.map_err(Error::unavailable)?;
        Ok(())
    }

    /// Sends what is in the buffers and closes the connection.
    ///
    /// # Errors
    /// UNAVAILABLE where the connection is gone already.
    pub async fn close(&self) -> Result<()> {
        self.context.client().drain().await.map_err(Error::unavailable)
    }

    /// How long the stream keeps events, as the server says.
    async fn max_age(&self) -> Result<Duration> {
        let stream = self.context.get_stream(&self.config.stream).await.map_err(Error::unavailable)?;
        Ok(stream.cached_info().config.max_age)
    }
}
