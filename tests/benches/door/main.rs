//! What attacks cost those who do not attack:
//! `DOOR_BINARY=target/release/stoa cargo bench -p stoa-tests --bench door`, with
//! the names of attacks after `--` to run only these.
//!
//! Each attack meets a process of its own with default settings, SQLite and the
//! embedded bus. Three callers of three other tenants each send 30 calls per
//! second at fixed instants, whether or not earlier ones are answered, so that
//! waiting shows. The attacker is one thread of a process with a lower priority
//! (`nice`), because it shares the cores with the process that it attacks: the
//! row `none`, whose attacker does nothing, says how much the figures vary by
//! themselves.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints figures")]

mod attack;
mod figures;
mod quiet;

use std::{
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use stoa_tests::door::{OutsideIssuer, Target};
use tokio::net::TcpListener;

use attack::{ATTACKS, Attack, Tally, Way};
use figures::{Meter, Row};

/// Time of each of the phases before, during and after an attack.
const PHASE: Duration = Duration::from_secs(10);
/// Time that a new process gets before the figures count.
const WARM_UP: Duration = Duration::from_secs(3);
/// Time after an attack at which memory is read again.
const REST: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("attack") => attack::run(&arguments[1..]),
        _ => measure_all(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(names: &[String]) -> Result<()> {
    let binary = std::env::var_os("DOOR_BINARY").context("DOOR_BINARY must name the binary to attack: nothing is built here")?;
    println!("{}", std::path::Path::new(&binary).display());
    println!("{}", figures::HEADER);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    for attack in ATTACKS.iter().filter(|attack| names.is_empty() || names.iter().any(|name| name == attack.name)) {
        match runtime.block_on(measure(attack)) {
            Ok(row) => println!("{row}"),
            Err(error) => println!("{:20} {error:#}", attack.name),
        }
    }
    Ok(())
}

async fn measure(attack: &Attack) -> Result<Row> {
    let outside = OutsideIssuer::new("https://hangs.example.com")?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let more = format!(
        "[[auth.issuers]]\nissuer = \"https://hangs.example.com\"\naudiences = [\"stoa\"]\ntenants = [\"acme\"]\n\
         jwks_url = \"http://{}/keys\"\n",
        silent.local_addr()?
    );
    tokio::spawn(hang(silent));
    let target = Target::start_with(attack.limits, &more).await?;
    let token = match attack.way {
        Way::HangingKeys => outside.token("pat", &serde_json::json!({"roles": ["analyst"]}))?,
        _ => target.partner_user("north")?,
    };
    target.enroll(&["north"]).await?;
    for nth in 0..attack::DEALS {
        target.deal(&format!("deal-{nth}"), "north").await?;
    }

    let meter = Meter::start(target.process_id());
    let quiet = quiet::start(&target).await?;
    pause(WARM_UP).await;
    let (start, warm) = (Instant::now(), meter.read());
    pause(PHASE).await;
    let (begin, before) = (Instant::now(), meter.read());
    let tally = {
        let (name, address, bytes) = (attack.name, target.address.to_string(), target.message_bytes_max()?.to_string());
        tokio::task::spawn_blocking(move || attacker(name, &address, &bytes, &token)).await??
    };
    let during = meter.read();
    let end = Instant::now();
    pause(PHASE).await;
    let samples = quiet.stop();
    pause(REST.saturating_sub(PHASE)).await;
    let after = meter.read();
    let (instants, peak_mb) = ([start, begin, end, end + PHASE], meter.peak(begin, end));
    Ok(Row::new(attack.name, &samples, instants, warm, [before, during, after], peak_mb, tally))
}

/// Accepts connections and never answers.
async fn hang(listener: TcpListener) {
    let mut held = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        held.push(stream);
    }
}

/// Runs the attack in a process of its own, with a lower priority.
fn attacker(name: &str, address: &str, bytes: &str, token: &str) -> Result<Tally> {
    let mut command = Command::new("nice");
    command.args(["-n", "3"]).arg(std::env::current_exe()?).args(["attack", name, address, bytes, token]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    Tally::parse(&String::from_utf8(output.stdout)?).context("the attacker failed")
}

#[expect(clippy::disallowed_methods, reason = "a phase lasts as long as it is said to")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
