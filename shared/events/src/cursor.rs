//! Cursor rows: how far a reader has come. They move in the transaction of its
//! effect.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Set, sea_query::Expr, sea_query::OnConflict};
use stoa_kernel::{Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;
use stoa_store::{DbResult, Tx};

use crate::entity::cursor;

/// The position of a cursor. 0 for a new one.
pub(crate) async fn read<C: ConnectionTrait>(conn: &C, name: &str) -> Result<i64> {
    let row = cursor::Entity::find_by_id(name.to_owned()).one(conn).await.db()?;
    Ok(row.map(|r| r.position).unwrap_or_default())
}

/// The position of a cursor. Its row stays locked until the transaction ends.
/// SQLite has one writer and needs no row lock.
pub(crate) async fn lock(tx: &Tx, name: &str) -> Result<i64> {
    let find = || cursor::Entity::find_by_id(name.to_owned()).lock_exclusive().one(tx.conn());
    if let Some(row) = find().await.db()? {
        return Ok(row.position);
    }
    create(tx, name).await?;
    Ok(find().await.db()?.map(|r| r.position).unwrap_or_default())
}

/// Moves a cursor and locks its row.
///
/// # Errors
/// ABORTED `CURSOR_MOVED` if it is not at `from`.
pub(crate) async fn advance(tx: &Tx, name: &str, from: i64, to: i64) -> Result<()> {
    if from == 0 {
        create(tx, name).await?;
    }
    let moved = cursor::Entity::update_many()
        .col_expr(cursor::Column::Position, Expr::value(to))
        .filter(cursor::Column::Name.eq(name))
        .filter(cursor::Column::Position.eq(from))
        .exec(tx.conn())
        .await
        .db()?;
    if moved.rows_affected == 1 {
        return Ok(());
    }
    Err(Error::new(Kind::Aborted, ErrorReason::CursorMoved, format!("cursor {name} is no longer at {from}. Another reader moved it.")))
}

/// Sets a cursor whose row the transaction has locked.
pub(crate) async fn set(tx: &Tx, name: &str, to: i64) -> Result<()> {
    let update = cursor::Entity::update_many().col_expr(cursor::Column::Position, Expr::value(to));
    update.filter(cursor::Column::Name.eq(name)).exec(tx.conn()).await.db()?;
    Ok(())
}

async fn create(tx: &Tx, name: &str) -> Result<()> {
    let row = cursor::ActiveModel { name: Set(name.to_owned()), position: Set(0) };
    let insert = cursor::Entity::insert(row).on_conflict(OnConflict::column(cursor::Column::Name).do_nothing().to_owned());
    insert.exec_without_returning(tx.conn()).await.db()?;
    Ok(())
}
