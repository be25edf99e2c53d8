//! Who a caller is, and what it learns about others.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use futures::future::join_all;
use serde_json::json;
use stoa_auth::{ServiceKey, ServiceSigner};
use stoa_kernel::{Clock, Cx, clock::wall_now};
use stoa_proto::events::v1::ReadEventsRequest;
use stoa_tests::{
    door::{Connection, OutsideIssuer, Target, limit::UNLIMITED, until, within},
    set_up,
};
use tokio::net::TcpListener;
use tonic::Code;

use super::{LATER, LIST, SOON};

/// Two issuers of one tenant, of which one gives the IDs of persons.
fn issuers() -> Result<(OutsideIssuer, OutsideIssuer, String)> {
    let (one, two) =
        (OutsideIssuer::new("https://one.example.com")?, OutsideIssuer::new("https://two.example.com")?.with_derived_subjects());
    let settings = one.settings() + &two.settings();
    Ok((one, two, settings))
}

/// The key of an answer that is kept for retries names the caller completely.
#[tokio::test]
async fn a_retry_of_somebody_else_is_no_retry() -> Result<()> {
    let (one, two, settings) = issuers()?;
    let target = Target::start_with(&[], &settings).await?;
    target.enroll(&["north", "south"]).await?;
    target.deal("one", "north").await?;
    let pat = |issuer: &OutsideIssuer, partner: &str| issuer.token("pat", &json!({"roles": ["partner_user"], "partner": partner}));
    let submit = async |token: String| {
        target.http("POST", "/v1/deals/one:submitRegistration", &json!({}), &token, &[("idempotency-key", "once")]).await
    };
    let first = submit(pat(&one, "north")?).await?.ok()?;
    let again = submit(pat(&one, "north")?).await?.ok()?;
    ensure!(first == again, "the caller's own retry");
    for other in [pat(&two, "south")?, pat(&one, "south")?] {
        submit(other).await?.refused(404, "NOT_FOUND", "")?;
    }
    let same_partner = submit(pat(&two, "north")?).await?;
    ensure!(same_partner.status != 200, "another person's answer: {same_partner:?}");
    Ok(())
}

#[tokio::test]
async fn the_same_subject_of_another_issuer_is_somebody_else() -> Result<()> {
    let (one, two, settings) = issuers()?;
    let target = Target::start_with(&[], &settings).await?;
    for (issuer, id) in [(&one, "first"), (&two, "second")] {
        let token = issuer.token("pat", &json!({"roles": ["channel_ops"]}))?;
        let path = format!("/v1/productLines?productLineId={id}");
        target.http("POST", &path, &json!({"displayName": id}), &token, &[]).await?.ok()?;
    }
    let actors = async || -> Result<Vec<String>> {
        let log = target.get("acme", "/v1/services/sell/events").await?;
        let actors = log["events"].as_array().into_iter().flatten().filter_map(|event| event["actor"].as_str());
        Ok(actors.map(str::to_owned).collect())
    };
    until(LATER, "both events are in the log", || async { Ok(actors().await?.len() == 2) }).await?;
    let actors = actors().await?;
    ensure!(actors[0] != actors[1], "{actors:?}");
    Ok(())
}

/// A partner's caller gets the same answer for an id that somebody else has as
/// for one that nobody has.
#[tokio::test]
async fn an_id_tells_nothing_about_others() -> Result<()> {
    let target = Target::start(&[]).await?;
    target.enroll(&["north", "south"]).await?;
    target.deal("one", "north").await?;
    let token = target.partner_user("south")?;
    let create = async |id: &str| {
        let body = set_up::deal("two", "south");
        target.http("POST", &format!("/v1/deals?dealId={id}"), &body, &token, &[]).await
    };
    let (taken, free) = (create("one").await?, create("six").await?);
    ensure!(taken.status == free.status && taken.reason() == free.reason(), "{taken:?} instead of {free:?}");
    Ok(())
}

/// A server that accepts connections and never answers.
async fn silent() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/keys", listener.local_addr()?);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    Ok(address)
}

#[tokio::test]
async fn a_key_endpoint_that_hangs_stops_nobody() -> Result<()> {
    const CALLS: usize = 600;
    let issuer = OutsideIssuer::new("https://hangs.example.com")?;
    let settings = format!(
        "[[auth.issuers]]\nissuer = \"https://hangs.example.com\"\naudiences = [\"stoa\"]\ntenants = [\"acme\"]\njwks_url = {:?}\n",
        silent().await?
    );
    let target = Target::start_with(&UNLIMITED, &settings).await?;
    let token = issuer.token("pat", &json!({"roles": ["analyst"]}))?;
    let (_connections, opened) = target.open_without_bodies(CALLS, LIST, &token).await?;
    within(Duration::from_secs(4), "others are served meanwhile", target.serves("globex")).await?;
    let replies = within(Duration::from_secs(20), "all are answered", async { Ok(join_all(opened.into_iter().map(|o| o.reply())).await) });
    for reply in replies.await? {
        let status = reply?.status;
        ensure!([Code::Unavailable, Code::Unauthenticated, Code::ResourceExhausted].contains(&status.code()), "{status:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_token_opens_one_service() -> Result<()> {
    let target = Target::start(&[]).await?;
    let key = Arc::new(ServiceKey::load(&target.folder().join("service.key"))?);
    let cx = Cx::service("acme", "analytics", &Clock::default(), "");
    let token = ServiceSigner::new(key, "analytics").sign("onboard", &cx, wall_now())?;
    let connection = Connection::open(target.address).await?;
    let read = async |service: &str| {
        let request = ReadEventsRequest { service: service.to_owned(), position: 0 };
        let message = prost_reflect::prost::Message::encode_to_vec(&request);
        within(SOON, service, connection.call("/stoa.events.v1.EventService/ReadEvents", &message, &token)).await
    };
    let own = read("onboard").await?;
    ensure!(own.is_ok(), "{:?}", own.status);
    let other = read("sell").await?;
    ensure!([Code::Unauthenticated, Code::PermissionDenied].contains(&other.status.code()), "{:?}", other.status);
    let unary = within(LATER, LIST, connection.call(LIST, &[], &token)).await?;
    ensure!([Code::Unauthenticated, Code::PermissionDenied].contains(&unary.status.code()), "{:?}", unary.status);
    Ok(())
}
