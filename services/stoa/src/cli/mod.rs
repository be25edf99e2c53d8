//! The command line.

mod commands;
mod output;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(name = "stoa", version, about = "Open platform for partner networks", max_term_width = 100)]
struct Cli {
    /// Settings file; see `stoa config`.
    #[arg(long, global = true, env = "STOA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// Arguments that the embedded commands share.
#[derive(Args, Clone)]
struct Place {
    /// Folder of the embedded stores.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Tenant to work in.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Address of a running suite to use instead, for example
    /// http://127.0.0.1:8080. Requires --token.
    #[arg(long, value_name = "URL", requires = "token")]
    server: Option<String>,
    /// Token for --server.
    #[arg(long, env = "STOA_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run all services, or some by name.
    Serve {
        /// all, or any of onboard, enable, market, sell, incentivize, analytics, gateway.
        /// Those of the setting `services` if not given.
        services: Vec<String>,
        /// Folder of the embedded stores.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Address to listen on.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<String>,
    },
    /// Simulate a network day by day through the API, report on it, and keep serving.
    Demo {
        /// Partners to enroll.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=20_000))]
        partners: u32,
        /// Months to simulate, 30 days each.
        #[arg(long, default_value_t = 18, value_parser = clap::value_parser!(u32).range(2..=60))]
        months: u32,
        /// Seed that determines everything that happens.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Empty folder for the stores. A temporary folder if not given.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Exit after the report instead of continuing to serve.
        #[arg(long)]
        exit: bool,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
        /// Address to serve on afterwards.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<String>,
    },
    /// Import data from other systems.
    Import {
        #[command(subcommand)]
        what: Import,
    },
    /// Print reports.
    Report {
        #[command(subcommand)]
        what: Report,
    },
    /// Create a token for development with the local key.
    Token {
        #[command(flatten)]
        place: Place,
        /// Subject of the token: `persons/ann` or `ann`.
        #[arg(long, default_value = "persons/developer")]
        subject: String,
        /// Roles, separated by commas.
        #[arg(long, default_value = "admin", value_delimiter = ',')]
        role: Vec<String>,
        /// Partner that the token is bound to.
        #[arg(long)]
        partner: Option<String>,
        /// CRM connector that the token is bound to.
        #[arg(long)]
        connector: Option<String>,
        /// Lifetime in seconds.
        #[arg(long, default_value_t = 3600)]
        ttl_s: u32,
    },
    /// Migrate the stores of services to this version's schema.
    Migrate {
        /// Services, as for `serve`.
        services: Vec<String>,
        /// Folder of the embedded stores.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Print the settings in force, with secrets redacted.
    Config {
        /// Print the built-in defaults instead, with the meaning of each setting.
        #[arg(long)]
        default: bool,
    },
    /// Print what the API accepts: settings, fixed limits, and limits of fields.
    Limits,
}

#[derive(Subcommand)]
enum Import {
    /// A CRM export: accounts, products, sales teams and pipeline as CSV files.
    Crm {
        /// Folder with the files.
        #[arg(required_unless_present = "print_mapping")]
        dir: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
        /// File with rules that supply what the export lacks.
        #[arg(long, value_name = "FILE")]
        mapping: Option<PathBuf>,
        /// Print the default rules, as a starting point for your own.
        #[arg(long)]
        print_mapping: bool,
        /// Print the summary as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Tier,
    Type,
    Territory,
    Vertical,
}

#[derive(Args, Clone)]
struct Question {
    #[command(flatten)]
    place: Place,
    /// Instant, or business date (its start), to report on, for example 2018-01-01.
    /// Now if not given.
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Report what was known at this instant. Now if not given.
    #[arg(long, value_name = "TIME")]
    known_at: Option<String>,
    /// Filter, for example `type = AGENT`.
    #[arg(long, default_value = "")]
    filter: String,
    /// Print the API message as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Report {
    /// The network quality view.
    Quality {
        #[command(flatten)]
        question: Question,
        /// Breakdowns, separated by commas.
        #[arg(long, value_enum, value_delimiter = ',')]
        by: Vec<By>,
        /// Days of the revenue window.
        #[arg(long, default_value_t = 365)]
        window_days: i32,
    },
    /// Investment by segment: how to spend CAM hours and MDF.
    Allocation {
        #[command(flatten)]
        question: Question,
        /// CAM hours to spend.
        #[arg(long, default_value_t = 2000)]
        cam_hours: i64,
        /// MDF to spend, in whole units of the reporting currency.
        #[arg(long, default_value_t = 250_000)]
        mdf: i64,
    },
}

/// Runs the command.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(commands::run(cli)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::failure(&error);
            ExitCode::FAILURE
        }
    }
}
