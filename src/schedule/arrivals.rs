//! Arrivals of a flow: which shard has how many in a bin, and when each is due.
//!
//! Every cell (flow, shard, bin) draws from a stream of its own, so the schedule is the same whoever computes it, in whatever
//! order. Within a bin an instant is drawn as a share of the events expected in it and laid on the clock by the inverse of
//! the curve's integral.

use std::sync::Arc;

use super::curve::{Curve, Pieces};
use super::draw::{Poisson, unit};
use super::order::{self, SHARD_BITS};
use super::split::Split;
use super::{Arrival, BIN_NS, Bin, Identity, Mix, Shards, compose};
use crate::rng::{Purpose, stream};
use crate::scenario::{Arrivals, Scenario};

/// The schedule of one flow: immutable, and cheap to clone.
#[derive(Clone, Debug)]
pub struct FlowSchedule(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    curve: Curve,
    arrivals: Arrivals,
    mix: Mix,
    seed: u64,
    flow: u16,
    shards: u32,
    run_ns: u64,
    split: Split,
}

impl FlowSchedule {
    /// Compiles flow number `flow` of a checked scenario.
    pub fn compile(scenario: &Scenario, flow: usize) -> FlowSchedule {
        let curve = compose::compose(scenario, flow);
        let run_ns = scenario.time.run_ns();
        let index = flow as u16;
        let total = curve.total().round() as u64;
        let split = Split::new(
            scenario.seed,
            index,
            total,
            bins_of(run_ns),
            scenario.shards,
        );
        FlowSchedule(Arc::new(Plan {
            curve,
            arrivals: scenario.flows[flow].arrivals.clone(),
            mix: Mix::new(scenario, flow),
            seed: scenario.seed,
            flow: index,
            shards: scenario.shards,
            run_ns,
            split,
        }))
    }

    /// The flow's rate over real time, spikes included; `t` in seconds since the start of the load.
    pub fn curve(&self) -> &Curve {
        &self.0.curve
    }

    /// How long the load lasts, in real nanoseconds.
    pub fn run_ns(&self) -> u64 {
        self.0.run_ns
    }

    /// How many bins the run has. The last may be cut short.
    pub fn bins(&self) -> u32 {
        bins_of(self.0.run_ns)
    }

    /// A reader of the arrivals of some of the shards, with scratch space of its own.
    pub fn cells(&self, shards: Shards) -> Cells {
        let end = shards.end.min(self.0.shards);
        Cells {
            plan: Arc::clone(&self.0),
            shards: Shards { end, ..shards },
            pieces: Pieces::default(),
            poisson: Poisson::default(),
            keys: Vec::new(),
            spare: Vec::new(),
            ordinals: vec![0; end as usize],
        }
    }
}

fn bins_of(run_ns: u64) -> u32 {
    u32::try_from(run_ns.div_ceil(BIN_NS)).unwrap_or(u32::MAX)
}

/// Reads the arrivals of some shards of a flow, bin by bin, in any order of bins.
#[derive(Clone, Debug)]
pub struct Cells {
    plan: Arc<Plan>,
    shards: Shards,
    pieces: Pieces,
    poisson: Poisson,
    /// `offset in the bin << SHARD_BITS | shard`, so that one sort orders by (due, shard).
    keys: Vec<u64>,
    spare: Vec<u64>,
    /// By shard; zero between calls.
    ordinals: Vec<u32>,
}

impl Cells {
    /// Replaces what `out` holds by the arrivals of this reader's shards in `bin`, ordered by (due, shard). None for unthrottled
    /// flows, which have no due instants, nor for bins after the run.
    pub fn bin(&mut self, bin: u32, out: &mut Bin) {
        out.clear();
        self.keys.clear();
        let start_ns = u64::from(bin) * BIN_NS;
        let end_ns = (start_ns + BIN_NS).min(self.plan.run_ns);
        if start_ns >= end_ns || !self.plan.arrivals.has_due() {
            return;
        }
        let stretch = Stretch {
            bin,
            from: start_ns as f64 / 1e9,
            to: end_ns as f64 / 1e9,
            last_ns: (end_ns - start_ns - 1) as f64,
        };
        match &self.plan.arrivals {
            Arrivals::Even => self.even(&stretch),
            Arrivals::Poisson => self.poisson(&stretch),
            Arrivals::PoissonExact => self.exact(&stretch),
            _ => {}
        }
        self.number(bin, start_ns, &mut out.arrivals);
    }

    /// Arrival k at Λ⁻¹(k + ½), in shard k mod S.
    fn even(&mut self, stretch: &Stretch) {
        let plan = &self.plan;
        let before = plan.curve.cumulative(stretch.from);
        // k + ½ lies in [Λ(from), Λ(to)).
        let first = (before - 0.5).ceil().max(0.0) as u64;
        let end = (plan.curve.cumulative(stretch.to) - 0.5).ceil().max(0.0) as u64;
        if first >= end {
            return;
        }
        plan.curve.cut(stretch.from, stretch.to, &mut self.pieces);
        let shards = u64::from(plan.shards);
        // Shards ascend within a round, and rounds follow each other: already in order.
        for round in first / shards..=(end - 1) / shards {
            let lowest = first.saturating_sub(round * shards) as u32;
            let Some(lowest) = self.shards.at_or_above(lowest) else {
                continue;
            };
            let mine = (lowest..self.shards.end).step_by(usize::from(self.shards.step.max(1)));
            for shard in mine {
                let k = round * shards + u64::from(shard);
                if k >= end {
                    break;
                }
                let y = (k as f64 + 0.5 - before).max(0.0);
                self.keys.push(stretch.key(&self.pieces, y, shard));
            }
        }
        // But for arrivals of two rounds within a nanosecond.
        if !self.keys.is_sorted() {
            self.keys.sort_unstable();
        }
    }

    /// N ~ Poisson(ΔΛ / S) in each cell, at Λ⁻¹(Λ(from) + U ΔΛ).
    fn poisson(&mut self, stretch: &Stretch) {
        let plan = &self.plan;
        plan.curve.cut(stretch.from, stretch.to, &mut self.pieces);
        let expected = self.pieces.total();
        if expected <= 0.0 {
            return;
        }
        self.poisson.set_mean(expected / f64::from(plan.shards));
        let index = cells_of(plan.flow, stretch.bin);
        for shard in self.shards.iter() {
            let mut rng = stream(plan.seed, Purpose::Arrivals, index, u64::from(shard));
            for _ in 0..self.poisson.sample(&mut rng) {
                let y = unit(&mut rng) * expected;
                self.keys.push(stretch.key(&self.pieces, y, shard));
            }
        }
        order::sort(&mut self.keys, &mut self.spare);
    }

    /// Each cell's share of the exact total, placed as Poisson arrivals are.
    fn exact(&mut self, stretch: &Stretch) {
        let plan = &self.plan;
        let edge = |bin: u32| {
            let ns = (u64::from(bin) * BIN_NS).min(plan.run_ns);
            plan.curve.cumulative(ns as f64 / 1e9)
        };
        let events = plan.split.events_of_bin(stretch.bin, edge);
        if events == 0 {
            return;
        }
        plan.curve.cut(stretch.from, stretch.to, &mut self.pieces);
        let expected = self.pieces.total();
        let index = cells_of(plan.flow, stretch.bin);
        let (pieces, keys) = (&self.pieces, &mut self.keys);
        let mut cell = |shard: u32, events: u64| {
            let mut rng = stream(plan.seed, Purpose::Arrivals, index, u64::from(shard));
            for _ in 0..events {
                let y = unit(&mut rng) * expected;
                keys.push(stretch.key(pieces, y, shard));
            }
        };
        plan.split
            .over_shards(stretch.bin, events, self.shards, &mut cell);
        order::sort(&mut self.keys, &mut self.spare);
    }

    /// Turns the ordered keys into arrivals, counting within each shard.
    fn number(&mut self, bin: u32, start_ns: u64, out: &mut Vec<Arrival>) {
        let shard_of = |key: u64| key as u16;
        let ordinals = &mut self.ordinals;
        let (flow, mix) = (self.plan.flow, &self.plan.mix);
        out.extend(self.keys.iter().map(|&key| {
            let shard = shard_of(key);
            let next = &mut ordinals[usize::from(shard)];
            let ordinal = *next;
            *next += 1;
            let id = Identity {
                flow,
                shard,
                bin,
                ordinal,
            };
            Arrival {
                due_ns: start_ns + (key >> SHARD_BITS),
                shard,
                event: mix.event(id),
                ordinal,
            }
        }));
        if self.keys.len() < ordinals.len() {
            for &key in &self.keys {
                ordinals[usize::from(shard_of(key))] = 0;
            }
        } else {
            ordinals.fill(0);
        }
    }
}

/// The index of the streams of (flow, bin); the shard is the other one, so that most of the seeding is done once a bin.
fn cells_of(flow: u16, bin: u32) -> u64 {
    (u64::from(flow) << 32) | u64::from(bin)
}

/// A bin, or what the end of the run leaves of it.
struct Stretch {
    bin: u32,
    /// Real seconds.
    from: f64,
    to: f64,
    /// The last nanosecond within, counted from its start.
    last_ns: f64,
}

impl Stretch {
    /// The key of an arrival before which `y` events of the stretch are expected.
    #[inline]
    fn key(&self, pieces: &Pieces, y: f64, shard: u32) -> u64 {
        // A product that rounds up must not fall into the next bin.
        let offset = pieces.inverse_ns(y).min(self.last_ns) as u64;
        (offset << SHARD_BITS) | u64::from(shard)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

    use super::super::compose::tests::composition;
    use super::super::fixtures::{With, sale, scenario, wave};
    use super::*;
    use crate::scenario::{Fixes, Shape};

    const ALL: [Arrivals; 3] = [Arrivals::Even, Arrivals::Poisson, Arrivals::PoissonExact];

    fn schedule(scenario: &Scenario) -> FlowSchedule {
        FlowSchedule::compile(scenario, 0)
    }

    /// Every arrival of some shards, with its bin.
    fn arrivals(schedule: &FlowSchedule, shards: Shards) -> Vec<(u32, Arrival)> {
        let mut cells = schedule.cells(shards);
        let (mut out, mut all) = (Bin::default(), Vec::new());
        for bin in 0..schedule.bins() {
            cells.bin(bin, &mut out);
            all.extend(out.arrivals.iter().map(|&arrival| (bin, arrival)));
        }
        all
    }

    fn dues(scenario: &Scenario) -> Vec<u64> {
        let schedule = schedule(scenario);
        let all = arrivals(&schedule, Shards::all(scenario.shards));
        all.iter().map(|(_, arrival)| arrival.due_ns).collect()
    }

    /// A wave with a sale on top for a minute, 300 a second.
    fn busy_minute(arrivals: impl std::borrow::Borrow<Arrivals>) -> Scenario {
        scenario(arrivals, 300.0)
            .shaped(vec![wave()])
            .spiked(vec![sale()])
    }

    #[test]
    fn workers_together_send_the_whole_schedule() {
        for kind in &ALL {
            let mut minute = busy_minute(kind);
            for shards in [256, 100, 5] {
                minute.shards = shards;
                let schedule = schedule(&minute);
                let whole = arrivals(&schedule, Shards::all(shards));
                assert!(whole.len() > 10_000);
                for workers in [2, 3, 7] {
                    let mut parts: Vec<_> = (0..workers)
                        .flat_map(|first| {
                            let mine = Shards {
                                first,
                                step: workers,
                                end: shards,
                            };
                            let part = arrivals(&schedule, mine);
                            assert!(part.is_sorted());
                            part
                        })
                        .collect();
                    parts.sort_unstable();
                    assert!(
                        parts == whole,
                        "{kind:?}, {shards} shards, {workers} workers"
                    );
                }
            }
        }
    }

    #[test]
    fn a_bin_is_the_same_whatever_was_asked_before() {
        for kind in &ALL {
            let schedule = schedule(&busy_minute(kind));
            let mut cells = schedule.cells(Shards::all(256));
            let (mut forth, mut back) = (Bin::default(), Bin::default());
            let mut bins = Vec::new();
            for bin in 0..schedule.bins() {
                cells.bin(bin, &mut forth);
                bins.push(forth.arrivals.clone());
            }
            for bin in (0..schedule.bins()).rev() {
                cells.bin(bin, &mut back);
                assert_eq!(back.arrivals, bins[bin as usize]);
            }
        }
    }

    #[test]
    fn cells_are_ordered_numbered_and_within_their_bin() {
        for kind in &ALL {
            // At 2 million a second several are due in one nanosecond's neighbourhood, and the radix sort is used.
            for (rate, seconds) in [(2.0, 60.0), (300.0, 60.0), (2e6, 0.25)] {
                let scenario = scenario(kind, rate).spanning(seconds);
                let schedule = schedule(&scenario);
                let mut cells = schedule.cells(Shards::all(256));
                let mut out = Bin::default();
                for bin in 0..schedule.bins() {
                    cells.bin(bin, &mut out);
                    assert!(out.arrivals.is_sorted_by_key(|a| (a.due_ns, a.shard)));
                    let mut next = HashMap::new();
                    for arrival in &out.arrivals {
                        assert_eq!(arrival.due_ns / BIN_NS, u64::from(bin));
                        assert!(arrival.due_ns < schedule.run_ns());
                        let ordinal = next.entry(arrival.shard).or_insert(0);
                        assert_eq!(arrival.ordinal, *ordinal);
                        *ordinal += 1;
                    }
                }
                cells.bin(schedule.bins(), &mut out);
                assert!(out.arrivals.is_empty());
            }
        }
    }

    #[test]
    fn even_and_exact_totals_equal_the_integral() {
        for kind in &[Arrivals::Even, Arrivals::PoissonExact] {
            for mean in [0.01, 0.3, 17.77, 4321.0] {
                let scenario = scenario(kind, mean).shaped(vec![wave()]);
                let total = schedule(&scenario).curve().total();
                assert_eq!(
                    dues(&scenario).len() as f64,
                    total.round(),
                    "{kind:?} {mean}"
                );
            }
        }
    }

    #[test]
    fn ten_thousand_million_events_into_a_run_nothing_is_blurred() {
        // A day at 200,000 a second: Λ is up to 1.7e10, and its digits there are 4 µ-events.
        for kind in &ALL {
            let schedule = schedule(&scenario(kind, 200_000.0).spanning(86_400.0));
            let mut cells = schedule.cells(Shards::all(256));
            let mut out = Bin::default();
            cells.bin(863_999, &mut out);
            let count = out.arrivals.len() as f64;
            if *kind == Arrivals::Even {
                assert_eq!(count, 20_000.0);
                assert!(
                    out.arrivals
                        .windows(2)
                        .all(|w| (4999..=5001).contains(&(w[1].due_ns - w[0].due_ns)))
                );
            } else {
                // Standard deviation sqrt(20,000) = 141; six of them.
                assert!((count - 20_000.0).abs() < 850.0);
                // Every digit of the nanosecond is in use: each of the last two about 1 in 100.
                let zeros = out.arrivals.iter().filter(|a| a.due_ns % 100 == 0).count();
                assert!((120..=280).contains(&zeros), "{zeros}");
            }
        }
    }

    #[test]
    fn even_arrivals_are_dealt_round_the_shards() {
        let mut ten = scenario(Arrivals::Even, 10.0);
        ten.shards = 4;
        let all = arrivals(&schedule(&ten), Shards::all(4));
        let first: Vec<_> = all
            .iter()
            .take(6)
            .map(|(_, a)| (a.due_ns, a.shard))
            .collect();
        let expected = [
            (50_000_000, 0),
            (150_000_000, 1),
            (250_000_000, 2),
            (350_000_000, 3),
            (450_000_000, 0),
            (550_000_000, 1),
        ];
        // Seconds have no exact tenths in binary: a nanosecond either way.
        for (seen, wanted) in first.iter().zip(expected) {
            assert!(
                seen.0.abs_diff(wanted.0) <= 1 && seen.1 == wanted.1,
                "{first:?}"
            );
        }
    }

    #[test]
    fn unthrottled_flows_have_no_due() {
        let mut endless = scenario(Arrivals::Unthrottled, 1.0);
        endless.flows[0].height = None;
        assert!(dues(&endless).is_empty());
    }

    #[test]
    fn flows_and_seeds_have_schedules_of_their_own() {
        for kind in &[Arrivals::Poisson, Arrivals::PoissonExact] {
            let mut two = busy_minute(kind);
            two.flows.push(two.flows[0].clone());
            let of = |scenario: &Scenario, flow| {
                let schedule = FlowSchedule::compile(scenario, flow);
                arrivals(&schedule, Shards::all(256))
            };
            assert_eq!(of(&two, 0), of(&two, 0));
            assert_ne!(of(&two, 0), of(&two, 1));
            let first = of(&two, 0);
            assert_ne!(first, of(&two.seeded(2), 0));
        }
    }

    /// A small schedule's first arrivals and a checksum of all of them. They are part of what a plan hash promises: they may
    /// change only together with the generator's version.
    #[test]
    fn a_small_schedule_is_pinned() {
        let pinned = |kind| {
            let noise = Shape::Noise {
                cv: 0.2,
                every: 3.0,
            };
            let wave = Shape::Sum(vec![wave(), noise]);
            let schedule = schedule(&busy_minute(kind).shaped(vec![wave]));
            let all = arrivals(&schedule, Shards::all(256));
            let mut sum = crc32fast::Hasher::new();
            for (bin, arrival) in &all {
                sum.update(&arrival.due_ns.to_le_bytes());
                sum.update(&arrival.shard.to_le_bytes());
                sum.update(&arrival.ordinal.to_le_bytes());
                sum.update(&bin.to_le_bytes());
            }
            let first = all.iter().take(3).map(|(_, a)| (a.due_ns, a.shard));
            (first.collect::<Vec<_>>(), all.len(), sum.finalize())
        };
        assert_eq!(
            pinned(Arrivals::Even),
            (
                vec![(2161832, 0), (6484998, 1), (10807496, 2)],
                26320,
                4174008345
            )
        );
        assert_eq!(
            pinned(Arrivals::Poisson),
            (
                vec![(684697, 1), (1077061, 89), (1510864, 38)],
                26258,
                2813057813
            )
        );
        assert_eq!(
            pinned(Arrivals::PoissonExact),
            (
                vec![(1570535, 172), (2163983, 111), (2445363, 222)],
                26320,
                989642447
            )
        );
    }

    /// How many of `n` tests at level `level` may reject before it is no accident: P(more) < 1e-5 when all is well.
    fn allowed(n: u64, level: f64) -> u64 {
        let rejections = Binomial::new(level, n).unwrap();
        (0..n).find(|&k| rejections.sf(k) < 1e-5).unwrap()
    }

    /// Kolmogorov-Smirnov on the gaps of Λ(due): they are exponential with mean 1 if the arrivals are Poisson at that rate.
    fn gaps_are_exponential(dues: &[u64], curve: &Curve) -> bool {
        let rescaled: Vec<f64> = dues
            .iter()
            .map(|&ns| curve.cumulative(ns as f64 / 1e9))
            .collect();
        let mut gaps: Vec<f64> = rescaled.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = gaps.iter().zip(0u32..).map(|(gap, i)| {
            let expected = 1.0 - (-gap).exp();
            let (below, above) = (f64::from(i) / n, f64::from(i + 1) / n);
            (expected - below).abs().max((above - expected).abs())
        });
        // The asymptotic 5 % point.
        distance.fold(0.0, f64::max) * n.sqrt() < 1.358
    }

    const SEEDS: u64 = 100;

    fn rejections(
        kind: impl std::borrow::Borrow<Arrivals>,
        holds: impl Fn(&Scenario, &[u64]) -> bool,
    ) -> u64 {
        let minute = busy_minute(kind).fixing(Fixes::Mean, 100.0);
        let seeds = (1..=SEEDS).map(|seed| minute.clone().seeded(seed));
        seeds
            .filter(|scenario| !holds(scenario, &dues(scenario)))
            .count() as u64
    }

    #[test]
    fn poisson_totals_vary_around_the_integral_as_they_should() {
        let minute = scenario(Arrivals::Poisson, 2000.0).shaped(vec![wave()]);
        let totals: Vec<f64> = (1..=SEEDS)
            .map(|seed| dues(&minute.clone().seeded(seed)).len() as f64)
            .collect();
        let (n, integral) = (SEEDS as f64, 120_000.0f64);
        let mean = totals.iter().sum::<f64>() / n;
        // The mean's standard error is sqrt(integral / n) = 35, 0.03 %; four of them.
        assert!(
            (mean - integral).abs() < 4.0 * (integral / n).sqrt(),
            "{mean}"
        );
        let squares = totals.iter().map(|t| (t - integral).powi(2) / integral);
        let p = ChiSquared::new(n).unwrap().cdf(squares.sum());
        assert!((0.0005..0.9995).contains(&p), "{p}");
    }

    #[test]
    fn rounding_does_not_push_an_arrival_out_of_its_bin() {
        let schedule = schedule(&busy_minute(Arrivals::Poisson));
        let mut pieces = Pieces::default();
        for bin in 0..schedule.bins() {
            let from = f64::from(bin) / 10.0;
            let stretch = Stretch {
                bin,
                from,
                to: from + 0.1,
                last_ns: (BIN_NS - 1) as f64,
            };
            schedule.curve().cut(from, from + 0.1, &mut pieces);
            let key = stretch.key(&pieces, pieces.total(), 7);
            assert_eq!((key >> SHARD_BITS, key as u16), (BIN_NS - 1, 7));
        }
    }

    #[test]
    fn rescaled_gaps_are_exponential() {
        let check = |scenario: &Scenario, dues: &[u64]| {
            gaps_are_exponential(dues, schedule(scenario).curve())
        };
        for kind in &[Arrivals::Poisson, Arrivals::PoissonExact] {
            let rejected = rejections(kind, check);
            assert!(rejected <= allowed(SEEDS, 0.05), "{kind:?}: {rejected}");
        }
        assert_eq!(
            rejections(Arrivals::Even, check),
            SEEDS,
            "the test can fail"
        );
    }

    /// Chi-square of per-second counts against the curve, both tails at 2.5 %: too smooth is wrong as well.
    fn counts_follow(dues: &[u64], expected: impl Fn(f64, f64) -> f64) -> bool {
        let mut counts = [0.0; 60];
        for due in dues {
            counts[(due / 1_000_000_000) as usize] += 1.0;
        }
        let square = |(second, count): (usize, &f64)| {
            let mean = expected(second as f64, second as f64 + 1.0);
            (count - mean).powi(2) / mean
        };
        let chi: f64 = counts.iter().enumerate().map(square).sum();
        let p = ChiSquared::new(60.0).unwrap().cdf(chi);
        (0.025..=0.975).contains(&p)
    }

    #[test]
    fn counts_of_each_second_follow_the_curve() {
        // The wave's least second has about 40 events: far from where chi-square is no longer one. That
        // an exact total takes one degree of freedom of 60 shifts 5 % to about 5.3 %.
        let bound = allowed(SEEDS, 0.053);
        let by_curve = |scenario: &Scenario, dues: &[u64]| {
            let schedule = schedule(scenario);
            let curve = schedule.curve();
            counts_follow(dues, |a, b| curve.cumulative(b) - curve.cumulative(a))
        };
        for kind in &[Arrivals::Poisson, Arrivals::PoissonExact] {
            let rejected = rejections(kind, by_curve);
            assert!(
                rejected <= bound,
                "{kind:?}: {rejected} of {SEEDS}, {bound} allowed"
            );
        }
        // Wrong curves: the right one a second late; without its spike; 2 % too high; and arrivals too smooth.
        let late = |scenario: &Scenario, dues: &[u64]| {
            let schedule = schedule(scenario);
            let curve = schedule.curve();
            counts_follow(dues, |a, b| {
                (curve.cumulative(b - 1.0) - curve.cumulative(a - 1.0)).max(1.0)
            })
        };
        let unspiked = |scenario: &Scenario, dues: &[u64]| {
            let schedule = schedule(&scenario.clone().spiked(vec![]));
            let curve = schedule.curve();
            counts_follow(dues, |a, b| curve.cumulative(b) - curve.cumulative(a))
        };
        assert!(rejections(Arrivals::Poisson, late) > 4 * bound);
        assert!(rejections(Arrivals::Poisson, unspiked) > 4 * bound);
        assert_eq!(rejections(Arrivals::Even, by_curve), SEEDS);
    }

    #[test]
    fn shards_share_alike_and_independently() {
        // Counts by shard over a minute: multinomial, so chi-square with 255 degrees of freedom; 20 seeds.
        for kind in &[Arrivals::Poisson, Arrivals::PoissonExact] {
            let rejects = |seed: u64| {
                let minute = busy_minute(kind).seeded(seed);
                let all = arrivals(&schedule(&minute), Shards::all(256));
                let mut counts = [0.0; 256];
                for (_, arrival) in &all {
                    counts[usize::from(arrival.shard)] += 1.0;
                }
                let mean = all.len() as f64 / 256.0;
                let chi: f64 = counts.iter().map(|c: &f64| (c - mean).powi(2) / mean).sum();
                let p = ChiSquared::new(255.0).unwrap().cdf(chi);
                !(0.025..=0.975).contains(&p)
            };
            let rejected = (1..=20).filter(|&seed| rejects(seed)).count() as u64;
            assert!(rejected <= allowed(20, 0.05), "{kind:?}: {rejected}");
        }
    }

    #[test]
    fn one_shard_alone_is_poisson_too() {
        // A shard's own arrivals: gaps of Λ/S are exponential. 12,000 a second over 4 shards for 2 s.
        for kind in &[Arrivals::Poisson, Arrivals::PoissonExact] {
            let rejects = |seed| {
                let mut short = scenario(kind, 12_000.0).spanning(2.0).seeded(seed);
                short.shards = 4;
                let mine = Shards {
                    first: 3,
                    step: 4,
                    end: 4,
                };
                let all = arrivals(&schedule(&short), mine);
                let dues: Vec<u64> = all.iter().map(|(_, a)| a.due_ns).collect();
                let quarter = schedule(&scenario(kind, 3000.0).spanning(2.0));
                !gaps_are_exponential(&dues, quarter.curve())
            };
            let rejected = (1..=SEEDS).filter(|&seed| rejects(seed)).count() as u64;
            assert!(rejected <= allowed(SEEDS, 0.05), "{kind:?}: {rejected}");
        }
    }

    #[test]
    fn nothing_is_due_where_the_rate_is_zero() {
        let square = Shape::Square {
            every: 7.3,
            on: 1.9,
            height: 1.0,
            base: 0.0,
        };
        for kind in &ALL {
            for due in dues(&scenario(kind, 2000.0).shaped(vec![square.clone()])) {
                let phase = (due as f64 / 1e9) % 7.3;
                let silent = 1.9 + 2e-9..7.3 - 2e-9;
                assert!(!silent.contains(&phase), "{kind:?} {phase}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, rng_seed: proptest::test_runner::RngSeed::Fixed(2), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_composition_is_kept_within_its_run(mut scenario in composition(), kind in 0..3usize, shards in 1..300u32) {
            scenario.flows[0].arrivals = ALL[kind].clone();
            scenario.shards = shards;
            let schedule = schedule(&scenario);
            let total = schedule.curve().total();
            let all = arrivals(&schedule, Shards::all(shards));
            prop_assert!(all.is_sorted());
            for (bin, arrival) in &all {
                prop_assert!(arrival.due_ns < schedule.run_ns());
                prop_assert_eq!(arrival.due_ns / BIN_NS, u64::from(*bin));
                prop_assert!(u32::from(arrival.shard) < shards);
            }
            let count = all.len() as f64;
            if ALL[kind] == Arrivals::Poisson {
                // Seven standard deviations, and room for totals near zero.
                prop_assert!((count - total).abs() <= 7.0 * total.sqrt() + 10.0);
            } else {
                prop_assert!((count - total).abs() <= 0.5 + 1e-6);
            }
        }
    }
}
