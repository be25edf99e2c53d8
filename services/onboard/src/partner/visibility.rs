//! Which of those above a partner may see it: all, where one of the programs it
//! stands in says so.
//!
//! A program that opens or closes the view concerns all its partners, thousands
//! of them, and each is a write with an event. They are worked through in the
//! order of their ids, a page a transaction: the event's transaction does the
//! first page and, where there are more, notes how far it came; a job does the
//! pages that are left. A partner is judged by what holds when its page is
//! written, so that a page may be done twice, and another change of the program
//! starts over.

use std::sync::Arc;

use futures::FutureExt;
use stoa_events::{Event, OnFailure, Subscription};
use stoa_kernel::{Clock, Cx, Result, names};
use stoa_proto::onboard::v1::ProgramUpdated;
use stoa_rpc::{Deps, Job};
use stoa_store::Tx;

use super::{operations::revise, store};
use crate::{enrollment, program};

/// Partners of one transaction.
const PARTNERS_PER_WRITE_MAX: u64 = 100;
/// Seconds between two looks for pages that are left.
const PAGES_EVERY_S: u64 = 5;

/// Those of the ancestors that may see the partner.
pub(super) async fn see(tx: &Tx, cx: &Cx, id: &str, ancestors: &[String]) -> Result<Vec<String>> {
    if ancestors.is_empty() {
        return Ok(Vec::new());
    }
    for program in enrollment::store::programs_of(tx.conn(), cx, id).await? {
        if program::store::find(tx.conn(), cx, &program).await?.is_some_and(|p| p.descendants_visible) {
            return Ok(ancestors.to_vec());
        }
    }
    Ok(Vec::new())
}

/// Recomputes who may see a partner after one of its enrollments changed.
pub(crate) async fn refresh_visibility(tx: &Tx, cx: &Cx, id: &str) -> Result<()> {
    let Some(mut partner) = store::lock(tx, cx, id).await? else { return Ok(()) };
    let visible_to = see(tx, cx, id, &partner.ancestors).await?;
    if visible_to != partner.visible_to {
        partner.visible_to = visible_to;
        revise(tx, cx, partner, vec!["visible_to".to_owned()]).await?;
    }
    Ok(())
}

/// A program that opens or closes the view of distributors changes what its
/// partners' ancestors see.
pub(crate) fn subscriptions(clock: &Clock) -> Vec<Subscription> {
    let clock = clock.clone();
    vec![Subscription {
        name: "partner-visibility",
        source: crate::NAME,
        subjects: &["onboard.program.updated"],
        on_failure: OnFailure::Park,
        handler: stoa_events::handler(move |tx, event| program_updated(tx, event, clock.clone()).boxed()),
    }]
}

async fn program_updated(tx: &Tx, event: &Event, clock: Clock) -> Result<()> {
    if !event.changed_fields.iter().any(|path| path == "descendants_visible") {
        return Ok(());
    }
    let program = stoa_events::decode::<ProgramUpdated>(event)?.program.unwrap_or_default();
    let cx = Cx::service(&event.tenant, crate::NAME, &clock, &event.event_id);
    refresh_page(tx, &cx, names::last(&program.name), "").await.map(|_| ())
}

/// Works through what the events left, until nothing is left.
pub(crate) fn visibility_job(deps: &Deps) -> Job {
    let deps = deps.clone();
    let run = move || refresh(deps.clone()).boxed();
    Job { name: "partner-visibility", every_s: PAGES_EVERY_S, run: Arc::new(run) }
}

async fn refresh(deps: Deps) -> Result<u64> {
    let mut done = 0;
    while let Some((tenant, program)) = store::refresh_left(deps.store.read()).await? {
        let cx = Cx::service(&tenant, crate::NAME, &deps.clock, "");
        done += deps.store.write((cx, program), |tx, (cx, program)| refresh_next(tx, cx, program).boxed()).await?;
    }
    Ok(done)
}

async fn refresh_next(tx: &Tx, cx: &Cx, program: &str) -> Result<u64> {
    // Another process may have done the rest meanwhile.
    let Some(done_through) = store::lock_refresh(tx, cx, program).await? else { return Ok(0) };
    refresh_page(tx, cx, program, &done_through).await
}

/// Recomputes who may see the partners of a program behind `after`, a page of
/// them, and notes where to go on.
async fn refresh_page(tx: &Tx, cx: &Cx, program: &str, after: &str) -> Result<u64> {
    let ids = enrollment::store::partners_of(tx.conn(), cx, program, after, PARTNERS_PER_WRITE_MAX).await?;
    for id in &ids {
        refresh_visibility(tx, cx, id).await?;
    }
    let count = u64::try_from(ids.len()).unwrap_or_default();
    match ids.last() {
        Some(last) if count == PARTNERS_PER_WRITE_MAX => store::keep_refresh(tx, cx, program, last).await?,
        _ => store::end_refresh(tx, cx, program).await?,
    }
    Ok(count)
}
