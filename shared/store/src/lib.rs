//! Stores on SQLite and PostgreSQL: write transactions, idempotency, migrations,
//! filters, leases.
//!
//! The same operations run on both backends. What an operation has to know:
//!
//! - It is a closure that **may run again** (a retry on PostgreSQL, a group that
//!   could not commit on SQLite): its only effects are writes through [`Tx`].
//! - It never waits for anything but its transaction. On SQLite every other
//!   write of the process waits meanwhile; a write inside a write is refused.
//! - PostgreSQL runs at READ COMMITTED: what an operation decides by, it locks
//!   (`lock_exclusive`, which SQLite does not need) or guards by version or by a
//!   unique index. There, a statement that failed ends the transaction, so a
//!   conflict to survive is an `ON CONFLICT`, not an error that is caught.
//! - `LIKE` tells upper from lower case, and text orders by its bytes where the
//!   column was made by [`text_key`].

mod at_end;
mod config;
mod connect;
pub mod documents;
mod errors;
pub mod filter;
mod held;
pub mod lease;
mod list;
mod migration;
mod once;
mod postgres;
pub mod prune;
mod rows;
mod store;
pub mod tables;
mod writer;

pub use at_end::AppendTable;
pub use config::{Observer, StoreConfig, Synchronous};
pub use documents::{Documents, Key};
pub use errors::{DbResult, decode, is_unique_violation};
pub use held::upsert;
pub use list::list;
pub use migration::text_key;
pub use store::{Operation, OperationWith, Store, Tx};
