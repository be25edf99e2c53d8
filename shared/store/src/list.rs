//! Pages of documents: filtered, ordered, and continued after the last row.

use sea_orm::{
    Condition, ConnectionTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select, Value,
    sea_query::{Expr, ExprTrait},
};
use stoa_kernel::{
    Cx, Error, Result, names,
    page::{Page, PageKey},
};
use stoa_proto::{
    common::v1::ErrorReason,
    resource::{Aggregate, ListRequest},
};

use crate::{
    DbResult,
    documents::{self, Documents},
    filter::{self, Field, Kind},
    sized,
};

/// The page that a request asks for, with the documents that the caller may
/// see, as they are at the caller's instant.
///
/// # Errors
/// INVALID_ARGUMENT `FILTER_INVALID`, `ORDER_INVALID`, `PAGE_TOKEN_INVALID`,
/// or for a malformed parent.
pub async fn list<T, R, C>(conn: &C, key: &PageKey, cx: &Cx, request: &R) -> Result<R::Response>
where
    T: Documents,
    R: ListRequest<Item = T::Document>,
    C: ConnectionTrait,
{
    let query = [R::METHOD, request.parent(), request.filter(), request.order_by()];
    let page = Page::read(key, cx, &query, request.page_size(), request.page_token())?;
    let order_by = if request.order_by().is_empty() { T::ORDER } else { request.order_by() };
    let order = Ordering::read(order_by, T::FILTER)?;
    let matching = documents::select::<T>(cx).filter(T::scope(cx)).filter(within::<T>(request.parent())?).filter(filter::condition(
        request.filter(),
        T::FILTER,
        cx.now,
    )?);
    let (keys, rows) = sizes::<T, C>(conn, matching.clone(), &order, &page).await?;
    let read = |ids: Vec<String>| large::<T, C>(conn, matching.filter(documents::column::<T>("id").is_in(ids)));
    let (found, last) = sized::fill(|bytes| page.fit(bytes.iter().copied()), rows, read).await?;
    let next = page.after(last.and_then(|last| keys.get(last)), Clone::clone);
    let found = found.into_iter().map(documents::read::<T>).collect::<Result<Vec<_>>>()?;
    Ok(R::response(found.into_iter().map(|document| T::at(document, cx.now)).collect(), next))
}

/// A document's ID and its bytes.
type Row = sized::Found<String, (String, Vec<u8>)>;

/// The rows of a page by their sizes, and their keys in the order.
async fn sizes<T: Documents, C: ConnectionTrait>(
    conn: &C,
    matching: Select<T>,
    order: &Ordering<'_>,
    page: &Page,
) -> Result<(Vec<Vec<String>>, Vec<Row>)> {
    let (id, document) = (documents::column::<T>("id"), documents::column::<T>("document"));
    let mut rows = matching.limit(page.fetch());
    if !page.after.is_empty() {
        rows = rows.filter(order.behind(&page.after)?);
    }
    for column in order.columns() {
        rows = rows.order_by(column, order.direction.clone());
    }
    let sizes = rows.select_only().expr(sized::bytes(document.clone())).expr(id).expr(order.written()).expr(sized::if_small(document));
    let found: Vec<(i64, String, Option<String>, Vec<u8>)> = sizes.into_tuple().all(conn).await.db()?;
    let row = |(bytes, id, value, document): (i64, String, Option<String>, Vec<u8>)| {
        let key = order.key(value.unwrap_or_default(), &id);
        (key, Row { key: id.clone(), bytes: bytes.unsigned_abs(), row: (id, document) })
    };
    Ok(found.into_iter().map(row).unzip())
}

/// All of the selected rows.
async fn large<T: Documents, C: ConnectionTrait>(conn: &C, rows: Select<T>) -> Result<Vec<Row>> {
    let found: Vec<(String, Vec<u8>)> = rows.into_tuple().all(conn).await.db()?;
    Ok(found.into_iter().map(|(id, document)| Row { key: id.clone(), bytes: document.len() as u64, row: (id, document) }).collect())
}

/// Only documents below a parent, if names are nested. Below any parent if its
/// ID is `-` (AIP-159).
fn within<T: Documents>(parent: &str) -> Result<Condition> {
    let Some(column) = T::PARENT else { return Ok(Condition::all()) };
    let above = T::Document::PATTERN.rsplitn(3, '/').nth(2).unwrap_or_default();
    let id = names::key("parent", above, parent)?;
    Ok(if id == "-" { Condition::all() } else { Condition::all().add(Expr::col(column).eq(id)) })
}

/// The order of a list: by a field and then by ID, or by ID alone.
struct Ordering<'a> {
    field: Option<&'a Field>,
    direction: Order,
}

impl<'a> Ordering<'a> {
    /// Reads `order_by` (AIP-132): empty, or one field with `asc` or `desc`.
    fn read(order_by: &str, fields: &'a [Field]) -> Result<Self> {
        let words: Vec<&str> = order_by.split_whitespace().collect();
        let (name, direction) = match words.as_slice() {
            [] => return Ok(Self { field: None, direction: Order::Asc }),
            [name] | [name, "asc"] => (*name, Order::Asc),
            [name, "desc"] => (*name, Order::Desc),
            _ => return Err(refused(order_by, fields)),
        };
        let field = fields.iter().find(|field| field.ordered && field.api == name).ok_or_else(|| refused(order_by, fields))?;
        Ok(Self { field: Some(field), direction })
    }

    fn columns(&self) -> Vec<Expr> {
        self.field.map(Field::ordered_column).into_iter().chain([Expr::col("id")]).collect()
    }

    /// The condition for rows after the row of a cursor.
    fn behind(&self, cursor: &[String]) -> Result<Expr> {
        let damaged = || Error::invalid("page_token", "is damaged. Start again without it.").with_reason(ErrorReason::PageTokenInvalid);
        let values = match (self.field, cursor) {
            (None, [id]) => vec![Expr::val(id.clone())],
            (Some(field), [value, id]) => vec![Expr::val(field.of_cursor(value).ok_or_else(damaged)?), Expr::val(id.clone())],
            _ => return Err(damaged()),
        };
        let (columns, values) = (Expr::tuple(self.columns()), Expr::tuple(values));
        Ok(if self.direction == Order::Asc { columns.gt(values) } else { columns.lt(values) })
    }

    /// The value of the order's field as text.
    fn written(&self) -> Expr {
        self.field.map_or_else(|| Expr::val(""), Field::stored_column).cast_as("text")
    }

    /// The key of a row: what a page begins behind.
    fn key(&self, value: String, id: &str) -> Vec<String> {
        self.field.map(|_| value).into_iter().chain([id.to_owned()]).collect()
    }
}

fn refused(order_by: &str, fields: &[Field]) -> Error {
    let allowed: Vec<&str> = fields.iter().filter(|field| field.ordered).map(|field| field.api).collect();
    let message = match allowed.as_slice() {
        [] => format!("cannot be `{order_by}`: the list is ordered by ID. Leave it empty."),
        allowed => format!("cannot be `{order_by}`. Use one of {}, followed by ` desc` for the reverse order.", allowed.join(", ")),
    };
    Error::invalid("order_by", message).with_reason(ErrorReason::OrderInvalid)
}

impl Field {
    /// The value of the field that a cursor holds as text.
    fn of_cursor(&self, text: &str) -> Option<Value> {
        match self.kind {
            Kind::Text => Some(text.to_owned().into()),
            _ => text.parse::<i64>().ok().map(Into::into),
        }
    }
}
