use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Indexes for lists by another order than the ID, and by partner.
pub(super) fn order() -> Box<dyn MigrationTrait> {
    tables::orders(
        "incentivize_0002_order",
        &[("commission", "win_time"), ("mdf_request", "claim_deadline_time"), ("mdf_claim", "partner")],
    )
}
