//! What the proof of the books reads.

use std::collections::BTreeMap;

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel, QuerySelect, TransactionTrait,
    entity::prelude::*,
};
use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::incentivize::v1::LedgerAccount;
use stoa_store::DbResult;

use super::prove::{Books, Sums};
use crate::ledger::{
    LedgerTransactions,
    store::{Column, posting},
    sums,
};

/// Maximum number of unbalanced transactions that one proof names.
const UNBALANCED_MAX: u64 = 20;

/// Opens a snapshot of the store to read a proof from, whatever is written in the meantime.
pub(super) async fn snapshot(conn: &DatabaseConnection) -> Result<DatabaseTransaction> {
    match conn.get_database_backend() {
        DbBackend::Postgres => conn.begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)).await.db(),
        // A read transaction on SQLite sees one state from its first query on.
        _ => conn.begin().await.db(),
    }
}

/// Returns debits and credits by currency and account.
pub(crate) async fn books<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<Books> {
    const DEBIT: &str = "CASE WHEN amount > 0 THEN amount END";
    const CREDIT: &str = "CASE WHEN amount < 0 THEN amount END";
    use posting::{Column, Entity};
    let rows: Vec<(String, i32, i64, i64, i64, i64)> = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .select_only()
        .column(Column::Currency)
        .column(Column::Account)
        .column_as(sums::high(DEBIT), "debit_high")
        .column_as(sums::low(DEBIT), "debit_low")
        .column_as(sums::high(CREDIT), "credit_high")
        .column_as(sums::low(CREDIT), "credit_low")
        .group_by(Column::Currency)
        .group_by(Column::Account)
        .into_tuple()
        .all(conn)
        .await
        .db()?;
    let mut books = BTreeMap::new();
    for (currency, account, debit_high, debit_low, credit_high, credit_low) in rows {
        let account = LedgerAccount::try_from(account).map_err(|_| Error::internal(format!("a posting names account {account}")))?;
        let sums = Sums { debit: sums::whole(debit_high, debit_low), credit: -sums::whole(credit_high, credit_low) };
        books.insert((currency, account), sums);
    }
    Ok(books)
}

/// Returns names of transactions that do not add up to 0.
pub(super) async fn unbalanced<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<Vec<String>> {
    use posting::{Column, Entity};
    let ids: Vec<String> = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .select_only()
        .column(Column::LedgerTransaction)
        .group_by(Column::LedgerTransaction)
        .group_by(Column::Currency)
        .having(Expr::cust("SUM(amount) <> 0"))
        .limit(UNBALANCED_MAX)
        .into_tuple()
        .all(conn)
        .await
        .db()?;
    Ok(ids.iter().map(|id| names::name("ledgerTransactions", id)).collect())
}

/// Returns the number of transactions.
pub(super) async fn count<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<u64> {
    LedgerTransactions::find().filter(Column::Tenant.eq(&cx.tenant)).count(conn).await.db()
}
