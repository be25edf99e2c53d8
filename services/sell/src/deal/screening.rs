//! Screening: whether somebody else holds a deal's customer. Every screening
//! locks the claim first, so that two deals with the same customer are decided
//! one after the other, in the order in which the server receives them.

use sea_orm::ConnectionTrait;
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::sell::v1::{ConflictSource as Source, Deal, RegistrationState as State};
use stoa_store::Tx;

use super::{conflict, pipeline, registration, store};
use crate::claim::{self, index};

/// Returns what holds the deal's customer for its product line, if anything
/// does. No other deal can take the customer until the transaction ends.
pub(super) async fn lock_and_find_holder(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<Option<Source>> {
    index::lock(tx, cx, deal).await?;
    find_holder(tx, cx, deal).await
}

/// Like [`lock_and_find_holder`], for a deal that is being registered: others
/// find it from now on. Its first registration adds it to the index.
pub(super) async fn register_and_find_holder(tx: &Tx, cx: &Cx, deal: &Deal, is_first: bool) -> Result<Option<Source>> {
    if is_first {
        index::lock_and_add(tx, cx, deal).await?;
    } else {
        index::lock(tx, cx, deal).await?;
    }
    find_holder(tx, cx, deal).await
}

/// Like [`lock_and_find_holder`], for a deal whose claims are locked already.
async fn find_holder(tx: &Tx, cx: &Cx, deal: &Deal) -> Result<Option<Source>> {
    let others = store::registered(tx.conn(), cx, index::same_business(cx, deal), names::last(&deal.name)).await?;
    Ok(conflict::source(deal, &others, cx.now))
}

/// What a change of a deal's claim came to.
#[derive(Default)]
pub(crate) struct IndexUpdate {
    /// Whether the deal is in the index by other identifiers now.
    pub(crate) is_changed: bool,
    /// What holds the new customer, if the registration is undecided.
    pub(crate) holder: Option<Source>,
}

/// Updates the index after a change of customer or product line.
pub(crate) async fn update_index(tx: &Tx, cx: &Cx, current: &Deal, next: &Deal) -> Result<IndexUpdate> {
    let is_direct = conflict::is_direct(next);
    if !claim::differ(current, next) && conflict::is_direct(current) == is_direct {
        return Ok(IndexUpdate::default());
    }
    let state = registration::state_at(next, cx.now);
    let is_history = next.imported && next.submit_time.is_some();
    let is_open = !next.imported && matches!(state, State::ActionRequired | State::Conflicted);
    if !is_direct && !is_history && !is_open {
        return Ok(IndexUpdate::default());
    }
    index::remove(tx, cx, next).await?;
    if is_history {
        index::add(tx, cx, next).await?;
        return Ok(IndexUpdate { is_changed: true, holder: None });
    }
    index::lock_and_add(tx, cx, next).await?;
    let is_decided = is_direct || state == State::Conflicted;
    let holder = if is_decided { None } else { find_holder(tx, cx, next).await? };
    Ok(IndexUpdate { is_changed: true, holder })
}

/// Whether another partner's registration of the same business was open at the
/// same time.
pub(crate) async fn overlaps<C: ConnectionTrait>(conn: &C, cx: &Cx, deal: &Deal) -> Result<bool> {
    let Some(from) = Timestamp::stored(deal.submit_time.as_ref()) else { return Ok(false) };
    let until = pipeline::close_time(deal).unwrap_or(Timestamp::MAX);
    store::overlapping(conn, cx, index::same_business(cx, deal), names::last(&deal.partner), (from, until)).await
}
