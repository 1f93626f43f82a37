//! What goes on in a simulated cluster.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use rand::RngExt;

use super::{Done, Fault, Record, Service, SimSpec, TOO_LARGE, Wrong};
use crate::clock::{Clock, Tick, Virtual};
use crate::rng::{Purpose, Stream, stream};
use crate::target::Outcome;

/// What a simulated cluster knows.
#[derive(Debug)]
pub(super) struct Cluster {
    clock: Virtual,
    service: Service,
    round_trip_ns: u64,
    queue: usize,
    largest: usize,
    pauses: Vec<(Tick, Tick)>,
    faults: HashMap<(usize, u64), Fault>,
    /// The wrongs done so far, in order.
    pub done: Vec<Done>,
    /// By topic: its first partition in `partitions`.
    topics: Vec<usize>,
    partitions: Vec<Partition>,
    coming: BinaryHeap<Reverse<Coming>>,
    /// How many things ever came, so that of two at the same instant the first stays first.
    came: u64,
    clients: Vec<Client>,
}

/// One partition: a server, its queue, its log.
#[derive(Debug)]
pub(super) struct Partition {
    service: Stream,
    free: Tick,
    taken: u64,
    /// By offset; `None` where a record was lost.
    pub log: Vec<Option<Arc<Record>>>,
    /// The first offset that can still be read.
    pub start: usize,
    /// A record that waits for the next one to overtake it.
    overtaken: Option<Job>,
}

/// A producer, as the cluster knows it.
#[derive(Debug, Default)]
struct Client {
    /// Records taken whose acknowledgement has not been polled.
    held: usize,
    answers: VecDeque<(u32, Outcome)>,
}

/// A record on its way into the log.
#[derive(Debug, PartialEq, Eq)]
struct Job {
    client: usize,
    token: u32,
    partition: usize,
    nth: u64,
    record: Record,
}

#[derive(Debug, PartialEq, Eq)]
struct Coming {
    at: Tick,
    number: u64,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Served(Job),
    Answered {
        client: usize,
        token: u32,
        outcome: Outcome,
    },
}

impl Ord for Coming {
    fn cmp(&self, other: &Coming) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Coming) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Cluster {
    pub fn new(spec: SimSpec) -> Cluster {
        let mut topics = Vec::new();
        let mut partitions = Vec::new();
        for &count in &spec.partitions {
            topics.push(partitions.len());
            for _ in 0..count {
                partitions.push(Partition {
                    service: stream(spec.seed, Purpose::Test, partitions.len() as u64, 0),
                    free: Tick::default(),
                    taken: 0,
                    log: Vec::new(),
                    start: 0,
                    overtaken: None,
                });
            }
        }
        let place = |fault: &Fault| topics[usize::from(fault.topic)] + fault.partition as usize;
        let faults = spec
            .faults
            .iter()
            .map(|f| ((place(f), f.nth), *f))
            .collect();
        Cluster {
            clock: spec.clock,
            service: spec.service,
            round_trip_ns: spec.round_trip_ns,
            queue: spec.queue,
            largest: spec.largest,
            pauses: spec.pauses,
            faults,
            done: Vec::new(),
            topics,
            partitions,
            coming: BinaryHeap::new(),
            came: 0,
            clients: Vec::new(),
        }
    }

    /// A new producer's index.
    pub fn add_client(&mut self) -> usize {
        self.clients.push(Client::default());
        self.clients.len() - 1
    }

    pub fn partition(&self, topic: u16, partition: u32) -> &Partition {
        &self.partitions[self.place(topic, partition)]
    }

    pub fn partition_mut(&mut self, topic: u16, partition: u32) -> &mut Partition {
        let place = self.place(topic, partition);
        &mut self.partitions[place]
    }

    fn place(&self, topic: u16, partition: u32) -> usize {
        self.topics[usize::from(topic)] + partition as usize
    }

    /// How many records the producer may still hand over.
    pub fn room(&self, client: usize) -> usize {
        self.queue - self.clients[client].held
    }

    /// Takes a record of a producer.
    pub fn take(&mut self, client: usize, token: u32, topic: u16, partition: u32, record: Record) {
        let place = self.place(topic, partition);
        self.clients[client].held += 1;
        let now = self.now();
        let partition = &mut self.partitions[place];
        let job = Job {
            client,
            token,
            partition: place,
            nth: partition.taken,
            record,
        };
        partition.taken += 1;
        let busy = match self.service {
            Service::Constant(ns) => ns,
            Service::Exponential(mean) => {
                let u: f64 = partition.service.random();
                (-(1.0 - u).ln() * mean as f64).round() as u64
            }
        };
        let begins = partition.free.max(now);
        let at = self.worked(begins, busy);
        self.partitions[place].free = at;
        self.coming(at, What::Served(job));
    }

    /// Whether there are answers for the producer.
    pub fn has_answers(&self, client: usize) -> bool {
        !self.clients[client].answers.is_empty()
    }

    /// Hands over the producer's answers.
    pub fn answers(&mut self, client: usize) -> impl Iterator<Item = (u32, Outcome)> {
        let client = &mut self.clients[client];
        client.held -= client.answers.len();
        client.answers.drain(..)
    }

    /// Forgets what is queued and in flight for the producer; it is answered as unresolved.
    pub fn purge(&mut self, client: usize) {
        let mut tokens = Vec::new();
        let mut coming = std::mem::take(&mut self.coming).into_sorted_vec();
        coming.reverse();
        for Reverse(coming) in coming {
            match coming.what {
                What::Served(job) if job.client == client => tokens.push(job.token),
                What::Answered {
                    client: of, token, ..
                } if of == client => tokens.push(token),
                _ => self.coming.push(Reverse(coming)),
            }
        }
        for partition in &mut self.partitions {
            let ours = partition.overtaken.take_if(|job| job.client == client);
            tokens.extend(ours.map(|job| job.token));
        }
        let unresolved = tokens.into_iter().map(|token| (token, Outcome::Unresolved));
        self.clients[client].answers.extend(unresolved);
    }

    /// The present.
    pub fn now(&self) -> Tick {
        self.clock.now()
    }

    /// Lets everything happen that was to happen by now.
    pub fn catch_up(&mut self) {
        let now = self.now();
        while let Some(Reverse(next)) = self.coming.peek()
            && next.at <= now
            && let Some(Reverse(next)) = self.coming.pop()
        {
            match next.what {
                What::Served(job) => self.served(job, next.at),
                What::Answered {
                    client,
                    token,
                    outcome,
                } => self.clients[client].answers.push_back((token, outcome)),
            }
        }
    }

    /// Moves time to the next thing that happens, and no further than `deadline`. False when there is no time left.
    pub fn step(&mut self, deadline: Tick) -> bool {
        let now = self.now();
        let resumed = self.resumes().unwrap_or(deadline);
        let next = self.coming.peek().map_or(deadline, |next| next.0.at);
        self.clock.advance_to(next.min(resumed).min(deadline));
        self.catch_up();
        now < deadline
    }

    fn coming(&mut self, at: Tick, what: What) {
        self.came += 1;
        let number = self.came;
        self.coming.push(Reverse(Coming { at, number, what }));
    }

    /// When work of so many nanoseconds is done that begins at `from`: the cluster does none in pauses.
    fn worked(&self, from: Tick, ns: u64) -> Tick {
        let mut done = from.plus_ns(ns);
        for &(begin, end) in &self.pauses {
            if begin <= done && from < end {
                done = done.plus_ns(end.since(begin.max(from)));
            }
        }
        done
    }

    /// The end of the pause the cluster is in.
    pub fn resumes(&self) -> Option<Tick> {
        let now = self.now();
        let during = |pause: &&(Tick, Tick)| pause.0 <= now && now < pause.1;
        self.pauses.iter().find(during).map(|pause| pause.1)
    }

    fn served(&mut self, job: Job, at: Tick) {
        let place = job.partition;
        let fault = self.faults.get(&(place, job.nth)).copied();
        let overtaken = self.partitions[place].overtaken.take();
        if overtaken.is_none() && fault.is_some_and(|fault| fault.wrong == Wrong::Reorder) {
            self.partitions[place].overtaken = Some(job);
            return;
        }
        self.store(job, fault.filter(|fault| fault.wrong != Wrong::Reorder), at);
        if let Some(job) = overtaken {
            let fault = self.faults.get(&(place, job.nth)).copied();
            self.store(job, fault, at);
        }
    }

    /// Puts a record into the log and answers its producer, or does the wrong it was told to do.
    fn store(&mut self, job: Job, fault: Option<Fault>, at: Tick) {
        let log = &mut self.partitions[job.partition].log;
        let offset = log.len() as i64;
        let record = Arc::new(job.record);
        let mut outcome = Outcome::Acknowledged { offset };
        let size = record.value.as_ref().map_or(0, |value| value.len());
        match fault.map(|fault| fault.wrong) {
            _ if size > self.largest => outcome = Outcome::Failed(TOO_LARGE),
            None | Some(Wrong::Reorder) => log.push(Some(Arc::clone(&record))),
            Some(Wrong::Lose) => log.push(None),
            Some(Wrong::Duplicate) => {
                log.extend([Some(Arc::clone(&record)), Some(Arc::clone(&record))]);
            }
            Some(Wrong::Corrupt { bit }) => log.push(Some(Arc::new(flipped(&record, bit)))),
            Some(Wrong::Fail { failure, in_log }) => {
                outcome = Outcome::Failed(failure);
                log.extend(in_log.then(|| Some(Arc::clone(&record))));
            }
        }
        if let Some(fault) = fault {
            let record = Record::clone(&record);
            self.done.push(Done { fault, record });
        }
        let answered = What::Answered {
            client: job.client,
            token: job.token,
            outcome,
        };
        self.coming(self.worked(at, self.round_trip_ns), answered);
    }
}

fn flipped(record: &Record, bit: usize) -> Record {
    let mut record = record.clone();
    let value = record.value.as_deref_mut().unwrap_or_default();
    let bits = value.len() * 8;
    if bits > 0 {
        value[bit % bits / 8] ^= 1 << (bit % 8);
    }
    record
}
