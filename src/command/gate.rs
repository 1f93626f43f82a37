//! `gate`: is the candidate worse than the baseline? With an exit code for CI.

mod conclude;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::exit::Usage;
use super::sides::{Asked, Side, Sides, Turn, Turned, options_of, sums_of};
use crate::capacity::effect::{Evidence, log_ratio};
use crate::capacity::gate::{
    Action, Gate, Observation, Outcome, RETRIES, Rules, Side as Which, Turn as Pair,
};
use crate::capacity::paired::{Value, Visit};
use crate::cli::{GateArgs, OutputArgs};
use crate::measure::run::{Reason, RunFile, Verdict};
use crate::measure::units;

/// Names of the sides, as `--before-each` and the reports have them.
const NAMES: [&str; 2] = ["baseline", "candidate"];
/// The flags of their files.
const FLAGS: [&str; 2] = ["--baseline", "--candidate"];

/// Compares the candidate with the baseline. Returns the exit code: 0 no regression, 1 a regression, 3 too noisy to tell.
///
/// # Errors
/// A run could not take place.
pub fn gate(args: &GateArgs, output: &OutputArgs) -> Result<u8> {
    let most = args.max_pairs.unwrap_or(args.pairs + args.pairs / 2);
    if most < args.pairs {
        let text = format!("--max-pairs {most} is below --pairs {}", args.pairs);
        return Err(Usage(text).into());
    }
    let stored = args.against.as_deref().map(read_stored).transpose()?;
    let sides = Sides::new(Asked {
        args: &args.paired,
        output,
        kind: match (&stored, args.itself) {
            (Some(_), _) => "against",
            (None, true) => "self",
            (None, false) => "gate",
        },
        sides: sides_of(args)?,
        unthrottled: stored.is_none().then_some(args.unthrottled),
    })?;
    let mut course = Course {
        rules: Rules {
            questions: sides.questions.clone(),
            first: args.pairs as usize,
            most: most as usize,
            retries: RETRIES,
            evidence: match stored {
                Some(_) => Evidence::Stored,
                None => Evidence::Pairs,
            },
            same: args.itself,
        },
        sides,
        stored: None,
        seen: Vec::new(),
    };
    if let Some((folder, run)) = stored {
        course.weigh_stored(folder, run)?;
    }
    course.announce();
    let result = course.run();
    let end = match &result {
        Ok(end) => end.clone(),
        // What is known by now is worth keeping.
        Err(error) => End::Early(Reason {
            kind: "run".to_owned(),
            text: format!("{error:#}"),
        }),
    };
    let code = course.conclude(&end);
    course.sides.finish()?;
    result.map(|_| code)
}

fn sides_of(args: &GateArgs) -> Result<Vec<Side>> {
    let shared = &args.paired.to.cluster;
    let files = match (&args.against, args.itself) {
        (Some(_), _) => [None, args.candidate.as_ref()],
        (None, true) => [args.baseline.as_ref(), args.baseline.as_ref()],
        (None, false) => [args.baseline.as_ref(), args.candidate.as_ref()],
    };
    let candidate = if args.itself { FLAGS[0] } else { FLAGS[1] };
    NAMES
        .into_iter()
        .zip([FLAGS[0], candidate].into_iter().zip(files))
        .map(|(name, (flag, file))| {
            Ok(Side {
                name: name.to_owned(),
                source: match (file, &args.against) {
                    (Some(file), _) => file.display().to_string(),
                    (None, Some(run)) if name == NAMES[0] => run.display().to_string(),
                    (None, _) => "the flags".to_owned(),
                },
                options: options_of(shared, file.map(|file| (flag, file)))?,
                price: None,
            })
        })
        .collect()
}

/// The run of `--against`, with its folder.
fn read_stored(folder: &Path) -> Result<(&Path, RunFile)> {
    let run = RunFile::read(folder)
        .map_err(|error| Usage(format!("--against {}: {error}", folder.display())))?;
    Ok((folder, run))
}

/// How the runs came to an end.
#[derive(Clone)]
enum End {
    /// Enough is known.
    Known(Outcome),
    /// It is not.
    Early(Reason),
}

/// A pair that counted.
struct Seen {
    pair: Pair,
    values: [Vec<Option<Value>>; 2],
}

/// A gate under way.
struct Course<'a> {
    sides: Sides<'a>,
    rules: Rules,
    /// The figures of the stored run that stands for the baseline.
    stored: Option<Vec<Option<Value>>>,
    seen: Vec<Seen>,
}

impl Course<'_> {
    /// Takes the stored run as the baseline, if it had the same load.
    fn weigh_stored(&mut self, folder: &Path, run: RunFile) -> Result<()> {
        if run.verdict == Verdict::Invalid && !crate::capacity::paired::is_disturbed(&run) {
            let why = run
                .reasons
                .first()
                .map_or("", |reason| reason.text.as_str());
            let text = format!(
                "--against {}: that run proves nothing: {why}",
                folder.display()
            );
            return Err(Usage(text).into());
        }
        let visit = Visit {
            steady: (&run, sums_of(folder, &run)?),
            unthrottled: None,
        };
        let values = self.rules.questions.iter().map(|q| visit.value(q.of));
        self.stored = Some(values.collect());
        let file = &mut self.sides.file;
        file.sides[0].bootstrap = run.target.bootstrap.clone();
        file.sides[0].client = run.target.client.clone();
        file.sides[0].add(&run);
        let n = self.rules.first as f64;
        file.notes.push(format!(
            "the baseline is one stored run of {}: what the machine and the cluster have become since is taken for an effect, and the \
             intervals are {} times as wide as those of {} interleaved pairs",
            run.started,
            units::short(((n + 1.0) / 2.0).sqrt()),
            self.rules.first
        ));
        if file.machine != run.machine {
            file.notes.push(format!(
                "the stored run was made on another machine ({}, {}, {})",
                run.machine.cpu,
                units::counted(u64::from(run.machine.cores), "cores"),
                run.machine.kernel
            ));
        }
        self.sides.expect(run.plan);
        Ok(())
    }

    /// How long it will take.
    fn announce(&self) {
        let turns = if self.stored.is_some() { 1 } else { 2 };
        let lasts = |pairs: usize| {
            let all: Duration = self.sides.turn_lasts() * (turns * pairs) as u32;
            units::time_us(all.as_micros() as u64)
        };
        let most = self.rules.most * if self.rules.same { 1 } else { 2 };
        let least = if self.rules.same {
            most
        } else {
            self.rules.first
        };
        let (pairs, load) = match least == most {
            true => (most.to_string(), lasts(most)),
            false => (
                format!("{least} to {most}"),
                format!("{} to {}", lasts(least), lasts(most)),
            ),
        };
        self.sides.say(&format!(
            "{pairs} pairs, {load} of load, into {}",
            self.sides.folder().display()
        ));
    }

    fn run(&mut self) -> Result<End> {
        let mut gate = Gate::new(self.rules.clone());
        let mut action = gate.start();
        loop {
            let pair = match action {
                Action::Done(outcome) => return Ok(End::Known(outcome)),
                Action::Pair(pair) => pair,
            };
            let seen = match self.pair(&pair)? {
                Turned::Counts(_) => Observation::Pair(self.ratios()),
                Turned::Unusable(why) => {
                    self.sides
                        .say(&format!("pair {} does not count: {why}", pair.number));
                    Observation::Unusable(why)
                }
                Turned::Ends(reason) => return Ok(End::Early(reason)),
            };
            action = gate.next(seen);
        }
    }

    /// Runs a pair; when it counts it is the last of `seen`.
    fn pair(&mut self, pair: &Pair) -> Result<Turned> {
        let again = if pair.again > 0 { ", again" } else { "" };
        let look = if pair.look > 1 { "second look, " } else { "" };
        let turn = Turn {
            look: pair.look,
            pair: pair.number as u32,
            label: format!(
                "{look}pair {} of {}{again}",
                pair.number,
                self.rules.first.max(pair.number)
            ),
        };
        let order = match (&self.stored, pair.first) {
            (Some(_), _) => vec![1],
            (None, Which::Baseline) => vec![0, 1],
            (None, Which::Candidate) => vec![1, 0],
        };
        let mut values = [self.stored.clone().unwrap_or_default(), Vec::new()];
        for side in order {
            match self.sides.turn(side, &turn)? {
                Turned::Counts(found) => values[side] = found,
                other => return Ok(other),
            }
        }
        self.seen.push(Seen {
            pair: *pair,
            values,
        });
        Ok(Turned::Counts(Vec::new()))
    }

    /// The log ratios of the last pair.
    fn ratios(&self) -> Vec<Option<f64>> {
        let Some(seen) = self.seen.last() else {
            return Vec::new();
        };
        (0..self.rules.questions.len())
            .map(|question| ratio(seen, question))
            .collect()
    }
}

/// The log ratio of a pair; `None` where a side has nothing to compare.
fn ratio(seen: &Seen, question: usize) -> Option<f64> {
    let value = |side: usize| seen.values[side].get(question).copied().flatten();
    Some(log_ratio(value(0)?.number(), value(1)?.number()))
}
