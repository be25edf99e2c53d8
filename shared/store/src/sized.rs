//! Rows with a column of bytes that may be large. The first query reads the
//! sizes, and the values only if they are small. So the rows in memory are never
//! more than fit, and most lists still take one query.

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, Func};
use stoa_kernel::Result;

/// Maximum size of a value that is read together with the sizes.
const SMALL_BYTES_MAX: u64 = 4096;

/// The size of a column's value in bytes.
#[must_use]
pub fn bytes(column: Expr) -> Expr {
    Func::cust("length").arg(column).cast_as("bigint")
}

/// The value of a column if it is small, else no bytes.
#[must_use]
pub fn if_small(column: Expr) -> Expr {
    CaseStatement::new().case(bytes(column.clone()).lte(SMALL_BYTES_MAX), column).finally(Vec::<u8>::new()).into()
}

/// As many rows as fit, and whether these are all. `fit` says how many of rows
/// with these sizes do. `sized` are all rows by [`bytes`] and [`if_small`]. `first`
/// reads the given number of them, whatever their size.
///
/// # Errors
/// The errors of `first`.
pub async fn fill<R, F: Future<Output = Result<Vec<R>>>>(
    fit: impl Fn(&[u64]) -> usize,
    sized: Vec<(i64, R)>,
    first: impl FnOnce(u64) -> F,
) -> Result<(Vec<R>, bool)> {
    let (sizes, mut rows): (Vec<u64>, Vec<R>) = sized.into_iter().map(|(bytes, row)| (bytes.unsigned_abs(), row)).unzip();
    let count = fit(&sizes);
    let is_all = count == rows.len();
    rows.truncate(count);
    if sizes.iter().take(count).any(|bytes| *bytes > SMALL_BYTES_MAX) {
        rows = first(count as u64).await?;
    }
    Ok((rows, is_all))
}
