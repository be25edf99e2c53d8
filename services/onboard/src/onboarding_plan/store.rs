//! Rows of onboarding plans. `stall_time` is set while a plan can stall, so
//! that the sweep reads only what is due.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::OnboardingPlan;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
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
        pub end_time: Option<i64>,
        pub stall_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

const FILTER: [Field; 4] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "complete", column: "complete", kind: Kind::Bool },
    Field { api: "progress_time", column: "progress_time", kind: Kind::Time },
    Field { api: "end_time", column: "end_time", kind: Kind::Time },
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
        end_time: Set(Timestamp::stored(plan.end_time.as_ref()).map(Timestamp::micros)),
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

/// Ids of a partner's plans that are not over, in their order.
pub(super) async fn open_ids_of(tx: &Tx, cx: &Cx, partner: &str) -> Result<Vec<String>> {
    let open = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Partner.eq(partner))
        .filter(Column::Complete.eq(false))
        .filter(Column::EndTime.is_null())
        .order_by_asc(Column::Id);
    open.select_only().column(Column::Id).into_tuple().all(tx.conn()).await.db()
}

/// Tenants and ids of plans that stalled before `now`, longest first.
pub(super) async fn due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    let due = Entity::find().filter(Column::StallTime.lte(now.micros())).order_by_asc(Column::StallTime).limit(limit);
    due.select_only().column(Column::Tenant).column(Column::Id).into_tuple().all(conn).await.db()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, plan: &OnboardingPlan) -> Result<()> {
    inserted(Entity::insert(row(cx, plan)).exec_without_returning(tx.conn()).await, &plan.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, plan: &OnboardingPlan) -> Result<()> {
    let before = etag::version(&plan.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, plan))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&plan.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &plan.name)
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
