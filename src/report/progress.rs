//! What is going on now: a line that is redrawn on a terminal, a line every 5 s elsewhere, nothing when quiet.
//!
//! To standard error, so that standard output holds the result alone. What a line says is a pure function of [`Stage`]; only
//! [`Progress`] writes and only [`Watch`] waits.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Zoned;

use crate::clock::{Clock, Monotonic, NS_PER_S, Tick};
use crate::measure::units;
use crate::scenario::Time;

use super::live::{Live, with_bar};
use super::table::cut;
use super::term::Paint;

/// How often a line is written where it can't be redrawn.
const PLAIN_EVERY_NS: u64 = 5 * NS_PER_S;

/// What a run is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Asking the cluster who it is.
    Connecting {
        /// The cluster, as the user named it.
        to: String,
    },
    /// Creating topics, or checking those that exist.
    Topics {
        /// How many.
        count: usize,
    },
    /// Waiting for the members of all groups to be assigned and positioned.
    Consumers {
        /// Members that are ready.
        ready: u32,
        /// All of them.
        of: u32,
    },
    /// Offering load.
    Load(Load),
    /// Searching the capacity.
    Search(SearchStage),
    /// The load is over; open acknowledgements are waited for.
    Settling {
        /// Events without an answer.
        open: u64,
        /// Nanoseconds until they are given up.
        left_ns: u64,
    },
    /// Groups read on.
    CatchingUp {
        /// Records they have not reached, all groups together.
        unread: u64,
        /// Nanoseconds until they are stopped.
        left_ns: u64,
    },
    /// Closing the account and writing the run folder.
    Writing,
}

/// How a search goes.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchStage {
    /// Seconds since it began.
    pub elapsed_s: u64,
    /// Seconds it may take.
    pub most_s: u64,
    /// What it does with the rate.
    pub doing: &'static str,
    /// The rate offered now, in events per second.
    pub per_s: f64,
    /// Rates held so far.
    pub steps: u64,
    /// The highest that passed.
    pub passed_per_s: Option<f64>,
    /// The lowest that failed.
    pub failed_per_s: Option<f64>,
    /// [low, estimate, high] of the capacity, once a rate passed and another failed.
    pub estimate_per_s: Option<[f64; 3]>,
}

impl SearchStage {
    /// `3:20 of 15:00 · trying 18.5k/s · capacity 17.9k/s to 19.2k/s (90 %) · 9 steps`
    fn line(&self) -> String {
        let known = match (self.estimate_per_s, self.passed_per_s, self.failed_per_s) {
            (Some([low, _, high]), ..) => {
                format!(
                    "capacity {} to {} (90 %)",
                    units::rate(low),
                    units::rate(high)
                )
            }
            (None, Some(passed), _) => format!("capacity above {}", units::rate(passed)),
            (None, None, Some(failed)) => format!("capacity below {}", units::rate(failed)),
            (None, None, None) => "capacity not known yet".to_owned(),
        };
        format!(
            "{} of {} · {} {} · {known} · {}",
            units::clock_s(self.elapsed_s),
            units::clock_s(self.most_s),
            self.doing,
            units::rate(self.per_s),
            units::counted(self.steps, "steps"),
        )
    }
}

/// How the load goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Nanoseconds since it began.
    pub elapsed_ns: u64,
    /// Nanoseconds it lasts.
    pub total_ns: u64,
    /// The simulated clock ([`simulated`]).
    pub simulated: Option<Zoned>,
    /// Events due in the last seconds, per second.
    pub offered_per_s: f64,
    /// Events acknowledged in the last seconds, per second.
    pub acknowledged_per_s: f64,
    /// Events due and not yet acknowledged.
    pub backlog: u64,
    /// 0.99 quantile of the response times of what was acknowledged in the last seconds, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// How long the oldest unanswered event has waited, in nanoseconds.
    pub oldest_ns: Option<u64>,
    /// Events that failed so far.
    pub failed: u64,
}

/// The simulated clock after `elapsed_ns` of load.
pub fn simulated(time: &Time, elapsed_ns: u64) -> Option<Zoned> {
    let offset = time.play.0.as_secs_f64() + elapsed_ns as f64 / 1e9 * time.compress;
    let offset = Duration::try_from_secs_f64(offset).ok()?;
    time.starts.checked_add(offset).ok()
}

impl Stage {
    /// The line for this stage, without a bar.
    pub fn line(&self) -> String {
        match self {
            Stage::Connecting { to } => format!("connecting to {to}"),
            Stage::Topics { count } => {
                format!("creating {}", units::counted(*count as u64, "topics"))
            }
            Stage::Consumers { ready, of } => {
                format!("waiting for consumers: {ready} of {of} ready")
            }
            Stage::Load(load) => load.line(),
            Stage::Search(search) => search.line(),
            Stage::Settling { open, left_ns } => format!(
                "settling: {} unanswered, waiting up to {}",
                units::counted(*open, "events"),
                units::clock_s(left_ns.div_ceil(NS_PER_S)),
            ),
            Stage::CatchingUp { unread, left_ns } => format!(
                "catching up: {} unread, waiting up to {}",
                units::counted(*unread, "records"),
                units::clock_s(left_ns.div_ceil(NS_PER_S)),
            ),
            Stage::Writing => "writing the run folder".to_owned(),
        }
    }

    /// Whether a change between two stages is worth a line of its own where lines are rare.
    fn same_kind(&self, other: &Stage) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Load {
    /// `1:23 of 10:00 · 12:01:30 · offered 18.5k/s · ...`
    fn line(&self) -> String {
        match self.clock() {
            Some(clock) => format!("{} · {clock} · {}", self.elapsed(), self.figures()),
            None => format!("{} · {}", self.elapsed(), self.figures()),
        }
    }

    fn elapsed(&self) -> String {
        let clock = |ns: u64| units::clock_s(ns / NS_PER_S);
        format!("{} of {}", clock(self.elapsed_ns), clock(self.total_ns))
    }

    fn clock(&self) -> Option<String> {
        let at = self.simulated.as_ref()?;
        Some(at.strftime("%H:%M:%S").to_string())
    }

    fn figures(&self) -> String {
        let time = |ns: Option<u64>| ns.map_or("-".to_owned(), units::time_ns);
        let mut parts = vec![
            format!("offered {}", units::rate(self.offered_per_s)),
            format!("acknowledged {}", units::rate(self.acknowledged_per_s)),
            format!("backlog {}", units::count(self.backlog)),
            format!("p99 {}", time(self.p99_ns)),
            format!("oldest {}", time(self.oldest_ns)),
        ];
        if self.failed > 0 {
            parts.push(format!("failed {}", units::count(self.failed)));
        }
        parts.join(" · ")
    }
}

/// Shows the stages of one run.
pub struct Progress {
    sink: Sink,
    shown: Option<(Tick, Stage)>,
    /// Which run of several this is; empty where there is one.
    label: String,
}

enum Sink {
    Quiet,
    Plain(Box<dyn Write + Send>),
    Live(Live, Paint),
}

impl Progress {
    /// On standard error: a bar on a terminal, coloured if `paint` is, lines elsewhere, nothing if `quiet`.
    pub fn stderr(quiet: bool, paint: Paint) -> Progress {
        let sink = if quiet {
            Sink::Quiet
        } else if std::io::stderr().is_terminal() {
            Sink::Live(Live::stderr(), paint)
        } else {
            Sink::Plain(Box::new(std::io::stderr()))
        };
        Progress {
            sink,
            shown: None,
            label: String::new(),
        }
    }

    /// The same for one run of several: `label` says which.
    pub fn labelled(mut self, label: &str) -> Progress {
        self.label = format!("{label} · ");
        self
    }

    /// Lines into `out`.
    pub fn plain(out: Box<dyn Write + Send>) -> Progress {
        Progress {
            sink: Sink::Plain(out),
            shown: None,
            label: String::new(),
        }
    }

    /// Shows `stage`. Call it as often as you like: where lines can't be redrawn, only a new kind of stage, or one that
    /// has lasted another 5 s, writes one.
    pub fn show(&mut self, now: Tick, stage: Stage) {
        match &mut self.sink {
            Sink::Quiet => return,
            Sink::Live(live, paint) => {
                live.draw(|width| drawn(&stage, &self.label, width, *paint));
                return;
            }
            Sink::Plain(out) => {
                let due = match &self.shown {
                    None => true,
                    Some((at, last)) => !last.same_kind(&stage) || now.since(*at) >= PLAIN_EVERY_NS,
                };
                if !due {
                    return;
                }
                // Nobody reads a closed standard error, and a run must not end because of it.
                let _ = writeln!(out, "{}{}", self.label, stage.line());
            }
        }
        self.shown = Some((now, stage));
    }

    /// Who writes single lines (warnings, logs) without disturbing the bar. Writes even when quiet.
    pub fn printer(&self) -> Printer {
        Printer(match &self.sink {
            Sink::Live(live, _) => Some(live.clone()),
            _ => None,
        })
    }

    /// Wipes the bar, so that the summary stands alone.
    pub fn finish(self) {
        if let Sink::Live(live, _) = &self.sink {
            live.clear();
        }
    }
}

/// Writes lines to standard error above the bar, if there is one.
#[derive(Clone)]
pub struct Printer(Option<Live>);

impl Printer {
    /// Writes one line.
    pub fn line(&self, text: &str) {
        match &self.0 {
            Some(live) => live.above(text),
            None => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }
}

/// Lets a logger write through a [`Printer`]; whole lines are expected.
impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.line(text.trim_end_matches('\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What stands on a terminal of so many columns.
fn drawn(stage: &Stage, label: &str, width: usize, paint: Paint) -> Vec<String> {
    let Stage::Load(load) = stage else {
        return vec![cut(&format!("{label}{}", stage.line()), width)];
    };
    let elapsed = match load.clock() {
        Some(clock) => format!("{} · simulated {clock}", load.elapsed()),
        None => load.elapsed(),
    };
    let elapsed = format!("{label}{elapsed}");
    let share = load.elapsed_ns as f64 / load.total_ns.max(1) as f64;
    // Two lines: one of the whole would not fit 100 columns.
    vec![
        with_bar(&elapsed, share, width, paint),
        cut(&load.figures(), width),
    ]
}

/// A thread that shows what `stage` says, a few times a second.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts it. `stage` returns `None` while there is nothing to show.
    ///
    /// # Errors
    /// When the system refuses another thread.
    pub fn start(
        mut progress: Progress,
        every: Duration,
        mut stage: impl FnMut() -> Option<Stage> + Send + 'static,
    ) -> std::io::Result<Watch> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Acquire) {
                    if let Some(stage) = stage() {
                        progress.show(Monotonic.now(), stage);
                    }
                    std::thread::park_timeout(every);
                }
                progress.finish();
            })?;
        Ok(Watch {
            stop,
            thread: Some(thread),
        })
    }
}

/// Dropping it wipes the bar, on every way out of a run.
impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It shows things; if it panicked there is nothing to save.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::Mutex;

    fn load() -> Load {
        Load {
            elapsed_ns: 83 * NS_PER_S + 900_000_000,
            total_ns: 600 * NS_PER_S,
            simulated: Some(
                "2026-11-30T12:01:30-05:00[America/New_York]"
                    .parse()
                    .expect("a legal time"),
            ),
            offered_per_s: 18_518.5,
            acknowledged_per_s: 18_402.0,
            backlog: 1_204,
            p99_ns: Some(4_100_000),
            oldest_ns: Some(12_345_678),
            failed: 0,
        }
    }

    #[test]
    fn lines() {
        assert_eq!(
            Stage::Load(load()).line(),
            "1:23 of 10:00 · 12:01:30 · offered 18.5k/s · acknowledged 18.4k/s · backlog 1,204 · p99 4.1 ms · oldest 12.3 ms"
        );
        let stalled = Load {
            simulated: None,
            p99_ns: None,
            oldest_ns: None,
            failed: 12_000,
            ..load()
        };
        assert_eq!(
            Stage::Load(stalled).line(),
            "1:23 of 10:00 · offered 18.5k/s · acknowledged 18.4k/s · backlog 1,204 · p99 - · oldest - · failed 12,000"
        );
        let other = [
            (
                Stage::Connecting {
                    to: "kafka:9092".to_owned(),
                },
                "connecting to kafka:9092",
            ),
            (Stage::Topics { count: 1 }, "creating 1 topic"),
            (
                Stage::Consumers { ready: 3, of: 12 },
                "waiting for consumers: 3 of 12 ready",
            ),
            (
                Stage::Settling {
                    open: 1_204,
                    left_ns: 28 * NS_PER_S + 1,
                },
                "settling: 1,204 events unanswered, waiting up to 0:29",
            ),
            (
                Stage::CatchingUp {
                    unread: 1,
                    left_ns: 0,
                },
                "catching up: 1 record unread, waiting up to 0:00",
            ),
            (Stage::Writing, "writing the run folder"),
        ];
        for (stage, line) in other {
            assert_eq!(stage.line(), line);
        }
    }

    #[test]
    fn the_simulated_clock_runs_faster() {
        let time = Time {
            starts: "2026-11-30T00:00:00-05:00[America/New_York]"
                .parse()
                .expect("a legal time"),
            span: Duration::from_secs(86_400),
            play: (Duration::from_secs(3_600), Duration::from_secs(86_400)),
            compress: 144.0,
            warmup: Duration::ZERO,
            history: Duration::ZERO,
            settle: Duration::ZERO,
            catch_up: Duration::ZERO,
        };
        // 25 s × 144 = 1 h, on top of the first hour that is not played.
        let at = simulated(&time, 25 * NS_PER_S).expect("within the calendar");
        assert_eq!(at.strftime("%H:%M:%S").to_string(), "02:00:00");
    }

    /// A buffer that can be read while it is written.
    #[derive(Clone, Default)]
    pub(in crate::report) struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        pub(in crate::report) fn text(&self) -> String {
            let bytes = self.0.lock().expect("no panic");
            String::from_utf8_lossy(&bytes).into_owned()
        }

        fn lines(&self) -> Vec<String> {
            self.text().lines().map(str::to_owned).collect()
        }
    }

    #[test]
    fn plain_lines_come_every_five_seconds_and_with_each_new_stage() {
        let out = Shared::default();
        let mut progress = Progress::plain(Box::new(out.clone()));
        // Five readings a second for 12.2 s of load: lines at 0, 5 and 10 s.
        for fifth in 0..61 {
            let now = Tick::from_ns(fifth * NS_PER_S / 5);
            progress.show(now, Stage::Load(load()));
        }
        for open in [3, 2, 1] {
            let left_ns = NS_PER_S;
            progress.show(
                Tick::from_ns(13 * NS_PER_S),
                Stage::Settling { open, left_ns },
            );
        }
        progress.finish();
        let lines = out.lines();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[3].starts_with("settling: 3 events"));
    }

    #[test]
    fn quiet_is_quiet() {
        let mut progress = Progress::stderr(true, Paint::PLAIN);
        progress.show(Tick::from_ns(0), Stage::Writing);
        assert!(progress.shown.is_none());
        progress.finish();
    }

    #[test]
    fn every_stage_fits_the_terminal() {
        let mut failing = load();
        failing.failed = 12_000;
        let stages = [
            Stage::Connecting {
                to: "kafka:9092,".repeat(20),
            },
            Stage::Load(load()),
            Stage::Load(failing),
            Stage::Writing,
        ];
        for stage in stages {
            for width in [1, 20, 60, 96] {
                for line in drawn(&stage, "", width, Paint::PLAIN) {
                    let columns = unicode_width::UnicodeWidthStr::width(line.as_str());
                    // A bar leaves a space before itself.
                    assert!(columns <= width + 1, "{width}: {line:?}");
                }
            }
        }
        assert_eq!(
            drawn(&Stage::Load(load()), "", 46, Paint::PLAIN)[0],
            "1:23 of 10:00 · simulated 12:01:30 ━━         "
        );
    }

    #[test]
    fn a_watch_shows_and_stops_when_dropped() {
        let out = Shared::default();
        let (seen, was_seen) = std::sync::mpsc::channel();
        let watch = Watch::start(
            Progress::plain(Box::new(out.clone())),
            Duration::from_millis(1),
            move || {
                let _ = seen.send(());
                Some(Stage::Writing)
            },
        )
        .expect("a thread");
        // The second call means that the first has been shown.
        was_seen.recv().expect("first");
        was_seen.recv().expect("second");
        drop(watch);
        assert_eq!(out.lines(), ["writing the run folder"]);
    }
}
