//! Rows of enrollments, and the answers that bulk enrollments gave. `status` is
//! the last recorded status.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use sea_orm::{ActiveValue::Set, Condition, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Error, Kind, Result, Timestamp, names};
use stoa_proto::onboard::v1::{BulkEnrollRequest, BulkEnrollResponse, Enrollment, EnrollmentStatus as Status, ErrorReason};
use stoa_store::{DbResult, Documents, Key, Tx, decode, documents, filter::Field};

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
pub(crate) use row::{Column, Entity as Enrollments};

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

impl Documents for Enrollments {
    type Document = Enrollment;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::name("program", "programs"),
        Field::text("tier"),
        Field::state::<Status>("status", in_state),
        Field::time("effective_time").ordered(),
    ];

    fn row(Key { tenant, id, version, document }: Key, enrollment: &Enrollment) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&enrollment.partner).to_owned(),
            program: names::last(&enrollment.program).to_owned(),
            tier: enrollment.tier.clone(),
            status: enrollment.status,
            effective_time: Timestamp::micros_of(enrollment.effective_time.as_ref()).unwrap_or_default(),
            end_time: Timestamp::micros_of(enrollment.end_time.as_ref()),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        visible(cx, Column::Partner)
    }

    fn at(enrollment: Enrollment, now: Timestamp) -> Enrollment {
        super::as_of(enrollment, now)
    }

    /// Another transaction enrolled the partner or took the id in the meantime.
    fn taken(enrollment: &Enrollment) -> Error {
        let Enrollment { name, partner, program, .. } = enrollment;
        let message =
            format!("{partner} is already enrolled in {program}, or {name} exists. Terminate that enrollment, or choose another id.");
        Error::new(Kind::AlreadyExists, ErrorReason::AlreadyEnrolled, message)
    }
}

/// Condition that an enrollment is in a status at an instant. See
/// [`super::as_of`].
fn in_state(status: i32, now: Timestamp) -> Condition {
    let recorded = Condition::all().add(Column::Status.eq(status));
    match Status::try_from(status) {
        Ok(Status::Enrolled | Status::Suspended) => recorded.add(not_over(now)),
        Ok(Status::Lapsed) => Condition::any().add(recorded).add(live().add(Column::EndTime.lte(now.micros()))),
        _ => recorded,
    }
}

/// Condition that an enrollment is recorded as live.
pub(super) fn live() -> Condition {
    Condition::all().add(Column::Status.is_in([Status::Enrolled as i32, Status::Suspended as i32]))
}

fn not_over(now: Timestamp) -> Condition {
    Condition::any().add(Column::EndTime.is_null()).add(Column::EndTime.gt(now.micros()))
}

/// Locks and returns the enrollment of a partner in a program that is recorded
/// as live.
pub(super) async fn lock_live(tx: &Tx, cx: &Cx, partner: &str, program: &str) -> Result<Option<Enrollment>> {
    let of_both = documents::select::<Enrollments>(cx).filter(Column::Partner.eq(partner)).filter(Column::Program.eq(program));
    documents::first(tx.conn(), of_both.filter(live()).lock_exclusive()).await
}

/// Returns the enrollments of a partner that are live at the context's instant.
pub(super) async fn in_force_of<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: &str) -> Result<Vec<Enrollment>> {
    let theirs = documents::select::<Enrollments>(cx).filter(Column::Partner.eq(partner));
    documents::all(conn, theirs.filter(live().add(not_over(cx.now)))).await
}

/// Returns ids of partners that are enrolled in a program at the context's
/// instant, in order: those after `after`, at most `limit`.
pub(crate) async fn partners_of<C: ConnectionTrait>(conn: &C, cx: &Cx, program: &str, after: &str, limit: u64) -> Result<Vec<String>> {
    let members = documents::select::<Enrollments>(cx).filter(Column::Program.eq(program)).filter(live().add(not_over(cx.now)));
    let page = members.filter(Column::Partner.gt(after)).order_by_asc(Column::Partner).limit(limit);
    let found = documents::all(conn, page).await?;
    Ok(found.into_iter().map(|enrollment| names::last(&enrollment.partner).to_owned()).collect())
}

/// The live enrollments of partners, locked in the order of their ids.
pub(super) async fn lock_live_of<'a>(tx: &Tx, cx: &Cx, partners: impl Iterator<Item = &'a str>) -> Result<Vec<Enrollment>> {
    let theirs = documents::select::<Enrollments>(cx).filter(Column::Partner.is_in(partners)).filter(live());
    documents::all(tx.conn(), theirs.order_by_asc(Column::Id).lock_exclusive()).await
}

/// The hash of a row of a bulk enrollment, and the answer that it got.
pub(super) type BulkAnswer = (Vec<u8>, BulkEnrollResponse);

/// The answers that rows got before, by the ids of the bulk enrollment and the
/// row.
pub(super) async fn bulk_answers(tx: &Tx, cx: &Cx, requests: &[BulkEnrollRequest]) -> Result<BTreeMap<(String, String), BulkAnswer>> {
    use bulk_row::{Column, Entity};
    let bulks: BTreeSet<&str> = requests.iter().map(|request| request.bulk_enrollment_id.as_str()).collect();
    let rows = requests.iter().filter_map(|request| Some(request.row.as_ref()?.row_id.as_str()));
    let found = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::BulkEnrollment.is_in(bulks));
    let found = found.filter(Column::RowId.is_in(rows)).all(tx.conn()).await.db()?;
    let read = |row: bulk_row::Model| {
        let answer = decode("bulk_enroll_row", &row.row_id, &row.answer)?;
        Ok(((row.bulk_enrollment, row.row_id), (row.row_hash, answer)))
    };
    found.into_iter().map(read).collect()
}

/// Keeps answers, as many as a group of rows has.
pub(super) async fn keep_bulk_answers(tx: &Tx, cx: &Cx, answers: Vec<((String, String), BulkAnswer)>) -> Result<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let row = |((bulk, row_id), (row_hash, answer)): ((String, String), BulkAnswer)| bulk_row::ActiveModel {
        tenant: Set(cx.tenant.clone()),
        bulk_enrollment: Set(bulk),
        row_id: Set(row_id),
        row_hash: Set(row_hash),
        answer: Set(answer.encode_to_vec()),
    };
    let insert = bulk_row::Entity::insert_many(answers.into_iter().map(row));
    insert.exec_without_returning(tx.conn()).await.db().map(|_| ())
}
