//! A CRM export, imported twice.

use std::path::Path;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use stoa::import::{Mapping, Summary, crm};
use stoa_proto::analytics::v1::{GetNetworkQualityRequest, NetworkQuality};
use stoa_tests::TestSuite;

const FILES: [(&str, &str); 4] = [
    (
        "accounts.csv",
        "account,sector,year_established,revenue,employees,office_location,subsidiary_of\n\
         Acme Corporation,technolgy,1996,1100.04,2822,United States,\n\
         Betasoloin,medical,1999,251.41,495,United States,\n",
    ),
    ("products.csv", "product,series,sales_price\nGTX Basic,GTX,550\nGTX Pro,GTX,4821\n"),
    (
        "sales_teams.csv",
        "sales_agent,manager,regional_office\nAnna Snelling,Dustin Brinkmann,Central\nMoses Frase,Dustin Brinkmann,Central\n",
    ),
    (
        "sales_pipeline.csv",
        "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value,engage_quarter,close_quarter\n\
         A1,Anna Snelling,GTXPro,Acme Corporation,Won,25-10-16,11-03-17,4514,Q4 2016,Q1 2017\n\
         A2,Moses Frase,GTX Basic,Betasoloin,Lost,20-10-16,01-03-17,0,Q4 2016,Q1 2017\n\
         A3,Anna Snelling,GTX Basic,,Engaging,25-10-16,,,Q4 2016,\n\
         A4,Moses Frase,GTX Basic,,Prospecting,,,,,\n\
         A5,Nobody Known,GTX Basic,Betasoloin,Won,20-10-16,01-03-17,55,Q4 2016,Q1 2017\n",
    ),
];

async fn import(suite: &TestSuite, dir: &Path) -> Result<Summary> {
    let door = suite.door(&suite.admin()?)?;
    let summary = crm(&door, dir, &Mapping::load(None)?, &ProgressBar::hidden()).await?;
    suite.settle().await?;
    Ok(summary)
}

async fn quality(suite: &TestSuite) -> Result<NetworkQuality> {
    let as_of: stoa_kernel::Timestamp = "2018-01-01".parse().map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let request = GetNetworkQualityRequest { as_of: Some(as_of.proto()), ..Default::default() };
    Ok(suite.door(&suite.admin()?)?.network_quality().get_network_quality(request).await?.into_inner())
}

#[tokio::test]
async fn an_export_is_taken_once() -> Result<()> {
    let dir = tempfile::tempdir()?;
    for (name, text) in FILES {
        std::fs::write(dir.path().join(name), text)?;
    }
    let suite = TestSuite::start().await?;
    let first = import(&suite, dir.path()).await?;
    assert_eq!((first.rows, first.taken, first.created, first.rejected), (5, 4, 4, 1), "{}", first.text());
    assert_eq!(first.partners_enrolled, 3, "one office and two agents");
    refused(&first)?;
    // Without an account, and without account and date: taken, and said.
    for id in ["A3", "A4"] {
        assert!(first.findings.iter().any(|f| f.id == id), "{id} has no finding: {}", first.text());
    }
    let before = quality(&suite).await?;
    let figures = before.headline.clone().unwrap_or_default();
    assert_eq!(figures.enrolled_count, 3);
    assert_eq!(figures.channel_revenue.and_then(|r| r.total).map(|t| t.minor_units), Some(451_400));

    let second = import(&suite, dir.path()).await?;
    assert_eq!((second.changes, second.unchanged, second.created, second.updated), (0, 4, 0, 0), "{}", second.text());
    refused(&second)?;
    let after = quality(&suite).await?;
    assert_eq!((before.headline, before.groups), (after.headline, after.groups));
    suite.finish().await
}

fn refused(summary: &Summary) -> Result<()> {
    ensure!(summary.rejections.len() == 1, "{}", summary.text());
    let note = &summary.rejections[0];
    ensure!((note.line, note.id.as_str(), note.kind.as_str()) == (6, "A5", "INVALID_FIELD"), "{note:?}");
    ensure!(note.message.contains("Nobody Known"), "{}", note.message);
    Ok(())
}
