//! Starting and stopping telemetry.

use std::{str::FromStr, sync::Arc, time::Duration};

use anyhow::Context;
use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{logs::SdkLoggerProvider, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    layer::{Filter, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::export;

/// Time that exporters get to send what they hold.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// The libraries of an exporter's own transport. Exporting their events would
/// cause further exports, endlessly.
const TRANSPORT: [&str; 6] = ["h2", "hyper", "hyper_util", "reqwest", "tonic", "tower"];

/// Libraries that log more than anybody wants to read at `info`.
const CHATTY: [&str; 9] = ["h2", "hyper", "hyper_util", "reqwest", "tonic", "tower", "sqlx", "sea_orm", "opentelemetry_sdk"];

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => anyhow::bail!("log format `{other}` is not known. Set `text` or `json`."),
        }
    }
}

/// The configuration of telemetry.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Name of the process in traces and metrics.
    pub service: String,
    /// OTLP collector (gRPC), for example `http://collector:4317`.
    pub otlp_endpoint: Option<String>,
    /// Share of traces that are kept if the caller did not decide, 0 to 1.
    pub sample_ratio: f64,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Levels by target, as `tracing-subscriber` reads them. Empty means
    /// `info`.
    pub log_filter: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            service: "stoa".to_owned(),
            otlp_endpoint: None,
            sample_ratio: 0.1,
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
        }
    }
}

/// The running telemetry of the process.
#[derive(Debug, Clone)]
pub struct Telemetry(Arc<Providers>);

#[derive(Debug)]
struct Providers {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: Option<SdkLoggerProvider>,
    registry: prometheus::Registry,
}

impl Telemetry {
    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn scrape(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.0.registry.gather()).unwrap_or_default()
    }

    /// Sends what is buffered, then stops. A collector that does not answer
    /// delays the end of the process by a few seconds at most.
    pub async fn shutdown(self) {
        // An exporter blocks until its transport, which runs on this runtime,
        // has sent its data. On a worker thread it could wait for itself.
        let work = tokio::task::spawn_blocking(move || self.0.shutdown());
        if tokio::time::timeout(SHUTDOWN_MAX * 2, work).await.is_err() {
            tracing::warn!("telemetry did not stop in time; what it held is lost");
        }
    }
}

impl Providers {
    fn shutdown(&self) {
        let failed = [
            self.traces.shutdown_with_timeout(SHUTDOWN_MAX).err(),
            self.logs.as_ref().and_then(|logs| logs.shutdown_with_timeout(SHUTDOWN_MAX).err()),
            self.metrics.shutdown_with_timeout(SHUTDOWN_MAX).err(),
        ];
        for error in failed.into_iter().flatten() {
            tracing::warn!(%error, "telemetry could not be sent before the end");
        }
    }
}

/// Starts telemetry for the process. Call it once, and inside a Tokio runtime
/// if a collector is configured.
///
/// # Errors
/// If the filter or the endpoint cannot be read, or telemetry is already
/// running.
pub fn init(config: &TelemetryConfig) -> anyhow::Result<Telemetry> {
    let endpoint = config.otlp_endpoint.as_deref().filter(|e| !e.is_empty());
    let resource = export::resource(&config.service);
    let registry = prometheus::Registry::new();
    let providers = Providers {
        traces: export::traces(resource.clone(), endpoint, config.sample_ratio)?,
        metrics: export::metrics(resource.clone(), endpoint, &registry)?,
        logs: export::logs(resource, endpoint)?,
        registry,
    };
    // Each layer has its own filter: a quiet log must not end the traces.
    let spans = tracing_opentelemetry::layer()
        .with_tracer(providers.traces.tracer("stoa"))
        .with_filter(LevelFilter::INFO.and(filter_fn(not_transport)));
    let bridge = match &providers.logs {
        Some(logs) => Some(OpenTelemetryTracingBridge::new(logs).with_filter(levels(&config.log_filter)?.and(filter_fn(not_transport)))),
        None => None,
    };
    tracing_subscriber::registry()
        .with(lines(config.log_format).with_filter(levels(&config.log_filter)?))
        .with(spans)
        .with(bridge)
        .try_init()
        .context("telemetry can be started only once per process")?;
    global::set_meter_provider(providers.metrics.clone());
    Ok(Telemetry(Arc::new(providers)))
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    // stdout is for the output of commands.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

/// The configured filter. Below warnings, the transport's messages are off
/// unless they are requested by name.
fn levels<S>(asked: &str) -> anyhow::Result<impl Filter<S> + Send + Sync + use<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let asked = if asked.is_empty() { "info".to_owned() } else { asked.to_owned() };
    let filter = EnvFilter::builder().parse(&asked).with_context(|| format!("log filter `{asked}`"))?;
    let quiet = filter_fn(move |metadata| {
        let root = root(metadata);
        *metadata.level() <= Level::WARN || !CHATTY.contains(&root) || asked.contains(root)
    });
    Ok(filter.and(quiet))
}

fn not_transport(metadata: &Metadata<'_>) -> bool {
    let root = root(metadata);
    // `opentelemetry-otlp` and its siblings name their targets with hyphens.
    !TRANSPORT.contains(&root) && !root.starts_with("opentelemetry")
}

fn root<'a>(metadata: &Metadata<'a>) -> &'a str {
    metadata.target().split("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_filters_are_checked() {
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        assert!("xml".parse::<LogFormat>().unwrap_err().to_string().contains("`text` or `json`"));
        assert!(levels::<Registry>("info,stoa_rpc=debug").is_ok());
        assert!(levels::<Registry>("").is_ok());
        assert!(levels::<Registry>("stoa_rpc=loud").is_err());
    }
}
