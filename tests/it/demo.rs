//! A small demo, simulated twice.

use std::collections::BTreeMap;

use anyhow::Result;
use indicatif::ProgressBar;
use serde_json::Value;
use stoa::demo::{Demo, simulate};
use stoa_proto::analytics::v1::{GetNetworkQualityRequest, NetworkQuality};
use stoa_tests::{TestSuite, start_time};

const MONTHS: u32 = 4;

async fn live(seed: u64) -> Result<(NetworkQuality, BTreeMap<String, usize>)> {
    let suite = TestSuite::start_with(None, start_time().plus_days(-i64::from(MONTHS) * 30)).await?;
    let client = suite.client(&suite.admin()?)?;
    let demo = Demo { partners: 20, months: MONTHS, seed };
    simulate(&suite.suite, client.clone(), &suite.clock, demo, start_time(), &ProgressBar::hidden()).await?;
    let request = GetNetworkQualityRequest { breakdowns: vec![1, 2, 3], ..Default::default() };
    let mut report = client.call(request).await?;
    // How many events it took is not part of the report.
    report.folded_positions.clear();
    let mut states = BTreeMap::new();
    for (list, field) in [("deals", "pipelineStage"), ("deals", "registrationState"), ("marketingCampaigns", "state")] {
        let all = suite.get(&format!("/v1/{list}?pageSize=1000")).await?;
        for item in all[list].as_array().into_iter().flatten() {
            *states.entry(item[field].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(suite.get("/v1/trialBalance").await?["findings"], Value::Array(Vec::new()));
    suite.finish().await?;
    Ok((report, states))
}

#[tokio::test]
async fn the_same_seed_gives_the_same_report() -> Result<()> {
    let (first, second) = (live(5).await?, live(5).await?);
    assert_eq!(first, second);
    let (report, states) = first;
    // The rules may refuse what the schedule wants, but every pillar must be
    // active.
    for state in ["PIPELINE_STAGE_WON", "REGISTRATION_STATE_APPROVED", "MARKETING_CAMPAIGN_STATE_RESULTS_REPORTED"] {
        assert!(states.contains_key(state), "nothing is {state}: {states:?}");
    }
    let figures = report.headline.unwrap_or_default();
    assert!(figures.enrolled_count > 5 && figures.active_count > 0, "{figures:?}");
    let revenue = figures.channel_revenue.clone().unwrap_or_default();
    assert!(revenue.total.is_some_and(|t| t.minor_units > 0) && revenue.unconverted.is_empty(), "{figures:?}");
    Ok(())
}
