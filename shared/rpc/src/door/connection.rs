//! Connections: how many there are, from where, and how long one may be idle.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, stream};
use ipnet::IpNet;
use opentelemetry::{global, metrics::Gauge};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tonic::transport::server::{Connected, TcpIncoming};

use crate::Limits;

static OPEN: LazyLock<Gauge<u64>> =
    LazyLock::new(|| global::meter("stoa_rpc").u64_gauge("rpc.server.connections").with_description("Open connections").build());

/// Time between two looks at whether a connection has to end.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time after which a connection ends over which no valid token has come, whatever
/// is in progress on it.
pub const STRANGER_MAX: Duration = Duration::from_secs(60);
/// Idle time if three quarters of the connections are in use.
const IDLE_MAX_IF_SCARCE: Duration = Duration::from_secs(10);
/// Pause after the system could not accept a connection, for example because the
/// process has too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open connections of a process. Clones are the same connections.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    in_total_max: usize,
    per_address_max: usize,
    idle_max: Duration,
    /// Networks whose addresses many callers share.
    proxies: Vec<IpNet>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    in_total: usize,
    by_address: HashMap<IpAddr, usize>,
    /// Since when there are as many as allowed.
    full_since: Option<Instant>,
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            in_total_max: limits.connections_max,
            per_address_max: limits.connections_per_address_max,
            idle_max: Duration::from_secs(limits.connection_idle_s_max),
            proxies: limits.proxies.clone(),
            open: Mutex::default(),
        }))
    }

    /// The connections that arrive, except those beyond a limit. Never ends
    /// and never fails: a process that can accept no connection now may be able to
    /// later.
    pub(crate) fn accept(&self, incoming: TcpIncoming) -> impl Stream<Item = io::Result<Line>> + use<> {
        stream::unfold((self.clone(), incoming), |(connections, mut incoming)| async move {
            loop {
                match incoming.next().await? {
                    // Dropping the socket closes it.
                    Ok(socket) => {
                        if let Some(line) = connections.enter(socket) {
                            return Some((Ok(line), (connections, incoming)));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep_until(Instant::now() + ACCEPT_PAUSE).await;
                    }
                }
            }
        })
    }

    /// How long the process has had as many connections as it may.
    pub(crate) fn full_for(&self) -> Duration {
        self.open().full_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn enter(&self, socket: TcpStream) -> Option<Line> {
        let peer = socket.peer_addr().ok()?.ip().to_canonical();
        let (address, is_proxy) = (network(peer), self.0.proxies.iter().any(|proxy| proxy.contains(&peer)));
        let now = Instant::now();
        let mut open = self.open();
        let from_there = open.by_address.get(&address).copied().unwrap_or_default();
        if open.in_total >= self.0.in_total_max || (from_there >= self.0.per_address_max && !is_proxy) {
            tracing::debug!(%address, "a connection too many");
            return None;
        }
        open.in_total += 1;
        OPEN.record(open.in_total as u64, &[]);
        if open.in_total == self.0.in_total_max {
            open.full_since = Some(now);
        }
        open.by_address.insert(address, from_there + 1);
        drop(open);
        let used = Mutex::new(Used { requests: 0, since: now });
        let (has_caller, ends) = (AtomicBool::new(false), AtomicBool::new(false));
        let state = State { connections: self.clone(), address, is_proxy, opened: now, used, has_caller, ends };
        Some(Line { socket, connection: Connection(Arc::new(state)), look: Box::pin(sleep_until(now + LOOK_EVERY)) })
    }

    /// How long a connection may be idle now.
    fn idle_max(&self) -> Duration {
        let scarce = self.open().in_total >= self.0.in_total_max / 4 * 3;
        if scarce { self.0.idle_max.min(IDLE_MAX_IF_SCARCE) } else { self.0.idle_max }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one IPv6 address has its whole /64 network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// The connection on which a request arrived, in the request's extensions.
#[derive(Clone)]
pub(crate) struct Connection(Arc<State>);

struct State {
    connections: Connections,
    address: IpAddr,
    is_proxy: bool,
    opened: Instant,
    used: Mutex<Used>,
    /// Whether a token that came over it was valid.
    has_caller: AtomicBool,
    ends: AtomicBool,
}

struct Used {
    /// Requests whose answers have not ended.
    requests: usize,
    /// When the last of them ended, if there are none.
    since: Instant,
}

impl Connection {
    /// The address whose callers it stands for. `None` for a proxy, which stands for
    /// many.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        (!self.0.is_proxy).then_some(self.0.address)
    }

    /// Notes a request on the connection, until its answer ends.
    pub(crate) fn request(&self) -> RequestOn {
        self.used().requests += 1;
        RequestOn(self.clone())
    }

    /// Notes that a caller with a valid token uses the connection.
    pub(crate) fn has_caller(&self) {
        self.0.has_caller.store(true, Ordering::Relaxed);
    }

    /// Ends the connection, unless a caller with a valid token uses it.
    pub(crate) fn end_without_caller(&self) {
        if !self.0.has_caller.load(Ordering::Relaxed) {
            self.0.ends.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the connection has to end, and if not, when to look again.
    fn ends(&self) -> Option<Instant> {
        if self.0.ends.load(Ordering::Relaxed) {
            return None;
        }
        let now = Instant::now();
        let used = self.used();
        let idle_until = if used.requests > 0 { now + LOOK_EVERY } else { used.since + self.0.connections.idle_max() };
        let is_stranger = !self.0.is_proxy && !self.0.has_caller.load(Ordering::Relaxed);
        let until = if is_stranger { idle_until.min(self.0.opened + STRANGER_MAX) } else { idle_until };
        (until > now).then(|| until.min(now + LOOK_EVERY))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.in_total -= 1;
        OPEN.record(open.in_total as u64, &[]);
        open.full_since = None;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// A request in progress on a connection.
pub(crate) struct RequestOn(Connection);

impl Drop for RequestOn {
    fn drop(&mut self) {
        let mut used = self.0.used();
        used.requests -= 1;
        used.since = Instant::now();
    }
}

/// A socket that ends if it is idle. A peer sees the end of the connection, as if
/// the process had stopped.
pub(crate) struct Line {
    socket: TcpStream,
    connection: Connection,
    look: Pin<Box<Sleep>>,
}

impl Connected for Line {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Bytes keep no connection alive: only requests do.
        while self.look.as_mut().poll(cx).is_ready() {
            match self.connection.ends() {
                None => return Poll::Ready(Ok(())),
                Some(again) => self.look.as_mut().reset(again),
            }
        }
        if self.connection.0.ends.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    /// A client's socket and the server's line.
    async fn pair(listener: &TcpListener, connections: &Connections) -> (TcpStream, Option<Line>) {
        let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (client.unwrap(), connections.enter(accepted.unwrap().0))
    }

    fn connections(in_total: usize, per_address: usize) -> Connections {
        let limits =
            Limits { connections_max: in_total, connections_per_address_max: per_address, connection_idle_s_max: 60, ..Limits::default() };
        Connections::new(&limits)
    }

    #[tokio::test]
    async fn connections_are_limited_and_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (in_total, per_address) = (connections(2, 9), connections(9, 2));
        for limited in [&in_total, &per_address] {
            let (_first, first) = pair(&listener, limited).await;
            let (_second, second) = pair(&listener, limited).await;
            assert!(first.is_some() && second.is_some());
            assert!(pair(&listener, limited).await.1.is_none(), "two are all");
            assert_eq!(limited.open().full_since.is_some(), limited.0.in_total_max == 2);
            drop(first);
            assert!(pair(&listener, limited).await.1.is_some(), "one has gone");
            drop(second);
        }
        let open = in_total.open();
        assert_eq!((open.in_total, open.by_address.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_ends_and_a_busy_one_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = connections(100, 100);
        let (_client, line) = pair(&listener, &connections).await;
        let mut line = line.unwrap();
        line.connect_info().has_caller();
        let request = line.connect_info().request();
        let mut buffer = [0; 8];
        assert!(tokio::time::timeout(Duration::from_secs(1000), line.read(&mut buffer)).await.is_err(), "a request is in progress");
        drop(request);
        let idle = Instant::now();
        assert_eq!(line.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(idle.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_end_sooner_if_they_are_scarce() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = connections(4, 4);
        let mut pairs = Vec::new();
        for _ in 0..3 {
            pairs.push(pair(&listener, &connections).await);
        }
        let start = Instant::now();
        assert_eq!(pairs[0].1.as_mut().unwrap().read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(start.elapsed(), IDLE_MAX_IF_SCARCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_only_invalid_tokens_can_be_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = connections(4, 4);
        let (_one, junk) = pair(&listener, &connections).await;
        let (_two, sound) = pair(&listener, &connections).await;
        let (mut junk, mut sound) = (junk.unwrap(), sound.unwrap());
        sound.connect_info().has_caller();
        for line in [&junk, &sound] {
            line.connect_info().end_without_caller();
        }
        assert_eq!(junk.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(tokio::time::timeout(Duration::from_secs(6), sound.read(&mut [0; 8])).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_valid_token_ends_whatever_is_open_on_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_client, line) = pair(&listener, &connections(9, 9)).await;
        let mut line = line.unwrap();
        let _unread = line.connect_info().request();
        let start = Instant::now();
        assert_eq!(line.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(start.elapsed(), STRANGER_MAX);
    }

    #[tokio::test]
    async fn a_proxy_stands_for_many_callers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let limits = Limits { connections_per_address_max: 1, proxies: vec!["127.0.0.0/8".parse().unwrap()], ..Limits::default() };
        let connections = Connections::new(&limits);
        let mut kept = Vec::new();
        for _ in 0..3 {
            let (client, line) = pair(&listener, &connections).await;
            assert_eq!(line.as_ref().unwrap().connect_info().address(), None);
            kept.push((client, line));
        }
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let network_of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!((network_of("::ffff:10.0.0.1"), network_of("10.0.0.1")), ("10.0.0.1".to_owned(), "10.0.0.1".to_owned()));
    }
}
