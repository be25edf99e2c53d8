//! How far a consumer of a stream has come without a gap. The stream delivers
//! in any order and to any replica. A position that is applied after a missing
//! one is noted here until the missing one has arrived, too.

use std::collections::{BTreeSet, HashSet};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::OnConflict};
use stoa_kernel::Result;
use stoa_store::{DbResult, Tx};

use crate::{
    cursor,
    entity::ahead::{ActiveModel, Column, Entity},
};

/// Maximum number of positions that one query joins to the applied ones.
const POSITIONS_PER_QUERY_MAX: u64 = 1000;

/// What a consumer has applied from a source.
pub(crate) struct Applied {
    pub(crate) source: &'static str,
    /// Nothing up to this position is missing, whatever was applied: the owner
    /// has deleted it, or it was applied before.
    pub(crate) from: i64,
    pub(crate) positions: BTreeSet<i64>,
}

/// The position up to which everything has been applied.
pub(crate) async fn applied_through<C: ConnectionTrait>(conn: &C, source: &str) -> Result<i64> {
    cursor::read(conn, &key(source)).await
}

/// Which of the positions after a gap have already been applied.
pub(crate) async fn applied_among<C: ConnectionTrait>(conn: &C, source: &str, positions: &[i64]) -> Result<HashSet<i64>> {
    let query = Entity::find().select_only().column(Column::Position).filter(Column::Source.eq(source));
    let rows = query.filter(Column::Position.is_in(positions.iter().copied())).into_tuple::<i64>().all(conn).await.db()?;
    Ok(rows.into_iter().collect())
}

/// Notes positions as applied.
pub(crate) async fn note(tx: &Tx, applied: &Applied) -> Result<()> {
    let (key, source) = (key(applied.source), applied.source);
    let before = cursor::lock(tx, &key).await?;
    let mut through = before.max(applied.from);
    let mut rest: BTreeSet<i64> = applied.positions.iter().copied().filter(|position| *position > through).collect();
    loop {
        while rest.remove(&(through + 1)) {
            through += 1;
        }
        let joined = join(tx, source, through).await?;
        if joined == through {
            break;
        }
        through = joined;
    }
    if through > before {
        let passed = Entity::delete_many().filter(Column::Source.eq(source)).filter(Column::Position.lte(through));
        passed.exec(tx.conn()).await.db()?;
        cursor::set(tx, &key, through).await?;
    }
    let rows: Vec<ActiveModel> =
        rest.range(through..).map(|at| ActiveModel { source: Set(source.to_owned()), position: Set(*at) }).collect();
    if !rows.is_empty() {
        let same = OnConflict::columns([Column::Source, Column::Position]).do_nothing().to_owned();
        Entity::insert_many(rows).on_conflict(same).exec_without_returning(tx.conn()).await.db()?;
    }
    Ok(())
}

/// Returns how far the noted positions continue a run.
async fn join(tx: &Tx, source: &str, mut through: i64) -> Result<i64> {
    loop {
        let query = Entity::find().select_only().column(Column::Position).filter(Column::Source.eq(source));
        let query = query.filter(Column::Position.gt(through)).order_by_asc(Column::Position).limit(POSITIONS_PER_QUERY_MAX);
        let rows = query.into_tuple::<i64>().all(tx.conn()).await.db()?;
        let run = rows.iter().zip(through + 1..).take_while(|(position, next)| **position == *next).count();
        through = through.saturating_add_unsigned(run as u64);
        if (run as u64) < POSITIONS_PER_QUERY_MAX {
            return Ok(through);
        }
    }
}

fn key(source: &str) -> String {
    format!("stream/{source}")
}
