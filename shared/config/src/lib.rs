//! Settings: compiled-in defaults, then a file, then the environment, then the
//! command line. They are checked as a whole before anything starts, and every
//! problem names the key, where its value came from, and what to change.

mod auth;
mod check;
mod error;
mod print;
mod secret;
mod sections;
mod source;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use auth::{Auth, ClaimNames, Issuer, LocalKeySetting, Subjects};
pub use error::{ConfigError, Problem};
pub use secret::Secret;
pub use sections::{Backend, Bus, BusKind, Events, Gateway, Limits, LogFormat, Store, Synchronous, Telemetry};
pub use source::Sources;

/// The documented defaults, as `stoa config --default` prints them.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Services that a process can run.
pub const SERVICES: [&str; 7] = ["onboard", "enable", "market", "sell", "incentivize", "analytics", "gateway"];

/// All settings of a process. `default.toml` documents every key.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the embedded stores, the lock file and the keys.
    pub data_dir: PathBuf,
    /// Where the API is served.
    pub listen: SocketAddr,
    /// Where metrics and health details are served.
    pub management_listen: SocketAddr,
    /// Names of services, or `all`. [`Config::services`] resolves them.
    #[serde(deserialize_with = "source::list")]
    pub services: Vec<String>,
    /// Stores.
    pub store: Store,
    /// Event bus.
    pub bus: Bus,
    /// Tokens and roles.
    pub auth: Auth,
    /// Addresses of services that run elsewhere.
    pub peers: BTreeMap<String, String>,
    /// Traces, metrics and logs.
    pub telemetry: Telemetry,
    /// Limits of the server.
    pub limits: Limits,
    /// REST, gRPC-Web and event streams.
    pub gateway: Gateway,
    /// Retention of events and of the records that keep things from being done
    /// twice.
    pub events: Events,
}

impl Config {
    /// Services that this process runs, in the order of [`SERVICES`].
    #[must_use]
    pub fn services(&self) -> Vec<&'static str> {
        SERVICES.into_iter().filter(|s| self.runs(s)).collect()
    }

    /// Whether this process runs a service.
    #[must_use]
    pub fn runs(&self, service: &str) -> bool {
        let chosen = self.services.iter().any(|s| s == "all" || s == service);
        chosen && (service != "gateway" || self.gateway.enabled)
    }

    /// Whether one process runs every service that has a store.
    #[must_use]
    pub fn runs_all(&self) -> bool {
        SERVICES.iter().all(|s| *s == "gateway" || self.runs(s))
    }

    /// Connection URL of a service's store.
    #[must_use]
    pub fn store_url(&self, service: &str) -> Secret {
        match self.store.backend {
            Backend::Sqlite => Secret::from(format!("sqlite:{}", self.data_dir.join(format!("{service}.db")).display())),
            Backend::Postgres => Secret::from(self.store.url.expose().replace("{service}", service)),
        }
    }

    /// File of the development key. `None` if the key is off.
    #[must_use]
    pub fn local_key_path(&self) -> Option<PathBuf> {
        match &self.auth.local_key {
            LocalKeySetting::Off => None,
            LocalKeySetting::On => Some(self.data_dir.join("local.key")),
            LocalKeySetting::Path(path) => Some(path.clone()),
        }
    }

    /// File of the key that services sign with, and whether this process may
    /// create it: a configured file must exist, because others share it.
    #[must_use]
    pub fn service_key_path(&self) -> (PathBuf, bool) {
        match &self.auth.service_key {
            path if path.as_os_str().is_empty() => (self.data_dir.join("service.key"), true),
            path => (path.clone(), false),
        }
    }

    /// The settings in force as a TOML file, with secrets replaced by
    /// `[redacted]`.
    #[must_use]
    pub fn redacted(&self) -> String {
        print::toml(self)
    }

    /// Settings of an embedded suite in a folder: only the defaults. For tests,
    /// `demo`, and commands that start the suite while they run.
    ///
    /// # Errors
    /// If the settings are invalid, for example if the folder has no name.
    pub fn embedded(data_dir: &Path) -> Result<Self, ConfigError> {
        Sources::none().set_text("data_dir", &data_dir.to_string_lossy()).load()
    }
}
