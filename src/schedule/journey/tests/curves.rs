//! The rates of events against what journeys really do.

use statrs::distribution::{ChiSquared, ContinuousCDF, LogNormal};

use super::*;
use crate::schedule::Curve;
use crate::schedule::fixtures::sale;

/// Counts of an event in consecutive stretches of `width` seconds.
fn counts(events: &[(Arrival, Step)], event: usize, width: f64, span: f64) -> Vec<f64> {
    let mut counts = vec![0.0; (span / width).ceil() as usize];
    for (arrival, _) in events {
        if usize::from(arrival.event) == event {
            counts[(arrival.due_ns as f64 / 1e9 / width) as usize] += 1.0;
        }
    }
    counts
}

/// The share of chi-square's law below the distance of Poisson counts from a curve.
fn p_of(counts: &[f64], width: f64, curve: &Curve) -> f64 {
    let square = |(i, count): (usize, &f64)| {
        let expected =
            curve.cumulative((i + 1) as f64 * width) - curve.cumulative(i as f64 * width);
        (count - expected).powi(2) / expected.max(1e-9)
    };
    let chi: f64 = counts.iter().enumerate().map(square).sum();
    ChiSquared::new(counts.len() as f64).unwrap().cdf(chi)
}

/// Mean counts of each event in stretches of ten seconds, over ten seeds, in standard errors off the steady rate; the worst.
fn worst_of_first_minute(scenario: &Scenario, rate: f64) -> f64 {
    let seeds: Vec<_> = (1..=10)
        .map(|seed| all(&scenario.clone().seeded(seed)))
        .collect();
    let mut worst = 0f64;
    for (event, visits) in VISITS.into_iter().enumerate() {
        for stretch in 0..6 {
            let seen = seeds
                .iter()
                .map(|events| counts(events, event, 10.0, 60.0)[stretch]);
            let seen: Vec<f64> = seen.collect();
            let expected = rate * 10.0 * visits;
            let (mean, _) = mean(&seen);
            // Most journeys have a handful of views in ten seconds at the very most, one on average: the variance of counts
            // is under twice their mean.
            let error = (2.0 * expected / 10.0).sqrt();
            worst = worst.max((mean - expected).abs() / error);
        }
    }
    worst
}

#[test]
fn the_first_minute_offers_each_event_at_its_steady_rate() {
    // 50 starts a second for a minute, with journeys of minutes. 24 figures, each beyond 4 standard errors once in 16,000.
    for history in [0.0, 25.05, 600.0] {
        let steady = replaying(shoppers(50.0, 60.0), history);
        let worst = worst_of_first_minute(&steady, 50.0);
        assert!(worst < 4.0, "history of {history} s: {worst}");
        for (event, visits) in VISITS.into_iter().enumerate() {
            let curve = FlowSchedule::compile(&steady, 0).event_curve(event);
            for t in [0.0, 7.0, 59.9] {
                let off = curve.rate(t) / (50.0 * visits) - 1.0;
                assert!(off.abs() < 1e-6, "{event} at {t}: {off}");
            }
        }
    }
    // The test can fail: journeys that nobody began before the run.
    let ramp = shoppers(50.0, 60.0).shaped(only_for(60.0));
    assert!(worst_of_first_minute(&ramp, 50.0) > 20.0);
}

#[test]
fn a_flash_of_starts_comes_out_in_orders_later_and_lower() {
    // Orders are at most one a journey, so their counts are Poisson and chi-square applies.
    let flash = replaying(shoppers(60.0, 600.0).spiked(vec![sale()]), 60.0);
    let schedule = FlowSchedule::compile(&flash, 0);
    let orders = schedule.event_curve(ORDER);
    let width = 10.0;
    let mut unconvolved_fails = 0;
    for seed in 1..=3 {
        let events = all(&flash.clone().seeded(seed));
        let counts = counts(&events, ORDER, width, 600.0);
        let p = p_of(&counts, width, &orders);
        // Both tails: 0.1 % in all for each of three seeds.
        assert!((0.0005..0.9995).contains(&p), "seed {seed}: {p}");
        let instead = schedule.starts().scaled(VISITS[ORDER]);
        unconvolved_fails += u32::from(p_of(&counts, width, &instead) > 0.9999);
    }
    assert_eq!(unconvolved_fails, 3, "the test can fail");
    // Starts stand four times as high from 32 s to 35 s. Orders take 2 minutes from their cart at least, and are spread out.
    let top = (0..600)
        .map(f64::from)
        .max_by(|a, b| orders.rate(*a).total_cmp(&orders.rate(*b)));
    assert!(top.unwrap() > 150.0, "{top:?}");
    let lower = orders.peak() / (60.0 * VISITS[ORDER]);
    assert!((1.01..1.5).contains(&lower), "{lower}");
    assert!((orders.rate(599.0) / (60.0 * VISITS[ORDER]) - 1.0).abs() < 0.05);
}

#[test]
fn the_curve_of_all_events_is_the_sum_and_counts_agree() {
    let flash = replaying(shoppers(60.0, 120.0).spiked(vec![sale()]), 60.0);
    let schedule = FlowSchedule::compile(&flash, 0);
    for t in [0.0, 33.3, 60.0, 119.0] {
        let sum: f64 = (0..4)
            .map(|event| schedule.event_curve(event).rate(t))
            .sum();
        assert!((sum / schedule.curve().rate(t) - 1.0).abs() < 1e-9);
    }
    assert_eq!(schedule.event_curve(9).total(), 0.0);
    let totals: Vec<f64> = (1..=10)
        .map(|seed| all(&flash.clone().seeded(seed)).len() as f64)
        .collect();
    let (mean, error) = mean(&totals);
    let expected = schedule.curve().total();
    // Student's law with 9 degrees of freedom is beyond 5 once in 1400.
    assert!(
        (mean - expected).abs() < 5.0 * error,
        "{mean} {error} {expected}"
    );
}

#[test]
fn an_exponential_lag_smooths_a_step_as_it_must() {
    // Starts only from 0 on: an event an exponential lag later comes at r (1 - exp(-t / m)).
    let journey = Journey {
        at_most: 10,
        states: vec![
            state(&[0], &[next(1, 1.0)], exponential(20.0)),
            state(&[1], &[], Lag::default()),
        ],
        ..Journey::default()
    };
    let step = of(journey, &[1.0, 1.0], 100.0, 100.0).shaped(only_for(100.0));
    let curve = FlowSchedule::compile(&step, 0).event_curve(1);
    for t in [1.0, 5.0, 20.0, 60.0, 99.0f64] {
        let expected = 100.0 * (1.0 - (-t / 20.0).exp());
        // A quarter of the 2^20 events walked are of this kind: an error of 0.1 % of the full rate, four times.
        assert!(
            (curve.rate(t) - expected).abs() < 0.4,
            "{t}: {} {expected}",
            curve.rate(t)
        );
    }
    let wrong = 100.0 * (1.0 - (-20.0 / 22.0f64).exp());
    assert!((curve.rate(20.0) - wrong).abs() > 0.4, "the test can fail");
}

/// An e-mail: opened by all, after hours.
fn email() -> Journey {
    Journey {
        at_most: 10,
        states: vec![
            state(&[0], &[next(1, 1.0)], log_normal(21_240.0, 2.26, None)),
            state(&[1], &[next(2, 0.5)], fixed(40.0)),
            state(&[2], &[], Lag::default()),
        ],
        ..Journey::default()
    }
}

#[test]
fn what_old_journeys_owe_arrives_at_the_steady_rate_with_their_age() {
    let law = LogNormal::new(21_240f64.ln(), 2.26).unwrap();
    for history in [0.0, 100.0] {
        let mail = replaying(of(email(), &[1.0, 1.0, 0.5], 100.0, 60.0), history);
        let events = all(&mail);
        // Opens are one a journey, so Poisson: 6000 ± 77. Clicks: 3000 ± 55.
        for (event, expected) in [(1, 6000.0), (2, 3000.0f64)] {
            let seen: f64 = counts(&events, event, 60.0, 60.0).iter().sum();
            assert!(
                (seen - expected).abs() < 4.0 * expected.sqrt(),
                "{event}: {seen}"
            );
        }
        // The age of an open has the law of its lag, and no journey is found twice with one.
        let mut ages: Vec<f64> = events
            .iter()
            .filter(|(arrival, _)| arrival.event == 1)
            .map(|(arrival, step)| arrival.due_ns as f64 / 1e9 - f64::from(step.started_ms) / 1e3)
            .collect();
        ages.sort_unstable_by(f64::total_cmp);
        let n = ages.len() as f64;
        let distance = |slower: f64| {
            let off = ages.iter().enumerate().map(|(i, age)| {
                // Beyond 24 days a start is not told any more.
                let p = if *age > 2.1e6 {
                    i as f64 / n
                } else {
                    law.cdf(age / slower)
                };
                (p - i as f64 / n).abs()
            });
            off.fold(0.0, f64::max) * n.sqrt()
        };
        // The 0.1 % point.
        assert!(distance(1.0) < 1.95, "{}", distance(1.0));
        assert!(distance(1.3) > 1.95, "the test can fail: {}", distance(1.3));
    }
}

#[test]
fn clock_times_come_out_within_their_hours() {
    // Orders all day, picked between 22:00 and 02:00, packed ten minutes later. The run is that night, an hour in 25 seconds.
    let journey = Journey {
        at_most: 10,
        states: vec![
            state(
                &[0],
                &[next(1, 1.0)],
                Lag::At {
                    clock: 79_200.0,
                    within: 14_400.0,
                },
            ),
            state(&[1], &[next(2, 1.0)], fixed(600.0)),
            state(&[2], &[], Lag::default()),
        ],
        ..Journey::default()
    };
    let mut night = replaying(of(journey, &[1.0, 1.0, 1.0], 20.0, 86_400.0), 5.0);
    night.time.play = (
        Duration::from_secs(75_600),
        Duration::from_secs(86_400 + 10_800),
    );
    night.time.compress = 144.0;
    let schedule = FlowSchedule::compile(&night, 0);
    let run = schedule.run_ns() as f64 / 1e9;
    // A day's starts within four hours: 6 times the rate of starts, from 25 s to 125 s.
    for (t, expected) in [
        (12.0, 0.0),
        (26.0, 120.0),
        (75.0, 120.0),
        (124.0, 120.0),
        (130.0, 0.0),
    ] {
        let rate = schedule.event_curve(1).rate(t);
        assert!((rate - expected).abs() < 0.01, "{t}: {rate}");
    }
    for event in [1, 2] {
        let curve = schedule.event_curve(event);
        for seed in 1..=3 {
            let events = all(&night.clone().seeded(seed));
            let counts = counts(&events, event, 5.0, run);
            let total: f64 = counts.iter().sum();
            // 12,000 ± 110.
            assert!((total - curve.total()).abs() < 440.0, "{event}: {total}");
            let worst = counts.iter().enumerate().map(|(i, count)| {
                let expected =
                    curve.cumulative((i + 1) as f64 * 5.0) - curve.cumulative(i as f64 * 5.0);
                (count - expected).abs() / (expected + 1.0).sqrt()
            });
            let worst = worst.fold(0.0, f64::max);
            assert!(worst < 5.0, "{event}: {worst}");
        }
    }
}

#[test]
fn a_height_of_events_is_theirs() {
    let day = Shape::Sine {
        period: 600.0,
        low: 0.2,
        high: 1.8,
        top_at: 300.0,
    };
    let mut shoppers = shoppers(1.0, 600.0).shaped(vec![day]).spiked(vec![sale()]);
    let curve_of = |shoppers: &Scenario, events: &[usize]| {
        let schedule = FlowSchedule::compile(shoppers, 0);
        let curves: Vec<Curve> = events
            .iter()
            .map(|&event| schedule.event_curve(event))
            .collect();
        move |t: f64| curves.iter().map(|curve| curve.rate(t)).sum::<f64>()
    };
    // In the long run: starts times visits.
    let of = [VIEW, ORDER];
    let visits = VISITS[VIEW] + VISITS[ORDER];
    for (fixes, value, starts) in [
        (Fixes::Mean, 50.0, 50.0 / visits),
        (Fixes::Total, 60_000.0, 100.0 / visits),
    ] {
        shoppers.flows[0].height = height(fixes, value, &of);
        let ordinary = FlowSchedule::compile(&shoppers.clone().spiked(vec![]), 0);
        assert!((ordinary.starts().total() / (starts * 600.0) - 1.0).abs() < 1e-6);
    }
    // The peak is that of the convolved curve of these events without spikes; with them it is higher.
    shoppers.flows[0].height = height(Fixes::Peak, 50.0, &of);
    let spiked = curve_of(&shoppers, &of);
    let ordinary = curve_of(&shoppers.spiked(vec![]), &of);
    let top = |rate: &dyn Fn(f64) -> f64| {
        (0..6000)
            .map(|i| rate(f64::from(i) / 10.0))
            .fold(0.0, f64::max)
    };
    assert!(
        (top(&ordinary) / 50.0 - 1.0).abs() < 1e-3,
        "{}",
        top(&ordinary)
    );
    assert!(top(&spiked) > 50.1, "{}", top(&spiked));
}
