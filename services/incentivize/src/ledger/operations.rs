//! Posts entries to the ledger.

use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result, Timestamp};
use stoa_proto::incentivize::v1::LedgerTransactionPosted;
use stoa_store::Tx;

use super::{
    Entry,
    store::{LedgerTransactions, insert_postings},
};

/// Posts an entry on the business date of the instant at which its fact was
/// recorded.
pub(crate) async fn post(tx: &Tx, cx: &Cx, entry: &Entry, recorded: Timestamp) -> Result<()> {
    let zone = stoa_directory::settings(tx.conn(), &cx.tenant).await?.time_zone;
    let transaction = entry.transaction(recorded.date(&zone)?.to_string());
    let posted = record::<LedgerTransactions>(tx, cx, None, [Step::new::<LedgerTransactionPosted>(transaction).at(recorded)]).await?;
    insert_postings(tx, cx, &posted).await
}
