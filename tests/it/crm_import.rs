//! A CRM export: imported twice, imported with other rules, and counted again
//! by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;
use stoa::import::{Mapping, Summary, crm};
use stoa_kernel::Timestamp;
use stoa_proto::{
    analytics::v1::{GetNetworkQualityRequest, NetworkQuality},
    onboard::v1::{TenantSettings, UpdateTenantSettingsRequest},
    sell::v1::ListDealsRequest,
};
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

fn write_files(files: &[(&str, &str)]) -> Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text)?;
    }
    Ok(dir)
}

async fn import(suite: &TestSuite, dir: &Path) -> Result<Summary> {
    import_by(suite, dir, &Mapping::load(None)?).await
}

async fn import_by(suite: &TestSuite, dir: &Path, mapping: &Mapping) -> Result<Summary> {
    let client = suite.client(&suite.admin()?)?;
    let summary = crm(&client, dir, mapping, &ProgressBar::hidden()).await?;
    suite.settle().await?;
    Ok(summary)
}

async fn quality(suite: &TestSuite) -> Result<NetworkQuality> {
    let as_of: Timestamp = "2018-01-01".parse()?;
    let request = GetNetworkQualityRequest { as_of: Some(as_of.proto()), ..Default::default() };
    Ok(suite.client(&suite.admin()?)?.call(request).await?)
}

#[tokio::test]
async fn an_export_is_imported_once() -> Result<()> {
    let dir = write_files(&FILES)?;
    let suite = TestSuite::start().await?;
    let first = import(&suite, dir.path()).await?;
    assert_eq!((first.rows, first.taken, first.created, first.rejected), (5, 4, 4, 1), "{}", first.text());
    assert_eq!(first.partners_enrolled, 3, "one office and two agents");
    refused(&first)?;
    // Without an account, and without account and date: imported, with a
    // finding.
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

#[tokio::test]
async fn other_rules_change_the_registration_and_reject_no_other_row() -> Result<()> {
    let dir = write_files(&FILES)?;
    let suite = TestSuite::start().await?;
    import(&suite, dir.path()).await?;
    let mut mapping = Mapping::load(None)?;
    mapping.product_spellings.insert("GTX-Pro".to_owned(), "GTX Pro".to_owned());
    let again = import_by(&suite, dir.path(), &mapping).await?;
    assert_eq!((again.changes, again.unchanged), (1, 4), "{}", again.text());
    let again = import_by(&suite, dir.path(), &mapping).await?;
    assert_eq!(again.changes, 0, "{}", again.text());

    // The organizations stay enrolled as they are; the rest of the import
    // continues.
    mapping.enrollment_effective = "2016-10-01".to_owned();
    let refused = import_by(&suite, dir.path(), &mapping).await?;
    assert_eq!((refused.changes, refused.partners_rejected, refused.unchanged, refused.rejected), (0, 3, 4, 1), "{}", refused.text());
    let of_partners: Vec<(&str, &str, u64)> =
        refused.rejections.iter().filter(|n| n.file == "sales_teams.csv").map(|n| (n.kind.as_str(), n.id.as_str(), n.line)).collect();
    let reason = "BULK_ROW_CHANGED";
    assert_eq!(of_partners, [(reason, "central", 2), (reason, "anna-snelling", 2), (reason, "moses-frase", 3)]);
    suite.finish().await
}

#[tokio::test]
async fn dates_are_days_in_the_tenants_time_zone() -> Result<()> {
    let dir = write_files(&FILES)?;
    let suite = TestSuite::start().await?;
    let client = suite.client(&suite.admin()?)?;
    let tenant_settings = TenantSettings {
        name: "tenantSettings".into(),
        reporting_currency: "USD".into(),
        time_zone: "America/New_York".into(),
        fiscal_year_start_month: 1,
        ..Default::default()
    };
    let request = UpdateTenantSettingsRequest { tenant_settings: Some(tenant_settings), ..Default::default() };
    client.call(request).await?;
    import(&suite, dir.path()).await?;
    let request = ListDealsRequest { filter: "pipeline_stage = \"WON\"".into(), ..Default::default() };
    let deals = client.call(request).await?.deals;
    let [deal] = deals.as_slice() else { bail!("one deal is won: {deals:?}") };
    let [engaged, won] = [&deal.submit_time, &deal.win_time].map(|t| Timestamp::stored(t.as_ref()).map(|t| t.to_string()));
    assert_eq!(engaged.as_deref(), Some("2016-10-25T04:00:00Z"), "25-10-16 in New York, in summer time");
    assert_eq!(won.as_deref(), Some("2017-03-11T05:00:00Z"));
    suite.finish().await
}

/// First day of the generated export, on which all partners are enrolled.
const FIRST_DAY: &str = "2016-10-20";
const DAYS: u64 = 430;

/// A generator of numbers that depend only on a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A line of the generated pipeline. Days are counted from the first day.
#[derive(Debug, Clone, Default)]
struct Opportunity {
    agent: String,
    product: &'static str,
    account: String,
    stage: &'static str,
    engaged: Option<u64>,
    closed: Option<u64>,
    value: Option<u64>,
}

fn opportunity(dice: &mut Dice) -> Opportunity {
    // Some agents sell much more than others, and one sells nothing.
    let agent = (dice.below(11) * dice.below(11)) / 10;
    let product = ["GTX Basic", "GTXPro", "MG Special", "MG Advanced"][usize::try_from(dice.below(4)).unwrap_or_default()];
    let stage = ["Prospecting", "Engaging", "Engaging", "Won", "Won", "Won", "Won", "Lost", "Lost"];
    let stage = stage[usize::try_from(dice.below(9)).unwrap_or_default()];
    let closes = matches!(stage, "Won" | "Lost");
    let engaged = dice.below(DAYS);
    let account = if dice.one_in(if closes { 40 } else { 4 }) { String::new() } else { format!("Account {}", dice.below(12)) };
    Opportunity {
        agent: if dice.one_in(60) { "Nobody Known".to_owned() } else { format!("Agent {agent:02}") },
        product: if dice.one_in(80) { "Nonsense" } else { product },
        account: if dice.one_in(70) { "Nowhere Inc".to_owned() } else { account },
        stage,
        engaged: (stage != "Prospecting" && !dice.one_in(25)).then_some(engaged),
        closed: (closes && !dice.one_in(30)).then(|| engaged + dice.below(120)),
        value: (stage == "Won" && !dice.one_in(20)).then(|| 50 + dice.below(6000)),
    }
}

/// Whether a line can be imported: agent, product and account are known, and a
/// closed deal has a closing date.
fn is_valid(o: &Opportunity) -> bool {
    let closes = matches!(o.stage, "Won" | "Lost");
    o.agent != "Nobody Known" && o.product != "Nonsense" && o.account != "Nowhere Inc" && (!closes || o.closed.is_some())
}

fn day(days: u64) -> Result<Timestamp> {
    Ok(FIRST_DAY.parse::<Timestamp>()?.plus_days(i64::try_from(days)?))
}

/// Formats a day as day-month-year with two digits each.
fn written(days: Option<u64>) -> Result<String> {
    let Some(days) = days else { return Ok(String::new()) };
    let date = day(days)?.to_string();
    Ok(format!("{}-{}-{}", &date[8..10], &date[5..7], &date[2..4]))
}

fn generated(opportunities: &[Opportunity]) -> Result<tempfile::TempDir> {
    let mut accounts = "account,sector,year_established,revenue,employees,office_location,subsidiary_of\n".to_owned();
    for i in 0..12 {
        writeln!(accounts, "Account {i},retail,1990,100.5,{},United States,", 300 * (i + 1))?;
    }
    let mut teams = "sales_agent,manager,regional_office\n".to_owned();
    for i in 0..12 {
        writeln!(teams, "Agent {i:02},Manager {},{}", i % 4, ["Central", "East", "West"][i % 3])?;
    }
    let products = "product,series,sales_price\nGTX Basic,GTX,550\nGTX Pro,GTX,4821\nMG Special,MG,55\nMG Advanced,MG,3393\n";
    let mut pipeline = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n".to_owned();
    for (i, o) in opportunities.iter().enumerate() {
        let value = o.value.map(|v| v.to_string()).unwrap_or_default();
        let (engaged, closed) = (written(o.engaged)?, written(o.closed)?);
        writeln!(pipeline, "O{i:04},{},{},{},{},{engaged},{closed},{value}", o.agent, o.product, o.account, o.stage)?;
    }
    write_files(&[("accounts.csv", &accounts), ("sales_teams.csv", &teams), ("products.csv", products), ("sales_pipeline.csv", &pipeline)])
}

/// Computes from the rows alone: enrolled partners, active partners, channel
/// revenue of 365 days in cents, and the part of it that comes from the three
/// active partners with the most revenue.
fn recomputed(opportunities: &[Opportunity], as_of: u64) -> (i64, i64, i64, i64) {
    let valid = || opportunities.iter().filter(|o| is_valid(o));
    let within = |day: u64, days: u64| day < as_of && day + days >= as_of;
    // A registration needs an account; the other deals are unregistered.
    let registered = valid().filter(|o| !o.account.is_empty() && o.engaged.is_some_and(|engaged| within(engaged, 90)));
    let active: BTreeSet<&str> = registered.map(|o| o.agent.as_str()).collect();
    let mut revenue: BTreeMap<&str, i64> = BTreeMap::new();
    for o in valid().filter(|o| o.stage == "Won" && o.closed.is_some_and(|closed| within(closed, 365))) {
        *revenue.entry(&o.agent).or_default() += i64::try_from(o.value.unwrap_or_default()).unwrap_or_default() * 100;
    }
    let mut ranked: Vec<i64> = active.iter().map(|agent| revenue.get(agent).copied().unwrap_or_default()).collect();
    ranked.sort_by_key(|revenue| std::cmp::Reverse(*revenue));
    let top = ranked.iter().take(3).sum();
    // Three offices and twelve agents, enrolled since the first day.
    (if as_of > 0 { 15 } else { 0 }, i64::try_from(active.len()).unwrap_or_default(), revenue.values().sum(), top)
}

/// Returns the days to check: a sample of the whole period, and those on which
/// something enters or leaves a window: the first and last registration of each
/// agent, and every tenth won deal.
fn instants(opportunities: &[Opportunity]) -> BTreeSet<u64> {
    let mut days = BTreeSet::from([0, 1, 45, 120, 200, 300, 366, 400, 520, 700, 900]);
    let mut registered: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for o in opportunities.iter().filter(|o| is_valid(o) && !o.account.is_empty()) {
        registered.entry(&o.agent).or_default().extend(o.engaged);
    }
    for days_of_agent in registered.values() {
        days.extend(days_of_agent.iter().min().into_iter().flat_map(|day| [*day, day + 1]));
        days.extend(days_of_agent.iter().max().into_iter().flat_map(|day| [day + 90, day + 91]));
    }
    let won = opportunities.iter().filter(|o| is_valid(o) && o.stage == "Won").filter_map(|o| o.closed);
    days.extend(won.step_by(10).flat_map(|day| [day, day + 1, day + 365, day + 366]));
    days
}

#[expect(clippy::print_stderr, reason = "a failure is reproduced by its seed")]
async fn compare(seed: u64) -> Result<()> {
    eprintln!("seed {seed}");
    let mut dice = Dice(seed);
    let opportunities: Vec<Opportunity> = (0..400).map(|_| opportunity(&mut dice)).collect();
    let dir = generated(&opportunities)?;
    let suite = TestSuite::start().await?;
    let summary = import(&suite, dir.path()).await?;
    let valid = opportunities.iter().filter(|o| is_valid(o)).count() as u64;
    ensure!((summary.rows, summary.created, summary.rejected) == (400, valid, 400 - valid), "{}", summary.text());
    ensure!(valid < 400 && !summary.overlaps.is_empty(), "the seed creates nothing to reject or nothing that overlaps");
    let overlapping: u64 = summary.overlaps.iter().map(|o| o.count).sum();
    ensure!(summary.finding_counts.get("OVERLAP") == Some(&overlapping), "{}", summary.text());

    let client = suite.client(&suite.admin()?)?;
    for as_of in instants(&opportunities) {
        let request = GetNetworkQualityRequest { as_of: Some(day(as_of)?.proto()), concentration_count: 3, ..Default::default() };
        let figures = client.call(request).await?.headline.unwrap_or_default();
        let revenue = figures.channel_revenue.and_then(|r| r.total).map(|t| t.minor_units).unwrap_or_default();
        let top = figures.concentration.and_then(|c| c.share).map(|share| (share.numerator, share.denominator));
        let (enrolled, active, total, of_top) = recomputed(&opportunities, as_of);
        ensure!(
            (figures.enrolled_count, figures.active_count, revenue) == (enrolled, active, total),
            "day {as_of}: ({}, {}, {revenue}) instead of ({enrolled}, {active}, {total})",
            figures.enrolled_count,
            figures.active_count,
        );
        let expected = (active > 0 && total > 0).then_some((of_top, total));
        ensure!(top == expected, "day {as_of}: the top three have {top:?} instead of {expected:?}");
    }
    let again = import(&suite, dir.path()).await?;
    ensure!((again.changes, again.unchanged) == (0, valid), "{}", again.text());
    suite.finish().await
}

#[tokio::test]
async fn the_report_of_an_export_agrees_with_its_rows() -> Result<()> {
    for seed in [20_161_020, 7] {
        compare(seed).await.with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}
