//! A proxy of PostgreSQL that counts what passes through it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use super::wire::{Conversation, Tally};

/// A client's first message if it wants TLS. That is refused: the proxy has to
/// read what it counts.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Makes the server send the plan of each statement, with the actual rows, as a
/// notice.
const PLANS: &str = "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_analyze=on \
                     -c auto_explain.log_timing=off -c auto_explain.log_format=json -c client_min_messages=log";

/// Listens in front of a server and passes everything on.
#[derive(Debug)]
pub struct Proxy {
    server: String,
    address: SocketAddr,
    tally: Arc<Mutex<Tally>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy of the server that a URL names.
    ///
    /// # Errors
    /// If the URL names no server, or no port is free.
    pub async fn start(url: &str) -> Result<Self> {
        let (_, rest) = url.split_once("://").context("the URL of a database")?;
        let authority = rest.split('/').next().unwrap_or_default();
        let server = authority.rsplit('@').next().unwrap_or_default().to_owned();
        ensure!(server.contains(':'), "the URL names no port: {server}");
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, tally) = (listener.local_addr()?, Arc::<Mutex<Tally>>::default());
        let task = tokio::spawn(accept(listener, server.clone(), tally.clone()));
        Ok(Self { server, address, tally, task })
    }

    /// Returns the URL of the same database through the proxy, with the plans
    /// of all statements.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        let options = PLANS.replace(' ', "%20").replace('=', "%3D");
        format!("{}?options={options}", url.replacen(&self.server, &self.address.to_string(), 1))
    }

    /// Returns what went over the wire since the last call.
    pub fn take(&self) -> Tally {
        std::mem::take(&mut *lock(&self.tally))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, server: String, tally: Arc<Mutex<Tally>>) {
    // Connections end with the proxy.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, tally) = (server.clone(), tally.clone());
        // A connection that breaks fails the statement that uses it.
        connections.spawn(async move { pass(client, &server, &tally).await.unwrap_or_default() });
    }
}

async fn pass(mut client: TcpStream, server: &str, tally: &Mutex<Tally>) -> Result<()> {
    let server = TcpStream::connect(server).await?;
    let mut first = [0; 8];
    client.read_exact(&mut first).await?;
    let talk = Mutex::new(Conversation::default());
    let (from_server, mut to_server) = server.into_split();
    if first == TLS_REQUEST {
        client.write_all(b"N").await?;
    } else {
        lock(&talk).sent(&first, &mut lock(tally));
        to_server.write_all(&first).await?;
    }
    let (from_client, to_client) = client.into_split();
    let up = forward(from_client, to_server, |bytes| lock(&talk).sent(bytes, &mut lock(tally)));
    let down = forward(from_server, to_client, |bytes| lock(&talk).answered(bytes, &mut lock(tally)));
    tokio::try_join!(up, down)?;
    Ok(())
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut observe: impl FnMut(&[u8])) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(to.shutdown().await?);
        }
        observe(&buffer[..count]);
        to.write_all(&buffer[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_that_asks_for_tls_is_refused_and_continues_without_it() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://me@{}/test", server.local_addr().unwrap());
        let proxy = Proxy::start(&url).await.unwrap();
        let through = proxy.url(&url);
        assert!(through.starts_with(&format!("postgres://me@{}/test?options=-c%20session", proxy.address)), "{through}");

        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        client.write_all(&TLS_REQUEST).await.unwrap();
        let mut answer = [0; 1];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"N");
        let startup = b"\0\0\0\x0d\0\x03\0\0user\0";
        client.write_all(startup).await.unwrap();
        let (mut end, _) = server.accept().await.unwrap();
        let mut got = [0; 13];
        end.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, startup, "the server never receives the request for TLS");
        assert_eq!(proxy.take(), Tally::default());

        client.write_all(b"Q\0\0\0\x0dSELECT 1\0").await.unwrap();
        let mut got = [0; 14];
        end.read_exact(&mut got).await.unwrap();
        let tally = proxy.take();
        assert_eq!((tally.trips, tally.statements), (1, vec!["SELECT 1".to_owned()]));
        assert_eq!(proxy.take().trips, 0, "nothing is counted twice");
    }
}
