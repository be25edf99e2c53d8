//! Which ancestors of a partner may see it: all, if one of the programs that it
//! is enrolled in says so, otherwise none.

use stoa_kernel::{Cx, Result, names};
use stoa_proto::onboard::v1::Partner;
use stoa_store::{Tx, documents};

use super::store;
use crate::{
    partner::{self, store::Partners},
    program::store::Programs,
};

/// Returns the ancestors of a partner that may see it.
pub(crate) async fn viewers(tx: &Tx, cx: &Cx, partner: &Partner) -> Result<Vec<String>> {
    if partner.ancestors.is_empty() {
        return Ok(Vec::new());
    }
    for enrollment in store::in_force_of(tx.conn(), cx, names::last(&partner.name)).await? {
        let program = documents::find::<Programs, _>(tx.conn(), cx, names::last(&enrollment.program)).await?;
        if program.is_some_and(|program| program.descendants_visible) {
            return Ok(partner.ancestors.clone());
        }
    }
    Ok(Vec::new())
}

/// Records who may see a partner after one of its enrollments, or the program
/// of one, changed.
pub(crate) async fn refresh_visibility(tx: &Tx, cx: &Cx, id: &str) -> Result<()> {
    let Some(current) = documents::lock::<Partners>(tx, cx, id).await? else { return Ok(()) };
    let next = Partner { visible_to: viewers(tx, cx, &current).await?, ..current.clone() };
    partner::record_update(tx, cx, &current, next).await?;
    Ok(())
}
