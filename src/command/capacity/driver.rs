//! The search at work on a run: its seconds in, the producers' next schedules out. On a thread of its own, so that no producer waits
//! while schedules are compiled.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::capacity::search::held::Held;
use crate::capacity::search::reading::{Gathered, Reading};
use crate::capacity::search::watch::Limits;
use crate::capacity::search::{Observation, Purpose, Search};
use crate::clock::{Clock, Monotonic, NS_PER_S, Tick};
use crate::drive::Phase;
use crate::drive::control::Control;
use crate::drive::ladder::Ladder;
use crate::drive::run::Observer;
use crate::measure::line::WindowLine;
use crate::measure::live::Live;
use crate::report::progress::{Progress, SearchStage, Stage};
use crate::scenario::Scenario;
use crate::schedule::BIN_NS;

/// Bins between now and the one a schedule takes over in: it must be in the producers' inboxes by then.
const AHEAD: u64 = 2;

/// What the driver is told.
pub(super) enum Message {
    /// A second of the load has passed.
    Second {
        /// Run time zero.
        start: Tick,
        /// How many have.
        passed: u32,
        /// Events due and not yet answered.
        backlog: u64,
        /// Records that the group furthest behind has still to read.
        lag: u64,
    },
    /// A second of which everything is known.
    Line(Box<WindowLine>),
}

/// Keeps what a search has come to.
pub(super) type Keep = Box<dyn FnMut(&Search, &[Reading]) + Send>;

/// The driver.
pub(super) struct Driver {
    pub(super) search: Search,
    pub(super) held: Held,
    pub(super) limits: Limits,
    pub(super) ladder: Ladder,
    pub(super) control: Control,
    /// How long the run lasts at most.
    pub(super) lasting: Duration,
    pub(super) scenario: Arc<Scenario>,
    pub(super) inbox: Receiver<Message>,
    pub(super) shown: Shown,
    /// Keeps what is known, whenever a step ends.
    pub(super) keep: Keep,
    /// Which action began when, in run time.
    pub(super) actions: Vec<(u64, u32)>,
    pub(super) readings: Vec<Reading>,
}

/// What the progress shows of the search.
#[derive(Clone)]
pub(super) struct Shown(Arc<Mutex<SearchStage>>);

impl Shown {
    pub(super) fn new(search: &Search) -> Shown {
        Shown(Arc::new(Mutex::new(stage(search))))
    }

    fn lock(&self) -> MutexGuard<'_, SearchStage> {
        // Nothing that holds the lock can leave half a value behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver {
    /// Drives until the run is over. Returns what the search came to.
    pub(super) fn run(mut self) -> (Search, Vec<Reading>) {
        let mut settled = Vec::new();
        let mut gathered: BTreeMap<u32, Gathered> = BTreeMap::new();
        while let Ok(message) = self.inbox.recv() {
            match message {
                Message::Line(line) => {
                    let action = self.action_of((line.at_us / 1_000_000) as u32);
                    if let Some(action) = action {
                        gathered
                            .entry(action)
                            .or_default()
                            .line(&line, &self.limits);
                    }
                    settled.push(self.limits.settled(&line, action));
                }
                Message::Second {
                    start,
                    passed,
                    backlog,
                    lag,
                } => {
                    let seen = Observation {
                        at_s: f64::from(passed),
                        action: self.action_of(passed - 1),
                        backlog: backlog as f64,
                        lag: lag as f64,
                        settled: std::mem::take(&mut settled),
                    };
                    self.second(start, &seen);
                    self.note(&mut gathered);
                }
            }
        }
        self.search.stop();
        self.note(&mut gathered);
        (self.keep)(&self.search, &self.readings);
        (self.search, self.readings)
    }

    fn second(&mut self, start: Tick, seen: &Observation) {
        let before = self.search.action().id;
        let action = self.search.next(seen).clone();
        if action.id == before {
            return;
        }
        if action.purpose == Purpose::Done {
            self.control.stop_at(Monotonic.now().since(start));
            return;
        }
        let draw = u64::from(action.id);
        let schedules = self.held.schedules(action.per_s, self.lasting, draw);
        let rung = self.ladder.ready(&schedules);
        let bin = Monotonic.now().since(start) / BIN_NS + AHEAD;
        self.ladder.climb(rung, bin as u32);
        self.actions.push((bin * BIN_NS, action.id));
    }

    /// The action under which all of a second passed.
    fn action_of(&self, second: u32) -> Option<u32> {
        let from_ns = u64::from(second) * NS_PER_S;
        let after = self.actions.partition_point(|(at, _)| *at <= from_ns);
        let (_, id) = self.actions.get(after.checked_sub(1)?)?;
        let whole = self
            .actions
            .get(after)
            .is_none_or(|(next, _)| *next >= from_ns + NS_PER_S);
        whole.then_some(*id)
    }

    /// Takes down the readings of steps that ended, and shows how far it is.
    fn note(&mut self, gathered: &mut BTreeMap<u32, Gathered>) {
        *self.shown.lock() = stage(&self.search);
        let known = self.readings.len();
        for step in &self.search.steps()[known..] {
            let of = gathered.remove(&step.action).unwrap_or_default();
            let reading = of.reading(step, &self.limits, &self.scenario);
            self.readings.push(reading);
        }
        if self.readings.len() > known {
            (self.keep)(&self.search, &self.readings);
        }
    }
}

fn stage(search: &Search) -> SearchStage {
    let found = search.found();
    let action = search.action();
    SearchStage {
        elapsed_s: 0,
        most_s: search.settings().max_s as u64,
        doing: match action.purpose {
            Purpose::Bracket | Purpose::Bisect => "trying",
            Purpose::Confirm => "confirming",
            Purpose::Overload => "overloading with",
            Purpose::Drain => "draining at",
            Purpose::Done => "done at",
        },
        per_s: action.per_s,
        steps: search.steps().len() as u64,
        passed_per_s: search.passed(),
        failed_per_s: search.failed(),
        estimate_per_s: found.estimate_per_s,
    }
}

/// Tells the driver of every second, and the user how far the search is.
pub(super) struct View {
    pub(super) progress: Progress,
    pub(super) shown: Shown,
    pub(super) outbox: Sender<Message>,
    pub(super) groups: usize,
    pub(super) passed: u32,
}

impl Observer for View {
    fn look(&mut self, phase: Phase, now_ns: u64, live: &Live) {
        let now = Monotonic.now();
        let stage = match phase {
            Phase::GettingReady { ready, of } => Stage::Consumers { ready, of },
            Phase::Load => {
                self.tell(now, now_ns, live);
                let mut stage = self.shown.lock().clone();
                stage.elapsed_s = now_ns / NS_PER_S;
                Stage::Search(stage)
            }
            Phase::Settling => Stage::Settling {
                open: live.figures(now_ns, None).backlog(),
                left_ns: crate::drive::control::SETTLE_AFTER_STOP_NS,
            },
            Phase::CatchingUp { unread } => Stage::CatchingUp { unread, left_ns: 0 },
        };
        self.progress.show(now, stage);
    }
}

impl View {
    fn tell(&mut self, now: Tick, now_ns: u64, live: &Live) {
        let passed = (now_ns / NS_PER_S) as u32;
        if passed <= self.passed {
            return;
        }
        // A second that nobody looked at is not told: what is not known is not made up.
        self.passed = passed;
        let lag = (0..self.groups)
            .map(|group| live.lag(group).lag_records)
            .max();
        let message = Message::Second {
            start: Tick::from_ns(now.as_ns().saturating_sub(now_ns)),
            passed,
            backlog: live.figures(now_ns, None).backlog(),
            lag: lag.unwrap_or(0),
        };
        // Nobody listens any more only when the driver crashed, which joining it tells.
        let _ = self.outbox.send(message);
    }
}

/// Sends every completed second to the driver.
pub(super) fn watcher(outbox: Sender<Message>) -> crate::measure::collect::Watcher {
    Box::new(move |line| {
        let _ = outbox.send(Message::Line(Box::new(line.clone())));
    })
}
