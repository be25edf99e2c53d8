//! Rows of claims: one per customer identifier and product line, to be locked,
//! and one per deal that is registered or sold directly under them.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbBackend, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{CommonTableExpression, InsertStatement, OnConflict, SelectStatement, WithClause},
};
use stoa_kernel::{Cx, Result, names};
use stoa_proto::sell::v1::Deal;
use stoa_store::{DbResult, Tx, upsert};

use super::keys_of;

mod claim_row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deal_claim")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub customer_key: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub product_line: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod key_row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deal_key")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub customer_key: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub product_line: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub deal: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A deal under one of its identifiers.
pub(crate) use key_row::Model as Entry;

/// Locks every claim of a deal until the transaction ends, always in the same
/// order: of two deals with the same customer, the second waits for the first.
pub(crate) async fn lock(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    execute(tx, claims(cx, deal)).await
}

/// Like [`lock`], for a deal that is not in the index yet: it is added, so that
/// others find it from now on.
pub(crate) async fn lock_and_add(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    let (Some(mut claims), Some(keys)) = (claims(cx, deal), keys(cx, deal)) else { return Ok(()) };
    if tx.backend() == DbBackend::Postgres {
        // One round trip.
        let put = CommonTableExpression::new().table_name("put").query(keys).to_owned();
        claims.with_cte(WithClause::new().cte(put).to_owned());
        return execute(tx, Some(claims)).await;
    }
    execute(tx, Some(claims)).await?;
    execute(tx, Some(keys)).await
}

/// Adds a deal that is not in the index yet and claims nothing; its entries wait
/// with the rest of a batch.
pub(crate) async fn add(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    use key_row::{Column, Entity};
    let key = [Column::Tenant, Column::CustomerKey, Column::ProductLine, Column::Deal];
    upsert::<Entity>(tx, entries_of(cx, deal), &OnConflict::columns(key).do_nothing().to_owned()).await
}

/// Removes a deal from the index, whatever its identifiers were.
pub(crate) async fn remove(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    use key_row::{Column, Entity};
    tx.write_held().await?;
    let rows = Entity::delete_many().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Deal.eq(names::last(&deal.name)));
    rows.exec(tx.conn()).await.db().map(|_| ())
}

/// Returns the insert of a deal's claims, if it has any. A row that exists is
/// written too, because the write is what locks it.
fn claims(cx: &Cx, deal: &Deal) -> Option<InsertStatement> {
    use claim_row::{ActiveModel, Column, Entity};
    let line = names::last(&deal.product_line);
    let row = |key| ActiveModel { tenant: Set(cx.tenant.clone()), customer_key: Set(key), product_line: Set(line.to_owned()) };
    let rows: Vec<ActiveModel> = keys_of(deal).into_iter().map(row).collect();
    let known = OnConflict::columns([Column::Tenant, Column::CustomerKey, Column::ProductLine]).update_column(Column::Tenant).to_owned();
    (!rows.is_empty()).then(|| Entity::insert_many(rows).on_conflict(known).into_query())
}

/// Returns the insert of a deal's identifiers, if it has any.
fn keys(cx: &Cx, deal: &Deal) -> Option<InsertStatement> {
    use key_row::{ActiveModel, Entity};
    let rows: Vec<ActiveModel> = entries_of(cx, deal).map(|row| ActiveModel::from(row).reset_all()).collect();
    (!rows.is_empty()).then(|| Entity::insert_many(rows).into_query())
}

fn entries_of(cx: &Cx, deal: &Deal) -> impl Iterator<Item = Entry> {
    keys_of(deal).into_iter().map(|customer_key| Entry {
        tenant: cx.tenant.clone(),
        customer_key,
        product_line: names::last(&deal.product_line).to_owned(),
        deal: names::last(&deal.name).to_owned(),
    })
}

/// Returns the entries of the index under customer keys and product lines, at
/// most `rows_max`.
pub(crate) async fn entries<C: ConnectionTrait>(
    conn: &C,
    cx: &Cx,
    keys: &BTreeSet<String>,
    lines: &BTreeSet<&str>,
    rows_max: u64,
) -> Result<Vec<Entry>> {
    use key_row::{Column, Entity};
    let entries = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::CustomerKey.is_in(keys))
        .filter(Column::ProductLine.is_in(lines.iter().copied()));
    entries.limit(rows_max).all(conn).await.db()
}

async fn execute(tx: &Tx, insert: Option<InsertStatement>) -> Result<()> {
    if let Some(insert) = insert {
        tx.conn().execute(&insert).await.db()?;
    }
    Ok(())
}

/// Selects the ids of the deals in the index that share an identifier and the
/// product line with a deal.
pub(crate) fn same_business(cx: &Cx, deal: &Deal) -> SelectStatement {
    use key_row::{Column, Entity};
    Entity::find()
        .select_only()
        .column(Column::Deal)
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::CustomerKey.is_in(keys_of(deal)))
        .filter(Column::ProductLine.eq(names::last(&deal.product_line)))
        .into_query()
}
