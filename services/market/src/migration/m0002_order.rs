use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Indexes for lists that are not ordered by id, and for lists of one partner.
pub(super) fn order() -> Box<dyn MigrationTrait> {
    tables::orders("market_0002_order", &[("marketing_campaign", "create_time"), ("marketing_campaign", "partner")])
}
