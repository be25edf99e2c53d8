//! The size of a message, from its prefix: a message that is too large is
//! refused before it is read, also on streams.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use tonic::{Status, body::Body};

use crate::{
    answer::status,
    door::{Charge, overloaded},
};

/// The flag and the length before each gRPC message.
pub(crate) const PREFIX_BYTES: usize = 5;

/// A request body whose messages have at most `max` bytes each.
pub(crate) struct Limited {
    inner: Body,
    max: usize,
    prefix: [u8; PREFIX_BYTES],
    prefix_read: usize,
    message_left: usize,
    /// Bytes of the message that is being read, which have arrived.
    arrived: usize,
    /// Messages that have arrived completely.
    complete: u64,
    /// Holds the bytes that have arrived of a stream's message.
    charge: Option<Charge>,
    refused: bool,
}

/// Why a message is not read.
enum Refused {
    TooLarge(usize),
    NoBytesLeft,
}

impl Limited {
    pub(crate) fn new(inner: Body, max: usize) -> Self {
        Self {
            inner,
            max,
            prefix: [0; PREFIX_BYTES],
            prefix_read: 0,
            message_left: 0,
            arrived: 0,
            complete: 0,
            charge: None,
            refused: false,
        }
    }

    /// Charges the bytes of each message while it is read.
    pub(crate) fn charged(self, charge: Charge) -> Self {
        Self { charge: Some(charge), ..self }
    }

    /// Number of messages that have arrived completely.
    pub(crate) const fn complete(&self) -> u64 {
        self.complete
    }

    /// Tracks the messages in a chunk.
    fn scan(&mut self, mut chunk: &[u8]) -> Result<(), Refused> {
        while !chunk.is_empty() {
            if self.message_left > 0 {
                let step = self.message_left.min(chunk.len());
                self.message_left -= step;
                self.arrived += step;
                chunk = &chunk[step..];
                self.complete += u64::from(self.message_left == 0);
                continue;
            }
            let step = (PREFIX_BYTES - self.prefix_read).min(chunk.len());
            self.prefix[self.prefix_read..self.prefix_read + step].copy_from_slice(&chunk[..step]);
            self.prefix_read += step;
            chunk = &chunk[step..];
            if self.prefix_read == PREFIX_BYTES {
                self.prefix_read = 0;
                let [_, a, b, c, d] = self.prefix;
                let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                if length > self.max {
                    return Err(Refused::TooLarge(length));
                }
                (self.message_left, self.arrived) = (length, 0);
                self.complete += u64::from(length == 0);
            }
        }
        // What is announced costs nothing. What has arrived does.
        let arrived = self.arrived;
        if self.charge.as_mut().is_none_or(|charge| charge.set(arrived)) { Ok(()) } else { Err(Refused::NoBytesLeft) }
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.refused {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(refused) = self.scan(data)
        {
            self.refused = true;
            return Poll::Ready(Some(Err(status(match refused {
                Refused::TooLarge(length) => too_large(length, self.max),
                Refused::NoBytesLeft => overloaded("too many bytes of requests are being read"),
            }))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.refused || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The error for a message of `length` bytes.
pub(crate) fn too_large(length: usize, max: usize) -> Error {
    let message = format!("the message has {length} bytes, but at most {max} are accepted. Send less at once.");
    Error::new(Kind::ResourceExhausted, ErrorReason::TooLarge, message).with_metadata("bytes_max", max.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn message(length: u32) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(length.to_be_bytes());
        bytes.extend(vec![7; length as usize]);
        bytes
    }

    #[tokio::test]
    async fn messages_are_tracked_however_they_are_cut() {
        let stream: Vec<u8> = [message(10), message(0), message(3), message(10)].concat();
        for cut in 1..stream.len() {
            let chunks = stream.chunks(cut).map(|c| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(c)))).collect::<Vec<_>>();
            let body = Body::new(http_body_util::StreamBody::new(futures::stream::iter(chunks)));
            let read = Limited::new(body, 10).collect().await.unwrap().to_bytes();
            assert_eq!(read, stream, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn what_has_arrived_is_charged_and_what_is_announced_is_not() {
        use crate::door::{Most, Quota, Who};
        let quota = Quota::new(Most { in_total: 4000, per_tenant: 2000, per_caller: 1000 });
        let who = Who { tenant: "acme".into(), caller: "ann".into(), has_link: false };
        let stream = |bytes: Vec<u8>| {
            let body = Body::new(http_body_util::Full::new(Bytes::from(bytes)).map_err(|never| match never {}));
            Limited::new(body, 10_000).charged(quota.charge(&who))
        };
        let announced = [&[0][..], &9000_u32.to_be_bytes(), &[7; 900]].concat();
        let mut partial = stream(announced.clone());
        assert!(partial.frame().await.unwrap().is_ok());
        assert_eq!(partial.complete(), 0);
        let refused = stream(announced).frame().await.unwrap().unwrap_err();
        assert_eq!(crate::error(&refused).reason(), "OVERLOADED");
        drop(partial);
        let mut rows = stream([message(900), message(0), message(90)].concat());
        assert!(rows.frame().await.unwrap().is_ok());
        assert_eq!(rows.complete(), 3);
        assert!(quota.charge(&who).add(900), "the rows before the last are worked on, and counted there");
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_is_refused_by_its_prefix() {
        let stream: Vec<u8> = [message(10), message(11)].concat();
        let body = Body::new(http_body_util::Full::new(Bytes::from(stream)));
        let status = Limited::new(body, 10).collect().await.unwrap_err();
        assert_eq!(crate::error(&status).reason(), "TOO_LARGE");
    }
}
