//! Rows of exchange rates.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::incentivize::v1::ExchangeRate;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    saved,
};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "exchange_rate")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub base_currency: String,
        pub quote_currency: String,
        pub date: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

const FILTER: [Field; 4] = [
    Field { api: "base_currency", column: "base_currency", kind: Kind::Text },
    Field { api: "quote_currency", column: "quote_currency", kind: Kind::Text },
    Field { api: "date", column: "date", kind: Kind::Text },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<ExchangeRate> {
    decode("exchange_rate", &row.id, &row.document)
}

/// The rate, if the tenant has it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<ExchangeRate>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).one(conn).await.db()?.map(read).transpose()
}

/// The rate, locked until the transaction ends.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<ExchangeRate>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

fn row(cx: &Cx, rate: &ExchangeRate) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&rate.name).to_owned()),
        version: Set(etag::version(&rate.etag)),
        document: Set(rate.encode_to_vec()),
        base_currency: Set(rate.base_currency.clone()),
        quote_currency: Set(rate.quote_currency.clone()),
        date: Set(rate.date.clone()),
        create_time: Set(Timestamp::stored(rate.create_time.as_ref()).unwrap_or_default().micros()),
    }
}

/// Writes a rate unless its pair and date have one; tells whether it did.
pub(super) async fn insert(tx: &Tx, cx: &Cx, rate: &ExchangeRate) -> Result<bool> {
    let known = OnConflict::columns([Column::Tenant, Column::Id]).do_nothing().to_owned();
    let rows = Entity::insert(row(cx, rate)).on_conflict(known).exec_without_returning(tx.conn()).await.db()?;
    Ok(rows == 1)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, rate: &ExchangeRate) -> Result<()> {
    let before = etag::version(&rate.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, rate))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&rate.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &rate.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<ExchangeRate>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
