//! Rows of commissions.

use std::collections::BTreeMap;

use sea_orm::{Condition, ConnectionTrait, QueryOrder, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::incentivize::v1::{Commission, CommissionState};
use stoa_store::{Documents, Key, documents, filter::Field};

use crate::ledger::sums;

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "commission")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub deal: String,
        pub commission_rule: String,
        pub state: i32,
        pub currency: String,
        pub amount: i64,
        pub win_time: i64,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as Commissions;

impl Documents for Commissions {
    type Document = Commission;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::name("deal", "deals"),
        Field::name("commission_rule", "commissionRules"),
        Field::value::<CommissionState>("state"),
        Field::time("win_time").ordered(),
        Field::time("create_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, commission: &Commission) -> row::Model {
        let amount = commission.amount.clone().unwrap_or_default();
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&commission.partner).to_owned(),
            deal: names::last(&commission.deal).to_owned(),
            commission_rule: names::last(&commission.commission_rule).to_owned(),
            state: commission.state,
            currency: amount.currency_code,
            amount: amount.minor_units,
            win_time: Timestamp::micros_of(commission.win_time.as_ref()).unwrap_or_default(),
            create_time: Timestamp::micros_of(commission.create_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }
}

/// Returns all rows of a deal.
pub(super) async fn of_deal<C: ConnectionTrait>(conn: &C, cx: &Cx, deal: &str) -> Result<Vec<Commission>> {
    documents::all(conn, documents::select::<Commissions>(cx).filter(Column::Deal.eq(deal)).order_by_asc(Column::Id)).await
}

/// Returns the sum of all commissions, by currency.
pub(crate) async fn accrued<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<BTreeMap<String, i128>> {
    let all = Commissions::find().filter(Column::Tenant.eq(&cx.tenant));
    sums::by_currency(conn, all, Column::Currency, "amount").await
}
