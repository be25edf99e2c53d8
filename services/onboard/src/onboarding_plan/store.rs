//! Rows of onboarding plans. `stall_time` is set only while a plan can stall,
//! so that the sweep reads only plans that are due.

use sea_orm::{Condition, QueryOrder, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::onboard::v1::OnboardingPlan;
use stoa_store::{Documents, Key, Tx, documents, filter::Field};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "onboarding_plan")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub complete: bool,
        pub progress_time: i64,
        pub end_time: Option<i64>,
        pub stall_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::{Column, Entity as Plans};

impl Documents for Plans {
    type Document = OnboardingPlan;
    const FILTER: &'static [Field] =
        &[Field::name("partner", "partners"), Field::bool("complete"), Field::time("progress_time"), Field::time("end_time")];

    fn row(Key { tenant, id, version, document }: Key, plan: &OnboardingPlan) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&plan.partner).to_owned(),
            complete: plan.complete_time.is_some(),
            progress_time: Timestamp::micros_of(plan.progress_time.as_ref()).unwrap_or_default(),
            end_time: Timestamp::micros_of(plan.end_time.as_ref()),
            stall_time: super::stall_time(plan).map(Timestamp::micros),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        visible(cx, Column::Partner)
    }
}

/// Returns a partner's open plans in the order of their ids.
pub(crate) async fn open_of(tx: &Tx, cx: &Cx, partner: &str) -> Result<Vec<OnboardingPlan>> {
    let theirs = documents::select::<Plans>(cx).filter(Column::Partner.eq(partner));
    let open = theirs.filter(Column::Complete.eq(false)).filter(Column::EndTime.is_null());
    documents::all(tx.conn(), open.order_by_asc(Column::Id)).await
}
