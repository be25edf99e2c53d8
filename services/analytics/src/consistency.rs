//! Answers that hold what the caller has seen: `consistent_with` names positions
//! in the services' logs, and the frame is taken once the fold is there.
//!
//! How far a log was folded is told by cursors: the subscription's own where it
//! reads the log, the stream's where events come over a bus. Both pass over
//! events of no interest and over parked ones.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement};
use stoa_kernel::{Cx, Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;
use stoa_store::{DbResult, Store};

use crate::{
    Api,
    fold::{FOLD, SOURCES},
    frame::keeper::Ready,
};

/// How long a request without a deadline waits.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long to wait for a commit of this process before looking again: another
/// process may have folded.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// When the caller is told to try again.
const RETRY_AFTER_MS: u64 = 1000;

const CURSOR: &str = "SELECT MAX(position) AS position FROM event_cursor WHERE name IN ($1, $2)";

/// A position in the log of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    source: usize,
    position: i64,
}

impl Api {
    /// The tenant's frame, once it holds the events up to these positions.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where a name is none; UNAVAILABLE `NOT_CAUGHT_UP` where
    /// the fold was not there in time.
    pub(crate) async fn ready(&self, cx: &Cx, consistent_with: &[String]) -> Result<Ready> {
        let wanted = consistent_with.iter().enumerate().map(|(i, name)| read(i, name)).collect::<Result<Vec<_>>>()?;
        let due = due(cx.deadline, Instant::now());
        let mut commits = self.deps.store.commits();
        for (wanted, name) in wanted.iter().zip(consistent_with) {
            loop {
                commits.mark_unchanged();
                if passed(&self.deps.store, wanted.source).await? >= wanted.position {
                    break;
                }
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(behind(name));
                }
                tokio::time::timeout(left.min(LOOK_AGAIN), commits.changed()).await.ok();
            }
        }
        // What the cursors have passed is in a frame that is taken from now on.
        self.frames.ready(&cx.tenant).await
    }
}

/// How long to wait: half of the time there is, so that the other half is for
/// the answer.
fn due(deadline: Option<Instant>, now: Instant) -> Instant {
    now + deadline.map_or(WAIT_MAX, |deadline| deadline.saturating_duration_since(now) / 2)
}

/// Reads `services/{service}/positions/{position}`.
fn read(i: usize, name: &str) -> Result<Wanted> {
    let mut parts = name.split('/').skip(1).step_by(2);
    let source = parts.next().and_then(|service| SOURCES.iter().position(|s| *s == service));
    let position = parts.next().and_then(|position| position.parse().ok());
    source.zip(position).map(|(source, position)| Wanted { source, position }).ok_or_else(|| {
        let folded = SOURCES.join(", ");
        Error::invalid(format!("consistent_with[{i}]"), format!("must be services/{{service}}/positions/{{position}} with one of {folded}"))
    })
}

fn behind(name: &str) -> Error {
    let message = format!("the answer does not hold {name} yet; retry, or ask without consistent_with");
    Error::new(Kind::Unavailable, ErrorReason::NotCaughtUp, message).with_metadata("position", name).retry_after_ms(RETRY_AFTER_MS)
}

/// The position up to which a source was folded.
async fn passed(store: &Store, source: usize) -> Result<i64> {
    let names = [format!("{}/{FOLD}", SOURCES[source]), format!("stream/{}", SOURCES[source])];
    let query = Statement::from_sql_and_values(store.backend(), CURSOR, names.map(sea_orm::Value::from));
    let row = store.read().query_one_raw(query).await.db()?;
    let position = row.map(|row| row.try_get::<Option<i64>>("", "position").db()).transpose()?;
    Ok(position.flatten().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_and_others_are_refused() {
        assert_eq!(read(0, "services/sell/positions/17").unwrap(), Wanted { source: 3, position: 17 });
        for bad in
            ["services/nobody/positions/17", "services/sell", "services/sell/positions/x", "services/sell/positions/99999999999999999999"]
        {
            assert_eq!(read(2, bad).unwrap_err().fields()[0].field, "consistent_with[2]", "{bad}");
        }
    }

    #[test]
    fn half_of_the_time_is_for_the_answer() {
        let now = Instant::now();
        assert_eq!(due(Some(now + Duration::from_secs(8)), now), now + Duration::from_secs(4));
        assert_eq!(due(Some(now), now + Duration::from_secs(1)), now + Duration::from_secs(1));
        assert_eq!(due(None, now), now + WAIT_MAX);
    }
}
