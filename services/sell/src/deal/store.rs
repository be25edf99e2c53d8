//! Rows of deals.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    Condition, ConnectionTrait, Iterable, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{ExprTrait, Query, SelectStatement},
};
use stoa_kernel::{Cx, Result, Timestamp, names, page::Page};
use stoa_proto::sell::v1::{Deal, PipelineStage, RegistrationState};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

use super::{pipeline, protection, registration};
use crate::crm;

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub registration_state: i32,
        pub pipeline_stage: i32,
        pub product_line: String,
        pub close_date: String,
        pub amount_minor: Option<i64>,
        pub customer_domain: String,
        pub imported: bool,
        pub deleted: bool,
        pub submit_time: Option<i64>,
        pub end_time: Option<i64>,
        pub decide_due_time: Option<i64>,
        pub remind_time: Option<i64>,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn state(name: &str) -> Option<i32> {
    filter::enum_value("REGISTRATION_STATE_", name, RegistrationState::from_str_name)
}

fn stage(name: &str) -> Option<i32> {
    filter::enum_value("PIPELINE_STAGE_", name, PipelineStage::from_str_name)
}

const FILTER: [Field; 9] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "registration_state", column: "registration_state", kind: Kind::Enum(state) },
    Field { api: "pipeline_stage", column: "pipeline_stage", kind: Kind::Enum(stage) },
    Field { api: "product_line", column: "product_line", kind: Kind::Name("productLines") },
    Field { api: "close_date", column: "close_date", kind: Kind::Text },
    Field { api: "amount_minor", column: "amount_minor", kind: Kind::Int },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
    Field { api: "customer_domain", column: "customer_domain", kind: Kind::Text },
    Field { api: "imported", column: "imported", kind: Kind::Bool },
];

fn read(row: Model) -> Result<Deal> {
    decode("deal", &row.id, &row.document)
}

fn micros(time: Option<&prost_types::Timestamp>) -> Option<i64> {
    Timestamp::stored(time).map(Timestamp::micros)
}

fn row(cx: &Cx, deal: &Deal) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&deal.name).to_owned()),
        version: Set(registration::version(deal)),
        document: Set(deal.encode_to_vec()),
        partner: Set(names::last(&deal.partner).to_owned()),
        registration_state: Set(deal.registration_state),
        pipeline_stage: Set(deal.pipeline_stage),
        product_line: Set(names::last(&deal.product_line).to_owned()),
        close_date: Set(deal.close_date.clone()),
        amount_minor: Set(deal.amount.as_ref().map(|a| a.minor_units)),
        customer_domain: Set(super::customer_domain(deal)),
        imported: Set(deal.imported),
        deleted: Set(deal.delete_time.is_some()),
        submit_time: Set(micros(deal.submit_time.as_ref())),
        end_time: Set(pipeline::close_time(deal).map(Timestamp::micros)),
        decide_due_time: Set(micros(deal.decide_due_time.as_ref())),
        remind_time: Set(protection::next_reminder(deal).map(|(_, due)| due.micros())),
        create_time: Set(micros(deal.create_time.as_ref()).unwrap_or_default()),
    }
}

/// What the caller may see: its partner's deals, a connector its own registration's.
fn scope(cx: &Cx) -> Condition {
    let mine = Condition::all()
        .add(Column::Tenant.eq(&cx.tenant))
        .add(Column::Deleted.eq(false))
        .add(stoa_directory::visible(cx, Column::Partner));
    match cx.caller.connector.as_str() {
        "" => mine,
        connector => mine.add(Column::Id.in_subquery(crm::linked_deals(cx, connector))),
    }
}

/// The deal, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Deal>> {
    Entity::find().filter(scope(cx)).filter(Column::Id.eq(id)).one(conn).await.db()?.map(read).transpose()
}

/// The deal, locked until the transaction ends, if the caller may see it.
pub(crate) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Deal>> {
    let mine = Entity::find().filter(scope(cx)).filter(Column::Id.eq(id)).lock_exclusive();
    mine.one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    inserted(Entity::insert(row(cx, deal)).exec_without_returning(tx.conn()).await, &deal.name)
}

/// Writes a deal over its version `before`; a write may make several versions.
pub(super) async fn save(tx: &Tx, cx: &Cx, deal: &Deal, before: i64) -> Result<()> {
    let done = Entity::update_many()
        .set(row(cx, deal))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&deal.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &deal.name)
}

/// Open deals among `ids`, other than one, that may hold their customer, direct
/// ones included; whether they do is the rule's to say. Sees all of the tenant.
pub(super) async fn registered<C: ConnectionTrait>(conn: &C, cx: &Cx, ids: SelectStatement, other_than: &str) -> Result<Vec<Deal>> {
    use RegistrationState::{ActionRequired, Approved, Submitted, UnderReview};
    let states = [Submitted, UnderReview, ActionRequired, Approved].map(i32::from);
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.in_subquery(ids))
        .filter(Column::Id.ne(other_than))
        .filter(Condition::any().add(Column::RegistrationState.is_in(states)).add(Column::Partner.eq("")))
        .filter(Column::Imported.eq(false))
        .filter(Column::Deleted.eq(false))
        .filter(Column::EndTime.is_null())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}

/// Name of a deal among `ids` of another partner that was registered before
/// `until` and not closed before `from`.
pub(super) async fn overlapping<C: ConnectionTrait>(
    conn: &C,
    cx: &Cx,
    ids: SelectStatement,
    deal: &Deal,
    from: Timestamp,
    until: Timestamp,
) -> Result<Option<String>> {
    let other: Option<String> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.in_subquery(ids))
        .filter(Column::Deleted.eq(false))
        .filter(Column::Partner.ne(names::last(&deal.partner)))
        .filter(Column::SubmitTime.lt(until.micros()))
        .filter(Condition::any().add(Column::EndTime.is_null()).add(Column::EndTime.gt(from.micros())))
        .limit(1)
        .into_tuple()
        .one(conn)
        .await
        .db()?;
    Ok(other.map(|id| names::name("deals", &id)))
}

/// Tenants and ids of registrations that were to be decided by `now`, longest
/// due first.
pub(super) async fn expiry_due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    due(conn, Column::DecideDueTime, now, limit).await
}

/// Tenants and ids of deals that a reminder is due for by `now`, longest due
/// first.
pub(super) async fn reminder_due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    due(conn, Column::RemindTime, now, limit).await
}

async fn due<C: ConnectionTrait>(conn: &C, time: Column, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    let due = Entity::find().filter(time.lte(now.micros())).order_by_asc(time).limit(limit);
    due.select_only().column(Column::Tenant).column(Column::Id).into_tuple().all(conn).await.db()
}

/// The rows with their registration judged at an instant, so that a filter does
/// not wait for the sweep.
fn judged(now: Timestamp) -> Select<Entity> {
    let due = Expr::col(Column::DecideDueTime).lte(now.micros());
    let expired = i32::from(RegistrationState::Expired);
    let mut rows = Query::select();
    rows.from(Entity)
        .expr_as(Expr::case(due, expired).finally(Expr::col(Column::RegistrationState)), Column::RegistrationState)
        .columns(Column::iter().filter(|c| !matches!(c, Column::RegistrationState)));
    let mut judged = Entity::find();
    QueryTrait::query(&mut judged).from_clear().from_subquery(rows, Entity);
    judged
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Deal>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = judged(cx.now)
        .filter(scope(cx))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(|row| read(row).map(|deal| registration::seen(deal, cx.now))).collect()
}
