//! Rows of the copy. Only a higher version replaces a row.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, QueryOrder,
    entity::prelude::*,
    sea_query::{ExprTrait, OnConflict},
};
use stoa_kernel::{Result, etag, names};
use stoa_proto::onboard::v1::{Enrollment, Partner};
use stoa_store::{DbResult, Tx, decode};

use crate::ancestors;

mod partner_row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "partner_copy")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub visible_to: String,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "directory_copy")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub version: i64,
        pub partner: String,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) async fn partner<C: ConnectionTrait>(conn: &C, tenant: &str, id: &str) -> Result<Option<Partner>> {
    let found = partner_row::Entity::find_by_id((tenant.to_owned(), id.to_owned())).one(conn).await.db()?;
    found.map(|row| decode("partner_copy", &row.id, &row.document)).transpose()
}

/// The partners with these IDs that the copy has, in no particular order.
pub(crate) async fn partners<C: ConnectionTrait>(conn: &C, tenant: &str, ids: impl IntoIterator<Item = &str>) -> Result<Vec<Partner>> {
    use partner_row::{Column, Entity};
    let rows = Entity::find().filter(Column::Tenant.eq(tenant)).filter(Column::Id.is_in(ids)).all(conn).await.db()?;
    rows.into_iter().map(|row| decode("partner_copy", &row.id, &row.document)).collect()
}

pub(crate) async fn find<M: Message + Default, C: ConnectionTrait>(conn: &C, tenant: &str, name: &str) -> Result<Option<M>> {
    let found = row::Entity::find_by_id((tenant.to_owned(), name.to_owned())).one(conn).await.db()?;
    found.map(|row| decode("directory_copy", &row.name, &row.document)).transpose()
}

/// The enrollments of a partner, by its ID or by a query for it. None if the ID
/// is empty.
pub(crate) async fn enrollments<C: ConnectionTrait>(conn: &C, tenant: &str, partner: impl Into<Expr>) -> Result<Vec<Enrollment>> {
    use row::{Column, Entity};
    let of_partner =
        Entity::find().filter(Column::Tenant.eq(tenant)).filter(Expr::col(Column::Partner).eq(partner)).filter(Column::Partner.ne(""));
    let rows = of_partner.order_by_asc(Column::Name).all(conn).await.db()?;
    rows.into_iter().map(|row| decode("directory_copy", &row.name, &row.document)).collect()
}

pub(crate) async fn put_partner(tx: &Tx, tenant: &str, partner: &Partner) -> Result<()> {
    let visible_to = if partner.visible_to.is_empty() { String::new() } else { format!("/{}/", partner.visible_to.join("/")) };
    let version = etag::version(&partner.etag);
    let row = partner_row::ActiveModel {
        tenant: Set(tenant.to_owned()),
        id: Set(names::last(&partner.name).to_owned()),
        version: Set(version),
        visible_to: Set(visible_to),
        document: Set(partner.encode_to_vec()),
    };
    use partner_row::{Column, Entity};
    let newer = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::Version, Column::VisibleTo, Column::Document])
        .action_and_where(Expr::col((Entity, Column::Version)).lt(version))
        .to_owned();
    let rows = Entity::insert(row).on_conflict(newer).exec_without_returning(tx.conn()).await.db()?;
    // A version that is not newer changes nothing. Before the first version
    // there were no ancestors.
    if rows == 1 { ancestors::put(tx, tenant, partner, version == 1).await } else { Ok(()) }
}

pub(crate) async fn put<M: Message>(tx: &Tx, tenant: &str, name: &str, etag: &str, partner: &str, document: &M) -> Result<()> {
    let version = etag::version(etag);
    let row = row::ActiveModel {
        tenant: Set(tenant.to_owned()),
        name: Set(name.to_owned()),
        version: Set(version),
        partner: Set(names::last(partner).to_owned()),
        document: Set(document.encode_to_vec()),
    };
    use row::{Column, Entity};
    let newer = OnConflict::columns([Column::Tenant, Column::Name])
        .update_columns([Column::Version, Column::Partner, Column::Document])
        .action_and_where(Expr::col((Entity, Column::Version)).lt(version))
        .to_owned();
    Entity::insert(row).on_conflict(newer).exec_without_returning(tx.conn()).await.db().map(|_| ())
}
