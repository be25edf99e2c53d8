//! The last state of every deal that was applied, and the partners that are
//! credited in won deals: what must be settled again when more is known about a
//! partner.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{ExprTrait, OnConflict},
};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::sell::v1::Deal;
use stoa_store::{DbResult, Tx, decode};

use super::arithmetic;

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "commission_deal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod credit_row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "commission_credit")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub deal: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub partner: String,
        pub win_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Stores a version of a deal if it is the highest so far, and returns whether
/// it is. The row stays locked until the transaction ends.
pub(super) async fn store_if_newer(tx: &Tx, cx: &Cx, deal: &Deal, version: i64) -> Result<bool> {
    use row::{ActiveModel, Column, Entity};
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&deal.name).to_owned()),
        version: Set(version),
        document: Set(deal.encode_to_vec()),
    };
    let newer = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::Version, Column::Document])
        .action_and_where(ExprTrait::lt(Expr::col((Entity, Column::Version)), version))
        .to_owned();
    let rows = Entity::insert(row).on_conflict(newer).exec_without_returning(tx.conn()).await.db()?;
    if rows != 1 {
        return Ok(false);
    }
    credit(tx, cx, deal).await?;
    Ok(true)
}

async fn credit(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<()> {
    use credit_row::{ActiveModel, Column, Entity};
    let id = names::last(&deal.name);
    let before = Entity::delete_many().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Deal.eq(id));
    before.exec(tx.conn()).await.db()?;
    let Some(won) = Timestamp::stored(deal.win_time.as_ref()) else { return Ok(()) };
    let rows: Vec<ActiveModel> = arithmetic::shares(deal)
        .iter()
        .map(|(partner, _)| ActiveModel {
            tenant: Set(cx.tenant.clone()),
            deal: Set(id.to_owned()),
            partner: Set(names::last(partner).to_owned()),
            win_time: Set(won.micros()),
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    Entity::insert_many(rows).exec_without_returning(tx.conn()).await.db().map(|_| ())
}

/// Returns the ids of deals that a partner is credited in and that were won at
/// or after an instant, with the time of each win.
pub(super) async fn won_since<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: &str, since: Timestamp) -> Result<Vec<(String, Timestamp)>> {
    use credit_row::{Column, Entity};
    let rows: Vec<(String, i64)> = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Partner.eq(partner))
        .filter(Column::WinTime.gte(since.micros()))
        .order_by_asc(Column::Deal)
        .select_only()
        .column(Column::Deal)
        .column(Column::WinTime)
        .into_tuple()
        .all(conn)
        .await
        .db()?;
    Ok(rows.into_iter().map(|(deal, won)| (deal, Timestamp::from_micros(won))).collect())
}

/// Returns the last state of a deal and its version, locked until the transaction ends.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<(Deal, i64)>> {
    let found = row::Entity::find_by_id((cx.tenant.clone(), id.to_owned())).lock_exclusive().one(tx.conn()).await.db()?;
    found.map(|row| Ok((decode("commission_deal", &row.id, &row.document)?, row.version))).transpose()
}
