//! Answers that their callers have not read.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, body::Body};

use super::{body::LARGE_BYTES, quota::Charge};
use crate::answer::status;

/// Time in which a caller has to take a large answer.
pub const ANSWER_READ_MAX: Duration = Duration::from_secs(120);

/// A whole answer, of which its reader takes one frame after the other. If the
/// reader takes too long for a large one, the rest is dropped.
pub struct Whole {
    frames: Arc<Mutex<Frames>>,
    is_exact: bool,
    limit: Option<AbortOnDropHandle<()>>,
}

struct Frames {
    left: VecDeque<Result<Frame<Bytes>, Status>>,
    charge: Option<Charge>,
}

impl Whole {
    /// The answer of a service.
    pub(crate) async fn of(mut body: Body, charge: Option<Charge>) -> Self {
        let mut left = VecDeque::new();
        while let Some(frame) = body.frame().await {
            left.push_back(frame);
        }
        // No size: gRPC-Web appends the trailers.
        Self::limited(left, charge, false)
    }

    pub(crate) fn text(bytes: Bytes, charge: Option<Charge>) -> Self {
        Self::limited(VecDeque::from([Ok(Frame::data(bytes))]), charge, true)
    }

    fn limited(left: VecDeque<Result<Frame<Bytes>, Status>>, mut charge: Option<Charge>, is_exact: bool) -> Self {
        let bytes: usize = left.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref()).map(Bytes::len).sum();
        if let Some(charge) = &mut charge {
            charge.force(bytes);
        }
        let frames = Arc::new(Mutex::new(Frames { left, charge }));
        let limit = (bytes > LARGE_BYTES).then(|| AbortOnDropHandle::new(tokio::spawn(drop_late(frames.clone()))));
        Self { frames, is_exact, limit }
    }

    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn drop_late(frames: Arc<Mutex<Frames>>) {
    sleep_until(Instant::now() + ANSWER_READ_MAX).await;
    let mut frames = frames.lock().unwrap_or_else(PoisonError::into_inner);
    let message = "the answer was not read in time. Read it at once, or ask for a smaller page.";
    frames.left = VecDeque::from([Err(status(Error::new(Kind::DeadlineExceeded, ErrorReason::DeadlineExceeded, message)))]);
    frames.charge = None;
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let (frame, is_last) = {
            let mut frames = self.frames();
            (frames.left.pop_front(), frames.left.is_empty())
        };
        if is_last {
            self.limit = None;
            self.frames().charge = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.frames().left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.is_exact {
            return SizeHint::default();
        }
        let bytes = |frame: &Result<Frame<Bytes>, Status>| frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
        SizeHint::with_exact(self.frames().left.iter().map(bytes).sum::<usize>() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::{
        Who,
        quota::{Most, Quota},
    };

    #[tokio::test(start_paused = true)]
    async fn a_large_answer_is_read_in_time_or_dropped() {
        let quota = Quota::new(Most { in_total: 9_000_000, per_tenant: 3_000_000, per_caller: 1_200_000 });
        let charge = |quota: &Quota| quota.charge(&Who { tenant: "acme".into(), caller: "ann".into(), has_link: false });
        let answer = || Whole::text(Bytes::from(vec![7; 100_000]), Some(charge(&quota)));
        assert_eq!(answer().collect().await.unwrap().to_bytes().len(), 100_000);
        let mut unread = answer();
        assert!(!charge(&quota).add(1_100_001), "it counts");
        tokio::time::timeout(ANSWER_READ_MAX + Duration::from_secs(1), std::future::pending::<()>()).await.ok();
        assert!(charge(&quota).add(1_100_001), "it no longer does");
        assert_eq!(crate::error(&unread.frame().await.unwrap().unwrap_err()).reason(), "DEADLINE_EXCEEDED");
    }
}
