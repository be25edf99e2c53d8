//! Rows of a batch: they wait, so that all of a table are written in one
//! statement.

use std::sync::{Mutex, PoisonError};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use stoa_kernel::{Error, Result};

use crate::{DbResult, Tx, rows};

/// Rows of one statement: databases limit the values that a statement has.
pub(crate) const ROWS_PER_STATEMENT_MAX: usize = 200;

/// What happens to a row if its key is taken.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// The operation fails with this error.
    Insert(Error),
    /// The row replaces an older version of the named object. If that is not
    /// older, the operation fails.
    Replace(String),
    /// The conflict clause applies; it is the same for all rows of a table.
    Upsert(OnConflict),
}

/// The rows that wait, by table. `None` if rows are written at once.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<Option<Vec<Table>>>);

#[derive(Debug)]
struct Table {
    name: &'static str,
    columns: Vec<&'static str>,
    /// Columns of the primary key.
    key: Vec<&'static str>,
    rows: Vec<Row>,
}

impl Table {
    fn of<T: EntityTrait>() -> Self {
        let columns = T::Column::iter().map(|column| column.as_str()).collect();
        let key = T::PrimaryKey::iter().map(|key| key.into_column().as_str()).collect();
        Self { name: T::default().table_name(), columns, key, rows: Vec::new() }
    }

    /// Writes the rows, as many at a time as a statement may have.
    async fn write(mut self, conn: &DatabaseTransaction) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let (new, known): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| matches!(row.write, Write::Insert(_)));
        // A row may leave a unique key that a new one takes.
        for mut rows in [known, new] {
            while !rows.is_empty() {
                let rest = rows.split_off(rows.len().min(ROWS_PER_STATEMENT_MAX));
                self.write_together(conn, rows).await?;
                rows = rest;
            }
        }
        Ok(())
    }

    /// Writes rows that are all new, or all not, in one statement.
    async fn write_together(&self, conn: &DatabaseTransaction, rows: Vec<Row>) -> Result<()> {
        let Some(write) = rows.first().map(|row| row.write.clone()) else { return Ok(()) };
        let count = rows.len() as u64;
        let mut insert = Query::insert().into_table(self.name).columns(self.columns.iter().copied()).to_owned();
        for row in rows {
            insert.values(row.values).map_err(Error::internal)?;
        }
        match write {
            Write::Insert(taken) => rows::inserted(conn.execute(&insert).await, || taken),
            Write::Upsert(known) => conn.execute(insert.on_conflict(known)).await.db().map(|_| ()),
            Write::Replace(name) => {
                let done = conn.execute(insert.on_conflict(self.older())).await.db()?;
                if done.rows_affected() == count { Ok(()) } else { Err(Error::etag_mismatch(&name)) }
            }
        }
    }

    /// Replaces older versions. The log has one event of each version, so the
    /// version that is replaced is the one that the operation read.
    fn older(&self) -> OnConflict {
        let own = self.columns.iter().copied().filter(|column| !self.key.contains(column));
        let older = Expr::col((self.name, "version")).lt(Expr::col(("excluded", "version")));
        OnConflict::columns(self.key.iter().copied()).update_columns(own).action_and_where(older).to_owned()
    }
}

#[derive(Debug)]
struct Row {
    /// Id of a document.
    id: Option<String>,
    values: Vec<Expr>,
    write: Write,
}

impl Held {
    pub(crate) fn start(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// Keeps a row for later, if rows wait. A later version of a document takes
    /// the place of the one that waits.
    pub(crate) fn keep<T: EntityTrait>(&self, row: &T::Model, id: Option<&str>, write: Write) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tables) = held.as_mut() else { return false };
        let name = T::default().table_name();
        let table = tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
            tables.push(Table::of::<T>());
            tables.len() - 1
        });
        let rows = &mut tables[table].rows;
        match rows.iter_mut().find(|known| id.is_some() && known.id.as_deref() == id) {
            Some(known) => known.values = values::<T>(row),
            None => rows.push(Row { id: id.map(str::to_owned), values: values::<T>(row), write }),
        }
        true
    }

    /// Writes the rows that wait.
    pub(crate) async fn write(&self, conn: &DatabaseTransaction) -> Result<()> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(std::mem::take);
        for table in waiting.unwrap_or_default() {
            table.write(conn).await?;
        }
        Ok(())
    }
}

/// The values of a row, in the order of the table's columns.
pub(crate) fn values<T: EntityTrait>(row: &T::Model) -> Vec<Expr> {
    T::Column::iter().map(|column| column.save_as(Expr::val(row.get(column)))).collect()
}

/// Writes rows under a conflict clause that is the same for all rows of the
/// table, at once or with the rest of a batch.
///
/// # Errors
/// If the store cannot be written.
pub async fn upsert<T: EntityTrait>(tx: &Tx, rows: impl IntoIterator<Item = T::Model>, known: &OnConflict) -> Result<()> {
    let write = || Write::Upsert(known.clone());
    let now = rows.into_iter().filter(|row| !tx.held().keep::<T>(row, None, write()));
    let rows = now.map(|row| Row { id: None, values: values::<T>(&row), write: write() }).collect();
    Table { rows, ..Table::of::<T>() }.write(tx.conn()).await
}
