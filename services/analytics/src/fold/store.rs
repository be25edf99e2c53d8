//! Rows of facts, which are only ever added. `fold_version` orders them by commit,
//! so a reader that has seen a version has seen, or can read, all lower ones. On
//! PostgreSQL, the version is taken from a head row that the transaction locks. On
//! SQLite, there is only one writer.

use sea_orm::{ConnectionTrait, DbBackend, ExprTrait, QueryOrder, QuerySelect, Statement, entity::prelude::*};
use stoa_kernel::Result;
use stoa_store::{DbResult, Tx};

use crate::row::{Document, Row};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]

    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "fact")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub aggregate: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        pub fold_version: i64,
        pub source: i32,
        pub position: i64,
        pub occurred: i64,
        pub recorded: i64,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{Column, Entity, Model};

/// Maximum number of rows per read.
const ROWS_PER_READ_MAX: u64 = 5_000;
/// Maximum number of aggregates named in one query.
const AGGREGATES_PER_READ_MAX: usize = 200;

/// Both take a fold version and add the row in one statement, because they run
/// once per event.
const ADD_SQLITE: &str = "INSERT INTO fact \
     (tenant, aggregate, version, fold_version, source, position, occurred, recorded, document) \
     VALUES ($1, $2, $3, COALESCE((SELECT MAX(fold_version) FROM fact WHERE tenant = $1), 0) + 1, $4, $5, $6, $7, $8) \
     ON CONFLICT (tenant, aggregate, version) DO NOTHING";
const ADD_POSTGRES: &str = "WITH head AS (INSERT INTO fold_head (tenant, version) VALUES ($1, 1) \
     ON CONFLICT (tenant) DO UPDATE SET version = fold_head.version + 1 RETURNING version) \
     INSERT INTO fact (tenant, aggregate, version, fold_version, source, position, occurred, recorded, document) \
     SELECT $1, $2, $3, head.version, $4, $5, $6, $7, $8 FROM head \
     ON CONFLICT (tenant, aggregate, version) DO NOTHING";

/// A row with the fold version under which it was added.
#[derive(Debug, Clone)]
pub(crate) struct Folded {
    pub(crate) fold_version: i64,
    pub(crate) row: Row,
}

/// Adds a row. An existing row stays unchanged.
pub(crate) async fn add(tx: &Tx, tenant: &str, row: &Row) -> Result<()> {
    let add = if tx.backend() == DbBackend::Postgres { ADD_POSTGRES } else { ADD_SQLITE };
    let values: [sea_orm::Value; 8] = [
        tenant.into(),
        row.aggregate.as_str().into(),
        row.version.into(),
        row.source.into(),
        row.position.into(),
        row.occurred.into(),
        row.recorded.into(),
        row.document.bytes().into(),
    ];
    tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), add, values)).await.db().map(|_| ())
}

/// Returns the tenant's last fold version, or 0 if it has no rows.
pub(crate) async fn head<C: ConnectionTrait>(conn: &C, tenant: &str) -> Result<i64> {
    let query = Entity::find().select_only().column_as(Column::FoldVersion.max(), "head").filter(Column::Tenant.eq(tenant));
    let head = query.into_tuple::<Option<i64>>().one(conn).await.db()?;
    Ok(head.flatten().unwrap_or_default())
}

/// Returns one page of the rows up to a fold version, ordered by aggregate and
/// version, that follow `after`. All versions of an aggregate are adjacent.
pub(crate) async fn page<C: ConnectionTrait>(conn: &C, tenant: &str, head: i64, after: Option<&Row>) -> Result<Vec<Folded>> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant)).filter(Column::FoldVersion.lte(head));
    if let Some(after) = after {
        let same = Column::Aggregate.eq(&after.aggregate).and(Column::Version.gt(after.version));
        query = query.filter(Column::Aggregate.gte(&after.aggregate)).filter(Column::Aggregate.gt(&after.aggregate).or(same));
    }
    let rows = query.order_by_asc(Column::Aggregate).order_by_asc(Column::Version).limit(ROWS_PER_READ_MAX).all(conn).await.db()?;
    Ok(rows.into_iter().map(read).collect())
}

/// Returns the aggregates with a row above `from` and up to `head`, ordered by
/// name, or `None` if there are more than `max`.
pub(crate) async fn touched<C: ConnectionTrait>(conn: &C, tenant: &str, from: i64, head: i64, max: u64) -> Result<Option<Vec<String>>> {
    let names: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Aggregate)
        .distinct()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::FoldVersion.gt(from))
        .filter(Column::FoldVersion.lte(head))
        .order_by_asc(Column::Aggregate)
        .limit(max + 1)
        .into_tuple()
        .all(conn)
        .await
        .db()?;
    Ok((names.len() as u64 <= max).then_some(names))
}

/// Returns all rows of the given aggregates up to a fold version, ordered by
/// aggregate and version.
pub(crate) async fn chains<C: ConnectionTrait>(conn: &C, tenant: &str, head: i64, aggregates: &[String]) -> Result<Vec<Folded>> {
    let mut found = Vec::new();
    for names in aggregates.chunks(AGGREGATES_PER_READ_MAX) {
        let query = Entity::find()
            .filter(Column::Tenant.eq(tenant))
            .filter(Column::Aggregate.is_in(names.iter().map(String::as_str)))
            .filter(Column::FoldVersion.lte(head))
            .order_by_asc(Column::Aggregate)
            .order_by_asc(Column::Version);
        found.extend(query.all(conn).await.db()?.into_iter().map(read));
    }
    Ok(found)
}

fn read(model: Model) -> Folded {
    let row = Row {
        aggregate: model.aggregate,
        version: model.version,
        occurred: model.occurred,
        recorded: model.recorded,
        source: model.source,
        position: model.position,
        document: Document::stored(model.document),
    };
    Folded { fold_version: model.fold_version, row }
}
