//! Rows of agreements.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::{Agreement, AgreementState};
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
    let full = format!("AGREEMENT_STATE_{}", name.trim_start_matches("AGREEMENT_STATE_"));
    AgreementState::from_str_name(&full).map(i32::from)
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

/// The agreement, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Agreement>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The agreement, locked until the transaction ends, if the caller may see it.
pub(crate) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Agreement>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, agreement: &Agreement) -> Result<()> {
    match Entity::insert(row(cx, agreement)).exec_without_returning(tx.conn()).await {
        Err(e) if is_unique_violation(&e) => Err(Error::already_exists(&agreement.name)),
        other => other.db().map(|_| ()),
    }
}

pub(super) async fn save(tx: &Tx, cx: &Cx, agreement: &Agreement) -> Result<()> {
    let before = etag::version(&agreement.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, agreement))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&agreement.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await
        .db()?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::etag_mismatch(&agreement.name)) }
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Agreement>> {
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
