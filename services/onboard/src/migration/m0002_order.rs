use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Lists by something other than the id, and of what a partner may see.
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
