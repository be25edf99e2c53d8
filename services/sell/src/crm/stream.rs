//! Rows that come as a stream: all of one connector, each counted.

use futures::stream::BoxStream;
use stoa_kernel::{Cx, Error, Result};
use stoa_proto::sell::v1::{PushChangesRequest, PushChangesResponse};
use stoa_rpc::Rows;
use stoa_service::{Deps, batch::answers as answered};
use tonic::{Status, Streaming};

use super::batch::{Pusher, ROWS_MAX};

/// What is known of a stream by its rows so far.
#[derive(Default)]
struct SoFar {
    pusher: Option<Pusher>,
    row_count: i64,
}

/// The answers to a stream of rows.
pub(super) fn answers(
    deps: &Deps,
    cx: Cx,
    turns: Rows,
    rows: Streaming<PushChangesRequest>,
) -> BoxStream<'static, Result<PushChangesResponse, Status>> {
    let deps = deps.clone();
    answered(turns, rows, ROWS_MAX, SoFar::default(), move |so_far, rows| push(deps.clone(), cx.clone(), so_far, rows))
}

async fn push(deps: Deps, cx: Cx, so_far: SoFar, rows: Vec<PushChangesRequest>) -> Result<(SoFar, Vec<PushChangesResponse>)> {
    let Some(first) = rows.first() else { return Ok((so_far, Vec::new())) };
    let mut pusher = match so_far.pusher {
        Some(pusher) => pusher,
        None => Pusher::open(&deps, &cx, &first.connector).await?,
    };
    if let Some(other) = rows.iter().find(|row| row.connector != pusher.connector()) {
        let message = format!("must be {} on every row of this stream, not {}", pusher.connector(), other.connector);
        return Err(Error::invalid("connector", message));
    }
    let results = pusher.push(rows.into_iter().map(|row| row.row.unwrap_or_default()).collect()).await?;
    let numbered = results.into_iter().zip(so_far.row_count + 1..);
    let answers: Vec<_> = numbered.map(|(result, row_count)| PushChangesResponse { result: Some(result), row_count }).collect();
    let row_count = answers.last().map_or(so_far.row_count, |last| last.row_count);
    Ok((SoFar { pusher: Some(pusher), row_count }, answers))
}
