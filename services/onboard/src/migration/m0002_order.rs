use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Indexes for lists by another order than the ID, and by partner.
pub(super) fn order() -> Box<dyn MigrationTrait> {
    tables::orders(
        "onboard_0002_order",
        &[
            ("prospect", "create_time"),
            ("partner", "create_time"),
            ("enrollment", "effective_time"),
            ("person", "partner"),
            ("cam_assignment", "partner"),
        ],
    )
}
