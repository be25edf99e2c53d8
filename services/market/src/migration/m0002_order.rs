use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Lists by something other than the id.
pub(super) fn order() -> Box<dyn MigrationTrait> {
    tables::orders("market_0002_order", &[("marketing_campaign", "create_time")])
}
