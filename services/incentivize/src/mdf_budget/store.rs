//! Rows of MDF budgets. A partner's caller sees none.

use std::collections::BTreeMap;

use sea_orm::{Condition, ConnectionTrait, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp};
use stoa_proto::incentivize::v1::MdfBudget;
use stoa_store::{Documents, Key, filter::Field};

use crate::ledger::sums;

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mdf_budget")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub currency: String,
        pub amount: i64,
        pub committed: i64,
        pub start_date: String,
        pub end_date: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as MdfBudgets;

impl Documents for MdfBudgets {
    type Document = MdfBudget;
    const FILTER: &'static [Field] = &[Field::text("start_date"), Field::text("end_date"), Field::time("create_time")];

    fn row(Key { tenant, id, version, document }: Key, budget: &MdfBudget) -> row::Model {
        let amount = budget.amount.clone().unwrap_or_default();
        row::Model {
            tenant,
            id,
            version,
            document,
            currency: amount.currency_code,
            amount: amount.minor_units,
            committed: budget.committed_amount.as_ref().map_or(0, |m| m.minor_units),
            start_date: budget.start_date.clone(),
            end_date: budget.end_date.clone(),
            create_time: Timestamp::micros_of(budget.create_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::vendor_only(cx)
    }
}

/// Returns the sum of all budgets, by currency.
pub(crate) async fn budgeted<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<BTreeMap<String, i128>> {
    sums::by_currency(conn, MdfBudgets::find().filter(Column::Tenant.eq(&cx.tenant)), Column::Currency, "amount").await
}

/// Returns the sum of what all budgets have committed, by currency.
pub(crate) async fn committed<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<BTreeMap<String, i128>> {
    sums::by_currency(conn, MdfBudgets::find().filter(Column::Tenant.eq(&cx.tenant)), Column::Currency, "committed").await
}
