//! The search over the rate: one run whose rate the search changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result};

use super::driver::{Driver, Keep, Shown, View, watcher};
use crate::capacity::judge::losses;
use crate::capacity::search::file::SearchFile;
use crate::capacity::search::reading::Reading;
use crate::capacity::search::watch::Limits;
use crate::capacity::search::{Search as Machine, Settings, Step};
use crate::clock::{NS_PER_S, wall_now};
use crate::command::exit::Usage;
use crate::command::run::{Prepared, judge_of, prepare};
use crate::drive::ladder::Ladder;
use crate::drive::run::{Job, Ran, run as drive};
use crate::measure::account::GroupAccount;
use crate::measure::folder;
use crate::measure::health::send_delay_limit_ns;
use crate::measure::units;
use crate::report::progress::Progress;
use crate::scenario::Scenario;
use crate::target::TargetError;

/// The first rate, as a share of the scenario's peak.
const START: f64 = 0.1;
/// What topics are made for and the user is asked about, as a multiple of the scenario's peak, unless --max-rate says less.
const ASKED: f64 = 4.0;
/// The run lasts longer than the search may, so that the search ends it.
const SPARE: Duration = Duration::from_secs(10);
/// Steps that a search takes at least, roughly: a bracket, a few bisections, three confirmations.
const STEPS: u32 = 12;
/// What the backlog is held against where no limit on times says how long may be waited.
const PATIENCE: Duration = Duration::from_secs(1);

impl super::Search<'_> {
    /// Searches the highest rate. Returns what was found, and where it was written.
    pub(super) fn rate(&self, mut progress: Progress) -> Result<(SearchFile, PathBuf)> {
        let (args, held) = (self.args, &self.held);
        let control = self.interrupts.next_run();
        let lasting = args.max_duration + SPARE;
        let most_per_s = args.to.max_rate.map(|rate| rate.as_per_second());
        // Rounding must not lift it over its own limit.
        let asked = (ASKED * held.peak_per_s).min(most_per_s.map_or(f64::INFINITY, |r| r * 0.999));
        let (before, readings) = self.resumed()?;
        let order = self.order(held.at(asked, lasting, 0))?;
        let prepared = prepare(&order, &mut progress, &self.interrupts)?;
        for warning in &prepared.warnings {
            progress.printer().line(&format!("warning: {warning}"));
        }
        self.interrupts.commit();
        let limits = self.limits(&prepared);
        for warning in doubts(&self.scenario, &limits, args.max_duration) {
            progress.printer().line(&format!("warning: {warning}"));
        }
        let settings = self.settings(&limits, most_per_s);
        let folder = match folder::create(args.out.as_deref(), &self.scenario.name, wall_now()) {
            Ok(folder) => folder,
            Err(error) => {
                prepared.leave(true);
                return Err(error.into());
            }
        };
        let machine = Machine::new(settings.clone(), before);
        let mut file = self.file();
        file.settings = Some(settings);
        file.started = wall_now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        file.id = prepared.run_id.clone();
        file.target = prepared.info.clone();
        file.limit = limits.plotted().and_then(|(question, name)| {
            let crate::scenario::Limit::BelowTime(limit) = question.limit else {
                return None;
            };
            let quantile = question.quantile?;
            let what = format!("response {} of {name}", units::quantile(quantile));
            Some((what, quantile, limit.as_secs_f64() * 1e6))
        });
        let work = Work {
            prepared: &prepared,
            limits,
            lasting,
            folder: folder.clone(),
            progress,
        };
        let done = self.drive(work, machine, readings, file, &control);
        prepared.leave(args.delete_topics || done.is_err());
        Ok((done?, folder))
    }

    fn limits(&self, prepared: &Prepared) -> Limits {
        let time = &self.scenario.time;
        let run = Duration::from_nanos(time.run_ns()).saturating_sub(time.warmup);
        let tightest = Limits::of(&prepared.scenario, run, false, 0).tightest();
        let late_ns = send_delay_limit_ns(tightest.map(|limit| limit.as_nanos() as u64));
        // The embedded cluster shares our process: who is the limit there can't be told.
        let judges = prepared.info.kind != "embedded";
        Limits::of(&prepared.scenario, run, judges, late_ns)
    }

    fn settings(&self, limits: &Limits, most_per_s: Option<f64>) -> Settings {
        let args = self.args;
        let patience = limits.patience().unwrap_or(PATIENCE).min(PATIENCE);
        Settings {
            start_per_s: START * self.held.peak_per_s,
            max_per_s: most_per_s,
            precision: args.precision,
            confirm_s: args.confirm.as_secs_f64(),
            max_s: args.max_duration.as_secs_f64(),
            credit_s: args.quota_window.as_secs_f64(),
            patience_s: patience.as_secs_f64(),
            limits: limits.bounds(),
        }
    }

    /// The steps of the search that this one goes on from.
    fn resumed(&self) -> Result<(Vec<Step>, Vec<Reading>)> {
        let Some(folder) = &self.args.resume else {
            return Ok((Vec::new(), Vec::new()));
        };
        let earlier = SearchFile::read(folder).map_err(|error| Usage(error.to_string()))?;
        if earlier.plan_hash != self.file().plan_hash {
            let text = format!(
                "--resume {}: that search was of another load ({}); give the same scenario and the same flags, or start anew",
                folder.display(),
                earlier.scenario
            );
            return Err(Usage(text).into());
        }
        Ok(earlier.before())
    }

    /// Drives the run until the search is over.
    fn drive(
        &self,
        work: Work<'_>,
        machine: Machine,
        readings: Vec<Reading>,
        mut file: SearchFile,
        control: &crate::drive::control::Control,
    ) -> Result<SearchFile> {
        let prepared = work.prepared;
        let first = machine.action().clone();
        let draw = u64::from(first.id);
        let ladder = Ladder::new(&prepared.scenario);
        let (outbox, inbox) = channel();
        let job = Job {
            scenario: Arc::clone(&prepared.scenario),
            traffic: Arc::clone(&prepared.traffic),
            schedules: self.held.schedules(first.per_s, work.lasting, draw),
            run_tag: prepared.run_tag,
            target: Arc::clone(&prepared.target),
            readable: prepared.readable,
            control: control.clone(),
            folder: work.folder.clone(),
            environment: Vec::new(),
            judge: judge_of(&prepared.scenario),
            realtime: prepared.realtime,
            watcher: Some(watcher(outbox.clone())),
            ladder: Some(ladder.clone()),
        };
        let shown = Shown::new(&machine);
        let driver = Driver {
            search: machine,
            held: self.held.clone(),
            limits: work.limits,
            ladder,
            control: control.clone(),
            lasting: work.lasting,
            scenario: Arc::clone(&prepared.scenario),
            inbox,
            shown: shown.clone(),
            keep: keep(file.clone(), work.folder.clone()),
            actions: vec![(0, first.id)],
            readings,
        };
        let mut view = View {
            progress: work.progress,
            shown,
            outbox,
            groups: prepared.scenario.consumers.len(),
            passed: 0,
        };
        let driver = std::thread::Builder::new()
            .name("search".to_owned())
            .spawn(move || driver.run())
            .context("starting a thread")?;
        let ran = drive(job, &mut view);
        let View {
            progress, outbox, ..
        } = view;
        drop(outbox);
        let (machine, readings) = driver
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        progress.finish();
        let ran = ran?;
        usable(&ran)?;
        fill(&mut file, &machine, &readings);
        file.elapsed_s = ran.load_ns as f64 / NS_PER_S as f64;
        file.lost = lost(prepared, &ran);
        if let Err(error) = file.write(&work.folder) {
            eprintln!(
                "warning: can't write the result into {}: {error}; what follows is all there is of it",
                work.folder.display()
            );
        }
        Ok(file)
    }
}

/// What a search is driven with.
struct Work<'a> {
    prepared: &'a Prepared,
    limits: Limits,
    lasting: Duration,
    folder: PathBuf,
    progress: Progress,
}

/// Keeps the search's file up to date: a search that is killed can be resumed.
fn keep(mut file: SearchFile, folder: PathBuf) -> Keep {
    Box::new(move |machine, readings| {
        fill(&mut file, machine, readings);
        file.elapsed_s = machine.elapsed_s();
        if let Err(error) = file.write(&folder) {
            tracing::warn!("the search can't be kept for --resume: {error}");
        }
    })
}

fn fill(file: &mut SearchFile, machine: &Machine, readings: &[Reading]) {
    file.steps = machine.steps().to_vec();
    file.readings = readings.to_vec();
    let found = machine.found();
    file.gave = found.gave.as_ref().map(|gave| {
        let step = machine.first_failure();
        let reading = step.and_then(|step| readings.iter().find(|r| r.action == step.action));
        reading.map_or_else(|| gave.clone(), |reading| gave_words(gave, reading))
    });
    file.found = Some(found);
}

/// What gave first, with the topic and the broker where they tell something.
fn gave_words(gave: &str, reading: &Reading) -> String {
    let mut words = gave.to_owned();
    if let Some(topic) = &reading.topic {
        words.push_str(&format!(", slowest on topic {topic}"));
    }
    if let Some(broker) = &reading.broker {
        words.push_str(&match reading.throttled_us {
            0 => format!(", broker {broker}"),
            us => format!(
                ", throttled by broker {broker} for up to {}: a quota",
                units::time_us(us)
            ),
        });
    }
    words
}

/// An error where nothing was ever acknowledged though something was sent.
fn usable(ran: &Ran) -> Result<()> {
    let mut sent = 0;
    for flow in &ran.collected.flows {
        let account = flow.all().account();
        if account.acknowledged > 0 {
            return Ok(());
        }
        sent += account.sent;
    }
    if sent == 0 || ran.stopped.is_some() {
        return Ok(());
    }
    let why = match ran.last_errors.first() {
        Some((_, error)) => format!("; the client's last error: {error}"),
        None => String::new(),
    };
    let text = format!("none of {sent} events sent was acknowledged{why}");
    Err(TargetError::Unusable(text).into())
}

/// Records that were lost, damaged or reordered over all of the search, and parts of the run that are missing.
fn lost(prepared: &Prepared, ran: &Ran) -> Vec<String> {
    let groups: Vec<GroupAccount> = ran.groups.iter().map(|g| GroupAccount::from(*g)).collect();
    let mut lost = losses(&prepared.scenario, &groups);
    lost.extend(ran.incomplete.iter().cloned());
    lost
}

/// What the user should know of the limits before the search begins.
fn doubts(scenario: &Scenario, limits: &Limits, most: Duration) -> Vec<String> {
    let mut doubts = Vec::new();
    if !scenario.actions.is_empty() {
        doubts.push("the scenario's actions are left out: a search holds its rates".to_owned());
    }
    if !limits.left_out().is_empty() {
        doubts.push(format!(
            "not judged, since they count from a spike or an action and a search holds its rates: {}",
            limits.left_out().join(", ")
        ));
    }
    let window = limits.longest_window();
    let needed = window * STEPS;
    if needed > most {
        doubts.push(format!(
            "a step lasts as long as the windows its limits are judged by, {}: allow more than {} with --max-duration",
            units::time_us(window.as_micros() as u64),
            units::time_us(needed.as_micros() as u64)
        ));
    }
    doubts
}
