//! Rows of marketing campaigns. `state` is the last recorded state. `due_time`
//! is set while a deployment is pending, so that the sweep reads only campaigns
//! that are due.

use sea_orm::{Condition, entity::prelude::*, sea_query::Expr};
use stoa_kernel::{Cx, Timestamp, names};
use stoa_proto::market::v1::{MarketingCampaign, MarketingCampaignState as State};
use stoa_store::{Documents, Key, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "marketing_campaign")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub display_name: String,
        pub product_line: String,
        pub co_branded: bool,
        pub mdf_request: String,
        pub state: i32,
        pub schedule_time: Option<i64>,
        pub deploy_time: Option<i64>,
        pub complete_time: Option<i64>,
        pub create_time: i64,
        pub due_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::{Column, Entity as Campaigns};

impl Documents for Campaigns {
    type Document = MarketingCampaign;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::text("display_name"),
        Field::name("product_line", "productLines"),
        Field::bool("co_branded"),
        Field::name("mdf_request", "mdfRequests"),
        Field::state::<State>("state", in_state),
        Field::time("schedule_time"),
        Field::time("deploy_time").at(deploy_time),
        Field::time("complete_time"),
        Field::time("create_time").ordered(),
    ];

    fn row(Key { tenant, id, version, document }: Key, campaign: &MarketingCampaign) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&campaign.partner).to_owned(),
            display_name: campaign.display_name.clone(),
            product_line: names::last(&campaign.product_line).to_owned(),
            co_branded: campaign.co_branded,
            mdf_request: names::last(&campaign.mdf_request).to_owned(),
            state: campaign.state,
            schedule_time: Timestamp::micros_of(campaign.schedule_time.as_ref()),
            deploy_time: Timestamp::micros_of(campaign.deploy_time.as_ref()),
            complete_time: Timestamp::micros_of(campaign.complete_time.as_ref()),
            create_time: Timestamp::micros_of(campaign.create_time.as_ref()).unwrap_or_default(),
            due_time: super::due_time(campaign).map(Timestamp::micros),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }

    fn at(campaign: MarketingCampaign, now: Timestamp) -> MarketingCampaign {
        super::as_of(campaign, now)
    }
}

/// Condition that a campaign is in a state at an instant. See
/// [`super::as_of`].
fn in_state(state: i32, now: Timestamp) -> Condition {
    let (recorded, now) = (Column::State.eq(state), now.micros());
    match State::try_from(state).unwrap_or_default() {
        State::Scheduled => Condition::all().add(recorded).add(Column::DueTime.gt(now)),
        State::Deployed => Condition::any().add(recorded).add(Column::DueTime.lte(now)),
        _ => recorded.into(),
    }
}

/// Expression for the time at which a campaign was deployed, as of an instant.
fn deploy_time(now: Timestamp) -> Expr {
    Expr::case(Column::DueTime.lte(now.micros()), Expr::col(Column::DueTime)).finally(Expr::col(Column::DeployTime)).into()
}
