//! Tables of documents (see [`crate::tables::documents`]): what every noun does
//! with its rows, over a small description of the table.
//!
//! Every function takes the caller's context: a query is bound to its tenant
//! and to what the caller may see.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, ModelTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, InsertStatement, OnConflict, Query},
};
use stoa_kernel::{Cx, Error, Reach, Result, Timestamp, etag, names};
use stoa_proto::{common::v1::ErrorReason, resource::Aggregate};

use crate::{
    DbResult, Tx, decode,
    filter::Field,
    held::{self, ROWS_PER_STATEMENT_MAX, Write},
    rows,
};

/// The columns that every table of documents begins with.
#[derive(Debug, Clone)]
pub struct Key {
    /// Tenant.
    pub tenant: String,
    /// ID: the IDs in the resource name, joined by `/`.
    pub id: String,
    /// Version of the document.
    pub version: i64,
    /// The encoded document.
    pub document: Vec<u8>,
}

/// Maximum number of bytes of an encoded document. Twice as many for what a
/// service records on its own: what is due happens even if the date of it no
/// longer fits.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// A table of documents, described by its entity.
pub trait Documents: EntityTrait {
    /// What its rows hold.
    type Document: Aggregate;

    /// Fields that a filter may name. Those that lists may be ordered by, at
    /// most two, are marked.
    const FILTER: &'static [Field] = &[];

    /// The order of lists whose request names none, as in `order_by`. Empty for
    /// the order of IDs.
    const ORDER: &'static str = "";

    /// The column with the ID of the parent, if names are nested.
    const PARENT: Option<&'static str> = None;

    /// The row of a document: its key, and the columns that queries need.
    fn row(key: Key, document: &Self::Document) -> Self::Model;

    /// Which of the tenant's rows the caller may see. By default, all.
    #[must_use]
    fn scope(_cx: &Cx) -> Condition {
        Condition::all()
    }

    /// The document as it is at an instant, whether or not what is due by then
    /// has been recorded.
    #[must_use]
    fn at(document: Self::Document, _now: Timestamp) -> Self::Document {
        document
    }

    /// The failure if a unique key of a document to insert is taken.
    #[must_use]
    fn taken(document: &Self::Document) -> Error {
        Error::already_exists(document.resource_name())
    }
}

pub(crate) fn column<T: Documents>(name: &'static str) -> Expr {
    Expr::col((T::default(), name))
}

/// The ID in a resource name.
///
/// # Errors
/// INVALID_ARGUMENT naming `field`.
pub fn id<T: Documents>(field: &str, name: &str) -> Result<String> {
    names::key(field, T::Document::PATTERN, name)
}

/// The tenant's documents, to be narrowed and then read by [`first`] or [`all`].
/// Whoever has only a link finds its object and nothing else.
#[must_use]
pub fn select<T: Documents>(cx: &Cx) -> Select<T> {
    let documents =
        T::find().select_only().expr(column::<T>("id")).expr(column::<T>("document")).filter(column::<T>("tenant").eq(cx.tenant.clone()));
    match &cx.caller.reach {
        Reach::Tenant | Reach::Partner(_) => documents,
        // No object has an empty ID.
        Reach::Object(name) => documents.filter(column::<T>("id").eq(id::<T>("link", name).unwrap_or_default())),
    }
}

fn by_id<T: Documents>(cx: &Cx, id: &str) -> Select<T> {
    select::<T>(cx).filter(column::<T>("id").eq(id))
}

pub(crate) fn read<T: Documents>((id, bytes): (String, Vec<u8>)) -> Result<T::Document> {
    decode(T::default().table_name(), &id, &bytes)
}

/// The first selected document, as it was recorded.
///
/// # Errors
/// If the store cannot be read.
pub async fn first<T: Documents, C: ConnectionTrait>(conn: &C, select: Select<T>) -> Result<Option<T::Document>> {
    select.into_tuple().one(conn).await.db()?.map(read::<T>).transpose()
}

/// All selected documents, as they were recorded.
///
/// # Errors
/// If the store cannot be read.
pub async fn all<T: Documents, C: ConnectionTrait>(conn: &C, select: Select<T>) -> Result<Vec<T::Document>> {
    select.into_tuple().all(conn).await.db()?.into_iter().map(read::<T>).collect()
}

/// The document with an ID, as it is at the caller's instant, if the caller may
/// see it.
///
/// # Errors
/// If the store cannot be read.
pub async fn find<T: Documents, C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<T::Document>> {
    let found = first(conn, by_id::<T>(cx, id).filter(T::scope(cx))).await?;
    Ok(found.map(|document| T::at(document, cx.now)))
}

/// Like [`find`], for all IDs of a list. Returns the documents by ID.
///
/// # Errors
/// If the store cannot be read.
pub async fn find_all<T: Documents, C: ConnectionTrait>(
    conn: &C,
    cx: &Cx,
    ids: impl IntoIterator<Item = &str>,
) -> Result<BTreeMap<String, T::Document>> {
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<(String, Vec<u8>)> =
        select::<T>(cx).filter(column::<T>("id").is_in(ids)).filter(T::scope(cx)).into_tuple().all(conn).await.db()?;
    let read = |(id, bytes): (String, Vec<u8>)| Ok((id.clone(), T::at(read::<T>((id, bytes))?, cx.now)));
    found.into_iter().map(read).collect()
}

/// Like [`lock`], for all IDs of a list, in the order of IDs. Returns the
/// documents by ID.
///
/// # Errors
/// If the store cannot be read.
pub async fn lock_all<T: Documents>(tx: &Tx, cx: &Cx, ids: impl IntoIterator<Item = &str>) -> Result<BTreeMap<String, T::Document>> {
    tx.write_held().await?;
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let rows = select::<T>(cx).filter(column::<T>("id").is_in(ids)).filter(T::scope(cx)).order_by_asc(column::<T>("id"));
    let found: Vec<(String, Vec<u8>)> = rows.lock_exclusive().into_tuple().all(tx.conn()).await.db()?;
    found.into_iter().map(|(id, bytes)| Ok((id.clone(), read::<T>((id, bytes))?))).collect()
}

/// The document with a name, as it is at the caller's instant.
///
/// # Errors
/// INVALID_ARGUMENT for another kind of name, NOT_FOUND if there is no such
/// document that the caller may see.
pub async fn get<T: Documents, C: ConnectionTrait>(conn: &C, cx: &Cx, name: &str) -> Result<T::Document> {
    let id = id::<T>("name", name)?;
    find::<T, C>(conn, cx, &id).await?.ok_or_else(|| Error::not_found(name))
}

/// The document that a field of a request refers to, as it is at the caller's
/// instant.
///
/// # Errors
/// INVALID_ARGUMENT for another kind of name, FAILED_PRECONDITION
/// `REFERENCE_NOT_FOUND` if there is no such document that the caller may see.
pub async fn get_referenced<T: Documents, C: ConnectionTrait>(conn: &C, cx: &Cx, field: &str, name: &str) -> Result<T::Document> {
    let id = id::<T>(field, name)?;
    find::<T, C>(conn, cx, &id).await?.ok_or_else(|| Error::reference_not_found(field, name))
}

/// The document with an ID, as it was recorded, if the caller may see it.
/// Locked until the transaction ends.
///
/// # Errors
/// If the store cannot be read.
pub async fn lock<T: Documents>(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<T::Document>> {
    tx.write_held().await?;
    first(tx.conn(), by_id::<T>(cx, id).filter(T::scope(cx)).lock_exclusive()).await
}

/// The document with the name that a command is about, as it was recorded.
/// Locked until the transaction ends.
///
/// # Errors
/// INVALID_ARGUMENT naming `field`, NOT_FOUND if there is no such document that
/// the caller may see.
pub async fn load<T: Documents>(tx: &Tx, cx: &Cx, field: &str, name: &str) -> Result<T::Document> {
    let id = id::<T>(field, name)?;
    lock::<T>(tx, cx, &id).await?.ok_or_else(|| Error::not_found(name))
}

/// Tenants and IDs of rows whose time in a column has come and that meet a
/// condition, in all tenants, longest due first.
///
/// # Errors
/// If the store cannot be read.
pub async fn due<T: Documents, C: ConnectionTrait>(
    conn: &C,
    time: T::Column,
    only: Condition,
    now: Timestamp,
    rows_max: u64,
) -> Result<Vec<(String, String)>> {
    use sea_orm::ColumnTrait;
    let due = T::find().filter(time.lte(now.micros())).filter(only).order_by_asc(time).limit(rows_max);
    due.select_only().expr(column::<T>("tenant")).expr(column::<T>("id")).into_tuple().all(conn).await.db()
}

/// The id of a document and its whole row.
///
/// # Errors
/// INVALID_ARGUMENT `TOO_LARGE` if the document has more than
/// [`DOCUMENT_BYTES_MAX`].
pub(crate) fn row<T: Documents>(cx: &Cx, document: &T::Document, bytes: Vec<u8>) -> Result<(String, T::Model)> {
    let bytes_max = if cx.caller.is_suite_alone() { 2 * DOCUMENT_BYTES_MAX } else { DOCUMENT_BYTES_MAX };
    if bytes.len() > bytes_max {
        return Err(too_large::<T>(bytes.len(), bytes_max));
    }
    let id = names::key("name", T::Document::PATTERN, document.resource_name()).map_err(Error::internal)?;
    let key = Key { tenant: cx.tenant.clone(), id: id.clone(), version: etag::version(document.etag()), document: bytes };
    Ok((id, T::row(key, document)))
}

fn too_large<T: Documents>(bytes: usize, bytes_max: usize) -> Error {
    let resource = T::Document::PATTERN.rsplit('/').next().unwrap_or_default().trim_matches(['{', '}']);
    let message = format!("would have {bytes} bytes, of at most {bytes_max}. Shorten its texts and lists, or split it.");
    Error::invalid(resource, message).with_reason(ErrorReason::TooLarge).with_metadata("bytes_max", bytes_max.to_string())
}

/// Inserts a document with its first version. Only for `stoa_events::record`,
/// which writes the event with it.
///
/// # Errors
/// The failure of [`Documents::taken`] if a unique key is taken, INVALID_ARGUMENT
/// `TOO_LARGE` beyond [`DOCUMENT_BYTES_MAX`].
pub async fn insert<T: Documents>(tx: &Tx, cx: &Cx, document: &T::Document, bytes: Vec<u8>) -> Result<()> {
    let (id, row) = row::<T>(cx, document, bytes)?;
    if tx.held().keep::<T>(&row, Some(&id), Write::Insert(T::taken(document))) {
        return Ok(());
    }
    let insert = insertion::<T>(&[row])?;
    rows::inserted(tx.conn().execute(&insert).await, || T::taken(document))
}

/// Inserts documents, but keeps those that already have a name of the list, or
/// come earlier in it. Returns which were inserted. Only for
/// `stoa_events::record_first`.
///
/// # Errors
/// INVALID_ARGUMENT `TOO_LARGE` beyond [`DOCUMENT_BYTES_MAX`], or if the store
/// cannot be written.
pub async fn insert_first<T: Documents>(tx: &Tx, cx: &Cx, documents: Vec<(&T::Document, Vec<u8>)>) -> Result<Vec<bool>> {
    tx.write_held().await?;
    let rows: Vec<_> = documents.into_iter().map(|(document, bytes)| row::<T>(cx, document, bytes)).collect::<Result<_>>()?;
    let mut inserted = BTreeSet::new();
    for rows in rows.chunks(ROWS_PER_STATEMENT_MAX) {
        let mut insert = insertion::<T>(rows.iter().map(|(_, row)| row))?;
        insert.on_conflict(OnConflict::columns(["tenant", "id"]).do_nothing().to_owned()).returning_col("id");
        for row in tx.conn().query_all(&insert).await.db()? {
            inserted.insert(row.try_get::<String>("", "id").db()?);
        }
    }
    Ok(rows.iter().map(|(id, _)| inserted.remove(id)).collect())
}

fn insertion<'a, T: Documents>(rows: impl IntoIterator<Item = &'a T::Model>) -> Result<InsertStatement> {
    use sea_orm::Iterable;
    let mut insert = Query::insert();
    insert.into_table(T::default()).columns(T::Column::iter());
    for row in rows {
        insert.values(held::values::<T>(row)).map_err(Error::internal)?;
    }
    Ok(insert)
}

/// Writes all columns of a document over the row of version `before`. Only for
/// `stoa_events::record`, which writes the event with it.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH` if the row has another version, INVALID_ARGUMENT
/// `TOO_LARGE` beyond [`DOCUMENT_BYTES_MAX`].
pub async fn save<T: Documents>(tx: &Tx, cx: &Cx, document: &T::Document, bytes: Vec<u8>, before: i64) -> Result<()> {
    use sea_orm::{ColumnTrait, IdenStatic, Iterable};
    let (id, row) = row::<T>(cx, document, bytes)?;
    if tx.held().keep::<T>(&row, Some(&id), Write::Replace(document.resource_name().to_owned())) {
        return Ok(());
    }
    let mut update = Query::update();
    update.table(T::default());
    for c in T::Column::iter().filter(|c| !matches!(c.as_str(), "tenant" | "id")) {
        update.value(c, c.save_as(Expr::val(row.get(c))));
    }
    update.and_where(Expr::col("tenant").eq(cx.tenant.clone())).and_where(Expr::col("id").eq(id));
    update.and_where(Expr::col("version").eq(before));
    rows::saved(tx.conn().execute(&update).await, document.resource_name())
}

/// Deletes the row of a document at its version. Only for
/// `stoa_events::record_erased`, which writes the event with it.
///
/// # Errors
/// ABORTED `ETAG_MISMATCH` if the row has another version.
pub async fn delete<T: Documents>(tx: &Tx, cx: &Cx, document: &T::Document) -> Result<()> {
    tx.write_held().await?;
    let id = names::key("name", T::Document::PATTERN, document.resource_name()).map_err(Error::internal)?;
    let mut delete = Query::delete();
    delete.from_table(T::default()).and_where(Expr::col("tenant").eq(cx.tenant.clone())).and_where(Expr::col("id").eq(id));
    delete.and_where(Expr::col("version").eq(etag::version(document.etag())));
    rows::saved(tx.conn().execute(&delete).await, document.resource_name())
}
