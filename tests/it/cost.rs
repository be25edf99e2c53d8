//! What each method costs, and that it does not cost more in a bigger store.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use stoa_proto::describe;
use stoa_tests::{
    TestSuite,
    cost::{self, Calls, Column, Cost, Finding, Findings, Growth, Measured, Meter, PAGE, Seen, Sizes, Statements},
};

use crate::cost_exceptions::{EXCEPTIONS, FEW};

/// Returns the most expensive call of a method by the vendor's or by a
/// partner's people.
fn costliest<'a>(calls: &'a Calls, method: &str, by_partner: bool) -> Option<&'a Seen> {
    calls.get(method)?.iter().filter(|seen| seen.by_partner == by_partner).max_by_key(|seen| seen.cost)
}

/// Returns what each method costs. Every method must have been called, and
/// lists must be full.
fn costs(measured: &Measured) -> Result<BTreeMap<String, Cost>> {
    let (mut costs, mut wrong) = (BTreeMap::new(), Vec::new());
    for method in describe::methods() {
        let name = format!("{}/{}", method.parent_service().full_name(), method.name());
        let sizes = |by_partner| {
            let cost = |calls| costliest(calls, &name, by_partner).map(|seen| seen.cost);
            Some(Sizes { one: cost(&measured.one)?, many: cost(&measured.many)? })
        };
        let vendor = sizes(false).with_context(|| format!("{name} was never called"))?;
        let entries = measured.many[&name].iter().map(|seen| seen.entries).max().unwrap_or_default();
        let full = !method.name().starts_with("List") || entries as u64 >= PAGE;
        let few = FEW.iter().any(|(listed, _)| *listed == name);
        if full == few {
            wrong.push(format!("{name} returns {entries} of {PAGE} entries; listed in FEW: {few}"));
        }
        costs.insert(name.clone(), Cost { vendor, partner: sizes(true) });
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(costs)
}

/// Returns the methods that cost more in a bigger store.
fn growing(costs: &BTreeMap<String, Cost>, measured: &Measured, finding: Finding<'static>) -> Findings<'static> {
    let describe = |method: &str, cost: &Cost| {
        let all =
            [("at first", &measured.one), ("then", &measured.many)].map(|(when, calls)| format!("  {when}\n{}", counted(calls, method)));
        format!("{cost}\n{}", all.concat())
    };
    let grown = costs.iter().filter(|(_, cost)| cost.grows());
    grown.map(|(method, cost)| ((method.clone(), finding), describe(method, cost))).collect()
}

/// Formats the statements of a method's costliest calls, and how often each was
/// run.
fn counted(calls: &Calls, method: &str) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for seen in [false, true].into_iter().filter_map(|by_partner| costliest(calls, method, by_partner)) {
        seen.texts.iter().for_each(|text| *counts.entry(text).or_default() += 1);
    }
    counts.into_iter().map(|(text, count)| format!("    {count} x {text}\n")).collect()
}

fn all(calls: &Calls) -> impl Iterator<Item = (&String, &Seen)> {
    calls.iter().flat_map(|(method, calls)| calls.iter().map(move |seen| (method, seen)))
}

#[tokio::test]
async fn statements_on_sqlite() -> Result<()> {
    let statements = Statements::default();
    let suite = TestSuite::start_observed(&statements).await?;
    let growth = Growth { rows: PAGE, spread: false };
    let measured = cost::measure(&suite, &Meter::Sqlite(statements), growth).await?;
    let mut scans: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (service, statement) in all(&measured.many).flat_map(|(_, seen)| &seen.statements) {
        if !scans.contains_key(&(*service, statement.sql.as_str())) {
            let store = suite.suite.store(service).context("a store")?;
            scans.insert((service, &statement.sql), cost::scans(store, statement).await?);
        }
    }
    suite.suite.stop().await;
    let costs = costs(&measured)?;
    let mut found = growing(&costs, &measured, Finding::Statements);
    for (method, seen) in all(&measured.many) {
        for (service, statement) in &seen.statements {
            for table in &scans[&(*service, statement.sql.as_str())] {
                found.insert((method.clone(), Finding::Scans(table)), statement.to_string());
            }
        }
    }
    let column = cost::check_column(Column::Sqlite, &costs);
    cost::check_findings(Column::Sqlite, &found, EXCEPTIONS)?;
    column
}

#[cfg(feature = "backends")]
#[tokio::test]
async fn round_trips_to_postgres() -> Result<()> {
    let proxy = cost::Proxy::start(&stoa_testkit::Place::new().url()).await?;
    let suite = TestSuite::start_through(&proxy).await?;
    let growth = Growth { rows: 10_000, spread: true };
    let measured = cost::measure(&suite, &Meter::Postgres(proxy), growth).await?;
    suite.suite.stop().await;
    let costs = costs(&measured)?;
    let mut found = growing(&costs, &measured, Finding::Trips);
    for (method, seen) in all(&measured.many) {
        for plan in &seen.plans {
            if let Some((table, _)) = plan.excess(PAGE) {
                found.insert((method.clone(), Finding::Examines(table)), plan.to_string());
            }
        }
    }
    let column = cost::check_column(Column::Postgres, &costs);
    cost::check_findings(Column::Postgres, &found, EXCEPTIONS)?;
    column
}
