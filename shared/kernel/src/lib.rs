//! Values and pure functions that every service shares. No I/O, no async, no
//! hidden time or randomness.

pub mod clock;
pub mod cx;
pub mod error;
pub mod etag;
pub mod ids;
pub mod machine;
pub mod mask;
pub mod money;
pub mod names;
pub mod page;
pub mod positions;
mod reason;
pub mod time;

pub use clock::Clock;
pub use cx::{Caller, Cx, Reach};
pub use error::{Error, Kind, Result};
pub use money::Money;
pub use reason::Reason;
pub use time::Timestamp;
