//! Where a producer's next event comes from: a cursor into the schedule, "as soon as there is room", or users who wait for their
//! answers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::ladder::Inbox;
use crate::clock::NS_PER_S;
use crate::scenario::{Arrivals, Scenario};
use crate::schedule::{
    Arrival, BIN_NS, Bin, Cells, FlowSchedule, Identity, Mix, Origin, Shards, Users,
};

/// Events of one bin of a source without a schedule: its ledger is made anew for each.
const COUNTED_BIN: u32 = 4096;

/// The number before the first bin's: one more is 0.
const NO_BIN: u32 = u32::MAX;

/// An event to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Due {
    pub(super) id: Identity,
    /// Index in the scenario.
    pub(super) event: u16,
    /// The ordinal of the event whose content it has.
    pub(super) original: u32,
    pub(super) due_ns: u64,
    pub(super) origin: Origin,
}

/// The cursor of one producer thread.
#[allow(clippy::large_enum_variant, reason = "there is one for each thread")]
pub(super) enum Source {
    Scheduled(Scheduled),
    Unthrottled(Counted),
    Closed(Closed),
}

impl Source {
    /// The source of producer `index` of flow number `flow`.
    pub(super) fn new(
        scenario: &Scenario,
        flow: usize,
        index: u32,
        schedule: &Arc<FlowSchedule>,
    ) -> Source {
        let of = &scenario.flows[flow];
        let shards = Shards {
            first: index as u16,
            step: of.producers as u16,
            end: scenario.shards,
        };
        let counted = || {
            let end_ns = scenario.time.run_ns();
            Counted::new(Mix::new(scenario, flow), flow as u16, shards.first, end_ns)
        };
        match (&of.arrivals, Users::new(scenario, flow, index)) {
            (Arrivals::Unthrottled, _) => Source::Unthrottled(counted()),
            (_, Some(users)) => Source::Closed(Closed::new(counted(), users)),
            _ => Source::Scheduled(Scheduled::new(flow as u16, schedule, shards)),
        }
    }

    /// Lets other schedules take over from the one it was made for. Without a schedule there is nothing to take over from.
    pub(super) fn heed(&mut self, coming: Inbox) {
        if let Source::Scheduled(scheduled) = self {
            scheduled.inbox = Some(coming);
        }
    }

    /// The next event due at or before `now_ns`, and moves on. `opened` learns of every bin with events as the cursor enters it.
    #[inline]
    pub(super) fn take(
        &mut self,
        now_ns: u64,
        opened: &mut dyn FnMut(u32, &[Arrival]),
    ) -> Option<Due> {
        match self {
            Source::Scheduled(scheduled) => scheduled.take(now_ns, opened),
            Source::Unthrottled(counted) => counted.take(now_ns, opened),
            Source::Closed(closed) => closed.take(now_ns, opened),
        }
    }

    /// When to look again: no event is due before. `None`: never again.
    pub(super) fn next_ns(&self) -> Option<u64> {
        match self {
            Source::Scheduled(scheduled) => scheduled.next_ns(),
            Source::Unthrottled(counted) => (!counted.over).then_some(0),
            Source::Closed(closed) => closed.next_ns(),
        }
    }

    /// Events due by `now_ns` that were not taken yet: exact within the bin the cursor is in, expected beyond it.
    pub(super) fn unrendered(&self, now_ns: u64) -> u64 {
        match self {
            Source::Scheduled(scheduled) => scheduled.unrendered(now_ns),
            Source::Unthrottled(_) | Source::Closed(_) => 0,
        }
    }

    /// The bin the cursor is in; `None` before the first.
    pub(super) fn open_bin(&self) -> Option<u32> {
        match self {
            Source::Scheduled(scheduled) => (scheduled.bin != NO_BIN).then_some(scheduled.bin),
            Source::Unthrottled(counted) => counted.open_bin(),
            Source::Closed(closed) => closed.counted.open_bin(),
        }
    }

    /// Ends the source: nothing comes any more. `rest` learns of what was left of the bin the cursor is in.
    pub(super) fn end(&mut self, rest: &mut dyn FnMut(Identity)) {
        match self {
            Source::Scheduled(scheduled) => scheduled.end(rest),
            Source::Unthrottled(counted) => counted.end(rest),
            Source::Closed(closed) => closed.counted.end(rest),
        }
    }

    /// An event of this source was answered: whoever waited for it may think about the next.
    #[inline]
    pub(super) fn answered(&mut self, at_ns: u64) {
        if let Source::Closed(closed) = self {
            closed.answered(at_ns);
        }
    }

    /// Whether its events have an instant at which they are due; else they are due when they are sent.
    #[inline]
    pub(super) fn has_due(&self) -> bool {
        matches!(self, Source::Scheduled(_))
    }
}

/// Reads a flow's schedule bin by bin, for some of its shards.
pub(super) struct Cursor {
    schedule: Arc<FlowSchedule>,
    /// The part of the flow that is ours.
    share: f64,
    cells: Cells,
    /// The bin of the run that its first is.
    base: u32,
    /// The first bin, until it is come to. It is made before the load begins: the journeys under way then are walked through for it,
    /// which takes its time.
    first: Option<Bin>,
}

impl Cursor {
    /// A cursor at the schedule's beginning, which is that of the run.
    pub(super) fn new(schedule: &Arc<FlowSchedule>, shards: Shards) -> Cursor {
        let mut cells = schedule.cells(shards);
        let mut first = Bin::default();
        cells.bin(0, &mut first);
        let ours = (u32::from(shards.first)..shards.end).step_by(usize::from(shards.step));
        Cursor {
            schedule: Arc::clone(schedule),
            share: ours.count() as f64 / f64::from(shards.end),
            cells,
            base: 0,
            first: Some(first),
        }
    }

    /// The same with the schedule beginning in this bin of the run.
    pub(super) fn at(self, base: u32) -> Cursor {
        Cursor { base, ..self }
    }

    /// Replaces what `out` holds by the events of a bin of the run.
    fn bin(&mut self, bin: u32, out: &mut Bin) {
        let own = bin.saturating_sub(self.base);
        match self.first.take().filter(|_| own == 0) {
            Some(first) => *out = first,
            None => self.cells.bin(own, out),
        }
        if self.base > 0 {
            let shift_ns = u64::from(self.base) * BIN_NS;
            out.arrivals.iter_mut().for_each(|a| a.due_ns += shift_ns);
        }
    }

    /// Events of ours expected in a stretch of the run.
    pub(super) fn expected(&self, from_ns: u64, to_ns: u64) -> f64 {
        if to_ns <= from_ns {
            return 0.0;
        }
        let base_ns = u64::from(self.base) * BIN_NS;
        let seconds = |ns: u64| ns.saturating_sub(base_ns) as f64 / NS_PER_S as f64;
        let curve = self.schedule.curve();
        self.share * (curve.cumulative(seconds(to_ns)) - curve.cumulative(seconds(from_ns)))
    }
}

/// A walk through the bins of a run, by a schedule, or by several of which one follows the other.
pub(super) struct Scheduled {
    flow: u16,
    cursor: Cursor,
    /// What takes over from the cursor, and when.
    inbox: Option<Inbox>,
    bins: u32,
    /// The bin that `held` is.
    bin: u32,
    held: Bin,
    next: usize,
}

impl Scheduled {
    pub(super) fn new(flow: u16, schedule: &Arc<FlowSchedule>, shards: Shards) -> Scheduled {
        Scheduled {
            flow,
            cursor: Cursor::new(schedule, shards),
            inbox: None,
            bins: schedule.bins(),
            bin: NO_BIN,
            held: Bin::default(),
            next: 0,
        }
    }

    fn take(&mut self, now_ns: u64, opened: &mut dyn FnMut(u32, &[Arrival])) -> Option<Due> {
        while self.next == self.held.arrivals.len() {
            let bin = self.bin.wrapping_add(1);
            if bin >= self.bins || u64::from(bin) * BIN_NS > now_ns {
                return None;
            }
            self.bin = bin;
            self.next = 0;
            if let Some(next) = self.inbox.as_ref().and_then(|inbox| inbox.take(bin)) {
                self.cursor = next;
            }
            self.cursor.bin(bin, &mut self.held);
            if !self.held.arrivals.is_empty() {
                opened(bin, &self.held.arrivals);
            }
        }
        let arrival = self.held.arrivals[self.next];
        if arrival.due_ns > now_ns {
            return None;
        }
        let origin = self.held.origin(self.next);
        let original = self.held.original(self.next);
        self.next += 1;
        Some(Due {
            id: Identity {
                flow: self.flow,
                shard: arrival.shard,
                bin: self.bin,
                ordinal: arrival.ordinal,
            },
            event: arrival.event,
            original,
            due_ns: arrival.due_ns,
            origin,
        })
    }

    fn next_ns(&self) -> Option<u64> {
        if let Some(arrival) = self.held.arrivals.get(self.next) {
            return Some(arrival.due_ns);
        }
        let bin = self.bin.wrapping_add(1);
        (bin < self.bins).then(|| u64::from(bin) * BIN_NS)
    }
}

impl Scheduled {
    fn end(&mut self, rest: &mut dyn FnMut(Identity)) {
        for arrival in self.held.arrivals.drain(..).skip(self.next) {
            rest(Identity {
                flow: self.flow,
                shard: arrival.shard,
                bin: self.bin,
                ordinal: arrival.ordinal,
            });
        }
        self.held.clear();
        self.next = 0;
        self.bins = 0;
    }

    fn unrendered(&self, now_ns: u64) -> u64 {
        let rest = &self.held.arrivals[self.next..];
        let here = rest.partition_point(|arrival| arrival.due_ns <= now_ns);
        let next_bin = self.bin.wrapping_add(1);
        let seen_to_ns = u64::from(next_bin) * BIN_NS;
        let beyond = if next_bin < self.bins && now_ns > seen_to_ns {
            match &self.inbox {
                Some(inbox) => inbox.expected(&self.cursor, seen_to_ns, now_ns),
                None => self.cursor.expected(seen_to_ns, now_ns),
            }
        } else {
            0.0
        };
        here as u64 + beyond as u64
    }
}

/// Events without a schedule, until the end of the run. Their bins are counted, not timed.
pub(super) struct Counted {
    flow: u16,
    shard: u16,
    end_ns: u64,
    sent: u64,
    over: bool,
    mix: Mix,
    /// What the ledger is told of every bin: as many events of ours.
    arrivals: Vec<Arrival>,
}

impl Counted {
    fn new(mix: Mix, flow: u16, shard: u16, end_ns: u64) -> Counted {
        let arrivals = (0..COUNTED_BIN)
            .map(|ordinal| Arrival {
                due_ns: 0,
                shard,
                event: 0,
                ordinal,
            })
            .collect();
        Counted {
            flow,
            shard,
            end_ns,
            sent: 0,
            over: false,
            mix,
            arrivals,
        }
    }

    fn take(&mut self, now_ns: u64, opened: &mut dyn FnMut(u32, &[Arrival])) -> Option<Due> {
        if now_ns >= self.end_ns {
            self.over = true;
            return None;
        }
        let bin = (self.sent / u64::from(COUNTED_BIN)) as u32;
        let ordinal = (self.sent % u64::from(COUNTED_BIN)) as u32;
        if ordinal == 0 {
            opened(bin, &self.arrivals);
        }
        self.sent += 1;
        let id = Identity {
            flow: self.flow,
            shard: self.shard,
            bin,
            ordinal,
        };
        Some(Due {
            id,
            event: self.mix.event(id),
            original: ordinal,
            due_ns: now_ns,
            origin: Origin::Alone,
        })
    }

    fn open_bin(&self) -> Option<u32> {
        let last = self.sent.checked_sub(1)?;
        Some((last / u64::from(COUNTED_BIN)) as u32)
    }

    fn end(&mut self, rest: &mut dyn FnMut(Identity)) {
        self.over = true;
        let next = (self.sent % u64::from(COUNTED_BIN)) as u32;
        let Some(bin) = self.open_bin().filter(|_| next > 0) else {
            return;
        };
        for ordinal in next..COUNTED_BIN {
            rest(Identity {
                flow: self.flow,
                shard: self.shard,
                bin,
                ordinal,
            });
        }
    }
}

/// Users each of whom sends an event, waits for its answer, thinks, and sends the next.
pub(super) struct Closed {
    counted: Counted,
    users: Users,
    /// When those who think will send, the next first. Who is not here waits for an answer.
    thinking: BinaryHeap<Reverse<u64>>,
}

impl Closed {
    fn new(counted: Counted, mut users: Users) -> Closed {
        Closed {
            thinking: users.first_ns().into_iter().map(Reverse).collect(),
            counted,
            users,
        }
    }

    fn take(&mut self, now_ns: u64, opened: &mut dyn FnMut(u32, &[Arrival])) -> Option<Due> {
        let next_ns = self.thinking.peek().map(|Reverse(next)| *next);
        // At the end of the load the count learns that it is over.
        if now_ns < self.counted.end_ns && next_ns.is_none_or(|next| next > now_ns) {
            return None;
        }
        let due = self.counted.take(now_ns, opened)?;
        self.thinking.pop();
        Some(due)
    }

    /// The end of the load, while all wait for answers.
    fn next_ns(&self) -> Option<u64> {
        let end_ns = self.counted.end_ns;
        let next_ns = self.thinking.peek().map_or(end_ns, |Reverse(next)| *next);
        (!self.counted.over).then_some(next_ns.min(end_ns))
    }

    fn answered(&mut self, at_ns: u64) {
        let next_ns = at_ns + self.users.think_ns();
        if next_ns < self.counted.end_ns {
            self.thinking.push(Reverse(next_ns));
        }
    }
}
