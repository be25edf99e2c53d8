//! What operators ask a process, on a separate port: metrics and health.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use futures::future::{BoxFuture, join_all};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use stoa_kernel::Result;
use tokio_util::sync::CancellationToken;

/// Maximum time of one check.
const CHECK_MAX: Duration = Duration::from_secs(2);

/// Something that has to work before a process is ready.
#[derive(Clone)]
pub struct Check {
    /// Name in the answer: `store.sell`.
    pub name: String,
    /// Fails with the reason why it does not work.
    pub run: Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>,
}

struct Management {
    scrape: Box<dyn Fn() -> String + Send + Sync>,
    checks: Vec<Check>,
    stop: CancellationToken,
}

/// The management port: `/metrics` for Prometheus, `/healthz` (the process
/// answers) and `/readyz` (it can work: every check passes and the process is
/// not stopping). The answers name causes: keep the port private.
pub fn management(scrape: impl Fn() -> String + Send + Sync + 'static, checks: Vec<Check>, stop: CancellationToken) -> Router {
    let state = Arc::new(Management { scrape: Box::new(scrape), checks, stop });
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { Json(json!({"status": "alive"})) }))
        .route("/readyz", get(ready))
        .with_state(state)
}

async fn metrics(State(state): State<Arc<Management>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.scrape)())
}

async fn ready(State(state): State<Arc<Management>>) -> impl IntoResponse {
    let results = join_all(state.checks.iter().map(|check| async { (check.name.clone(), problem(check).await) })).await;
    let stopping = state.stop.is_cancelled();
    let is_ready = !stopping && results.iter().all(|(_, problem)| problem.is_none());
    let checks: Map<String, Value> =
        results.into_iter().map(|(name, problem)| (name, problem.unwrap_or_else(|| "ok".to_owned()).into())).collect();
    let status = match (stopping, is_ready) {
        (true, _) => "stopping",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    let code = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({"status": status, "checks": checks})))
}

async fn problem(check: &Check) -> Option<String> {
    match tokio::time::timeout(CHECK_MAX, (check.run)()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.cause().map_or_else(|| error.to_string(), str::to_owned)),
        Err(_) => Some(format!("no answer within {CHECK_MAX:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use stoa_kernel::Error;
    use tower::ServiceExt;

    async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    fn check(name: &str, result: Result<()>) -> Check {
        Check { name: name.to_owned(), run: Arc::new(move || Box::pin(std::future::ready(result.clone()))) }
    }

    #[tokio::test]
    async fn readiness_names_each_check() {
        let stop = CancellationToken::new();
        let sound = management(|| "up 1\n".to_owned(), vec![check("store.sell", Ok(()))], stop.clone());
        assert_eq!(ask(&sound, "/metrics").await, (StatusCode::OK, "up 1\n".to_owned()));
        assert_eq!(ask(&sound, "/readyz").await, (StatusCode::OK, r#"{"checks":{"store.sell":"ok"},"status":"ready"}"#.to_owned()));

        let broken = check("bus", Err(Error::unavailable("connection refused")));
        let broken = management(String::new, vec![check("store.sell", Ok(())), broken], stop.clone());
        let (code, body) = ask(&broken, "/readyz").await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains(r#""bus":"connection refused""#) && body.contains(r#""status":"not ready""#), "{body}");
        assert_eq!(ask(&broken, "/healthz").await.0, StatusCode::OK, "still alive");

        stop.cancel();
        let (code, body) = ask(&sound, "/readyz").await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("stopping"), "{body}");
    }
}
