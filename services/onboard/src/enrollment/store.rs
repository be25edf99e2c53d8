//! Rows of enrollments, and the answers that bulk enrollments gave.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    Condition, ConnectionTrait, Iterable, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{ExprTrait, Query},
};
use stoa_kernel::{Cx, Error, Kind as Failure, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::{BulkEnrollResponse, Enrollment, EnrollmentStatus, ErrorReason};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    is_unique_violation, saved,
};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "enrollment")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub program: String,
        pub tier: String,
        pub status: i32,
        pub effective_time: i64,
        pub end_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

mod bulk_row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "bulk_enroll_row")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub bulk_enrollment: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub row_id: String,
        pub row_hash: Vec<u8>,
        pub answer: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Statuses that count as a member of the network.
const LIVE: [i32; 2] = [EnrollmentStatus::Enrolled as i32, EnrollmentStatus::Suspended as i32];

fn status(name: &str) -> Option<i32> {
    filter::enum_value("ENROLLMENT_STATUS_", name, EnrollmentStatus::from_str_name)
}

const FILTER: [Field; 5] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "program", column: "program", kind: Kind::Name("programs") },
    Field { api: "tier", column: "tier", kind: Kind::Text },
    Field { api: "status", column: "status", kind: Kind::Enum(status) },
    Field { api: "effective_time", column: "effective_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<Enrollment> {
    decode("enrollment", &row.id, &row.document)
}

fn row(cx: &Cx, enrollment: &Enrollment) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&enrollment.name).to_owned()),
        version: Set(etag::version(&enrollment.etag)),
        document: Set(enrollment.encode_to_vec()),
        partner: Set(names::last(&enrollment.partner).to_owned()),
        program: Set(names::last(&enrollment.program).to_owned()),
        tier: Set(enrollment.tier.clone()),
        status: Set(enrollment.status),
        effective_time: Set(Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or_default().micros()),
        end_time: Set(Timestamp::stored(enrollment.end_time.as_ref()).map(Timestamp::micros)),
    }
}

/// What has not ended by an instant, whether that was recorded yet or not.
fn in_force(now: Timestamp) -> Condition {
    let over = Column::EndTime.lte(now.micros());
    Condition::all().add(Column::Status.is_in(LIVE)).add(Column::EndTime.is_null().or(over.not()))
}

/// The rows with their status judged at an instant, so that a filter does not
/// wait for the sweep.
fn judged(now: Timestamp) -> Select<Entity> {
    let over = Expr::col(Column::Status).is_in(LIVE).and(Expr::col(Column::EndTime).lte(now.micros()));
    let status = Expr::case(over, EnrollmentStatus::Lapsed as i32).finally(Expr::col(Column::Status));
    let mut rows = Query::select();
    rows.from(Entity).expr_as(status, Column::Status).columns(Column::iter().filter(|c| !matches!(c, Column::Status)));
    let mut judged = Entity::find();
    QueryTrait::query(&mut judged).from_clear().from_subquery(rows, Entity);
    judged
}

/// The enrollment as it is at the caller's instant, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Enrollment>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    let found = mine.one(conn).await.db()?.map(read).transpose()?;
    Ok(found.map(|enrollment| super::judged(enrollment, cx.now)))
}

/// The enrollment as it was recorded, locked until the transaction ends, if the
/// caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Enrollment>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// The enrollment of a partner in a program that is recorded as live, locked.
pub(super) async fn lock_live(tx: &Tx, cx: &Cx, partner: &str, program: &str) -> Result<Option<Enrollment>> {
    let live = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Partner.eq(partner))
        .filter(Column::Program.eq(program))
        .filter(Column::Status.is_in(LIVE));
    live.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// The statuses in which a partner stands in its programs at an instant.
pub(super) async fn live_statuses<C: ConnectionTrait>(conn: &C, tenant: &str, partner: &str, now: Timestamp) -> Result<Vec<i32>> {
    let live = Entity::find().filter(Column::Tenant.eq(tenant)).filter(Column::Partner.eq(partner)).filter(in_force(now));
    live.select_only().column(Column::Status).into_tuple().all(conn).await.db()
}

/// Ids of the programs that a partner stands in at the context's instant.
pub(crate) async fn programs_of<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: &str) -> Result<Vec<String>> {
    let live = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Partner.eq(partner)).filter(in_force(cx.now));
    live.select_only().column(Column::Program).into_tuple().all(conn).await.db()
}

/// Ids of partners that stand in a program at the context's instant, in their
/// order: those behind `after`, `limit` at most.
pub(crate) async fn partners_of<C: ConnectionTrait>(conn: &C, cx: &Cx, program: &str, after: &str, limit: u64) -> Result<Vec<String>> {
    let live = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Program.eq(program)).filter(in_force(cx.now));
    let page = live.filter(Column::Partner.gt(after)).order_by_asc(Column::Partner).limit(limit);
    page.select_only().column(Column::Partner).into_tuple().all(conn).await.db()
}

/// Tenants and ids of live enrollments that are over by `now`, the longest first.
pub(super) async fn due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    let due = Entity::find().filter(Column::EndTime.lte(now.micros())).filter(Column::Status.is_in(LIVE));
    let due = due.order_by_asc(Column::EndTime).limit(limit).select_only().column(Column::Tenant).column(Column::Id);
    due.into_tuple().all(conn).await.db()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    match Entity::insert(row(cx, enrollment)).exec_without_returning(tx.conn()).await {
        // Another transaction enrolled the partner meanwhile, or took the id.
        Err(e) if is_unique_violation(&e) => {
            let message = format!("{} is enrolled in {}, or {} is taken", enrollment.partner, enrollment.program, enrollment.name);
            Err(Error::new(Failure::AlreadyExists, ErrorReason::AlreadyEnrolled.as_str_name(), message))
        }
        other => other.db().map(|_| ()),
    }
}

pub(super) async fn save(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    let before = etag::version(&enrollment.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, enrollment))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&enrollment.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &enrollment.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Enrollment>> {
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
    rows.into_iter().map(|row| Ok(super::judged(read(row)?, cx.now))).collect()
}

/// The answer that a row of a bulk enrollment got before, with the row's hash.
pub(super) async fn bulk_answer(tx: &Tx, cx: &Cx, bulk: &str, row_id: &str) -> Result<Option<(Vec<u8>, BulkEnrollResponse)>> {
    let key = (cx.tenant.clone(), bulk.to_owned(), row_id.to_owned());
    let Some(row) = bulk_row::Entity::find_by_id(key).one(tx.conn()).await.db()? else { return Ok(None) };
    Ok(Some((row.row_hash, decode("bulk_enroll_row", row_id, &row.answer)?)))
}

pub(super) async fn keep_bulk_answer(
    tx: &Tx,
    cx: &Cx,
    bulk: &str,
    row_id: &str,
    row_hash: Vec<u8>,
    answer: &BulkEnrollResponse,
) -> Result<()> {
    let row = bulk_row::ActiveModel {
        tenant: Set(cx.tenant.clone()),
        bulk_enrollment: Set(bulk.to_owned()),
        row_id: Set(row_id.to_owned()),
        row_hash: Set(row_hash),
        answer: Set(answer.encode_to_vec()),
    };
    bulk_row::Entity::insert(row).exec_without_returning(tx.conn()).await.db().map(|_| ())
}
