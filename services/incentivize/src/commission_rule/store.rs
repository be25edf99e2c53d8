//! Rows of commission rules.

use prost::Message;
use sea_orm::{ActiveValue::Set, Condition, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::{incentivize::v1::CommissionRule, onboard::v1::PartnerType};
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
    #[sea_orm(table_name = "commission_rule")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub product_line: String,
        pub partner_type: i32,
        pub tier: String,
        pub territory: String,
        pub effective_time: i64,
        pub expire_time: Option<i64>,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn partner_type(name: &str) -> Option<i32> {
    filter::enum_value("PARTNER_TYPE_", name, PartnerType::from_str_name)
}

const FILTER: [Field; 7] = [
    Field { api: "product_line", column: "product_line", kind: Kind::Text },
    Field { api: "partner_type", column: "partner_type", kind: Kind::Enum(partner_type) },
    Field { api: "tier", column: "tier", kind: Kind::Text },
    Field { api: "territory", column: "territory", kind: Kind::Text },
    Field { api: "effective_time", column: "effective_time", kind: Kind::Time },
    Field { api: "expire_time", column: "expire_time", kind: Kind::Time },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<CommissionRule> {
    decode("commission_rule", &row.id, &row.document)
}

fn micros(time: Option<&prost_types::Timestamp>) -> i64 {
    Timestamp::stored(time).unwrap_or_default().micros()
}

/// The rule, if the tenant has it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<CommissionRule>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).one(conn).await.db()?.map(read).transpose()
}

/// The rule, locked until the transaction ends.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<CommissionRule>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// Rules that hold at an instant, by id.
pub(crate) async fn effective<C: ConnectionTrait>(conn: &C, cx: &Cx, at: Timestamp) -> Result<Vec<CommissionRule>> {
    let open = Condition::any().add(Column::ExpireTime.is_null()).add(Column::ExpireTime.gt(at.micros()));
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::EffectiveTime.lte(at.micros()))
        .filter(open)
        .order_by_asc(Column::Id)
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}

fn row(cx: &Cx, rule: &CommissionRule) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&rule.name).to_owned()),
        version: Set(etag::version(&rule.etag)),
        document: Set(rule.encode_to_vec()),
        product_line: Set(rule.product_line.clone()),
        partner_type: Set(rule.partner_type),
        tier: Set(rule.tier.clone()),
        territory: Set(rule.territory.clone()),
        effective_time: Set(micros(rule.effective_time.as_ref())),
        expire_time: Set(Timestamp::stored(rule.expire_time.as_ref()).map(Timestamp::micros)),
        create_time: Set(micros(rule.create_time.as_ref())),
    }
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, rule: &CommissionRule) -> Result<()> {
    inserted(Entity::insert(row(cx, rule)).exec_without_returning(tx.conn()).await, &rule.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, rule: &CommissionRule) -> Result<()> {
    let before = etag::version(&rule.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, rule))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&rule.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &rule.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<CommissionRule>> {
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
