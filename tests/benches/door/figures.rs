//! The figures of one attack.

use std::{
    fmt, fs,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{PHASE, attack::Tally, quiet::Sample};

/// What the columns of a [`Row`] are.
pub(crate) const HEADER: &str = "\
                     | quiet callers: p50 / p99 in ms (failed of all)                                 | p99    | memory in MB:          | cores:     | attacker, per second:
attack               | before                   | during                     | after                    | during | before, peak, 30 s on  | bef., dur. | answered, refused, failed; p99 in ms";

/// Resources of a process at an instant.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    at: Instant,
    memory_mb: f64,
    cpu: Duration,
}

/// Reads the resources of a process, all the time.
pub(crate) struct Meter {
    process: u32,
    readings: Arc<Mutex<Vec<Reading>>>,
}

impl Meter {
    pub(crate) fn start(process: u32) -> Self {
        let meter = Self { process, readings: Arc::default() };
        let readings = Arc::downgrade(&meter.readings);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            loop {
                ticks.tick().await;
                let Some(readings) = readings.upgrade() else { return };
                readings.lock().unwrap_or_else(PoisonError::into_inner).push(read(process));
            }
        });
        meter
    }

    pub(crate) fn read(&self) -> Reading {
        read(self.process)
    }

    /// The most memory between two instants, in megabytes.
    pub(crate) fn peak(&self, from: Instant, to: Instant) -> f64 {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.iter().filter(|reading| (from..=to).contains(&reading.at)).map(|reading| reading.memory_mb).fold(0.0, f64::max)
    }
}

/// A process that has ended has no resources.
fn read(process: u32) -> Reading {
    let file = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    let status = file("status");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    // The second field is a name in parentheses and may have spaces. The times
    // are in hundredths of a second.
    let stat = file("stat");
    let times = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let hundredths: u64 = times.filter_map(|time| time.parse::<u64>().ok()).sum();
    Reading { at: Instant::now(), memory_mb: kilobytes / 1024.0, cpu: Duration::from_millis(hundredths * 10) }
}

/// The calls of a phase.
struct Calls {
    took_ms: Vec<f64>,
    failed: usize,
}

impl Calls {
    fn within(samples: &[Sample], from: Instant, to: Instant) -> Self {
        let chosen: Vec<&Sample> = samples.iter().filter(|sample| (from..to).contains(&sample.at)).collect();
        let mut took_ms: Vec<f64> = chosen.iter().filter_map(|sample| sample.took).map(|took| took.as_secs_f64() * 1000.0).collect();
        took_ms.sort_unstable_by(f64::total_cmp);
        Self { failed: chosen.len() - took_ms.len(), took_ms }
    }

    fn percentile(&self, percent: usize) -> f64 {
        self.took_ms.get(self.took_ms.len() * percent / 100).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.took_ms.len() + self.failed;
        write!(f, "{:.1} / {:.1} ({} of {all})", self.percentile(50), self.percentile(99), self.failed)
    }
}

/// The figures of one attack, as a line of a table.
pub(crate) struct Row {
    name: &'static str,
    calls: [Calls; 3],
    readings: [Reading; 3],
    cores: [f64; 2],
    peak_mb: f64,
    tally: Tally,
}

impl Row {
    /// `instants` are the begin of the phase before, the begin and end of the
    /// attack, and the end of the phase after; `readings` are from the begin and
    /// end of the attack, and from after the rest; `warm` is from the begin of
    /// the phase before.
    pub(crate) fn new(
        name: &'static str,
        samples: &[Sample],
        instants: [Instant; 4],
        warm: Reading,
        readings: [Reading; 3],
        peak_mb: f64,
        tally: Tally,
    ) -> Self {
        let calls = [0, 1, 2].map(|phase| Calls::within(samples, instants[phase], instants[phase + 1]));
        let cores = |from: Reading, to: Reading| (to.cpu - from.cpu).as_secs_f64() / (to.at - from.at).as_secs_f64();
        let cores = [cores(warm, readings[0]), cores(readings[0], readings[1])];
        Self { name, calls, readings, cores, peak_mb, tally }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, during, after] = &self.calls;
        let [start, _, rested] = &self.readings;
        let Tally { answered, refused, failed, p99_us, .. } = &self.tally;
        let per_second = |count: &u64| count / PHASE.as_secs();
        let memory = format!("{:.0}, {:.0}, {:.0}", start.memory_mb, self.peak_mb, rested.memory_mb);
        write!(
            f,
            "{:20} | {:24} | {:26} | {:24} | {:>5.1}× | {memory:22} | {:.2}, {:.2} | {}, {}, {}; {:.1}",
            self.name,
            before.to_string(),
            during.to_string(),
            after.to_string(),
            during.percentile(99) / before.percentile(99),
            self.cores[0],
            self.cores[1],
            per_second(answered),
            per_second(refused),
            per_second(failed),
            // Tenths of a millisecond are precise enough.
            (p99_us / 100) as f64 / 10.0,
        )
    }
}
