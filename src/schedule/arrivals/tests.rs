//! What holds for every kind of arrivals, and what for Poisson, exact and even ones.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

use super::super::compose::tests::composition;
use super::super::curve::Pieces;
use super::super::fixtures::{With, sale, scenario, wave};
use super::*;
use crate::scenario::{Batch, Fixes, Lag, Length, Periodic, Shape, Times, TracePiece};

/// The kinds that follow a rate by themselves, with the expected number of events in every stretch of time.
const ALL: [Arrivals; 3] = [Arrivals::Even, Arrivals::Poisson, Arrivals::PoissonExact];

/// All kinds that have due instants, made for [`busy_minute`].
fn kinds() -> Vec<Arrivals> {
    let batch = |size, seconds, at: &[f64]| {
        Arrivals::Batch(Batch {
            size,
            within: Length {
                seconds,
                real: false,
            },
            at: at.to_vec(),
            keeps: Vec::new(),
        })
    };
    let periodic = |aligned, jitter_ms| {
        Arrivals::Periodic(Periodic {
            devices: 3000,
            pool: None,
            every: Duration::from_millis(9_700),
            jitter: Duration::from_millis(jitter_ms),
            aligned,
        })
    };
    let mut kinds = ALL.to_vec();
    kinds.extend([
        Arrivals::Bursty { cv: 3.0 },
        batch(Times::Exponential { mean: 40.0 }, 3.0, &[]),
        batch(Times::Fixed(9000.0), 20.0, &[-7.0, 3.05, 50.0]),
        periodic(false, 0),
        periodic(false, 1234),
        periodic(true, 777),
    ]);
    kinds
}

/// [`busy_minute`] of every kind, and again with some events sent twice.
fn minutes() -> Vec<Scenario> {
    let sent_twice = |minute: &Scenario| {
        let mut minute = minute.clone();
        minute.flows[0].defects.duplicate = Some(0.07);
        minute
    };
    let minutes: Vec<Scenario> = kinds().iter().map(busy_minute).collect();
    let again: Vec<Scenario> = minutes.iter().map(sent_twice).collect();
    minutes.into_iter().chain(again).collect()
}

pub(super) fn schedule(scenario: &Scenario) -> FlowSchedule {
    FlowSchedule::compile(scenario, 0)
}

/// All there is to an arrival.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub bin: u32,
    pub arrival: Arrival,
    pub origin: Origin,
    pub original: u32,
}

impl Seen {
    fn order(&self) -> (u32, Arrival) {
        (self.bin, self.arrival)
    }
}

fn of_bin(bin: u32, out: &Bin) -> impl Iterator<Item = Seen> + '_ {
    assert!(out.origins.is_empty() || out.origins.len() == out.arrivals.len());
    assert!(out.originals.is_empty() || out.originals.len() == out.arrivals.len());
    (0..out.arrivals.len()).map(move |index| Seen {
        bin,
        arrival: out.arrivals[index],
        origin: out.origin(index),
        original: out.original(index),
    })
}

/// Every arrival of some shards.
pub(super) fn seen(schedule: &FlowSchedule, shards: Shards) -> Vec<Seen> {
    let mut cells = schedule.cells(shards);
    let (mut out, mut all) = (Bin::default(), Vec::new());
    for bin in 0..schedule.bins() {
        cells.bin(bin, &mut out);
        all.extend(of_bin(bin, &out));
    }
    all
}

/// Every arrival of some shards, with its bin.
fn arrivals(schedule: &FlowSchedule, shards: Shards) -> Vec<(u32, Arrival)> {
    seen(schedule, shards).iter().map(Seen::order).collect()
}

pub(super) fn dues(scenario: &Scenario) -> Vec<u64> {
    let schedule = schedule(scenario);
    let all = arrivals(&schedule, Shards::all(scenario.shards));
    all.iter().map(|(_, arrival)| arrival.due_ns).collect()
}

/// A wave with a sale on top for a minute, 300 a second.
pub(super) fn busy_minute(arrivals: impl std::borrow::Borrow<Arrivals>) -> Scenario {
    scenario(arrivals, 300.0)
        .shaped(vec![wave()])
        .spiked(vec![sale()])
}

#[test]
fn workers_together_send_the_whole_schedule() {
    for mut minute in minutes() {
        for shards in [256, 100, 5] {
            minute.shards = shards;
            let schedule = schedule(&minute);
            let whole = seen(&schedule, Shards::all(shards));
            assert!(whole.len() > 10_000);
            for workers in [2, 3, 7] {
                let mut parts: Vec<Seen> = (0..workers)
                    .flat_map(|first| {
                        let mine = Shards {
                            first,
                            step: workers,
                            end: shards,
                        };
                        let part = seen(&schedule, mine);
                        assert!(part.is_sorted_by_key(Seen::order));
                        part
                    })
                    .collect();
                parts.sort_unstable_by_key(Seen::order);
                let kind = &minute.flows[0].arrivals;
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
    for minute in minutes() {
        let schedule = schedule(&minute);
        let whole = seen(&schedule, Shards::all(256));
        let mut cells = schedule.cells(Shards::all(256));
        let mut out = Bin::default();
        let bins = schedule.bins();
        // Back to the start, forth by leaps, and each twice.
        let leaps = (0..bins).map(|i| i * 37 % bins);
        for bin in (0..bins).rev().chain(leaps).flat_map(|bin| [bin, bin]) {
            cells.bin(bin, &mut out);
            let wanted = whole.partition_point(|seen| seen.bin < bin)
                ..whole.partition_point(|seen| seen.bin <= bin);
            assert!(
                of_bin(bin, &out).eq(whole[wanted].iter().cloned()),
                "{:?} {bin}",
                minute.flows[0].arrivals
            );
        }
    }
}

/// Ordered, numbered by shard without gaps, within its bin and the run, and copies right behind their originals.
fn is_in_order(out: &Bin, bin: u32, schedule: &FlowSchedule) {
    assert!(out.arrivals.is_sorted_by_key(|a| (a.due_ns, a.shard)));
    let mut next = HashMap::new();
    let mut before: Option<Seen> = None;
    for seen in of_bin(bin, out) {
        let arrival = seen.arrival;
        assert_eq!(arrival.due_ns / BIN_NS, u64::from(bin));
        assert!(arrival.due_ns < schedule.run_ns());
        let ordinal = next.entry(arrival.shard).or_insert(0);
        assert_eq!(arrival.ordinal, *ordinal);
        *ordinal += 1;
        if seen.original != arrival.ordinal {
            let original = before.unwrap();
            assert_eq!(seen.original, original.arrival.ordinal);
            assert_eq!(seen.origin, original.origin);
            let ordinal = original.arrival.ordinal + 1;
            let copy = Arrival {
                ordinal,
                ..original.arrival
            };
            assert_eq!(arrival, copy);
        }
        before = Some(seen);
    }
}

#[test]
fn cells_are_ordered_numbered_and_within_their_bin() {
    let dense = |kind: &Arrivals| {
        // At 2 million a second several are due in one nanosecond's neighbourhood, and the radix sort is used.
        [(2.0, 60.0), (2e6, 0.25)].map(|(rate, seconds)| scenario(kind, rate).spanning(seconds))
    };
    let scenarios = kinds().iter().flat_map(dense).collect::<Vec<_>>();
    for scenario in scenarios.iter().chain(&minutes()) {
        let schedule = schedule(scenario);
        let mut cells = schedule.cells(Shards::all(256));
        let mut out = Bin::default();
        for bin in 0..schedule.bins() {
            cells.bin(bin, &mut out);
            is_in_order(&out, bin, &schedule);
        }
        cells.bin(schedule.bins(), &mut out);
        assert!(out.arrivals.is_empty());
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
fn without_a_due_there_is_no_schedule() {
    let closed = Arrivals::Closed {
        users: 5,
        think: Lag::default(),
    };
    for kind in [Arrivals::Unthrottled, closed] {
        let mut endless = scenario(kind, 1.0);
        endless.flows[0].height = None;
        assert!(dues(&endless).is_empty());
        assert_eq!(schedule(&endless).curve().total(), 0.0);
    }
}

#[test]
fn flows_and_seeds_have_schedules_of_their_own() {
    for kind in kinds().iter().filter(|kind| **kind != Arrivals::Even) {
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
pub(super) fn allowed(n: u64, level: f64) -> u64 {
    let rejections = Binomial::new(level, n).unwrap();
    (0..n).find(|&k| rejections.sf(k) < 1e-5).unwrap()
}

/// Kolmogorov-Smirnov at 5 %, by its asymptotic point.
pub(super) fn has_law(mut values: Vec<f64>, law: impl Fn(f64) -> f64) -> bool {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values.iter().zip(0u32..).map(|(&value, i)| {
        let expected = law(value);
        let (below, above) = (f64::from(i) / n, f64::from(i + 1) / n);
        (expected - below).abs().max((above - expected).abs())
    });
    distance.fold(0.0, f64::max) * n.sqrt() < 1.358
}

/// The gaps of Λ(due).
pub(super) fn rescaled_gaps(dues: &[u64], curve: &Curve) -> Vec<f64> {
    let at = |ns: u64| curve.cumulative(ns as f64 / 1e9);
    dues.windows(2)
        .map(|pair| at(pair[1]) - at(pair[0]))
        .collect()
}

/// Rescaled gaps are exponential with mean 1 if the arrivals are Poisson at that rate.
fn gaps_are_exponential(dues: &[u64], curve: &Curve) -> bool {
    has_law(rescaled_gaps(dues, curve), |gap| 1.0 - (-gap).exp())
}

pub(super) const SEEDS: u64 = 100;

pub(super) fn rejections(
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
        let all = Shards::all(256);
        let stretch = Stretch::of_bin(bin, schedule.run_ns(), all).unwrap();
        schedule.curve().cut(from, from + 0.1, &mut pieces);
        let key = stretch.key(&pieces, pieces.total(), 7);
        assert_eq!((key >> SHARD_BITS, key as u16), (BIN_NS - 1, 7));
    }
}

#[test]
fn rescaled_gaps_are_exponential() {
    let check =
        |scenario: &Scenario, dues: &[u64]| gaps_are_exponential(dues, schedule(scenario).curve());
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

/// The law of what a kind counts is not to be fixed here: any kind, with any of its figures.
fn any_kind() -> impl Strategy<Value = Arrivals> {
    let size = prop_oneof![
        (1.0..3000.0f64).prop_map(Times::Fixed),
        (1.0..500.0f64).prop_map(|mean| Times::Exponential { mean }),
        (1.0..90.0f64, 90.0..900.0f64).prop_map(|(a, b)| Times::Uniform(a, b)),
    ];
    let at = prop::collection::vec(-20.0..70.0f64, 0..4);
    let batch = (size, 0.01..40.0f64, any::<bool>(), at);
    let periodic = (1..5000u64, 1..30_000u64, 0.0..0.5f64, any::<bool>());
    prop_oneof![
        (0..3usize).prop_map(|kind| ALL[kind].clone()),
        (0.05..6.0f64).prop_map(|cv| Arrivals::Bursty { cv }),
        batch.prop_map(|(size, seconds, real, at)| Arrivals::Batch(Batch {
            size,
            within: Length { seconds, real },
            at,
            keeps: Vec::new(),
        })),
        periodic.prop_map(|(devices, every_ms, jitter, aligned)| {
            // At most 100,000 a second.
            let every = Duration::from_millis(every_ms.max(devices / 100));
            Arrivals::Periodic(Periodic {
                devices,
                pool: None,
                every,
                jitter: every.mul_f64(jitter),
                aligned,
            })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, rng_seed: proptest::test_runner::RngSeed::Fixed(2), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_composition_is_kept_within_its_run(
        mut scenario in composition(),
        kind in any_kind(),
        shards in 1..300u32,
        duplicate in prop_oneof![Just(None), (0.0..1.0f64).prop_map(Some)],
    ) {
        scenario.flows[0].arrivals = kind.clone();
        scenario.flows[0].defects.duplicate = duplicate;
        scenario.shards = shards;
        let schedule = schedule(&scenario);
        let mut cells = schedule.cells(Shards::all(shards));
        let (mut out, mut whole) = (Bin::default(), Vec::new());
        for bin in 0..schedule.bins() {
            cells.bin(bin, &mut out);
            is_in_order(&out, bin, &schedule);
            whole.extend(of_bin(bin, &out));
        }
        prop_assert!(whole.iter().all(|seen| u32::from(seen.arrival.shard) < shards));
        // Two workers have it between them.
        let mut parts = Vec::new();
        for first in 0..2 {
            let mine = Shards { first, step: 2, end: shards };
            parts.extend(seen(&schedule, mine));
        }
        parts.sort_unstable_by_key(Seen::order);
        prop_assert_eq!(&parts, &whole);
        let total = schedule.curve().total();
        let count = whole.len() as f64;
        match (kind, duplicate) {
            (Arrivals::Poisson, None) => {
                // Seven standard deviations, and room for totals near zero.
                prop_assert!((count - total).abs() <= 7.0 * total.sqrt() + 10.0);
            }
            (Arrivals::Even | Arrivals::PoissonExact, None) => {
                prop_assert!((count - total).abs() <= 0.5 + 1e-6);
            }
            _ => {}
        }
    }

    #[test]
    fn rates_scale_linearly_whatever_the_kind(scenario in composition(), kind in any_kind()) {
        let listed = matches!(&kind, Arrivals::Batch(batch) if !batch.at.is_empty());
        let mut once = scenario;
        once.flows[0].arrivals = kind;
        // As a scale of three would be read: heights, devices, and the sizes of listed batches.
        let mut thrice = once.clone();
        thrice.scale *= 3.0;
        if let Some(height) = &mut thrice.flows[0].height {
            height.value *= 3.0;
        }
        if let Arrivals::Periodic(periodic) = &mut thrice.flows[0].arrivals {
            periodic.devices *= 3;
        }
        let (once, thrice) = (schedule(&once), schedule(&thrice));
        let (once, thrice) = (once.curve(), thrice.curve());
        // Sizes are rounded by the same draws: three listed batches are off by less than 3 each.
        let rounding = if listed { 9.0 } else { 1e-9 * thrice.total() };
        prop_assert!((once.total() * 3.0 - thrice.total()).abs() <= rounding);
    }
}

/// A trace of 12 rows, 5 s each, of these counts.
fn trace(counts: &[f64]) -> Shape {
    let piece = |(count, at): (&f64, f64)| TracePiece {
        from: at,
        to: at + 5.0,
        rate_from: count / 5.0,
        rate_to: count / 5.0,
    };
    let starts = (0..counts.len()).map(|i| i as f64 * 5.0);
    Shape::Trace(counts.iter().zip(starts).map(piece).collect())
}

const COUNTS: [f64; 12] = [
    500.0, 30.0, 0.0, 900.0, 901.0, 77.0, 1250.0, 2000.0, 1.0, 12.0, 640.0, 333.0,
];

/// What a replay of [`COUNTS`], `scale` times and `compress` times as fast, offers in each row's time.
fn replayed(kind: &Arrivals, compress: f64, scale: f64, seed: u64) -> [u64; 12] {
    let total = COUNTS.iter().sum::<f64>() * scale;
    let mut replay = scenario(kind, 1.0)
        .shaped(vec![trace(&COUNTS)])
        .fixing(Fixes::Total, total)
        .seeded(seed);
    replay.time.compress = compress;
    let mut rows = [0; 12];
    for due in dues(&replay) {
        rows[(due as f64 / 1e9 * compress / 5.0) as usize] += 1;
    }
    rows
}

#[test]
fn a_trace_is_replayed_exactly_by_even_arrivals() {
    assert_eq!(
        replayed(&Arrivals::Even, 1.0, 1.0, 1),
        COUNTS.map(|n| n as u64)
    );
    // Scaled by a whole number every row still is one.
    let tenfold = COUNTS.map(|n| n as u64 * 10);
    assert_eq!(replayed(&Arrivals::Even, 1.0, 10.0, 1), tenfold);
    // Compressed ten times after that, rows of tenfold counts are as long and as full as the original's.
    assert_eq!(
        replayed(&Arrivals::Even, 10.0, 10.0, 1),
        COUNTS.map(|n| n as u64)
    );
}

#[test]
fn a_trace_is_replayed_within_poisson_error() {
    // Chi-square over the eleven rows with any events, those of 1 and 12 pooled: 10 degrees of freedom, 9 for an exact total.
    let rejected = |kind: &Arrivals, compared_with: [f64; 12]| {
        let rejects = |seed: u64| {
            let rows = replayed(kind, 1.0, 1.0, seed);
            assert_eq!(rows[2], 0, "nothing where the trace has nothing");
            let pairs = rows.iter().zip(compared_with).filter(|(_, n)| *n > 1.0);
            let square = |(&row, n): (&u64, f64)| {
                let (row, n) = if n == 12.0 {
                    (row + rows[8], 13.0)
                } else {
                    (row, n)
                };
                (row as f64 - n).powi(2) / n
            };
            let chi: f64 = pairs.map(square).sum();
            ChiSquared::new(10.0).unwrap().sf(chi) < 0.025
        };
        (1..=SEEDS).filter(|&seed| rejects(seed)).count() as u64
    };
    let bound = allowed(SEEDS, 0.03);
    assert!(rejected(&Arrivals::Poisson, COUNTS) <= bound);
    assert!(rejected(&Arrivals::PoissonExact, COUNTS) <= bound);
    // A row of 900 taken for one of 1020: 4 standard deviations.
    let mut wrong = COUNTS;
    wrong[3] += 120.0;
    assert!(rejected(&Arrivals::Poisson, wrong) > 2 * bound);
}
