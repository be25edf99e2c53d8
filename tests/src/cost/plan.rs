//! What PostgreSQL reports to have done for a statement.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, Result};
use serde_json::Value;

/// A statement with the rows that its scans examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The statement.
    pub sql: String,
    /// Rows that it returned or changed.
    pub returned: u64,
    /// Rows that were examined, by table.
    pub examined: BTreeMap<String, u64>,
}

impl Plan {
    /// Reads what `auto_explain` writes.
    ///
    /// # Errors
    /// If the text is not a plan with actual rows.
    pub fn read(text: &str) -> Result<Self> {
        let read = || {
            let whole: Value = serde_json::from_str(text)?;
            let root = &whole["Plan"];
            let mut examined = BTreeMap::new();
            examine(root, &mut examined)?;
            let sql = whole["Query Text"].as_str().context("a statement")?.to_owned();
            Ok::<_, anyhow::Error>(Self { sql, returned: returned(root)?, examined })
        };
        read().with_context(|| format!("not a plan: {text}"))
    }

    /// Returns the table of which most rows were examined, and how many rows
    /// were examined in all, if that is more than a page and four times what
    /// was returned.
    #[must_use]
    pub fn excess(&self, page: u64) -> Option<(&str, u64)> {
        let all: u64 = self.examined.values().sum();
        let most = self.examined.iter().max_by_key(|(_, rows)| **rows)?;
        (all > page + 4 * self.returned).then_some((most.0.as_str(), all))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} examined, {} returned: {}", self.examined, self.returned, self.sql)
    }
}

fn number(node: &Value, key: &str) -> u64 {
    // Rows are averages over the loops, with a fraction since PostgreSQL 18.
    let rows = node[key].as_f64().unwrap_or_default();
    let rows = (rows * node["Actual Loops"].as_f64().unwrap_or_default()).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    {
        rows as u64
    }
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

fn returned(root: &Value) -> Result<u64> {
    root["Actual Rows"].as_f64().context("the actual rows")?;
    let own = number(root, "Actual Rows");
    let changes = root["Node Type"] == "ModifyTable" && own == 0;
    Ok(if changes { children(root).map(|child| number(child, "Actual Rows")).sum() } else { own })
}

fn examine(node: &Value, examined: &mut BTreeMap<String, u64>) -> Result<()> {
    let kind = node["Node Type"].as_str().context("a node's type")?;
    // Rows count once: the index scan below a bitmap heap scan names no
    // relation.
    if let Some(table) = node["Relation Name"].as_str().filter(|_| kind.ends_with("Scan")) {
        let seen = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"];
        *examined.entry(table.to_owned()).or_default() += seen.iter().map(|key| number(node, key)).sum::<u64>();
    }
    children(node).try_for_each(|child| examine(child, examined))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scan(kind: &str, table: &str, rows: u64, removed: u64, loops: u64) -> Value {
        json!({"Node Type": kind, "Relation Name": table, "Actual Rows": rows, "Rows Removed by Filter": removed, "Actual Loops": loops})
    }

    fn plan(root: Value) -> Plan {
        Plan::read(&json!({"Query Text": "SELECT", "Plan": root}).to_string()).unwrap()
    }

    #[test]
    fn rows_that_a_filter_drops_are_examined_in_each_loop() {
        let join = json!({"Node Type": "Nested Loop", "Actual Rows": 10, "Actual Loops": 1,
            "Plans": [scan("Seq Scan", "deal", 10, 90, 1), scan("Index Scan", "partner", 1, 2, 10)]});
        let plan = plan(json!({"Node Type": "Limit", "Actual Rows": 10, "Actual Loops": 1, "Plans": [join]}));
        assert_eq!(plan.examined, BTreeMap::from([("deal".to_owned(), 100), ("partner".to_owned(), 30)]));
        assert_eq!((plan.returned, plan.excess(89), plan.excess(90)), (10, Some(("deal", 130)), None));
    }

    #[test]
    fn a_bitmap_counts_its_rows_once() {
        let mut heap = scan("Bitmap Heap Scan", "deal", 7, 0, 1);
        heap["Rows Removed by Index Recheck"] = json!(5);
        heap["Plans"] = json!([{"Node Type": "Bitmap Index Scan", "Index Name": "deal_partner", "Actual Rows": 12, "Actual Loops": 1}]);
        assert_eq!(plan(heap).examined["deal"], 12);
    }

    #[test]
    fn a_change_returns_the_rows_that_it_changed() {
        let update = json!({"Node Type": "ModifyTable", "Relation Name": "deal", "Actual Rows": 0, "Actual Loops": 1,
            "Plans": [scan("Index Scan", "deal", 3, 0, 1)]});
        let plan = plan(update);
        assert_eq!((plan.returned, plan.examined["deal"]), (3, 3));
    }

    #[test]
    fn a_plan_that_was_not_run_is_refused() {
        let guessed = json!({"Query Text": "SELECT", "Plan": {"Node Type": "Seq Scan", "Relation Name": "deal", "Plan Rows": 4}});
        assert!(Plan::read(&guessed.to_string()).is_err());
        assert!(Plan::read("{").is_err());
    }
}
