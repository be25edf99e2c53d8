//! Rows that arrive as a stream: taken in groups, written many per transaction,
//! each with its own answer.

use futures::{FutureExt, Stream, StreamExt, stream, stream::BoxStream};
use prost::Message;
use stoa_kernel::{Error, Result};
use stoa_rpc::Rows;
use tonic::Status;

/// Size of a group of rows, in bytes of their encoding.
pub const GROUP_BYTES_MAX: usize = 512 * 1024;

/// Writes rows in one transaction or, if that fails, each in its own, so that a
/// bad row affects no other: `refused` creates its answer. Answers are in the
/// order of the rows.
///
/// # Errors
/// The failure of a single row that may succeed later. Earlier rows may already
/// be written, so a row must be safe to send again.
pub async fn write_rows<R, A, D>(rows: Vec<R>, transaction: impl Fn(Vec<R>) -> D, refused: impl Fn(&R, &Error) -> A) -> Result<Vec<A>>
where
    R: Clone,
    D: Future<Output = Result<Vec<A>>>,
{
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    if rows.len() > 1
        && let Ok(answers) = transaction(rows.clone()).await
    {
        return Ok(answers);
    }
    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        answers.push(match transaction(vec![row.clone()]).await {
            Ok(mut answer) => answer.pop().ok_or_else(|| Error::internal("a row got no answer"))?,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::warn!(cause = error.cause(), reason = %error.reason(), "a row was refused");
                refused(&row, &error)
            }
        });
    }
    Ok(answers)
}

/// Answers rows as they arrive. A group is what has arrived, at most
/// `rows_max` and little more than [`GROUP_BYTES_MAX`]: a fast sender gets large transactions, a slow one quick answers.
/// `answer` receives the state that it returned for the previous group, `start`
/// for the first. Each group waits for its turn, so that a large stream does not
/// hold up other callers.
///
/// The answers end with the rows, with the first failure of `answer`, or, if
/// the sender fails, after the answers to the rows before its failure.
pub fn answers<S, R, A, D>(
    turns: Rows,
    rows: impl Stream<Item = Result<R, Status>> + Send + Unpin + 'static,
    rows_max: usize,
    start: S,
    answer: impl Fn(S, Vec<R>) -> D + Send + 'static,
) -> BoxStream<'static, Result<A, Status>>
where
    S: Send + 'static,
    R: Message + 'static,
    A: Send + 'static,
    D: Future<Output = Result<(S, Vec<A>)>> + Send,
{
    let groups = groups(rows, rows_max);
    let groups = stream::unfold(Some((start, groups, answer, turns)), |next| async move {
        let (state, mut groups, answer, turns) = next?;
        let (rows, broken) = readable(groups.next().await?);
        match turns.work(answer(state, rows)).await {
            Err(error) => Some((vec![Err(stoa_rpc::status(error))], None)),
            Ok((state, answered)) => {
                let rest = broken.is_none().then_some((state, groups, answer, turns));
                Some((answered.into_iter().map(Ok).chain(broken.map(Err)).collect(), rest))
            }
        }
    });
    groups.flat_map(stream::iter).boxed()
}

/// What has arrived of a stream, in groups.
fn groups<R: Message>(
    rows: impl Stream<Item = Result<R, Status>> + Send + Unpin,
    rows_max: usize,
) -> impl Stream<Item = Vec<Result<R, Status>>> + Send + Unpin {
    Box::pin(stream::unfold(rows, move |mut rows| async move {
        let mut group = vec![rows.next().await?];
        let size = |row: &Result<R, Status>| row.as_ref().map_or(0, Message::encoded_len);
        let mut bytes = size(&group[0]);
        while group.len() < rows_max
            && bytes < GROUP_BYTES_MAX
            && let Some(Some(row)) = rows.next().now_or_never()
        {
            bytes += size(&row);
            group.push(row);
        }
        Some((group, rows))
    }))
}

/// The rows of a group up to a failure of the stream, and that failure.
fn readable<R>(group: Vec<Result<R, Status>>) -> (Vec<R>, Option<Status>) {
    let mut rows = Vec::with_capacity(group.len());
    for item in group {
        match item {
            Ok(row) => rows.push(row),
            Err(status) => return (rows, Some(status)),
        }
    }
    (rows, None)
}
