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
//! - a thread of ours that was full, or a container's quota: the generator was the limit, and the run does not count. Whoever is
//!   throttled by the cluster is not the limit, though: librdkafka's threads spin while a broker has told them to wait;
//! - in the unthrottled phase a full client is what is wanted: its throughput is that of client and cluster together, and that is said.

mod file;

pub use file::{FORMAT, FigureResult, PairRatio, PairedFile, Records, RunRef, SideResult};

use crate::measure::health::Limit;
use crate::measure::histogram::TotalHistogram;
use crate::measure::line::WindowLine;
use crate::measure::run::{FlowResult, Reason, RunFile};
use crate::measure::summary::Summary;

use super::effect::Compared;
use super::verdict::{Kind, Weight};

/// Sums over the warm, whole seconds of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WarmSums {
    /// How many seconds.
    pub seconds: f64,
    /// Events acknowledged in them.
    pub acknowledged: u64,
    /// Processor time the generator used in them, in seconds.
    pub cpu_s: f64,
    /// In how many of them a broker asked the client to wait.
    pub throttled: u32,
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
        self.throttled += u32::from(is_throttled(line));
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
    /// The cluster could not be used, it lost records, or an action failed: there is nothing to compare any more.
    Ends(Reason),
    /// The user interrupted it.
    Interrupted,
}

/// Whether a broker asked the client to wait in this second: a quota.
pub fn is_throttled(line: &WindowLine) -> bool {
    let clients = line.client.iter();
    let mut brokers = clients.flat_map(|client| client.brokers.values());
    brokers.any(|broker| broker.throttle_max_us > 0)
}

/// Whether a run counts; see the head of this file. `throttled`: the cluster asked its client to wait.
pub fn standing(run: &RunFile, phase: Phase, throttled: bool) -> Standing {
    for reason in &run.reasons {
        let Some(kind) = Kind::from_name(&reason.kind) else {
            continue;
        };
        match kind {
            Kind::Interrupted => return Standing::Interrupted,
            // What was to be rehearsed did not take place, and a command that failed is not given to a cluster again.
            Kind::Action => return Standing::Ends(reason.clone()),
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
        && (was(Limit::Core) && !throttled || was(Limit::Throttled) || is_late && !throttled)
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
        // Sent when it was due.
        for flow in run.flows.values_mut() {
            flow.send_delay = Some(Summary {
                p99_us: Some(1),
                ..Summary::default()
            });
        }
        run
    }

    #[test]
    fn what_comes_from_outside_is_noise_and_a_full_generator_is_not() {
        use Limit::{Core, RunQueue, SendDelay, Steal, Throttled};
        let of = |limits: &[Limit]| standing(&said(Kind::Generator, limits), Phase::Steady, false);
        assert_eq!(of(&[Steal]), Standing::Counts);
        assert_eq!(of(&[RunQueue, SendDelay]), Standing::Counts);
        assert_eq!(of(&[SendDelay]), Standing::Counts, "little of the response");
        let waited = standing(&said(Kind::Generator, &[Core]), Phase::Steady, true);
        assert_eq!(waited, Standing::Counts, "a client that waits spins");
        for limits in [&[Core][..], &[Throttled], &[Core, Steal]] {
            assert!(matches!(of(limits), Standing::Unusable(_)), "{limits:?}");
        }
        let mut late = said(Kind::Generator, &[SendDelay]);
        for flow in late.flows.values_mut() {
            flow.send_delay = flow.response.clone();
        }
        assert!(matches!(
            standing(&late, Phase::Steady, false),
            Standing::Unusable(_)
        ));
        late.generator.limits.push(RunQueue);
        assert_eq!(
            standing(&late, Phase::Steady, false),
            Standing::Counts,
            "noise"
        );
        let unthrottled = standing(&said(Kind::Generator, &[Core]), Phase::Unthrottled, false);
        assert_eq!(unthrottled, Standing::Counts);
    }

    #[test]
    fn a_loss_or_an_unusable_cluster_ends_it() {
        for kind in [Kind::Missing, Kind::Corrupt, Kind::ClusterUnusable] {
            let standing = standing(&said(kind, &[]), Phase::Steady, false);
            assert!(matches!(standing, Standing::Ends(_)), "{kind:?}");
        }
        assert_eq!(
            standing(&said(Kind::Interrupted, &[]), Phase::Steady, false),
            Standing::Interrupted
        );
        assert_eq!(
            standing(&said(Kind::Slo, &[]), Phase::Steady, false),
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
            ..WarmSums::default()
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
}
