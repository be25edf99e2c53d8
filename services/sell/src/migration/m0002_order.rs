use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Indexes for lists that are not ordered by id.
pub(super) fn order() -> Box<dyn MigrationTrait> {
    tables::orders("sell_0002_order", &[("deal", "create_time")])
}
