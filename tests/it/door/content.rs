//! What requests may contain.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stoa_proto::{
    incentivize::v1::SubmitMdfClaimRequest,
    sell::v1::{CreateProductLineRequest, Credit, Deal, ProductLine, UpdateDealRequest},
};
use stoa_tests::{
    Answer,
    door::{
        Connection, Line, Target,
        limit::{BUFFERED_BYTES, MESSAGE_BYTES},
        until, within,
    },
    set_up,
};
use tonic::Code;

use super::LATER;

/// The most that a process may be told to read at once, and enough bytes for what
/// such a message counts, as JSON and again as a message.
const LARGEST: [(&str, u64); 2] = [(MESSAGE_BYTES, 4_194_304), (BUFFERED_BYTES, 1 << 30)];

/// Bytes of headers that any client and proxy accept.
const HEADER_BYTES_MAX: usize = 8 * 1024;

async fn with_a_deal(limits: &[(&str, u64)]) -> Result<Target> {
    let target = Target::start(limits).await?;
    target.enroll(&["north"]).await?;
    target.deal("one", "north").await?;
    Ok(target)
}

/// Invalid values of fields that the mask does not name take no place from
/// those of the field that it names.
#[tokio::test]
async fn violations_elsewhere_hide_no_masked_field() -> Result<()> {
    let target = with_a_deal(&LARGEST).await?;
    let token = target.partner_user("north")?;
    let before = target.get("acme", "/v1/deals/one").await?;
    let credits: Vec<Value> = (0..25).map(|_| json!({"partner": "partners/north", "shareBasisPoints": 0})).collect();
    for (field, value) in [
        ("deal.customer.display_name", json!({"displayName": "x".repeat(300)})),
        ("deal.customer.display_name", json!({"displayName": "x".repeat(3_900_000)})),
        ("deal.customer.country_code", json!({"countryCode": "not a country"})),
    ] {
        let body = json!({"credits": credits, "customer": value});
        let answer = target.http("PATCH", "/v1/deals/one?updateMask=customer", &body, &token, &[]).await?;
        answer.refused(400, "INVALID_FIELD", field)?;
    }
    ensure!(target.get("acme", "/v1/deals/one").await? == before);

    // What all of this must not stop: lists, other tenants, and events.
    let deals = target.get("acme", "/v1/deals").await?;
    ensure!(deals["deals"].as_array().map(Vec::len) == Some(1), "{deals}");
    target.get("acme", "/v1/services/sell/events").await?;
    target.serves("globex").await?;
    until(LATER, "the enrollment arrives in the reports", || async {
        Ok(target.get("acme", "/v1/networkQuality").await?["headline"]["enrolledCount"] == "1")
    })
    .await
}

#[tokio::test]
async fn a_million_violations_are_answered_in_short() -> Result<()> {
    let target = Target::start(&LARGEST).await?;
    let token = target.partner_user("north")?;
    let request = |count: usize| SubmitMdfClaimRequest {
        name: "mdfClaims/one".to_owned(),
        proof_references: vec![String::new(); count],
        ..SubmitMdfClaimRequest::default()
    };
    let connection = Connection::open(target.address).await?;
    let reply = connection.ask(&request(2_000_000), &token).await?;
    ensure!(reply.status.code() == Code::InvalidArgument, "{:?}", reply.status.code());
    ensure!(reply.header_bytes() < HEADER_BYTES_MAX, "{} bytes", reply.header_bytes());
    ensure!(reply.fields().iter().any(|field| field.starts_with("proof_references")), "{:?}", reply.status);

    let body = json!({"proofReferences": vec![""; 1_000_000]});
    let answer = target.http("POST", "/v1/mdfClaims/one:submit", &body, &token, &[]).await?;
    ensure!(answer.status == 400 && answer.text.len() < HEADER_BYTES_MAX, "{}: {} bytes", answer.status, answer.text.len());
    Ok(())
}

/// A look-up of each would take a multiple of the time in which the message is
/// read.
#[tokio::test]
async fn unmasked_credits_are_not_looked_up() -> Result<()> {
    const CREDITS: usize = 50_000;
    const MAX: Duration = Duration::from_secs(2);
    let target = with_a_deal(&LARGEST).await?;
    let credit = Credit { partner: "partners/north".to_owned(), share_basis_points: 1 };
    let deal = Deal { name: "deals/one".to_owned(), display_name: "Renamed".to_owned(), credits: vec![credit; CREDITS], ..Deal::default() };
    let mut request = UpdateDealRequest { deal: Some(deal), ..UpdateDealRequest::default() };
    request.update_mask.get_or_insert_default().paths.push("display_name".to_owned());
    let connection = Connection::open(target.address).await?;
    let token = target.partner_user("north")?;
    let start = Instant::now();
    let reply = connection.ask(&request, &token).await?;
    ensure!([Code::Ok, Code::InvalidArgument].contains(&reply.status.code()), "{:?}", reply.status);
    ensure!(start.elapsed() < MAX, "{CREDITS} credits took {:?}", start.elapsed());
    Ok(())
}

/// U+0000 is stored by no backend, so that all answer alike.
#[tokio::test]
async fn a_nul_character_is_refused() -> Result<()> {
    let target = Target::start(&[]).await?;
    let token = target.admin("acme")?;
    let line = ProductLine { display_name: "a\0b".to_owned(), ..ProductLine::default() };
    let create = CreateProductLineRequest { product_line: Some(line), ..CreateProductLineRequest::default() };
    let reply = Connection::open(target.address).await?.ask(&create, &token).await?;
    ensure!(reply.status.code() == Code::InvalidArgument, "{:?}", reply.status);
    ensure!(reply.fields() == ["product_line.display_name"], "{:?}", reply.fields());

    let answer = target.http("POST", "/v1/productLines", &json!({"displayName": "a\0b"}), &token, &[]).await?;
    answer.refused(400, "INVALID_FIELD", "product_line.display_name")?;
    for path in ["/v1/productLines/a%00b", "/v1/deals?filter=displayName%3D%22a%00b%22", "/v1/deals?pageToken=%00"] {
        let answer = target.http("GET", path, &Value::Null, &token, &[]).await?;
        ensure!(answer.status == 400 && !answer.fields().is_empty(), "{path}: {answer:?}");
    }
    let key = target.http("POST", "/v1/productLines?requestId=a%00b", &json!({"displayName": "A"}), &token, &[]).await?;
    key.refused(400, "INVALID_FIELD", "request_id")?;
    let lines = target.get("acme", "/v1/productLines").await?;
    ensure!(lines["productLines"] == json!([]), "{lines}");
    Ok(())
}

async fn post_text(target: &Target, path: &str, body: &str) -> Result<Answer> {
    target.send(target.head("POST", path, &target.admin("acme")?, body.len(), &[]), body.to_owned()).await
}

/// Two readers that resolve a duplicate differently see different requests.
#[tokio::test]
async fn a_key_that_occurs_twice_is_refused() -> Result<()> {
    let target = Target::start(&[]).await?;
    for body in [
        r#"{"displayName": "A", "displayName": "B"}"#,
        r#"{"displayName": "A", "display_name": "B"}"#,
        r#"{"displayName": "A", "displayN\u0061me": "B"}"#,
    ] {
        let answer = post_text(&target, "/v1/productLines", body).await?;
        ensure!(answer.status == 400 && !answer.fields().is_empty(), "{body}: {answer:?}");
    }
    let nested = r#"{"displayName": "D", "amount": {"minorUnits": "1", "currencyCode": "USD", "minorUnits": "2"}}"#;
    let answer = post_text(&target, "/v1/deals", nested).await?;
    ensure!(answer.status == 400 && answer.text.contains("minor"), "{answer:?}");
    let lines = target.get("acme", "/v1/productLines").await?;
    ensure!(lines["productLines"] == json!([]), "{lines}");
    Ok(())
}

/// Its caller retries, and relies on it.
#[tokio::test]
async fn an_unusable_idempotency_key_is_not_dropped() -> Result<()> {
    let target = Target::start(&[]).await?;
    for key in ["schl\u{fc}ssel", "\u{7f}", &"x".repeat(500)] {
        let headers = [("idempotency-key", key)];
        let body = json!({"displayName": "A"}).to_string();
        let head = target.head("POST", "/v1/productLines", &target.admin("acme")?, body.len(), &headers);
        let answer = target.send(head, body).await?;
        ensure!(answer.status == 400, "{key}: {answer:?}");
    }
    let lines = target.get("acme", "/v1/productLines").await?;
    ensure!(lines["productLines"] == json!([]), "{lines}");
    Ok(())
}

/// Looking for the end of a line from its start again with every piece would
/// take minutes.
#[tokio::test]
async fn a_line_in_small_pieces_is_read_once() -> Result<()> {
    // Almost as many as a line may have bytes.
    const PIECES: usize = 125_000;
    let target = Target::start(&[]).await?;
    let mut line = Line::open(target.address).await?;
    let head = target.head("POST", "/v1/enrollments:bulkEnroll", &target.admin("acme")?, 0, &[("content-type", "application/x-ndjson")]);
    line.send(head.replace("content-length: 0", "transfer-encoding: chunked"));
    line.send("2\r\nxx\r\n".repeat(PIECES));
    line.send("0\r\n\r\n");
    let answer = within(LATER, "a line of 250 kB", line.answer()).await?.context("no answer")?;
    ensure!(answer.text.contains("INVALID_FIELD"), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn no_amount_is_in_a_placeholder_currency() -> Result<()> {
    let target = Target::start(&[]).await?;
    target.enroll(&["north"]).await?;
    for code in ["XXX", "XTS"] {
        let mut deal = set_up::deal("two", "north");
        deal["amount"]["currencyCode"] = json!(code);
        let answer = target.http("POST", "/v1/deals", &deal, &target.admin("acme")?, &[]).await?;
        answer.refused(400, "CURRENCY_UNKNOWN", "deal.amount.currency_code").with_context(|| code.to_owned())?;
    }
    Ok(())
}
