//! Rows with a column of bytes that may be large. The first query reads the
//! sizes, and the values only if they are small. So the rows in memory are never
//! more than fit, and most lists still take one query.
//!
//! Between the two queries, rows may come, grow and go. What a page stands for is
//! therefore decided by the first: the second reads the rows that it found, by
//! their keys.

use std::collections::BTreeMap;

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

/// A row by [`bytes`] and [`if_small`].
#[derive(Debug, Clone)]
pub struct Found<K, R> {
    /// What the row is read by again. Unique.
    pub key: K,
    /// Size of the value in bytes.
    pub bytes: u64,
    /// The row, without its value if that is large.
    pub row: R,
}

/// As many of the found rows as fit, and, if more follow, the place of the found row
/// after which the next page begins. It may have gone since. `fit` says how many of
/// rows with these sizes fit. `read` reads the rows with these keys as they are now,
/// whatever their size, in any order.
///
/// # Errors
/// The errors of `read`.
pub async fn fill<K, R, F>(
    fit: impl Fn(&[u64]) -> usize,
    mut found: Vec<Found<K, R>>,
    read: impl FnOnce(Vec<K>) -> F,
) -> Result<(Vec<R>, Option<usize>)>
where
    K: Clone + Ord,
    F: Future<Output = Result<Vec<Found<K, R>>>>,
{
    let fetched = found.len();
    let last = |end: usize| if end < fetched { end.checked_sub(1) } else { None };
    found.truncate(fit(&found.iter().map(|row| row.bytes).collect::<Vec<_>>()));
    let end = found.len();
    let large: Vec<K> = found.iter().filter(|row| row.bytes > SMALL_BYTES_MAX).map(|row| row.key.clone()).collect();
    if large.is_empty() {
        return Ok((found.into_iter().map(|found| found.row).collect(), last(end)));
    }
    let mut now: BTreeMap<K, Found<K, R>> = read(large).await?.into_iter().map(|row| (row.key.clone(), row)).collect();
    let whole = |found: Found<K, R>| if found.bytes > SMALL_BYTES_MAX { now.remove(&found.key) } else { Some(found) };
    let places = found.into_iter().map(whole).enumerate();
    let (places, rows): (Vec<usize>, Vec<Found<K, R>>) = places.filter_map(|(place, row)| Some((place, row?))).unzip();
    let count = fit(&rows.iter().map(|row| row.bytes).collect::<Vec<_>>());
    let end = places.get(count).copied().unwrap_or(end);
    Ok((rows.into_iter().take(count).map(|found| found.row).collect(), last(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u64 = SMALL_BYTES_MAX + 1;

    fn found(key: u32, bytes: u64) -> Found<u32, (u32, &'static str)> {
        Found { key, bytes, row: (key, if bytes > SMALL_BYTES_MAX { "" } else { "first" }) }
    }

    /// Fills from rows of these sizes, of which up to 4 that have together at most
    /// 10 times `LARGE` bytes fit. `now` are the large ones at the second query.
    async fn filled(sizes: &[u64], now: &[(u32, u64)]) -> (Vec<(u32, &'static str)>, Option<usize>) {
        let rows = (1..).zip(sizes).map(|(key, bytes)| found(key, *bytes)).collect();
        let fit = |bytes: &[u64]| stoa_kernel::page::fit(bytes.iter().copied().take(4), 10 * LARGE);
        let read = async |keys: Vec<u32>| {
            let there = now.iter().filter(|(key, _)| keys.contains(key));
            Ok(there.map(|(key, bytes)| Found { key: *key, bytes: *bytes, row: (*key, "second") }).collect())
        };
        fill(fit, rows, read).await.unwrap()
    }

    #[tokio::test]
    async fn small_rows_are_read_once() {
        assert_eq!(filled(&[1, SMALL_BYTES_MAX], &[]).await, (vec![(1, "first"), (2, "first")], None));
        assert_eq!(filled(&[1; 5], &[]).await.1, Some(3));
        assert_eq!(filled(&[], &[]).await, (Vec::new(), None));
    }

    #[tokio::test]
    async fn large_rows_come_from_the_second_query_in_the_order_of_the_first() {
        let (rows, end) = filled(&[LARGE, 1, LARGE], &[(3, LARGE), (9, 1), (1, LARGE)]).await;
        assert_eq!((rows, end), (vec![(1, "second"), (2, "first"), (3, "second")], None));
        assert_eq!(filled(&[LARGE, 10 * LARGE], &[(1, LARGE)]).await, (vec![(1, "second")], Some(0)));
    }

    #[tokio::test]
    async fn a_row_that_has_grown_begins_the_next_page() {
        let (rows, end) = filled(&[LARGE, 1, LARGE], &[(1, LARGE), (3, 10 * LARGE)]).await;
        assert_eq!((rows, end), (vec![(1, "second"), (2, "first")], Some(1)));
        assert_eq!(filled(&[LARGE], &[(1, 20 * LARGE)]).await, (vec![(1, "second")], None), "the first one always fits");
    }

    #[tokio::test]
    async fn the_next_page_begins_after_rows_that_have_gone() {
        assert_eq!(filled(&[1, LARGE, 10 * LARGE], &[]).await, (vec![(1, "first")], Some(1)));
        assert_eq!(filled(&[LARGE, 10 * LARGE], &[]).await, (Vec::new(), Some(0)));
        assert_eq!(filled(&[LARGE, LARGE], &[]).await, (Vec::new(), None));
        let (rows, end) = filled(&[1, LARGE, LARGE, 1], &[(3, 20 * LARGE)]).await;
        assert_eq!((rows, end), (vec![(1, "first")], Some(1)), "before the one that has grown");
    }
}
