//! What all questions share: the cut, and pages that keep it.

use prost_types::Timestamp as Instant;
use stoa_kernel::{
    Cx, Error, Result, Timestamp,
    page::{Page, PageKey},
    positions::Positions,
};
use stoa_proto::analytics::v1::FoldedPosition;
use stoa_proto::common::v1::ErrorReason;

use crate::{Api, column::span::Cut, fold::SOURCES, frame::Frame};

/// Returns the cut of a request. An instant that is not given is one microsecond
/// after now, so that the answer includes what has just happened. `known_at`
/// must not be in the future, because the answer could still change.
///
/// # Errors
/// INVALID_ARGUMENT `TIME_IN_FUTURE` if `known_at` is in the future.
pub(crate) fn cut(cx: &Cx, as_of: Option<&Instant>, known_at: Option<&Instant>) -> Result<Cut> {
    let read = |field: &str, given: Option<&Instant>| match given {
        Some(instant) => Timestamp::from_proto(field, instant).map(Timestamp::micros),
        None => Ok(cx.now.plus_micros(1).micros()),
    };
    let cut = Cut { as_of: read("as_of", as_of)?, known_at: read("known_at", known_at)? };
    if cut.known_at > cx.now.plus_micros(1).micros() {
        let message = format!("must not be in the future. It is now {}.", cx.now);
        return Err(Error::invalid("known_at", message).with_reason(ErrorReason::TimeInFuture));
    }
    Ok(cut)
}

/// Converts an instant to a message of the API.
#[expect(clippy::unnecessary_wraps, reason = "message fields are optional")]
pub(crate) fn instant(micros: i64) -> Option<Instant> {
    Some(Timestamp::from_micros(micros).proto())
}

/// The last event of the tenant in each log that the frame includes, by its position
/// as callers of the tenant see it. What others write changes nothing here, so that
/// nobody can count it.
pub(crate) fn positions(key: &PageKey, tenant: &str, frame: &Frame) -> Vec<FoldedPosition> {
    let named = SOURCES.iter().zip(frame.positions);
    let position = |(source, position): (&&str, i64)| {
        let position = Positions::new(key, tenant, source).seal(position);
        FoldedPosition { source: (*source).to_owned(), position, name: format!("services/{source}/positions/{position}") }
    };
    named.map(position).collect()
}

/// A page of a computed list. Its token keeps the cut, so that all pages are of
/// the same instant, even if that was "now".
pub(crate) struct PageRequest {
    pub(crate) cut: Cut,
    page: Page,
}

impl PageRequest {
    pub(crate) fn read(
        api: &Api,
        cx: &Cx,
        query: &[&str],
        (as_of, known_at): (Option<&Instant>, Option<&Instant>),
        (size, token): (i32, &str),
    ) -> Result<Self> {
        let given = format!("{as_of:?}/{known_at:?}");
        let query: Vec<&str> = query.iter().copied().chain([given.as_str()]).collect();
        let page = Page::read(&api.deps.page_key, cx, &query, size, token)?;
        let kept = |at: usize| page.after.get(at).map(|t| t.parse::<i64>().map_err(Error::internal)).transpose();
        let cut = match (kept(0)?, kept(1)?) {
            (Some(as_of), Some(known_at)) => Cut { as_of, known_at },
            _ => cut(cx, as_of, known_at)?,
        };
        Ok(Self { cut, page })
    }

    /// Cuts a list to the requested page. `bytes` is the size of a row, and `key`
    /// orders the list.
    pub(crate) fn cut_to_page<T>(&self, mut rows: Vec<T>, bytes: impl Fn(&T) -> usize, key: impl Fn(&T) -> String) -> (Vec<T>, String) {
        if let Some(after) = self.page.after.get(2) {
            let start = rows.iter().position(|row| key(row) > *after).unwrap_or(rows.len());
            rows.drain(..start);
        }
        let cut = self.cut;
        let next = self.page.cut(&mut rows, bytes, |row| vec![cut.as_of.to_string(), cut.known_at.to_string(), key(row)]);
        (rows, next)
    }
}
