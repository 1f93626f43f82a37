//! Recording an event allocates nothing once warm: only handing over a second's windows does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater::measure::Sample;
use highwater::measure::consumer_recorder::{ConsumerRecorder, Received};
use highwater::measure::recorder::Recorder;
use highwater::measure::shape::{FlowShape, Model, RunShape, TopicShape};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

// One test only: another's allocations would be counted with it.
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
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        second(&mut producer, &mut member, s);
        if s >= 10 {
            recorded += ALLOCATIONS.load(Ordering::Relaxed) - before;
        }
        let now = (s + 1) * SECOND;
        producer.close(now, now, &mut |part| drop(part));
        member.close(now, now, &mut |part| drop(part));
    }
    assert_eq!(recorded, 0, "allocations in 20 s of {EVENTS} events each");
}
