//! Rows of programs.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, etag, names, page::Page};
use stoa_proto::onboard::v1::Program;
use stoa_store::{DbResult, Tx, decode, inserted, saved};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "program")]
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

fn read(row: Model) -> Result<Program> {
    decode("program", &row.id, &row.document)
}

/// The program, if the tenant has it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Program>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).one(conn).await.db()?.map(read).transpose()
}

/// The program, locked until the transaction ends.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Program>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, program: &Program) -> Result<()> {
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&program.name).to_owned()),
        version: Set(etag::version(&program.etag)),
        document: Set(program.encode_to_vec()),
    };
    inserted(Entity::insert(row).exec_without_returning(tx.conn()).await, &program.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, program: &Program) -> Result<()> {
    let version = etag::version(&program.etag);
    let done = Entity::update_many()
        .col_expr(Column::Version, Expr::value(version))
        .col_expr(Column::Document, Expr::value(program.encode_to_vec()))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&program.name)))
        .filter(Column::Version.eq(version - 1))
        .exec(tx.conn())
        .await;
    saved(done, &program.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page) -> Result<Vec<Program>> {
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
