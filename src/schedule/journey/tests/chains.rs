//! What journeys do, one by one.

use statrs::distribution::{ContinuousCDF, LogNormal};

use super::*;

/// All shoppers of a minute, to their ends.
fn finished(journey: Journey, seed: u64) -> Vec<Vec<(Arrival, Step)>> {
    // The mean of the span is a height over 4 hours; so 240 times as many start in the first minute.
    let mut scenario = of(journey, &VISITS, 0.25, 4.0 * 3600.0).shaped(only_for(60.0));
    scenario.shards = 4;
    journeys(&all(&scenario.seeded(seed)))
}

/// The shopper with a slightly different chance to look at another page.
fn wrong() -> Journey {
    let mut wrong = shopper();
    wrong.states[0].next[0].p = 0.85;
    wrong
}

/// How many standard errors the mean number of each event is off the closed form, at worst.
fn worst_visits(journeys: &[Vec<(Arrival, Step)>]) -> f64 {
    let off = (0..4).map(|event| {
        let counts = journeys.iter().map(|journey| {
            let own = journey
                .iter()
                .filter(|(_, step)| usize::from(step.event) == event);
            own.count() as f64
        });
        let (mean, error) = mean(&counts.collect::<Vec<_>>());
        (mean - VISITS[event]).abs() / error
    });
    off.fold(0.0, f64::max)
}

#[test]
fn events_of_a_journey_are_as_many_as_the_chain_says() {
    for seed in 1..=3 {
        // About 3600 journeys. Four means, three seeds: beyond 4 standard errors once in 1300.
        let journeys = finished(shopper(), seed);
        assert!((3300..3900).contains(&journeys.len()), "{}", journeys.len());
        let worst = worst_visits(&journeys);
        assert!(worst < 4.0, "{worst}");
        // A chance of 0.85 in place of 0.86 makes 9.66 views of 10.36, which is 4.3 standard errors of 10.4 / sqrt(3600) there.
        let worst = worst_visits(&finished(wrong(), seed));
        assert!(worst > 4.0, "{worst}");
    }
}

#[test]
fn the_funnel_is_as_the_chain_says() {
    // From a view to a cart sooner or later: 0.087 / 0.14. From a cart to an order: a = 0.3 + 0.5 (0.087 / 0.14) a.
    let to_cart = 0.087 / 0.14;
    let to_order = to_cart * 0.3 / (1.0 - 0.5 * to_cart);
    let off = |journeys: &[Vec<(Arrival, Step)>]| {
        let n = journeys.len() as f64;
        [(CART, to_cart), (ORDER, to_order)]
            .map(|(event, p)| {
                let reach = journeys.iter().filter(|journey| {
                    let mut events = journey.iter().map(|(_, step)| usize::from(step.event));
                    events.any(|of| of == event)
                });
                (reach.count() as f64 - n * p).abs() / (n * p * (1.0 - p)).sqrt()
            })
            .into_iter()
            .fold(0.0, f64::max)
    };
    for seed in 1..=3 {
        let right = off(&finished(shopper(), seed));
        assert!(right < 4.0, "{right}");
        let mut wrong = shopper();
        wrong.states[0].next[1].p = 0.075;
        // 0.075 / 0.14 in place of 0.087 / 0.14: 0.086 of it, with a standard error of 0.008.
        let wrong = off(&finished(wrong, seed));
        assert!(wrong > 4.0, "{wrong}");
    }
}

#[test]
fn dwell_times_follow_their_law() {
    let law = LogNormal::new(22f64.ln(), 1.2).unwrap();
    let cut = law.cdf(1800.0);
    let distance = |journeys: &[Vec<(Arrival, Step)>]| {
        let gaps = journeys.iter().flat_map(|journey| {
            journey
                .windows(2)
                .filter(|pair| pair[1].1.visit.serial == pair[0].1.visit.serial + 1)
                .filter(|pair| usize::from(pair[0].1.event) == VIEW)
                .map(|pair| (pair[1].0.due_ns - pair[0].0.due_ns) as f64 / 1e9)
        });
        let mut gaps: Vec<f64> = gaps.collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let off = gaps.iter().enumerate().map(|(i, &gap)| {
            let p = law.cdf(gap) / cut;
            (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs())
        });
        off.fold(0.0, f64::max) * n.sqrt()
    };
    for seed in 1..=3 {
        // Kolmogorov and Smirnov's 0.1 % point.
        let right = distance(&finished(shopper(), seed));
        assert!(right < 1.95, "{right}");
        let mut slow = shopper();
        slow.states[0].after = log_normal(23.0, 1.2, Some(1800.0));
        let wrong = distance(&finished(slow, seed));
        assert!(wrong > 1.95, "{wrong}");
    }
}

/// The dues of one journey's events that began alone at `due`: (seconds since the start, event, number, visit).
fn only(journey: Journey, events: usize) -> Vec<Vec<(f64, u16, u16, u32)>> {
    let scenario = of(journey, &vec![1.0; events], 1.0, 100.0).shaped(only_for(10.0));
    let finished = journeys(&all(&scenario));
    let seen = finished.iter().map(|journey| {
        let start = journey[0].0.due_ns;
        let seen = journey.iter().map(|(arrival, step)| {
            let since = (arrival.due_ns - start) as f64 / 1e9;
            (since, step.event, step.nth, step.visit.serial)
        });
        seen.collect()
    });
    seen.collect()
}

#[test]
fn fixed_lags_repetitions_and_follow_ups_fall_where_they_should() {
    let mut twice = state(&[0, 1], &[next(1, 1.0)], fixed(3.0));
    twice.times = Times::Fixed(2.0);
    // The way's own lag counts only for leaving.
    twice.next[0].after = Some(fixed(10.0));
    let mut reminder = follow(2, &[3], 1.0, fixed(0.5));
    reminder.times = Times::Fixed(2.0);
    let journey = Journey {
        at_most: 100,
        states: vec![
            twice,
            state(&[], &[next(2, 1.0)], fixed(1.0)),
            state(&[4], &[], Lag::default()),
        ],
        follows: vec![follow(0, &[2], 1.0, fixed(0.25)), reminder],
        ..Journey::default()
    };
    let expected = [
        // The first visit: two events, a follow-up, and two follow-ups of that, one behind the other.
        (0.0, 0, 0, 0),
        (0.0, 1, 1, 0),
        (0.25, 2, 2, 0),
        (0.75, 3, 3, 0),
        (1.25, 3, 4, 0),
        // The second visit of the same state.
        (3.0, 0, 0, 1),
        (3.0, 1, 1, 1),
        (3.25, 2, 2, 1),
        (3.75, 3, 3, 1),
        (4.25, 3, 4, 1),
        // By way of a silent state.
        (14.0, 4, 0, 3),
    ];
    let seen = only(journey, 5);
    assert!(seen.len() > 50);
    for journey in seen {
        assert_eq!(journey, expected);
    }
}

#[test]
fn a_journey_ends_with_the_last_event_it_may_have() {
    let endless = Journey {
        at_most: 7,
        states: vec![state(&[0], &[next(0, 1.0)], fixed(0.1))],
        follows: vec![follow(0, &[1], 1.0, fixed(0.0))],
        ..Journey::default()
    };
    for journey in only(endless, 2) {
        let events: Vec<u16> = journey.iter().map(|(_, event, ..)| *event).collect();
        assert_eq!(events, [0, 1, 0, 1, 0, 1, 0]);
    }
}

#[test]
fn what_is_kept_on_is_held_from_the_visit_before() {
    // Pools 7 and 9: the second state keeps 9, the third both, the fourth none.
    let mut states = vec![
        state(&[0], &[next(1, 1.0)], fixed(1.0)),
        state(&[0], &[next(2, 1.0)], fixed(1.0)),
        state(&[0], &[next(3, 1.0)], fixed(1.0)),
        state(&[0], &[], fixed(1.0)),
    ];
    states[1].keep_on = vec![9];
    states[2].keep_on = vec![9, 7];
    let journey = Journey {
        at_most: 100,
        states,
        ..Journey::default()
    };
    let scenario = of(journey, &[4.0], 0.1, 100.0).shaped(only_for(10.0));
    for journey in journeys(&all(&scenario)) {
        let held: Vec<[u32; 2]> = journey
            .iter()
            .map(|(_, step)| [step.held[0].serial, step.held[1].serial])
            .collect();
        assert_eq!(held, [[0, 0], [1, 0], [1, 0], [3, 3]]);
        let (_, last) = journey[2];
        assert_eq!(last.held[1].at_ms, last.started_ms);
        assert_eq!(last.held[0].at_ms, last.started_ms + 1000);
    }
}
