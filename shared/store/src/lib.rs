//! Stores on SQLite and PostgreSQL: write transactions, idempotency, migrations,
//! filters, leases.
//!
//! The same operations run on both backends. What the author of an operation
//! has to know:
//!
//! - It is a closure that **may run again** (a retry on PostgreSQL, a group
//!   that could not commit on SQLite), so its only effects are writes through
//!   [`Tx`].
//! - It never waits for anything but its transaction. On SQLite, every other
//!   write of the process waits in the meantime. A write inside a write is
//!   refused.
//! - PostgreSQL runs at READ COMMITTED. An operation locks what it decides by
//!   (`lock_exclusive`, which SQLite does not need) or guards it by version or
//!   by a unique index. A failed statement ends the transaction there, so a
//!   conflict that the operation should survive is an `ON CONFLICT`, not an
//!   error that is caught.
//! - `LIKE` is case-sensitive, and text is ordered by its bytes if the column
//!   was created by [`text_key`].

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
pub mod sized;
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
