//! `calibrate`: what this machine can generate without a cluster, and how noisy it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::exit::Usage;
use super::run::{Destination, Interrupts, Order, Performed, perform};
use crate::cli::{CalibrateArgs, OutputArgs, TOPIC_PREFIX, TargetKind};
use crate::clock::{Clock, Monotonic, wall_now};
use crate::drive::run::RunError;
use crate::measure::calibration::{Calibration, CalibrationError, FORMAT, SendDelay, Timer};
use crate::measure::histogram::TotalHistogram;
use crate::measure::machine::Machine;
use crate::measure::run::RunFile;
use crate::measure::summary::Summary;
use crate::report::calibration::text;
use crate::report::progress::Progress;
use crate::report::term::Paint;
use crate::scenario::{self, Overrides, Source};

/// The size of an event's value: about that of a page view.
const EVENT_BYTES: u64 = 512;
/// Rates at which the send delay is measured.
const RATES: [f64; 2] = [1_000.0, 10_000.0];
/// Sleeps of a millisecond.
const SLEEPS: u32 = 500;

/// Measures this machine, keeps the result and prints it.
///
/// # Errors
/// A run could not take place, or the result can't be kept.
pub fn calibrate(args: &CalibrateArgs, output: &OutputArgs) -> Result<()> {
    let calibration = match args.show {
        true => Calibration::stored().ok_or_else(|| {
            Usage("this machine is not calibrated, or was by another version: run `highwater calibrate`".to_owned())
        })?,
        false => measure(args, output)?,
    };
    super::print(&match args.json {
        true => serde_json::to_string_pretty(&calibration)? + "\n",
        false => text(&calibration, Paint::stdout(super::color(output))),
    })
}

fn measure(args: &CalibrateArgs, output: &OutputArgs) -> Result<Calibration> {
    let path = Calibration::path().ok_or(CalibrationError::Nowhere)?;
    let runs = Runs {
        lasts: args.duration,
        output,
        interrupts: Interrupts::heed(),
        folder: std::env::temp_dir().join(format!("highwater-calibrate-{}", std::process::id())),
    };
    let made = runs.all();
    // Best effort: it is only the runs' folders.
    let _ = std::fs::remove_dir_all(&runs.folder);
    let made = made?;
    made.store(&path)?;
    if !output.quiet {
        eprintln!("kept in {}", path.display());
    }
    Ok(made)
}

/// The runs of a calibration.
struct Runs<'a> {
    lasts: Duration,
    output: &'a OutputArgs,
    interrupts: Interrupts,
    folder: PathBuf,
}

impl Runs<'_> {
    fn all(&self) -> Result<Calibration> {
        let machine = Machine::this();
        let producers = machine.cores.max(1);
        let one = self.run("one", "unthrottled", 1, None)?;
        let all = self.run("all", "unthrottled", producers, None)?;
        let mut calibration = Calibration {
            format: FORMAT,
            made: wall_now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine,
            event_bytes: EVENT_BYTES,
            one_producer_per_s: achieved(&one),
            producers,
            all_producers_per_s: achieved(&all),
            timer: timer(),
            ..Calibration::default()
        };
        // The ceiling is found by being the limit; what disturbs is told of the runs below it.
        for rate in RATES {
            let run = self.run(&format!("{rate}"), "poisson", 1, Some(rate))?;
            let delay = run
                .flows
                .values()
                .next()
                .and_then(|flow| flow.warm.as_ref()?.send_delay.as_ref());
            calibration.send_delays.push(send_delay(rate, delay));
            calibration.run_queue_delay = calibration
                .run_queue_delay
                .max(run.generator.run_queue_delay);
            for limit in run.generator.limits {
                if !calibration.limits.contains(&limit) {
                    calibration.limits.push(limit);
                }
            }
        }
        Ok(calibration)
    }

    fn run(
        &self,
        name: &str,
        arrivals: &str,
        producers: u32,
        rate: Option<f64>,
    ) -> Result<RunFile> {
        let height = rate.map_or(String::new(), |rate| format!("mean = \"{rate}/s\"\n"));
        let seconds = self.lasts.as_secs_f64() + 1.0;
        let text = format!(
            "name = \"calibrate\"\nseed = 1\n[time]\nstarts = \"2026-01-01T00:00:00Z\"\nspan = \"{seconds}s\"\nwarmup = \"1s\"\n\
             [topic.calibrate]\npartitions = 12\n[event.plain]\ntopic = \"calibrate\"\nvalue = {{ bytes = \"{EVENT_BYTES}B\", compressible = 3 }}\n\
             [flow.load]\nevent = \"plain\"\narrivals = \"{arrivals}\"\nproducers = {producers}\n{height}"
        );
        let source = Source::Text {
            name: "calibrate".to_owned(),
            text,
            folder: PathBuf::new(),
        };
        let loaded = scenario::load(&source, &Overrides::default())?;
        let order = Order {
            scenario: loaded.scenario,
            warnings: Vec::new(),
            to: Destination {
                target: Some(TargetKind::Null),
                topic_prefix: TOPIC_PREFIX.to_owned(),
                yes: true,
                realtime: true,
                ..Destination::default()
            },
            run_id: None,
            delete_topics: true,
            page: false,
            tell: false,
        };
        let label = match rate {
            Some(rate) => format!("send delay at {rate}/s"),
            None => format!("ceiling of {producers} producers"),
        };
        let progress =
            Progress::stderr(self.output.quiet, Paint::stderr(super::color(self.output)));
        let out: &Path = &self.folder.join(name);
        let done: Performed = perform(
            &order,
            Some(out),
            progress.labelled(&label),
            &self.interrupts,
        )
        .with_context(|| format!("measuring the {label}"))?;
        if self.interrupts.interrupted() {
            return Err(RunError::Interrupted.into());
        }
        Ok(done.file)
    }
}

fn achieved(run: &RunFile) -> f64 {
    run.flows.values().map(|flow| flow.achieved_per_s).sum()
}

fn send_delay(rate_per_s: f64, summary: Option<&Summary>) -> SendDelay {
    SendDelay {
        rate_per_s,
        p50_us: summary.and_then(|s| s.p50_us),
        p99_us: summary.and_then(|s| s.p99_us),
        p999_us: summary.and_then(|s| s.p999_us),
        max_us: summary.and_then(|s| s.max_us),
    }
}

/// How much later than asked for sleeps end.
fn timer() -> Timer {
    const SLEEP: Duration = Duration::from_millis(1);
    let mut late = TotalHistogram::new();
    for _ in 0..SLEEPS {
        let from = Monotonic.now();
        std::thread::sleep(SLEEP);
        late.record_ns(
            Monotonic
                .now()
                .since(from)
                .saturating_sub(SLEEP.as_nanos() as u64),
        );
    }
    Timer {
        p50_us: late.quantile_us(0.5, 0),
        p99_us: late.quantile_us(0.99, 0),
        max_us: late.max_us(),
    }
}
