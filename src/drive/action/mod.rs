//! What is done while the load runs. A thread beside the others begins each action at its instant, watches it, and ends it at its limit
//! or with the run: commands of the user's, and groups of ours that pause.

mod command;
mod output;
mod pauses;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use command::kill_group;
pub(super) use pauses::Pauses;

use self::command::Running;
use super::control::{Control, SETTLE_AFTER_STOP_NS};
use crate::clock::{Clock, Monotonic, Tick};
use crate::measure::action::{ActionResult, Outcome};
use crate::measure::collect::Report;
use crate::measure::ledger::Ledger;
use crate::scenario::quantity::Lapse;
use crate::scenario::{Action, Deed, OnFailure, Pause, Run, Scenario};

/// Time between looks at the actions.
const LOOK: Duration = Duration::from_millis(10);
/// Where the output of commands is kept, in the run folder.
const FOLDER: &str = "actions";

/// What actions are done with.
pub(super) struct Means {
    pub(super) scenario: Arc<Scenario>,
    pub(super) control: Control,
    /// How far groups are behind; `None`: there is nothing to read.
    pub(super) ledger: Option<Arc<Ledger>>,
    pub(super) pauses: Pauses,
    /// The run folder.
    pub(super) folder: PathBuf,
    /// What commands find in their environment.
    pub(super) environment: Vec<(String, String)>,
    pub(super) reports: Sender<Report>,
}

/// The thread that does the actions.
pub(super) struct Actions {
    thread: Option<JoinHandle<Vec<ActionResult>>>,
    stopped: Arc<OnceLock<String>>,
}

impl Actions {
    /// Ready to begin with the load; without actions there is no thread.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub(super) fn start(means: Means) -> io::Result<Actions> {
        let stopped = Arc::new(OnceLock::new());
        if means.scenario.actions.is_empty() {
            let thread = None;
            return Ok(Actions { thread, stopped });
        }
        let tell = Arc::clone(&stopped);
        let work = move || {
            let start = means.control.wait_for_start();
            Stagehand::new(means, tell, start.unwrap_or_default()).work(start.is_some())
        };
        // Not a thread of the load: what it waits for a core says nothing about the load's health.
        let thread = std::thread::Builder::new()
            .name("actions".to_owned())
            .spawn(work)?;
        Ok(Actions {
            thread: Some(thread),
            stopped,
        })
    }

    /// The name of the action whose failure has stopped the load.
    pub(super) fn stopped(&self) -> Option<&str> {
        self.stopped.get().map(String::as_str)
    }

    /// Whether nothing is being done any more.
    pub(super) fn are_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// How each came out, in the order of the scenario. `None`: the thread crashed.
    pub(super) fn finish(self) -> Option<Vec<ActionResult>> {
        match self.thread {
            Some(thread) => thread.join().ok(),
            None => Some(Vec::new()),
        }
    }
}

/// How far an action has come.
enum Step {
    Waiting,
    Running(Running, Tick),
    Pausing(Tick),
    Over(Tick),
}

/// Does the actions.
struct Stagehand {
    means: Means,
    tell: Arc<OnceLock<String>>,
    start: Tick,
    steps: Vec<Step>,
    results: Vec<ActionResult>,
}

impl Stagehand {
    fn new(means: Means, tell: Arc<OnceLock<String>>, start: Tick) -> Stagehand {
        let scenario = &means.scenario;
        Stagehand {
            steps: scenario.actions.iter().map(|_| Step::Waiting).collect(),
            results: scenario
                .actions
                .iter()
                .map(|action| blank(scenario, action))
                .collect(),
            means,
            tell,
            start,
        }
    }

    /// Works until all actions are over; a run that does not take place has none.
    fn work(mut self, takes_place: bool) -> Vec<ActionResult> {
        while takes_place && !self.steps.iter().all(|s| matches!(s, Step::Over(_))) {
            self.look(Monotonic.now());
            std::thread::sleep(LOOK);
        }
        self.results
    }

    fn look(&mut self, now: Tick) {
        let load_end = self.load_end();
        for index in 0..self.steps.len() {
            let step = std::mem::replace(&mut self.steps[index], Step::Waiting);
            self.steps[index] = match step {
                Step::Waiting if now >= load_end => self.skip(index, now),
                Step::Waiting => match self.begins_at(index) {
                    Some(at) if now >= at => self.begin(index, now),
                    _ => Step::Waiting,
                },
                Step::Running(running, began) => self.watch(index, running, began, now),
                Step::Pausing(began) => self.watch_pause(index, began, now >= load_end, now),
                over @ Step::Over(_) => over,
            };
        }
    }

    /// When the load ends, or has been stopped.
    fn load_end(&self) -> Tick {
        let run_ns = self.means.scenario.time.run_ns();
        let stopped_ns = self.means.control.stopped_ns().unwrap_or(run_ns);
        self.start.plus_ns(stopped_ns.min(run_ns))
    }

    /// Until when commands may run: as long as open acknowledgements are waited for.
    fn last_moment(&self) -> Tick {
        let settle_ns = self.means.scenario.time.settle.as_nanos() as u64;
        let end = self.load_end().plus_ns(settle_ns);
        match self.means.control.interrupted() {
            Some(at) => end.min(at.plus_ns(SETTLE_AFTER_STOP_NS)),
            None => end,
        }
    }

    /// When an action begins; `None` while the one it follows is not over.
    fn begins_at(&self, index: usize) -> Option<Tick> {
        let action = &self.means.scenario.actions[index];
        let at_ns = u64::try_from(action.at.as_nanos()).unwrap_or(u64::MAX / 2);
        match action.follows.map(|earlier| &self.steps[earlier]) {
            None => Some(self.start.plus_ns(at_ns)),
            Some(Step::Over(ended)) => Some(ended.plus_ns(at_ns)),
            Some(_) => None,
        }
    }

    fn begin(&mut self, index: usize, now: Tick) -> Step {
        let scenario = Arc::clone(&self.means.scenario);
        self.results[index].began_us = Some(now.since(self.start) / 1_000);
        self.mark(index, now, "begins");
        match &scenario.actions[index].deed {
            Deed::Run(run) => self.begin_command(index, run, now),
            Deed::Pause(_) if self.means.ledger.is_none() => self.end_well(index, now),
            Deed::Pause(pause) => {
                self.means.pauses.pause(pause.group);
                Step::Pausing(now)
            }
        }
    }

    fn begin_command(&mut self, index: usize, run: &Run, now: Tick) -> Step {
        let name = self.results[index].name.clone();
        let file = format!("{FOLDER}/{:02}-{}.log", index + 1, slug(&name));
        let log = self.means.folder.join(&file);
        let mut environment = self.means.environment.clone();
        environment.push(("HIGHWATER_ACTION".to_owned(), name));
        let started = fs::create_dir_all(log.parent().unwrap_or(Path::new("")))
            .and_then(|()| Running::start(run, &environment, &log));
        match started {
            Ok(running) => {
                self.means.control.command_began(running.group());
                self.results[index].output = Some(file);
                Step::Running(running, now)
            }
            Err(error) => {
                // Best effort: an empty file says nothing.
                let _ = fs::remove_file(&log);
                let program = run.command.first().map_or("", String::as_str);
                let reason = format!(
                    "{program} could not be started: {error}; give its path from the directory that highwater was started in, or see PATH"
                );
                self.end_badly(index, now, Outcome::NotStarted, reason)
            }
        }
    }

    fn watch(&mut self, index: usize, mut running: Running, began: Tick, now: Tick) -> Step {
        let scenario = Arc::clone(&self.means.scenario);
        let Deed::Run(run) = &scenario.actions[index].deed else {
            return Step::Over(now);
        };
        let limit = began.plus_ns(u64::try_from(run.limit.as_nanos()).unwrap_or(u64::MAX / 2));
        if !running.is_being_killed() && now >= limit.min(self.last_moment()) {
            // Noted now: how it ends after that is ours.
            let (outcome, reason) = match now >= limit {
                true => (
                    Outcome::TimedOut,
                    format!("killed after its limit of {}", Lapse(run.limit)),
                ),
                false => (
                    Outcome::CutOff,
                    "still running when the run ended, and killed".to_owned(),
                ),
            };
            self.results[index].outcome = outcome;
            self.results[index].reason = Some(reason);
            running.kill(now);
        }
        let Some(status) = running.look(now) else {
            return Step::Running(running, began);
        };
        self.means.control.command_ended(running.group());
        let was_killed = running.is_being_killed();
        let ended = running.finish(status);
        let result = &mut self.results[index];
        result.output_bytes = ended.written;
        result.exit_code = ended.code();
        if was_killed {
            let (outcome, reason) = (result.outcome, result.reason.clone().unwrap_or_default());
            return self.end_badly(index, now, outcome, reason);
        }
        if ended.is_success() {
            return self.end_well(index, now);
        }
        let log = result.output.clone().unwrap_or_default();
        let reason = format!("{}; what it wrote is in {log}", ended.words());
        self.end_badly(index, now, Outcome::Failed, reason)
    }

    fn watch_pause(&mut self, index: usize, began: Tick, load_is_over: bool, now: Tick) -> Step {
        let scenario = Arc::clone(&self.means.scenario);
        let Deed::Pause(pause) = &scenario.actions[index].deed else {
            return Step::Over(now);
        };
        if !load_is_over && !self.has_paused_enough(pause, began, now) {
            return Step::Pausing(began);
        }
        self.means.pauses.resume(pause.group);
        self.end_well(index, now)
    }

    fn has_paused_enough(&self, pause: &Pause, began: Tick, now: Tick) -> bool {
        let long_enough = |time: Duration| u128::from(now.since(began)) >= time.as_nanos();
        let far_enough = |records: u64| {
            let ledger = self.means.ledger.as_ref();
            ledger.is_some_and(|ledger| ledger.lag(pause.group) >= records)
        };
        pause.lasting.is_some_and(long_enough) || pause.until_lag_records.is_some_and(far_enough)
    }

    fn skip(&mut self, index: usize, now: Tick) -> Step {
        let result = &mut self.results[index];
        result.outcome = Outcome::Skipped;
        result.reason = Some("the load was over before it was to begin".to_owned());
        Step::Over(now)
    }

    fn end_well(&mut self, index: usize, now: Tick) -> Step {
        self.results[index].outcome = Outcome::Done;
        self.end(index, now, "ends")
    }

    fn end_badly(&mut self, index: usize, now: Tick, outcome: Outcome, reason: String) -> Step {
        let result = &mut self.results[index];
        result.outcome = outcome;
        result.reason = Some(reason);
        if result.stops {
            // The first that fails is the one to tell.
            let _ = self.tell.set(result.name.clone());
            self.means.control.stop_at(now.since(self.start));
        }
        self.end(index, now, outcome.words())
    }

    fn end(&mut self, index: usize, now: Tick, words: &str) -> Step {
        self.results[index].ended_us = Some(now.since(self.start) / 1_000);
        self.mark(index, now, words);
        Step::Over(now)
    }

    fn mark(&self, index: usize, now: Tick, words: &str) {
        // Nobody listens any more only when the collector crashed, which joining it tells.
        let _ = self.means.reports.send(Report::Mark {
            at_ns: now.since(self.start),
            text: format!("{} {words}", self.results[index].name),
        });
    }
}

/// The result of an action that has not begun.
fn blank(scenario: &Scenario, action: &Action) -> ActionResult {
    let mut result = ActionResult {
        name: action.name.clone(),
        ..ActionResult::default()
    };
    match &action.deed {
        Deed::Run(run) => {
            result.run.clone_from(&run.command);
            result.stops = run.on_failure == OnFailure::Stop;
        }
        Deed::Pause(pause) => {
            let group = scenario.consumers.get(pause.group);
            result.pause = group.map(|group| group.name.clone());
        }
    }
    result
}

/// A name as part of a file's.
fn slug(name: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || "._-".contains(c) {
        true => c,
        false => '-',
    };
    name.chars().map(plain).take(40).collect()
}
