//! A program that makes its partners visible to their ancestors, or hides them.
//!
//! That affects thousands of partners, and each is a write with an event. They
//! are refreshed in the order of their ids, one page per transaction: the
//! event's transaction refreshes the first page and, if there are more, records
//! how far it got. A job refreshes the remaining pages. Visibility is computed
//! from what holds when a page is written, so a page may be refreshed twice,
//! and another change of the program starts over.

use stoa_events::{Event, OnFailure, Subscription};
use stoa_kernel::{Clock, Cx, Result, names};
use stoa_proto::onboard::v1::ProgramUpdated;
use stoa_service::{Deps, Job, job};
use stoa_store::Tx;

use super::store::{self, Refresh};
use crate::enrollment;

/// Maximum number of partners per transaction.
const PARTNERS_PER_WRITE_MAX: u64 = 100;
/// Seconds between two checks for remaining pages.
const PAGES_EVERY_S: u64 = 5;

/// Returns the subscription to programs, whose changes may show partners to
/// their ancestors or hide them.
pub(crate) fn subscriptions(clock: &Clock) -> Vec<Subscription> {
    vec![Subscription {
        name: "partner-visibility",
        source: crate::NAME,
        subjects: &["onboard.program.updated"],
        on_failure: OnFailure::Park,
        handler: stoa_events::handler(crate::NAME, clock, program_updated),
    }]
}

async fn program_updated(tx: &Tx, cx: &Cx, event: &Event) -> Result<()> {
    if !event.changed_fields.iter().any(|path| path == "descendants_visible") {
        return Ok(());
    }
    let program = stoa_events::decode::<ProgramUpdated>(event)?.program.unwrap_or_default();
    refresh_page(tx, cx, names::last(&program.name), "").await.map(|_| ())
}

/// Returns the job that refreshes the pages that events left, until none
/// remains.
pub(crate) fn visibility_job(deps: &Deps) -> Job {
    job(deps, "partner-visibility", PAGES_EVERY_S, refresh)
}

async fn refresh(deps: Deps) -> Result<u64> {
    let mut done = 0;
    while let Some(left) = store::refresh_left(deps.store.read()).await? {
        let cx = Cx::service(&left.tenant, crate::NAME, &deps.clock, "");
        done += deps.store.run(&cx, left, refresh_next).await?;
    }
    Ok(done)
}

async fn refresh_next(tx: &Tx, cx: &Cx, left: &Refresh) -> Result<u64> {
    // Another process may have finished the rest in the meantime.
    let Some(left) = store::lock_refresh(tx, cx, &left.program).await? else { return Ok(0) };
    refresh_page(tx, cx, &left.program, &left.done_through).await
}

/// Recomputes who may see the partners of a program, one page of them after
/// `after`, and records where to continue.
async fn refresh_page(tx: &Tx, cx: &Cx, program: &str, after: &str) -> Result<u64> {
    let ids = enrollment::store::partners_of(tx.conn(), cx, program, after, PARTNERS_PER_WRITE_MAX).await?;
    for id in &ids {
        enrollment::refresh_visibility(tx, cx, id).await?;
    }
    let count = u64::try_from(ids.len()).unwrap_or_default();
    match ids.last() {
        Some(last) if count == PARTNERS_PER_WRITE_MAX => store::keep_refresh(tx, cx, program, last).await?,
        _ => store::end_refresh(tx, cx, program).await?,
    }
    Ok(count)
}
