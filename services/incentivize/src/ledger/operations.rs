//! Posting.

use stoa_events::Fact;
use stoa_kernel::{Cx, Result, Timestamp};
use stoa_proto::incentivize::v1::LedgerTransactionPosted;
use stoa_store::Tx;

use super::{Entry, store};

/// Posts an entry on the business date of the instant at which its fact was
/// recorded.
pub(crate) async fn post(tx: &Tx, cx: &Cx, entry: &Entry, recorded: Timestamp) -> Result<()> {
    let zone = stoa_directory::settings(tx.conn(), &cx.tenant).await?.time_zone;
    let transaction = entry.transaction(recorded.date(&zone)?.to_string(), cx.now);
    store::insert(tx, cx, &transaction).await?;
    let fact = Fact::new(&transaction.name, 1).partner(&transaction.partner).occurred(recorded);
    stoa_events::append(tx, cx, fact, &LedgerTransactionPosted { ledger_transaction: Some(transaction.clone()) }).await?;
    Ok(())
}
