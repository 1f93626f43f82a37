//! Pauses of a member, in virtual time.

use std::sync::Arc;
use std::sync::mpsc::channel;

use super::Pauses;
use crate::clock::Clock;
use crate::drive::consumer::{Assignments, ConsumerLoop, ConsumerParts};
use crate::drive::control::Control;
use crate::drive::tests::rig::{MS, RUN_TAG, cluster, partitions, scenario};
use crate::measure::consumer_recorder::ConsumerRecorder;
use crate::measure::ledger::{Ledger, LedgerSpec};
use crate::measure::live::Live;
use crate::measure::shape::RunShape;
use crate::target::sim::Sim;
use crate::target::{Outgoing, Producer};

#[test]
fn pauses_add_up() {
    let pauses = Pauses::new(2);
    pauses.pause(1);
    pauses.pause(1);
    pauses.resume(1);
    assert_eq!((pauses.is_paused(0), pauses.is_paused(1)), (false, true));
    pauses.resume(1);
    assert!(!pauses.is_paused(1));
    // A group that does not exist is not paused either.
    pauses.pause(7);
    assert!(!pauses.is_paused(7));
}

#[test]
fn a_paused_member_reads_nothing_and_goes_on_where_it_stopped() {
    let scenario = scenario("1s", "mean = \"1/s\"");
    let spec = cluster();
    let clock = spec.clock.clone();
    let sim = Sim::new(spec);
    let shape = Arc::new(RunShape::of(&scenario));
    let live = Live::new(&shape);
    let ledger = Arc::new(Ledger::new(LedgerSpec {
        shards: scenario.shards,
        producers: vec![1],
        partitions: vec![3, 2],
        groups: vec![vec![0, 1]],
    }));
    let pauses = Pauses::new(1);
    let mut member = ConsumerLoop::new(
        clock.clone(),
        Control::default(),
        ConsumerParts {
            group: 0,
            member: 0,
            client: Box::new(sim.consumer(&partitions())),
            ledger: ledger.consumer(0),
            recorder: ConsumerRecorder::new(&shape, 0, 0),
            live: live.member(0),
            timed: Arc::new([true]),
            run_tag: RUN_TAG,
            work_ns: 0,
            assignments: Assignments::new(&[1]),
            pauses: pauses.clone(),
            reports: channel().0,
            news: channel().0,
        },
    );
    let mut client = sim.producer();
    let mut write = |count: u32| {
        let records: Vec<Outgoing> = (0..count)
            .map(|token| Outgoing {
                token,
                key: None,
                value: Some(0..1),
                headers: 0..0,
            })
            .collect();
        assert_eq!(client.send(0, 0, b"x", &records), count as usize);
    };
    // Turns for as long as a member takes to tell what it has read.
    let read_by_now = |member: &mut ConsumerLoop<_>| {
        let until = clock.now().plus_ns(500 * MS);
        while clock.now() < until {
            member.turn();
        }
        live.lag(0).records
    };
    write(10);
    assert_eq!(read_by_now(&mut member), 10);
    pauses.pause(0);
    write(7);
    assert_eq!(read_by_now(&mut member), 10);
    pauses.resume(0);
    assert_eq!(read_by_now(&mut member), 17);
}
