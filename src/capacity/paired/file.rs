//! `gate.json` and `compare.json`: all that was found, and every run it was found in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_disturbed;
use crate::capacity::effect::{Evidence, Question};
use crate::capacity::gate::Answer;
use crate::capacity::signed_rank::{deviation, median_of};
use crate::measure::account::Account;
use crate::measure::health::Limit;
use crate::measure::machine::Machine;
use crate::measure::run::{Reason, RunFile, Tool, Verdict};

/// The version of the file's format.
pub const FORMAT: u32 = 1;

/// The file of a gate or a comparison. Ratios are candidate ÷ baseline; values are microseconds, or events per second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairedFile {
    /// [`FORMAT`].
    pub format: u32,
    /// `gate`, `self`, `against` or `compare`.
    pub kind: String,
    /// What wrote it.
    pub tool: Tool,
    /// Its id, which the runs' ids begin with.
    pub id: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// The scenario's name.
    pub scenario: String,
    /// What it asks.
    pub why: String,
    /// The hash of the load, the same for every run at the scenario's rate.
    pub plan_hash: String,
    /// The seed of every draw.
    pub seed: u64,
    /// The machine the load came from.
    pub machine: Machine,
    /// `pass`, `fail` or `invalid`.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What to know beside it, a sentence each.
    pub notes: Vec<String>,
    /// The sides, the baseline first.
    pub sides: Vec<SideResult>,
    /// What they were compared by, for each side after the first.
    pub figures: Vec<FigureResult>,
    /// Every run, in the order they were made.
    pub runs: Vec<RunRef>,
}

/// A side: what it is, and what became of the records of all its runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SideResult {
    /// Its name.
    pub name: String,
    /// Where its client properties came from.
    pub source: String,
    /// The cluster's addresses.
    pub bootstrap: Vec<String>,
    /// Producer properties that were set; secrets left out.
    pub client: BTreeMap<String, String>,
    /// What it costs a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// The price of a billion events at its throughput, all month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_billion: Option<f64>,
    /// What became of the events of all its runs.
    pub account: Account,
    /// What its consumer groups found, all groups and runs together.
    pub records: Records,
    /// How many of its runs counted, and in how many of those something else held the generator up.
    pub counted: u32,
    /// See `counted`.
    pub disturbed: u32,
}

/// What consumer groups found, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of `GroupAccount`")]
pub struct Records {
    pub consumed: u64,
    pub missing: u64,
    pub corrupt: u64,
    pub duplicated: u64,
    pub reordered: u64,
}

/// A figure of a side, compared with the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FigureResult {
    /// Its name.
    pub name: String,
    /// The side that is compared with the first.
    pub side: String,
    /// More of it is better.
    pub more_is_better: bool,
    /// The smallest effect that matters, as a share of the first side's.
    pub min_effect: f64,
    /// The median of the first side's runs; null: beyond all events, or nothing measured.
    pub baseline: Option<f64>,
    /// The median of this side's.
    pub candidate: Option<f64>,
    /// The ratio of the pairs, candidate ÷ baseline (Hodges-Lehmann).
    pub ratio: Option<f64>,
    /// The 95 % interval's lower end.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// What it says: `worse`, `better`, `same`, `not_shown`, `too_noisy` or `nothing`.
    pub finding: String,
    /// How much a side's runs scatter from one to the next, as a share: the standard deviation of their log ratios ÷ √2.
    pub run_to_run: Option<f64>,
    /// The smallest regression that would have been found in 95 of 100 cases, as a share of the first side's.
    pub smallest_found: Option<f64>,
    /// Each pair's ratio.
    pub pairs: Vec<PairRatio>,
}

/// A pair's ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairRatio {
    /// 1, or 2 in the second look.
    pub look: u32,
    /// Which pair of its look, from 1.
    pub pair: u32,
    /// Candidate ÷ baseline.
    pub ratio: f64,
}

/// A run that was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRef {
    /// Its folder, below this file's.
    pub folder: String,
    /// Whose it is.
    pub side: String,
    /// 1, or 2 in the second look.
    pub look: u32,
    /// Which pair or round of its look, from 1.
    pub pair: u32,
    /// At the scenario's rate, or unthrottled.
    pub unthrottled: bool,
    /// Its own verdict.
    pub verdict: Option<Verdict>,
    /// Why it does not count; left out when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<String>,
    /// What held its generator up.
    pub limits: Vec<Limit>,
    /// Its figures, by name.
    pub values: BTreeMap<String, Option<f64>>,
}

impl SideResult {
    /// Takes in a run that counted.
    pub fn add(&mut self, run: &RunFile) {
        self.counted += 1;
        self.disturbed += u32::from(is_disturbed(run));
        for flow in run.flows.values() {
            self.account += flow.account;
        }
        for group in run.consume.values() {
            let records = &mut self.records;
            records.consumed += group.consumed;
            records.missing += group.missing;
            records.corrupt += group.corrupt;
            records.duplicated += group.duplicated;
            records.reordered += group.reordered;
        }
    }

    /// What a billion events cost when they come at `per_s` all month: price ÷ (rate × 2,629,746 s, a twelfth of a year) × 10⁹.
    pub fn set_price_per_billion(&mut self, per_s: Option<f64>) {
        const MONTH_S: f64 = 2_629_746.0;
        let price = self.price.zip(per_s.filter(|per_s| *per_s > 0.0));
        self.price_per_billion = price.map(|(price, per_s)| price / (per_s * MONTH_S) * 1e9);
    }
}

impl FigureResult {
    /// The figure from what was found of it. `values`: the first side's and this side's, by pair. `planned`: the pairs of a look,
    /// for which the smallest regression is told.
    pub fn new(
        question: &Question,
        side: &str,
        answer: &Answer,
        pairs: Vec<PairRatio>,
        values: [&[Option<f64>]; 2],
        planned: usize,
        evidence: Evidence,
    ) -> FigureResult {
        let shown = answer.outcome.interval;
        let finite = |log: f64| log.is_finite().then(|| log.exp());
        let logs: Vec<f64> = pairs.iter().map(|pair| pair.ratio.ln()).collect();
        let deviation = deviation(&logs);
        let median = |values: &[Option<f64>]| {
            // What never came lies above everything.
            let all: Vec<f64> = values.iter().map(|v| v.unwrap_or(f64::INFINITY)).collect();
            median_of(&all).filter(|median| median.is_finite())
        };
        FigureResult {
            name: question.of.name(),
            side: side.to_owned(),
            more_is_better: question.of.more_is_better(),
            min_effect: question.min_effect,
            baseline: median(values[0]),
            candidate: median(values[1]),
            ratio: shown.and_then(|i| finite(i.estimate)),
            low: shown.and_then(|i| finite(i.low)),
            high: shown.and_then(|i| finite(i.high)),
            finding: answer.outcome.finding.name().to_owned(),
            run_to_run: deviation.map(|d| evidence.run_to_run(d).exp_m1()),
            smallest_found: deviation.and_then(|d| question.smallest_found(d, planned, evidence)),
            pairs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_billion_events_have_a_price() {
        let mut side = SideResult {
            price: Some(2_629.746),
            ..SideResult::default()
        };
        // 1,000/s for 2,629,746 s are 2.63 billion events.
        side.set_price_per_billion(Some(1_000.0));
        assert!((side.price_per_billion.expect("known") - 1_000.0).abs() < 1e-9);
    }
}
