//! What the pairs of a gate come to: the figures, the verdict and why.

use super::{Course, End, NAMES, ratio};
use crate::capacity::effect::{Compared, Finding, Question};
use crate::capacity::gate::{Answer, Decision, Gate, Observation, Outcome, RETRIES};
use crate::capacity::paired::{FigureResult, PairRatio, Value};
use crate::command::exit::INVALID;
use crate::command::sides::ended;
use crate::measure::run::{Reason, Verdict};
use crate::measure::units;

impl Course<'_> {
    /// Fills in the figures, the verdict and why. Returns the exit code.
    pub(super) fn conclude(&mut self, end: &End) -> u8 {
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
