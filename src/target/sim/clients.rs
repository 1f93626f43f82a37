//! The clients of a simulated cluster.

use std::ops::Range;
use std::sync::Arc;

use super::cluster::Cluster;
use super::{Record, Sim, TOO_LARGE};
use crate::clock::Tick;
use crate::target::{Ack, Consumer, Failure, Incoming, Outgoing, Producer};
use crate::traffic::{self, stamp};

/// A producer of a simulated cluster.
#[derive(Debug)]
pub struct SimProducer {
    sim: Sim,
    client: usize,
}

impl SimProducer {
    pub(super) fn new(sim: Sim) -> SimProducer {
        let client = sim.lock().add_client();
        SimProducer { sim, client }
    }
}

impl Producer for SimProducer {
    fn send(&mut self, topic: u16, partition: u32, buffer: &[u8], records: &[Outgoing]) -> usize {
        let mut cluster = self.sim.lock();
        let taken = records.len().min(cluster.room(self.client));
        for record in &records[..taken] {
            let bytes = |range: &Range<usize>| Box::from(&buffer[range.clone()]);
            let copy = Record {
                key: record.key.as_ref().map(bytes),
                value: record.value.as_ref().map(bytes),
                headers: bytes(&record.headers),
            };
            cluster.take(self.client, record.token, topic, partition, copy);
        }
        taken
    }

    fn poll(&mut self, acks: &mut Vec<Ack>) {
        let mut cluster = self.sim.lock();
        let at = cluster.now();
        let ack = |(token, outcome)| Ack { token, at, outcome };
        acks.extend(cluster.answers(self.client).map(ack));
    }

    fn wait(&mut self, deadline: Tick) {
        let mut cluster = self.sim.lock();
        while !cluster.has_answers(self.client) && cluster.step(deadline) {}
    }

    /// What is in the log and not yet acknowledged stays there; what is queued never comes there.
    fn purge(&mut self) {
        let mut cluster = self.sim.lock();
        cluster.purge(self.client);
    }

    fn failure_name(&self, failure: Failure) -> String {
        format!("simulated failure {}", failure.0)
    }

    fn is_too_large(&self, failure: Failure) -> bool {
        failure == TOO_LARGE
    }
}

/// A member of a group of a simulated cluster; it reads what it was told to read.
#[derive(Debug)]
pub struct SimConsumer {
    sim: Sim,
    reads: Vec<Reads>,
    /// Which of `reads` is to be read first, so that all get their turn.
    turn: usize,
    paused: bool,
}

#[derive(Debug)]
struct Reads {
    topic: u16,
    partition: u32,
    next: usize,
}

impl SimConsumer {
    pub(super) fn new(sim: Sim, assigned: &[(u16, u32)]) -> SimConsumer {
        let cluster = sim.lock();
        let reads = |&(topic, partition): &(u16, u32)| Reads {
            topic,
            partition,
            next: cluster.partition(topic, partition).log.len(),
        };
        let reads = assigned.iter().map(reads).collect();
        drop(cluster);
        SimConsumer {
            sim,
            reads,
            turn: 0,
            paused: false,
        }
    }

    /// Goes on at `offset` of a partition it holds, as after a rebalance.
    pub fn seek(&mut self, topic: u16, partition: u32, offset: i64) {
        for reads in &mut self.reads {
            if (reads.topic, reads.partition) == (topic, partition) {
                reads.next = offset.max(0) as usize;
            }
        }
    }

    /// Takes up to `most` records out of the logs: topic, partition, offset, record.
    fn fetch(&mut self, cluster: &Cluster, most: usize) -> Vec<(u16, u32, i64, Arc<Record>)> {
        let mut fetched = Vec::new();
        let count = self.reads.len();
        self.turn += 1;
        for turn in 0..count {
            let reads = &mut self.reads[(self.turn + turn) % count];
            let from = cluster.partition(reads.topic, reads.partition);
            reads.next = reads.next.max(from.start);
            while fetched.len() < most && reads.next < from.log.len() {
                if let Some(record) = &from.log[reads.next] {
                    let offset = reads.next as i64;
                    fetched.push((reads.topic, reads.partition, offset, Arc::clone(record)));
                }
                reads.next += 1;
            }
        }
        fetched
    }
}

impl Consumer for SimConsumer {
    fn poll(
        &mut self,
        deadline: Tick,
        most: usize,
        receive: &mut dyn FnMut(Incoming<'_>, Tick),
    ) -> usize {
        let sim = self.sim.clone();
        let mut cluster = sim.lock();
        let fetched = loop {
            if cluster.resumes().is_none() && !self.paused {
                let fetched = self.fetch(&cluster, most);
                if !fetched.is_empty() {
                    break fetched;
                }
            }
            if !cluster.step(deadline) {
                return 0;
            }
        };
        let now = cluster.now();
        drop(cluster);
        for (topic, partition, offset, record) in &fetched {
            let incoming = Incoming {
                topic: *topic,
                partition: *partition,
                offset: *offset,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                stamp: traffic::headers(&record.headers)
                    .find(|(name, _)| *name == stamp::HEADER)
                    .map(|(_, value)| value),
            };
            receive(incoming, now);
        }
        fetched.len()
    }

    fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    fn assignment(&self) -> Option<Vec<(u16, u32)>> {
        Some(self.reads.iter().map(|r| (r.topic, r.partition)).collect())
    }

    fn watermarks(&mut self) -> Vec<(u16, u32, i64, i64)> {
        let cluster = self.sim.lock();
        let bounds = |r: &Reads| {
            let from = cluster.partition(r.topic, r.partition);
            (
                r.topic,
                r.partition,
                from.start as i64,
                from.log.len() as i64,
            )
        };
        self.reads.iter().map(bounds).collect()
    }
}
