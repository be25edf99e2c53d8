//! Rows of marketing campaigns. `due_time` is set while a deployment is to
//! come, so that the sweep reads only what is due.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, Iterable, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{ExprTrait, Query},
};
use stoa_directory::visible;
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::market::v1::{MarketingCampaign, MarketingCampaignState as State};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
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
use row::{ActiveModel, Column, Entity, Model};

fn state(name: &str) -> Option<i32> {
    filter::enum_value("MARKETING_CAMPAIGN_STATE_", name, State::from_str_name)
}

const FILTER: [Field; 10] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "display_name", column: "display_name", kind: Kind::Text },
    Field { api: "product_line", column: "product_line", kind: Kind::Name("productLines") },
    Field { api: "co_branded", column: "co_branded", kind: Kind::Bool },
    Field { api: "mdf_request", column: "mdf_request", kind: Kind::Name("mdfRequests") },
    Field { api: "state", column: "state", kind: Kind::Enum(state) },
    Field { api: "schedule_time", column: "schedule_time", kind: Kind::Time },
    Field { api: "deploy_time", column: "deploy_time", kind: Kind::Time },
    Field { api: "complete_time", column: "complete_time", kind: Kind::Time },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<MarketingCampaign> {
    decode("marketing_campaign", &row.id, &row.document)
}

fn row(cx: &Cx, campaign: &MarketingCampaign) -> ActiveModel {
    let micros = |time: &Option<prost_types::Timestamp>| Timestamp::stored(time.as_ref()).map(Timestamp::micros);
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&campaign.name).to_owned()),
        version: Set(etag::version(&campaign.etag)),
        document: Set(campaign.encode_to_vec()),
        partner: Set(names::last(&campaign.partner).to_owned()),
        display_name: Set(campaign.display_name.clone()),
        product_line: Set(names::last(&campaign.product_line).to_owned()),
        co_branded: Set(campaign.co_branded),
        mdf_request: Set(names::last(&campaign.mdf_request).to_owned()),
        state: Set(campaign.state),
        schedule_time: Set(micros(&campaign.schedule_time)),
        deploy_time: Set(micros(&campaign.deploy_time)),
        complete_time: Set(micros(&campaign.complete_time)),
        create_time: Set(micros(&campaign.create_time).unwrap_or_default()),
        due_time: Set(super::due_time(campaign).map(Timestamp::micros)),
    }
}

/// The rows with their state and deployment judged at an instant, so that a
/// filter does not wait for the sweep.
fn judged(now: Timestamp) -> Select<Entity> {
    let due = || Expr::col(Column::DueTime).lte(now.micros());
    let mut rows = Query::select();
    rows.from(Entity)
        .expr_as(Expr::case(due(), State::Deployed as i32).finally(Expr::col(Column::State)), Column::State)
        .expr_as(Expr::case(due(), Expr::col(Column::DueTime)).finally(Expr::col(Column::DeployTime)), Column::DeployTime)
        .columns(Column::iter().filter(|c| !matches!(c, Column::State | Column::DeployTime)));
    let mut judged = Entity::find();
    QueryTrait::query(&mut judged).from_clear().from_subquery(rows, Entity);
    judged
}

/// The campaign, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<MarketingCampaign>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The campaign, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<MarketingCampaign>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// Tenants and ids of campaigns whose deployment is to be recorded, longest
/// due first.
pub(super) async fn due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<(String, String)>> {
    let due = Entity::find().filter(Column::DueTime.lte(now.micros())).order_by_asc(Column::DueTime).limit(limit);
    due.select_only().column(Column::Tenant).column(Column::Id).into_tuple().all(conn).await.db()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, campaign: &MarketingCampaign) -> Result<()> {
    inserted(Entity::insert(row(cx, campaign)).exec_without_returning(tx.conn()).await, &campaign.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, campaign: &MarketingCampaign) -> Result<()> {
    let before = etag::version(&campaign.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, campaign))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&campaign.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &campaign.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<MarketingCampaign>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = judged(cx.now)
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(visible(cx, Column::Partner))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
