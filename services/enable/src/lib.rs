//! ENABLE: what partners' people learn, hold and view.
//!
//! Owns courses and their completions, certifications and their awards, and
//! portal activity. Each noun is a folder: rules in `mod.rs` (pure), rows and
//! queries in `store.rs`, transport in `api.rs`, larger operations in a file of
//! their own.

mod certification;
mod certification_award;
mod course;
mod course_completion;
mod migration;
mod portal_activity;
#[cfg(test)]
mod testing;

use stoa_proto::enable::v1 as pb;
use stoa_service::{Deps, Service};
use tonic::service::Routes;

pub use migration::migrations;

/// Name of the service in the log, the configuration and the event subjects.
pub const NAME: &str = "enable";

/// Implements every RPC service of enable; each room adds its own.
#[derive(Clone)]
struct Api {
    deps: Deps,
}

/// Returns everything that enable offers: RPC services, migrations,
/// subscriptions and jobs.
#[must_use]
pub fn service(deps: Deps) -> Service {
    let api = Api { deps: deps.clone() };
    let mut routes = Routes::builder();
    routes
        .add_service(pb::course_service_server::CourseServiceServer::new(api.clone()))
        .add_service(pb::course_completion_service_server::CourseCompletionServiceServer::new(api.clone()))
        .add_service(pb::certification_service_server::CertificationServiceServer::new(api.clone()))
        .add_service(pb::certification_award_service_server::CertificationAwardServiceServer::new(api.clone()))
        .add_service(pb::portal_activity_service_server::PortalActivityServiceServer::new(api));
    Service {
        name: NAME,
        routes: routes.routes(),
        migrations: migrations(),
        subscriptions: stoa_directory::subscriptions(),
        jobs: vec![certification_award::expire_job(&deps)],
        suspension: Some(stoa_directory::suspension(&deps)),
    }
}
