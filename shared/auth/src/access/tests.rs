use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use stoa_kernel::{Error, Kind};

use super::*;
use crate::{
    Link, LinkKey, LocalKey, ServiceKey, ServiceSigner, ServiceVerifier, TokenRequest,
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
    if let Some(identity) = &identity {
        access.judge(path, identity)?;
    }
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
    let cx = call(&access, GET_PARTNER, &[("authorization", token.as_str())]).await.unwrap().unwrap();
    assert_eq!((cx.tenant.as_str(), cx.caller.subject.as_str()), ("acme", "persons/ann"));
    // A proxy could have checked the other one.
    for other in [token.as_str(), "Bearer none"] {
        let twice = call(&access, GET_PARTNER, &[("authorization", token.as_str()), ("authorization", other)]).await.unwrap_err();
        assert_eq!(reason(&twice), (Kind::Unauthenticated, "TOKEN_INVALID"));
        assert!(twice.message().contains("twice"), "{}", twice.message());
    }
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

/// Access to two methods by links: one that takes a form, and one that takes
/// webhooks.
fn linked() -> (Access, LinkKey) {
    let key = ServiceKey::generate().unwrap().link_key().unwrap();
    let rule = |webhook| Rule::Signed { permission: "forms.submit".to_owned(), webhook };
    let rules = Rules::from_table([("/x.Forms/Submit".to_owned(), rule(false)), ("/x.Hooks/Receive".to_owned(), rule(true))]);
    let roles = Arc::new(Roles::standard());
    let verifier = Verifier::new(vec![known_issuer()], &roles).unwrap();
    (Access::new(rules, roles, Arc::new(verifier), Clock::system(), None).with_links(key.clone()), key)
}

fn spring(permission: &str, person: &str) -> Link {
    Link {
        tenant: "acme".to_owned(),
        object: "forms/spring".to_owned(),
        permission: permission.to_owned(),
        person: person.to_owned(),
        expires: wall_now().plus_hours(1),
    }
}

#[tokio::test]
async fn a_link_opens_one_object_and_a_token_does_not() {
    let (access, key) = linked();
    let open = async |headers: &[(&str, &str)]| call(&access, "/x.Forms/Submit", headers).await;
    let link = key.sign(&spring("forms.submit", "")).unwrap();
    let cx = open(&[("stoa-link", &link)]).await.unwrap().unwrap();
    assert_eq!((cx.tenant.as_str(), cx.caller.reach.clone()), ("acme", Reach::Object("forms/spring".to_owned())));
    assert_eq!((cx.linked_object().unwrap(), cx.caller.roles.len()), ("forms/spring", 0));
    assert!(
        cx.require_tenant_reach().is_err() && cx.require_own("deals/1", "p1").is_err() && cx.partner_for_write("partner", "p1").is_err()
    );
    let personal = key.sign(&spring("forms.submit", "persons/pat")).unwrap();
    assert_eq!(open(&[("stoa-link", &personal)]).await.unwrap().unwrap().caller.subject, "persons/pat");

    let invalid = (Kind::Unauthenticated, "LINK_INVALID");
    let token = bearer_of("roles", json!(["admin"]));
    assert_eq!(reason(&open(&[]).await.unwrap_err()), invalid);
    assert_eq!(reason(&open(&[("authorization", &token)]).await.unwrap_err()), invalid, "no role opens it");
    let other = key.sign(&spring("forms.read", "")).unwrap();
    assert_eq!(reason(&open(&[("stoa-link", &other)]).await.unwrap_err()), invalid);
    let (_, stranger) = linked();
    assert_eq!(reason(&open(&[("stoa-link", &stranger.sign(&spring("forms.submit", "")).unwrap())]).await.unwrap_err()), invalid);

    // And a link opens no method that takes a token.
    let (tokens, _) = self::access(None);
    assert_eq!(reason(&call(&tokens, GET_PARTNER, &[("stoa-link", &link)]).await.unwrap_err()), (Kind::Unauthenticated, "TOKEN_INVALID"));
}

#[tokio::test]
async fn a_webhook_is_signed_with_the_secret_of_its_object() {
    let (access, key) = linked();
    assert!(access.is_webhook("/x.Hooks/Receive") && !access.is_webhook("/x.Forms/Submit") && !access.is_webhook("/x"));
    let link = key.sign(&spring("forms.submit", "")).unwrap();
    let headers = http::HeaderMap::from_iter([(http::HeaderName::from_static("stoa-link"), link.parse().unwrap())]);
    let identity = access.authenticate("/x.Hooks/Receive", &headers).await.unwrap().unwrap();
    let unsigned = access.verify_webhook(&identity, &headers, b"{}").unwrap_err();
    assert_eq!(reason(&unsigned), (Kind::Unauthenticated, "LINK_INVALID"));

    let secret = key.webhook_secrets("acme", "forms/spring").next().unwrap();
    let time = (wall_now().micros() / 1_000_000).to_string();
    let signed = |body: &[u8]| {
        let text = [b"m-1.", time.as_bytes(), b".", body].concat();
        let signature = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret), &text);
        let values = [
            "m-1".to_owned(),
            time.clone(),
            format!("v1,{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature)),
        ];
        http::HeaderMap::from_iter(crate::webhook::HEADERS.into_iter().zip(values.map(|value| value.parse().unwrap())))
    };
    access.verify_webhook(&identity, &signed(b"{}"), b"{}").unwrap();
    assert!(access.verify_webhook(&identity, &signed(b"{}"), b"{ }").is_err());
}

#[test]
fn a_service_does_not_pass_on_a_caller_with_a_link() {
    let key = Arc::new(ServiceKey::generate().unwrap());
    let mut cx = Cx::service("acme", "onboard", &Clock::system(), "");
    cx.caller.reach = Reach::Object("forms/spring".to_owned());
    assert!(ServiceSigner::new(key, "onboard").sign("sell", &cx, wall_now()).is_err());
}
