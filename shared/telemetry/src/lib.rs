//! Traces, metrics and logs of a process, and the headers that pass a trace on.
//!
//! The program calls [`init`] once. Without it (in most tests) every function
//! here does nothing and costs next to nothing.

mod export;
mod init;
mod propagate;

pub use init::{LogFormat, Telemetry, TelemetryConfig, init};
pub use propagate::{HeaderExtract, HeaderInject, continue_trace, grpc_span, inject, trace_id, traceparent};
