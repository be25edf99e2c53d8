//! Rates belong to verified callers and tenants, whatever way they come.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stoa_auth::TokenRequest;
use stoa_tests::{
    Answer,
    door::{
        Connection, Line, Target,
        limit::{CALLER_BURST, CALLER_RATE, REFUSALS, TENANT_BURST, TENANT_RATE},
        web_code, within,
    },
};
use tonic::Code;

use super::{JUNK, LATER, LIST};

const PATH: &str = "/v1/productLines";
/// Requests that are possible at once. One more is possible with each second.
const BURST: u32 = 5;

async fn target() -> Result<Target> {
    Target::start(&[(CALLER_RATE, 1), (CALLER_BURST, BURST.into())]).await
}

async fn get(target: &Target, token: &str) -> Result<Answer> {
    target.http("GET", PATH, &Value::Null, token, &[]).await
}

fn request(subject: &str, ttl_s: u32) -> TokenRequest {
    let (tenant, roles) = ("acme".to_owned(), vec!["analyst".to_owned()]);
    TokenRequest { tenant, subject: subject.to_owned(), roles, ttl_s, ..TokenRequest::default() }
}

/// Counts what is let through from one bucket.
struct Passed {
    since: Instant,
    count: u32,
}

impl Passed {
    fn new() -> Self {
        Self { since: Instant::now(), count: 0 }
    }

    /// More than the bucket holds and has regained cannot have passed.
    fn check(&self, what: &str) -> Result<()> {
        let seconds = u32::try_from(self.since.elapsed().as_secs())? + 1;
        ensure!(self.count <= BURST + seconds, "{what}: {} passed within {seconds} s", self.count);
        Ok(())
    }
}

/// Sends twice what is possible at once. Returns the first refusal.
async fn flood(target: &Target, authorization: &str, passed: &mut Passed) -> Result<Option<Answer>> {
    let mut refused = None;
    for _ in 0..2 * BURST {
        let answer = target.http("GET", PATH, &Value::Null, "", &[("authorization", authorization)]).await?;
        if answer.status == 200 {
            passed.count += 1;
        } else {
            refused.get_or_insert(answer);
        }
    }
    Ok(refused)
}

#[tokio::test]
async fn of_a_caller_do_not_depend_on_how_it_comes() -> Result<()> {
    let target = target().await?;
    let token = target.token(request("ann", 0))?;
    let mut passed = Passed::new();
    flood(&target, &format!("Bearer {token}"), &mut passed).await?.context("REST")?.refused(429, "RATE_LIMITED", "")?;
    for scheme in ["bearer", "BEARER", "BeArEr"] {
        flood(&target, &format!("{scheme} {token}"), &mut passed).await?;
        passed.check(scheme)?;
    }
    flood(&target, &format!("Bearer {}", target.token(request("persons/ann", 1800))?), &mut passed).await?;
    passed.check("another token")?;

    let mut refused = None;
    for _ in 0..2 * BURST {
        let reply = target.grpc(LIST, &[], &token).await?;
        passed.count += u32::from(reply.is_ok());
        refused = refused.or(Some(reply).filter(|reply| !reply.is_ok()));
        let web = target.web(LIST, &[], &token).await?;
        passed.count += u32::from(web_code(&web) == Some(0));
    }
    passed.check("gRPC and gRPC-Web")?;
    let refused = refused.context("gRPC is not limited")?;
    ensure!(refused.status.code() == Code::ResourceExhausted && refused.reason() == "RATE_LIMITED", "{refused:?}");
    ensure!(refused.retry().is_some_and(|delay| !delay.is_zero()), "{refused:?}");

    get(&target, &target.token(request("bob", 0))?).await?.ok()?;
    get(&target, &target.person("globex", "ann", "analyst")?).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn of_a_tenant_are_shared_by_its_callers() -> Result<()> {
    let limits = [(CALLER_RATE, 1), (CALLER_BURST, BURST.into()), (TENANT_RATE, 1), (TENANT_BURST, BURST.into())];
    let target = Target::start(&limits).await?;
    let (mut passed, mut refused) = (Passed::new(), None);
    for nth in 0..4 * BURST {
        let answer = get(&target, &target.token(request(&format!("person-{nth}"), 0))?).await?;
        passed.count += u32::from(answer.status == 200);
        refused = refused.or(Some(answer).filter(|answer| answer.status != 200));
    }
    passed.check("callers of one tenant")?;
    refused.context("a tenant is not limited")?.refused(429, "RATE_LIMITED", "")?;
    get(&target, &target.person("globex", "ann", "analyst")?).await?.ok()?;
    Ok(())
}

/// What a caller may not do counts as well: otherwise a refusal could be asked for
/// without end.
#[tokio::test]
async fn hold_for_what_a_caller_may_not_do() -> Result<()> {
    let target = target().await?;
    let token = target.token(request("ann", 0))?;
    let (mut denied, mut limited) = (Passed::new(), 0);
    for _ in 0..2 * BURST {
        let answer = target.http("POST", PATH, &json!({"displayName": "A"}), &token, &[]).await?;
        match answer.status {
            403 => denied.count += 1,
            _ => {
                answer.refused(429, "RATE_LIMITED", "")?;
                limited += 1;
            }
        }
    }
    denied.check("denied calls")?;
    ensure!(denied.count > 0 && limited > 0, "{} denied, {limited} limited", denied.count);
    let reply = target.grpc("/stoa.sell.v1.ProductLineService/CreateProductLine", &[], &target.token(request("bob", 0))?).await?;
    ensure!(reply.status.code() == Code::PermissionDenied, "another caller has its own rate: {reply:?}");
    Ok(())
}

/// Behind one address there are strangers and callers. Whoever sends junk from it
/// stops neither those whose tokens are known nor those elsewhere.
#[tokio::test]
async fn of_strangers_belong_to_their_address() -> Result<()> {
    let target = Target::start(&[(REFUSALS, 1)]).await?;
    let (shared, elsewhere) = (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 10)));
    let ask = async |line: &mut Line, token: &str| -> Result<Option<Answer>> {
        line.send(target.head("GET", PATH, token, 0, &[]));
        within(LATER, "an answer or the end", line.answer()).await
    };
    let known = target.token(request("ann", 0))?;
    let mut caller = Line::open_from(target.address, shared).await?;
    ask(&mut caller, &known).await?.context("before")?.ok()?;
    for _ in 0..3 {
        let mut junk = Line::open_from(target.address, shared).await?;
        let refused = loop {
            match ask(&mut junk, JUNK).await? {
                Some(answer) if answer.status == 401 => {}
                refused => break refused,
            }
        };
        if let Some(refused) = refused {
            refused.refused(429, "RATE_LIMITED", "")?;
        }
        ask(&mut caller, &known).await?.context("on its own connection")?.ok()?;
        let mut again = Line::open_from(target.address, shared).await?;
        ask(&mut again, &known).await?.context("on another connection")?.ok()?;
        junk.ends(LATER, "a connection over which only junk came").await?;
    }
    let mut other = Line::open_from(target.address, elsewhere).await?;
    ask(&mut other, &target.token(request("bob", 0))?).await?.context("from elsewhere")?.ok()?;
    Ok(())
}

/// A parameter of a policy in a header such as `"caller";r=4;t=1, "tenant";r=9`.
fn parameter(header: &str, policy: &str, name: char) -> Option<u32> {
    let item = header.split(',').find(|item| item.trim_start().starts_with(&format!("\"{policy}\"")))?;
    item.split(';').find_map(|part| part.trim().strip_prefix(&format!("{name}="))?.parse().ok())
}

#[tokio::test]
async fn are_told_in_every_answer() -> Result<()> {
    let target = target().await?;
    let token = target.token(request("ann", 0))?;
    let connection = Connection::open(target.address).await?;
    let first = get(&target, &token).await?;
    let (policy, limits) = (first.header("ratelimit-policy"), first.header("ratelimit"));
    ensure!(parameter(policy, "caller", 'q') == Some(BURST), "{first:?}");
    ensure!(parameter(policy, "caller", 'w').is_some() && parameter(policy, "tenant", 'q').is_some(), "{policy}");
    let left = parameter(limits, "caller", 'r').context("what is left")?;
    ensure!(left < BURST && parameter(limits, "caller", 't').is_some(), "{limits}");

    let reply = connection.call(LIST, &[], &token).await?;
    ensure!(reply.is_ok() && reply.header("ratelimit-policy") == policy, "{reply:?}");
    let next = parameter(reply.header("ratelimit"), "caller", 'r').context("what is left")?;
    ensure!(next <= left, "{next} after {left}");

    let refused = flood(&target, &format!("Bearer {token}"), &mut Passed::new()).await?.context("a refusal")?;
    refused.refused(429, "RATE_LIMITED", "")?;
    ensure!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{refused:?}");
    ensure!(parameter(refused.header("ratelimit"), "caller", 'r') == Some(0), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn can_be_read_by_pages() -> Result<()> {
    let target = Target::start_with(&[], "[gateway]\ncors_origins = [\"https://partners.example.com\"]\n").await?;
    let token = target.token(request("ann", 0))?;
    let answer = target.http("GET", PATH, &Value::Null, &token, &[("origin", "https://partners.example.com")]).await?;
    let exposed = answer.header("access-control-expose-headers").to_lowercase();
    for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
        ensure!(exposed.split(',').any(|header| header.trim() == name), "{name} is not in {exposed}");
    }
    Ok(())
}
