//! The tables of market. Every table starts with the tenant; `document` holds
//! the encoded message, the other columns are what queries need.

mod m0001_foundation;
mod m0002_order;

use sea_orm_migration::MigrationTrait;

/// All migrations of the service's store, those of the event log and of the
/// directory's copy included.
#[must_use]
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = stoa_events::migrations();
    all.extend(stoa_directory::migrations());
    all.push(Box::new(m0001_foundation::Foundation));
    all.push(m0002_order::order());
    all
}
