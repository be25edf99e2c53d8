//! The check at the end of every test, tried on stores that were corrupted.

use std::path::Path;

use anyhow::{Context, Result};
use futures::FutureExt;
use prost_reflect::prost::Message;
use sea_orm::{ConnectionTrait, Statement, Value};
use stoa_kernel::etag;
use stoa_proto::sell::v1::ProductLine;
use stoa_store::DbResult;
use stoa_tests::{
    TestSuite, consistency,
    scenario::{Round, Scenario},
};

/// Changes a row of a store behind the service's back.
async fn corrupt(suite: &TestSuite, service: &str, sql: &str, document: Option<Vec<u8>>) -> Result<()> {
    let store = suite.suite.store(service).context("a store")?;
    let values: Vec<Value> = document.into_iter().map(Value::from).collect();
    let rows = store
        .write((sql.to_owned(), values), |tx, (sql, values)| {
            let statement = Statement::from_sql_and_values(tx.backend(), sql, values.clone());
            async move { Ok(tx.conn().execute_raw(statement).await.db()?.rows_affected()) }.boxed()
        })
        .await?;
    anyhow::ensure!(rows == 1, "{sql} changed {rows} rows");
    Ok(())
}

fn line(id: &str) -> Vec<u8> {
    ProductLine { name: format!("productLines/{id}"), display_name: "Another".to_owned(), etag: etag::of_version(1), ..Default::default() }
        .encode_to_vec()
}

/// Service, statement on its store, document for the statement, expected
/// finding.
fn corruptions() -> Vec<(&'static str, &'static str, Option<Vec<u8>>, &'static str)> {
    let last_fact = "DELETE FROM fact WHERE aggregate = 'deals/north-won' AND version = \
                     (SELECT MAX(version) FROM fact WHERE aggregate = 'deals/north-won')";
    let ghost = "INSERT INTO partner_copy (tenant, id, version, visible_to, document) \
                 SELECT tenant, 'ghost', version, visible_to, document FROM partner_copy WHERE id = 'north'";
    let other = "UPDATE directory_copy SET document = (SELECT document FROM directory_copy WHERE name = 'enrollments/north-second') \
                 WHERE name = 'enrollments/north-first'";
    let silent = "INSERT INTO product_line (tenant, id, version, document) VALUES ('acme', 'silent', 1, $1)";
    vec![
        // A version that was raised without an event.
        (
            "sell",
            "UPDATE deal SET version = version + 1 WHERE id = 'north-lost'",
            None,
            "sell: deals/north-lost of acme is stored as version 3",
        ),
        // A document that differs from its event.
        (
            "sell",
            "UPDATE product_line SET document = $1 WHERE id = 'north-core'",
            Some(line("north-core")),
            "differs from its last event sell.product_line.created in display_name",
        ),
        ("sell", silent, Some(line("silent")), "productLines/silent of acme has no event"),
        ("onboard", "DELETE FROM prospect WHERE id = 'north-lost'", None, "prospects/north-lost of acme is gone without an event"),
        (
            "onboard",
            "DELETE FROM event_log WHERE aggregate = 'agreements/north-void' AND version = 1",
            None,
            "agreements/north-void of acme has no event of version 1",
        ),
        // Events that name too few fields, or too many.
        (
            "sell",
            "UPDATE event_log SET changed_fields = 'amount' WHERE aggregate = 'deals/north-lost' AND version = 2",
            None,
            "sell: deals/north-lost@2 of acme names {\"amount\"}, but",
        ),
        (
            "onboard",
            "UPDATE event_log SET changed_fields = 'rank' WHERE aggregate = 'programs/north-first/tiers/gold' AND version = 1",
            None,
            "onboard: programs/north-first/tiers/gold@1 of acme is new, but names {\"rank\"}",
        ),
        // Copies that were not updated, not created or not deleted.
        (
            "enable",
            "UPDATE partner_copy SET version = version - 1 WHERE id = 'north'",
            None,
            "enable: partner_copy has north of acme at version",
        ),
        ("market", ghost, None, "market: partner_copy has ghost of acme, which its owner does not have"),
        ("market", other, None, "market: directory_copy has other content in enrollments/north-first"),
        (
            "incentivize",
            "DELETE FROM directory_copy WHERE name = 'programs/north-first/tiers/gold'",
            None,
            "incentivize: directory_copy lacks programs/north-first/tiers/gold",
        ),
        (
            "incentivize",
            "UPDATE commission_deal SET version = version - 1 WHERE id = 'north-won'",
            None,
            "incentivize: commission_deal has north-won of acme at version",
        ),
        (
            "incentivize",
            "DELETE FROM enrollment_history WHERE enrollment = 'north-second' AND version = 2",
            None,
            "enrollment_history lacks version 2 of north-second",
        ),
        (
            "sell",
            "DELETE FROM partner_ancestor WHERE ancestor = 'north' AND partner = 'north'",
            None,
            "sell: partner_ancestor lacks (\"acme\", \"north\", \"north\", true)",
        ),
        ("analytics", last_fact, None, "analytics: no fact of deals/north-won@"),
    ]
}

#[tokio::test]
async fn every_corruption_is_found() -> Result<()> {
    let suite = TestSuite::start().await?;
    Scenario::play(&suite, Round::new("north", 1)).await?;
    assert_eq!(consistency::differences(&suite.suite).await?, Vec::<String>::new());
    for (service, sql, document, _) in corruptions() {
        corrupt(&suite, service, sql, document).await?;
    }
    let mut found = consistency::differences(&suite.suite).await?;
    for (.., expected) in corruptions() {
        let at = found.iter().position(|text| text.contains(expected));
        found.remove(at.with_context(|| format!("`{expected}` is not among {found:?}"))?);
    }
    assert_eq!(found, Vec::<String>::new(), "unexpected findings");
    suite.suite.stop().await;
    Ok(())
}

/// Every test that starts a suite finishes it, itself or through a function of
/// its file: what a suite stored is compared nowhere else.
#[test]
fn every_test_finishes_its_suite() -> Result<()> {
    let mut without = Vec::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("it"))? {
        let path = file?.path();
        // A folder holds tests that need no suite.
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path)?;
        let functions: Vec<(&str, &str)> = text.split("fn ").skip(1).filter_map(|body| Some((body.split('(').next()?, body))).collect();
        let ends = |body: &str| body.contains("finish().await") || body.contains("suite.stop().await");
        let enders: Vec<&str> = functions.iter().filter(|(_, body)| ends(body)).map(|(name, _)| *name).collect();
        // A function that returns a suite leaves finishing it to its caller.
        let returns_suite =
            |body: &str| body.lines().next().and_then(|head| head.split("->").nth(1)).is_some_and(|to| to.contains("TestSuite"));
        let starters = functions.iter().filter(|(_, body)| returns_suite(body)).map(|(name, _)| format!("{name}("));
        let starters: Vec<String> = ["TestSuite::start".to_owned(), "network(".to_owned()].into_iter().chain(starters).collect();
        for (name, body) in functions.iter().filter(|(_, body)| !returns_suite(body)) {
            let starts = starters.iter().any(|starter| body.contains(starter));
            let ended = ends(body) || enders.iter().any(|ender| body.contains(&format!("{ender}(")));
            without.extend((starts && !ended).then(|| (*name).to_owned()));
        }
    }
    assert_eq!(without, Vec::<String>::new());
    Ok(())
}
