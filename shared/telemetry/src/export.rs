//! Where telemetry goes: to OTLP if a collector is configured, and to the
//! Prometheus registry that is scraped.

use anyhow::Context;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::SdkMeterProvider,
    trace::{Sampler, SdkTracerProvider},
};

pub(crate) fn resource(service: &str) -> Resource {
    Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The tracer exists even if nothing is exported, because trace IDs must exist
/// and be passed on. Without a collector it records nothing itself.
pub(crate) fn traces(resource: Resource, endpoint: Option<&str>, ratio: f64) -> anyhow::Result<SdkTracerProvider> {
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = endpoint else {
        return Ok(builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build());
    };
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().context("the OTLP exporter of traces")?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(builder.with_batch_exporter(exporter).with_sampler(sampler).build())
}

pub(crate) fn metrics(resource: Resource, endpoint: Option<&str>, registry: &prometheus::Registry) -> anyhow::Result<SdkMeterProvider> {
    let scraped = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().context("the Prometheus registry")?;
    let mut builder = SdkMeterProvider::builder().with_resource(resource).with_reader(scraped);
    if let Some(endpoint) = endpoint {
        let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build().context("the OTLP exporter of metrics")?;
        builder = builder.with_periodic_exporter(exporter);
    }
    Ok(builder.build())
}

pub(crate) fn logs(resource: Resource, endpoint: Option<&str>) -> anyhow::Result<Option<SdkLoggerProvider>> {
    let Some(endpoint) = endpoint else { return Ok(None) };
    let exporter = LogExporter::builder().with_tonic().with_endpoint(endpoint).build().context("the OTLP exporter of logs")?;
    Ok(Some(SdkLoggerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}
