//! What moves events on: relays, publishers, subscribers and consumers, all of
//! them driven the same way.

use std::{sync::Arc, time::Duration};

use stoa_events::{Relay, Subscriber, jetstream};
use stoa_kernel::Result;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a pump waits for a wake-up before it looks by itself: another
/// process may have written.
const POLL: Duration = Duration::from_millis(500);

#[expect(clippy::large_enum_variant, reason = "a process has a few dozen of them, each behind an Arc")]
pub(super) enum Pump {
    Relay(Relay, watch::Receiver<u64>),
    Publisher(jetstream::Publisher),
    Consumer(jetstream::Consumer),
    Subscriber(Subscriber),
}

impl Pump {
    pub(super) async fn run_once(&self) -> Result<u64> {
        match self {
            Self::Relay(relay, _) => relay.run_once().await,
            Self::Publisher(publisher) => publisher.run_once().await,
            Self::Consumer(consumer) => consumer.run_once().await,
            Self::Subscriber(subscriber) => subscriber.run_once().await,
        }
    }

    pub(super) async fn parked_count(&self) -> Result<u64> {
        match self {
            Self::Consumer(consumer) => consumer.parked_count().await,
            Self::Subscriber(subscriber) => subscriber.parked_count().await,
            Self::Relay(..) | Self::Publisher(_) => Ok(0),
        }
    }

    fn wake(&self) -> Option<watch::Receiver<u64>> {
        match self {
            Self::Relay(_, commits) => Some(commits.clone()),
            Self::Publisher(publisher) => Some(publisher.wake()),
            Self::Subscriber(subscriber) => Some(subscriber.wake()),
            Self::Consumer(_) => None,
        }
    }

    /// Waits for work and does it.
    async fn step(&self, wake: Option<&mut watch::Receiver<u64>>) -> Result<()> {
        if let Self::Consumer(consumer) = self {
            consumer.wait_and_run(POLL).await?;
            return Ok(());
        }
        if self.run_once().await? == 0
            && let Some(wake) = wake
        {
            // A wake-up that never comes is what the poll is for.
            tokio::time::timeout(POLL, wake.changed()).await.ok();
        }
        Ok(())
    }
}

/// Runs a pump until told to stop. A failure is logged and tried again: the
/// store or the bus may be back.
pub(super) async fn keep_running(pump: Arc<Pump>, stop: CancellationToken) {
    let mut wake = pump.wake();
    loop {
        let step = tokio::select! {
            () = stop.cancelled() => return,
            step = pump.step(wake.as_mut()) => step,
        };
        if let Err(error) = step {
            tracing::warn!(cause = error.cause(), %error, "events are not moving; trying again");
            tokio::select! {
                () = stop.cancelled() => return,
                () = pause() => {}
            }
        }
    }
}

async fn pause() {
    #[expect(clippy::disallowed_methods, reason = "back-off before the next attempt")]
    tokio::time::sleep(POLL).await;
}
