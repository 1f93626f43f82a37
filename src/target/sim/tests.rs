//! The simulated cluster against what queueing theory and arithmetic say.

use rand::RngExt;

use super::*;
use crate::clock::{Clock, NS_PER_S};
use crate::rng::{Purpose, stream};
use crate::target::{Ack, Consumer, Incoming, Outcome, Outgoing, Producer};

const MS: u64 = 1_000_000;

fn spec() -> SimSpec {
    SimSpec {
        clock: Virtual::default(),
        seed: 1,
        partitions: vec![1],
        service: Service::Constant(MS),
        round_trip_ns: 0,
        queue: usize::MAX,
        largest: usize::MAX,
        pauses: Vec::new(),
        faults: Vec::new(),
    }
}

fn at_ms(ms: u64) -> Tick {
    Tick::from_ns(ms * MS)
}

/// Records whose value is their token, 4 bytes each, and the buffer they lie in.
fn records(tokens: std::ops::Range<u32>) -> (Vec<u8>, Vec<Outgoing>) {
    let buffer = tokens.clone().flat_map(u32::to_be_bytes).collect();
    let record = |(at, token)| Outgoing {
        token,
        key: None,
        value: Some(at * 4..at * 4 + 4),
        headers: 0..0,
    };
    (buffer, tokens.enumerate().map(record).collect())
}

fn send(producer: &mut SimProducer, partition: u32, tokens: std::ops::Range<u32>) -> usize {
    let (buffer, records) = records(tokens);
    producer.send(0, partition, &buffer, &records)
}

/// Everything that is answered by `deadline`.
fn answers(producer: &mut SimProducer, clock: &Virtual, deadline: Tick) -> Vec<Ack> {
    let mut acks = Vec::new();
    while clock.now() < deadline {
        producer.wait(deadline);
        producer.poll(&mut acks);
    }
    acks
}

/// What a member reads by `deadline`: (offset, value as a number, when in ms).
fn read(member: &mut SimConsumer, deadline: Tick) -> Vec<(i64, u32, u64)> {
    let mut all = Vec::new();
    let mut receive = |record: Incoming<'_>, at: Tick| {
        let value = record.value.expect("all have one").try_into();
        let number = u32::from_be_bytes(value.expect("4 bytes"));
        all.push((record.offset, number, at.as_ns() / MS));
    };
    while member.poll(deadline, 2, &mut receive) > 0 {}
    all
}

/// Response times, in seconds, of records due at these instants, with a client that offers what is due as soon as there is room.
fn responses(spec: SimSpec, due: &[Tick]) -> Vec<f64> {
    let clock = spec.clock.clone();
    let mut producer = Sim::new(spec).producer();
    let (mut next, mut acks, mut responses) = (0, Vec::new(), Vec::new());
    while responses.len() < due.len() {
        let now = clock.now();
        let ready = next + due[next..].iter().take_while(|due| **due <= now).count();
        next += send(&mut producer, 0, next as u32..ready as u32);
        let wake = due.get(ready).copied().unwrap_or(Tick::from_ns(u64::MAX));
        producer.wait(wake);
        producer.poll(&mut acks);
        let response = |ack: Ack| ack.at.since(due[ack.token as usize]) as f64 / NS_PER_S as f64;
        responses.extend(acks.drain(..).map(response));
    }
    responses
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len() as f64
}

/// Pollaczek-Khinchine: with load r, mean service s and service times of coefficient of variation c, the mean response is
/// s + s r (1 + c²) / (2 (1 - r)).
#[test]
fn mean_response_is_that_of_a_queue_with_one_server() {
    for (service, square_of_c) in [
        (Service::Constant(MS), 0.0),
        (Service::Exponential(MS), 1.0),
    ] {
        for load in [0.5, 0.8] {
            let mut rng = stream(7, Purpose::Test, 0, 0);
            let mut at = 0.0;
            let due: Vec<Tick> = (0..200_000)
                .map(|_| {
                    at -= (1.0 - rng.random::<f64>()).ln() / load * MS as f64;
                    Tick::from_ns(at as u64)
                })
                .collect();
            let got = mean(&responses(SimSpec { service, ..spec() }, &due));
            let expected = 1e-3 * (1.0 + load * (1.0 + square_of_c) / (2.0 * (1.0 - load)));
            // 200,000 records leave about 3 % of noise at load 0.8, and the seeds are fixed.
            assert!(
                (got / expected - 1.0).abs() < 0.05,
                "{service:?} {load}: {got} {expected}"
            );
        }
    }
}

/// A pause of 3 s in 30 s at a steady rate: whoever comes due t before its end waits t, so (3 - x)/30 wait longer than x; and it
/// makes no difference how much the client's queue holds, as time counts from due.
#[test]
fn a_pause_delays_whatever_comes_due_in_it() {
    for queue in [usize::MAX, 100] {
        let spec = SimSpec {
            service: Service::Constant(1_000),
            pauses: vec![(at_ms(10_000), at_ms(13_000))],
            queue,
            ..spec()
        };
        let due: Vec<Tick> = (0..30_000).map(at_ms).collect();
        let responses = responses(spec, &due);
        for x in [0.5, 1.0, 2.0] {
            let share = responses.iter().filter(|r| **r > x).count() as f64 / 30_000.0;
            // After the pause 3,000 records are served in 3 ms: a ten-thousandth of 30 s.
            assert!(
                (share - (3.0 - x) / 30.0).abs() < 2e-4,
                "{share} wait over {x} s"
            );
        }
    }
}

#[test]
fn a_round_trip_delays_the_answer_alone() {
    let spec = SimSpec {
        round_trip_ns: 50 * MS,
        ..spec()
    };
    let clock = spec.clock.clone();
    let sim = Sim::new(spec);
    let mut producer = sim.producer();
    let mut member = sim.consumer(&[(0, 0)]);
    send(&mut producer, 0, 0..3);
    assert_eq!(
        read(&mut member, at_ms(10)),
        [(0, 0, 1), (1, 1, 2), (2, 2, 3)]
    );
    let at: Vec<_> = answers(&mut producer, &clock, at_ms(100))
        .iter()
        .map(|ack| ack.at)
        .collect();
    assert_eq!(at, [at_ms(51), at_ms(52), at_ms(53)]);
}

#[test]
fn a_full_queue_takes_no_more_until_answers_are_polled() {
    let spec = SimSpec { queue: 3, ..spec() };
    let clock = spec.clock.clone();
    let mut producer = Sim::new(spec).producer();
    assert_eq!(send(&mut producer, 0, 0..5), 3);
    clock.advance_to(at_ms(2));
    assert_eq!(send(&mut producer, 0, 3..5), 0);
    let mut acks = Vec::new();
    producer.poll(&mut acks);
    assert_eq!(acks.len(), 2);
    assert_eq!(send(&mut producer, 0, 3..6), 2);
}

#[test]
fn does_exactly_the_wrong_it_is_told() {
    let fault = |nth, wrong| Fault {
        topic: 0,
        partition: 0,
        nth,
        wrong,
    };
    let refused = |in_log| Wrong::Fail {
        failure: Failure(7),
        in_log,
    };
    let faults = vec![
        fault(1, Wrong::Lose),
        fault(2, Wrong::Duplicate),
        fault(4, Wrong::Reorder),
        fault(6, Wrong::Corrupt { bit: 31 }),
        fault(7, refused(true)),
        fault(8, refused(false)),
        fault(9, Wrong::Reorder),
    ];
    let spec = SimSpec {
        faults: faults.clone(),
        ..spec()
    };
    let clock = spec.clock.clone();
    let sim = Sim::new(spec);
    let mut producer = sim.producer();
    let mut member = sim.consumer(&[(0, 0)]);
    send(&mut producer, 0, 0..10);
    let outcomes: Vec<_> = answers(&mut producer, &clock, at_ms(100))
        .iter()
        .map(|ack| (ack.token, ack.outcome))
        .collect();
    let acknowledged = |token, offset| (token, Outcome::Acknowledged { offset });
    let failed = |token| (token, Outcome::Failed(Failure(7)));
    assert_eq!(
        outcomes,
        [
            acknowledged(0, 0),
            acknowledged(1, 1),
            acknowledged(2, 2),
            acknowledged(3, 4),
            acknowledged(5, 5),
            acknowledged(4, 6),
            acknowledged(6, 7),
            failed(7),
            failed(8),
        ]
    );
    let values: Vec<_> = read(&mut member, at_ms(100))
        .iter()
        .map(|record| (record.0, record.1))
        .collect();
    // The flipped bit is the highest of the last of 4 bytes: 6 + 128.
    let expected = [
        (0, 0),
        (2, 2),
        (3, 2),
        (4, 3),
        (5, 5),
        (6, 4),
        (7, 6 + 128),
        (8, 7),
    ];
    assert_eq!(values, expected);
    let done: Vec<_> = sim.done().iter().map(|done| done.fault).collect();
    assert_eq!(done, faults[..6], "nothing came to overtake the last");
    assert_eq!(
        sim.done()[3].record.value.as_deref(),
        Some(&6u32.to_be_bytes()[..]),
        "as it was sent"
    );

    producer.purge();
    let mut acks = Vec::new();
    producer.poll(&mut acks);
    assert_eq!((acks[0].token, acks[0].outcome), (9, Outcome::Unresolved));
}

#[test]
fn a_purge_leaves_in_the_log_what_was_served() {
    let spec = SimSpec {
        round_trip_ns: 2 * MS,
        ..spec()
    };
    let clock = spec.clock.clone();
    let sim = Sim::new(spec);
    let (mut producer, mut other) = (sim.producer(), sim.producer());
    send(&mut producer, 0, 0..6);
    send(&mut other, 0, 6..7);
    clock.advance_to(at_ms(4));
    producer.purge();
    let mut acks = Vec::new();
    producer.poll(&mut acks);
    let outcomes: Vec<_> = acks.iter().map(|ack| ack.outcome).collect();
    assert_eq!(
        outcomes[..2],
        [0, 1].map(|offset| Outcome::Acknowledged { offset })
    );
    assert_eq!(outcomes[2..], [Outcome::Unresolved; 4]);
    assert_eq!(sim.log(0, 0).len(), 4);
    let others = answers(&mut other, &clock, at_ms(20));
    assert_eq!((others[0].token, others[0].at), (6, at_ms(9)));
}

#[test]
fn a_member_reads_its_partitions_in_turn_from_their_end() {
    let spec = SimSpec {
        partitions: vec![3],
        pauses: vec![(at_ms(20), at_ms(40))],
        ..spec()
    };
    let clock = spec.clock.clone();
    let sim = Sim::new(spec);
    let mut producer = sim.producer();
    send(&mut producer, 0, 0..1);
    clock.advance_to(at_ms(5));
    let mut member = sim.consumer(&[(0, 0), (0, 1)]);
    assert_eq!(read(&mut member, at_ms(6)), []);
    assert_eq!(clock.now(), at_ms(6));
    for partition in 0..3 {
        send(&mut producer, partition, 10 * partition..10 * partition + 4);
    }
    clock.advance_to(at_ms(25));
    let got = read(&mut member, at_ms(60));
    let numbers: Vec<_> = got.iter().map(|record| record.1).collect();
    assert_eq!(numbers, [10, 11, 0, 1, 12, 13, 2, 3]);
    assert!(
        got.iter().all(|record| record.2 == 40),
        "nothing is read in a pause"
    );
    member.seek(0, 1, 0);
    sim.expire(0, 1, 2);
    assert_eq!(read(&mut member, at_ms(60)), [(2, 12, 60), (3, 13, 60)]);
    assert_eq!(member.watermarks(), [(0, 0, 0, 5), (0, 1, 2, 4)]);
    assert_eq!(member.assignment(), Some(vec![(0, 0), (0, 1)]));
}
