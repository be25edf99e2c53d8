//! Who claims which customer. A submission locks a row for every identifier of
//! its customer, so that two of the same customer are decided one after the
//! other, in the order the server sees them.

use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{OnConflict, SelectStatement},
};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::sell::v1::{ConflictSource as Source, Deal, RegistrationState as State};
use stoa_store::{DbResult, Tx};

use super::{claims_differ, conflict, pipeline, registration, store};

mod claim_row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
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
    #![expect(unreachable_pub, reason = "the derives make public items")]
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

fn keys(deal: &Deal) -> Vec<String> {
    deal.customer.as_ref().map(conflict::keys).unwrap_or_default()
}

/// Whether the deal is direct sales' own, which holds its customer while it is
/// open. History holds nobody.
pub(super) fn is_direct(deal: &Deal) -> bool {
    deal.partner.is_empty() && !deal.imported
}

/// Locks every claim of the deal until the transaction ends, in one order.
async fn lock(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    let line = names::last(&deal.product_line).to_owned();
    for key in keys(deal) {
        let id = (cx.tenant.clone(), key.clone(), line.clone());
        let row = claim_row::ActiveModel { tenant: Set(cx.tenant.clone()), customer_key: Set(key), product_line: Set(line.clone()) };
        use claim_row::{Column, Entity};
        let known = OnConflict::columns([Column::Tenant, Column::CustomerKey, Column::ProductLine]).do_nothing().to_owned();
        Entity::insert(row).on_conflict(known).exec_without_returning(tx.conn()).await.db()?;
        Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await.db()?;
    }
    Ok(())
}

/// What holds the deal's customer for its product line, if anything does. No
/// other deal can take it until the transaction ends.
pub(super) async fn held(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<Option<Source>> {
    lock(tx, cx, deal).await?;
    let others = store::registered(tx.conn(), cx, same_business(cx, deal), names::last(&deal.name)).await?;
    Ok(conflict::source(deal, &others, cx.now))
}

/// Takes the customer for a deal that competes with nobody before it: who
/// registers later finds it there.
pub(super) async fn take(tx: &Tx, cx: &Cx, deal: &Deal, is_new: bool) -> Result<()> {
    lock(tx, cx, deal).await?;
    index(tx, cx, deal, is_new).await
}

/// After a change of customer or product line: the identifiers follow, and what
/// holds the new customer makes an undecided registration conflicted.
pub(crate) async fn follow(tx: &Tx, cx: &Cx, current: &Deal, next: &Deal) -> Result<Option<Source>> {
    if !claims_differ(current, next) && is_direct(current) == is_direct(next) {
        return Ok(None);
    }
    if is_direct(next) {
        take(tx, cx, next, false).await?;
        return Ok(None);
    }
    if next.imported && next.submit_time.is_some() {
        index(tx, cx, next, false).await?;
    }
    let state = registration::state_at(next, cx.now);
    if next.imported || !matches!(state, State::ActionRequired | State::Conflicted) {
        return Ok(None);
    }
    let source = held(tx, cx, next).await?;
    index(tx, cx, next, false).await?;
    Ok(source.filter(|_| state == State::ActionRequired))
}

/// Writes down under which identifiers the deal is registered, in place of
/// those that it was registered under before.
pub(crate) async fn index(tx: &Tx, cx: &Cx, deal: &Deal, is_new: bool) -> Result<()> {
    use key_row::{ActiveModel, Column, Entity};
    let id = names::last(&deal.name);
    if !is_new {
        let old = Entity::delete_many().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Deal.eq(id));
        old.exec(tx.conn()).await.db()?;
    }
    for key in keys(deal) {
        let row = ActiveModel {
            tenant: Set(cx.tenant.clone()),
            customer_key: Set(key),
            product_line: Set(names::last(&deal.product_line).to_owned()),
            deal: Set(id.to_owned()),
        };
        Entity::insert(row).exec_without_returning(tx.conn()).await.db()?;
    }
    Ok(())
}

/// Another partner's registration of the same business that was open at the
/// same time, if there is one.
pub(crate) async fn overlaps<C: ConnectionTrait>(conn: &C, cx: &Cx, deal: &Deal) -> Result<Option<String>> {
    let Some(from) = Timestamp::stored(deal.submit_time.as_ref()) else { return Ok(None) };
    let until = pipeline::close_time(deal).unwrap_or(Timestamp::MAX);
    store::overlapping(conn, cx, same_business(cx, deal), deal, from, until).await
}

/// Ids of the deals that were registered under one of the identifiers.
fn same_business(cx: &Cx, deal: &Deal) -> SelectStatement {
    use key_row::{Column, Entity};
    Entity::find()
        .select_only()
        .column(Column::Deal)
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::CustomerKey.is_in(keys(deal)))
        .filter(Column::ProductLine.eq(names::last(&deal.product_line)))
        .order_by_asc(Column::Deal)
        .into_query()
}
