//! What falls due with time. Rules compare with the instants themselves; the
//! sweeps record what happened at them and publish it. History is left alone.

use sea_orm::Condition;
use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result, names};
use stoa_proto::sell::v1::{DealExpired, DealProtectionDue};
use stoa_service::{Deps, Job, due_job};
use stoa_store::{Tx, documents};

use super::{
    protection, registration,
    store::{Column, Deals},
};

/// Returns the job that records the expiry of registrations that nobody decided in time.
pub(crate) fn expiry_job(deps: &Deps) -> Job {
    due_job::<Deals, _>(deps, "deal-expiry", Column::DecideDueTime, Condition::all, expire)
}

/// Returns the job that records the reminders 14, 7 and 1 days before a protection ends.
pub(crate) fn reminder_job(deps: &Deps) -> Job {
    due_job::<Deals, _>(deps, "deal-protection", Column::RemindTime, Condition::all, remind)
}

/// Expires one registration, if it is still due.
async fn expire(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = documents::lock::<Deals>(tx, cx, id).await? else { return Ok(0) };
    let Some((deal, at)) = registration::expired(&current, cx.now) else { return Ok(0) };
    record::<Deals>(tx, cx, Some(&current), [Step::new::<DealExpired>(deal).at(at)]).await?;
    tracing::info!(deal = names::last(&current.name), "registration expired undecided");
    Ok(1)
}

/// Records every reminder of one deal that is still due, each at its instant.
async fn remind(tx: &Tx, cx: &Cx, id: &str) -> Result<u64> {
    let Some(current) = documents::lock::<Deals>(tx, cx, id).await? else { return Ok(0) };
    let (mut steps, mut deal) = (Vec::new(), current.clone());
    while let Some((days, at)) = protection::next_reminder(&deal).filter(|(_, at)| *at <= cx.now) {
        deal = protection::reminded(&deal, days);
        steps.push(Step::new::<DealProtectionDue>(deal.clone()).at(at));
    }
    let given = steps.len() as u64;
    record::<Deals>(tx, cx, Some(&current), steps).await?;
    Ok(given)
}
