//! Answers that include what the caller has seen: `consistent_with` names
//! positions in the services' logs, and the frame is read once the fold has
//! reached them.
//!
//! Cursors show how far a log has been folded: the subscription's own if it reads
//! the log, the stream's if events come over a bus. Both also pass over irrelevant
//! and parked events.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement};
use stoa_kernel::{Cx, Error, Kind, Result, page::PageKey, positions::Positions};
use stoa_proto::common::v1::ErrorReason;
use stoa_store::{DbResult, Store};

use crate::{
    Api,
    fold::{FOLD, SOURCES},
    frame::keeper::Ready,
    request::positions,
};

/// How long a request without a deadline waits.
pub const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long to wait for a commit of this process before checking again, because
/// another process may have folded.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Delay after which the caller is told to retry.
const RETRY_AFTER_MS: u64 = 1000;

const CURSOR: &str = "SELECT MAX(position) AS position FROM event_cursor WHERE name IN ($1, $2)";

/// A position in the log of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    source: usize,
    position: i64,
}

impl Api {
    /// Returns the tenant's frame once it includes the events up to these
    /// positions.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if a name is invalid, UNAVAILABLE `NOT_CAUGHT_UP` if the
    /// fold does not reach a position in time.
    pub(crate) async fn ready(&self, cx: &Cx, consistent_with: &[String]) -> Result<Ready> {
        let wanted = consistent_with
            .iter()
            .enumerate()
            .map(|(i, name)| read(&self.deps.page_key, &cx.tenant, i, name))
            .collect::<Result<Vec<_>>>()?;
        let due = due(cx.deadline, Instant::now());
        let mut commits = self.deps.store.commits();
        for (wanted, name) in wanted.iter().zip(consistent_with) {
            loop {
                commits.mark_unchanged();
                if folded_position(&self.deps.store, wanted.source).await? >= wanted.position {
                    break;
                }
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(not_caught_up(name));
                }
                tokio::time::timeout(left.min(LOOK_AGAIN), commits.changed()).await.ok();
            }
        }
        // A frame that is read from now on includes all that the cursors have passed.
        let mut ready = self.frames.ready(&cx.tenant).await?;
        ready.positions = positions(&self.deps.page_key, &cx.tenant, &ready.frame);
        Ok(ready)
    }
}

/// Returns when to stop waiting: after half of the remaining time, so that the
/// other half is left for the answer.
fn due(deadline: Option<Instant>, now: Instant) -> Instant {
    now + deadline.map_or(WAIT_MAX, |deadline| deadline.saturating_duration_since(now) / 2)
}

/// Reads `services/{service}/positions/{position}`.
fn read(key: &PageKey, tenant: &str, i: usize, name: &str) -> Result<Wanted> {
    let mut parts = name.split('/').skip(1).step_by(2);
    let source = parts.next().and_then(|service| SOURCES.iter().position(|s| *s == service));
    let number = parts.next().and_then(|number| number.parse().ok());
    let position = source.zip(number).and_then(|(source, number)| Positions::new(key, tenant, SOURCES[source]).open(number));
    source.zip(position).map(|(source, position)| Wanted { source, position }).ok_or_else(|| {
        let folded = SOURCES.join(", ");
        let message = format!(
            "must be `services/{{service}}/positions/{{position}}` with one of the services {folded}, and a position from a report or an event"
        );
        Error::invalid(format!("consistent_with[{i}]"), message)
    })
}

fn not_caught_up(name: &str) -> Error {
    let message = format!("the answer does not include {name} yet. Retry, or leave consistent_with empty.");
    Error::new(Kind::Unavailable, ErrorReason::NotCaughtUp, message).with_metadata("position", name).retry_after_ms(RETRY_AFTER_MS)
}

/// Returns the position up to which a source has been folded.
async fn folded_position(store: &Store, source: usize) -> Result<i64> {
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
    fn position_names_are_parsed_and_others_refused() {
        let key = PageKey::new(b"key");
        let number = Positions::new(&key, "t", "sell").seal(17);
        let read = |tenant, name: &str| read(&key, tenant, 2, name);
        assert_eq!(read("t", &format!("services/sell/positions/{number}")).unwrap(), Wanted { source: 3, position: 17 });
        let refused = |tenant, name: &str| assert_eq!(read(tenant, name).unwrap_err().fields()[0].field, "consistent_with[2]", "{name}");
        refused("another", &format!("services/sell/positions/{number}"));
        refused("t", &format!("services/market/positions/{number}"));
        for bad in ["nobody/positions/17", "sell", "sell/positions/17", "sell/positions/x", "sell/positions/99999999999999999999"] {
            refused("t", &format!("services/{bad}"));
        }
    }

    #[test]
    fn half_of_the_time_is_left_for_the_answer() {
        let now = Instant::now();
        assert_eq!(due(Some(now + Duration::from_secs(8)), now), now + Duration::from_secs(4));
        assert_eq!(due(Some(now), now + Duration::from_secs(1)), now + Duration::from_secs(1));
        assert_eq!(due(None, now), now + WAIT_MAX);
    }
}
