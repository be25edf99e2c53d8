//! The statements that the stores of a suite run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use sea_orm::{ConnectionTrait, Statement, Values};
use stoa::suite::Observers;
use stoa_store::{Observer, Store};

/// The statements that were run, with the service that ran each.
#[derive(Debug, Clone, Default)]
pub struct Statements(Arc<Mutex<Vec<(&'static str, Statement)>>>);

impl Statements {
    /// Returns the observers with which to start a suite.
    #[must_use]
    pub fn observers(&self) -> Observers {
        let all = self.clone();
        Arc::new(move |service| {
            let all = all.clone();
            Arc::new(move |statement: &Statement| all.lock().push((service, statement.clone()))) as Observer
        })
    }

    /// Returns what was run since the last call.
    pub fn take(&self) -> Vec<(&'static str, Statement)> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(&'static str, Statement)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the tables of a SQLite store that a statement scans from end to end.
///
/// # Errors
/// If the statement cannot be explained.
pub async fn scans(store: &Store, statement: &Statement) -> Result<Vec<String>> {
    let values = statement.values.clone().unwrap_or(Values(Vec::new()));
    let explain = Statement::from_sql_and_values(store.backend(), format!("EXPLAIN QUERY PLAN {}", statement.sql), values);
    let mut tables = Vec::new();
    for step in store.read().query_all_raw(explain).await? {
        let detail: String = step.try_get("", "detail")?;
        tables.extend(scanned(&detail).map(str::to_owned));
    }
    Ok(tables)
}

/// Returns the table of a step such as `SCAN deal` or `SCAN deal USING INDEX
/// deal_partner`. Rows that the statement itself provides are not a table.
fn scanned(detail: &str) -> Option<&str> {
    let what = detail.strip_prefix("SCAN ")?;
    let provided = ["(", "CONSTANT ROW"].iter().any(|head| what.starts_with(head))
        || ["VALUES CLAUSE", "VIRTUAL TABLE"].iter().any(|tail| what.contains(tail));
    what.split(' ').next().filter(|_| !provided)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_of_a_table() {
        assert_eq!(scanned("SCAN deal"), Some("deal"));
        assert_eq!(scanned("SCAN deal USING COVERING INDEX deal_partner"), Some("deal"));
        for other in [
            "SEARCH deal USING INDEX deal_partner (tenant=?)",
            "SCAN CONSTANT ROW",
            "SCAN 2-ROW VALUES CLAUSE",
            "SCAN (subquery-1)",
            "SCAN json_each VIRTUAL TABLE",
        ] {
            assert_eq!(scanned(other), None, "{other}");
        }
    }
}
