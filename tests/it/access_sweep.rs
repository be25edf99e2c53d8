//! Every method against every kind of caller.

use anyhow::Result;
use stoa_auth::{Roles, Rules, TokenRequest};
use stoa_proto::describe::{self, Access};
use stoa_tests::TestSuite;
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|i| i.reason.clone()).unwrap_or_default()
}

fn token(suite: &TestSuite, role: &str) -> Result<String> {
    suite.token_of(TokenRequest {
        roles: vec![role.to_owned()],
        partner: role.starts_with("partner_").then(|| "nobody".to_owned()),
        connector: (role == "connector").then(|| "nothing".to_owned()),
        ..TokenRequest::default()
    })
}

#[test]
fn the_access_matrix_is_what_is_checked_in() -> Result<()> {
    let rules = Rules::of_api().map_err(|e| anyhow::anyhow!("{e:?}"))?;
    stoa_tests::check_snapshot("access_matrix.txt", &stoa_auth::matrix(&rules, &Roles::standard()))
}

#[tokio::test]
async fn without_a_token_no_method_answers() -> Result<()> {
    let suite = TestSuite::start().await?;
    let mut tried = 0;
    for method in describe::methods().filter(|m| describe::access(m) != Access::Public) {
        let path = describe::path(&method);
        for token in ["", "not-a-token", "a.b.c"] {
            let status = suite.grpc(&path, token).await?;
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "TOKEN_INVALID"), "{path} with `{token}`");
        }
        tried += 1;
    }
    assert!(tried > 80, "only {tried} methods");
    suite.finish().await
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused_everywhere() -> Result<()> {
    let suite = TestSuite::start().await?;
    let roles = Roles::standard();
    let mut refused = 0;
    // Nobody signs a user token with the role of services.
    for role in roles.names().filter(|r| *r != stoa_auth::SERVICE) {
        let token = token(&suite, role)?;
        for method in describe::methods() {
            let path = describe::path(&method);
            let may = match describe::access(&method) {
                Access::Public => true,
                Access::Permission(permission) => roles.grants(role, &permission),
                Access::Internal | Access::None => false,
            };
            if !may {
                let status = suite.grpc(&path, &token).await?;
                assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "PERMISSION_MISSING"), "{role} at {path}");
                refused += 1;
            }
        }
    }
    assert!(refused > 300, "only {refused} refusals");
    suite.finish().await
}

#[tokio::test]
async fn the_administrator_is_let_through_everywhere_but_to_internal_methods() -> Result<()> {
    let suite = TestSuite::start().await?;
    let admin = suite.admin()?;
    for method in describe::methods() {
        let path = describe::path(&method);
        let status = suite.grpc(&path, &admin).await?;
        if describe::access(&method) == Access::Internal {
            assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "PERMISSION_MISSING"), "{path}");
            continue;
        }
        let shut = [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented, Code::Internal, Code::Unknown];
        assert!(!shut.contains(&status.code()), "{path}: {status:?}");
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
