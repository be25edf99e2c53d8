//! Programs whose change of visibility has not reached all partners yet.

use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};
use stoa_kernel::{Cx, Result};
use stoa_store::{DbResult, Tx};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "visibility_refresh")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub program: String,
        pub done_through: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
/// A program, and the last partner that its refresh has reached.
pub(super) use row::Model as Refresh;
use row::{ActiveModel, Column, Entity};

/// Returns a program whose refresh is not finished.
pub(super) async fn refresh_left<C: ConnectionTrait>(conn: &C) -> Result<Option<Refresh>> {
    Entity::find().order_by_asc(Column::Tenant).order_by_asc(Column::Program).one(conn).await.db()
}

/// Locks and returns the progress of a program's refresh; `None` if it is
/// finished.
pub(super) async fn lock_refresh(tx: &Tx, cx: &Cx, program: &str) -> Result<Option<Refresh>> {
    Entity::find_by_id((cx.tenant.clone(), program.to_owned())).lock_exclusive().one(tx.conn()).await.db()
}

pub(super) async fn keep_refresh(tx: &Tx, cx: &Cx, program: &str, done_through: &str) -> Result<()> {
    let (tenant, program) = (Set(cx.tenant.clone()), Set(program.to_owned()));
    let row = ActiveModel { tenant, program, done_through: Set(done_through.to_owned()) };
    let further = OnConflict::columns([Column::Tenant, Column::Program]).update_column(Column::DoneThrough).to_owned();
    Entity::insert(row).on_conflict(further).exec_without_returning(tx.conn()).await.db().map(|_| ())
}

pub(super) async fn end_refresh(tx: &Tx, cx: &Cx, program: &str) -> Result<()> {
    Entity::delete_by_id((cx.tenant.clone(), program.to_owned())).exec(tx.conn()).await.db().map(|_| ())
}
