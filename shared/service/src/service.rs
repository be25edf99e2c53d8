//! What a service is to the program that runs it.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use sea_orm_migration::MigrationTrait;
use stoa_auth::Suspension;
use stoa_events::Subscription;
use stoa_kernel::{Clock, Result, page::PageKey};
use stoa_rpc::Peers;
use stoa_store::Store;
use tonic::service::Routes;

/// What a service receives.
#[derive(Clone)]
pub struct Deps {
    /// Name of the service, for example `sell`.
    pub service: &'static str,
    /// Its own store.
    pub store: Store,
    /// Business time.
    pub clock: Clock,
    /// Key that page tokens are signed with.
    pub page_key: PageKey,
    /// The other services.
    pub peers: Peers,
}

/// Work that is due by the clock rather than by a request.
#[derive(Clone)]
pub struct Job {
    /// Name, unique within the service: `registration-expiry`.
    pub name: &'static str,
    /// Seconds of wall time between two runs.
    pub every_s: u64,
    /// Does what is due and returns how much was done. May run at any time,
    /// also in two processes at once: its effects are unique by a business key.
    pub run: Arc<dyn Fn() -> BoxFuture<'static, Result<u64>> + Send + Sync>,
}

/// What a service provides.
pub struct Service {
    /// Name of the service.
    pub name: &'static str,
    /// Its methods.
    pub routes: Routes,
    /// Migrations of its store, in order.
    pub migrations: Vec<Box<dyn MigrationTrait>>,
    /// Events that it subscribes to.
    pub subscriptions: Vec<Subscription>,
    /// Work that is due by the clock.
    pub jobs: Vec<Job>,
    /// Reports which partners are suspended, if the service knows.
    pub suspension: Option<Suspension>,
}

/// Creates the check for suspended partners from a function of the
/// dependencies, a tenant and the ID of a partner.
pub fn suspension<F, D>(deps: &Deps, is_suspended: F) -> Suspension
where
    F: Fn(Deps, String, String) -> D + Send + Sync + 'static,
    D: Future<Output = Result<bool>> + Send + 'static,
{
    let deps = deps.clone();
    Arc::new(move |tenant, partner| is_suspended(deps.clone(), tenant.to_owned(), partner.to_owned()).boxed())
}
