//! Who has come through the door, and what was given to them.

use std::sync::Arc;

use stoa_auth::Identity;
use stoa_kernel::{Error, Reach, Result};
use tokio::sync::OwnedSemaphorePermit;

use super::{Connection, Door, ROWS_SHARE_WAIT, RateState, Share};

/// A caller, for fair shares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    pub(crate) tenant: Arc<str>,
    /// Subject and issuer: the same subject of another issuer is another caller.
    pub(crate) caller: Arc<str>,
    /// Whether it is whoever has a link for the object that `caller` names.
    pub(crate) has_link: bool,
}

impl Who {
    pub(super) fn of(identity: &Identity) -> Self {
        let (tenant, caller) = (identity.tenant.as_str().into(), &identity.caller);
        match &caller.reach {
            Reach::Object(name) => Self { tenant, caller: name.as_str().into(), has_link: true },
            _ => Self { tenant, caller: format!("{} {}", caller.subject, caller.issuer).into(), has_link: false },
        }
    }
}

/// A caller who has come through the door.
pub struct Visitor {
    /// The caller. `None` if the method is public.
    pub identity: Option<Identity>,
    /// What is left of its rate, if it was counted.
    pub rate: Option<RateState>,
    pub(super) who: Option<Who>,
}

/// The right to be worked on.
pub(crate) enum Turn {
    Share { _share: Share },
    Internal { _permit: OwnedSemaphorePermit },
    Public,
}

/// The connection on which a request came from the network, in its extensions.
#[derive(Clone)]
pub struct Origin(pub(crate) Connection);

/// Why a request was not let in.
pub struct Refusal {
    /// The error.
    pub error: Error,
    /// What is left of the rate, if it was counted.
    pub rate: Option<RateState>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, rate: None }
    }
}

/// The turns of the rows in a stream: each group waits for its own.
#[derive(Clone, Default)]
pub struct Rows(pub(super) Option<(Door, bool, Option<Who>)>);

impl Rows {
    /// The turns of a request's rows. If it did not come through a door, nobody
    /// waits.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// Waits for the turn of a group of rows and works on it.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED `OVERLOADED` if it takes too long, and what the work
    /// fails with.
    pub async fn work<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let _turn = match &self.0 {
            Some((door, is_known, who)) => Some(door.turn_within(*is_known, who.as_ref(), ROWS_SHARE_WAIT).await?),
            None => None,
        };
        work.await
    }
}
