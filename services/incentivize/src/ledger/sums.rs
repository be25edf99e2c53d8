//! Sums in SQL that cannot overflow: the high and low halves of 64-bit columns
//! are added up separately and combined in 128 bits.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, EntityTrait, QuerySelect, Select,
    sea_query::{Expr, SimpleExpr},
};
use stoa_kernel::Result;
use stoa_store::DbResult;

/// The unit of the high half of an amount.
const CUT: i128 = 1_000_000_000;

/// Returns the `SUM` of an expression's high half. `column` never comes from a caller.
pub(crate) fn high(column: &str) -> SimpleExpr {
    Expr::cust(format!("CAST(COALESCE(SUM(({column}) / {CUT}), 0) AS BIGINT)"))
}

/// Returns the `SUM` of an expression's low half. `column` never comes from a caller.
pub(crate) fn low(column: &str) -> SimpleExpr {
    Expr::cust(format!("CAST(COALESCE(SUM(({column}) % {CUT}), 0) AS BIGINT)"))
}

/// Combines the two halves.
pub(crate) const fn whole(high: i64, low: i64) -> i128 {
    high as i128 * CUT + low as i128
}

/// Returns the sum of a column of the selected rows, by currency.
pub(crate) async fn by_currency<C, E, K>(conn: &C, rows: Select<E>, currency: K, column: &str) -> Result<BTreeMap<String, i128>>
where
    C: ConnectionTrait,
    E: EntityTrait,
    K: sea_orm::ColumnTrait,
{
    let grouped = rows.select_only().column(currency).column_as(high(column), "high").column_as(low(column), "low").group_by(currency);
    let sums: Vec<(String, i64, i64)> = grouped.into_tuple().all(conn).await.db()?;
    Ok(sums.into_iter().map(|(code, high, low)| (code, whole(high, low))).collect())
}
