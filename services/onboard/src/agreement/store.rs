//! Rows of agreements.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, Iterable, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{ExprTrait, Query},
};
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::{Agreement, AgreementState as State};
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
    #[sea_orm(table_name = "agreement")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub prospect: String,
        pub partner: String,
        pub program: String,
        pub state: i32,
        pub expire_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn state(name: &str) -> Option<i32> {
    filter::enum_value("AGREEMENT_STATE_", name, State::from_str_name)
}

const FILTER: [Field; 5] = [
    Field { api: "prospect", column: "prospect", kind: Kind::Name("prospects") },
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "program", column: "program", kind: Kind::Name("programs") },
    Field { api: "state", column: "state", kind: Kind::Enum(state) },
    Field { api: "expire_time", column: "expire_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<Agreement> {
    decode("agreement", &row.id, &row.document)
}

fn row(cx: &Cx, agreement: &Agreement) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&agreement.name).to_owned()),
        version: Set(etag::version(&agreement.etag)),
        document: Set(agreement.encode_to_vec()),
        prospect: Set(names::last(&agreement.prospect).to_owned()),
        partner: Set(names::last(&agreement.partner).to_owned()),
        program: Set(names::last(&agreement.program).to_owned()),
        state: Set(agreement.state),
        expire_time: Set(Timestamp::stored(agreement.expire_time.as_ref()).map(Timestamp::micros)),
    }
}

/// The rows with their state judged at an instant, so that a filter does not
/// wait for the sweep.
fn judged(now: Timestamp) -> Select<Entity> {
    let over = Expr::col(Column::State).eq(State::Effective as i32).and(Expr::col(Column::ExpireTime).lte(now.micros()));
    let state = Expr::case(over, State::Expired as i32).finally(Expr::col(Column::State));
    let mut rows = Query::select();
    rows.from(Entity).expr_as(state, Column::State).columns(Column::iter().filter(|c| !matches!(c, Column::State)));
    let mut judged = Entity::find();
    QueryTrait::query(&mut judged).from_clear().from_subquery(rows, Entity);
    judged
}

/// The agreement as it is at the caller's instant, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Agreement>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    let found = mine.one(conn).await.db()?.map(read).transpose()?;
    Ok(found.map(|agreement| super::judged(agreement, cx.now)))
}

/// The agreement as it was recorded, locked until the transaction ends, if the caller may see it.
pub(crate) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Agreement>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, agreement: &Agreement) -> Result<()> {
    inserted(Entity::insert(row(cx, agreement)).exec_without_returning(tx.conn()).await, &agreement.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, agreement: &Agreement) -> Result<()> {
    let before = etag::version(&agreement.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, agreement))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&agreement.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &agreement.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Agreement>> {
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
