//! The commands.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use stoa::{
    client::Client,
    data_dir,
    demo::{Demo, simulate},
    import::{self, Mapping},
    limits, report,
    suite::{Options, Suite},
};
use stoa_auth::{LocalKey, TokenRequest};
use stoa_kernel::{Clock, Timestamp, clock::wall_now};
use stoa_proto::{
    analytics::v1::{AllocationBudget, AllocationResource, Breakdown, ComputeAllocationRequest, GetNetworkQualityRequest, NetworkQuality},
    onboard::v1::GetTenantSettingsRequest,
};

use super::{
    By, Cli, Command, Import, Place, Question, Report, output,
    serve::{self, Session},
};

/// Runs one command to its end.
pub(super) async fn run(cli: Cli) -> Result<()> {
    let file = cli.config.as_ref();
    match cli.command {
        Command::Serve { services, data, listen } => {
            serve::serve(serve::settings(file, data.as_deref(), listen.as_deref(), &services)?).await
        }
        Command::Demo { partners, months, seed, data, exit, json, listen } => {
            let demo = Demo { partners: partners as usize, months, seed };
            self::demo(file, demo, data, exit, json, listen).await
        }
        Command::Import { what: Import::Crm { print_mapping: true, .. } } => {
            output::answer(import::DEFAULT_MAPPING);
            Ok(())
        }
        Command::Import { what: Import::Crm { dir, place, mapping, json, .. } } => {
            let mapping = Mapping::load(mapping.as_deref())?;
            let dir = dir.context("no folder is given. Name the folder with the files.")?;
            import_crm(file, &dir, &place, &mapping, json).await
        }
        Command::Report { what: Report::Quality { question, by, window_days } } => quality(file, &question, &by, window_days).await,
        Command::Report { what: Report::Allocation { question, cam_hours, mdf } } => allocation(file, &question, cam_hours, mdf).await,
        Command::Token { place, subject, role, partner, connector, ttl_s } => {
            let config = serve::settings(file, place.data.as_deref(), None, &[])?;
            let path = config.local_key_path().context("the local key is off (auth.local_key). Ask your identity provider for a token.")?;
            data_dir::create(&config.data_dir)?;
            let request = TokenRequest { tenant: place.tenant, subject, roles: role, partner, connector, ttl_s };
            output::answer(&LocalKey::load_or_create(&path)?.sign(&request)?);
            Ok(())
        }
        Command::Migrate { services, data } => {
            let config = serve::settings(file, data.as_deref(), None, &services)?;
            serve::telemetry(&config, false)?;
            let _lock = serve::lock_folder(&config)?;
            let names = config.services().join(", ");
            Suite::migrate(config).await?;
            output::note(&format!("the stores of {names} now have this version's schema"));
            Ok(())
        }
        Command::Config { default: true } => {
            output::answer(stoa_config::DEFAULTS);
            Ok(())
        }
        Command::Config { default: false } => {
            output::answer(&serve::settings(file, None, None, &[])?.redacted());
            Ok(())
        }
        Command::Limits => {
            output::answer(&limits::page());
            Ok(())
        }
    }
}

async fn import_crm(file: Option<&PathBuf>, dir: &std::path::Path, place: &Place, mapping: &Mapping, json: bool) -> Result<()> {
    let session = Session::open(file, place).await?;
    let progress = output::progress("importing");
    let summary = import::crm(&session.client, dir, mapping, &progress).await?;
    progress.finish_and_clear();
    session.settle().await?;
    if json {
        output::answer(&serde_json::to_string_pretty(&summary)?);
    } else {
        output::answer(&summary.text());
    }
    session.close().await;
    Ok(())
}

/// Parses an instant, or a business date as its start in the tenant's time zone.
async fn instant(client: &Client, text: Option<&String>) -> Result<Option<prost_types::Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        let request = GetTenantSettingsRequest { name: "tenantSettings".into() };
        let zone = client.call(request).await?.time_zone;
        return Ok(Some(Timestamp::start_of(date, &zone)?.proto()));
    }
    Ok(Some(text.parse::<Timestamp>()?.proto()))
}

async fn quality(file: Option<&PathBuf>, question: &Question, by: &[By], window_days: i32) -> Result<()> {
    let session = Session::open(file, &question.place).await?;
    session.settle().await?;
    let breakdowns = by.iter().map(|b| match b {
        By::Tier => Breakdown::Tier,
        By::Type => Breakdown::Type,
        By::Territory => Breakdown::Territory,
        By::Vertical => Breakdown::Vertical,
    });
    let request = GetNetworkQualityRequest {
        as_of: instant(&session.client, question.as_of.as_ref()).await?,
        known_at: instant(&session.client, question.known_at.as_ref()).await?,
        window_days,
        breakdowns: breakdowns.map(|b| b as i32).collect(),
        filter: question.filter.clone(),
        ..Default::default()
    };
    let report = session.client.call(request).await?;
    print_quality(&report, question.json)?;
    session.close().await;
    Ok(())
}

fn print_quality(report: &NetworkQuality, json: bool) -> Result<()> {
    if json {
        return output::json(report);
    }
    output::answer(&report::quality(report));
    Ok(())
}

async fn allocation(file: Option<&PathBuf>, question: &Question, cam_hours: i64, mdf: i64) -> Result<()> {
    let session = Session::open(file, &question.place).await?;
    session.settle().await?;
    let settings = session.client.call(GetTenantSettingsRequest { name: "tenantSettings".into() }).await?;
    let code = settings.reporting_currency;
    let unit = 10_i64.pow(stoa_kernel::money::exponent(stoa_kernel::money::currency("reporting_currency", &code)?));
    let budgets = vec![
        AllocationBudget { resource: AllocationResource::CamHours as i32, unit_count: cam_hours, ..Default::default() },
        AllocationBudget { resource: AllocationResource::Mdf as i32, unit_count: mdf * unit, currency_code: code },
    ];
    let request = ComputeAllocationRequest {
        budgets,
        as_of: instant(&session.client, question.as_of.as_ref()).await?,
        known_at: instant(&session.client, question.known_at.as_ref()).await?,
        filter: question.filter.clone(),
        page_size: if question.json { 1000 } else { 20 },
        ..Default::default()
    };
    let plan = session.client.call(request).await?;
    if question.json {
        output::json(&plan)?;
    } else {
        output::answer(&report::allocation(&plan));
    }
    session.close().await;
    Ok(())
}

/// A temporary folder for its owner alone.
fn private_folder() -> Result<tempfile::TempDir> {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    Ok(tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir()?)
}

async fn demo(file: Option<&PathBuf>, demo: Demo, data: Option<PathBuf>, exit: bool, json: bool, listen: Option<String>) -> Result<()> {
    // A temporary folder is removed with the process. The user's own folder stays.
    let temporary = if data.is_none() { Some(private_folder()?) } else { None };
    let dir = data.unwrap_or_else(|| temporary.as_ref().map(|t| t.path().to_owned()).unwrap_or_default());
    if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty. Choose an empty folder for the demo.", dir.display());
    }
    let config = serve::embedded(file, &dir, listen.as_deref())?;
    let telemetry = serve::telemetry(&config, true)?;
    let lock = serve::lock_folder(&config)?;
    let listeners = if exit { None } else { Some(serve::Listeners::open(&config).await?) };
    let day = 86_400_000_000;
    let today = Timestamp::from_micros(wall_now().micros().div_euclid(day) * day);
    let (clock, handle) = Clock::driven(today.plus_days(-i64::from(demo.months * 30)));
    // The simulated days are settled by hand, so that a seed always gives the same report.
    let suite = Suite::start(config, Options { clock, manual: true, ..Options::default() }).await?;
    let request = TokenRequest {
        tenant: "default".into(),
        subject: "persons/demo".into(),
        roles: vec!["admin".into()],
        ttl_s: 86_400,
        ..Default::default()
    };
    let token = suite.keys.token(&request)?;
    let client = Client::new(suite.stack.clone(), &token)?;
    let progress = output::progress(&format!("{} partners, {} months, seed {}", demo.partners, demo.months, demo.seed));
    simulate(&suite, client.clone(), &handle, demo, today, &progress).await?;
    progress.finish_and_clear();
    let request = GetNetworkQualityRequest {
        as_of: Some(today.proto()),
        breakdowns: vec![Breakdown::Tier as i32, Breakdown::Type as i32, Breakdown::Territory as i32],
        ..Default::default()
    };
    let report = client.call(request).await?;
    print_quality(&report, json)?;
    let Some(listeners) = listeners else {
        suite.stop().await;
        return Ok(());
    };
    handle.release();
    let mut suite = suite;
    suite.run_in_background();
    serve::how_to_call(&listeners.address()?, &token);
    serve::serve_suite(suite, listeners, lock, telemetry).await
}
