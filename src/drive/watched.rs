//! The lag of the user's own consumer groups, asked of the cluster once a second by a thread of its own: an answer may take its time.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::control::Control;
use crate::clock::{Clock, Monotonic, NS_PER_S, Tick};
use crate::measure::action::WatchedResult;
use crate::measure::lag::{Lag, LagClock};
use crate::measure::line::WatchedLine;
use crate::target::{Committed, Target};

/// How long before the end of a second the groups are asked, so that the answer is there when it is sampled.
const AHEAD_NS: u64 = 100_000_000;
/// Longest sleep, so that the end of the run is noticed.
const NAP: Duration = Duration::from_millis(50);

/// The thread that asks, and what it learned.
pub(super) struct WatchedGroups {
    thread: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
    found: Arc<Mutex<Vec<Found>>>,
    results: BTreeMap<String, WatchedResult>,
}

/// What is known of a group.
#[derive(Clone, Debug)]
struct Found {
    name: String,
    /// Run time of the last answer, and what it said.
    last: Option<(u64, Lag)>,
    /// Why there was no answer the last time.
    reason: Option<String>,
}

impl WatchedGroups {
    /// Ready to begin with the load; without groups there is no thread.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub(super) fn start(
        groups: &[String],
        target: Arc<dyn Target>,
        control: Control,
    ) -> io::Result<WatchedGroups> {
        let new = |name: &String| Found {
            name: name.clone(),
            last: None,
            reason: None,
        };
        let found = Arc::new(Mutex::new(groups.iter().map(new).collect()));
        let over = Arc::new(AtomicBool::new(false));
        let mut thread = None;
        if !groups.is_empty() {
            let mut asker = Asker {
                clocks: groups.iter().map(|_| GroupClock::default()).collect(),
                groups: groups.to_vec(),
                target,
                over: Arc::clone(&over),
                found: Arc::clone(&found),
            };
            let work = move || {
                if let Some(start) = control.wait_for_start() {
                    asker.work(start);
                }
            };
            let builder = std::thread::Builder::new().name("watch".to_owned());
            thread = Some(builder.spawn(work)?);
        }
        Ok(WatchedGroups {
            thread,
            over,
            found,
            results: groups
                .iter()
                .map(|name| (name.clone(), WatchedResult::default()))
                .collect(),
        })
    }

    /// How far the groups were behind as this second ended; those nothing was learned of in it are left out.
    pub(super) fn sample(&mut self, second: u32) -> BTreeMap<String, WatchedLine> {
        let begins_ns = u64::from(second) * NS_PER_S;
        let found = self.found.lock().unwrap_or_else(|e| e.into_inner());
        let mut lines = BTreeMap::new();
        for group in found.iter() {
            let Some((_, lag)) = group.last.filter(|(at_ns, _)| *at_ns >= begins_ns) else {
                continue;
            };
            let line = WatchedLine {
                lag_records: lag.records,
                lag_us: lag.ns / 1_000,
            };
            let result = self.results.entry(group.name.clone()).or_default();
            result.seconds += 1;
            result.lag_records_max = result.lag_records_max.max(Some(line.lag_records));
            result.lag_us_max = result.lag_us_max.max(Some(line.lag_us));
            result.lag_records_end = Some(line.lag_records);
            lines.insert(group.name.clone(), line);
        }
        lines
    }

    /// Ends the asking.
    pub(super) fn finish(mut self) -> BTreeMap<String, WatchedResult> {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // What it learned is here already, whatever became of it.
            let _ = thread.join();
        }
        let found = self.found.lock().unwrap_or_else(|e| e.into_inner());
        for group in found.iter() {
            let result = self.results.entry(group.name.clone()).or_default();
            result.reason.clone_from(&group.reason);
        }
        self.results.clone()
    }
}

/// Asks.
struct Asker {
    groups: Vec<String>,
    clocks: Vec<GroupClock>,
    target: Arc<dyn Target>,
    over: Arc<AtomicBool>,
    found: Arc<Mutex<Vec<Found>>>,
}

/// A group's past: the ends of its logs.
#[derive(Default)]
struct GroupClock {
    clock: LagClock<(String, i32)>,
    last_ends: HashMap<(String, i32), i64>,
}

impl Asker {
    fn work(&mut self, start: Tick) {
        let mut next_ns = NS_PER_S - AHEAD_NS;
        while !self.over.load(Ordering::SeqCst) {
            let now_ns = Monotonic.now().since(start);
            if now_ns < next_ns {
                let left = Duration::from_nanos(next_ns - now_ns);
                std::thread::sleep(left.min(NAP));
                continue;
            }
            for index in 0..self.groups.len() {
                self.ask(index, start);
            }
            // A second that was missed is not made up for.
            let now_ns = Monotonic.now().since(start);
            while next_ns <= now_ns {
                next_ns += NS_PER_S;
            }
        }
    }

    fn ask(&mut self, index: usize, start: Tick) {
        let answer = self.target.committed(&self.groups[index]);
        let now_ns = Monotonic.now().since(start);
        let mut found = self.found.lock().unwrap_or_else(|e| e.into_inner());
        let found = &mut found[index];
        match answer {
            Ok(Some(stands)) => {
                found.last = Some((now_ns, self.clocks[index].look(now_ns, &stands)));
                found.reason = None;
            }
            Ok(None) => found.reason = Some("there is no such group on the cluster".to_owned()),
            Err(error) => found.reason = Some(error.to_string()),
        }
    }
}

impl GroupClock {
    fn look(&mut self, now_ns: u64, stands: &[Committed]) -> Lag {
        let mut known = Vec::new();
        for at in stands {
            let partition = (at.topic.clone(), at.partition);
            // While a partition has no leader its log does not grow either.
            let end = at.end.or_else(|| self.last_ends.get(&partition).copied());
            if let Some(end) = end {
                self.last_ends.insert(partition.clone(), end);
                known.push((partition, at.position, end));
            }
        }
        self.clock.look(now_ns, known)
    }
}
