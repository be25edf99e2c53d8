//! Rows of certification awards. `state` is the last recorded fact; `due_time`
//! is set while an end is to be recorded, so that the sweep reads only what is
//! due.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, Iterable, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{ExprTrait, Query},
};
use stoa_directory::visible;
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::enable::v1::{CertificationAward, CertificationAwardState as State};
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
    #[sea_orm(table_name = "certification_award")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub certification: String,
        pub product_line: String,
        pub partner: String,
        pub person: String,
        pub state: i32,
        pub earn_time: i64,
        pub expire_time: i64,
        pub due_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn state(name: &str) -> Option<i32> {
    filter::enum_value("CERTIFICATION_AWARD_STATE_", name, State::from_str_name)
}

const FILTER: [Field; 7] = [
    Field { api: "certification", column: "certification", kind: Kind::Name("certifications") },
    Field { api: "product_line", column: "product_line", kind: Kind::Name("productLines") },
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "person", column: "person", kind: Kind::Name("persons") },
    Field { api: "state", column: "state", kind: Kind::Enum(state) },
    Field { api: "earn_time", column: "earn_time", kind: Kind::Time },
    Field { api: "expire_time", column: "expire_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<CertificationAward> {
    decode("certification_award", &row.id, &row.document)
}

fn row(cx: &Cx, award: &CertificationAward) -> ActiveModel {
    let micros = |time: &Option<prost_types::Timestamp>| Timestamp::stored(time.as_ref()).unwrap_or_default().micros();
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&award.name).to_owned()),
        version: Set(etag::version(&award.etag)),
        document: Set(award.encode_to_vec()),
        certification: Set(names::last(&award.certification).to_owned()),
        product_line: Set(names::last(&award.product_line).to_owned()),
        partner: Set(names::last(&award.partner).to_owned()),
        person: Set(names::last(&award.person).to_owned()),
        state: Set(award.state),
        earn_time: Set(micros(&award.earn_time)),
        expire_time: Set(micros(&award.expire_time)),
        due_time: Set(super::due_time(award).map(Timestamp::micros)),
    }
}

/// The rows with their state judged at an instant, so that a filter by state
/// does not wait for the sweep.
fn judged(now: Timestamp) -> Select<Entity> {
    let expired = Expr::col(Column::ExpireTime).lte(now.micros());
    let state = Expr::case(Expr::col(Column::State).eq(State::Revoked as i32), State::Revoked as i32)
        .case(expired, State::Expired as i32)
        .finally(State::Valid as i32);
    let mut rows = Query::select();
    rows.from(Entity).expr_as(state, Column::State);
    rows.columns(Column::iter().filter(|c| !matches!(c, Column::State)));
    let mut judged = Entity::find();
    QueryTrait::query(&mut judged).from_clear().from_subquery(rows, Entity);
    judged
}

/// The award, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<CertificationAward>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The award, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<CertificationAward>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// All awards of a certification to a person, of any partner; locked until the
/// transaction ends.
pub(super) async fn of_person(tx: &Tx, cx: &Cx, certification: &str, person: &str) -> Result<Vec<CertificationAward>> {
    let theirs = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Person.eq(person))
        .filter(Column::Certification.eq(certification))
        .order_by_asc(Column::Id)
        .lock_exclusive();
    theirs.all(tx.conn()).await.db()?.into_iter().map(read).collect()
}

/// Tenants and ids of awards whose end is to be recorded, longest first.
pub(super) async fn due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    let due = Entity::find().filter(Column::DueTime.lte(now.micros())).order_by_asc(Column::DueTime).limit(limit);
    due.select_only().column(Column::Tenant).column(Column::Id).into_tuple().all(conn).await.db()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, award: &CertificationAward) -> Result<()> {
    inserted(Entity::insert(row(cx, award)).exec_without_returning(tx.conn()).await, &award.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, award: &CertificationAward) -> Result<()> {
    let before = etag::version(&award.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, award))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&award.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &award.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<CertificationAward>> {
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
