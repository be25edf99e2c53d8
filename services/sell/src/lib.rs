//! SELL: what is sold, to whom and by whom.
//!
//! Owns product lines, deals with their registration, protection and pipeline,
//! and the CRM sync. Each noun is a folder: rules in `mod.rs` and the files
//! beside it (pure), rows and queries in `store.rs`, transport in `api.rs`,
//! operations in `operations.rs`. Deals and the CRM sync build on `claim` and
//! `link`: which customers are claimed, and which CRM object belongs to which
//! deal.

mod claim;
mod crm;
mod deal;
mod link;
mod migration;
mod product_line;
#[cfg(test)]
mod testing;

use stoa_proto::sell::v1 as pb;
use stoa_service::{Deps, Service};
use tonic::service::Routes;

pub use migration::migrations;

/// Name of the service in the log, the configuration and the event subjects.
pub const NAME: &str = "sell";

/// Implements every RPC service of sell; each room adds its own.
#[derive(Clone)]
struct Api {
    deps: Deps,
}

/// Returns everything that sell offers: RPC services, migrations, subscriptions and jobs.
#[must_use]
pub fn service(deps: Deps) -> Service {
    let api = Api { deps: deps.clone() };
    let mut routes = Routes::builder();
    routes
        .add_service(pb::product_line_service_server::ProductLineServiceServer::new(api.clone()))
        .add_service(pb::deal_service_server::DealServiceServer::new(api.clone()))
        .add_service(pb::crm_connector_service_server::CrmConnectorServiceServer::new(api.clone()))
        .add_service(pb::crm_sync_service_server::CrmSyncServiceServer::new(api));
    Service {
        name: NAME,
        routes: routes.routes(),
        migrations: migrations(),
        subscriptions: stoa_directory::subscriptions(),
        jobs: vec![deal::expiry_job(&deps), deal::reminder_job(&deps)],
        suspension: Some(stoa_directory::suspension(&deps)),
    }
}
