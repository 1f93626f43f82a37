//! Recording an event: only handing over a second's windows allocates.

use std::sync::Arc;

use highwater::measure::Sample;
use highwater::measure::consumer_recorder::{ConsumerRecorder, Received};
use highwater::measure::recorder::Recorder;
use highwater::measure::shape::{FlowShape, Model, RunShape, TopicShape};

use super::allocations;

const SECOND: u64 = 1_000_000_000;
const EVENTS: u64 = 10_000;

fn second(producer: &mut Recorder, member: &mut ConsumerRecorder, second: u64) {
    for i in 0..EVENTS {
        let due_ns = second * SECOND + i * (SECOND / EVENTS);
        let sent_ns = due_ns + 20_000 + (i % 7) * 3_000;
        // Response times of all sizes, up to two seconds: several windows are open at a time.
        let acked_ns = sent_ns + (1_000_u64 << (i % 21));
        producer.due(due_ns);
        producer.sent(due_ns, sent_ns);
        producer.acknowledged(
            (i % 2) as u16,
            0,
            (i % 12) as u32,
            8,
            500,
            Sample {
                due_ns,
                sent_ns,
                acked_ns,
            },
        );
        let first = Received::First {
            due_ns: Some(due_ns),
        };
        member.received(acked_ns, 500, first);
    }
}

#[test]
fn a_warm_recorder_allocates_nothing_per_event() {
    let shape = Arc::new(RunShape {
        flows: vec![FlowShape {
            name: "f".into(),
            events: vec![0, 1],
            model: Model::Open,
        }],
        events: vec!["a".into(), "b".into()],
        topics: vec![TopicShape {
            name: "t".into(),
            partitions: 12,
        }],
        groups: vec!["g".into()],
        warmup_ns: 0,
        run_ns: 1_000 * SECOND,
    });
    let mut producer = Recorder::new(shape.clone(), 0);
    let mut member = ConsumerRecorder::new(&shape, 0, 0);
    let mut recorded = 0;
    for s in 0..30 {
        let before = allocations();
        second(&mut producer, &mut member, s);
        if s >= 10 {
            recorded += allocations() - before;
        }
        let now = (s + 1) * SECOND;
        producer.close(now, now, &mut |part| drop(part));
        member.close(now, now, &mut |part| drop(part));
    }
    assert_eq!(recorded, 0, "allocations in 20 s of {EVENTS} events each");
}
