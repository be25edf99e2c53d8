//! Rows of versions of enrollments, and one row per partner that locks its history.

use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, QueryOrder,
    entity::prelude::*,
    sea_query::{ExprTrait, OnConflict},
};
use stoa_kernel::{Cx, Error, Result, Timestamp};
use stoa_proto::onboard::v1::EnrollmentStatus;
use stoa_store::{DbResult, Tx};

use super::Version;

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "enrollment_history")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub enrollment: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        pub partner: String,
        pub tier: String,
        pub tier_time: i64,
        pub status: i32,
        pub occurred_time: i64,
        pub effective_time: i64,
        pub end_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

mod lock_row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "enrollment_history_lock")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub partner: String,
        pub taken_count: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn read(row: Model) -> Result<Version> {
    let status = EnrollmentStatus::try_from(row.status);
    Ok(Version {
        status: status.map_err(|_| Error::internal(format!("{} has the status {}", row.enrollment, row.status)))?,
        enrollment: row.enrollment,
        version: row.version,
        partner: row.partner,
        tier: row.tier,
        tier_time: Timestamp::from_micros(row.tier_time),
        occurred: Timestamp::from_micros(row.occurred_time),
        effective: Timestamp::from_micros(row.effective_time),
        end: row.end_time.map(Timestamp::from_micros),
    })
}

/// Locks a partner's history until the transaction ends, even if it is empty,
/// so that no deal is settled with a history that is being added to. Locks are
/// taken in the order partners, deals.
pub(crate) async fn lock(tx: &Tx, cx: &Cx, partner: &str) -> Result<()> {
    use lock_row::{ActiveModel, Column, Entity};
    let row = ActiveModel { tenant: Set(cx.tenant.clone()), partner: Set(partner.to_owned()), taken_count: Set(1) };
    let again = OnConflict::columns([Column::Tenant, Column::Partner])
        .value(Column::TakenCount, ExprTrait::add(Expr::col((Entity, Column::TakenCount)), 1))
        .to_owned();
    Entity::insert(row).on_conflict(again).exec_without_returning(tx.conn()).await.db().map(|_| ())
}

/// Returns all known versions of a partner's enrollments.
pub(crate) async fn of_partner<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: &str) -> Result<Vec<Version>> {
    let theirs = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Partner.eq(partner));
    let rows = theirs.order_by_asc(Column::Enrollment).order_by_asc(Column::Version).all(conn).await.db()?;
    rows.into_iter().map(read).collect()
}

/// Keeps a version. Returns whether it is new.
pub(super) async fn insert(tx: &Tx, cx: &Cx, version: &Version) -> Result<bool> {
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        enrollment: Set(version.enrollment.clone()),
        version: Set(version.version),
        partner: Set(version.partner.clone()),
        tier: Set(version.tier.clone()),
        tier_time: Set(version.tier_time.micros()),
        status: Set(version.status as i32),
        occurred_time: Set(version.occurred.micros()),
        effective_time: Set(version.effective.micros()),
        end_time: Set(version.end.map(Timestamp::micros)),
    };
    let known = OnConflict::columns([Column::Tenant, Column::Enrollment, Column::Version]).do_nothing().to_owned();
    let rows = Entity::insert(row).on_conflict(known).exec_without_returning(tx.conn()).await.db()?;
    Ok(rows == 1)
}
