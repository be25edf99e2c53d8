//! ONBOARD: who the partners are and how they became partners.
//!
//! Owns tenant settings, programs with tiers, prospects, agreements, partners
//! with their hierarchy, enrollments, onboarding plans, persons and CAM
//! assignments. Each noun is a folder: rules in `mod.rs` (pure), operations in
//! `operations.rs` (larger ones in a file of their own), rows and queries in
//! `store.rs`, transport in `api.rs`.
//!
//! A room may use the rooms below it, never those above. From the bottom up:
//! `scope`; `program`, `tier`, `tenant_settings`; `partner`; `person`,
//! `cam_assignment`, `prospect`; `agreement`; `onboarding_plan`; `enrollment`;
//! `network` and `milestone`, whose commands on partners and plans depend on
//! enrollments.

mod agreement;
mod cam_assignment;
mod enrollment;
mod migration;
mod milestone;
mod network;
mod onboarding_plan;
mod partner;
mod person;
mod program;
mod prospect;
mod scope;
mod tenant_settings;
#[cfg(test)]
mod testing;
mod tier;

use stoa_proto::onboard::v1 as pb;
use stoa_service::{Deps, Service};
use tonic::service::Routes;

pub use migration::migrations;
pub use partner::hierarchy::LEVELS_MAX;

/// Name of the service in the log, the configuration and the event subjects.
pub const NAME: &str = "onboard";

/// Implements every RPC service of onboard; each room adds its own.
#[derive(Clone)]
struct Api {
    deps: Deps,
}

/// Returns everything that onboard offers: RPC services, migrations,
/// subscriptions and jobs.
#[must_use]
pub fn service(deps: Deps) -> Service {
    let api = Api { deps: deps.clone() };
    let mut routes = Routes::builder();
    routes
        .add_service(pb::tenant_settings_service_server::TenantSettingsServiceServer::new(api.clone()))
        .add_service(pb::program_service_server::ProgramServiceServer::new(api.clone()))
        .add_service(pb::tier_service_server::TierServiceServer::new(api.clone()))
        .add_service(pb::prospect_service_server::ProspectServiceServer::new(api.clone()))
        .add_service(pb::agreement_service_server::AgreementServiceServer::new(api.clone()))
        .add_service(pb::partner_service_server::PartnerServiceServer::new(api.clone()))
        .add_service(pb::enrollment_service_server::EnrollmentServiceServer::new(api.clone()))
        .add_service(pb::onboarding_plan_service_server::OnboardingPlanServiceServer::new(api.clone()))
        .add_service(pb::person_service_server::PersonServiceServer::new(api.clone()))
        .add_service(pb::cam_assignment_service_server::CamAssignmentServiceServer::new(api));
    Service {
        name: NAME,
        routes: routes.routes(),
        migrations: migrations(),
        subscriptions: [milestone::subscriptions(&deps.clock), network::subscriptions(&deps.clock)].concat(),
        jobs: vec![enrollment::lapse_job(&deps), milestone::stall_job(&deps), network::visibility_job(&deps)],
        suspension: Some(enrollment::suspension(&deps)),
    }
}
