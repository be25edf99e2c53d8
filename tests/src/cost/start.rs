//! Suites whose calls can be counted.

use anyhow::Result;
use stoa::suite::Options;
use stoa_config::{Config, Synchronous};
use stoa_testkit::Place;
use tempfile::TempDir;

use super::Statements;
use crate::{TestSuite, start_time};

impl TestSuite {
    /// Starts a suite on SQLite whose statements are observed.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_observed(statements: &Statements) -> Result<Self> {
        let places = (TempDir::new()?, Place::new());
        let mut config = Config::embedded(places.0.path())?;
        // What is counted does not depend on the disk.
        config.store.synchronous = Synchronous::Normal;
        Self::run(config, places, start_time(), Options { observers: Some(statements.observers()), ..Options::default() }).await
    }

    /// Starts a suite on PostgreSQL behind a proxy that counts.
    ///
    /// # Errors
    /// If it does not start.
    #[cfg(feature = "backends")]
    pub async fn start_through(proxy: &super::Proxy) -> Result<Self> {
        let places = (TempDir::new()?, Place::new());
        let mut config = Config::embedded(places.0.path())?;
        crate::backends::postgres(&mut config, &places.1, &proxy.url(&places.1.url())).await;
        Self::run(config, places, start_time(), Options::default()).await
    }
}
