//! Journeys that campaigns start, and events of journeys that are sent twice.

use super::*;
use crate::scenario::Batch;

/// An e-mail that is opened 40 s after it was sent.
fn mail(arrivals: Arrivals) -> Scenario {
    let journey = Journey {
        at_most: 10,
        states: vec![
            state(&[0], &[next(1, 1.0)], fixed(40.0)),
            state(&[1], &[], Lag::default()),
        ],
        ..Journey::default()
    };
    let mut mail = of(journey, &[1.0, 1.0], 100.0, 120.0);
    mail.time.play = (Duration::from_secs(60), Duration::from_secs(120));
    mail.flows[0].arrivals = arrivals;
    mail
}

fn campaigns(size: f64, at: &[f64]) -> Arrivals {
    Arrivals::Batch(Batch {
        size: Times::Fixed(size),
        within: seconds(10.0),
        at: at.to_vec(),
        keeps: Vec::new(),
    })
}

#[test]
fn reactions_to_listed_campaigns_belong_to_them_even_from_before_the_run() {
    for history in [0.0, 25.0, 45.0] {
        let mut mail = replaying(mail(campaigns(6000.0, &[70.0, 30.0])), history);
        mail.flows[0].height = None;
        let events = all(&mail);
        let of = |event: u16, batch: u32| {
            let own = events
                .iter()
                .filter(|(a, s)| (a.event, s.batch) == (event, batch));
            own.map(|(arrival, _)| arrival.due_ns as f64 / 1e9)
                .collect::<Vec<_>>()
        };
        // The second listed began half a minute before the run: its opens are due from 10 s to 20 s. As many as its size, but for
        // Poisson's 77; five times.
        let before = of(1, 1);
        assert!(
            (before.len() as f64 - 6000.0).abs() < 390.0,
            "{}",
            before.len()
        );
        assert!(before.iter().all(|t| (9.99..20.01).contains(t)));
        // The first listed begins in the run: all of its mails and their opens, exactly.
        assert_eq!((of(0, 0).len(), of(1, 0).len()), (6000, 6000));
        assert_eq!(events.len(), 12_000 + before.len());
        // The curve says the same.
        let curve = FlowSchedule::compile(&mail, 0).event_curve(1);
        let halves = [15.0, 20.0, 55.0, 60.0].map(|t| curve.cumulative(t));
        for (seen, expected) in halves.iter().zip([3000.0, 6000.0, 9000.0, 12_000.0]) {
            assert!((seen - expected).abs() < 30.0, "{halves:?}");
        }
    }
}

#[test]
fn journeys_of_drawn_campaigns_before_the_run_have_batches_of_their_own() {
    let mail = replaying(mail(campaigns(20.0, &[])), 5.0);
    let events = all(&mail);
    let mut of_the_past = 0;
    for (_, step) in &events {
        // Those of the run are numbered from 0; those begun just before it are still under way.
        if step.started_ms < -10_000 {
            assert!(step.batch > u32::MAX - 100, "{}", step.batch);
            of_the_past += 1;
        } else if step.started_ms >= 0 {
            assert!(step.batch < 10_000, "{}", step.batch);
        }
    }
    // 100 a second for half a minute: 3000 ± 55.
    assert!((2700..3300).contains(&of_the_past), "{of_the_past}");
}

#[test]
fn events_of_journeys_are_sent_twice_if_asked() {
    let mut twice = replaying(shoppers(50.0, 60.0), 30.0);
    let once = FlowSchedule::compile(&twice, 0);
    twice.flows[0].defects.duplicate = Some(0.2);
    twice.events[CART].defects.duplicate = Some(0.5);
    let schedule = FlowSchedule::compile(&twice, 0);
    let mut cells = schedule.cells(Shards::all(256));
    let (mut out, mut counts, mut copies) = (Bin::default(), [0.0; 4], [0.0; 4]);
    for bin in 0..schedule.bins() {
        cells.bin(bin, &mut out);
        for (index, (arrival, step)) in steps(&out).enumerate() {
            let event = usize::from(arrival.event);
            counts[event] += 1.0;
            if out.original(index) != arrival.ordinal {
                copies[event] += 1.0;
                assert_eq!(out.origin(index - 1), Origin::Step(step));
            }
        }
    }
    // A cart is sent again with 1 - 0.8 x 0.5.
    for (event, share) in [(VIEW, 0.2), (CART, 0.6), (ORDER, 0.2)] {
        let originals: f64 = counts[event] - copies[event];
        let expected = originals * share;
        let sd = (expected * (1.0 - share)).sqrt();
        assert!((copies[event] - expected).abs() < 5.0 * sd, "{event}");
        let more = schedule.event_curve(event).total() / once.event_curve(event).total();
        assert!((more - 1.0 - share).abs() < 1e-9, "{event}: {more}");
    }
}
