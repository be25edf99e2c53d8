//! Rows of product lines.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, etag, names, page::Page};
use stoa_proto::sell::v1::ProductLine;
use stoa_store::{DbResult, Tx, decode, inserted};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "product_line")]
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

fn read(row: Model) -> Result<ProductLine> {
    decode("product_line", &row.id, &row.document)
}

/// The product line, if the tenant has it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<ProductLine>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).one(conn).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, product_line: &ProductLine) -> Result<()> {
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&product_line.name).to_owned()),
        version: Set(etag::version(&product_line.etag)),
        document: Set(product_line.encode_to_vec()),
    };
    inserted(Entity::insert(row).exec_without_returning(tx.conn()).await, &product_line.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page) -> Result<Vec<ProductLine>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
