//! The schedule of journeys as a whole: who walks it, from where, and what is in it.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::schedule::BIN_NS;
use crate::schedule::fixtures::{sale, wave};

/// A wave of shoppers with a sale, some under way when it begins.
fn busy() -> Scenario {
    let busy = shoppers(40.0, 60.0)
        .shaped(vec![wave()])
        .spiked(vec![sale()]);
    replaying(busy, 20.0)
}

#[test]
fn workers_together_send_the_whole_schedule() {
    for shards in [256, 100, 5] {
        let mut busy = busy();
        busy.shards = shards;
        let schedule = FlowSchedule::compile(&busy, 0);
        let whole = events(&schedule, Shards::all(shards));
        assert!(whole.len() > 10_000);
        for workers in [2, 3, 7] {
            let parts = (0..workers).flat_map(|first| {
                let mine = Shards {
                    first,
                    step: workers,
                    end: shards,
                };
                events(&schedule, mine)
            });
            let mut parts: Vec<_> = parts.collect();
            parts.sort_unstable_by_key(|(arrival, _)| *arrival);
            assert!(parts == whole, "{shards} shards, {workers} workers");
        }
    }
}

#[test]
fn a_walk_can_begin_at_any_bin() {
    let schedule = FlowSchedule::compile(&busy(), 0);
    let mut cells = schedule.cells(Shards::all(256));
    let (mut in_turn, mut at_once) = (Bin::default(), Bin::default());
    for bin in 0..300 {
        cells.bin(bin, &mut in_turn);
        if bin % 75 == 7 {
            schedule.cells(Shards::all(256)).bin(bin, &mut at_once);
            assert!(at_once.arrivals == in_turn.arrivals && at_once.origins == in_turn.origins);
        }
    }
    // Back again.
    cells.bin(232, &mut in_turn);
    assert_eq!(in_turn.arrivals, at_once.arrivals);
}

#[test]
fn bins_are_ordered_and_numbered() {
    let schedule = FlowSchedule::compile(&busy(), 0);
    let mut cells = schedule.cells(Shards::all(256));
    let mut out = Bin::default();
    for bin in 0..schedule.bins() {
        cells.bin(bin, &mut out);
        assert!(out.arrivals.is_sorted_by_key(|a| (a.due_ns, a.shard)));
        let mut next = HashMap::new();
        for (arrival, step) in steps(&out) {
            assert_eq!(arrival.due_ns / BIN_NS, u64::from(bin));
            assert_eq!(arrival.event, step.event);
            let ordinal = next.entry(arrival.shard).or_insert(0);
            assert_eq!(arrival.ordinal, *ordinal);
            *ordinal += 1;
        }
    }
    cells.bin(schedule.bins(), &mut out);
    assert!(out.arrivals.is_empty() && out.origins.is_empty());
}

#[test]
fn a_journey_is_of_one_shard_one_start_and_one_id() {
    let all = all(&busy());
    let mut starts = HashSet::new();
    for journey in journeys(&all) {
        let (first_arrival, first) = journey[0];
        for (arrival, step) in &journey {
            assert_eq!(arrival.shard, first_arrival.shard);
            assert_eq!(step.started_ms, first.started_ms);
            assert!(i64::from(step.started_ms) <= arrival.due_ns as i64 / 1_000_000);
        }
        // Each event of a journey is told from every other by visit and number.
        let mut own: Vec<_> = journey
            .iter()
            .map(|(_, s)| (s.visit.serial, s.nth))
            .collect();
        own.dedup();
        assert_eq!(own.len(), journey.len());
        if first.visit.serial == 0 && first.event as usize == VIEW {
            starts.insert((first.started_ms, first_arrival.shard, first.session));
        }
    }
    assert!(starts.len() > 1000);
}

#[test]
fn seeds_and_flows_have_journeys_of_their_own() {
    let mut two = busy();
    two.flows.push(two.flows[0].clone());
    let of = |scenario: &Scenario, flow| {
        let schedule = FlowSchedule::compile(scenario, flow);
        events(&schedule, Shards::all(256))
    };
    let first = of(&two, 0);
    assert!(first == of(&two, 0));
    let ids = |events: &[(Arrival, Step)]| {
        let ids = events.iter().map(|(_, step)| step.session);
        ids.collect::<HashSet<u64>>()
    };
    assert!(ids(&first).is_disjoint(&ids(&of(&two, 1))));
    assert!(ids(&first).is_disjoint(&ids(&of(&two.seeded(2), 0))));
}

/// Lags of a minute's run, of every law.
fn lag() -> impl Strategy<Value = Lag> {
    let length =
        || (0.0..40.0f64, any::<bool>()).prop_map(|(seconds, real)| Length { seconds, real });
    prop_oneof![
        length().prop_map(Lag::Fixed),
        Just(Lag::default()),
        (0.0..5.0f64, 0.0..40.0f64).prop_map(|(a, b)| Lag::Uniform(seconds(a), seconds(a + b))),
        length().prop_map(|mean| Lag::Exponential { mean }),
        (0.01..40.0f64, 0.1..2.5f64, prop::option::of(1.0..2.0f64)).prop_map(
            |(median, sigma, cut)| { log_normal(median, sigma, cut.map(|cut| cut * median)) }
        ),
        (0.01..40.0f64, 0.2..2.0f64).prop_map(|(mean, cv)| Lag::Gamma {
            mean: seconds(mean),
            cv
        }),
        (0.0..86_400.0f64, 0.0..40_000.0f64).prop_map(|(clock, within)| Lag::At { clock, within }),
    ]
}

/// A chain of four states and up to three follow-ups over five events. Where a state goes it gets at most 0.8 of the time, so it ends.
fn journey() -> impl Strategy<Value = Journey> {
    let ways = prop::collection::vec((0..4usize, 0.05..0.4f64, prop::option::of(lag())), 0..3);
    let times = prop_oneof![
        Just(Times::Fixed(1.0)),
        Just(Times::Uniform(1.0, 3.0)),
        Just(Times::Exponential { mean: 1.5 })
    ];
    let emits = || prop::collection::vec(0..5usize, 0..3);
    let state = (emits(), ways, lag(), times.clone()).prop_map(|(emits, ways, after, times)| {
        let ways = ways.into_iter().map(|(to, p, after)| Next { to, p, after });
        State {
            times,
            ..state(&emits, &ways.collect::<Vec<_>>(), after)
        }
    });
    let follow =
        (0..5usize, emits(), 0.1..0.5f64, lag(), times).prop_map(|(on, emits, p, after, times)| {
            Follow {
                times,
                ..follow(on, &emits, p, after)
            }
        });
    let follows = prop::collection::vec(follow, 0..3);
    (prop::collection::vec(state, 4), follows, 1..60u32).prop_map(|(states, follows, at_most)| {
        Journey {
            at_most,
            states,
            follows,
            ..Journey::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: proptest::test_runner::RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chain_stays_within_the_run_and_scales(journey in journey(), compress in 0.5..500.0f64, shards in 1..20u32, history in 0.0..10.0f64) {
        let at_most = journey.at_most;
        let mut small = replaying(of(journey, &[], 30.0, 10.0 * compress), history);
        small.time.compress = compress;
        small.shards = shards;
        small.events = (0..5).map(event).collect();
        let flow = &mut small.flows[0];
        flow.mix = vec![(0, 1.0)];
        let schedule = FlowSchedule::compile(&small, 0);
        let whole = events(&schedule, Shards::all(shards));
        let keys: Vec<_> = whole.iter().map(|(a, _)| (a.due_ns, a.shard)).collect();
        prop_assert!(keys.is_sorted());
        prop_assert!(whole.iter().all(|(a, _)| a.due_ns < schedule.run_ns()));
        for journey in journeys(&whole) {
            prop_assert!(journey.len() as u32 <= at_most);
        }
        let part = events(&schedule, Shards { first: 0, step: 3, end: shards });
        let own: Vec<_> = whole.iter().filter(|(a, _)| a.shard % 3 == 0).copied().collect();
        prop_assert!(part == own);
        // Three times the height, three times every rate.
        let thrice = FlowSchedule::compile(&small.fixing(Fixes::Mean, 90.0), 0);
        for event in 0..5 {
            let (once, thrice) = (schedule.event_curve(event), thrice.event_curve(event));
            for t in [0.0, 1.7, 9.9] {
                let (a, b) = (once.rate(t) * 3.0, thrice.rate(t));
                prop_assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0), "{}: {} {}", t, a, b);
            }
        }
    }
}
