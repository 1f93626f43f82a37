//! What is taken from the runs of two or more sides, which runs count, and the file that keeps it all. Pure.
//!
//! # Which runs count
//!
//! On a machine that others use as well nearly every run has a second in which its generator was held up, and a lone run is
//! invalid then. Here the sides take turns within minutes, so what comes from outside meets them alike: it widens the interval, and
//! where it widens it too far the answer is "too noisy to tell". What lies in the generator itself is another matter: a candidate
//! twice as fast looks the same through a generator that is full. So
//!
//! - waiting for a core, and time that the hypervisor took, are noise: the run counts, and it is said how many were disturbed;
//! - so is sending late, unless a machine that left us alone made it at least half of the response's p99: then the generator
//!   decides the figure, and the run does not count;
//! - a thread of ours that was full, or a container's quota: the generator was the limit, and the run does not count;
//! - in the unthrottled phase a full client is what is wanted: its throughput is that of client and cluster together, and that is said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::account::Account;
use crate::measure::health::Limit;
use crate::measure::histogram::TotalHistogram;
use crate::measure::line::WindowLine;
use crate::measure::machine::Machine;
use crate::measure::run::{FlowResult, Reason, RunFile, Tool, Verdict};
use crate::measure::summary::Summary;

use super::effect::{Compared, Evidence, Question};
use super::gate::Answer;
use super::signed_rank::{deviation, median_of};
use super::verdict::{Kind, Weight};

/// The version of the file's format.
pub const FORMAT: u32 = 1;

/// Sums over the warm, whole seconds of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WarmSums {
    /// How many seconds.
    pub seconds: f64,
    /// Events acknowledged in them.
    pub acknowledged: u64,
    /// Processor time the generator used in them, in seconds.
    pub cpu_s: f64,
}

impl WarmSums {
    /// Adds a second, of a load that lasted `elapsed_us`.
    pub fn add(&mut self, line: &WindowLine, elapsed_us: u64) {
        if !line.warm || line.at_us + 1_000_000 > elapsed_us {
            return;
        }
        self.seconds += 1.0;
        let flows = line.flows.values();
        self.acknowledged += flows.map(|flow| flow.during.acknowledged).sum::<u64>();
        self.cpu_s += line.generator.as_ref().map_or(0.0, |g| g.cpu_cores);
    }

    fn throughput(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.acknowledged as f64 / self.seconds)
    }

    /// In microseconds.
    fn cpu_per_event(&self) -> Option<f64> {
        (self.acknowledged > 0).then(|| self.cpu_s * 1e6 / self.acknowledged as f64)
    }
}

/// What a visit to a side left behind: a run at the scenario's rate, and one as fast as it goes where that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// At the scenario's rate.
    pub steady: (&'a RunFile, WarmSums),
    /// Unthrottled.
    pub unthrottled: Option<(&'a RunFile, WarmSums)>,
}

/// A figure of a visit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Measured.
    Is(f64),
    /// A quantile among events that were never acknowledged, or never read.
    Beyond,
}

impl Value {
    /// The number; `None` beyond all.
    pub const fn number(self) -> Option<f64> {
        match self {
            Value::Is(value) => Some(value),
            Value::Beyond => None,
        }
    }
}

impl Visit<'_> {
    /// A figure, in the unit of [`Compared::shown`]; `None` where there is nothing to measure it on.
    pub fn value(&self, of: Compared) -> Option<Value> {
        let (steady, sums) = &self.steady;
        match of {
            Compared::Response(q) => {
                let flows = steady.flows.values().filter_map(response);
                quantile(flows, q)
            }
            Compared::EndToEnd(q) => {
                let groups = steady.consume.values().map(|group| &group.end_to_end);
                quantile(groups, q)
            }
            Compared::Throughput => {
                let (_, sums) = self.unthrottled.as_ref()?;
                sums.throughput().map(Value::Is)
            }
            // A client that idles has the price of idling: where it works at full rate an event's own price shows.
            Compared::Cpu => {
                let sums = self.unthrottled.as_ref().map_or(sums, |(_, sums)| sums);
                sums.cpu_per_event().map(Value::Is)
            }
        }
    }
}

/// A flow's response times without the warm-up.
fn response(flow: &FlowResult) -> Option<&Summary> {
    match &flow.warm {
        Some(warm) => warm.response.as_ref(),
        None => flow.response.as_ref(),
    }
}

/// A quantile of all of these together: histograms are merged, never quantiles averaged.
fn quantile<'a>(all: impl Iterator<Item = &'a Summary>, q: f64) -> Option<Value> {
    let (mut times, mut beyond) = (TotalHistogram::new(), 0);
    for one in all {
        times.merge(&one.histogram);
        beyond += one.beyond;
    }
    match times.quantile_us(q, beyond) {
        // Under a microsecond is shown as 0, and has no ratio.
        Some(us) => Some(Value::Is(us.max(1) as f64)),
        None => (times.count() + beyond > 0).then_some(Value::Beyond),
    }
}

/// How a run is taken into a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// At the scenario's rate.
    Steady,
    /// As fast as it goes.
    Unthrottled,
}

/// What a run's own verdict means to a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counts,
    /// It does not; why, a clause. Another may.
    Unusable(String),
    /// The cluster could not be used, or it lost records: there is nothing to compare any more.
    Ends(Reason),
    /// The user interrupted it.
    Interrupted,
}

/// Whether a run counts; see the head of this file.
pub fn standing(run: &RunFile, phase: Phase) -> Standing {
    for reason in &run.reasons {
        let Some(kind) = Kind::from_name(&reason.kind) else {
            continue;
        };
        match kind {
            Kind::Interrupted => return Standing::Interrupted,
            Kind::Account | Kind::Incomplete | Kind::Lost => {
                return Standing::Unusable(reason.text.clone());
            }
            Kind::NoSamples if sent(run) == 0 => {
                return Standing::Unusable(reason.text.clone());
            }
            _ if matches!(kind.weight(), Weight::Cluster | Weight::Loss) => {
                return Standing::Ends(reason.clone());
            }
            _ => {}
        }
    }
    let was = |limit: Limit| run.generator.limits.contains(&limit);
    let is_late =
        was(Limit::SendDelay) && !is_disturbed(run) && run.flows.values().any(is_mostly_late);
    // On the embedded cluster the cluster's own work is in our threads, and without a cluster there is nothing but the generator.
    let has_cluster = run.target.kind == "kafka";
    if phase == Phase::Steady
        && has_cluster
        && (was(Limit::Core) || was(Limit::Throttled) || is_late)
    {
        let reasons = run
            .reasons
            .iter()
            .filter(|reason| reason.kind == Kind::Generator.name());
        let texts: Vec<&str> = reasons.map(|reason| reason.text.as_str()).collect();
        return Standing::Unusable(texts.join("; "));
    }
    Standing::Counts
}

/// Whether the flow's send delay is at least half of its response time, at the p99 of each.
fn is_mostly_late(flow: &FlowResult) -> bool {
    let (response, send_delay) = match &flow.warm {
        Some(warm) => (&warm.response, &warm.send_delay),
        None => (&flow.response, &flow.send_delay),
    };
    let p99 = |times: &Option<Summary>| times.as_ref().and_then(|times| times.p99_us);
    match (p99(send_delay), p99(response)) {
        (Some(late), Some(all)) => late * 2 >= all,
        // Never sent: that is late.
        (None, _) => send_delay.is_some(),
        (Some(_), None) => false,
    }
}

/// Whether something else on its machine held the generator up.
pub fn is_disturbed(run: &RunFile) -> bool {
    let limits = &run.generator.limits;
    limits.contains(&Limit::RunQueue) || limits.contains(&Limit::Steal)
}

fn sent(run: &RunFile) -> u64 {
    run.flows.values().map(|flow| flow.account.sent).sum()
}

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
    use crate::capacity::tests::run_file;

    fn said(kind: Kind, limits: &[Limit]) -> RunFile {
        let mut run = run_file();
        run.reasons = vec![Reason {
            kind: kind.name().to_owned(),
            text: "why".to_owned(),
        }];
        run.generator.limits = limits.to_vec();
        run
    }

    #[test]
    fn what_comes_from_outside_is_noise_and_a_full_generator_is_not() {
        use Limit::{Core, RunQueue, SendDelay, Steal, Throttled};
        let of = |limits: &[Limit]| standing(&said(Kind::Generator, limits), Phase::Steady);
        assert_eq!(of(&[Steal]), Standing::Counts);
        assert_eq!(of(&[RunQueue, SendDelay]), Standing::Counts);
        assert_eq!(of(&[SendDelay]), Standing::Counts, "little of the response");
        for limits in [&[Core][..], &[Throttled], &[Core, Steal]] {
            assert!(matches!(of(limits), Standing::Unusable(_)), "{limits:?}");
        }
        let mut late = said(Kind::Generator, &[SendDelay]);
        for flow in late.flows.values_mut() {
            flow.send_delay = flow.response.clone();
        }
        assert!(matches!(
            standing(&late, Phase::Steady),
            Standing::Unusable(_)
        ));
        late.generator.limits.push(RunQueue);
        assert_eq!(standing(&late, Phase::Steady), Standing::Counts, "noise");
        let unthrottled = standing(&said(Kind::Generator, &[Core]), Phase::Unthrottled);
        assert_eq!(unthrottled, Standing::Counts);
    }

    #[test]
    fn a_loss_or_an_unusable_cluster_ends_it() {
        for kind in [Kind::Missing, Kind::Corrupt, Kind::ClusterUnusable] {
            let standing = standing(&said(kind, &[]), Phase::Steady);
            assert!(matches!(standing, Standing::Ends(_)), "{kind:?}");
        }
        assert_eq!(
            standing(&said(Kind::Interrupted, &[]), Phase::Steady),
            Standing::Interrupted
        );
        assert_eq!(
            standing(&said(Kind::Slo, &[]), Phase::Steady),
            Standing::Counts
        );
    }

    #[test]
    fn figures_of_a_visit() {
        let run = run_file();
        let sums = WarmSums {
            seconds: 10.0,
            acknowledged: 50_000,
            cpu_s: 0.5,
        };
        let visit = Visit {
            steady: (&run, WarmSums::default()),
            unthrottled: Some((&run, sums)),
        };
        // Two flows with 0 to 999 µs each: the 1,000th of 2,000 values is 499.
        assert_eq!(visit.value(Compared::Response(0.5)), Some(Value::Is(499.0)));
        assert_eq!(visit.value(Compared::Throughput), Some(Value::Is(5_000.0)));
        assert_eq!(visit.value(Compared::Cpu), Some(Value::Is(10.0)));
        let steady = Visit {
            unthrottled: None,
            ..visit
        };
        assert_eq!(steady.value(Compared::Throughput), None);
    }

    #[test]
    fn a_quantile_among_what_never_came_is_beyond() {
        let mut run = run_file();
        for flow in run.flows.values_mut() {
            if let Some(response) = &mut flow.response {
                response.beyond = 100;
            }
        }
        let visit = Visit {
            steady: (&run, WarmSums::default()),
            unthrottled: None,
        };
        assert_eq!(visit.value(Compared::Response(0.99)), Some(Value::Beyond));
        assert!(matches!(
            visit.value(Compared::Response(0.5)),
            Some(Value::Is(_))
        ));
    }

    #[test]
    fn only_warm_whole_seconds_add_up() {
        let line = |at_us, warm| WindowLine {
            at_us,
            warm,
            ..WindowLine::default()
        };
        let mut sums = WarmSums::default();
        for (at_us, warm) in [(0, false), (1_000_000, true), (2_000_000, true)] {
            sums.add(&line(at_us, warm), 2_500_000);
        }
        assert_eq!(sums.seconds, 1.0);
    }

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
