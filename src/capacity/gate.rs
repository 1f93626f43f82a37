//! The gate: which run comes next, and when enough is known. A pure state machine: an observation in, an action out.
//!
//! ```text
//!  8 pairs ─▶ settled? ── no ─▶ a pair more, up to 12 ─┐
//!     │ yes                                            │
//!     ▼                                                ▼
//!  any figure worse? ── no ─▶ passed, or too noisy to tell
//!     │ yes
//!     ▼
//!  8 to 12 fresh pairs ─▶ the same figure worse again? ── yes ─▶ failed
//! ```
//!
//! A figure is worse when the whole interval of its ratio lies beyond the smallest effect that matters. That alone rarely happens by
//! chance, and an interval that is narrow by chance does not come twice: only a figure that is worse in both looks fails the gate.
//!
//! The sides take turns as A B B A A B B A: a machine that slowly gets slower, or faster, then meets both alike. A pair of which a
//! run can't count is run again in the same order, a few times at most.

use super::effect::{Evidence, Finding, Question};
use super::signed_rank::Interval;

/// The pairs of a look before the first question.
pub const FIRST: usize = 8;
/// The pairs of a look at most.
pub const MOST: usize = 12;
/// How often a pair is run again.
pub const RETRIES: u32 = 2;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// What is, and works.
    Baseline,
    /// What would take its place.
    Candidate,
}

/// How the gate judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The figures.
    pub questions: Vec<Question>,
    /// Pairs of a look before the first question.
    pub first: usize,
    /// Pairs of a look at most; not below `first`.
    pub most: usize,
    /// How often one pair is run again.
    pub retries: u32,
    /// What differences are taken from.
    pub evidence: Evidence,
    /// Both sides are the same: all pairs are made, and no second look.
    pub same: bool,
}

/// What became of a pair.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// It counts: for each question the log ratio candidate ÷ baseline, `None` where there was nothing to compare.
    Pair(Vec<Option<f64>>),
    /// One of its runs can't count; why, a clause.
    Unusable(String),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Run a pair.
    Pair(Turn),
    /// Enough is known.
    Done(Outcome),
}

/// A pair to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// 1, or 2 in the second look.
    pub look: u32,
    /// From 1, in its look.
    pub number: usize,
    /// From 0: how often this pair was run before.
    pub again: u32,
    /// Which comes first.
    pub first: Side,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is worse by what matters.
    Passed,
    /// A figure was worse, twice.
    Failed,
    /// The noise is too great to tell.
    TooNoisy,
    /// A pair could not be made.
    Unusable,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub decision: Decision,
    /// For each question.
    pub answers: Vec<Answer>,
    /// Why a pair could not be made, a clause.
    pub unusable: Option<String>,
}

/// What was found of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// In the first look.
    pub first: Look,
    /// In the second, where there was one.
    pub second: Option<Look>,
    /// What they come to.
    pub outcome: Look,
}

/// What a look found of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The log ratio; `None` where there was nothing to compare.
    pub interval: Option<Interval>,
    /// What that says.
    pub finding: Finding,
}

/// The state.
#[derive(Clone, Debug)]
pub struct Gate {
    rules: Rules,
    /// By look: by question, the log ratios.
    looks: Vec<Vec<Vec<f64>>>,
    /// Pairs of this look.
    pairs: usize,
    again: u32,
}

impl Gate {
    /// A gate before its first pair.
    pub fn new(rules: Rules) -> Gate {
        let look = vec![Vec::new(); rules.questions.len()];
        Gate {
            rules,
            looks: vec![look],
            pairs: 0,
            again: 0,
        }
    }

    /// The first pair.
    pub fn start(&self) -> Action {
        self.turn()
    }

    /// Takes in what became of the pair that was asked for last, and says what comes next.
    pub fn next(&mut self, seen: Observation) -> Action {
        match seen {
            Observation::Pair(ratios) => {
                let look = self.looks.last_mut().into_iter().flatten();
                for (differences, ratio) in look.zip(ratios) {
                    differences.extend(ratio);
                }
                self.pairs += 1;
                self.again = 0;
            }
            Observation::Unusable(_) if self.again < self.rules.retries => self.again += 1,
            Observation::Unusable(why) => {
                return Action::Done(Outcome {
                    decision: Decision::Unusable,
                    answers: self.answers(),
                    unusable: Some(why),
                });
            }
        }
        if self.pairs < self.rules.first {
            return self.turn();
        }
        self.decide()
    }

    /// What is known by now, as when the gate has to end early.
    pub fn answers(&self) -> Vec<Answer> {
        (0..self.rules.questions.len())
            .map(|question| self.answer(question))
            .collect()
    }

    fn turn(&self) -> Action {
        let first = match self.pairs % 2 {
            0 => Side::Baseline,
            _ => Side::Candidate,
        };
        Action::Pair(Turn {
            look: self.looks.len() as u32,
            number: self.pairs + 1,
            again: self.again,
            first,
        })
    }

    fn decide(&mut self) -> Action {
        let is_first_look = self.looks.len() == 1;
        let here = self.looks.len() - 1;
        let is_full = self.pairs >= self.rules.most;
        let questions = 0..self.rules.questions.len();
        let suspects: Vec<usize> = questions
            .clone()
            .filter(|q| self.look(0, *q).finding == Finding::Worse)
            .collect();
        if self.rules.same && !is_full {
            return self.turn();
        }
        if is_first_look && !suspects.is_empty() && !self.rules.same {
            self.looks
                .push(vec![Vec::new(); self.rules.questions.len()]);
            self.pairs = 0;
            return self.turn();
        }
        // A second look is for the suspects alone.
        let mut asked = questions.filter(|q| is_first_look || suspects.contains(q));
        let is_settled = asked.all(|q| {
            let finding = self.look(here, q).finding;
            finding.is_settled() || finding == Finding::Nothing
        });
        if !is_settled && !is_full {
            return self.turn();
        }
        let answers = self.answers();
        let any = |finding| {
            answers
                .iter()
                .any(|answer| answer.outcome.finding == finding)
        };
        let nothing = answers
            .iter()
            .all(|a| a.outcome.finding == Finding::Nothing);
        let decision = if any(Finding::Worse) {
            Decision::Failed
        } else if any(Finding::TooNoisy) || nothing {
            Decision::TooNoisy
        } else {
            Decision::Passed
        };
        Action::Done(Outcome {
            decision,
            answers,
            unusable: None,
        })
    }

    /// What one look found of a question.
    fn look(&self, look: usize, question: usize) -> Look {
        self.judge(question, &self.looks[look][question])
    }

    fn judge(&self, question: usize, differences: &[f64]) -> Look {
        let interval = self.rules.evidence.interval(differences);
        Look {
            interval,
            finding: self.rules.questions[question].finding(interval),
        }
    }

    /// What the looks come to. What was worse in the first is what the second says it is; of the rest all pairs count together.
    fn answer(&self, question: usize) -> Answer {
        let first = self.look(0, question);
        if self.looks.len() == 1 {
            return Answer {
                first,
                second: None,
                outcome: first,
            };
        }
        let second = self.look(1, question);
        let outcome = match first.finding {
            Finding::Worse => second,
            _ => {
                let looks = self.looks.iter();
                let all: Vec<f64> = looks.flat_map(|look| &look[question]).copied().collect();
                let mut all = self.judge(question, &all);
                // It was not worse in both looks.
                if all.finding == Finding::Worse {
                    all.finding = Finding::NotShown;
                }
                all
            }
        };
        Answer {
            first,
            second: Some(second),
            outcome,
        }
    }
}

#[cfg(test)]
mod tests;
