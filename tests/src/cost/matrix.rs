//! The snapshot of what each method costs, and the exceptions that may cost
//! more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, ensure};

use crate::snapshot;

const FILE: &str = "cost.txt";
const HEAD: &str = "\
# What one call costs a warm service: round trips to PostgreSQL, statements on
# SQLite (those that begin and end transactions not counted). A second figure is
# given if a call costs more in a bigger store (of 10,000 rows per table and
# tenant on PostgreSQL, of fifty on SQLite), or for a list or batch of fifty.
# UPDATE_SNAPSHOTS=1 rewrites the column of the backend that a test runs on.
";

/// One backend's part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Round trips.
    Postgres,
    /// Statements.
    Sqlite,
}

/// What a method costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Called by one of the vendor's people.
    pub vendor: Sizes,
    /// Called by one of a partner's people, if they may.
    pub partner: Option<Sizes>,
}

/// What a method costs in a small and in a bigger store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// With one object.
    pub one: u64,
    /// With many.
    pub many: u64,
}

impl Cost {
    /// Whether it costs more in a bigger store.
    #[must_use]
    pub fn grows(&self) -> bool {
        [Some(self.vendor), self.partner].into_iter().flatten().any(|sizes| sizes.many > sizes.one)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.vendor)?;
        self.partner.map_or(Ok(()), |partner| write!(f, ", for a partner {partner}"))
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.one)?;
        if self.one == self.many { Ok(()) } else { write!(f, " to {}", self.many) }
    }
}

/// A cost that the tests refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding<'a> {
    /// More round trips to PostgreSQL in a bigger store.
    Trips,
    /// More statements on SQLite in a bigger store.
    Statements,
    /// PostgreSQL examines more rows than a page and four times what it
    /// returns, most of them in this table.
    Examines(&'a str),
    /// SQLite scans a table.
    Scans(&'a str),
}

impl Finding<'_> {
    const fn column(self) -> Column {
        match self {
            Self::Trips | Self::Examines(_) => Column::Postgres,
            Self::Statements | Self::Scans(_) => Column::Sqlite,
        }
    }
}

/// Known findings: what, why it is acceptable or what will change it, and of
/// which methods.
pub type Exception = (Finding<'static>, &'static str, &'static [&'static str]);

/// Findings by method, with what was observed.
pub type Findings<'a> = BTreeMap<(String, Finding<'a>), String>;

/// Locked while a test writes the file: two tests may do so at the same time.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares one column of the file with what was measured.
///
/// # Errors
/// If they differ, with the first line that does.
pub fn check_column(column: Column, costs: &BTreeMap<String, Cost>) -> Result<()> {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = snapshot::kept(FILE);
    crate::check_snapshot(FILE, &with_column(&kept, column, costs))
}

fn with_column(kept: &str, column: Column, costs: &BTreeMap<String, Cost>) -> String {
    let lines = kept.lines().filter_map(|line| {
        let mut parts = line.split(" | ");
        Some((parts.next()?, (parts.next()?.strip_prefix("postgres ")?, parts.next()?.strip_prefix("sqlite ")?)))
    });
    let known: BTreeMap<&str, (&str, &str)> = lines.collect();
    costs.iter().fold(HEAD.to_owned(), |mut text, (method, cost)| {
        let (postgres, sqlite) = known.get(method.as_str()).copied().unwrap_or(("-", "-"));
        let cost = cost.to_string();
        let (postgres, sqlite) = if column == Column::Postgres { (cost.as_str(), sqlite) } else { (postgres, cost.as_str()) };
        writeln!(text, "{method} | postgres {postgres} | sqlite {sqlite}").unwrap_or_default();
        text
    })
}

/// Compares the findings of a column with the exceptions.
///
/// # Errors
/// If a finding is not listed, with what was observed, or if a listed one was
/// not found.
pub fn check_findings(column: Column, found: &Findings<'_>, exceptions: &[Exception]) -> Result<()> {
    let listed = exceptions.iter().filter(|(finding, ..)| finding.column() == column);
    let listed = listed.flat_map(|(finding, _, methods)| methods.iter().map(|method| ((*method).to_owned(), *finding)));
    let listed: BTreeSet<(String, Finding<'_>)> = listed.collect();
    let new = found.iter().filter(|(key, _)| !listed.contains(*key));
    let new: Vec<String> = new.map(|((method, finding), seen)| format!("{method} {finding:?}: {seen}")).collect();
    ensure!(new.is_empty(), "calls that cost more in a bigger store and are not listed:\n{}", new.join("\n"));
    let gone: Vec<_> = listed.iter().filter(|key| !found.contains_key(*key)).collect();
    ensure!(gone.is_empty(), "exceptions that are no longer needed; remove them: {gone:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(all: &[(&str, u64, u64)]) -> BTreeMap<String, Cost> {
        let cost = |one, many| Cost { vendor: Sizes { one, many }, partner: None };
        all.iter().map(|(method, one, many)| ((*method).to_owned(), cost(*one, *many))).collect()
    }

    #[test]
    fn each_backend_writes_its_own_column() {
        let first = with_column("", Column::Sqlite, &costs(&[("A/Get", 1, 1), ("A/List", 1, 50)]));
        let lines: Vec<&str> = first.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines, ["A/Get | postgres - | sqlite 1", "A/List | postgres - | sqlite 1 to 50"]);
        let both = with_column(&first, Column::Postgres, &costs(&[("A/Get", 2, 2), ("A/New", 3, 3)]));
        let lines: Vec<&str> = both.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines, ["A/Get | postgres 2 | sqlite 1", "A/New | postgres 3 | sqlite -"]);
        assert_eq!(with_column(&both, Column::Postgres, &costs(&[("A/Get", 2, 2), ("A/New", 3, 3)])), both);
    }

    #[test]
    fn every_finding_is_listed_and_every_listed_finding_is_found() {
        let list: [Exception; 2] =
            [(Finding::Scans("deal"), "it counts", &["A/List"]), (Finding::Trips, "of the other backend", &["A/List"])];
        let found = |key: &[(&str, Finding<'static>)]| key.iter().map(|(m, f)| (((*m).to_owned(), *f), "seen".to_owned())).collect();
        let check = |found: BTreeMap<_, _>| check_findings(Column::Sqlite, &found, &list).map_err(|e| e.to_string());
        assert_eq!(check(found(&[("A/List", Finding::Scans("deal"))])), Ok(()));
        assert!(check(found(&[])).unwrap_err().contains("remove them"));
        let other = check(found(&[("A/List", Finding::Scans("deal")), ("A/List", Finding::Scans("partner"))]));
        assert!(other.unwrap_err().contains("Scans(\"partner\"): seen"));
    }
}
