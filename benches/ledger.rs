//! What the ledger costs: a bin of 100 ms opened, its events acknowledged, its records read. Divan's items are events.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use highwater::measure::ledger::{Ledger, LedgerConsumer, LedgerProducer, LedgerSpec};
use highwater::schedule::{Arrival, Identity};

const SHARDS: u32 = 256;
const PARTITIONS: u32 = 12;
/// Records of one partition that are acknowledged, and read, in one go.
const RUN: usize = 100;

fn main() {
    divan::main();
}

/// The events of one bin after another, as they reach the log.
struct Load {
    producer: LedgerProducer,
    member: LedgerConsumer,
    events: u32,
    bin: u32,
    arrivals: Vec<Arrival>,
    /// Of the bin at hand: identity, partition, offset.
    records: Vec<(Identity, u32, i64)>,
    ends: [i64; PARTITIONS as usize],
}

impl Load {
    fn new(events: u32) -> Load {
        let ledger = Arc::new(Ledger::new(LedgerSpec {
            shards: SHARDS,
            producers: vec![1],
            partitions: vec![PARTITIONS],
            groups: vec![vec![0]],
        }));
        Load {
            producer: ledger.producer(0, 0),
            member: ledger.consumer(0),
            events,
            bin: 0,
            arrivals: Vec::new(),
            records: Vec::new(),
            ends: [0; PARTITIONS as usize],
        }
    }

    /// Makes the next bin: shards at random, partitions in runs.
    fn next(&mut self) {
        self.bin += 1;
        self.arrivals.clear();
        self.records.clear();
        let mut ordinals = [0; SHARDS as usize];
        for event in 0..self.events {
            let mixed = (u64::from(event) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let shard = (mixed >> 56) as u16;
            let ordinal = ordinals[usize::from(shard)];
            ordinals[usize::from(shard)] += 1;
            self.arrivals.push(Arrival {
                due_ns: u64::from(event),
                shard,
                event: 0,
                ordinal,
            });
            let partition = event / RUN as u32 % PARTITIONS;
            let end = &mut self.ends[partition as usize];
            let id = Identity {
                flow: 0,
                shard,
                bin: self.bin,
                ordinal,
            };
            self.records.push((id, partition, *end));
            *end += 1;
        }
    }

    fn open(&mut self) {
        self.producer.open_bin(self.bin, &self.arrivals);
    }

    fn acknowledge(&mut self) {
        for batch in self.records.chunks(RUN) {
            for &(id, partition, offset) in batch {
                self.producer.acknowledged(id, 0, partition, offset);
            }
            self.producer.flush();
        }
    }

    fn consume(&mut self) {
        for &(id, partition, offset) in &self.records {
            divan::black_box(self.member.consumed(0, partition, offset, id));
        }
    }
}

const EVENTS: [u32; 3] = [1_000, 10_000, 50_000];

#[divan::bench(args = EVENTS)]
fn open_bin(bencher: Bencher, events: u32) {
    bench(
        bencher,
        events,
        |_| (),
        Load::open,
        |load| {
            load.acknowledge();
            load.consume();
        },
    );
}

#[divan::bench(args = EVENTS)]
fn acknowledged(bencher: Bencher, events: u32) {
    bench(
        bencher,
        events,
        Load::open,
        Load::acknowledge,
        Load::consume,
    );
}

#[divan::bench(args = EVENTS)]
fn consumed(bencher: Bencher, events: u32) {
    let before = |load: &mut Load| {
        load.open();
        load.acknowledge();
    };
    bench(bencher, events, before, Load::consume, |_| ());
}

#[divan::bench(args = EVENTS)]
fn consumed_before_acknowledged(bencher: Bencher, events: u32) {
    let before = |load: &mut Load| {
        load.open();
        load.consume();
    };
    bench(bencher, events, before, Load::acknowledge, |_| ());
}

/// Times one step of a bin's life, bin after bin on the same ledger.
fn bench(
    bencher: Bencher,
    events: u32,
    before: impl Fn(&mut Load),
    timed: impl Fn(&mut Load) + Sync,
    after: impl Fn(&mut Load),
) {
    let load = std::cell::RefCell::new((Load::new(events), false));
    bencher
        .counter(ItemsCount::new(events))
        .with_inputs(|| {
            let (load, started) = &mut *load.borrow_mut();
            if std::mem::replace(started, true) {
                after(load);
            }
            load.next();
            before(load);
        })
        .bench_local_values(|()| timed(&mut load.borrow_mut().0));
}
