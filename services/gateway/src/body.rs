//! Request bodies of limited size.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use stoa_kernel::{Error, Kind};
use stoa_proto::common::v1::ErrorReason;
use stoa_rpc::Charge;
use tokio::sync::Notify;

use crate::request;

/// Maximum number of unreadable lines that wait for their answers, so that a caller
/// that sends many of them and does not read cannot fill the memory.
const REFUSED_LINES_MAX: usize = 1000;

/// INVALID_ARGUMENT `TOO_LARGE` for a body or line.
pub(crate) fn too_large(what: &str, bytes_max: usize) -> Error {
    Error::new(Kind::InvalidArgument, ErrorReason::TooLarge, format!("{what} must have at most {bytes_max} bytes. Send less at once."))
        .with_field(what, format!("must have at most {bytes_max} bytes"))
}

/// Errors of lines in an uploaded stream, which wait to be sent between the
/// answers of the service.
#[derive(Clone, Default)]
pub(crate) struct Refused(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    errors: Mutex<VecDeque<Error>>,
    arrived: Notify,
}

impl Refused {
    /// Adds an error. Returns how many are waiting.
    fn push(&self, error: Error) -> usize {
        let mut errors = self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.push_back(error);
        self.0.arrived.notify_one();
        errors.len()
    }

    /// Takes the next error if one is waiting.
    pub(crate) fn take(&self) -> Option<Error> {
        self.0.errors.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Waits for the next error.
    pub(crate) async fn next(&self) -> Error {
        loop {
            if let Some(error) = self.take() {
                return error;
            }
            self.0.arrived.notified().await;
        }
    }
}

/// How much of a stream is read at a time.
pub(crate) struct LineLimits {
    /// Maximum size of a line in bytes.
    pub(crate) bytes_max: usize,
    /// The caller's bytes, of which the part of a line that has arrived takes some.
    pub(crate) charge: Charge,
}

struct Lines {
    body: BodyDataStream,
    buffer: BytesMut,
    /// Bytes of the buffer that hold no end of a line.
    searched: usize,
    number: u64,
    descriptor: MessageDescriptor,
    limits: LineLimits,
    refused: Refused,
    finished: bool,
}

/// Reads one message per NDJSON line, as the lines arrive. An unreadable line is
/// answered with an error that has its number, and the stream continues. A line
/// that is too long ends the stream; the lines before it are answered.
pub(crate) fn lines(
    body: Body,
    descriptor: MessageDescriptor,
    limits: LineLimits,
    refused: Refused,
) -> impl Stream<Item = DynamicMessage> + Send + 'static {
    let body = body.into_data_stream();
    let state = Lines { body, buffer: BytesMut::new(), searched: 0, number: 0, descriptor, limits, refused, finished: false };
    stream::unfold(state, |mut lines| async move {
        loop {
            let line = lines.next_line().await?;
            lines.number += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match request::read(lines.descriptor.clone(), "", &line) {
                Ok(message) => return Some((message, lines)),
                Err(error) => lines.refuse(error)?,
            }
        }
    })
}

impl Lines {
    /// Answers the line with an error. Returns `None` if the stream has to end.
    fn refuse(&self, error: Error) -> Option<()> {
        if self.refused.push(error.with_metadata("line", self.number.to_string())) < REFUSED_LINES_MAX {
            return Some(());
        }
        let message = format!("{REFUSED_LINES_MAX} unreadable lines are waiting for their answers. Correct the stream and send it again.");
        self.refused.push(Error::new(Kind::ResourceExhausted, ErrorReason::TooLarge, message));
        None
    }

    async fn next_line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|b| *b == b'\n') {
                let at = self.searched + at;
                let line = self.buffer.split_to(at + 1);
                self.searched = 0;
                return Some(line.freeze().slice(..at));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > self.limits.bytes_max {
                return self.end(too_large("line", self.limits.bytes_max).with_metadata("line", (self.number + 1).to_string()));
            }
            if !self.limits.charge.set(self.buffer.len()) {
                let message = "too many bytes of requests are being read. Wait a second and retry.";
                return self.end(Error::new(Kind::ResourceExhausted, ErrorReason::Overloaded, message).retry_after_ms(1000));
            }
            if self.finished {
                self.searched = 0;
                return (!self.buffer.is_empty()).then(|| self.buffer.split().freeze());
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return self.end(Error::invalid("body", format!("was interrupted: {error}"))),
                None => self.finished = true,
            }
        }
    }

    /// Ends the stream with an error after the answers to the lines before it.
    fn end(&self, error: Error) -> Option<Bytes> {
        self.refused.push(error);
        None
    }
}
