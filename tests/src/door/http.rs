//! HTTP/1.1 byte by byte, because an attacker does not keep to what a client
//! library sends.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream, tcp::OwnedReadHalf},
    sync::mpsc::{UnboundedSender, unbounded_channel},
};

use super::{Target, within};
use crate::Answer;

/// One connection.
pub struct Line {
    read: OwnedReadHalf,
    write: UnboundedSender<Bytes>,
    buffer: Vec<u8>,
}

impl Line {
    /// Connects.
    ///
    /// # Errors
    /// If the connection is refused.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        Ok(Self::on(TcpStream::connect(address).await?))
    }

    /// Connects from another address of this machine.
    ///
    /// # Errors
    /// If there is no such address, or the connection is refused.
    pub async fn open_from(address: SocketAddr, from: IpAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        Ok(Self::on(socket.connect(address).await?))
    }

    fn on(stream: TcpStream) -> Self {
        let (read, mut half) = stream.into_split();
        let (write, mut queue) = unbounded_channel::<Bytes>();
        // Whoever does not read must not keep us from reading. What is written
        // to a closed connection is lost, as it should be.
        tokio::spawn(async move {
            while let Some(bytes) = queue.recv().await {
                if half.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        });
        Self { read, write, buffer: Vec::new() }
    }

    /// Sends bytes, without waiting until they are received.
    pub fn send(&self, bytes: impl Into<Bytes>) {
        drop(self.write.send(bytes.into()));
    }

    /// Reads one answer; `None` if the connection ends first.
    ///
    /// # Errors
    /// If it ends within the answer, or what arrives is not HTTP.
    pub async fn answer(&mut self) -> Result<Option<Answer>> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let (status, headers) = parse(&String::from_utf8_lossy(&head))?;
        let body = self.body(&headers).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Some(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }))
    }

    /// Waits until the other side ends the connection.
    ///
    /// # Errors
    /// If it does not within the time.
    pub async fn ends(&mut self, time: Duration, what: &str) -> Result<()> {
        within(time, what, async {
            while self.more().await {}
            Ok(())
        })
        .await
    }

    async fn body(&mut self, headers: &HeaderMap) -> Result<Vec<u8>> {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if let Some(length) = header("content-length") {
            return self.take(length.parse()?).await;
        }
        if header("transfer-encoding") == Some("chunked") {
            let mut body = Vec::new();
            loop {
                let line = self.line().await?;
                let size = usize::from_str_radix(line.trim(), 16).context("the size of a chunk")?;
                body.extend(self.take(size).await?);
                self.line().await?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        while self.more().await {}
        Ok(std::mem::take(&mut self.buffer))
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8(line)?);
            }
            if !self.more().await {
                bail!("the connection ends within an answer");
            }
        }
    }

    async fn take(&mut self, bytes: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < bytes {
            if !self.more().await {
                bail!("the connection ends within an answer");
            }
        }
        Ok(self.buffer.drain(..bytes).collect())
    }

    /// A reset ends a connection as well as a close does.
    async fn more(&mut self) -> bool {
        self.read.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0)
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

fn parse(head: &str) -> Result<(u16, HeaderMap)> {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status line")?.parse()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value.trim())?);
    }
    Ok((status, headers))
}

/// The gRPC code of an answer to gRPC-Web, which is in its headers or at the
/// end of its body.
#[must_use]
pub fn web_code(answer: &Answer) -> Option<i32> {
    let value = match answer.header("grpc-status") {
        "" => answer.text.split("grpc-status:").nth(1)?,
        header => header,
    };
    value.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl Target {
    /// Sends one request on a connection of its own. A null body or an empty
    /// token is not sent.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn http(&self, method: &str, path: &str, body: &Value, token: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(self.head(method, path, token, text.len(), headers), text).await
    }

    /// Sends one request as it is on a connection of its own.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(&self, head: String, body: impl Into<Bytes>) -> Result<Answer> {
        let mut line = Line::open(self.address).await?;
        line.send(head);
        line.send(body);
        line.answer().await?.context("the connection ends without an answer")
    }

    /// Returns the head of a request whose body has a length. The headers may
    /// replace the content type.
    #[must_use]
    pub fn head(&self, method: &str, path: &str, token: &str, length: usize, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n", self.address);
        if !token.is_empty() {
            head += &format!("authorization: Bearer {token}\r\n");
        }
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            head += "content-type: application/json\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    /// Calls a method by gRPC-Web, as a page does.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn web(&self, path: &str, message: &[u8], token: &str) -> Result<Answer> {
        let framed = super::grpc::framed(message)?;
        let headers = [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")];
        self.send(self.head("POST", path, token, framed.len(), &headers), framed).await
    }
}
