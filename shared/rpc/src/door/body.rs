//! Bodies of requests: read whole, within limits of time and bytes, or message by
//! message if they are streams.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use stoa_kernel::{Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::{Code, Status, body::Body};

use super::{overloaded, quota::Charge};
use crate::{answer::status, size::Limited};

/// Size of a body in bytes above which it counts more than its size.
pub(super) const LARGE_BYTES: usize = 64 * 1024;
/// How many times its size it then counts: a message in memory is larger than its
/// encoding.
const LARGE_FACTOR: usize = 16;

/// Reads a whole body of at most `bytes_max` bytes, which must arrive before `until`,
/// and charges for its bytes.
///
/// # Errors
/// RESOURCE_EXHAUSTED `OVERLOADED` if no bytes are left, DEADLINE_EXCEEDED if the
/// body does not arrive in time, `too_large` if it is too large, and what reading
/// it fails with.
pub(crate) async fn whole<B>(
    mut body: B,
    bytes_max: usize,
    until: Instant,
    charge: &mut Charge,
    too_large: impl Fn() -> Error,
) -> Result<Bytes>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    // A body whose length is announced is refused before any of it arrives.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(too_large());
    }
    let no_bytes_left = || overloaded("too many bytes of requests are being read");
    if !charge.add(announced) {
        return Err(no_bytes_left());
    }
    let (mut first, mut rest, mut charged) = (Bytes::new(), BytesMut::new(), announced);
    loop {
        let frame = match timeout_at(until, body.frame()).await {
            Err(_) => return Err(late()),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(broken(error.into())),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let arrived = first.len().max(rest.len()) + data.len();
        if arrived > bytes_max {
            return Err(too_large());
        }
        if !charge.add(arrived.saturating_sub(charged)) {
            return Err(no_bytes_left());
        }
        charged = charged.max(arrived);
        // Most bodies are one chunk, which is not copied.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            // One allocation if the length is known.
            rest.reserve(announced.saturating_sub(rest.len()).max(data.len()));
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    if bytes.len() > LARGE_BYTES && !charge.add(bytes.len() * (LARGE_FACTOR - 1)) {
        return Err(overloaded("too many large requests are in progress"));
    }
    Ok(bytes)
}

/// A body of bytes that are already here.
pub(crate) fn full(bytes: Bytes) -> Body {
    Body::new(Full::new(bytes).map_err(|never: Infallible| match never {}))
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn late() -> Error {
    let message = "the request did not arrive in time. Send it whole at once, or as a stream.";
    Error::new(Kind::DeadlineExceeded, ErrorReason::DeadlineExceeded, message)
}

/// Our own refusal of a body, or the end of a connection, which is the caller's and no
/// fault of ours.
fn broken(error: BoxError) -> Error {
    match error.downcast::<Status>() {
        Ok(status) if status.code() == Code::ResourceExhausted => crate::error(&status),
        Ok(status) => Error::invalid("body", format!("broke off: {}. Send the request again.", status.message())),
        Err(error) => Error::invalid("body", format!("broke off: {error}. Send the request again.")),
    }
}

/// A stream of messages from a caller. It ends if none arrives completely for a
/// while.
pub(crate) struct Messages {
    inner: Limited,
    idle_max: Duration,
    idle: Pin<Box<Sleep>>,
    seen: u64,
    /// Whose rate the messages count against, if they do.
    counted: Option<Counted>,
    ended: bool,
}

/// Counts messages of a stream.
type Counted = Box<dyn Fn() -> Result<()> + Send>;

impl Messages {
    pub(crate) fn new(inner: Limited, idle_max: Duration, counted: Option<Counted>) -> Self {
        Self { inner, idle_max, idle: Box::pin(sleep_until(Instant::now() + idle_max)), seen: 0, counted, ended: false }
    }

    /// Notes that messages have arrived, and counts them.
    fn note(&mut self) -> Result<()> {
        let new = self.inner.complete() - self.seen;
        if new > 0 {
            self.seen += new;
            self.idle.as_mut().reset(Instant::now() + self.idle_max);
        }
        match &self.counted {
            Some(count) => (0..new).try_for_each(|_| count()),
            None => Ok(()),
        }
    }
}

impl http_body::Body for Messages {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let refused = if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            match self.note() {
                Ok(()) => return Poll::Ready(frame),
                Err(refused) => refused,
            }
        } else {
            ready!(self.idle.as_mut().poll(cx));
            let message = format!("no message arrived for {} s. Open a new stream for the next one.", self.idle_max.as_secs());
            Error::new(Kind::DeadlineExceeded, ErrorReason::DeadlineExceeded, message)
        };
        self.ended = true;
        Poll::Ready(Some(Err(status(refused))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that holds something until it ends.
pub(crate) struct Holding<B, T> {
    inner: B,
    held: Option<T>,
}

impl<B, T> Holding<B, T> {
    pub(crate) fn new(inner: B, held: T) -> Self {
        Self { inner, held: Some(held) }
    }
}

impl<B, T> http_body::Body for Holding<B, T>
where
    B: http_body::Body + Unpin,
    T: Unpin,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if matches!(&frame, None | Some(Err(_))) || self.inner.is_end_stream() {
            self.held = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use http_body_util::StreamBody;

    use super::*;
    use crate::door::{
        Who,
        quota::{Most, Quota},
    };

    const BUDGET: Most = Most { in_total: 9_000_000, per_tenant: 3_000_000, per_caller: 1_200_000 };

    fn charge(quota: &Quota) -> Charge {
        quota.charge(&Who { tenant: "acme".into(), caller: "ann".into(), has_link: false })
    }

    fn chunks(sizes: &[usize]) -> Body {
        let frames: Vec<_> = sizes.iter().map(|size| Ok::<_, Status>(Frame::data(Bytes::from(vec![7; *size])))).collect();
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    async fn read(body: Body, charge: &mut Charge) -> Result<Bytes> {
        whole(body, 100_000, Instant::now() + Duration::from_secs(10), charge, || Error::invalid("body", "is too large")).await
    }

    #[tokio::test]
    async fn a_body_is_read_whole_and_charged() {
        let quota = Quota::new(BUDGET);
        let mut small = charge(&quota);
        assert_eq!(read(chunks(&[10, 20, 30]), &mut small).await.unwrap().len(), 60);
        assert!(!charge(&quota).add(1_199_941) && charge(&quota).add(1_199_940));
        drop(small);
        // A large body counts 16 times: one fits into the caller's bytes, two do not.
        let mut large = charge(&quota);
        assert_eq!(read(chunks(&[40_000, 30_000]), &mut large).await.unwrap().len(), 70_000);
        assert_eq!(read(chunks(&[40_000, 30_000]), &mut charge(&quota)).await.unwrap_err().reason(), "OVERLOADED");
    }

    #[tokio::test]
    async fn a_body_that_announces_too_much_is_refused_before_it_arrives() {
        let quota = Quota::new(BUDGET);
        let announced = |bytes: usize| Body::new(http_body_util::Full::new(Bytes::from(vec![7; bytes])).map_err(|never| match never {}));
        assert_eq!(read(announced(100_001), &mut charge(&quota)).await.unwrap_err().fields()[0].field, "body");
        let mut all = charge(&quota);
        assert!(all.add(1_200_000 - 50));
        assert_eq!(read(announced(60), &mut charge(&quota)).await.unwrap_err().reason(), "OVERLOADED");
        let mut last = charge(&quota);
        assert_eq!(read(announced(50), &mut last).await.unwrap().len(), 50);
        drop((all, last));
        assert!(charge(&quota).add(1_200_000), "everything is given back");
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_refused_while_it_arrives() {
        let quota = Quota::new(BUDGET);
        let endless = StreamBody::new(stream::repeat_with(|| Ok::<_, Status>(Frame::data(Bytes::from_static(&[7; 1000])))));
        assert_eq!(read(Body::new(endless), &mut charge(&quota)).await.unwrap_err().fields()[0].field, "body");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let quota = Quota::new(BUDGET);
        let stalls = chunks(&[10]).into_data_stream().map(|data| data.map(Frame::data)).chain(stream::pending());
        let start = Instant::now();
        let refused = read(Body::new(StreamBody::new(stalls)), &mut charge(&quota)).await.unwrap_err();
        assert_eq!((refused.reason().as_str(), start.elapsed().as_secs()), ("DEADLINE_EXCEEDED", 10));
    }

    /// A body whose pieces come every 50 s, and then no more.
    fn slow(pieces: Vec<Vec<u8>>) -> Limited {
        let slow = stream::unfold(pieces.into_iter(), |mut pieces| async move {
            tokio::time::timeout(Duration::from_secs(50), std::future::pending::<()>()).await.ok();
            Some((Ok::<_, Status>(Frame::data(Bytes::from(pieces.next()?))), pieces))
        });
        Limited::new(Body::new(StreamBody::new(slow.chain(stream::pending()).boxed())), 1000)
    }

    /// The pieces that arrived before the stream was ended, after how many seconds,
    /// and why.
    async fn end(mut body: Messages) -> (u32, u64, &'static str) {
        let (start, mut pieces) = (Instant::now(), 0);
        loop {
            match body.frame().await.unwrap() {
                Ok(_) => pieces += 1,
                Err(status) => {
                    assert!(body.frame().await.is_none());
                    return (pieces, start.elapsed().as_secs(), crate::error(&status).reason().as_str());
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_messages_ends() {
        let idle_max = Duration::from_secs(60);
        let message = vec![0, 0, 0, 0, 1, 7];
        let rows = Messages::new(slow(vec![message.clone(); 3]), idle_max, None);
        assert_eq!(end(rows).await, (3, 3 * 50 + 60, "DEADLINE_EXCEEDED"));
        // Bytes that complete no message do not count.
        let trickle = Messages::new(slow([vec![0, 0, 0, 0, 9], vec![1], vec![2], vec![3]].into()), idle_max, None);
        assert_eq!(end(trickle).await, (1, 60, "DEADLINE_EXCEEDED"));
        let limited = Box::new(|| Err(overloaded("enough")));
        let counted = Messages::new(slow(vec![message; 3]), idle_max, Some(limited));
        assert_eq!(end(counted).await, (0, 50, "OVERLOADED"));
    }

    #[tokio::test]
    async fn what_a_body_holds_is_released_when_it_ends() {
        let held = std::sync::Arc::new(());
        let mut body = Holding::new(chunks(&[1, 2]), held.clone());
        assert!(body.frame().await.is_some());
        assert_eq!(std::sync::Arc::strong_count(&held), 2);
        while body.frame().await.is_some() {}
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
    }
}
