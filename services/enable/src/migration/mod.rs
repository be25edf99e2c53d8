//! The tables of enable. The key of every table starts with the tenant.
//! `document` holds the encoded message; the other columns serve queries.

mod m0001_foundation;
mod m0002_order;

use sea_orm_migration::MigrationTrait;

/// Returns all migrations of the service's store, including those of the event
/// log and of the directory's copy.
#[must_use]
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = stoa_events::migrations();
    all.extend(stoa_directory::migrations());
    all.push(m0001_foundation::foundation());
    all.push(m0002_order::order());
    all
}
