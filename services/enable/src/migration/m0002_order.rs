use sea_orm_migration::MigrationTrait;
use stoa_store::tables;

/// Indexes for lists that are not ordered by id.
pub(super) fn order() -> Box<dyn MigrationTrait> {
    tables::orders("enable_0002_order", &[("course_completion", "complete_time"), ("certification_award", "expire_time")])
}
