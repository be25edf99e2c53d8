//! Counts on either backend.

use anyhow::Result;
use sea_orm::Statement;

use super::{Plan, Proxy, Statements};

/// Counts what a call costs on one backend.
#[derive(Debug)]
pub enum Meter {
    /// Round trips.
    Postgres(Proxy),
    /// Statements.
    Sqlite(Statements),
}

/// What was observed of one call.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Round trips or statements.
    pub cost: u64,
    /// Whether one of a partner's people called, not one of the vendor's.
    pub by_partner: bool,
    /// Texts of the statements that were run.
    pub texts: Vec<String>,
    /// Statements with their service, on SQLite.
    pub statements: Vec<(&'static str, Statement)>,
    /// Plans, on PostgreSQL.
    pub plans: Vec<Plan>,
    /// Number of objects in the answer.
    pub entries: usize,
}

impl Meter {
    /// Returns what was done since the last call.
    ///
    /// # Errors
    /// If a plan cannot be read.
    pub fn take(&self) -> Result<Seen> {
        Ok(match self {
            Self::Postgres(proxy) => {
                let tally = proxy.take();
                let plans = tally.plans.iter().map(|plan| Plan::read(plan)).collect::<Result<_>>()?;
                Seen { cost: tally.trips, texts: tally.statements, plans, ..Seen::default() }
            }
            Self::Sqlite(statements) => {
                let statements = statements.take();
                let texts = statements.iter().map(|(_, statement)| statement.sql.clone()).collect();
                Seen { cost: statements.len() as u64, texts, statements, ..Seen::default() }
            }
        })
    }
}
