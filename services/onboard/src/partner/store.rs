//! Rows of partners. `lineage` and `visible_to` hold ids as `/a/b/`, so that a
//! subtree is one LIKE.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::{Partner, PartnerType};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    is_unique_violation,
};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "partner")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub display_name: String,
        pub r#type: i32,
        pub parent: String,
        pub territory: String,
        pub vertical: String,
        pub country_code: String,
        pub lineage: String,
        pub visible_to: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn partner_type(name: &str) -> Option<i32> {
    let full = format!("PARTNER_TYPE_{}", name.trim_start_matches("PARTNER_TYPE_"));
    PartnerType::from_str_name(&full).map(i32::from)
}

const FILTER: [Field; 7] = [
    Field { api: "display_name", column: "display_name", kind: Kind::Text },
    Field { api: "type", column: "type", kind: Kind::Enum(partner_type) },
    Field { api: "parent", column: "parent", kind: Kind::Name("partners") },
    Field { api: "territory", column: "territory", kind: Kind::Text },
    Field { api: "vertical", column: "vertical", kind: Kind::Text },
    Field { api: "country_code", column: "country_code", kind: Kind::Text },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<Partner> {
    decode("partner", &row.id, &row.document)
}

fn path(ids: &[String]) -> String {
    if ids.is_empty() { String::new() } else { format!("/{}/", ids.join("/")) }
}

fn row(cx: &Cx, partner: &Partner) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&partner.name).to_owned()),
        version: Set(etag::version(&partner.etag)),
        document: Set(partner.encode_to_vec()),
        display_name: Set(partner.display_name.clone()),
        r#type: Set(partner.r#type),
        parent: Set(names::last(&partner.parent).to_owned()),
        territory: Set(partner.territory.clone()),
        vertical: Set(partner.vertical.clone()),
        country_code: Set(partner.country_code.clone()),
        lineage: Set(path(&partner.ancestors)),
        visible_to: Set(path(&partner.visible_to)),
        create_time: Set(Timestamp::stored(partner.create_time.as_ref()).unwrap_or_default().micros()),
    }
}

/// The partner, if the caller may see it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Partner>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Id));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The partner, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Partner>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Id));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, partner: &Partner) -> Result<()> {
    match Entity::insert(row(cx, partner)).exec_without_returning(tx.conn()).await {
        Err(e) if is_unique_violation(&e) => Err(Error::already_exists(&partner.name)),
        other => other.db().map(|_| ()),
    }
}

pub(super) async fn save(tx: &Tx, cx: &Cx, partner: &Partner) -> Result<()> {
    let before = etag::version(&partner.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, partner))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&partner.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await
        .db()?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::etag_mismatch(&partner.name)) }
}

/// All partners below one.
pub(super) async fn descendants<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Vec<Partner>> {
    let below = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Lineage.contains(format!("/{id}/")));
    below.order_by_asc(Column::Id).all(conn).await.db()?.into_iter().map(read).collect()
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Partner>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(visible(cx, Column::Id))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
