//! The transport of events between processes: NATS JetStream, 2.9 or later.
//!
//! The stream is a transport with a short retention. The log is the archive: a
//! consumer reads what the stream lost, or deleted before the consumer took it,
//! from the owner's log ([`Consumer::with_archive`]).

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

/// Maximum time for an answer of the server.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the stream remembers event IDs. It must exceed the longest pause
/// between two attempts to publish the same event.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);

/// Where the stream is and what it keeps.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the server, `nats://host:4222`, or several separated by
    /// commas.
    pub url: String,
    /// File with the credentials, if the server requires any.
    pub credentials: Option<PathBuf>,
    /// Name of the stream.
    pub stream: String,
    /// First part of all subjects. Each installation that shares a server needs
    /// its own.
    pub prefix: String,
    /// Number of copies that a cluster keeps.
    pub replicas: usize,
    /// How long the stream keeps events.
    pub max_age: Duration,
}

impl Config {
    /// Creates a configuration: stream `STOA` with subjects `stoa.>`, one copy,
    /// seven days.
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

/// Connects to the server. The connection restores itself if it is lost later.
///
/// # Errors
/// UNAVAILABLE if the server cannot be reached or refuses.
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

/// Creates the stream unless it exists. An existing stream keeps its settings,
/// because operators tune them.
///
/// # Errors
/// UNAVAILABLE if the server refuses.
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
    /// UNAVAILABLE if it does not.
    pub async fn ping(&self) -> Result<()> {
        self.context.get_stream(&self.config.stream).await.map_err(Error::unavailable)?;
        Ok(())
    }

    /// Sends what is in the buffers and closes the connection.
    ///
    /// # Errors
    /// UNAVAILABLE if the connection is already gone.
    pub async fn close(&self) -> Result<()> {
        self.context.client().drain().await.map_err(Error::unavailable)
    }

    /// How long the stream keeps events, according to the server.
    async fn max_age(&self) -> Result<Duration> {
        let stream = self.context.get_stream(&self.config.stream).await.map_err(Error::unavailable)?;
        Ok(stream.cached_info().config.max_age)
    }
}
