//! `gate`: is the candidate worse than the baseline? With an exit code for CI.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::exit::{INVALID, Usage};
use super::sides::{Asked, Side, Sides, Turn, Turned, ended, options_of, sums_of};
use crate::capacity::effect::{Compared, Evidence, Finding, Question, log_ratio};
use crate::capacity::gate::{
    Action, Answer, Decision, Gate, Observation, Outcome, RETRIES, Rules, Side as Which,
    Turn as Pair,
};
use crate::capacity::paired::{FigureResult, PairRatio, Value, Visit};
use crate::cli::{GateArgs, OutputArgs};
use crate::measure::run::{Reason, RunFile, Verdict};
use crate::measure::units;

/// Names of the sides, as `--before-each` and the reports have them.
const NAMES: [&str; 2] = ["baseline", "candidate"];

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
    NAMES
        .into_iter()
        .zip(files)
        .map(|(name, file)| {
            Ok(Side {
                name: name.to_owned(),
                source: match (file, &args.against) {
                    (Some(file), _) => file.display().to_string(),
                    (None, Some(run)) if name == NAMES[0] => run.display().to_string(),
                    (None, _) => "the flags".to_owned(),
                },
                options: options_of(shared, file)?,
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

    /// Fills in the figures, the verdict and why. Returns the exit code.
    fn conclude(&mut self, end: &End) -> u8 {
        let answers = match end {
            End::Known(outcome) => outcome.answers.clone(),
            End::Early(_) => self.replay().answers(),
        };
        let figures: Vec<FigureResult> = answers
            .iter()
            .enumerate()
            .map(|(question, answer)| self.figure(question, answer))
            .collect();
        self.sides.file.figures = figures;
        let (verdict, code, reasons) = match end {
            End::Early(reason) => {
                let (verdict, code) = ended(reason);
                (verdict, code, vec![reason.clone()])
            }
            End::Known(outcome) => self.judge(outcome),
        };
        let file = &mut self.sides.file;
        file.verdict = Some(verdict);
        file.reasons = reasons;
        code
    }

    /// The gate as it stands after the pairs that counted.
    fn replay(&self) -> Gate {
        let mut gate = Gate::new(self.rules.clone());
        for seen in &self.seen {
            let ratios = (0..self.rules.questions.len()).map(|question| ratio(seen, question));
            gate.next(Observation::Pair(ratios.collect()));
        }
        gate
    }

    fn figure(&self, question: usize, answer: &Answer) -> FigureResult {
        let pairs = self.seen.iter().filter_map(|seen| {
            Some(PairRatio {
                look: seen.pair.look,
                pair: seen.pair.number as u32,
                ratio: ratio(seen, question)?.exp(),
            })
        });
        let values = |side: usize| -> Vec<Option<f64>> {
            let values = self
                .seen
                .iter()
                .filter_map(|seen| seen.values[side].get(question).copied()?);
            values.map(Value::number).collect()
        };
        FigureResult::new(
            &self.rules.questions[question],
            NAMES[1],
            answer,
            pairs.collect(),
            [&values(0), &values(1)],
            self.rules.most,
            self.rules.evidence,
        )
    }

    fn judge(&mut self, outcome: &Outcome) -> (Verdict, u8, Vec<Reason>) {
        let say = |kind: &str, text: String| Reason {
            kind: kind.to_owned(),
            text,
        };
        self.note_unconfirmed(outcome);
        match outcome.decision {
            Decision::Unusable => {
                let why = outcome.unusable.clone().unwrap_or_default();
                let text = format!(
                    "a pair was run {} times and never counted: {why}",
                    RETRIES + 1
                );
                (Verdict::Invalid, INVALID, vec![say("unusable", text)])
            }
            // A that differs from A says nothing of A, and much of the machine.
            Decision::Failed if self.rules.same => {
                let worse = self.names(outcome, Finding::Worse);
                let text = format!(
                    "the baseline differs from itself in {worse}: this machine is no place for a gate on that"
                );
                (Verdict::Invalid, INVALID, vec![say("too_noisy", text)])
            }
            Decision::Failed => {
                let of = |finding| self.each(outcome, finding);
                let reasons = of(Finding::Worse)
                    .map(|(question, figure)| say("regression", worse(question, figure)));
                (Verdict::Fail, 1, reasons.collect())
            }
            Decision::TooNoisy => {
                let noisy: Vec<Reason> = self
                    .each(outcome, Finding::TooNoisy)
                    .map(|(question, figure)| say("too_noisy", too_noisy(question, figure)))
                    .collect();
                let nothing = || vec![say("too_noisy", "there was nothing to compare".to_owned())];
                let reasons = if noisy.is_empty() { nothing() } else { noisy };
                (Verdict::Invalid, INVALID, reasons)
            }
            Decision::Passed => (Verdict::Pass, 0, Vec::new()),
        }
    }

    /// Figures that were worse in the first look and not in the second.
    fn note_unconfirmed(&mut self, outcome: &Outcome) {
        let names: Vec<String> = outcome
            .answers
            .iter()
            .zip(&self.rules.questions)
            .filter(|(a, _)| {
                a.second.is_some()
                    && a.first.finding == Finding::Worse
                    && a.outcome.finding != Finding::Worse
            })
            .map(|(_, question)| question.of.name())
            .collect();
        if !names.is_empty() {
            let text = format!(
                "{}: worse in the first look, and not again in the second",
                names.join(", ")
            );
            self.sides.file.notes.push(text);
        }
    }

    /// The figures of which this was found.
    fn each<'a>(
        &'a self,
        outcome: &'a Outcome,
        finding: Finding,
    ) -> impl Iterator<Item = (&'a Question, &'a FigureResult)> {
        let all = outcome
            .answers
            .iter()
            .zip(self.rules.questions.iter().zip(&self.sides.file.figures));
        all.filter(move |(answer, _)| answer.outcome.finding == finding)
            .map(|(_, of)| of)
    }

    fn names(&self, outcome: &Outcome, finding: Finding) -> String {
        let names: Vec<String> = self
            .each(outcome, finding)
            .map(|(question, _)| question.of.name())
            .collect();
        names.join(", ")
    }
}

/// The log ratio of a pair; `None` where a side has nothing to compare.
fn ratio(seen: &Seen, question: usize) -> Option<f64> {
    let value = |side: usize| seen.values[side].get(question).copied().flatten();
    Some(log_ratio(value(0)?.number(), value(1)?.number()))
}

fn worse(question: &Question, figure: &FigureResult) -> String {
    let change = |ratio: Option<f64>| ratio.map_or("-".to_owned(), crate::report::paired::change);
    format!(
        "{} is worse: {} (95 % interval {} to {}), where {} matters",
        question.of.name(),
        change(figure.ratio),
        change(figure.low),
        change(figure.high),
        units::share(question.min_effect)
    )
}

/// What would make it decidable: an effect above half the interval's width.
fn too_noisy(question: &Question, figure: &FigureResult) -> String {
    let name = question.of.name();
    let (Some(low), Some(high)) = (figure.low, figure.high) else {
        return format!("{name}: too few pairs to tell anything");
    };
    let half = (high / low).ln() / 2.0;
    let needed = match question.of.more_is_better() {
        true => 1.0 - (-half).exp(),
        false => half.exp_m1(),
    };
    // With a quarter to spare, in steps of 5 %.
    let share = ((needed * 1.25 * 20.0).ceil() / 20.0).min(0.95);
    let flag = match question.of {
        Compared::Response(q) | Compared::EndToEnd(q) => {
            format!("{}.{}", question.of.word(), units::quantile(q))
        }
        _ => question.of.word().to_owned(),
    };
    format!(
        "{name} is too noisy to tell: the 95 % interval is {} to {}, too wide to tell no change from one of {}. Make the runs longer \
         (--duration), the machine quieter, or give --min-effect {flag}={:.0}%",
        crate::report::paired::change(low),
        crate::report::paired::change(high),
        units::share(question.min_effect),
        share * 100.0
    )
}
