use super::*;
use crate::testing::issuer;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, Router, routing};
use serde_json::json;

fn key(kid: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// A server that publishes the contents of `set` and counts the requests.
async fn serve(set: Arc<ArcSwap<Value>>, hits: Arc<AtomicUsize>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let issuer = base.clone();
    let jwks = move || {
        hits.fetch_add(1, Ordering::SeqCst);
        let keys = set.load().as_ref().clone();
        async move { Json(keys) }
    };
    let document = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")});
    let routes = Router::new()
        .route("/jwks", routing::get(jwks))
        .route("/.well-known/openid-configuration", routing::get(|| async move { Json(document) }))
        .route("/moved", routing::get(|| async { axum::response::Redirect::temporary("/jwks") }));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    base
}

fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(WAITING_MAX))
}

fn at_url(url: &str, refetch_min: Duration) -> Arc<Keys> {
    let mut issuer = issuer("https://id", None);
    issuer.jwks_url = Some(url.to_owned());
    Arc::new(Keys::with_refetch_min(&issuer, places(), refetch_min).unwrap())
}

#[tokio::test]
async fn keys_rotate_over_http() {
    let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("old")]})));
    let hits = Arc::new(AtomicUsize::new(0));
    let keys = at_url(&format!("{}/jwks", serve(set.clone(), hits.clone()).await), Duration::ZERO);
    assert!(keys.get("old").await.is_ok());
    assert!(keys.get("old").await.is_ok());
    assert_eq!(hits.load(Ordering::SeqCst), 1, "a known key needs no request");
    set.store(Arc::new(json!({"keys": [key("new")]})));
    assert!(keys.get("new").await.is_ok());
    assert_eq!(keys.get("old").await.unwrap_err().reason(), "TOKEN_INVALID", "a withdrawn key is gone");
}

#[tokio::test]
async fn unknown_keys_do_not_flood_the_issuer() {
    let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("a")]})));
    let hits = Arc::new(AtomicUsize::new(0));
    let keys = at_url(&format!("{}/jwks", serve(set, hits.clone()).await), REFETCH_MIN);
    let tries = (0..50).map(|n| {
        let keys = keys.clone();
        async move { keys.get(&format!("made-up-{n}")).await.map(|_| ()).unwrap_err().reason() }
    });
    let reasons = futures::future::join_all(tries).await;
    assert!(reasons.iter().all(|r| *r == "TOKEN_INVALID"));
    assert!(keys.get("a").await.is_ok());
    assert_eq!(hits.load(Ordering::SeqCst), 1);
}

/// A server that takes connections, counts them, and never answers.
async fn silent(taken: Arc<AtomicUsize>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            taken.fetch_add(1, Ordering::SeqCst);
            open.push(connection);
        }
    });
    url
}

/// Time passes as soon as everybody waits.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_keeps_few_callers_and_none_of_them_for_long() {
    let taken = Arc::new(AtomicUsize::new(0));
    let hanging = [at_url(&silent(taken.clone()).await, REFETCH_MIN), at_url(&silent(taken.clone()).await, REFETCH_MIN)];
    let places = places();
    let hanging = hanging.map(|keys| Arc::new(Keys { waiting: places.clone(), ..Arc::into_inner(keys).unwrap() }));
    let start = tokio::time::Instant::now();
    let callers = (0..100).map(|n| {
        let keys = hanging[n % 2].clone();
        async move { (keys.get(&format!("made-up-{n}")).await.map(|_| ()).unwrap_err(), start.elapsed()) }
    });
    let answers = futures::future::join_all(callers).await;
    assert!(answers.iter().all(|(error, _)| error.reason() == "UNAVAILABLE" && error.retry_after().is_some()));
    assert_eq!(answers.iter().filter(|(_, after)| *after == Duration::ZERO).count(), 100 - WAITING_MAX, "the others wait for nothing");
    assert!(answers.iter().all(|(_, after)| *after <= WAIT + Duration::from_millis(1)));
    assert_eq!(places.available_permits(), WAITING_MAX);
    tokio::time::advance(FETCH_TIMEOUT).await;
    assert_eq!(taken.load(Ordering::SeqCst), 2, "one read per issuer");
    assert_eq!(hanging[0].get("late").await.unwrap_err().reason(), "UNAVAILABLE");
    assert_eq!(taken.load(Ordering::SeqCst), 2, "and none soon after");
}

#[tokio::test(start_paused = true)]
async fn known_keys_do_not_wait_and_old_ones_are_read_again_once() {
    let taken = Arc::new(AtomicUsize::new(0));
    let keys = at_url(&silent(taken.clone()).await, Duration::ZERO);
    let set = parse(json!({"keys": [key("a")]}).to_string().as_bytes()).unwrap();
    let old = Instant::now().checked_sub(AGE_MAX * 2).unwrap();
    keys.loaded.store(Arc::new(Loaded { set, at: Some(old) }));
    let start = tokio::time::Instant::now();
    for _ in 0..100 {
        assert!(keys.get("a").await.is_ok());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(keys.get("b").await.unwrap_err().reason(), "UNAVAILABLE", "nobody knows yet whether there is one");
    assert!(keys.get("a").await.is_ok());
    assert_eq!(taken.load(Ordering::SeqCst), 1, "{:?}", start.elapsed());
}

#[tokio::test]
async fn keys_are_discovered_below_the_issuer() {
    let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("a")]})));
    let base = serve(set, Arc::default()).await;
    let keys = Arc::new(Keys::new(&issuer(&base, None), places()).unwrap());
    assert!(keys.get("a").await.is_ok());
    let other = Arc::new(Keys::new(&issuer(&base.replace("127.0.0.1", "localhost"), None), places()).unwrap());
    assert_eq!(other.get("a").await.unwrap_err().reason(), "UNAVAILABLE", "the document must name the issuer itself");
}

#[tokio::test]
async fn an_issuer_that_is_down_is_not_the_callers_fault_and_keeps_its_keys() {
    let down = at_url("http://127.0.0.1:1/jwks", Duration::ZERO);
    assert_eq!(down.get("a").await.unwrap_err().reason(), "UNAVAILABLE");
    let set = Arc::new(ArcSwap::from_pointee(json!({"keys": [key("a")]})));
    let base = serve(set.clone(), Arc::default()).await;
    let moved = at_url(&format!("{base}/moved"), Duration::ZERO);
    assert_eq!(moved.get("a").await.unwrap_err().reason(), "UNAVAILABLE", "redirects are not followed");
    let keys = at_url(&format!("{base}/jwks"), Duration::ZERO);
    assert!(keys.get("a").await.is_ok());
    set.store(Arc::new(json!("broken")));
    assert_eq!(keys.get("b").await.unwrap_err().reason(), "TOKEN_INVALID");
    assert!(keys.get("a").await.is_ok());
}

#[tokio::test]
async fn keys_in_a_file_are_read_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({"keys": [key("a")]}).to_string()).unwrap();
    let mut issuer = issuer("https://id", None);
    issuer.jwks_file = Some(file.path().to_owned());
    let keys = Arc::new(Keys::with_refetch_min(&issuer, places(), Duration::ZERO).unwrap());
    assert!(keys.get("a").await.is_ok());
    std::fs::write(file.path(), json!({"keys": [key("b")]}).to_string()).unwrap();
    assert!(keys.get("b").await.is_ok());
}

#[test]
fn only_keys_for_signatures_of_the_three_algorithms_are_used() {
    let mut odd = vec![
        json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
        json!({"kty": "unknown", "kid": "new"}),
        json!({"kty": "EC", "crv": "P-384", "kid": "p384", "x": "AA", "y": "AA"}),
        json!(7),
    ];
    for (field, value) in [("alg", json!("HS256")), ("use", json!("enc")), ("key_ops", json!(["sign"])), ("kid", Value::Null)] {
        let mut changed = key("odd");
        changed[field] = value;
        odd.push(changed);
    }
    assert!(parse(json!({"keys": odd}).to_string().as_bytes()).is_err());
    odd.push(key("sound"));
    let set = parse(json!({"keys": odd}).to_string().as_bytes()).unwrap();
    assert_eq!(set.keys().collect::<Vec<_>>(), ["sound"]);
    assert!(parse(b"{}").is_err() && parse(b"not json").is_err());
}
