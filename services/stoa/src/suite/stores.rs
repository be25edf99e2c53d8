//! The stores of a process.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use stoa_config::{Backend, Config, Synchronous};
use stoa_service::Service;
use stoa_store::{Store, StoreConfig};

use super::Options;
use crate::data_dir;

pub(super) async fn open(config: &Config, service: &'static str, options: &Options) -> Result<Store> {
    let settings = StoreConfig {
        url: config.store_url(service).expose().to_owned(),
        synchronous: match config.store.synchronous {
            Synchronous::Full => stoa_store::Synchronous::Full,
            Synchronous::Normal => stoa_store::Synchronous::Normal,
        },
        group_max: config.store.group_max,
        read_connections_max: config.store.read_connections_max,
        connections_max: config.store.connections_max,
        observer: options.observers.as_ref().map(|observer| observer(service)),
        ..StoreConfig::postgres("")
    };
    if config.store.backend == Backend::Sqlite {
        data_dir::create(&config.data_dir)?;
    }
    Ok(Store::open(&settings).await?)
}

/// Migrates the stores to this version's schema. Migrations take a lock, so several
/// processes may run them at once. Running them again has no effect.
pub(super) async fn migrate(config: &Config, stores: &BTreeMap<&'static str, Store>, services: &mut [Service]) -> Result<()> {
    for service in services {
        if let Some(store) = stores.get(service.name) {
            let migrations = std::mem::take(&mut service.migrations);
            store.migrate(migrations).await.with_context(|| format!("cannot migrate the store of {}", service.name))?;
            tracing::debug!(service = service.name, backend = ?config.store.backend, "the store has this version's schema");
        }
    }
    Ok(())
}
