//! Rows of tiers. The id is `{program}/{tier}`, so that tiers of one program
//! stand together.

use prost::Message;
use sea_orm::{ActiveValue::Set, Condition, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Error, Kind, Result, etag, page::Page};
use stoa_proto::onboard::v1::{ErrorReason, Tier};
use stoa_store::{DbResult, Tx, decode, inserted, saved};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tier")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub program: String,
        pub rank: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn read(row: Model) -> Result<Tier> {
    decode("tier", &row.id, &row.document)
}

/// `{program}/{tier}` of a tier's name.
pub(super) fn key(name: &str) -> String {
    let mut parts = name.split('/');
    format!("{}/{}", parts.nth(1).unwrap_or_default(), parts.nth(1).unwrap_or_default())
}

/// The tier, if the tenant has it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, name: &str) -> Result<Option<Tier>> {
    Entity::find_by_id((cx.tenant.clone(), key(name))).one(conn).await.db()?.map(read).transpose()
}

/// The tier of the lowest rank, where the program has any.
pub(crate) async fn entry<C: ConnectionTrait>(conn: &C, cx: &Cx, program: &str) -> Result<Option<Tier>> {
    let mine = Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Program.eq(program));
    mine.order_by_asc(Column::Rank).one(conn).await.db()?.map(read).transpose()
}

pub(super) async fn lock(tx: &Tx, cx: &Cx, name: &str) -> Result<Option<Tier>> {
    Entity::find_by_id((cx.tenant.clone(), key(name))).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

fn rank_taken(rank: i32) -> Error {
    Error::new(
        Kind::AlreadyExists,
        ErrorReason::TierRankTaken.as_str_name(),
        format!("rank {rank} is taken in this program; choose another"),
    )
    .with_field("tier.rank", "is taken in this program")
}

async fn rank_is_free(tx: &Tx, cx: &Cx, tier: &Tier) -> Result<()> {
    let id = key(&tier.name);
    let program = id.split('/').next().unwrap_or_default();
    let other = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Program.eq(program))
        .filter(Column::Rank.eq(tier.rank))
        .filter(Column::Id.ne(&id));
    if other.one(tx.conn()).await.db()?.is_some() { Err(rank_taken(tier.rank)) } else { Ok(()) }
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, tier: &Tier) -> Result<()> {
    rank_is_free(tx, cx, tier).await?;
    let id = key(&tier.name);
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        program: Set(id.split('/').next().unwrap_or_default().to_owned()),
        id: Set(id),
        version: Set(etag::version(&tier.etag)),
        document: Set(tier.encode_to_vec()),
        rank: Set(tier.rank),
    };
    inserted(Entity::insert(row).exec_without_returning(tx.conn()).await, &tier.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, tier: &Tier) -> Result<()> {
    rank_is_free(tx, cx, tier).await?;
    let version = etag::version(&tier.etag);
    let done = Entity::update_many()
        .col_expr(Column::Version, Expr::value(version))
        .col_expr(Column::Document, Expr::value(tier.encode_to_vec()))
        .col_expr(Column::Rank, Expr::value(tier.rank))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(key(&tier.name)))
        .filter(Column::Version.eq(version - 1))
        .exec(tx.conn())
        .await;
    saved(done, &tier.name)
}

/// Tiers by program and id; of all programs where `program` is `-`.
pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, program: &str, page: &Page) -> Result<Vec<Tier>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let of_program = if program == "-" { Condition::all() } else { Condition::all().add(Column::Program.eq(program)) };
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(of_program)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
