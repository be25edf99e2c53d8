//! INCENTIVIZE: money.
//!
//! Owns exchange rates, commission rules and commissions, budgets, requests and
//! claims of market development funds (MDF), and the ledger that all of them
//! post to. Each noun is a folder: rules in `mod.rs` (pure), operations in
//! `operations.rs`, rows and queries in `store.rs`, transport in `api.rs`.

mod amounts;
mod books;
mod commission;
mod commission_rule;
mod dates;
mod enrollment_history;
mod exchange_rate;
mod ledger;
mod mdf_budget;
mod mdf_claim;
mod mdf_request;
mod migration;
#[cfg(test)]
mod testing;

use stoa_proto::incentivize::v1 as pb;
use stoa_service::{Deps, Service};
use tonic::service::Routes;

pub use migration::migrations;

/// Name of the service in the log, the configuration and the event subjects.
pub const NAME: &str = "incentivize";

/// Implements every RPC service of incentivize; each room adds its own.
#[derive(Clone)]
struct Api {
    deps: Deps,
}

/// Returns everything that incentivize offers: RPC services, migrations,
/// subscriptions and jobs.
#[must_use]
pub fn service(deps: Deps) -> Service {
    let api = Api { deps: deps.clone() };
    let mut routes = Routes::builder();
    routes
        .add_service(pb::exchange_rate_service_server::ExchangeRateServiceServer::new(api.clone()))
        .add_service(pb::commission_rule_service_server::CommissionRuleServiceServer::new(api.clone()))
        .add_service(pb::commission_service_server::CommissionServiceServer::new(api.clone()))
        .add_service(pb::mdf_budget_service_server::MdfBudgetServiceServer::new(api.clone()))
        .add_service(pb::mdf_request_service_server::MdfRequestServiceServer::new(api.clone()))
        .add_service(pb::mdf_claim_service_server::MdfClaimServiceServer::new(api.clone()))
        .add_service(pb::ledger_service_server::LedgerServiceServer::new(api));
    Service {
        name: NAME,
        routes: routes.routes(),
        migrations: migrations(),
        subscriptions: [stoa_directory::subscriptions(), commission::subscriptions(&deps.clock)].concat(),
        jobs: vec![mdf_request::expiry_job(&deps)],
        suspension: Some(stoa_directory::suspension(&deps)),
    }
}
