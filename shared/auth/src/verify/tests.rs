use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

use super::*;
use crate::{
    key::SigningKey,
    testing::{KEY, changed, claims, issuer, known_issuer, now},
};

fn verifier() -> Verifier {
    Verifier::new(vec![known_issuer()], &Roles::standard()).unwrap()
}

async fn verify(claims: Value) -> Result<Identity> {
    verifier().verify(&KEY.sign(&claims).unwrap(), now()).await
}

/// The message about a token that is refused.
async fn refusal(claims: Value) -> String {
    let error = verify(claims.clone()).await.expect_err(&claims.to_string());
    assert_eq!(error.reason(), "TOKEN_INVALID");
    error.message().to_owned()
}

#[tokio::test]
async fn a_valid_token_identifies_the_caller() {
    let identity = verify(claims()).await.unwrap();
    assert_eq!((identity.tenant.as_str(), identity.caller.subject.as_str()), ("acme", "persons/ann"));
    assert_eq!((identity.caller.reach, identity.internal), (Reach::Tenant, false));
    assert_eq!(identity.expires, now().plus_micros(600_000_000));
    assert!(verify(changed(claims(), "aud", json!(["other", "stoa-too"]))).await.is_ok());
    let two = verify(changed(claims(), "roles", json!("cam  analyst"))).await.unwrap();
    assert_eq!(two.caller.roles.len(), 2);
}

#[tokio::test]
async fn every_claim_is_needed_and_must_have_its_type() {
    for field in ["iss", "sub", "aud", "exp", "tenant"] {
        for value in [Value::Null, json!({}), json!(true)] {
            let message = refusal(changed(claims(), field, value.clone())).await;
            assert!(message.contains(field) || message.contains("a claim of the token"), "{field} {value}: {message}");
        }
    }
    for field in ["sub", "tenant", "partner", "connector"] {
        assert!(refusal(changed(claims(), field, json!(""))).await.contains("is empty"), "{field}");
    }
    assert!(refusal(changed(claims(), "roles", json!([7]))).await.contains("`roles`"));
    assert!(refusal(changed(claims(), "exp", json!("9999999999"))).await.contains("`exp`"));
}

#[tokio::test]
async fn claims_that_the_issuer_may_not_make_are_refused() {
    assert!(refusal(changed(claims(), "iss", json!("https://other"))).await.contains("issuer is not configured"));
    assert!(refusal(changed(claims(), "aud", json!("another"))).await.contains("another audience"));
    assert!(refusal(changed(claims(), "aud", json!([]))).await.contains("another audience"));
    assert!(refusal(changed(claims(), "tenant", json!("globex"))).await.contains("may not speak for its tenant"));
    for role in ["admin", "platform", "service", "made_up"] {
        assert!(refusal(changed(claims(), "roles", json!([role]))).await.contains(role));
    }
}

#[tokio::test]
async fn settings_decide_which_roles_an_issuer_may_grant() {
    let roles = Roles::standard();
    let with = |granted: &[&str]| {
        let mut issuer = known_issuer();
        issuer.tenants = vec!["*".to_owned()];
        issuer.roles = granted.iter().map(|r| (*r).to_owned()).collect();
        Verifier::new(vec![issuer], &roles)
    };
    let token = |role: &str| KEY.sign(&changed(changed(claims(), "roles", json!([role])), "tenant", json!("globex"))).unwrap();
    let verifier = with(&["admin"]).unwrap();
    assert!(verifier.verify(&token("admin"), now()).await.is_ok());
    assert!(verifier.verify(&token("cam"), now()).await.is_err());
    assert!(with(&["service"]).is_err() && with(&["made_up"]).is_err());
    let odd = KEY.sign(&changed(claims(), "tenant", json!("No Tenant"))).unwrap();
    assert!(verifier.verify(&odd, now()).await.is_err());
}

#[tokio::test]
async fn validity_is_checked_with_thirty_seconds_of_leeway() {
    let token = KEY.sign(&claims()).unwrap();
    let at = async |seconds: i64| verifier().verify(&token, now().plus_micros(seconds * 1_000_000)).await;
    assert!(at(629).await.is_ok());
    assert!(at(630).await.unwrap_err().message().contains("expired"));
    let second = now().micros() / 1_000_000;
    assert!(verify(changed(claims(), "nbf", json!(second + 30))).await.is_ok());
    assert!(refusal(changed(claims(), "nbf", json!(second + 31))).await.contains("not valid yet"));
    assert!(verify(changed(claims(), "exp", json!(second as f64 + 0.5))).await.is_ok());
    assert!(refusal(changed(claims(), "exp", json!(1e300))).await.contains("`exp`"));
}

#[tokio::test]
async fn partner_roles_and_partners_go_together() {
    let of = |roles: Value, partner: Value| changed(changed(claims(), "roles", roles), "partner", partner);
    for partner in ["p1", "partners/p1"] {
        let identity = verify(of(json!(["partner_admin", "partner_user"]), json!(partner))).await.unwrap();
        assert_eq!(identity.caller.reach, Reach::Partner("p1".to_owned()));
    }
    assert!(refusal(of(json!(["partner_user"]), Value::Null)).await.contains("names no partner"));
    assert!(refusal(of(json!(["cam"]), json!("p1"))).await.contains("vendor role"));
    assert!(refusal(of(json!(["partner_user", "cam"]), json!("p1"))).await.contains("vendor role"));
    assert!(refusal(of(json!(["partner_user"]), json!("deals/p1"))).await.contains("not a valid ID"));
}

#[tokio::test]
async fn connectors_are_bound_to_a_registration() {
    let of = |roles: Value, connector: Value| changed(changed(claims(), "roles", roles), "connector", connector);
    let identity = verify(of(json!(["connector"]), json!("crmConnectors/sf"))).await.unwrap();
    assert_eq!((identity.caller.connector.as_str(), identity.caller.reach), ("sf", Reach::Tenant));
    assert!(refusal(of(json!(["connector"]), Value::Null)).await.contains("no connector registration"));
    assert!(refusal(of(json!(["cam"]), json!("sf"))).await.contains("lacks the role"));
    assert!(refusal(of(json!(["connector", "cam"]), json!("sf"))).await.contains("another one"));
}

#[tokio::test]
async fn subjects_become_persons_and_never_email_addresses() {
    let subject = async |sub: &str| verify(changed(claims(), "sub", json!(sub))).await.unwrap().caller.subject;
    assert_eq!(subject("persons/ann").await, "persons/ann");
    assert_eq!(subject("services/erp").await, "services/erp");
    let hidden = subject("ann@example.com").await;
    assert!(hidden.starts_with("persons/") && !hidden.contains("example"), "{hidden}");
    assert_eq!(hidden, subject("ann@example.com").await);
    for ours in ["services/sell", "services/gateway", "services/"] {
        assert!(refusal(changed(claims(), "sub", json!(ours))).await.contains("service of the suite"));
    }
}

#[tokio::test]
async fn equal_subjects_of_two_issuers_are_two_persons() {
    let outside = |name: &str| Issuer { subjects: Subjects::Derived, ..issuer(name, Some(crate::key::jwks([&*KEY]))) };
    let verifier = Verifier::new(vec![known_issuer(), outside("https://a"), outside("https://b")], &Roles::standard()).unwrap();
    let subject = async |iss: &str, sub: &str| {
        let token = KEY.sign(&changed(changed(claims(), "iss", json!(iss)), "sub", json!(sub))).unwrap();
        let caller = verifier.verify(&token, now()).await.unwrap().caller;
        assert_eq!(caller.issuer, iss);
        caller.subject
    };
    for sub in ["pat", "persons/pat", "services/erp", "pat@example.com"] {
        let all = [subject(crate::testing::ISSUER, sub).await, subject("https://a", sub).await, subject("https://b", sub).await];
        assert_eq!(BTreeSet::from(all.clone()).len(), 3, "{sub}: {all:?}");
        assert_eq!(subject("https://a", sub).await, all[1], "the same person every time");
        assert!(all.iter().all(|name| name.starts_with("services/") == sub.starts_with("services/")), "{all:?}");
    }
    assert_eq!(subject(crate::testing::ISSUER, "pat").await, "persons/pat");
}

#[tokio::test]
async fn claims_may_have_other_names() {
    let mut issuer = known_issuer();
    issuer.claims.tenant = "https://stoa.example/tenant".to_owned();
    issuer.claims.subject = "oid".to_owned();
    let verifier = Verifier::new(vec![issuer], &Roles::standard()).unwrap();
    let renamed = changed(changed(claims(), "https://stoa.example/tenant", json!("acme")), "oid", json!("u-7"));
    let token = KEY.sign(&changed(renamed, "tenant", json!("globex"))).unwrap();
    let identity = verifier.verify(&token, now()).await.unwrap();
    assert_eq!((identity.tenant.as_str(), identity.caller.subject.as_str()), ("acme", "persons/u-7"));
}

/// A token with this header and valid claims, signed by `sign`.
fn forged(header: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims().to_string()));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(sign(message.as_bytes())))
}

#[tokio::test]
async fn the_header_does_not_choose_the_algorithm() {
    let jwk = KEY.jwk();
    let kid = jwk["kid"].as_str().unwrap();
    let public = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    // The public key used as a shared secret.
    let hmac = |message: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &public);
        aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
    };
    let verifier = verifier();
    let refused = async |token: String| verifier.verify(&token, now()).await.unwrap_err().reason();
    assert_eq!(refused(forged(&json!({"alg": "HS256", "kid": kid}), hmac)).await, "TOKEN_INVALID");
    for alg in ["none", "None", "RS256", "ES256", "EdDSA"] {
        assert_eq!(refused(forged(&json!({"alg": alg, "kid": kid}), |_| Vec::new())).await, "TOKEN_INVALID", "{alg}");
    }
    let other = SigningKey::generate().unwrap();
    let swapped = other.sign(&claims()).unwrap().replace(other.jwk()["kid"].as_str().unwrap(), kid);
    assert_eq!(refused(swapped).await, "TOKEN_INVALID", "an unknown key");
    let (message, _) = KEY.sign(&claims()).unwrap().rsplit_once('.').map(|(m, s)| (m.to_owned(), s.to_owned())).unwrap();
    assert_eq!(refused(format!("{message}.")).await, "TOKEN_INVALID", "no signature");
    assert_eq!(refused(forged(&json!({"alg": "EdDSA"}), hmac)).await, "TOKEN_INVALID", "no key named");
    assert_eq!(refused(forged(&json!({"alg": "EdDSA", "kid": kid, "crit": ["b64"]}), hmac)).await, "TOKEN_INVALID");
    assert_eq!(refused("x".repeat(TOKEN_BYTES_MAX + 1)).await, "TOKEN_INVALID");
}

#[tokio::test]
async fn es256_and_rs256_work_only_with_their_own_keys() {
    use aws_lc_rs::{encoding::AsDer as _, encoding::Pkcs8V1Der, rsa, signature as sig};
    let rsa_key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let rsa_der: Pkcs8V1Der<'_> = rsa_key.as_der().unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(rsa_der.as_ref()));
    let rsa_key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let ec_der = sig::EcdsaKeyPair::generate_pkcs8(&sig::ECDSA_P256_SHA256_FIXED_SIGNING, &aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let ec_key = EncodingKey::from_ec_der(ec_der.as_ref());
    let public = |key: &EncodingKey, alg, kid: &str| {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, alg).unwrap()).unwrap();
        jwk["kid"] = json!(kid);
        jwk
    };
    let mut rsa_public = public(&rsa_key, Algorithm::RS256, "r");
    // Some issuers publish keys without an algorithm.
    rsa_public.as_object_mut().unwrap().remove("alg");
    let set = json!({"keys": [rsa_public, public(&ec_key, Algorithm::ES256, "e")]}).to_string();
    let verifier = Verifier::new(vec![issuer(crate::testing::ISSUER, Some(set))], &Roles::standard()).unwrap();
    let token = |alg, kid: &str, key: &EncodingKey| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(alg) };
        jsonwebtoken::encode(&header, &claims(), key).unwrap()
    };
    assert!(verifier.verify(&token(Algorithm::RS256, "r", &rsa_key), now()).await.is_ok());
    assert!(verifier.verify(&token(Algorithm::ES256, "e", &ec_key), now()).await.is_ok());
    for wrong in [token(Algorithm::RS512, "r", &rsa_key), token(Algorithm::PS256, "r", &rsa_key), token(Algorithm::RS256, "e", &rsa_key)] {
        assert_eq!(verifier.verify(&wrong, now()).await.unwrap_err().reason(), "TOKEN_INVALID");
    }
}

#[tokio::test]
async fn no_refusal_repeats_the_token() {
    let token = KEY.sign(&changed(claims(), "tenant", json!("globex"))).unwrap();
    let error = verifier().verify(&token, now()).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
}
