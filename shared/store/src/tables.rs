//! Building blocks for the migrations of the services.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{async_trait, prelude::*};

use crate::text_key;

/// A table of documents: tenant, ID, version, document, and its own columns.
#[must_use]
pub fn documents(name: &'static str, columns: Vec<ColumnDef>) -> TableCreateStatement {
    let own = [text_key("tenant"), text_key("id"), number("version"), bytes("document")];
    table(name, own.into_iter().chain(columns).collect(), &["tenant", "id"])
}

/// A table with a primary key over some of its columns.
#[must_use]
pub fn table(name: &'static str, columns: Vec<ColumnDef>, key: &[&'static str]) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for mut column in columns {
        table.col(&mut column);
    }
    let mut index = Index::create();
    for column in key {
        index.col(*column);
    }
    table.primary_key(&mut index).to_owned()
}

/// Text that is neither ordered nor part of a key.
#[must_use]
pub fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

/// A 64-bit whole number. Instants are microseconds.
#[must_use]
pub fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

/// Like [`number`], but may be null.
#[must_use]
pub fn optional_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().to_owned()
}

/// A 32-bit whole number, for example of an enum.
#[must_use]
pub fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().to_owned()
}

/// True or false.
#[must_use]
pub fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().to_owned()
}

/// Bytes.
#[must_use]
pub fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).binary().not_null().to_owned()
}

/// Creates tables, then indexes. Indexes are SQL because partial indexes have
/// the same syntax on both backends.
///
/// # Errors
/// The error of the database.
pub async fn create(manager: &SchemaManager<'_>, tables: Vec<TableCreateStatement>, indexes: &[&str]) -> Result<(), DbErr> {
    for table in tables {
        manager.create_table(table).await?;
    }
    for index in indexes {
        manager.get_connection().execute_unprepared(index).await?;
    }
    Ok(())
}

/// Drops the tables, last to first.
///
/// # Errors
/// The error of the database.
pub async fn drop(manager: &SchemaManager<'_>, tables: Vec<TableCreateStatement>) -> Result<(), DbErr> {
    for table in tables.into_iter().rev() {
        if let Some(TableRef::Table(name, _)) = table.get_table_name() {
            manager.drop_table(Table::drop().table(name.clone()).to_owned()).await?;
        }
    }
    Ok(())
}

/// A migration that creates tables with their indexes.
#[must_use]
pub fn new_tables(
    name: &'static str,
    tables: fn() -> Vec<TableCreateStatement>,
    indexes: &'static [&'static str],
) -> Box<dyn MigrationTrait> {
    Box::new(NewTables { name, tables, indexes })
}

struct NewTables {
    name: &'static str,
    tables: fn() -> Vec<TableCreateStatement>,
    indexes: &'static [&'static str],
}

impl MigrationName for NewTables {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for NewTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, (self.tables)(), self.indexes).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, (self.tables)()).await
    }
}

/// A migration that adds an index for each order or condition that a list may be
/// asked for, given as a table and one of its columns.
#[must_use]
pub fn orders(name: &'static str, columns: &'static [(&'static str, &'static str)]) -> Box<dyn MigrationTrait> {
    Box::new(Orders { name, columns })
}

struct Orders {
    name: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

impl MigrationName for Orders {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Orders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in self.columns {
            let index = format!("CREATE INDEX {table}_by_{column} ON {table} (tenant, {column}, id)");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in self.columns {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {table}_by_{column}")).await?;
        }
        Ok(())
    }
}
