//! Rows of MDF requests.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, Iterable, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{ExprTrait, Query},
};
use stoa_directory::visible;
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::incentivize::v1::{MdfRequest, MdfRequestState as State};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mdf_request")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub mdf_budget: String,
        pub marketing_campaign: String,
        pub state: i32,
        pub usage_start_date: String,
        pub usage_end_date: String,
        pub claim_deadline_time: i64,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

/// What the claim deadline ends.
const OPEN: [i32; 2] = [State::Approved as i32, State::InExecution as i32];

fn state(name: &str) -> Option<i32> {
    filter::enum_value("MDF_REQUEST_STATE_", name, State::from_str_name)
}

const FILTER: [Field; 8] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "mdf_budget", column: "mdf_budget", kind: Kind::Name("mdfBudgets") },
    Field { api: "marketing_campaign", column: "marketing_campaign", kind: Kind::Name("marketingCampaigns") },
    Field { api: "state", column: "state", kind: Kind::Enum(state) },
    Field { api: "usage_start_date", column: "usage_start_date", kind: Kind::Text },
    Field { api: "usage_end_date", column: "usage_end_date", kind: Kind::Text },
    Field { api: "claim_deadline_time", column: "claim_deadline_time", kind: Kind::Time },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<MdfRequest> {
    decode("mdf_request", &row.id, &row.document)
}

fn row(cx: &Cx, request: &MdfRequest) -> ActiveModel {
    let micros = |time: Option<&prost_types::Timestamp>| Timestamp::stored(time).unwrap_or_default().micros();
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&request.name).to_owned()),
        version: Set(etag::version(&request.etag)),
        document: Set(request.encode_to_vec()),
        partner: Set(names::last(&request.partner).to_owned()),
        mdf_budget: Set(names::last(&request.mdf_budget).to_owned()),
        marketing_campaign: Set(names::last(&request.marketing_campaign).to_owned()),
        state: Set(request.state),
        usage_start_date: Set(request.usage_start_date.clone()),
        usage_end_date: Set(request.usage_end_date.clone()),
        claim_deadline_time: Set(micros(request.claim_deadline_time.as_ref())),
        create_time: Set(micros(request.create_time.as_ref())),
    }
}

/// The rows with their state judged at an instant, so that a filter does not
/// wait for the sweep.
fn judged(now: Timestamp) -> Select<Entity> {
    let due = Expr::col(Column::State).is_in(OPEN).and(Expr::col(Column::ClaimDeadlineTime).lte(now.micros()));
    let mut rows = Query::select();
    rows.from(Entity)
        .expr_as(Expr::case(due, State::Expired as i32).finally(Expr::col(Column::State)), Column::State)
        .columns(Column::iter().filter(|c| !matches!(c, Column::State)));
    let mut judged = Entity::find();
    QueryTrait::query(&mut judged).from_clear().from_subquery(rows, Entity);
    judged
}

/// The request, if the caller may see it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<MdfRequest>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The request, locked until the transaction ends, if the caller may see it.
pub(crate) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<MdfRequest>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// Open requests of a budget whose deadline has passed, locked in the order of
/// their ids. No scope: it is the vendor's budget.
pub(super) async fn lock_due_of_budget(tx: &Tx, cx: &Cx, budget: &str) -> Result<Vec<MdfRequest>> {
    let due = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::MdfBudget.eq(budget))
        .filter(Column::State.is_in(OPEN))
        .filter(Column::ClaimDeadlineTime.lte(cx.now.micros()))
        .order_by_asc(Column::Id)
        .lock_exclusive();
    due.all(tx.conn()).await.db()?.into_iter().map(read).collect()
}

/// Tenants and ids of open requests whose deadline has passed.
pub(super) async fn due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    let due = Entity::find().filter(Column::State.is_in(OPEN)).filter(Column::ClaimDeadlineTime.lte(now.micros()));
    let due = due.order_by_asc(Column::ClaimDeadlineTime).limit(limit).select_only().column(Column::Tenant).column(Column::Id);
    due.into_tuple().all(conn).await.db()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, request: &MdfRequest) -> Result<()> {
    inserted(Entity::insert(row(cx, request)).exec_without_returning(tx.conn()).await, &request.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, request: &MdfRequest) -> Result<()> {
    let before = etag::version(&request.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, request))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&request.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &request.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<MdfRequest>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = judged(cx.now)
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
