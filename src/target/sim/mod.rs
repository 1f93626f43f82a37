//! A simulated cluster in virtual time, which does exactly the wrong it is told to do and tells what it did.
//!
//! Each partition is one server with a queue: a record's service begins when it arrives and all before it are done, and at the
//! end of it the record is in the log. Its acknowledgement takes a round trip more. Time moves only in [`Producer::wait`] and
//! [`Consumer::poll`], to the next thing that happens or the deadline; so one thread steps all its clients in turn.

mod clients;
mod cluster;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use clients::{SimConsumer, SimProducer};
use cluster::Cluster;

use super::Failure;
use crate::clock::{Tick, Virtual};

/// What a simulated cluster is like.
#[derive(Clone, Debug)]
pub struct SimSpec {
    /// Its time.
    pub clock: Virtual,
    /// The seed of its service times.
    pub seed: u64,
    /// How many partitions each topic has.
    pub partitions: Vec<u32>,
    /// How long a partition is busy with one record.
    pub service: Service,
    /// How much later than the end of its service a record's acknowledgement comes in, in nanoseconds.
    pub round_trip_ns: u64,
    /// How many records a producer holds until their acknowledgements are polled.
    pub queue: usize,
    /// The most bytes of a value that it takes: it refuses larger ones with [`TOO_LARGE`].
    pub largest: usize,
    /// Times at which the cluster stands still, each from (included) to (not), in order and apart: nothing is served,
    /// acknowledged or read.
    pub pauses: Vec<(Tick, Tick)>,
    /// What it does wrong.
    pub faults: Vec<Fault>,
}

/// How a simulated cluster refuses a record that is too large.
pub const TOO_LARGE: Failure = Failure(10);

/// How long a partition is busy with one record, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Always so long.
    Constant(u64),
    /// Exponentially distributed with this mean.
    Exponential(u64),
}

/// A wrong done to one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Index of the record's topic.
    pub topic: u16,
    /// Its partition.
    pub partition: u32,
    /// Its place among the records taken for that partition, from 0.
    pub nth: u64,
    /// What is done to it.
    pub wrong: Wrong,
}

/// What can be done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// Acknowledged, and not in the log.
    Lose,
    /// Twice in the log, acknowledged at the first.
    Duplicate,
    /// In the log behind the record that follows it, and acknowledged there. Never when none follows.
    Reorder,
    /// This bit of its value is flipped in the log, counted from its first byte round and round.
    Corrupt {
        /// The bit.
        bit: usize,
    },
    /// Refused with this error.
    Fail {
        /// The error.
        failure: Failure,
        /// Whether it is in the log all the same.
        in_log: bool,
    },
}

/// A wrong that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Which.
    pub fault: Fault,
    /// The record it was done to, as it was sent.
    pub record: Record,
}

/// A record's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The key.
    pub key: Option<Box<[u8]>>,
    /// The value; `None`: a tombstone.
    pub value: Option<Box<[u8]>>,
    /// Encoded headers.
    pub headers: Box<[u8]>,
}

/// A simulated cluster. Clones share it.
#[derive(Clone, Debug)]
pub struct Sim(Arc<Mutex<Cluster>>);

impl Sim {
    /// A cluster with empty logs.
    pub fn new(spec: SimSpec) -> Sim {
        Sim(Arc::new(Mutex::new(Cluster::new(spec))))
    }

    /// A new producer.
    pub fn producer(&self) -> SimProducer {
        SimProducer::new(self.clone())
    }

    /// A member that reads these (topic, partition), each from its present end.
    pub fn consumer(&self, assigned: &[(u16, u32)]) -> SimConsumer {
        SimConsumer::new(self.clone(), assigned)
    }

    /// Lets a log begin at `start`, as retention does.
    pub fn expire(&self, topic: u16, partition: u32, start: i64) {
        let mut cluster = self.lock();
        let partition = cluster.partition_mut(topic, partition);
        let start = (start.max(0) as usize).min(partition.log.len());
        partition.start = partition.start.max(start);
    }

    /// The wrongs done so far, in order.
    pub fn done(&self) -> Vec<Done> {
        self.lock().done.clone()
    }

    /// What is in a partition's log: offsets and records.
    pub fn log(&self, topic: u16, partition: u32) -> Vec<(i64, Arc<Record>)> {
        let cluster = self.lock();
        let partition = cluster.partition(topic, partition);
        let held = partition.log.iter().enumerate().skip(partition.start);
        held.filter_map(|(offset, record)| Some((offset as i64, Arc::clone(record.as_ref()?))))
            .collect()
    }

    /// The cluster as it is at present.
    fn lock(&self) -> MutexGuard<'_, Cluster> {
        let mut cluster = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cluster.catch_up();
        cluster
    }
}
