//! Rows of the ledger. They are inserted and read; the database itself refuses
//! anything else.

use std::collections::BTreeMap;

use prost::Message;
use sea_orm::{
    AccessMode, ActiveValue::Set, Condition, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel,
    QueryOrder, QuerySelect, TransactionTrait, entity::prelude::*,
};
use stoa_directory::visible;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names, page::Page};
use stoa_proto::incentivize::v1::{LedgerAccount, LedgerTransaction, LedgerTransactionKind};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted,
};

use super::{
    prove::{Books, Sums},
    sums,
};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_transaction")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub source: String,
        pub kind: i32,
        pub post_date: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

mod posting {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_posting")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub ledger_transaction: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub line: i32,
        pub account: i32,
        pub currency: String,
        pub amount: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Transactions that one proof names as unbalanced.
const UNBALANCED_MAX: u64 = 20;

fn kind(name: &str) -> Option<i32> {
    filter::enum_value("LEDGER_TRANSACTION_KIND_", name, LedgerTransactionKind::from_str_name)
}

const FILTER: [Field; 5] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "source", column: "source", kind: Kind::Text },
    Field { api: "kind", column: "kind", kind: Kind::Enum(kind) },
    Field { api: "post_date", column: "post_date", kind: Kind::Text },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<LedgerTransaction> {
    decode("ledger_transaction", &row.id, &row.document)
}

fn recorded(transaction: &LedgerTransaction) -> i64 {
    Timestamp::stored(transaction.create_time.as_ref()).unwrap_or_default().micros()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, transaction: &LedgerTransaction) -> Result<()> {
    let id = names::last(&transaction.name).to_owned();
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(id.clone()),
        version: Set(etag::version(&transaction.etag)),
        document: Set(transaction.encode_to_vec()),
        partner: Set(names::last(&transaction.partner).to_owned()),
        source: Set(transaction.source.clone()),
        kind: Set(transaction.kind),
        post_date: Set(transaction.post_date.clone()),
        create_time: Set(recorded(transaction)),
    };
    inserted(Entity::insert(row).exec_without_returning(tx.conn()).await, &transaction.name)?;
    let postings = (0_i32..).zip(&transaction.postings).map(|(line, p)| {
        let amount = p.amount.clone().unwrap_or_default();
        posting::ActiveModel {
            tenant: Set(cx.tenant.clone()),
            ledger_transaction: Set(id.clone()),
            line: Set(line),
            account: Set(p.account),
            currency: Set(amount.currency_code),
            amount: Set(amount.minor_units),
        }
    });
    posting::Entity::insert_many(postings).exec_without_returning(tx.conn()).await.db().map(|_| ())
}

/// Key of a page: time of recording, then id.
pub(super) fn key(transaction: &LedgerTransaction) -> Vec<String> {
    vec![recorded(transaction).to_string(), names::last(&transaction.name).to_owned()]
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<LedgerTransaction>> {
    let time = page.after.first().and_then(|t| t.parse::<i64>().ok()).unwrap_or(i64::MIN);
    let id = page.after.get(1).cloned().unwrap_or_default();
    let same_time = Condition::all().add(Column::CreateTime.eq(time)).add(Column::Id.gt(id));
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(visible(cx, Column::Partner))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Condition::any().add(Column::CreateTime.gt(time)).add(same_time))
        .order_by_asc(Column::CreateTime)
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}

/// One state of the store to read a proof from, whatever is written meanwhile.
pub(super) async fn snapshot(conn: &DatabaseConnection) -> Result<DatabaseTransaction> {
    match conn.get_database_backend() {
        DbBackend::Postgres => conn.begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)).await.db(),
        // A read transaction on SQLite sees one state from its first query on.
        _ => conn.begin().await.db(),
    }
}

/// Debits and credits by currency and account.
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

/// Names of transactions that do not add up to 0.
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

/// How many transactions there are.
pub(super) async fn count<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<u64> {
    Entity::find().filter(Column::Tenant.eq(&cx.tenant)).count(conn).await.db()
}
