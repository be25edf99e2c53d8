//! Rows of enrollments, and the answers that bulk enrollments gave.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Error, Kind as Failure, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::{BulkEnrollResponse, Enrollment, EnrollmentStatus, ErrorReason};
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
    let full = format!("ENROLLMENT_STATUS_{}", name.trim_start_matches("ENROLLMENT_STATUS_"));
    EnrollmentStatus::from_str_name(&full).map(i32::from)
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

/// The enrollment, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Enrollment>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The enrollment, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Enrollment>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// The enrollment by which a partner stands in a program now.
pub(super) async fn live<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: &str, program: &str) -> Result<Option<Enrollment>> {
    let live = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Partner.eq(partner))
        .filter(Column::Program.eq(program))
        .filter(Column::Status.is_in(LIVE));
    live.one(conn).await.db()?.map(read).transpose()
}

/// Ids of the programs that a partner stands in now.
pub(crate) async fn programs_of<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: &str) -> Result<Vec<String>> {
    let live = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Partner.eq(partner)).filter(Column::Status.is_in(LIVE));
    live.select_only().column(Column::Program).into_tuple().all(conn).await.db()
}

/// Ids of the partners that stand in a program now.
pub(crate) async fn partners_of<C: ConnectionTrait>(conn: &C, cx: &Cx, program: &str) -> Result<Vec<String>> {
    let live = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Program.eq(program)).filter(Column::Status.is_in(LIVE));
    live.select_only().column(Column::Partner).into_tuple().all(conn).await.db()
}

/// Tenants and ids of live enrollments that ended before `now`.
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
        .await
        .db()?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::etag_mismatch(&enrollment.name)) }
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Enrollment>> {
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
