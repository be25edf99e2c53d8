//! Request bodies, bounded.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use stoa_kernel::{Error, Kind};

use crate::request;

/// The whole body.
///
/// # Errors
/// INVALID_ARGUMENT `TOO_LARGE` beyond the limit.
pub(crate) async fn whole(body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    axum::body::to_bytes(body, bytes_max).await.map_err(|_| too_large("body", bytes_max))
}

fn too_large(what: &str, bytes_max: usize) -> Error {
    Error::new(Kind::InvalidArgument, "TOO_LARGE", format!("{what} must have at most {bytes_max} bytes; send less at once"))
        .with_field(what, format!("must have at most {bytes_max} bytes"))
}

/// Why an uploaded stream ended early, read when its answers have ended.
#[derive(Clone, Default)]
pub(crate) struct Ended(Arc<Mutex<Option<Error>>>);

impl Ended {
    fn set(&self, error: Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Lines {
    body: BodyDataStream,
    buffer: BytesMut,
    number: u64,
    descriptor: MessageDescriptor,
    line_bytes_max: usize,
    ended: Ended,
    finished: bool,
}

/// One message a line of NDJSON, as the lines come. A line that cannot be read
/// ends the stream: what came before it is answered, and `ended` says why.
pub(crate) fn lines(
    body: Body,
    descriptor: MessageDescriptor,
    line_bytes_max: usize,
    ended: Ended,
) -> impl Stream<Item = DynamicMessage> + Send + 'static {
    let body = body.into_data_stream();
    let state = Lines { body, buffer: BytesMut::new(), number: 0, descriptor, line_bytes_max, ended, finished: false };
    stream::unfold(state, |mut lines| async move {
        loop {
            let line = lines.next_line().await?;
            lines.number += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match request::read(lines.descriptor.clone(), &line) {
                Ok(message) => return Some((message, lines)),
                Err(error) => {
                    lines.ended.set(error.with_metadata("line", lines.number.to_string()));
                    return None;
                }
            }
        }
    })
}

impl Lines {
    async fn next_line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(at + 1);
                return Some(line.freeze().slice(..at));
            }
            if self.buffer.len() > self.line_bytes_max {
                self.ended.set(too_large("line", self.line_bytes_max).with_metadata("line", (self.number + 1).to_string()));
                return None;
            }
            if self.finished {
                return (!self.buffer.is_empty()).then(|| self.buffer.split().freeze());
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => {
                    self.ended.set(Error::invalid("body", format!("broke off: {error}")));
                    return None;
                }
                None => self.finished = true,
            }
        }
    }
}
