//! The event log of a service, and the path of an event from its write to its
//! effects in other services.
//!
//! A write [`record`]s a change and its events in one transaction. The
//! [`Relay`] gives committed rows a gap-free position. Everything that reads
//! the log is a cursor over positions: an embedded [`Subscriber`], the
//! [`jetstream::Publisher`], the streaming RPC of [`EventsApi`].
//!
//! Delivery is at least once and unordered. Handlers apply only higher versions
//! of an aggregate, and their effects are unique by a business key. What a
//! handler cannot apply is parked and can be replayed ([`parked`]).

mod ahead;
mod append;
mod apply;
mod changes;
mod cursor;
mod entity;
mod fence;
mod inbox;
mod log;
mod migration;
mod record;
mod relay;
mod remote;
mod shuffle;
mod source;
mod subscriber;
mod subscription;

pub mod api;
pub mod jetstream;
pub mod parked;

pub use api::EventsApi;
pub use append::decode;
pub use apply::DELIVERIES_MAX;
pub use log::{EventLog, has_events};
pub use migration::migrations;
pub use record::{Step, record, record_changed, record_created, record_each_first, record_erased, record_first};
pub use relay::Relay;
pub use remote::RemoteLog;
pub use shuffle::ShufflingSource;
pub use source::{Batch, Source};
pub use stoa_proto::events::v1::Event;
pub use subscriber::Subscriber;
pub use subscription::{Handler, OnFailure, Subscription, handler};
