//! The open-model loop of one producer thread.
//!
//! Each turn: take in the acknowledgements, render what has come due, offer it, rest until something can happen. Nothing here waits for
//! an acknowledgement: an event that the client's full queue does not take stays due, and its response time grows.

use std::sync::mpsc::Sender;

use super::control::{Control, SETTLE_AFTER_STOP_NS};
use super::in_flight::{Entry, InFlight};
use super::outbox::Outbox;
use super::source::{Due, Source};
use crate::clock::{Clock, Tick};
use crate::measure::Sample;
use crate::measure::collect::Report;
use crate::measure::ledger::LedgerProducer;
use crate::measure::live::{LiveProducer, Waiting};
use crate::measure::recorder::Recorder;
use crate::schedule::{Arrival, Identity};
use crate::target::{Ack, Outcome, Producer};
use crate::traffic::Renderer;

/// Most events rendered before they are offered. Small enough that what is rendered first is not held up noticeably (a chunk takes
/// a quarter of a millisecond) and that a chunk stays in a core's own cache, large enough that each partition's batch call carries some
/// dozens.
const CHUNK: usize = 256;
/// Most bytes rendered before they are offered.
const CHUNK_BYTES: usize = 1 << 18;
/// Acknowledgements whose entries are looked up together: the table is larger than the caches, and one miss after the other would
/// be waited for.
const TOGETHER: usize = 64;
/// Shortest rest. At high rates it gathers what comes due within it, at the price of half of it in mean send delay.
const QUANTUM_NS: u64 = 50_000;
/// Longest rest: how late a stop or a turn of housekeeping can be.
const LONGEST_REST_NS: u64 = 50_000_000;
/// Time between turns of housekeeping.
const HOUSEKEEPING_NS: u64 = 200_000_000;
/// How long purged events may take to come back.
const PURGE_NS: u64 = 5_000_000_000;

/// What a producer thread tells while it runs.
#[derive(Debug)]
pub(super) enum ProducerNews {
    /// The client can't go on, and why.
    Fatal {
        /// Index of the flow.
        flow: usize,
        /// The client's own words.
        reason: String,
    },
    /// The client's own statistics, a JSON text.
    Statistics {
        /// Index of the flow.
        flow: usize,
        /// Which of its producers.
        producer: u32,
        /// The text.
        json: String,
    },
}

/// What a producer thread leaves behind.
#[derive(Debug)]
pub(super) struct ProducerReport {
    /// Index of the flow.
    pub flow: usize,
    /// The client's last error, passed or not.
    pub last_error: Option<String>,
}

/// The parts one producer thread is made of.
pub(super) struct ProducerParts {
    pub(super) flow: usize,
    pub(super) index: u32,
    pub(super) client: Box<dyn Producer + Send>,
    pub(super) source: Source,
    pub(super) renderer: Renderer,
    pub(super) recorder: Recorder,
    pub(super) live: LiveProducer,
    pub(super) ledger: Option<LedgerProducer>,
    /// Partitions of each topic of the scenario.
    pub(super) partitions: Vec<u32>,
    /// By event, whether its records can be told from others: only those take part in the ledger.
    pub(super) stamped: Vec<bool>,
    /// By event, the bytes from which on a value may be refused for its size; `None`: none is oversized on purpose.
    pub(super) oversized: Vec<Option<usize>>,
    pub(super) reports: Sender<Report>,
    pub(super) news: Sender<ProducerNews>,
}

/// The loop's state.
pub(super) struct ProducerLoop<C: Clock> {
    clock: C,
    control: Control,
    start: Tick,
    parts: ProducerParts,
    in_flight: InFlight,
    outbox: Outbox,
    acks: Vec<Ack>,
    answered: Vec<Entry>,
    failures: Vec<crate::target::Failure>,
    housekeeping_ns: u64,
    fatal_told: bool,
}

impl<C: Clock> ProducerLoop<C> {
    /// A loop whose run time zero is `start`.
    pub(super) fn new(
        clock: C,
        control: Control,
        start: Tick,
        parts: ProducerParts,
    ) -> ProducerLoop<C> {
        let outbox = Outbox::new(&parts.partitions);
        ProducerLoop {
            clock,
            control,
            start,
            parts,
            in_flight: InFlight::default(),
            outbox,
            acks: Vec::new(),
            answered: Vec::with_capacity(TOGETHER),
            failures: Vec::new(),
            housekeeping_ns: 0,
            fatal_told: false,
        }
    }

    /// Runs the load, settles, purges, and reports. `end_ns`: when the load ends; `settle_ns`: how long to wait for what is open then.
    pub(super) fn run(mut self, end_ns: u64, settle_ns: u64) -> ProducerReport {
        let give_up_ns = end_ns + settle_ns;
        // Without a schedule nothing is late: what the end of the load finds waiting was never part of it.
        let offer_until_ns = if self.parts.source.has_due() {
            give_up_ns
        } else {
            end_ns
        };
        let stopped_ns = self.offer_load(offer_until_ns);
        let load_end_ns = stopped_ns.unwrap_or(end_ns).min(end_ns);
        self.parts.recorder.stop(load_end_ns);
        self.count_unsent(load_end_ns);
        // A stop may also come while the open acknowledgements are waited for.
        self.await_acks(|stopped_ns| match stopped_ns {
            Some(at) => give_up_ns.min(at + settle_ns.min(SETTLE_AFTER_STOP_NS)),
            None => give_up_ns,
        });
        if self.in_flight.len() > 0 {
            self.parts.client.purge();
            let deadline_ns = self.now_ns() + PURGE_NS;
            self.await_acks(|_| deadline_ns);
            self.give_up();
        }
        self.report()
    }

    /// Offers everything that comes due, until the source ends, `give_up_ns`, or a stop. Returns when a stop came, if one did.
    fn offer_load(&mut self, give_up_ns: u64) -> Option<u64> {
        loop {
            let now_ns = self.now_ns();
            // Before anything is handed over: all that came due since the last turn has waited for room as well.
            self.note_full_queue(now_ns);
            let stopped_ns = self.control.stopped_ns().filter(|at| *at <= now_ns);
            if stopped_ns.is_some() {
                return stopped_ns;
            }
            if now_ns >= give_up_ns {
                return None;
            }
            self.take_acks();
            if self.flush() {
                self.fill(now_ns);
                self.flush();
            }
            self.note_full_queue(now_ns);
            self.housekeep(now_ns);
            match self.parts.source.next_ns() {
                None if self.outbox.len() == 0 => return None,
                next => self.rest(now_ns, next.unwrap_or(u64::MAX)),
            }
        }
    }

    /// Renders what is due at `now_ns`, at most a chunk.
    fn fill(&mut self, now_ns: u64) {
        let ProducerParts {
            source,
            ledger,
            renderer,
            recorder,
            ..
        } = &mut self.parts;
        let has_due = source.has_due();
        let mut opened = |bin: u32, arrivals: &[Arrival]| {
            if let Some(ledger) = ledger.as_mut() {
                ledger.open_bin(bin, arrivals);
            }
        };
        while self.outbox.len() < CHUNK && self.outbox.bytes() < CHUNK_BYTES {
            let Some(due) = source.take(now_ns, &mut opened) else {
                return;
            };
            let Due { id, due_ns, .. } = due;
            let rendered = renderer.render_copy(
                due.event,
                id,
                due.original,
                due_ns,
                &due.origin,
                self.outbox.buffer(),
            );
            let key_bytes = rendered.key.as_ref().map_or(0, |key| key.len() as u32);
            let token = self.in_flight.insert(Entry {
                id,
                due_ns,
                sent_ns: due_ns,
                event: rendered.event,
                topic: rendered.topic,
                partition: rendered.partition,
                key_bytes,
                value_bytes: rendered
                    .value
                    .as_ref()
                    .map_or(0, |value| value.len() as u32),
            });
            if has_due {
                recorder.due(due_ns);
            }
            self.outbox.push(rendered, token);
        }
    }

    /// Offers the chunk. Returns false when the client's queue is full.
    fn flush(&mut self) -> bool {
        if self.outbox.len() == 0 {
            return true;
        }
        let has_due = self.parts.source.has_due();
        let (clock, start) = (&self.clock, self.start);
        let (in_flight, recorder) = (&mut self.in_flight, &mut self.parts.recorder);
        self.outbox.flush(
            self.parts.client.as_mut(),
            || clock.now().since(start),
            |token, sent_ns| {
                let entry = in_flight.mark_sent(token, sent_ns);
                if has_due {
                    recorder.sent(entry.due_ns, sent_ns);
                } else {
                    recorder.due(sent_ns);
                    recorder.sent(sent_ns, sent_ns);
                }
            },
        )
    }

    /// What is left in the outbox was not taken: late events of these windows are the cluster's doing, not ours.
    fn note_full_queue(&mut self, now_ns: u64) {
        let left = self.outbox.first_left();
        let due_ns = left.map(|token| self.in_flight.get(token).due_ns).min();
        if let Some(due_ns) = due_ns {
            self.parts.recorder.queue_full(due_ns, now_ns);
        }
    }

    /// Files every acknowledgement that has come in.
    fn take_acks(&mut self) {
        self.parts.client.poll(&mut self.acks);
        let has_due = self.parts.source.has_due();
        let mut acks = std::mem::take(&mut self.acks);
        let mut entries = std::mem::take(&mut self.answered);
        for acks in acks.chunks(TOGETHER) {
            entries.extend(acks.iter().map(|ack| self.in_flight.remove(ack.token)));
            for (ack, entry) in acks.iter().zip(entries.drain(..)) {
                let acked_ns = ack.at.since(self.start);
                let due_ns = entry.timed_from(has_due);
                self.file(&entry, due_ns, acked_ns, ack.outcome);
                self.parts.source.answered(acked_ns);
            }
        }
        acks.clear();
        (self.acks, self.answered) = (acks, entries);
        if let Some(ledger) = &mut self.parts.ledger {
            ledger.flush();
        }
    }

    #[inline]
    fn file(&mut self, entry: &Entry, due_ns: u64, acked_ns: u64, outcome: Outcome) {
        self.record(entry, due_ns, acked_ns, outcome);
        if let Some(ledger) = &mut self.parts.ledger {
            match outcome {
                _ if !self.parts.stamped[usize::from(entry.event)] => ledger.unsent(entry.id),
                Outcome::Acknowledged { offset } => {
                    ledger.acknowledged(entry.id, entry.topic, entry.partition, offset);
                }
                Outcome::Failed(_) | Outcome::Unresolved => {
                    ledger.unacknowledged(entry.id, entry.topic);
                }
            }
        }
    }

    #[inline]
    fn record(&mut self, entry: &Entry, due_ns: u64, acked_ns: u64, outcome: Outcome) {
        let recorder = &mut self.parts.recorder;
        match outcome {
            Outcome::Acknowledged { .. } => recorder.acknowledged(
                entry.event,
                entry.topic,
                entry.partition,
                entry.key_bytes,
                entry.value_bytes,
                Sample {
                    due_ns,
                    sent_ns: entry.sent_ns,
                    acked_ns,
                },
            ),
            Outcome::Failed(failure) => {
                recorder.failed(entry.event, due_ns, acked_ns, failure);
                let from = self.parts.oversized[usize::from(entry.event)];
                if from.is_some_and(|from| entry.value_bytes as usize >= from)
                    && self.parts.client.is_too_large(failure)
                {
                    recorder.refused(entry.event, due_ns);
                }
                if !self.failures.contains(&failure) {
                    self.failures.push(failure);
                    let name = self.parts.client.failure_name(failure);
                    // Nobody listens any more only when the run is being given up.
                    let _ = self.parts.reports.send(Report::Failure(failure, name));
                }
            }
            Outcome::Unresolved => recorder.unresolved(entry.event, due_ns),
        }
    }

    /// Sleeps until the next event is due, an acknowledgement comes in, or housekeeping is.
    fn rest(&mut self, now_ns: u64, next_ns: u64) {
        let blocked = self.outbox.len() > 0;
        let next_ns = if blocked { u64::MAX } else { next_ns };
        let after_work_ns = self.now_ns();
        if next_ns <= after_work_ns {
            return;
        }
        let until_ns = next_ns
            .max(now_ns + QUANTUM_NS)
            .min(after_work_ns + LONGEST_REST_NS);
        if until_ns > after_work_ns {
            self.parts.client.wait(self.start.plus_ns(until_ns));
        }
    }

    /// Waits until nothing is open, at most until `deadline_ns`, which is told when a stop was asked for.
    fn await_acks(&mut self, deadline_ns: impl Fn(Option<u64>) -> u64) {
        loop {
            self.take_acks();
            let now_ns = self.now_ns();
            self.housekeep(now_ns);
            let deadline_ns = deadline_ns(self.control.stopped_ns());
            if self.in_flight.len() == 0 || now_ns >= deadline_ns {
                return;
            }
            let until_ns = deadline_ns.min(now_ns + LONGEST_REST_NS);
            self.parts.client.wait(self.start.plus_ns(until_ns));
        }
    }

    /// Files what the client has not even given back after a purge: an account closes, whatever the client does.
    fn give_up(&mut self) {
        let now_ns = self.now_ns();
        let has_due = self.parts.source.has_due();
        for entry in self.in_flight.drain() {
            let due_ns = entry.timed_from(has_due);
            self.file(&entry, due_ns, now_ns, Outcome::Unresolved);
        }
    }

    /// Counts what was due by `stopped_ns` and never handed over; nothing comes due after this.
    fn count_unsent(&mut self, stopped_ns: u64) {
        let has_due = self.parts.source.has_due();
        let ProducerParts {
            source,
            ledger,
            recorder,
            ..
        } = &mut self.parts;
        let in_flight = &mut self.in_flight;
        self.outbox.abandon(|token| {
            let entry = in_flight.remove(token);
            if has_due {
                recorder.unsent(entry.due_ns);
            }
            if let Some(ledger) = ledger.as_mut() {
                ledger.unsent(entry.id);
            }
        });
        // Bins that were not come to stay unknown to the ledger: nothing of them can be in a log.
        let open = source.open_bin();
        let mut never_sent = |id: Identity| {
            if open == Some(id.bin)
                && let Some(ledger) = ledger.as_mut()
            {
                ledger.unsent(id);
            }
        };
        if has_due {
            while let Some(due) = source.take(stopped_ns, &mut |_, _| {}) {
                recorder.due(due.due_ns);
                recorder.unsent(due.due_ns);
                never_sent(due.id);
            }
        }
        source.end(&mut never_sent);
    }

    /// A few times a second: live figures, closed windows, the client's statistics.
    fn housekeep(&mut self, now_ns: u64) {
        if now_ns < self.housekeeping_ns {
            return;
        }
        self.housekeeping_ns = now_ns + HOUSEKEEPING_NS;
        self.publish(now_ns);
        if let Some(reason) = self.parts.client.fatal().filter(|_| !self.fatal_told) {
            self.fatal_told = true;
            let flow = self.parts.flow;
            let _ = self.parts.news.send(ProducerNews::Fatal { flow, reason });
        }
        if let Some(json) = self.parts.client.statistics() {
            let news = ProducerNews::Statistics {
                flow: self.parts.flow,
                producer: self.parts.index,
                json,
            };
            // Nobody listens any more only when the run is being given up.
            let _ = self.parts.news.send(news);
        }
    }

    fn publish(&mut self, now_ns: u64) {
        let next_ns = self.parts.source.next_ns().unwrap_or(u64::MAX);
        let overdue_ns = (next_ns <= now_ns && self.parts.source.has_due()).then_some(next_ns);
        let waiting = Waiting {
            oldest_due_ns: self
                .in_flight
                .oldest_due_ns()
                .into_iter()
                .chain(overdue_ns)
                .min(),
            unrendered: self.parts.source.unrendered(now_ns),
        };
        self.parts.recorder.live(now_ns, &self.parts.live, waiting);
        // Nobody listens any more only when the run is being given up.
        let reports = &self.parts.reports;
        self.parts.recorder.close(now_ns, next_ns, &mut |part| {
            let _ = reports.send(Report::Window(part));
        });
    }

    fn report(mut self) -> ProducerReport {
        let now_ns = self.now_ns();
        self.publish(now_ns);
        let client = &self.parts.client;
        let last_error = client.fatal().or_else(|| client.last_error());
        let reports = self.parts.reports;
        let totals = self.parts.recorder.finish(&mut |part| {
            let _ = reports.send(Report::Window(part));
        });
        let _ = reports.send(Report::ProducerDone(Box::new(totals)));
        ProducerReport {
            flow: self.parts.flow,
            last_error,
        }
    }

    fn now_ns(&self) -> u64 {
        self.clock.now().since(self.start)
    }
}
