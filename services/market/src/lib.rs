//! MARKET: what partners do to generate demand.
//!
//! Owns marketing campaigns. Each noun is a folder: rules in `mod.rs` (pure),
//! rows and queries in `store.rs`, transport in `api.rs`, larger operations in a
//! file of their own.

mod marketing_campaign;
mod migration;
#[cfg(test)]
mod testing;

use stoa_proto::market::v1 as pb;
use stoa_service::{Deps, Service};
use tonic::service::Routes;

pub use migration::migrations;

/// Name of the service in the log, the configuration and the event subjects.
pub const NAME: &str = "market";

/// Implements every RPC service of market; each room adds its own.
#[derive(Clone)]
struct Api {
    deps: Deps,
}

/// Returns everything that market offers: RPC services, migrations,
/// subscriptions and jobs.
#[must_use]
pub fn service(deps: Deps) -> Service {
    let api = Api { deps: deps.clone() };
    let mut routes = Routes::builder();
    routes.add_service(pb::marketing_campaign_service_server::MarketingCampaignServiceServer::new(api));
    Service {
        name: NAME,
        routes: routes.routes(),
        migrations: migrations(),
        subscriptions: stoa_directory::subscriptions(),
        jobs: vec![marketing_campaign::deploy_job(&deps)],
        suspension: Some(stoa_directory::suspension(&deps)),
    }
}
