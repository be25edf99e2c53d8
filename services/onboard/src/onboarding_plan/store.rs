//! Rows of onboarding plans. `stall_time` is set while a plan can stall, so
//! that the sweep reads only what is due.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::OnboardingPlan;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    is_unique_violation,
};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "onboarding_plan")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub complete: bool,
        pub progress_time: i64,
        pub stall_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

const FILTER: [Field; 3] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "complete", column: "complete", kind: Kind::Bool },
    Field { api: "progress_time", column: "progress_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<OnboardingPlan> {
    decode("onboarding_plan", &row.id, &row.document)
}

fn row(cx: &Cx, plan: &OnboardingPlan) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&plan.name).to_owned()),
        version: Set(etag::version(&plan.etag)),
        document: Set(plan.encode_to_vec()),
        partner: Set(names::last(&plan.partner).to_owned()),
        complete: Set(plan.complete_time.is_some()),
        progress_time: Set(Timestamp::stored(plan.progress_time.as_ref()).unwrap_or_default().micros()),
        stall_time: Set(super::stall_time(plan).map(Timestamp::micros)),
    }
}

/// The plan, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<OnboardingPlan>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The plan, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<OnboardingPlan>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// The plans of a partner that are not complete, locked.
pub(super) async fn open_of(tx: &Tx, cx: &Cx, partner: &str) -> Result<Vec<OnboardingPlan>> {
    let open = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Partner.eq(partner))
        .filter(Column::Complete.eq(false))
        .order_by_asc(Column::Id)
        .lock_exclusive();
    open.all(tx.conn()).await.db()?.into_iter().map(read).collect()
}

/// Tenants and ids of plans that stalled before `now`, longest first.
pub(super) async fn stalled<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    let due = Entity::find().filter(Column::StallTime.lte(now.micros())).order_by_asc(Column::StallTime).limit(limit);
    due.select_only().column(Column::Tenant).column(Column::Id).into_tuple().all(conn).await.db()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, plan: &OnboardingPlan) -> Result<()> {
    match Entity::insert(row(cx, plan)).exec_without_returning(tx.conn()).await {
        Err(e) if is_unique_violation(&e) => Err(Error::already_exists(&plan.name)),
        other => other.db().map(|_| ()),
    }
}

pub(super) async fn save(tx: &Tx, cx: &Cx, plan: &OnboardingPlan) -> Result<()> {
    let before = etag::version(&plan.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, plan))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&plan.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await
        .db()?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::etag_mismatch(&plan.name)) }
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<OnboardingPlan>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(visible(cx, Column::Partner))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
