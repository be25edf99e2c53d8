//! Calls every method as every kind of caller.

use anyhow::Result;
use serde_json::Value as Json;
use stoa_auth::{Roles, Rules, TokenRequest};
use stoa_proto::describe::{self, Access};
use stoa_tests::{TestSuite, requests::Requests};
use tonic::{Code, Status};

use crate::sweep::{call, reason};

fn token(suite: &TestSuite, role: &str) -> Result<String> {
    suite.token_of(TokenRequest {
        roles: vec![role.to_owned()],
        partner: role.starts_with("partner_").then(|| "nobody".to_owned()),
        connector: (role == "connector").then(|| "nothing".to_owned()),
        ..TokenRequest::default()
    })
}

fn is_shut(status: &Status) -> bool {
    (status.code(), reason(status).as_str()) == (Code::PermissionDenied, "PERMISSION_MISSING")
}

/// Whether the method is opened by links and not by tokens.
fn is_for_links(status: &Status) -> bool {
    (status.code(), reason(status).as_str()) == (Code::Unauthenticated, "LINK_INVALID")
}

/// The reason that a caller gets who has nothing that opens a method.
fn unknown(access: &Access) -> &'static str {
    if matches!(access, Access::Signed { .. }) { "LINK_INVALID" } else { "TOKEN_INVALID" }
}

#[test]
fn the_access_matrix_matches_its_snapshot() -> Result<()> {
    let rules = Rules::of_api().map_err(|e| anyhow::anyhow!("{e:?}"))?;
    stoa_tests::check_snapshot("access_matrix.txt", &stoa_auth::matrix(&rules, &Roles::standard()))
}

#[test]
fn every_method_requires_a_token_or_a_link() {
    let open = |access: &Access| matches!(access, Access::None | Access::Public);
    let open: Vec<String> = describe::methods().filter(|m| open(&describe::access(m))).map(|m| describe::path(&m)).collect();
    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_token_no_method_answers() -> Result<()> {
    let suite = TestSuite::start().await?;
    for method in describe::methods() {
        let path = describe::path(&method);
        for token in ["", "not-a-token", "a.b.c"] {
            let status = suite.grpc(&path, token).await?;
            let refused = (Code::Unauthenticated, unknown(&describe::access(&method)));
            assert_eq!((status.code(), reason(&status).as_str()), refused, "{path} with `{token}`");
        }
    }
    suite.finish().await
}

/// A role has access to the methods that its permissions name and to no others,
/// streams and internal methods included. The role of services is left out: no
/// user's token is signed with it.
#[tokio::test]
async fn every_role_has_access_to_what_the_matrix_says() -> Result<()> {
    let suite = TestSuite::start().await?;
    let roles = Roles::standard();
    let requests = Requests::new("role", suite.now());
    let (mut vendors, mut partners) = (requests.clone(), requests.without_ids());
    for role in roles.names().filter(|r| *r != stoa_auth::SERVICE) {
        let token = token(&suite, role)?;
        let requests = if role.starts_with("partner_") { &mut partners } else { &mut vendors };
        for method in describe::methods() {
            let may = matches!(describe::access(&method), Access::Permission(permission) if roles.grants(role, &permission));
            let request = requests.build(&method, &Json::Null)?;
            let shut = call(&suite, &method, &request, &token).await?.is_err_and(|status| is_shut(&status) || is_for_links(&status));
            assert_eq!(shut, !may, "{role} at {}", method.full_name());
        }
    }
    suite.finish().await
}

/// Internal methods answer the services of the suite.
#[tokio::test]
async fn services_have_access_to_internal_methods() -> Result<()> {
    let suite = TestSuite::start().await?;
    let (service, mut requests) = (suite.service("acme")?, Requests::new("service", suite.now()));
    for method in describe::methods().filter(|m| describe::access(m) == Access::Internal) {
        let request = requests.build(&method, &Json::Null)?;
        assert!(call(&suite, &method, &request, &service).await?.is_ok(), "{}", method.full_name());
    }
    suite.finish().await
}

#[tokio::test]
async fn a_method_without_a_rule_is_refused() -> Result<()> {
    let suite = TestSuite::start().await?;
    let status = suite.grpc("/stoa.onboard.v1.PartnerService/Forgotten", &suite.admin()?).await?;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "NO_ACCESS_RULE"));
    suite.finish().await
}
