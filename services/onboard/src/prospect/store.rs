//! Rows of prospects.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Error, Kind as Failure, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::{ErrorReason, PartnerType, Prospect, ProspectState};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "prospect")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub display_name: String,
        pub r#type: i32,
        pub state: i32,
        pub domain: String,
        pub country_code: String,
        pub duplicate_key: String,
        pub territory: String,
        pub vertical: String,
        pub owner: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn partner_type(name: &str) -> Option<i32> {
    filter::enum_value("PARTNER_TYPE_", name, PartnerType::from_str_name)
}

fn state(name: &str) -> Option<i32> {
    filter::enum_value("PROSPECT_STATE_", name, ProspectState::from_str_name)
}

const FILTER: [Field; 9] = [
    Field { api: "display_name", column: "display_name", kind: Kind::Text },
    Field { api: "type", column: "type", kind: Kind::Enum(partner_type) },
    Field { api: "state", column: "state", kind: Kind::Enum(state) },
    Field { api: "domain", column: "domain", kind: Kind::Text },
    Field { api: "country_code", column: "country_code", kind: Kind::Text },
    Field { api: "territory", column: "territory", kind: Kind::Text },
    Field { api: "vertical", column: "vertical", kind: Kind::Text },
    Field { api: "owner", column: "owner", kind: Kind::Name("persons") },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<Prospect> {
    decode("prospect", &row.id, &row.document)
}

fn row(cx: &Cx, prospect: &Prospect) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&prospect.name).to_owned()),
        version: Set(etag::version(&prospect.etag)),
        document: Set(prospect.encode_to_vec()),
        display_name: Set(prospect.display_name.clone()),
        r#type: Set(prospect.r#type),
        state: Set(prospect.state),
        domain: Set(prospect.domain.clone()),
        country_code: Set(prospect.country_code.clone()),
        duplicate_key: Set(super::duplicate_key(prospect)),
        territory: Set(prospect.territory.clone()),
        vertical: Set(prospect.vertical.clone()),
        owner: Set(names::last(&prospect.owner).to_owned()),
        create_time: Set(Timestamp::stored(prospect.create_time.as_ref()).unwrap_or_default().micros()),
    }
}

/// The prospect, if the tenant has it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Prospect>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).one(conn).await.db()?.map(read).transpose()
}

/// The prospect, locked until the transaction ends.
pub(crate) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Prospect>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

fn duplicate(other: &str) -> Error {
    let message = format!("prospects/{other} has the same domain and country; go on with that one");
    Error::new(Failure::AlreadyExists, ErrorReason::ProspectDuplicate.as_str_name(), message)
        .with_field("prospect.domain", "is another prospect's")
        .with_metadata("prospect", names::name("prospects", other))
}

/// Refuses a prospect whose organization is another one. The duplicate is
/// named, so that the caller can go on with that one.
pub(super) async fn refuse_duplicate(tx: &Tx, cx: &Cx, prospect: &Prospect) -> Result<()> {
    let key = super::duplicate_key(prospect);
    if key.is_empty() {
        return Ok(());
    }
    let other = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::DuplicateKey.eq(key))
        .filter(Column::Id.ne(names::last(&prospect.name)));
    match other.one(tx.conn()).await.db()? {
        Some(other) => Err(duplicate(&other.id)),
        None => Ok(()),
    }
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, prospect: &Prospect) -> Result<()> {
    inserted(Entity::insert(row(cx, prospect)).exec_without_returning(tx.conn()).await, &prospect.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, prospect: &Prospect) -> Result<()> {
    let before = etag::version(&prospect.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, prospect))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&prospect.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &prospect.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Prospect>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
