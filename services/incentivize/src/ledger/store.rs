//! Rows of the ledger. They are only inserted and read; the database itself
//! refuses anything else.

use sea_orm::{ActiveValue::Set, Condition, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::incentivize::v1::{LedgerTransaction, LedgerTransactionKind};
use stoa_store::{DbResult, Documents, Key, Tx, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
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
pub(crate) use row::{Column, Entity as LedgerTransactions};

pub(crate) mod posting {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
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

impl Documents for LedgerTransactions {
    type Document = LedgerTransaction;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::text("source"),
        Field::value::<LedgerTransactionKind>("kind"),
        Field::text("post_date"),
        Field::time("create_time").ordered(),
    ];
    const ORDER: &'static str = "create_time";

    fn row(Key { tenant, id, version, document }: Key, transaction: &LedgerTransaction) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&transaction.partner).to_owned(),
            source: transaction.source.clone(),
            kind: transaction.kind,
            post_date: transaction.post_date.clone(),
            create_time: Timestamp::micros_of(transaction.create_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }
}

/// Inserts the postings of a transaction.
pub(super) async fn insert_postings(tx: &Tx, cx: &Cx, transaction: &LedgerTransaction) -> Result<()> {
    let postings = (0_i32..).zip(&transaction.postings).map(|(line, p)| {
        let amount = p.amount.clone().unwrap_or_default();
        posting::ActiveModel {
            tenant: Set(cx.tenant.clone()),
            ledger_transaction: Set(names::last(&transaction.name).to_owned()),
            line: Set(line),
            account: Set(p.account),
            currency: Set(amount.currency_code),
            amount: Set(amount.minor_units),
        }
    });
    posting::Entity::insert_many(postings).exec_without_returning(tx.conn()).await.db().map(|_| ())
}
