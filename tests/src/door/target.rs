//! Starts the process: the binary that `DOOR_BINARY` names, or else a suite on
//! threads of its own here. Both read the same settings file.

use std::{
    fmt::Write as _,
    net::{SocketAddr, TcpListener as StdListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use stoa::{
    data_dir::{self, Owner},
    suite::{Options, Suite},
};
use stoa_auth::{LocalKey, TokenRequest};
use stoa_config::{Config, DEFAULTS, Sources};
use stoa_testkit::Place;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::until;
use crate::backends;

/// Time in which a process has to be ready. An unoptimized one that shares two
/// cores with other tests needs some seconds.
const START_MAX: Duration = Duration::from_secs(60);

/// Attempts to start a process: somebody else may take a port that was free.
const ATTEMPTS: usize = 3;

/// A serving process, stopped when dropped.
pub struct Target {
    /// Address of the API.
    pub address: SocketAddr,
    /// Address of the management port.
    pub management: SocketAddr,
    folder: PathBuf,
    key: LocalKey,
    /// Its default settings.
    known: String,
    // Stopped before its places are removed.
    running: Running,
    _places: (TempDir, Place),
}

enum Running {
    Here { stop: Box<dyn Fn() + Send + Sync>, thread: Option<JoinHandle<()>> },
    Binary(Process),
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Target {
    /// Starts all services with these limits.
    ///
    /// # Errors
    /// If the process does not become ready.
    pub async fn start(limits: &[(&str, u64)]) -> Result<Self> {
        Self::start_with(limits, "").await
    }

    /// Like [`Target::start`], with further settings in TOML.
    ///
    /// # Errors
    /// As [`Target::start`].
    pub async fn start_with(limits: &[(&str, u64)], more: &str) -> Result<Self> {
        Self::launch("all", limits, more, None).await
    }

    /// Starts a gateway beside this process, which runs the services.
    ///
    /// # Errors
    /// As [`Target::start`].
    pub async fn gateway(&self, limits: &[(&str, u64)]) -> Result<Self> {
        let mut more = "[peers]\n".to_owned();
        for name in stoa::suite::PILLARS {
            writeln!(more, "{name} = \"http://{}\"", self.address)?;
        }
        let key = |name: &str| self.folder.join(name).display().to_string();
        writeln!(more, "[auth]\nlocal_key = {:?}\nservice_key = {:?}", key("local.key"), key("service.key"))?;
        Self::launch("gateway", limits, &more, Some(self.folder.join("local.key"))).await
    }

    async fn launch(services: &str, limits: &[(&str, u64)], more: &str, key: Option<PathBuf>) -> Result<Self> {
        let (dir, place) = (TempDir::new()?, Place::new());
        let folder = dir.path().join("data");
        let file = dir.path().join("settings.toml");
        let binary = binary();
        let known = binary.as_deref().map_or_else(|| Ok(DEFAULTS.to_owned()), defaults)?;
        let write = |ports| std::fs::write(&file, settings(&folder, services, ports, &known, limits, more));
        let (running, address, management) = if let Some(binary) = &binary {
            process(binary, &file, services, write).await?
        } else {
            write([0, 0])?;
            here(Sources::none().file(Some(file.clone())).load()?, &place).await?
        };
        let key = LocalKey::load_or_create(&key.unwrap_or_else(|| folder.join("local.key")))?;
        Ok(Self { address, management, folder, key, known, running, _places: (dir, place) })
    }

    /// Returns the status of `/readyz`.
    ///
    /// # Errors
    /// If the management port does not answer.
    pub async fn ready(&self) -> Result<u16> {
        readiness(self.management).await
    }

    /// Bytes of the largest message that it reads by default.
    ///
    /// # Errors
    /// If its settings do not say.
    pub fn message_bytes_max(&self) -> Result<usize> {
        let setting = self.known.lines().find_map(|line| line.strip_prefix("message_bytes_max = "));
        Ok(setting.context("the defaults have no message_bytes_max")?.parse()?)
    }

    /// Folder of the stores and keys.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Process that serves: `/proc` describes it.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        match &self.running {
            Running::Here { .. } => std::process::id(),
            Running::Binary(process) => process.0.id(),
        }
    }

    /// Returns a token; a lifetime of 0 becomes an hour.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn token(&self, request: TokenRequest) -> Result<String> {
        let ttl_s = if request.ttl_s == 0 { 3600 } else { request.ttl_s };
        Ok(self.key.sign(&TokenRequest { ttl_s, ..request })?)
    }

    /// Returns a token of somebody with a role at the vendor.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn person(&self, tenant: &str, subject: &str, role: &str) -> Result<String> {
        let (tenant, subject) = (tenant.to_owned(), subject.to_owned());
        self.token(TokenRequest { tenant, subject, roles: vec![role.to_owned()], ..TokenRequest::default() })
    }

    /// Returns a token of a tenant's administrator.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn admin(&self, tenant: &str) -> Result<String> {
        self.person(tenant, "admin", "admin")
    }

    /// Returns a token of somebody who works for a partner of `acme`.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn partner_user(&self, partner: &str) -> Result<String> {
        let (tenant, subject) = ("acme".to_owned(), format!("{partner}-user"));
        let (roles, partner) = (vec!["partner_user".to_owned()], Some(partner.to_owned()));
        self.token(TokenRequest { tenant, subject, roles, partner, ..TokenRequest::default() })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        match &mut self.running {
            Running::Here { stop, thread } => {
                stop();
                // The stores must be closed before they are removed. A panic
                // there has already failed the test.
                drop(thread.take().map(JoinHandle::join));
            }
            // It ends itself when it is dropped.
            Running::Binary(_) => {}
        }
    }
}

fn binary() -> Option<PathBuf> {
    std::env::var_os("DOOR_BINARY").map(PathBuf::from)
}

fn defaults(binary: &Path) -> Result<String> {
    let printed = Command::new(binary).args(["config", "--default"]).env_clear().output()?;
    ensure!(printed.status.success(), "{} config --default fails", binary.display());
    Ok(String::from_utf8(printed.stdout)?)
}

fn free_port() -> Result<u16> {
    Ok(StdListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The settings file. Limits that the process does not know are left out.
fn settings(folder: &Path, services: &str, ports: [u16; 2], known: &str, limits: &[(&str, u64)], more: &str) -> String {
    let section = known.split("\n[").find_map(|section| section.strip_prefix("limits]")).unwrap_or_default();
    let chosen = limits.iter().filter(|(key, _)| section.lines().any(|line| line.starts_with(&format!("{key} = "))));
    let limits: String = chosen.map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!(
        "data_dir = {:?}\nlisten = \"127.0.0.1:{}\"\nmanagement_listen = \"127.0.0.1:{}\"\nservices = [{services:?}]\n\
         [limits]\nshutdown_grace_ms = 100\n{limits}[telemetry]\nlog_filter = \"error\"\n{more}",
        folder.display().to_string(),
        ports[0],
        ports[1]
    )
}

async fn readiness(management: SocketAddr) -> Result<u16> {
    let mut line = super::Line::open(management).await?;
    line.send("GET /readyz HTTP/1.1\r\nhost: management\r\nconnection: close\r\n\r\n");
    Ok(line.answer().await?.context("the management port closes the connection")?.status)
}

/// Starts the binary on ports that are free now.
async fn process(
    binary: &Path,
    file: &Path,
    services: &str,
    write: impl Fn([u16; 2]) -> std::io::Result<()>,
) -> Result<(Running, SocketAddr, SocketAddr)> {
    for _ in 0..ATTEMPTS {
        let ports = [free_port()?, free_port()?];
        write(ports)?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(file).args(["serve", services]).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut running = Process(command.spawn().with_context(|| format!("{} does not start", binary.display()))?);
        let [api, management] = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let mut ended = false;
        until(START_MAX, "the process is ready", || {
            ended = !matches!(running.0.try_wait(), Ok(None));
            let ended = ended;
            async move { Ok(ended || readiness(management).await.is_ok_and(|code| code == 200)) }
        })
        .await?;
        if !ended {
            return Ok((Running::Binary(running), api, management));
        }
    }
    bail!("{} ends at once", binary.display())
}

type Started = (Box<dyn Fn() + Send + Sync>, SocketAddr, SocketAddr);

/// Serves on threads of its own, so that it does not share a worker with its
/// callers.
async fn here(mut config: Config, place: &Place) -> Result<(Running, SocketAddr, SocketAddr)> {
    if config.runs_all() {
        backends::choose(&mut config, place, false).await;
    }
    let (tell, told) = mpsc::channel::<Result<Started>>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(serve(config, &tell)),
            Err(error) => drop(tell.send(Err(error.into()))),
        }
    });
    let (stop, address, management) = tokio::task::spawn_blocking(move || told.recv()).await???;
    Ok((Running::Here { stop, thread: Some(thread) }, address, management))
}

#[expect(clippy::print_stderr, reason = "a test has no log")]
async fn serve(config: Config, tell: &mpsc::Sender<Result<Started>>) {
    match open(config).await {
        Ok((mut suite, _lock, listener, management)) => {
            let stop = suite.stop_token();
            let addresses = listener.local_addr().and_then(|api| Ok((api, management.local_addr()?)));
            let started = addresses.map(|(api, management)| (Box::new(move || stop.cancel()) as Box<_>, api, management));
            drop(tell.send(started.map_err(anyhow::Error::from)));
            let router = stoa_rpc::management(String::new, suite.checks(), suite.stop_token());
            if let Err(error) = suite.serve(listener, Some((management, router))).await {
                eprintln!("the server failed: {error:#}");
            }
            suite.stop().await;
        }
        Err(error) => drop(tell.send(Err(error))),
    }
}

/// As `stoa serve` does: the folder is locked before anything is in it.
async fn open(config: Config) -> Result<(Suite, Owner, TcpListener, TcpListener)> {
    let lock = data_dir::lock(&config.data_dir)?;
    let (listener, management) = (TcpListener::bind(config.listen).await?, TcpListener::bind(config.management_listen).await?);
    Ok((Suite::start(config, Options::default()).await?, lock, listener, management))
}
