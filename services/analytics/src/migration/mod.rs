//! The tables of analytics: one row per folded fact, and the heads that order them.
//! They can be dropped and folded again from the services' logs.

mod m0001_foundation;

use sea_orm_migration::MigrationTrait;

/// All migrations of the service's store, including those of the event log.
#[must_use]
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = stoa_events::migrations();
    all.push(Box::new(m0001_foundation::Foundation));
    all
}
