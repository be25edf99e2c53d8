//! What rules ask about partners, answered from our own store: a handler runs
//! inside a transaction and calls no other service.

use std::collections::BTreeMap;

use stoa_kernel::{Cx, Error, Result, Timestamp, names};
use stoa_proto::{incentivize::v1::Commission, onboard::v1::PartnerType, sell::v1::Deal};
use stoa_store::Tx;

use super::arithmetic::{self, Eligibility};
use crate::enrollment_history::{self, tiers_at};

/// Returns the eligibility of the partners of a deal at the instant it was won.
/// A partner that already has rows for the deal keeps the type that they
/// record.
pub(super) async fn of_partners(tx: &Tx, cx: &Cx, deal: &Deal, existing: &[Commission]) -> Result<BTreeMap<String, Eligibility>> {
    let mut eligible: BTreeMap<String, Eligibility> = BTreeMap::new();
    for row in existing {
        let then = Eligibility { partner_type: row.partner_type(), tiers: row.tiers.clone() };
        eligible.entry(row.partner.clone()).or_insert(then);
    }
    let Some(won) = Timestamp::stored(deal.win_time.as_ref()) else { return Ok(eligible) };
    for (partner, _) in arithmetic::shares(deal) {
        let known = eligible.get(&partner).map(|eligible| eligible.partner_type);
        let now = lookup(tx, cx, names::last(&partner), known, won).await?;
        eligible.insert(partner, now);
    }
    Ok(eligible)
}

/// Returns UNAVAILABLE while the partner's own events are still on their way:
/// the event is then delivered again.
async fn lookup(tx: &Tx, cx: &Cx, id: &str, known: Option<PartnerType>, at: Timestamp) -> Result<Eligibility> {
    let unknown = || Error::unavailable(format!("partners/{id} has not reached this service yet"));
    let partner_type = match known {
        Some(partner_type) => partner_type,
        None => stoa_directory::copied_partner(tx.conn(), &cx.tenant, id).await?.ok_or_else(unknown)?.r#type(),
    };
    let history = enrollment_history::store::of_partner(tx.conn(), cx, id).await?;
    if history.is_empty() {
        return Err(unknown());
    }
    Ok(Eligibility { partner_type, tiers: tiers_at(&history, at) })
}
