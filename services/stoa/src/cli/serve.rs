//! Serving, and how the commands find a suite to talk to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use stoa::{
    client::Client,
    data_dir::{self, FolderLock, Owner},
    suite::{Options, Suite},
};
use stoa_auth::{LocalKey, TokenRequest};
use stoa_config::{Backend, Config, LogFormat, Sources};
use stoa_telemetry::{Telemetry, TelemetryConfig};
use tokio::net::TcpListener;

use super::{Place, output};

/// Loads the settings from file, environment and command line. Without
/// `services`, the setting decides.
pub(super) fn settings(file: Option<&PathBuf>, data: Option<&Path>, listen: Option<&str>, services: &[String]) -> Result<Config> {
    load(Sources::process().file(file.cloned()), data, listen, services)
}

/// Like [`settings`], for a suite of all services on embedded stores. Overrides the
/// settings of store and bus, because the data of a demo belongs nowhere else.
pub(super) fn embedded(file: Option<&PathBuf>, data: &Path, listen: Option<&str>) -> Result<Config> {
    let overrides = [("store.backend", "sqlite"), ("store.url", ""), ("bus.kind", "embedded"), ("bus.url", ""), ("auth.local_key", "on")];
    let sources = overrides.into_iter().fold(Sources::process().file(file.cloned()), |sources, (key, value)| sources.set_text(key, value));
    load(sources, Some(data), listen, &["all".to_owned()])
}

fn load(mut sources: Sources, data: Option<&Path>, listen: Option<&str>, services: &[String]) -> Result<Config> {
    if let Some(data) = data {
        sources = sources.set_text("data_dir", &data.to_string_lossy());
    }
    if let Some(listen) = listen {
        sources = sources.set_text("listen", listen);
    }
    if !services.is_empty() {
        let quoted: Vec<String> = services.iter().map(|s| format!("{s:?}")).collect();
        sources = sources.set("services", &format!("[{}]", quoted.join(", ")));
    }
    Ok(sources.load()?)
}

/// Starts logs and telemetry. With `quiet`, the default is to log only warnings and
/// errors.
pub(super) fn telemetry(config: &Config, quiet: bool) -> Result<Telemetry> {
    let endpoint = config.telemetry.otlp_endpoint.clone();
    let log_filter = if quiet && config.telemetry.log_filter == "info" { "warn".to_owned() } else { config.telemetry.log_filter.clone() };
    stoa_telemetry::init(&TelemetryConfig {
        service: "stoa".to_owned(),
        otlp_endpoint: (!endpoint.is_empty()).then_some(endpoint),
        sample_ratio: config.telemetry.sample_ratio,
        log_format: match config.telemetry.log_format {
            LogFormat::Json => stoa_telemetry::LogFormat::Json,
            LogFormat::Text => stoa_telemetry::LogFormat::Text,
        },
        log_filter,
    })
}

/// Locks the data folder if this process runs the whole suite or has embedded
/// stores, so that no other suite starts on it and the commands find this one.
pub(super) fn lock_folder(config: &Config) -> Result<Option<FolderLock>> {
    if !config.runs_all() && config.store.backend != Backend::Sqlite {
        return Ok(None);
    }
    match data_dir::lock(&config.data_dir)? {
        Owner::ThisProcess(lock) => Ok(Some(lock)),
        Owner::Other(address) => {
            bail!("{} is in use by a running suite at {address}. Stop it, or choose another folder with --data.", config.data_dir.display())
        }
    }
}

/// `stoa serve`.
pub(super) async fn serve(config: Config) -> Result<()> {
    let telemetry = telemetry(&config, false)?;
    let lock = lock_folder(&config)?;
    let listeners = Listeners::open(&config).await?;
    let suite = Suite::start(config, Options::default()).await?;
    serve_suite(suite, listeners, lock, telemetry).await
}

/// The ports of a process, bound before anything that takes long.
pub(super) struct Listeners {
    api: TcpListener,
    management: TcpListener,
}

impl Listeners {
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let (listen, port) = (config.listen, config.management_listen);
        let api =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen} (choose another address with --listen)"))?;
        let management = TcpListener::bind(port)
            .await
            .with_context(|| format!("cannot listen on the management port {port} (set management_listen or STOA_MANAGEMENT_LISTEN)"))?;
        Ok(Self { api, management })
    }

    /// Address of the API.
    pub(super) fn address(&self) -> Result<String> {
        Ok(format!("http://{}", self.api.local_addr()?))
    }
}

/// Serves a suite until the process is told to stop.
pub(super) async fn serve_suite(mut suite: Suite, listeners: Listeners, lock: Option<FolderLock>, telemetry: Telemetry) -> Result<()> {
    let address = listeners.address()?;
    let scrape = telemetry.clone();
    let management = (listeners.management, stoa_rpc::management(move || scrape.scrape(), suite.checks(), suite.stop_token()));
    let mut lock = lock;
    if let Some(lock) = &mut lock {
        lock.announce(&address)?;
    }
    tracing::info!(address, services = suite.config.services().join(","), "serving");
    let stop = suite.stop_token();
    tokio::spawn(async move {
        stop_signal().await;
        stop.cancel();
    });
    let served = suite.serve(listeners.api, Some(management)).await;
    suite.stop().await;
    telemetry.shutdown().await;
    served
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        tokio::signal::ctrl_c().await.ok();
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// The suite that a command talks to: a running one, or one of its own.
pub(super) struct Session {
    pub(super) client: Client,
    own: Option<(Suite, FolderLock)>,
}

impl Session {
    /// Finds the running suite of the folder, or starts one in this process.
    pub(super) async fn open(file: Option<&PathBuf>, place: &Place) -> Result<Self> {
        if let (Some(server), Some(token)) = (&place.server, &place.token) {
            return Ok(Self { client: Client::connect(server, token).await?, own: None });
        }
        let config = settings(file, place.data.as_deref(), None, &["all".to_owned()])?;
        let request = TokenRequest {
            tenant: place.tenant.clone(),
            subject: "persons/cli".into(),
            roles: vec!["admin".into()],
            ttl_s: 3600,
            ..Default::default()
        };
        match data_dir::lock(&config.data_dir)? {
            Owner::Other(address) => {
                let path = config.local_key_path().context("the local key is off. Pass --server and --token.")?;
                let token = LocalKey::load_or_create(&path)?.sign(&request)?;
                Ok(Self { client: Client::connect(&address, &token).await?, own: None })
            }
            Owner::ThisProcess(_) if config.store.backend != Backend::Sqlite => {
                bail!("the stores are on PostgreSQL and no suite is running on this folder. Name one with --server and --token.")
            }
            Owner::ThisProcess(lock) => {
                telemetry(&config, true)?;
                let suite = Suite::start(config, Options { manual: true, ..Options::default() }).await?;
                let token = suite.keys.token(&request)?;
                Ok(Self { client: Client::new(suite.stack.clone(), &token)?, own: Some((suite, lock)) })
            }
        }
    }

    /// Delivers everything that was written, so that reports include it.
    pub(super) async fn settle(&self) -> Result<()> {
        match &self.own {
            Some((suite, _)) => suite.settle().await,
            None => Ok(()),
        }
    }

    /// Stops the suite that the command started.
    pub(super) async fn close(self) {
        if let Some((suite, lock)) = self.own {
            suite.stop().await;
            drop(lock);
        }
    }
}

/// Prints how to call the suite that is being served.
pub(super) fn how_to_call(address: &str, token: &str) {
    output::note(&format!(
        "\nServing on {address}. Try:\n  TOKEN='{token}'\n  curl -H \"Authorization: Bearer $TOKEN\" '{address}/v1/partners?pageSize=3'\n  \
         curl -H \"Authorization: Bearer $TOKEN\" '{address}/v1/networkQuality?breakdowns=BREAKDOWN_TIER'\n  curl {address}/openapi.json\nCtrl-C stops."
    ));
}
