//! Where a store is and how it behaves.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use sea_orm::Statement;
use stoa_kernel::{Error, Result};

/// When SQLite waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// At every commit: an acknowledged write survives a power loss.
    #[default]
    Full,
    /// At checkpoints: a power loss may undo the last commits.
    Normal,
}

/// Receives every statement that a store has run.
pub type Observer = Arc<dyn Fn(&Statement) + Send + Sync>;

/// Settings of a store.
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH` or `postgres://…`. Behind a PgBouncer older than 1.21 in
    /// transaction mode, add `?statement-cache-capacity=0`. `migrate` needs a
    /// URL of the server itself, because it holds a session lock.
    pub url: String,
    /// When SQLite waits for the disk.
    pub synchronous: Synchronous,
    /// Maximum number of operations that share one SQLite commit.
    pub group_max: usize,
    /// Maximum number of operations that wait for the SQLite writer. Further
    /// ones are refused as `OVERLOADED`.
    pub queue_operations_max: usize,
    /// Maximum number of connections that read from SQLite.
    pub read_connections_max: u32,
    /// Maximum number of connections to PostgreSQL.
    pub connections_max: u32,
    /// Receives every statement except those that begin and end transactions,
    /// so that a test can count them.
    pub observer: Option<Observer>,
}

impl StoreConfig {
    /// A store in a file.
    #[must_use]
    pub fn sqlite(path: &Path) -> Self {
        Self::at(format!("sqlite:{}", path.display()))
    }

    /// A store in a PostgreSQL database.
    #[must_use]
    pub fn postgres(url: &str) -> Self {
        Self::at(url.to_owned())
    }

    fn at(url: String) -> Self {
        Self {
            url,
            synchronous: Synchronous::Full,
            group_max: 64,
            queue_operations_max: 1024,
            read_connections_max: 4,
            connections_max: 20,
            observer: None,
        }
    }

    /// Refuses settings that cannot work, before anything is touched.
    pub(crate) fn target(&self) -> Result<Target> {
        let positive = [
            ("group_max", self.group_max > 0),
            ("queue_operations_max", self.queue_operations_max > 0),
            ("read_connections_max", self.read_connections_max > 0),
            ("connections_max", self.connections_max > 0),
        ];
        if let Some((field, _)) = positive.iter().find(|(_, valid)| !valid) {
            return Err(Error::invalid(*field, "must be 1 or more"));
        }
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            return file(path.strip_prefix("//").unwrap_or(path)).map(Target::Sqlite);
        }
        if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            return Ok(Target::Postgres);
        }
        Err(Error::invalid("url", "must be `sqlite:PATH` or `postgres://…`"))
    }
}

/// Never shows the password that a URL may hold.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.url.starts_with("sqlite:") { self.url.as_str() } else { "postgres://…" };
        f.debug_struct("StoreConfig")
            .field("url", &shown)
            .field("synchronous", &self.synchronous)
            .field("group_max", &self.group_max)
            .field("queue_operations_max", &self.queue_operations_max)
            .field("read_connections_max", &self.read_connections_max)
            .field("connections_max", &self.connections_max)
            .finish()
    }
}

/// What a URL points to.
pub(crate) enum Target {
    Sqlite(PathBuf),
    Postgres,
}

fn file(path: &str) -> Result<PathBuf> {
    if path.is_empty() || path == ":memory:" {
        return Err(Error::invalid("url", "must name a file: `sqlite:PATH`"));
    }
    // Absolute, so that SQLite never mistakes it for a `file:` URI.
    let path = std::path::absolute(path).map_err(|e| Error::invalid("url", format!("does not name a file: {e}")))?;
    let folder = path.parent().filter(|folder| folder.is_dir());
    if folder.is_none() {
        return Err(Error::invalid("url", format!("names a file in a folder that does not exist. Create the folder: {}", path.display())));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused() {
        for (url, field) in [("mysql://x", "url"), ("sqlite:", "url"), ("sqlite::memory:", "url"), ("sqlite:/no/such/folder/x.db", "url")] {
            let refused = StoreConfig::postgres(url).target().err().unwrap();
            assert_eq!(refused.fields()[0].field, field, "{url}");
        }
        let config = StoreConfig { group_max: 0, ..StoreConfig::postgres("postgres://x/y") };
        assert_eq!(config.target().err().unwrap().fields()[0].field, "group_max");
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", StoreConfig::postgres("postgres://me:secret@db/x"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
