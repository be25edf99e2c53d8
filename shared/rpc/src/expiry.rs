//! Ends a stream when its caller's token ends: a right that is gone must not
//! live on in a connection that stays open.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use stoa_kernel::{Error, Kind, Timestamp, clock::wall_now};
use stoa_proto::common::v1::ErrorReason;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Status, body::Body};

use crate::answer::status;

/// Passes the end of the token from the door to the answer.
#[derive(Clone, Default)]
pub(crate) struct Expiry(Arc<OnceLock<Timestamp>>);

impl Expiry {
    pub(crate) fn set_end(&self, end: Timestamp) {
        let _ = self.0.set(end);
    }

    /// Ends a stream when the token ends.
    pub(crate) fn limit(&self, response: Response<Body>) -> Response<Body> {
        let Some(end) = self.0.get() else { return response };
        let left = Duration::from_micros(u64::try_from(end.micros() - wall_now().micros()).unwrap_or_default());
        // Beyond a day, the connection ends before the token.
        let at = Instant::now() + left.min(Duration::from_secs(24 * 3600));
        response.map(|inner| Body::new(Bounded { inner, end: Box::pin(sleep_until(at)), ended: false }))
    }
}

struct Bounded {
    inner: Body,
    end: Pin<Box<Sleep>>,
    ended: bool,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.end.as_mut().poll(cx).is_ready() {
            self.ended = true;
            let text = "the token has expired. Get a new one and resume the stream.";
            let mut trailers = HeaderMap::new();
            return Poll::Ready(Some(
                status(Error::new(Kind::Unauthenticated, ErrorReason::TokenInvalid, text))
                    .add_header(&mut trailers)
                    .map(|()| Frame::trailers(trailers)),
            ));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_the_token() {
        let forever = http_body_util::StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Status>>());
        let expiry = Expiry::default();
        expiry.set_end(wall_now().plus_hours(1));
        let start = Instant::now();
        let read = expiry.limit(Response::new(Body::new(forever))).into_body().collect().await.unwrap();
        assert_eq!(read.trailers().unwrap()["grpc-status"], "16");
        assert!((3599..=3601).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }
}
