//! What holds for every kind of arrivals, and what for Poisson, exact and even ones.

use std::collections::HashMap;

use proptest::prelude::*;
use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

use super::super::compose::tests::composition;
use super::super::curve::Pieces;
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
