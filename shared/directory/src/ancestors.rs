//! Who is above whom in a tenant's network, and which of them see what is
//! below: one row per partner and ancestor, so that a partner finds what it may
//! see by an index. Each partner also has a row of itself, so that this is a
//! single join: the database reads a page in the order of IDs if most objects are
//! visible, and the objects of each visible partner if few are.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement},
};
use sea_orm_migration::{MigrationTrait, async_trait, prelude::*, sea_orm::DbErr};
use stoa_kernel::{Cx, Reach, Result, names};
use stoa_proto::onboard::v1::Partner;
use stoa_store::{
    DbResult, Tx, decode,
    tables::{flag, table},
    text_key, upsert,
};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "partner_ancestor")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub ancestor: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub partner: String,
        /// Whether the ancestor may see the partner's objects.
        pub sees: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

/// Stores the ancestors that a version of a partner has. `is_first` if the
/// partner had no row before.
///
/// # Errors
/// If the store cannot be written.
pub async fn put(tx: &Tx, tenant: &str, partner: &Partner, is_first: bool) -> Result<()> {
    let id = names::last(&partner.name);
    if !is_first {
        tx.write_held().await?;
        let gone = Entity::delete_many().filter(Column::Tenant.eq(tenant)).filter(Column::Partner.eq(id));
        gone.filter(Column::Ancestor.ne(id)).filter(Column::Ancestor.is_not_in(&partner.ancestors)).exec(tx.conn()).await.db()?;
    }
    let known = OnConflict::columns([Column::Tenant, Column::Ancestor, Column::Partner]).update_column(Column::Sees).to_owned();
    upsert::<Entity>(tx, rows_of(tenant, partner), &known).await
}

fn rows_of(tenant: &str, partner: &Partner) -> impl Iterator<Item = Model> {
    let id = names::last(&partner.name);
    let row = move |ancestor: &str, sees| Model { tenant: tenant.to_owned(), ancestor: ancestor.to_owned(), partner: id.to_owned(), sees };
    let above = partner.ancestors.iter().map(move |ancestor| row(ancestor, partner.visible_to.contains(ancestor)));
    above.chain([row(id, true)])
}

/// IDs of all partners below a partner.
#[must_use]
pub fn below(cx: &Cx, ancestor: &str) -> SelectStatement {
    with_self(cx, ancestor).and_where(Expr::col("partner").ne(ancestor)).to_owned()
}

fn with_self(cx: &Cx, ancestor: &str) -> SelectStatement {
    Query::select()
        .column("partner")
        .from("partner_ancestor")
        .and_where(Expr::col("tenant").eq(cx.tenant.clone()))
        .and_where(Expr::col("ancestor").eq(ancestor))
        .to_owned()
}

/// The condition on a column that holds the ID of a partner. The vendor's
/// people see all partners; a partner's caller sees its own partner and those
/// below it that its programs let it see.
#[must_use]
pub fn visible<C: ColumnTrait>(cx: &Cx, partner: C) -> Condition {
    match &cx.caller.reach {
        Reach::Tenant => Condition::all(),
        Reach::Partner(own) => {
            Condition::all().add(partner.in_subquery(with_self(cx, own).and_where(Expr::col("sees").eq(true)).to_owned()))
        }
        Reach::Object(_) => nothing(),
    }
}

/// Condition for rows that only the vendor's people may see.
#[must_use]
pub fn vendor_only(cx: &Cx) -> Condition {
    match cx.caller.reach {
        Reach::Tenant => Condition::all(),
        Reach::Partner(_) | Reach::Object(_) => nothing(),
    }
}

fn nothing() -> Condition {
    Condition::all().add(Expr::cust("1 = 0"))
}

/// A migration that creates the table and fills it from the documents of the
/// partners that a store already has, in a table with `tenant`, `id` and
/// `document`.
#[must_use]
pub fn migration(name: &'static str, partners: &'static str) -> Box<dyn MigrationTrait> {
    Box::new(Ancestors { name, partners })
}

struct Ancestors {
    name: &'static str,
    partners: &'static str,
}

impl MigrationName for Ancestors {
    fn name(&self) -> &str {
        self.name
    }
}

/// Number of partners that are read at once.
const PARTNERS_PER_READ_MAX: u64 = 1000;

#[async_trait::async_trait]
impl MigrationTrait for Ancestors {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![text_key("tenant"), text_key("ancestor"), text_key("partner"), flag("sees")];
        manager.create_table(table("partner_ancestor", columns, &["tenant", "ancestor", "partner"])).await?;
        let conn = manager.get_connection();
        conn.execute_unprepared("CREATE INDEX partner_ancestor_partner ON partner_ancestor (tenant, partner)").await?;
        let mut after = (String::new(), String::new());
        loop {
            let page = page_of(conn, self.partners, &after).await?;
            let Some((tenant, id, _)) = page.last() else { return Ok(()) };
            after = (tenant.clone(), id.clone());
            let mut rows = Vec::new();
            for (tenant, id, document) in page {
                let partner: Partner = decode(self.partners, &id, &document).map_err(|e| DbErr::Custom(e.to_string()))?;
                rows.extend(rows_of(&tenant, &partner).map(|row| ActiveModel::from(row).reset_all()));
            }
            Entity::insert_many(rows).exec_without_returning(conn).await?;
        }
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("partner_ancestor").to_owned()).await
    }
}

async fn page_of(
    conn: &SchemaManagerConnection<'_>,
    partners: &'static str,
    (tenant, id): &(String, String),
) -> Result<Vec<(String, String, Vec<u8>)>, DbErr> {
    let behind = Expr::tuple([Expr::col("tenant"), Expr::col("id")]).gt(Expr::tuple([Expr::val(tenant.clone()), Expr::val(id.clone())]));
    let select = Query::select()
        .columns(["tenant", "id", "document"])
        .from(partners)
        .and_where(behind)
        .order_by("tenant", Order::Asc)
        .order_by("id", Order::Asc)
        .limit(PARTNERS_PER_READ_MAX)
        .to_owned();
    let rows = conn.query_all(&select).await?;
    rows.iter().map(|row| Ok((row.try_get("", "tenant")?, row.try_get("", "id")?, row.try_get("", "document")?))).collect()
}
