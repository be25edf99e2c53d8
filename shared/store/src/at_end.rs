//! What an operation writes last: rows that are only ever added, and the answer
//! that is kept for a retry. They are written together when the operation is
//! done, so that on PostgreSQL they cost one round trip.

use std::sync::{Mutex, PoisonError};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, Value,
    sea_query::{CommonTableExpression, InsertStatement, Query, UpdateStatement, WithClause},
};
use stoa_kernel::{Error, Result};

use crate::{DbResult, held::ROWS_PER_STATEMENT_MAX, is_unique_violation};

/// A table that rows are appended to.
#[derive(Debug)]
pub struct AppendTable {
    /// The name of the table.
    pub name: &'static str,
    /// The columns that are written, in the order of a row's values.
    pub columns: &'static [&'static str],
}

#[derive(Debug)]
struct Row {
    /// The object of the row, named if a unique key is taken.
    about: String,
    values: Vec<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct AtEnd(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    table: Option<&'static AppendTable>,
    rows: Vec<Row>,
    answer: Option<UpdateStatement>,
}

impl AtEnd {
    /// Adds a row. A store has one table that rows are appended to: its log.
    pub(crate) fn append(&self, table: &'static AppendTable, about: &str, values: Vec<Value>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.table = Some(table);
        waiting.rows.push(Row { about: about.to_owned(), values });
    }

    pub(crate) fn answer(&self, update: UpdateStatement) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answer = Some(update);
    }

    /// Writes everything that waits.
    pub(crate) async fn write(&self, conn: &DatabaseTransaction) -> Result<()> {
        let Waiting { table, rows, mut answer } = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(table) = table {
            let mut rows = rows.into_iter();
            while rows.len() > 0 {
                let mut about = Vec::new();
                let mut insert = insert_into(table);
                for row in rows.by_ref().take(ROWS_PER_STATEMENT_MAX) {
                    about.push(row.about);
                    insert.values(row.values.into_iter().map(Into::into)).map_err(Error::internal)?;
                }
                if conn.get_database_backend() == DbBackend::Postgres
                    && let Some(update) = answer.take()
                {
                    insert.with_cte(
                        WithClause::new().cte(CommonTableExpression::new().table_name("answered").query(update).to_owned()).to_owned(),
                    );
                }
                match conn.execute(&insert).await {
                    Err(e) if is_unique_violation(&e) => {
                        return Err(Error::etag_mismatch(about.first().map_or("an object", String::as_str)));
                    }
                    done => done.db()?,
                };
            }
        }
        if let Some(update) = answer {
            conn.execute(&update).await.db()?;
        }
        Ok(())
    }
}

fn insert_into(table: &'static AppendTable) -> InsertStatement {
    Query::insert().into_table(table.name).columns(table.columns.iter().copied()).to_owned()
}
