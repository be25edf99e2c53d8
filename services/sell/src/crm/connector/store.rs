//! Rows of CRM connector registrations.

use prost::Message;
use sea_orm::{ActiveValue::Set, Condition, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, etag, names, page::Page};
use stoa_proto::sell::v1::CrmConnector;
use stoa_store::{DbResult, Tx, decode, inserted, saved};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "crm_connector")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn read(row: Model) -> Result<CrmConnector> {
    decode("crm_connector", &row.id, &row.document)
}

/// A connector sees its own registration only.
fn scope(cx: &Cx) -> Condition {
    let mine = Condition::all().add(Column::Tenant.eq(&cx.tenant));
    if cx.caller.connector.is_empty() { mine } else { mine.add(Column::Id.eq(&cx.caller.connector)) }
}

/// The registration, if the caller may see it.
pub(in crate::crm) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<CrmConnector>> {
    Entity::find().filter(scope(cx)).filter(Column::Id.eq(id)).one(conn).await.db()?.map(read).transpose()
}

/// The registration, locked until the transaction ends.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<CrmConnector>> {
    Entity::find().filter(scope(cx)).filter(Column::Id.eq(id)).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, crm_connector: &CrmConnector) -> Result<()> {
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&crm_connector.name).to_owned()),
        version: Set(etag::version(&crm_connector.etag)),
        document: Set(crm_connector.encode_to_vec()),
    };
    inserted(Entity::insert(row).exec_without_returning(tx.conn()).await, &crm_connector.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, crm_connector: &CrmConnector) -> Result<()> {
    let version = etag::version(&crm_connector.etag);
    let done = Entity::update_many()
        .col_expr(Column::Version, Expr::value(version))
        .col_expr(Column::Document, Expr::value(crm_connector.encode_to_vec()))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&crm_connector.name)))
        .filter(Column::Version.eq(version - 1))
        .exec(tx.conn())
        .await;
    saved(done, &crm_connector.name)
}

pub(in crate::crm) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page) -> Result<Vec<CrmConnector>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows =
        Entity::find().filter(scope(cx)).filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(page.fetch()).all(conn).await.db()?;
    rows.into_iter().map(read).collect()
}
