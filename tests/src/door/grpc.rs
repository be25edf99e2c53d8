//! gRPC frame by frame: a call may stay without its body.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use axum::body::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Method, Request, header};
use tokio::{net::TcpStream, task::JoinHandle};
use tonic::Status;
use tonic_types::StatusExt;

use super::{Target, within};

/// Receive window of a connection and of each stream, in bytes.
const WINDOW_BYTES: u32 = 1 << 20;

/// One HTTP/2 connection, closed when dropped.
pub struct Connection {
    send: SendRequest<Bytes>,
    address: SocketAddr,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A call whose answer is awaited.
pub struct Opened {
    answer: ResponseFuture,
    stream: SendStream<Bytes>,
}

/// A stream in both directions.
pub struct Started {
    stream: SendStream<Bytes>,
    body: RecvStream,
}

impl Started {
    /// Sends one message.
    ///
    /// # Errors
    /// If the stream has ended.
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.stream.send_data(framed(message)?.into(), false)?)
    }

    /// Sends bytes as they are, which need not be a message.
    ///
    /// # Errors
    /// If the stream has ended.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.send_data(Bytes::copy_from_slice(bytes), false)?)
    }

    /// Waits for bytes of the answer; `false` if it ends.
    ///
    /// # Errors
    /// If the stream is reset.
    pub async fn received(&mut self) -> Result<bool> {
        let Some(chunk) = self.body.data().await.transpose()? else { return Ok(false) };
        self.body.flow_control().release_capacity(chunk.len())?;
        Ok(true)
    }

    /// Waits for the end of the answer and returns its status.
    ///
    /// # Errors
    /// If the stream is reset.
    pub async fn end(mut self) -> Result<Status> {
        while self.received().await? {}
        let trailers = self.body.trailers().await?.unwrap_or_default();
        Status::from_header_map(&trailers).context("an answer without a status")
    }
}

/// A complete answer.
#[derive(Debug)]
pub struct Reply {
    /// Status, with its details.
    pub status: Status,
    /// Headers and trailers.
    pub headers: HeaderMap,
    /// The first message; empty if there is none.
    pub message: Bytes,
}

impl Reply {
    /// Whether the call succeeded.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status.code() == tonic::Code::Ok
    }

    /// Reason of the `ErrorInfo`; empty if there is none.
    #[must_use]
    pub fn reason(&self) -> String {
        self.status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
    }

    /// Fields of the `BadRequest`.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let violations = self.status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        violations.into_iter().map(|violation| violation.field).collect()
    }

    /// Delay of the `RetryInfo`.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.status.get_details_retry_info().and_then(|retry| retry.retry_delay)
    }

    /// A header or trailer; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Bytes of all headers and trailers.
    #[must_use]
    pub fn header_bytes(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If the connection is refused.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        Self::with_window(address, WINDOW_BYTES).await
    }

    /// Connects, but takes no byte of an answer: only its headers.
    ///
    /// # Errors
    /// If the connection is refused.
    pub async fn open_unreading(address: SocketAddr) -> Result<Self> {
        Self::with_window(address, 0).await
    }

    async fn with_window(address: SocketAddr, stream_bytes: u32) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut settings = h2::client::Builder::new();
        settings.initial_window_size(stream_bytes).initial_connection_window_size(WINDOW_BYTES);
        let (send, connection) = settings.handshake(stream).await?;
        let driver = tokio::spawn(async move {
            // How it ends does not matter: what was open on it fails.
            connection.await.ok();
        });
        Ok(Self { send, address, driver })
    }

    /// Sends the headers of a call, and no body. An empty token is not sent.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn begin(&self, path: &str, token: &str) -> Result<Opened> {
        let authorization = if token.is_empty() { String::new() } else { format!("Bearer {token}") };
        self.begin_as(path, &authorization).await
    }

    /// Like [`Connection::begin`], with the whole value of `authorization`.
    ///
    /// # Errors
    /// As [`Connection::begin`].
    pub async fn begin_as(&self, path: &str, authorization: &str) -> Result<Opened> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}{path}", self.address))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header("te", "trailers");
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let mut send = self.send.clone().ready().await?;
        let (answer, stream) = send.send_request(request.body(())?, false)?;
        Ok(Opened { answer, stream })
    }

    /// Makes a call with one message.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn call(&self, path: &str, message: &[u8], token: &str) -> Result<Reply> {
        let mut call = self.begin(path, token).await?;
        call.send(&framed(message)?, true)?;
        call.reply().await
    }

    /// Whether neither side has ended the connection.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.driver.is_finished()
    }

    /// Waits until the other side ends the connection.
    ///
    /// # Errors
    /// If it does not within the time.
    pub async fn ends(&mut self, time: Duration, what: &str) -> Result<()> {
        within(time, what, async { Ok((&mut self.driver).await?) }).await
    }
}

impl Opened {
    /// Sends bytes of the body.
    ///
    /// # Errors
    /// If the call has ended.
    pub fn send(&mut self, bytes: &[u8], last: bool) -> Result<()> {
        Ok(self.stream.send_data(Bytes::copy_from_slice(bytes), last)?)
    }

    /// Waits for the end of the answer.
    ///
    /// # Errors
    /// If the stream is reset.
    pub async fn reply(self) -> Result<Reply> {
        // The sending half stays open while the answer is awaited.
        let Self { answer, stream: _stream } = self;
        let (parts, mut body) = answer.await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            bytes.extend(chunk);
        }
        reply(parts.headers, body, bytes).await
    }

    /// Waits for the headers of the answer, or for the refusal in them.
    ///
    /// # Errors
    /// If the stream is reset.
    pub async fn started(self) -> Result<Result<Started, Status>> {
        let Self { answer, stream } = self;
        let (parts, body) = answer.await?.into_parts();
        Ok(match Status::from_header_map(&parts.headers) {
            Some(status) if status.code() != tonic::Code::Ok => Err(status),
            _ => Ok(Started { stream, body }),
        })
    }
}

async fn reply(mut headers: HeaderMap, mut body: RecvStream, bytes: Vec<u8>) -> Result<Reply> {
    headers.extend(body.trailers().await?.unwrap_or_default());
    let status = Status::from_header_map(&headers).context("an answer without a status")?;
    let message = Bytes::from(bytes);
    let message = if message.len() >= 5 { message.slice(5..) } else { Bytes::new() };
    Ok(Reply { status, headers, message })
}

/// A message with its length in front.
pub(crate) fn framed(message: &[u8]) -> Result<Vec<u8>> {
    Ok([&[0][..], &u32::try_from(message.len())?.to_be_bytes(), message].concat())
}

impl Target {
    /// Makes a call on a connection of its own.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn grpc(&self, path: &str, message: &[u8], token: &str) -> Result<Reply> {
        Connection::open(self.address).await?.call(path, message, token).await
    }

    /// Opens calls without bodies, on as many connections as they need, and
    /// waits until the process has received them.
    ///
    /// # Errors
    /// If a connection is refused.
    pub async fn open_without_bodies(&self, calls: usize, path: &str, token: &str) -> Result<(Vec<Connection>, Vec<Opened>)> {
        const PER_CONNECTION: usize = 100;
        let (mut connections, mut opened) = (Vec::new(), Vec::new());
        while opened.len() < calls {
            let connection = Connection::open(self.address).await?;
            for _ in 0..PER_CONNECTION.min(calls - opened.len()) {
                opened.push(connection.begin(path, token).await?);
            }
            // It is answered after everything before it has arrived, well or not.
            connection.call("/grpc.health.v1.Health/Check", &[], "").await?;
            connections.push(connection);
        }
        Ok((connections, opened))
    }
}
