use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use stoa_kernel::{Error, Kind};

use super::*;
use crate::{
    LocalKey, ServiceKey, ServiceSigner, ServiceVerifier, TokenRequest,
    testing::{KEY, changed, claims_at, known_issuer},
};

fn access(suspension: Option<Suspension>) -> (Access, Arc<ServiceKey>) {
    let roles = Arc::new(Roles::standard());
    let key = Arc::new(ServiceKey::generate().unwrap());
    let services = ServiceVerifier::new(&key, &["onboard", "sell"]).unwrap();
    let verifier = Verifier::new(vec![known_issuer()], &roles).unwrap().with_services(services);
    let rules = Rules::of_api().unwrap();
    (Access::new(rules, roles, Arc::new(verifier), Clock::system(), suspension), key)
}

/// The context that a service would see, or the refusal.
async fn call(access: &Access, path: &str, headers: &[(&str, &str)]) -> Result<Option<Cx>> {
    let mut request = http::Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let identity = access.authenticate(path, &parts.headers).await?;
    access.admit(identity, &mut parts).await?;
    assert!(!parts.headers.contains_key(AUTHORIZATION), "no service may see the token");
    assert_eq!(parts.extensions.get::<Cx>().is_some(), parts.extensions.get::<Identity>().is_some());
    Ok(parts.extensions.remove::<Cx>())
}

fn reason(error: &Error) -> (Kind, &'static str) {
    (error.kind(), error.reason().as_str())
}

fn bearer_of(field: &str, value: Value) -> String {
    format!("Bearer {}", KEY.sign(&changed(claims_at(wall_now()), field, value)).unwrap())
}

fn partner_token() -> String {
    let claims = changed(claims_at(wall_now()), "roles", json!(["partner_user"]));
    format!("Bearer {}", KEY.sign(&changed(claims, "partner", json!("partners/p1"))).unwrap())
}

const GET_PARTNER: &str = "/stoa.onboard.v1.PartnerService/GetPartner";
const UPDATE_SETTINGS: &str = "/stoa.onboard.v1.TenantSettingsService/UpdateTenantSettings";
const READ_EVENTS: &str = "/stoa.events.v1.EventService/ReadEvents";

#[tokio::test]
async fn in_one_process_too_a_service_token_opens_one_service() {
    let (access, key) = access(None);
    let cx = Cx::service("acme", "enable", &Clock::system(), "");
    let token = |target: &str| format!("Bearer {}", ServiceSigner::new(key.clone(), "enable").sign(target, &cx, wall_now()).unwrap());
    let open = async |target: &str, path: &str| call(&access, path, &[("authorization", &token(target))]).await;
    assert!(open("onboard", GET_PARTNER).await.is_ok());
    let refused = open("sell", GET_PARTNER).await.unwrap_err();
    assert_eq!(reason(&refused), (Kind::Unauthenticated, "TOKEN_INVALID"));
    assert_eq!(open("sell", READ_EVENTS).await.unwrap().unwrap().caller.target, "sell", "the log's API compares");
}

#[tokio::test]
async fn a_caller_with_the_permission_gets_a_context() {
    let (access, _) = access(None);
    let token = bearer_of("roles", json!(["cam"]));
    let headers = [("authorization", token.as_str()), ("x-request-id", "r-1"), ("grpc-timeout", "2S")];
    let cx = call(&access, GET_PARTNER, &headers).await.unwrap().unwrap();
    assert_eq!((cx.tenant.as_str(), cx.caller.subject.as_str(), cx.request_id.as_str()), ("acme", "persons/ann", "r-1"));
    let left = cx.deadline.unwrap() - Instant::now();
    assert!(left <= Duration::from_secs(2) && left > Duration::from_secs(1));

    let odd = [("authorization", token.as_str()), ("x-request-id", "a b\tc"), ("grpc-timeout", "123456789S")];
    let cx = call(&access, GET_PARTNER, &odd).await.unwrap().unwrap();
    assert_eq!((cx.request_id.len(), cx.deadline), (36, None));
}

#[tokio::test]
async fn refusals_name_a_reason() {
    let (access, _) = access(None);
    let invalid = (Kind::Unauthenticated, "TOKEN_INVALID");
    assert_eq!(reason(&call(&access, GET_PARTNER, &[]).await.unwrap_err()), invalid);
    for odd in ["Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer \u{fc}"] {
        assert_eq!(reason(&call(&access, GET_PARTNER, &[("authorization", odd)]).await.unwrap_err()), invalid, "{odd}");
    }
    let token = bearer_of("roles", json!(["cam"]));
    let status = call(&access, UPDATE_SETTINGS, &[("authorization", &token)]).await.unwrap_err();
    assert_eq!(reason(&status), (Kind::PermissionDenied, "PERMISSION_MISSING"));
    assert!(status.metadata().contains(&("permission".into(), "tenantSettings.write".to_owned())));
    let none = bearer_of("roles", Value::Null);
    assert!(call(&access, GET_PARTNER, &[("authorization", &none)]).await.unwrap_err().message().contains("without roles"));
}

#[tokio::test]
async fn methods_without_a_rule_are_refused_for_everyone() {
    let (access, _) = access(None);
    let token = bearer_of("roles", json!(["cam"]));
    for path in
        ["/", "/stoa.onboard.v1.PartnerService/Nothing", "/grpc.health.v1.Health/Other", "/stoa.onboard.v1.PartnerService/GetPartner/"]
    {
        for headers in [&[] as &[_], &[("authorization", token.as_str())]] {
            let status = call(&access, path, headers).await.unwrap_err();
            assert_eq!(reason(&status), (Kind::PermissionDenied, "NO_ACCESS_RULE"), "{path}");
        }
    }
}

#[tokio::test]
async fn health_is_public_and_reflection_is_for_every_caller() {
    let (access, _) = access(None);
    assert!(call(&access, "/grpc.health.v1.Health/Check", &[]).await.unwrap().is_none());
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    assert_eq!(call(&access, reflection, &[]).await.unwrap_err().kind(), Kind::Unauthenticated);
    let none = bearer_of("roles", json!([]));
    assert!(call(&access, reflection, &[("authorization", &none)]).await.is_ok());
}

#[tokio::test]
async fn internal_methods_are_for_services() {
    let (access, key) = access(None);
    let token = bearer_of("roles", json!(["cam"]));
    let status = call(&access, READ_EVENTS, &[("authorization", &token)]).await.unwrap_err();
    assert_eq!(reason(&status), (Kind::PermissionDenied, "PERMISSION_MISSING"));

    let signer = ServiceSigner::new(key, "sell");
    let service = |tenant: &str| {
        let cx = Cx::service(tenant, "sell", &Clock::system(), "");
        format!("Bearer {}", signer.sign("onboard", &cx, wall_now()).unwrap())
    };
    assert!(call(&access, READ_EVENTS, &[("authorization", &service(""))]).await.is_ok());
    assert!(call(&access, GET_PARTNER, &[("authorization", &service("acme"))]).await.is_ok());
    assert!(call(&access, GET_PARTNER, &[("authorization", &service(""))]).await.is_err(), "an object belongs to a tenant");
    assert!(call(&access, UPDATE_SETTINGS, &[("authorization", &service("acme"))]).await.is_err());
}

#[tokio::test]
async fn a_suspended_partner_is_refused() {
    let suspended = Arc::new(AtomicBool::new(false));
    let state = suspended.clone();
    let hook: Suspension = Arc::new(move |tenant, partner| {
        assert_eq!((tenant, partner), ("acme", "p1"));
        let answer = state.load(Ordering::SeqCst);
        Box::pin(async move { Ok(answer) })
    });
    let (access, _) = access(Some(hook));
    let token = partner_token();
    let cx = call(&access, GET_PARTNER, &[("authorization", &token)]).await.unwrap().unwrap();
    assert_eq!(cx.caller.reach, Reach::Partner("p1".to_owned()));
    suspended.store(true, Ordering::SeqCst);
    let status = call(&access, GET_PARTNER, &[("authorization", &token)]).await.unwrap_err();
    assert_eq!(reason(&status), (Kind::PermissionDenied, "PARTNER_SUSPENDED"));
    let vendor = bearer_of("roles", json!(["cam"]));
    assert!(call(&access, GET_PARTNER, &[("authorization", &vendor)]).await.is_ok());
}

#[tokio::test]
async fn the_development_key_signs_for_everybody() {
    let roles = Arc::new(Roles::standard());
    let key = LocalKey::generate().unwrap();
    let verifier = Verifier::new(Vec::new(), &roles).unwrap().with_local_key(&key, &roles).unwrap();
    let access = Access::new(Rules::of_api().unwrap(), roles, Arc::new(verifier), Clock::system(), None);
    let request = TokenRequest {
        tenant: "any".to_owned(),
        subject: "dev".to_owned(),
        roles: vec!["admin".to_owned()],
        ttl_s: 60,
        ..TokenRequest::default()
    };
    let token = format!("bearer {}", key.sign(&request).unwrap());
    assert_eq!(call(&access, UPDATE_SETTINGS, &[("authorization", &token)]).await.unwrap().unwrap().tenant, "any");
    assert!(key.sign(&TokenRequest { ttl_s: 0, ..request.clone() }).is_err());
    assert!(key.sign(&TokenRequest { ttl_s: u32::MAX, ..request }).is_err());
}

#[test]
fn timeouts_are_read_as_specified() {
    let read = |text: &str| timeout(&HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), text.parse().unwrap())]));
    assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
    assert_eq!(read("99999999m"), Some(Duration::from_millis(99_999_999)));
    for bad in ["", "S", "1", "1s", "-1S", "1.5S", "123456789S"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
