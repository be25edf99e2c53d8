//! Rows of CAM assignments, one a partner.

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{ExprTrait, OnConflict},
};
use stoa_kernel::{Cx, Error, Result, etag, names, page::Page};
use stoa_proto::onboard::v1::CamAssignment;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "cam_assignment")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub person: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

const FILTER: [Field; 2] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "person", column: "person", kind: Kind::Name("persons") },
];

fn read(row: Model) -> Result<CamAssignment> {
    decode("cam_assignment", &row.id, &row.document)
}

/// The assignment of a partner, if the caller may see it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: &str) -> Result<Option<CamAssignment>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), partner.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

pub(super) async fn lock(tx: &Tx, cx: &Cx, partner: &str) -> Result<Option<CamAssignment>> {
    Entity::find_by_id((cx.tenant.clone(), partner.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// Writes the next version over the one before; the first one is inserted.
pub(super) async fn save(tx: &Tx, cx: &Cx, assignment: &CamAssignment) -> Result<()> {
    let version = etag::version(&assignment.etag);
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&assignment.name).to_owned()),
        version: Set(version),
        document: Set(assignment.encode_to_vec()),
        partner: Set(names::last(&assignment.partner).to_owned()),
        person: Set(names::last(&assignment.person).to_owned()),
    };
    let newer = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::Version, Column::Document, Column::Person])
        .action_and_where(Expr::col((Entity, Column::Version)).eq(version - 1))
        .to_owned();
    let rows = Entity::insert(row).on_conflict(newer).exec_without_returning(tx.conn()).await.db()?;
    if rows == 1 { Ok(()) } else { Err(Error::etag_mismatch(&assignment.name)) }
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<CamAssignment>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
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
