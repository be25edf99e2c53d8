//! The row of a tenant's settings.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, QuerySelect,
    entity::prelude::*,
    sea_query::{ExprTrait, OnConflict},
};
use stoa_kernel::{Cx, Error, Result, etag};
use stoa_proto::onboard::v1::TenantSettings;
use stoa_store::{DbResult, Tx, decode};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tenant_settings")]
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

/// Id of the one row that a tenant has.
const ID: &str = "tenantSettings";

fn read(row: Model) -> Result<TenantSettings> {
    decode("tenant_settings", &row.tenant, &row.document)
}

/// The settings, if any were made.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<Option<TenantSettings>> {
    Entity::find_by_id((cx.tenant.clone(), ID.to_owned())).one(conn).await.db()?.map(read).transpose()
}

pub(super) async fn lock(tx: &Tx, cx: &Cx) -> Result<Option<TenantSettings>> {
    Entity::find_by_id((cx.tenant.clone(), ID.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// Writes the next version over the one before; the first one is inserted.
pub(super) async fn save(tx: &Tx, cx: &Cx, settings: &TenantSettings) -> Result<()> {
    let version = etag::version(&settings.etag);
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(ID.to_owned()),
        version: Set(version),
        document: Set(settings.encode_to_vec()),
    };
    let newer = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::Version, Column::Document])
        .action_and_where(Expr::col((Entity, Column::Version)).eq(version - 1))
        .to_owned();
    let rows = Entity::insert(row).on_conflict(newer).exec_without_returning(tx.conn()).await.db()?;
    if rows == 1 { Ok(()) } else { Err(Error::etag_mismatch(&settings.name)) }
}
