//! ANALYTICS: the network quality view, computed from the events of all
//! services.
//!
//! | room | what it holds |
//! | --- | --- |
//! | `consistency` | answers that include what the caller has seen |
//! | `row` | what is stored of an aggregate's version |
//! | `column` | facts with the spans in which they hold, by partner |
//! | `fact` | the kinds of facts: what is read, stored and derived for each |
//! | `fold` | the fold of the services' logs into rows, and their table |
//! | `frame` | one tenant's facts in memory |
//! | `metrics` | the metrics: pure functions over a frame at a cut |
//! | `report` | the network quality report and the partners behind its numbers |
//! | `partner_activity` | the activity of one partner |
//! | `segment` | network stages and investment segments, with reasons |
//! | `allocation` | the allocation of budgets to segments and partners |
//!
//! Everything here can be dropped and folded again. A question is about the state
//! `as_of` one instant, as it was `known_at` another. Both cuts are exclusive.

mod allocation;
mod column;
mod consistency;
mod definition;
mod fact;
mod fold;
mod frame;
mod metrics;
mod migration;
mod partner_activity;
mod report;
mod request;
mod row;
mod segment;

use std::sync::Arc;

use frame::keeper::Keeper;
use stoa_proto::analytics::v1 as pb;
use stoa_service::{Deps, Service};
use tonic::service::Routes;

pub use consistency::WAIT_MAX;
pub use metrics::filter::TERMS_MAX as FILTER_TERMS_MAX;
pub use migration::migrations;

/// Name of the service in the log, the configuration and the event subjects.
pub const NAME: &str = "analytics";

/// Default limit for the memory of all tenants' frames together, in bytes.
pub const FRAME_BYTES_MAX: usize = 256 << 20;

/// Implements every RPC service of analytics; each room adds its own.
#[derive(Clone)]
struct Api {
    deps: Deps,
    frames: Arc<Keeper>,
}

/// Returns what analytics offers: RPC services, migrations and subscriptions.
#[must_use]
pub fn service(deps: Deps) -> Service {
    service_with(deps, FRAME_BYTES_MAX)
}

/// Like [`service`], with a different limit for the frames.
#[must_use]
pub fn service_with(deps: Deps, frame_bytes_max: usize) -> Service {
    let frames = Arc::new(Keeper::new(deps.store.clone(), frame_bytes_max));
    let api = Api { deps, frames };
    let mut routes = Routes::builder();
    routes
        .add_service(pb::network_quality_service_server::NetworkQualityServiceServer::new(api.clone()))
        .add_service(pb::partner_activity_service_server::PartnerActivityServiceServer::new(api.clone()))
        .add_service(pb::partner_segment_service_server::PartnerSegmentServiceServer::new(api.clone()))
        .add_service(pb::allocation_service_server::AllocationServiceServer::new(api));
    Service {
        name: NAME,
        routes: routes.routes(),
        migrations: migrations(),
        subscriptions: fold::subscriptions(),
        jobs: Vec::new(),
        suspension: None,
    }
}
