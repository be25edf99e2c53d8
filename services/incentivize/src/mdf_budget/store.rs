//! Rows of MDF budgets. A partner's caller finds none.

use std::collections::BTreeMap;

use prost::Message;
use sea_orm::{ActiveValue::Set, Condition, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Reach, Result, Timestamp, etag, names, page::Page};
use stoa_proto::incentivize::v1::MdfBudget;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

use crate::ledger::{prove::Totals, sums};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mdf_budget")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub currency: String,
        pub amount: i64,
        pub committed: i64,
        pub start_date: String,
        pub end_date: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

const FILTER: [Field; 3] = [
    Field { api: "start_date", column: "start_date", kind: Kind::Text },
    Field { api: "end_date", column: "end_date", kind: Kind::Text },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<MdfBudget> {
    decode("mdf_budget", &row.id, &row.document)
}

fn row(cx: &Cx, budget: &MdfBudget) -> ActiveModel {
    let amount = budget.amount.clone().unwrap_or_default();
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&budget.name).to_owned()),
        version: Set(etag::version(&budget.etag)),
        document: Set(budget.encode_to_vec()),
        currency: Set(amount.currency_code),
        amount: Set(amount.minor_units),
        committed: Set(budget.committed_amount.as_ref().map_or(0, |m| m.minor_units)),
        start_date: Set(budget.start_date.clone()),
        end_date: Set(budget.end_date.clone()),
        create_time: Set(Timestamp::stored(budget.create_time.as_ref()).unwrap_or_default().micros()),
    }
}

/// Budgets are the vendor's.
fn visible(cx: &Cx) -> Condition {
    let tenant = Condition::all().add(Column::Tenant.eq(&cx.tenant));
    match cx.caller.reach {
        Reach::Tenant => tenant,
        Reach::Partner(_) => tenant.add(Expr::cust("1 = 0")),
    }
}

/// The budget, if the caller may see it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<MdfBudget>> {
    Entity::find().filter(visible(cx)).filter(Column::Id.eq(id)).one(conn).await.db()?.map(read).transpose()
}

/// The budget, locked until the transaction ends. No scope: a partner's own
/// cancellation gives back to a budget that the partner cannot see.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<MdfBudget>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, budget: &MdfBudget) -> Result<()> {
    inserted(Entity::insert(row(cx, budget)).exec_without_returning(tx.conn()).await, &budget.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, budget: &MdfBudget) -> Result<()> {
    let before = etag::version(&budget.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, budget))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&budget.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &budget.name)
}

/// Adds what budgets hold and have committed to the totals of the proof.
pub(crate) async fn totals<C: ConnectionTrait>(conn: &C, cx: &Cx, totals: &mut BTreeMap<String, Totals>) -> Result<()> {
    let all = || Entity::find().filter(Column::Tenant.eq(&cx.tenant));
    for (currency, sum) in sums::by_currency(conn, all(), Column::Currency, "amount").await? {
        totals.entry(currency).or_default().budgeted = sum;
    }
    for (currency, sum) in sums::by_currency(conn, all(), Column::Currency, "committed").await? {
        totals.entry(currency).or_default().committed = sum;
    }
    Ok(())
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<MdfBudget>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(visible(cx))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
