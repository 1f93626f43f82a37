//! The loop of one member of a consumer group: read, verify, time, think.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use super::action::Pauses;
use super::control::Control;
use crate::clock::{Clock, Tick};
use crate::measure::collect::Report;
use crate::measure::consumer_recorder::{ConsumerRecorder, Received};
use crate::measure::ledger::{LedgerConsumer, Seen};
use crate::measure::live::LiveMember;
use crate::target::{Consumer, Incoming};
use crate::traffic::stamp::{self, Checked};

/// Most records taken at once when there is no think time.
const MOST: usize = 4096;
/// Longest stretch of think time owed by one turn: the group's own business is served in between.
const THINK_NS: u64 = 5_000_000;
/// Records that come within this time of being asked for had queued.
const AT_ONCE_NS: u64 = 1_000_000;
/// Longest wait for records.
const LONGEST_WAIT_NS: u64 = 50_000_000;
const HOUSEKEEPING_NS: u64 = 200_000_000;

/// Which partitions each member of each group holds: the run starts when all are held.
#[derive(Clone, Debug)]
pub(super) struct Assignments(Arc<Mutex<Vec<Vec<Held>>>>);

/// The partitions of one member, as (topic, partition); `None` before it was assigned any.
type Held = Option<Vec<(u16, u32)>>;

impl Assignments {
    /// For groups of these sizes.
    pub(super) fn new(members: &[u32]) -> Assignments {
        let empty = members.iter().map(|n| vec![None; *n as usize]).collect();
        Assignments(Arc::new(Mutex::new(empty)))
    }

    /// Which of the groups lack a member's assignment or a partition of `wanted`; empty: all are ready.
    pub(super) fn lacking(&self, wanted: &[Vec<(u16, u32)>]) -> Vec<usize> {
        let groups = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let ready = |members: &Vec<Held>, wanted: &Vec<(u16, u32)>| {
            let held: Vec<&(u16, u32)> = members.iter().flatten().flatten().collect();
            members.iter().all(Option::is_some) && wanted.iter().all(|part| held.contains(&part))
        };
        (0..groups.len())
            .filter(|group| !ready(&groups[*group], &wanted[*group]))
            .collect()
    }

    /// How many members hold their partitions, and how many there are.
    pub(super) fn ready(&self) -> (u32, u32) {
        let groups = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let members = groups.iter().flatten();
        let ready = members.clone().filter(|held| held.is_some()).count();
        (ready as u32, members.count() as u32)
    }

    fn set(&self, group: usize, member: u32, held: Held) {
        let mut groups = self.0.lock().unwrap_or_else(|e| e.into_inner());
        groups[group][member as usize] = held;
    }
}

/// A member that can read nothing more, and why.
#[derive(Debug)]
pub(super) struct MemberLost {
    pub(super) group: usize,
    pub(super) reason: String,
}

/// The parts one consumer thread is made of.
pub(super) struct ConsumerParts {
    pub(super) group: usize,
    pub(super) member: u32,
    pub(super) client: Box<dyn Consumer + Send>,
    pub(super) ledger: LedgerConsumer,
    pub(super) recorder: ConsumerRecorder,
    pub(super) live: LiveMember,
    /// By flow, whether its bins are lengths of time.
    pub(super) timed: Arc<[bool]>,
    pub(super) run_tag: u64,
    pub(super) work_ns: u64,
    pub(super) assignments: Assignments,
    pub(super) pauses: Pauses,
    pub(super) reports: Sender<Report>,
    pub(super) news: Sender<MemberLost>,
}

/// The loop's state.
pub(super) struct ConsumerLoop<C: Clock> {
    clock: C,
    control: Control,
    parts: ConsumerParts,
    start: Tick,
    /// When the think time owed so far is over: a virtual clock, since a sleep of 200 µs takes 250.
    free_at: Tick,
    /// Whether the last turn read anything.
    busy: bool,
    housekeeping: Tick,
    fatal: bool,
    records: u64,
    /// By partition, the offset after the last record read.
    next_offsets: HashMap<(u16, u32), i64>,
    paused: bool,
}

impl<C: Clock> ConsumerLoop<C> {
    pub(super) fn new(clock: C, control: Control, parts: ConsumerParts) -> ConsumerLoop<C> {
        let now = clock.now();
        ConsumerLoop {
            clock,
            control,
            parts,
            start: now,
            free_at: now,
            busy: false,
            housekeeping: now,
            fatal: false,
            records: 0,
            next_offsets: HashMap::new(),
            paused: false,
        }
    }

    /// Serves the group until the start, then reads until the control says the reading is over.
    pub(super) fn run(mut self) {
        while !self.control.gate_is_decided() {
            self.turn();
            let held = self.parts.client.assignment();
            self.parts
                .assignments
                .set(self.parts.group, self.parts.member, held);
        }
        if let Some(start) = self.control.wait_for_start() {
            self.start = start;
            while !self.control.reading_is_over() && !self.fatal {
                self.turn();
            }
        }
        self.finish();
    }

    /// Hands over the rest.
    pub(super) fn finish(self) {
        // Nobody listens any more only when the run is being given up.
        let reports = self.parts.reports;
        let totals = self.parts.recorder.finish(&mut |part| {
            let _ = reports.send(Report::Member(part));
        });
        let _ = reports.send(Report::MemberDone(Box::new(totals)));
    }

    /// Reads once, or sleeps off a stretch of think time.
    pub(super) fn turn(&mut self) {
        let now = self.clock.now();
        self.housekeep(now);
        self.heed_pause();
        if self.free_at > now {
            let owed = self.free_at.since(now).min(LONGEST_WAIT_NS);
            self.clock.sleep(owed);
            return;
        }
        let work_ns = self.parts.work_ns;
        let most = match THINK_NS.checked_div(work_ns) {
            Some(records) => (records as usize).clamp(1, MOST),
            None => MOST,
        };
        let start = self.start;
        let ConsumerParts {
            client,
            ledger,
            recorder,
            run_tag,
            ..
        } = &mut self.parts;
        let mut receiver = Receiver {
            run_tag: *run_tag,
            start,
            ledger,
            recorder,
            next_offsets: &mut self.next_offsets,
        };
        let deadline = now.plus_ns(LONGEST_WAIT_NS);
        let mut received_at = now;
        let count = client.poll(deadline, most, &mut |incoming, at| {
            received_at = at;
            receiver.receive(incoming, at);
        });
        self.records += count as u64;
        // An idle member owes nothing for the past. Records that were there at once had queued while it was busy: it is free for them since
        // it was free, however late the machine let this thread wake up.
        let had_queued = self.busy && count > 0 && received_at.since(now) <= AT_ONCE_NS;
        if !had_queued {
            let idle_until = match count {
                0 => self.clock.now(),
                _ => received_at,
            };
            self.free_at = self.free_at.max(idle_until);
        }
        self.busy = count > 0;
        self.free_at = self.free_at.plus_ns(work_ns * count as u64);
        if !self.fatal
            && let Some(reason) = self.parts.client.fatal()
        {
            self.fatal = true;
            let group = self.parts.group;
            let _ = self.parts.news.send(MemberLost { group, reason });
        }
    }

    fn housekeep(&mut self, now: Tick) {
        if now < self.housekeeping {
            return;
        }
        self.housekeeping = now.plus_ns(HOUSEKEEPING_NS);
        let lag_records = self.lag();
        self.parts.live.tell(self.records, lag_records);
        // Asked before the parts are handed over: what is settled now was recorded before.
        let settled_ns = self
            .parts
            .ledger
            .settled_ns(&self.parts.timed)
            .unwrap_or(u64::MAX);
        let reports = &self.parts.reports;
        let now_ns = now.since(self.start);
        self.parts.recorder.close(now_ns, settled_ns, &mut |part| {
            let _ = reports.send(Report::Member(part));
        });
    }

    /// How far this member is behind: records between its positions and the ends of its logs, as its fetches last saw them.
    fn lag(&mut self) -> u64 {
        let ends = self.parts.client.watermarks().into_iter();
        let ledger = &self.parts.ledger;
        let behind = |(topic, partition, start, end): (u16, u32, i64, i64)| {
            // What the log has dropped by now is not missing.
            ledger.note_log_start(topic, partition, start);
            let next = self.next_offsets.get(&(topic, partition))?;
            Some((end - next).max(0).unsigned_abs())
        };
        ends.filter_map(behind).sum()
    }

    /// Pauses or resumes the client as the group is told.
    fn heed_pause(&mut self) {
        let pauses = self.parts.pauses.is_paused(self.parts.group);
        if pauses != self.paused {
            self.parts.client.pause(pauses);
            self.paused = pauses;
        }
    }
}

/// What verifying and counting a record takes.
struct Receiver<'a> {
    run_tag: u64,
    start: Tick,
    ledger: &'a mut LedgerConsumer,
    recorder: &'a mut ConsumerRecorder,
    next_offsets: &'a mut HashMap<(u16, u32), i64>,
}

impl Receiver<'_> {
    /// Verifies and counts one record.
    #[inline]
    fn receive(&mut self, incoming: Incoming<'_>, at: Tick) {
        let (topic, partition, offset) = (incoming.topic, incoming.partition, incoming.offset);
        let at_ns = at.since(self.start);
        let bytes = incoming.value.map_or(0, |value| value.len() as u32);
        let checked = stamp::check(self.run_tag, incoming.key, incoming.value, incoming.stamp);
        let next = self.next_offsets.entry((topic, partition)).or_default();
        *next = (*next).max(offset + 1);
        let what = match checked {
            Checked::Ours(stamp) => {
                match self.ledger.consumed(topic, partition, offset, stamp.id) {
                    Seen::First => Received::First {
                        due_ns: Some(stamp.due_ns),
                    },
                    Seen::Duplicate | Seen::Reread => Received::Again,
                    // As the ledger counts it: a stamp that holds, of an event that was never planned.
                    Seen::Unknown => Received::Corrupt,
                }
            }
            Checked::Corrupt => {
                self.ledger.corrupt(topic, partition, offset);
                Received::Corrupt
            }
            Checked::Foreign => {
                self.ledger.foreign(topic, partition, offset);
                Received::Foreign
            }
        };
        self.recorder.received(at_ns, bytes, what);
    }
}
