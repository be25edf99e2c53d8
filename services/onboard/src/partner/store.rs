//! Rows of partners. `lineage` and `visible_to` hold ids as `/a/b/`, so that a
//! subtree is one LIKE.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::onboard::v1::{Partner, PartnerType};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
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

/// The row of a tenant that moves in its hierarchy wait for.
mod hierarchy {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hierarchy")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Programs of which not every partner's visibility is recomputed yet.
mod refresh {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "visibility_refresh")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub program: String,
        pub done_through: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn partner_type(name: &str) -> Option<i32> {
    filter::enum_value("PARTNER_TYPE_", name, PartnerType::from_str_name)
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
    inserted(Entity::insert(row(cx, partner)).exec_without_returning(tx.conn()).await, &partner.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, partner: &Partner) -> Result<()> {
    let before = etag::version(&partner.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, partner))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&partner.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &partner.name)
}

/// Makes other moves in the tenant's hierarchy wait until the transaction ends.
pub(crate) async fn lock_hierarchy(tx: &Tx, cx: &Cx) -> Result<()> {
    let row = hierarchy::ActiveModel { tenant: Set(cx.tenant.clone()) };
    hierarchy::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx.conn()).await.db()?;
    hierarchy::Entity::find_by_id(cx.tenant.clone()).lock_exclusive().one(tx.conn()).await.db().map(|_| ())
}

/// All partners below one, locked in the order of their ids.
pub(super) async fn descendants(tx: &Tx, cx: &Cx, id: &str) -> Result<Vec<Partner>> {
    let below = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Lineage.contains(format!("/{id}/")));
    let below = below.order_by_asc(Column::Id).lock_exclusive();
    below.all(tx.conn()).await.db()?.into_iter().map(read).collect()
}

/// Tenant and id of a program whose partners' visibility is not recomputed yet.
pub(super) async fn refresh_left<C: ConnectionTrait>(conn: &C) -> Result<Option<(String, String)>> {
    let first = refresh::Entity::find().order_by_asc(refresh::Column::Tenant).order_by_asc(refresh::Column::Program);
    Ok(first.one(conn).await.db()?.map(|row| (row.tenant, row.program)))
}

/// Through which partner the visibility of a program's partners is recomputed,
/// locked; nothing where that is all of them.
pub(super) async fn lock_refresh(tx: &Tx, cx: &Cx, program: &str) -> Result<Option<String>> {
    let row = refresh::Entity::find_by_id((cx.tenant.clone(), program.to_owned())).lock_exclusive();
    Ok(row.one(tx.conn()).await.db()?.map(|row| row.done_through))
}

pub(super) async fn keep_refresh(tx: &Tx, cx: &Cx, program: &str, done_through: &str) -> Result<()> {
    let row = refresh::ActiveModel {
        tenant: Set(cx.tenant.clone()),
        program: Set(program.to_owned()),
        done_through: Set(done_through.to_owned()),
    };
    let further =
        OnConflict::columns([refresh::Column::Tenant, refresh::Column::Program]).update_column(refresh::Column::DoneThrough).to_owned();
    refresh::Entity::insert(row).on_conflict(further).exec_without_returning(tx.conn()).await.db().map(|_| ())
}

pub(super) async fn end_refresh(tx: &Tx, cx: &Cx, program: &str) -> Result<()> {
    refresh::Entity::delete_by_id((cx.tenant.clone(), program.to_owned())).exec(tx.conn()).await.db().map(|_| ())
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
