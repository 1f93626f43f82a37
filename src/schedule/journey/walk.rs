//! Walking the journeys of some shards from bin to bin.
//!
//! Journeys do not know of each other, so a bin's visits and events need no order among themselves until all that is due in it
//! is there. Then it is sorted once.

use std::sync::Arc;

use super::Journeys;
use super::calendar::Calendar;
use super::chain::Visit;
use super::law::At;
use super::owed::Owed;
use super::pending::{Pending, Task, Traveller};
use crate::rng::{Purpose, stream};
use crate::schedule::curve::Pieces;
use crate::schedule::draw::{Poisson, unit};
use crate::schedule::{Arrival, BIN_NS, Bin, Draw, HELD, Origin, Shards, Step};

const BIN: i64 = BIN_NS as i64;
/// Bits below the due offset in a key: the index of the event.
const INDEX_BITS: u32 = 37;
const _: () = assert!(BIN_NS < 1 << (64 - INDEX_BITS));

/// The journeys of some shards, at some bin.
#[derive(Clone, Debug)]
pub(in crate::schedule) struct Walk {
    journeys: Arc<Journeys>,
    shards: Shards,
    /// The bin that comes next; negative in the history.
    next: i64,
    calendar: Calendar,
    owed: Owed,
    scratch: Scratch,
}

/// Used again for every bin.
#[derive(Clone, Debug, Default)]
struct Scratch {
    waiting: Vec<Pending>,
    begun: Bin,
    pieces: Pieces,
    poisson: Poisson,
    ready: Vec<Ready>,
    keys: Vec<u64>,
    /// By shard; zero between bins.
    ordinals: Vec<u32>,
    queue: Vec<(At, u16)>,
}

/// An event that is due in the present bin.
#[derive(Clone, Copy, Debug)]
struct Ready {
    step: Step,
    offset_ns: u32,
    shard: u16,
}

impl Walk {
    /// A walk through some shards, before its first bin.
    pub fn new(journeys: &Arc<Journeys>, shards: Shards) -> Walk {
        let first = journeys.first_bin();
        Walk {
            next: first,
            calendar: Calendar::new((journeys.end_bin() - first) as usize),
            owed: Owed::new(),
            scratch: Scratch {
                ordinals: vec![0; shards.end as usize],
                ..Scratch::default()
            },
            journeys: Arc::clone(journeys),
            shards,
        }
    }

    /// Replaces what `out` holds by the events due in `bin`, ordered by (due, shard). `starts` fills in the arrivals that begin
    /// journeys in a bin. All bins before are walked through first, from the history on; so bins are best asked for in ascending order.
    pub fn bin(&mut self, bin: u32, starts: &mut dyn FnMut(u32, &mut Bin), out: &mut Bin) {
        out.clear();
        let bin = i64::from(bin);
        if bin >= self.journeys.end_bin() {
            return;
        }
        if bin < self.next {
            *self = Walk::new(&self.journeys, self.shards);
        }
        while self.next < bin {
            self.step(starts, false);
            self.scratch.ready.clear();
        }
        self.step(starts, true);
        self.scratch.put_in_order(bin, out);
    }

    /// Walks through the next bin. What is owed by journeys before the history is added where it is `wanted`.
    fn step(&mut self, starts: &mut dyn FnMut(u32, &mut Bin), wanted: bool) {
        let bin = self.next;
        self.next += 1;
        let journeys = &*self.journeys;
        let scratch = &mut self.scratch;
        let bin_of = |pending: &Pending| journeys.place(pending.at());
        let place = journeys.place(At(bin * BIN));
        self.calendar.take(place, bin_of, &mut scratch.waiting);
        let mut present = Present {
            journeys,
            calendar: &mut self.calendar,
            ready: &mut scratch.ready,
            queue: &mut scratch.queue,
            bin,
            end_ns: ((bin + 1) * BIN).min(journeys.run_ns as i64),
        };
        for pending in scratch.waiting.drain(..) {
            match pending.task() {
                Task::Event(at, shard, step) => present.due(at, shard, step),
                Task::Visit(traveller, held, visit) => present.go(&traveller, held, visit),
            }
        }
        match u32::try_from(bin) {
            Ok(bin) => {
                starts(bin, &mut scratch.begun);
                for (index, arrival) in scratch.begun.arrivals.iter().enumerate() {
                    let batch = match scratch.begun.origin(index) {
                        Origin::Batch { batch, .. } => batch,
                        _ => 0,
                    };
                    let at = At(arrival.due_ns as i64);
                    present.begin(at, arrival.shard, arrival.ordinal, batch);
                }
            }
            Err(_) => present.replay(self.shards, &mut scratch.pieces, &mut scratch.poisson),
        }
        if wanted {
            let debts = journeys.debts();
            let send = |at, shard, step| present.due(at, shard, step);
            self.owed.bin(&debts, bin, self.shards, send);
        }
    }
}

impl Journeys {
    /// The bin the history begins in.
    fn first_bin(&self) -> i64 {
        (-self.history_ns).div_euclid(BIN)
    }

    /// The first bin after the run.
    fn end_bin(&self) -> i64 {
        self.run_ns.div_ceil(BIN_NS) as i64
    }

    /// The place of an instant's bin, counted from the first.
    fn place(&self, At(ns): At) -> usize {
        (ns.div_euclid(BIN) - self.first_bin()) as usize
    }
}

/// A bin that is being walked through.
struct Present<'a> {
    journeys: &'a Journeys,
    calendar: &'a mut Calendar,
    ready: &'a mut Vec<Ready>,
    queue: &'a mut Vec<(At, u16)>,
    bin: i64,
    end_ns: i64,
}

impl Present<'_> {
    /// Starts of the history: Poisson at the rate of starts, whatever the spacing of those in the run.
    fn replay(&mut self, shards: Shards, pieces: &mut Pieces, poisson: &mut Poisson) {
        let journeys = self.journeys;
        let begin_ns = (self.bin * BIN).max(-journeys.history_ns);
        let seconds = |ns: i64| ns as f64 / 1e9;
        journeys
            .past
            .starts
            .cut(seconds(begin_ns), seconds(self.end_ns), pieces);
        let expected = pieces.total();
        if expected <= 0.0 {
            return;
        }
        poisson.set_mean(expected / f64::from(journeys.shards));
        let last = (self.end_ns - begin_ns - 1) as f64;
        // Bins of the history count down from the greatest number, where those of a run never get.
        let index = (u64::from(journeys.flow) << 32) | u64::from(self.bin as u32);
        for shard in shards.iter() {
            let mut rng = stream(journeys.seed, Purpose::Arrivals, index, u64::from(shard));
            for ordinal in 0..poisson.sample(&mut rng) {
                let offset = pieces.inverse_ns(unit(&mut rng) * expected).min(last);
                let at = At(begin_ns + offset as i64);
                let batch = journeys.past.batch(at.0 as f64 / 1e9);
                self.begin(at, shard as u16, ordinal as u32, batch);
            }
        }
    }

    /// Begins a journey: start `ordinal` of this bin in its shard.
    fn begin(&mut self, at: At, shard: u16, ordinal: u32, batch: u32) {
        let traveller = Traveller {
            session: self.journeys.sessions.start(shard, self.bin, ordinal),
            started_ms: at.ms(),
            batch,
            shard,
        };
        let held = [Draw::default(); HELD];
        self.go(&traveller, held, self.journeys.chain.first(at));
    }

    /// Goes on with a journey until it ends or its next visit is in a later bin.
    fn go(&mut self, traveller: &Traveller, mut held: [Draw; HELD], mut visit: Visit<At>) {
        let journeys = self.journeys;
        let run_ns = journeys.run_ns as i64;
        loop {
            let now = Draw {
                serial: visit.serial,
                at_ms: visit.at.ms(),
            };
            for (held, keeps) in held.iter_mut().zip(journeys.chain.keeps(visit.state)) {
                if !keeps || visit.serial == 0 {
                    *held = now;
                }
            }
            let mut rng = stream(
                journeys.seed,
                Purpose::Journey,
                traveller.session,
                u64::from(visit.serial),
            );
            let (ready, calendar) = (&mut *self.ready, &mut *self.calendar);
            let (bin, end_ns) = (self.bin, self.end_ns);
            let send = |at: At, event: u16, nth: u16| {
                if at.0 >= run_ns {
                    return false;
                }
                if at.0 < 0 {
                    return true;
                }
                let step = Step {
                    session: traveller.session,
                    started_ms: traveller.started_ms,
                    batch: traveller.batch,
                    event,
                    nth,
                    visit: now,
                    held,
                };
                if at.0 < end_ns {
                    ready.push(Ready::new(bin, at, traveller.shard, step));
                } else {
                    let pending = Pending::event(at, traveller.shard, &step);
                    calendar.push(journeys.place(at), pending);
                }
                true
            };
            let goes_on = journeys.chain.visit(&mut rng, &mut visit, self.queue, send);
            if !goes_on || visit.at.0 >= run_ns {
                return;
            }
            if visit.at.0 >= end_ns {
                let pending = Pending::visit(traveller, held, &visit);
                self.calendar.push(journeys.place(visit.at), pending);
                return;
            }
        }
    }

    /// An event of this bin.
    fn due(&mut self, at: At, shard: u16, step: Step) {
        self.ready.push(Ready::new(self.bin, at, shard, step));
    }
}

impl Ready {
    #[inline]
    fn new(bin: i64, At(ns): At, shard: u16, step: Step) -> Ready {
        Ready {
            step,
            offset_ns: (ns - bin * BIN) as u32,
            shard,
        }
    }

    /// Its place among events due in the same nanosecond: by shard, then as its journey would have it.
    fn place(&self) -> (u16, u64, u32, u16) {
        let step = &self.step;
        (self.shard, step.session, step.visit.serial, step.nth)
    }
}

impl Scratch {
    /// Moves what is ready to `out`, ordered by (due, shard) and counted within each shard.
    fn put_in_order(&mut self, bin: i64, out: &mut Bin) {
        let (ready, keys) = (&mut self.ready, &mut self.keys);
        keys.clear();
        let indices = 0u64..;
        keys.extend(
            ready
                .iter()
                .zip(indices)
                .map(|(ready, index)| (u64::from(ready.offset_ns) << INDEX_BITS) | index),
        );
        keys.sort_unstable();
        let index = |key: u64| (key & ((1 << INDEX_BITS) - 1)) as usize;
        let same_instant = |a: &u64, b: &u64| a >> INDEX_BITS == b >> INDEX_BITS;
        for run in keys.chunk_by_mut(same_instant) {
            if run.len() > 1 {
                run.sort_unstable_by_key(|&key| ready[index(key)].place());
            }
        }
        for &key in keys.iter() {
            let Ready {
                step,
                offset_ns,
                shard,
            } = ready[index(key)];
            let next = &mut self.ordinals[usize::from(shard)];
            out.arrivals.push(Arrival {
                due_ns: (bin * BIN) as u64 + u64::from(offset_ns),
                shard,
                event: step.event,
                ordinal: *next,
            });
            out.origins.push(Origin::Step(step));
            *next += 1;
        }
        for ready in ready.drain(..) {
            self.ordinals[usize::from(ready.shard)] = 0;
        }
    }
}
