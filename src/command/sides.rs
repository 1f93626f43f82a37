//! Runs of several sides in turn, into one folder: what `gate` and `compare` share.

mod before;
mod finish;
mod flags;
mod take;

use self::flags::questions;
pub(super) use flags::options_of;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use self::before::Before;
use super::exit::INVALID;
use super::run::{Destination, Interrupts, Order, Performed, load, perform};
use crate::capacity::effect::Question;
use crate::capacity::paired::{FORMAT, PairedFile, Phase, SideResult, Value, Visit, WarmSums};
use crate::capacity::verdict::{Kind, Weight};
use crate::cli::{OutputArgs, PairedArgs};
use crate::clock::wall_now;
use crate::measure::folder;
use crate::measure::line;
use crate::measure::machine::Machine;
use crate::measure::run::{Plan, Reason, RunFile, Tool, Verdict, WINDOWS_FILE};
use crate::report::progress::Progress;
use crate::report::term::Paint;
use crate::scenario::Scenario;
use crate::target::kafka::config::ClientOptions;
use crate::target::kafka::librdkafka_version;

/// Where the runs' folders are, below the folder of all.
const RUNS: &str = "runs";

/// One of those that are compared.
pub(super) struct Side {
    /// Its name.
    pub(super) name: String,
    /// Where its client properties come from.
    pub(super) source: String,
    /// How its cluster is reached.
    pub(super) options: ClientOptions,
    /// What it costs a month.
    pub(super) price: Option<f64>,
}

/// Which turn it is.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) look: u32,
    pub(super) pair: u32,
    /// For the progress: `pair 3 of 8`.
    pub(super) label: String,
}

/// What a side's turn came to.
#[derive(Debug)]
pub(super) enum Turned {
    /// It counts: for each question its value, where there is one.
    Counts(Vec<Option<Value>>),
    /// It does not; why.
    Unusable(String),
    /// There is no point in going on.
    Ends(Reason),
}

/// What is asked for, whoever asks.
pub(super) struct Asked<'a> {
    pub(super) args: &'a PairedArgs,
    pub(super) output: &'a OutputArgs,
    pub(super) kind: &'static str,
    pub(super) sides: Vec<Side>,
    /// How long the unthrottled phase lasts.
    pub(super) unthrottled: Option<Duration>,
}

/// The sides, and all that was run so far.
pub(super) struct Sides<'a> {
    args: &'a PairedArgs,
    output: &'a OutputArgs,
    interrupts: Interrupts,
    folder: PathBuf,
    steady: Scenario,
    warnings: Vec<String>,
    unthrottled: Option<Scenario>,
    pub(super) sides: Vec<Side>,
    pub(super) questions: Vec<Question>,
    before: Before,
    /// The load of the first run, which all others must have.
    plan: Option<Plan>,
    made: usize,
    full_clients: usize,
    pub(super) file: PairedFile,
}

impl<'a> Sides<'a> {
    /// Reads the scenario and makes the folder. Nothing is sent yet.
    pub(super) fn new(asked: Asked<'a>) -> Result<Sides<'a>> {
        let Asked { args, output, .. } = asked;
        let (steady, warnings) = load(
            &args.scenario.name,
            &args.scenario.overrides(),
            args.allow_actions,
        )?;
        let mut notes = Vec::new();
        let lasts = asked.unthrottled.filter(|lasts| !lasts.is_zero());
        let lasts = lasts.filter(|_| args.to.max_rate.is_none());
        let unthrottled = lasts.and_then(|lasts| steady.unthrottled(lasts));
        if lasts.is_some() && unthrottled.is_none() {
            notes.push(
                "the scenario plays journeys, whose events follow one another in time: there is no unthrottled phase, so no throughput"
                    .to_owned(),
            );
        }
        let questions = questions(args, &steady, unthrottled.is_some(), asked.kind)?;
        let before = Before::new(&args.before_each, &asked.sides)?;
        let interrupts = Interrupts::heed();
        let folder = folder::create(
            args.out.as_deref(),
            &format!("{}-{}", asked.kind, steady.name),
            wall_now(),
        )?;
        std::fs::create_dir_all(folder.join(RUNS))
            .with_context(|| format!("making {}", folder.join(RUNS).display()))?;
        let file = PairedFile {
            format: FORMAT,
            kind: asked.kind.to_owned(),
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                librdkafka: librdkafka_version(),
            },
            id: id_of(asked.kind),
            started: wall_now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            scenario: steady.name.clone(),
            why: steady.why.clone(),
            seed: steady.seed,
            machine: Machine::this(),
            notes,
            sides: asked.sides.iter().map(side_result).collect(),
            ..PairedFile::default()
        };
        Ok(Sides {
            args,
            output,
            interrupts,
            folder,
            steady,
            warnings,
            unthrottled,
            sides: asked.sides,
            questions,
            before,
            plan: None,
            made: 0,
            full_clients: 0,
            file,
        })
    }

    /// The load that every run must have, where it is known before the first.
    pub(super) fn expect(&mut self, plan: Plan) {
        self.plan = Some(plan);
    }

    /// How long the turn of one side takes at least: its loads.
    pub(super) fn turn_lasts(&self) -> Duration {
        let unthrottled = self.unthrottled.as_ref();
        let ns = self.steady.time.run_ns() + unthrottled.map_or(0, |s| s.time.run_ns());
        Duration::from_nanos(ns)
    }

    /// The folder of all runs.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Says something above the progress, unless asked to be quiet.
    pub(super) fn say(&self, text: &str) {
        if !self.output.quiet {
            eprintln!("{text}");
        }
    }

    /// Gives side number `side` its turn: its command, a run at the scenario's rate, and an unthrottled one.
    ///
    /// # Errors
    /// A run could not take place.
    pub(super) fn turn(&mut self, side: usize, turn: &Turn) -> Result<Turned> {
        if self.interrupts.interrupted() {
            return Ok(Turned::Ends(interrupted()));
        }
        let log = self.folder.join("before-each.log");
        self.before.run(side, &log, &self.interrupts)?;
        let steady = self.perform(side, turn, Phase::Steady)?;
        let taken = self.take(side, turn, steady, Phase::Steady)?;
        let (steady, sums) = match taken {
            Ok(taken) => taken,
            Err(turned) => return Ok(turned),
        };
        let mut unthrottled = None;
        if self.unthrottled.is_some() {
            let run = self.perform(side, turn, Phase::Unthrottled)?;
            match self.take(side, turn, run, Phase::Unthrottled)? {
                Ok(taken) => unthrottled = Some(taken),
                Err(turned) => return Ok(turned),
            }
        }
        let visit = Visit {
            steady: (&steady.file, sums),
            unthrottled: unthrottled.as_ref().map(|(run, sums)| (&run.file, *sums)),
        };
        Ok(Turned::Counts(self.values(&visit)))
    }

    /// Gives all sides a turn at the same time.
    ///
    /// # Errors
    /// A run could not take place.
    pub(super) fn at_once(&mut self, turn: &Turn) -> Result<Vec<Turned>> {
        if self.interrupts.interrupted() {
            return Ok(vec![Turned::Ends(interrupted())]);
        }
        let log = self.folder.join("before-each.log");
        let mut orders = Vec::new();
        for side in 0..self.sides.len() {
            self.before.run(side, &log, &self.interrupts)?;
            orders.push(self.order(side, Phase::Steady));
        }
        let runs: Vec<Result<Performed>> = std::thread::scope(|scope| {
            let (this, mut running) = (&*self, Vec::new());
            for (side, (order, folder)) in orders.iter().enumerate() {
                // One line of progress can be redrawn, not five.
                let quiet = this.output.quiet || side > 0;
                running.push(scope.spawn(move || {
                    let progress = this.progress(quiet, &format!("{}, all at once", turn.label));
                    perform(order, Some(folder), progress, &this.interrupts)
                }));
            }
            let lost = || {
                Err(anyhow::anyhow!(
                    "a run ended without a result: a fault in highwater"
                ))
            };
            running
                .into_iter()
                .map(|run| run.join().unwrap_or_else(|_| lost()))
                .collect()
        });
        let mut all = Vec::new();
        for (side, run) in runs.into_iter().enumerate() {
            all.push(match self.take(side, turn, run?, Phase::Steady)? {
                Ok((run, sums)) => Turned::Counts(self.values(&Visit {
                    steady: (&run.file, sums),
                    unthrottled: None,
                })),
                Err(turned) => turned,
            });
        }
        Ok(all)
    }

    /// The figures of a visit, in the order of the questions; kept with its last run.
    fn values(&mut self, visit: &Visit<'_>) -> Vec<Option<Value>> {
        let values: Vec<Option<Value>> = self
            .questions
            .iter()
            .map(|question| visit.value(question.of))
            .collect();
        if let Some(last) = self.file.runs.last_mut() {
            let named = self.questions.iter().zip(&values);
            last.values = named
                .filter_map(|(question, value)| Some((question.of.name(), (*value)?.number())))
                .collect();
        }
        values
    }

    /// What the next run of a side is made of, and its folder.
    fn order(&mut self, side: usize, phase: Phase) -> (Order, PathBuf) {
        self.made += 1;
        let (scenario, suffix) = match (phase, &self.unthrottled) {
            (Phase::Unthrottled, Some(scenario)) => (scenario, "-unthrottled"),
            _ => (&self.steady, ""),
        };
        let of = &self.sides[side];
        let name = format!("{:02}-{}{suffix}", self.made, of.name);
        let prefix = &self.args.to.topic_prefix;
        // Each run has topics of its own: none reads, or trims, what another has left.
        let topic_prefix = match self.args.to.allow_existing {
            true => prefix.clone(),
            false => format!("{prefix}{}-{}.", self.file.id, self.made),
        };
        let is_first = self
            .file
            .runs
            .iter()
            .all(|run| run.side != of.name || run.unthrottled != (phase == Phase::Unthrottled));
        let order = Order {
            scenario: scenario.clone(),
            // Said once.
            warnings: match self.file.runs.is_empty() {
                true => self.warnings.clone(),
                false => Vec::new(),
            },
            to: Destination {
                topic_prefix,
                // Asked once.
                yes: self.args.to.yes || !is_first,
                ..Destination::new(&self.args.to, of.options.clone())
            },
            run_id: Some(format!("{}-{name}", self.file.id)),
            delete_topics: !self.args.to.allow_existing,
            page: false,
            tell: is_first,
        };
        (order, self.folder.join(RUNS).join(name))
    }

    fn progress(&self, quiet: bool, label: &str) -> Progress {
        Progress::stderr(quiet, Paint::stderr(super::color(self.output))).labelled(label)
    }

    fn perform(&mut self, side: usize, turn: &Turn, phase: Phase) -> Result<Performed> {
        let (order, folder) = self.order(side, phase);
        let what = match phase {
            Phase::Steady => "",
            Phase::Unthrottled => ", unthrottled",
        };
        let name = &self.sides[side].name;
        let label = format!("{}, {name}{what}", turn.label);
        let progress = self.progress(self.output.quiet, &label);
        perform(&order, Some(&folder), progress, &self.interrupts)
            .with_context(|| format!("{name}, run {}", self.made))
    }
}

/// The user's wish.
pub(super) fn interrupted() -> Reason {
    Reason {
        kind: Kind::Interrupted.name().to_owned(),
        text: "interrupted before enough was known".to_owned(),
    }
}

/// Verdict and exit code of a reason that ended everything.
pub(super) fn ended(reason: &Reason) -> (Verdict, u8) {
    match Kind::from_name(&reason.kind).map(Kind::weight) {
        Some(Weight::Loss) => (Verdict::Fail, 1),
        Some(Weight::Cluster) => (Verdict::Invalid, super::exit::CLUSTER),
        _ => (Verdict::Invalid, INVALID),
    }
}

fn side_result(side: &Side) -> SideResult {
    SideResult {
        name: side.name.clone(),
        source: side.source.clone(),
        price: side.price,
        ..SideResult::default()
    }
}

/// Short, since it begins the names of topics and runs.
fn id_of(kind: &str) -> String {
    let salt = super::run::made_up_id();
    let tail = salt.rsplit('-').next().unwrap_or("0");
    format!("{kind}-{tail}")
}

/// The sums over a run's warm seconds, from its folder.
pub(super) fn warm_sums(run: &Performed) -> Result<WarmSums> {
    sums_of(&run.folder, &run.file)
}

/// The same of a run that was read.
pub(super) fn sums_of(folder: &Path, run: &RunFile) -> Result<WarmSums> {
    let mut sums = WarmSums::default();
    for line in line::read(&folder.join(WINDOWS_FILE))? {
        sums.add(&line?, run.elapsed_us);
    }
    Ok(sums)
}
