//! Rows of commissions.

use std::collections::BTreeMap;

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_directory::visible;
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::incentivize::v1::{Commission, CommissionState};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

use crate::ledger::sums;

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "commission")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub deal: String,
        pub commission_rule: String,
        pub state: i32,
        pub currency: String,
        pub amount: i64,
        pub win_time: i64,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn state(name: &str) -> Option<i32> {
    filter::enum_value("COMMISSION_STATE_", name, CommissionState::from_str_name)
}

const FILTER: [Field; 6] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "deal", column: "deal", kind: Kind::Name("deals") },
    Field { api: "commission_rule", column: "commission_rule", kind: Kind::Name("commissionRules") },
    Field { api: "state", column: "state", kind: Kind::Enum(state) },
    Field { api: "win_time", column: "win_time", kind: Kind::Time },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<Commission> {
    decode("commission", &row.id, &row.document)
}

fn micros(time: Option<&prost_types::Timestamp>) -> i64 {
    Timestamp::stored(time).unwrap_or_default().micros()
}

/// The commission, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Commission>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// All rows of a deal.
pub(super) async fn of_deal<C: ConnectionTrait>(conn: &C, cx: &Cx, deal: &str) -> Result<Vec<Commission>> {
    let rows = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Deal.eq(deal)).order_by_asc(Column::Id);
    rows.all(conn).await.db()?.into_iter().map(read).collect()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, commission: &Commission) -> Result<()> {
    let amount = commission.amount.clone().unwrap_or_default();
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&commission.name).to_owned()),
        version: Set(etag::version(&commission.etag)),
        document: Set(commission.encode_to_vec()),
        partner: Set(names::last(&commission.partner).to_owned()),
        deal: Set(names::last(&commission.deal).to_owned()),
        commission_rule: Set(names::last(&commission.commission_rule).to_owned()),
        state: Set(commission.state),
        currency: Set(amount.currency_code),
        amount: Set(amount.minor_units),
        win_time: Set(micros(commission.win_time.as_ref())),
        create_time: Set(micros(commission.create_time.as_ref())),
    };
    inserted(Entity::insert(row).exec_without_returning(tx.conn()).await, &commission.name)
}

/// Only the state of a row ever changes.
pub(super) async fn save(tx: &Tx, cx: &Cx, commission: &Commission) -> Result<()> {
    let version = etag::version(&commission.etag);
    let done = Entity::update_many()
        .col_expr(Column::Version, Expr::value(version))
        .col_expr(Column::Document, Expr::value(commission.encode_to_vec()))
        .col_expr(Column::State, Expr::value(commission.state))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&commission.name)))
        .filter(Column::Version.eq(version - 1))
        .exec(tx.conn())
        .await;
    saved(done, &commission.name)
}

/// Sum of all commissions by currency.
pub(crate) async fn total<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<BTreeMap<String, i128>> {
    let all = Entity::find().filter(Column::Tenant.eq(&cx.tenant));
    sums::by_currency(conn, all, Column::Currency, "amount").await
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Commission>> {
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
