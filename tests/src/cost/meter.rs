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

/// What one call was seen to do.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Round trips or statements.
    pub cost: u64,
    /// Whether a partner's person called, and not the vendor's.
    pub by_partner: bool,
    /// What was run, in words.
    pub texts: Vec<String>,
    /// On SQLite, by service.
    pub statements: Vec<(&'static str, Statement)>,
    /// On PostgreSQL.
    pub plans: Vec<Plan>,
    /// Objects of its answer.
    pub entries: usize,
}

impl Meter {
    /// What was done since the last time.
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
