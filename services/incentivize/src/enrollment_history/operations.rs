//! Records versions of enrollments from onboard's events.

use stoa_events::Event;
use stoa_kernel::{Cx, Result, Timestamp};
use stoa_store::Tx;

use super::{Version, earliest_change, store, version_of};

/// What an event added to the history of a partner.
#[derive(Debug)]
pub(crate) struct HistoryChange {
    /// Id of the partner.
    pub(crate) partner: String,
    /// The versions that were known before.
    pub(crate) before: Vec<Version>,
    /// The versions that are known now.
    pub(crate) after: Vec<Version>,
    /// The first instant that may have changed. What held before it stays.
    pub(crate) since: Timestamp,
}

/// Keeps the version that an event carries; returns `None` if it is known
/// already. The partner's history stays locked until the transaction ends.
pub(crate) async fn record_version(tx: &Tx, cx: &Cx, event: &Event) -> Result<Option<HistoryChange>> {
    let version = version_of(event)?;
    store::lock(tx, cx, &version.partner).await?;
    let before = store::of_partner(tx.conn(), cx, &version.partner).await?;
    if !store::insert(tx, cx, &version).await? {
        return Ok(None);
    }
    let since = earliest_change(&version, &before);
    let partner = version.partner.clone();
    let after = before.iter().cloned().chain([version]).collect();
    Ok(Some(HistoryChange { partner, before, after, since }))
}
