//! Pages of documents: filtered, ordered, and continued after the last row.

use futures::FutureExt;
use sea_orm::{
    Condition, ConnectionTrait, IdenStatic, Iterable, ModelTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select, Value,
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
    let mut rows = documents::select::<T>(cx)
        .filter(T::scope(cx))
        .filter(within::<T>(request.parent())?)
        .filter(filter::condition(request.filter(), T::FILTER, cx.now)?)
        .limit(page.fetch());
    if !page.after.is_empty() {
        rows = rows.filter(order.behind(&page.after)?);
    }
    for column in order.columns() {
        rows = rows.order_by(column, order.direction.clone());
    }
    let (found, is_last) = fill::<T, C>(conn, rows, &page).await?;
    let next = page.after(found.last().filter(|_| !is_last), |last| order.cursor::<T>(cx, last));
    Ok(R::response(found.into_iter().map(|document| T::at(document, cx.now)).collect(), next))
}

/// As many of the selected documents as the page holds, and whether these are
/// all.
async fn fill<T: Documents, C: ConnectionTrait>(conn: &C, rows: Select<T>, page: &Page) -> Result<(Vec<T::Document>, bool)> {
    let column = documents::column::<T>;
    let (bytes, small) = (sized::bytes(column("document")), sized::if_small(column("document")));
    let sizes = rows.clone().select_only().expr(bytes).expr(column("id")).expr(small);
    let sized: Vec<(i64, String, Vec<u8>)> = sizes.into_tuple().all(conn).await.db()?;
    let sized = sized.into_iter().map(|(bytes, id, document)| (bytes, (id, document))).collect();
    let first = |count| rows.limit(count).into_tuple::<(String, Vec<u8>)>().all(conn).map(DbResult::db);
    let (found, is_last) = sized::fill(|bytes| page.fit(bytes.iter().copied()), sized, first).await?;
    Ok((found.into_iter().map(documents::read::<T>).collect::<Result<_>>()?, is_last))
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

    fn cursor<T: Documents>(&self, cx: &Cx, last: &T::Document) -> Vec<String> {
        let id = names::key("name", T::Document::PATTERN, last.resource_name()).unwrap_or_default();
        let Some(field) = self.field else { return vec![id] };
        let column = <T::Column as Iterable>::iter().find(|c| c.as_str() == field.column);
        let row = documents::row::<T>(cx, last, Vec::new()).map(|(_, row)| row).ok();
        let value = row.zip(column).map(|(row, column)| row.get(column));
        vec![value.map(written).unwrap_or_default(), id]
    }
}

fn written(value: Value) -> String {
    match value {
        Value::BigInt(Some(n)) => n.to_string(),
        Value::Int(Some(n)) => n.to_string(),
        Value::String(Some(text)) => text,
        _ => String::new(),
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
