//! Rows of MDF claims.

use std::collections::BTreeMap;

use sea_orm::{Condition, ConnectionTrait, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::incentivize::v1::{MdfClaim, MdfClaimState as State};
use stoa_store::{Documents, Key, filter::Field};

use crate::ledger::sums;

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mdf_claim")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub mdf_request: String,
        pub state: i32,
        pub currency: String,
        pub approved: i64,
        pub submit_time: Option<i64>,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as MdfClaims;

impl Documents for MdfClaims {
    type Document = MdfClaim;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::name("mdf_request", "mdfRequests"),
        Field::value::<State>("state"),
        Field::time("submit_time"),
        Field::time("create_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, claim: &MdfClaim) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&claim.partner).to_owned(),
            mdf_request: names::last(&claim.mdf_request).to_owned(),
            state: claim.state,
            currency: claim.amount.clone().unwrap_or_default().currency_code,
            approved: claim.approved_amount.as_ref().map_or(0, |m| m.minor_units),
            submit_time: Timestamp::micros_of(claim.submit_time.as_ref()),
            create_time: Timestamp::micros_of(claim.create_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }
}

/// Returns the sum of what was approved, by currency.
pub(crate) async fn approved<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<BTreeMap<String, i128>> {
    sums::by_currency(conn, MdfClaims::find().filter(Column::Tenant.eq(&cx.tenant)), Column::Currency, "approved").await
}

/// Returns the sum of what was paid, by currency.
pub(crate) async fn paid<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<BTreeMap<String, i128>> {
    let paid = MdfClaims::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::State.eq(State::Paid as i32));
    sums::by_currency(conn, paid, Column::Currency, "approved").await
}
