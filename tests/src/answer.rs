//! An answer of the gateway, and what a test expects of it.

use anyhow::{Result, ensure};
use http::HeaderMap;
use serde_json::Value;

/// An answer of the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body if it is one JSON value, otherwise null.
    pub body: Value,
    /// The body as it was received.
    pub text: String,
}

impl Answer {
    /// Returns the body of a success.
    ///
    /// # Errors
    /// If the status is not 200.
    pub fn ok(self) -> Result<Value> {
        ensure!(self.status == 200, "{}: {}", self.status, self.text);
        Ok(self.body)
    }

    /// Checks a refusal: status, reason, and a field that it names.
    ///
    /// # Errors
    /// If one of them differs.
    pub fn refused(&self, status: u16, reason: &str, field: &str) -> Result<()> {
        ensure!(self.status == status, "expected status {status}, not {}: {}", self.status, self.text);
        ensure!(self.reason() == reason, "expected reason {reason}: {}", self.text);
        ensure!(field.is_empty() || self.fields().iter().any(|f| f == field), "expected field {field}: {}", self.text);
        ensure!(self.body["message"].as_str().is_some_and(|m| !m.is_empty()), "no message: {}", self.text);
        Ok(())
    }

    /// Returns the reason of the `ErrorInfo`.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.detail("google.rpc.ErrorInfo").and_then(|d| d["reason"].as_str()).unwrap_or_default()
    }

    /// Returns the fields of the `BadRequest`.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let violations = self.detail("google.rpc.BadRequest").and_then(|d| d["fieldViolations"].as_array());
        violations.into_iter().flatten().filter_map(|v| v["field"].as_str()).map(str::to_owned).collect()
    }

    /// Returns a response header; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Returns the lines of an NDJSON body.
    ///
    /// # Errors
    /// If the status is not 200, or a line is not JSON.
    pub fn lines(&self) -> Result<Vec<Value>> {
        ensure!(self.status == 200, "{}: {}", self.status, self.text);
        Ok(self.text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    fn detail(&self, kind: &str) -> Option<&Value> {
        self.body["details"].as_array()?.iter().find(|d| d["@type"].as_str().is_some_and(|t| t.ends_with(kind)))
    }
}
