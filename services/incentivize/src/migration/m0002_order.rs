use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Lists by something other than the id, and of what a partner may see.
pub(super) fn order() -> Box<dyn MigrationTrait> {
    tables::orders(
        "incentivize_0002_order",
        &[("commission", "win_time"), ("mdf_request", "claim_deadline_time"), ("mdf_claim", "partner")],
    )
}
