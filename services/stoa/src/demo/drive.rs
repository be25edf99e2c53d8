//! The simulation: days pass, partners act as scheduled, and the suite settles every
//! night.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use stoa_kernel::{Timestamp, clock::ClockHandle};
use tonic::{Code, Status};

use super::{
    actions, network,
    schedule::{self, Action, Entry},
    world::World,
};
use crate::{client::Client, suite::Suite};

/// Number of partners that act at the same time.
const PARTNERS_AT_ONCE: usize = 24;
/// Hour of the business day at which people act.
const HOUR: i64 = 10;

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Demo {
    /// Partners to enroll.
    pub partners: usize,
    /// Months to simulate, 30 days each.
    pub months: u32,
    /// Seed that determines everything that happens.
    pub seed: u64,
}

/// Returns the first instant of a simulation that ends at `today`.
#[must_use]
pub fn start(demo: Demo, today: Timestamp) -> Timestamp {
    today.plus_days(-i64::from(demo.months * 30))
}

/// Simulates the whole period. The clock is at `today` when it ends.
///
/// # Errors
/// The first call that fails for a reason other than the rules of the network.
pub async fn simulate(
    suite: &Suite,
    client: Client,
    clock: &ClockHandle,
    demo: Demo,
    today: Timestamp,
    progress: &ProgressBar,
) -> Result<()> {
    let span = demo.months * 30;
    let first = start(demo, today);
    let network = network::generate(demo.seed, demo.partners, span)?;
    let days = schedule::generate(demo.seed, &network, span)?;
    let world = Arc::new(World::new(client, network));
    progress.set_length(u64::from(span));
    clock.set(first);
    actions::set_up(&world.client, first, span).await.context("cannot set up the program")?;
    suite.settle().await?;
    for (number, entries) in days.into_iter().enumerate() {
        let day = first.plus_days(number as i64);
        // What came due overnight happens before anyone acts.
        clock.set(day);
        suite.run_jobs().await?;
        clock.set(day.plus_hours(HOUR));
        simulate_day(&world, day, entries).await?;
        suite.settle().await?;
        progress.inc(1);
    }
    clock.set(today);
    suite.run_jobs().await?;
    suite.settle().await?;
    Ok(())
}

/// Simulates one day. Partners act at the same time, each in its own order. Actions
/// that depend on the order among partners come last, one by one.
async fn simulate_day(world: &Arc<World>, day: Timestamp, entries: Vec<Entry>) -> Result<()> {
    let mut by_partner: BTreeMap<usize, Vec<Action>> = BTreeMap::new();
    let mut ordered = Vec::new();
    let mut portal = Vec::new();
    let mut behind: BTreeSet<usize> = BTreeSet::new();
    for (index, action) in entries {
        // Actions of a partner after an ordered one wait with it.
        if action.is_ordered() || behind.contains(&index) {
            behind.insert(index);
            ordered.push((index, action));
        } else if let Action::Portal(element) = action {
            portal.push((index, element));
        } else {
            by_partner.entry(index).or_default().push(action);
        }
    }
    stream::iter(by_partner)
        .map(|(index, all)| async move {
            for action in all {
                act(world, index, &action, day).await?;
            }
            anyhow::Ok(())
        })
        .buffer_unordered(PARTNERS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    for (index, action) in ordered {
        act(world, index, &action, day).await?;
    }
    actions::browse(world, day, portal).await
}

/// Reasons for which the rules may refuse an action, because a partner has left or
/// lost a conflict in the meantime. Any other failure ends the simulation.
const EXPECTED_REASONS: [&str; 3] = ["STATE_INVALID", "PARTNER_NOT_ENROLLED", "REFERENCE_NOT_FOUND"];

/// Performs one action.
async fn act(world: &World, index: usize, action: &Action, day: Timestamp) -> Result<()> {
    match actions::perform(world, index, action, day).await {
        Ok(()) => Ok(()),
        Err(status) if is_expected(&status) => {
            let (partner, message) = (&world.network[index].id, status.message());
            tracing::debug!(partner, ?action, message, "refused");
            Ok(())
        }
        Err(status) => Err(anyhow::anyhow!("{}: {:?} failed: {} ({:?})", world.network[index].id, action, status.message(), status.code())),
    }
}

fn is_expected(status: &Status) -> bool {
    status.code() == Code::FailedPrecondition && EXPECTED_REASONS.contains(&stoa_rpc::error(status).reason().as_str())
}
