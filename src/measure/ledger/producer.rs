//! The producer's side: what became of each event.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Ledger;
use super::bin::Bin;
use super::lane::NEVER;
use crate::schedule::{Arrival, Identity};

/// Settled bins are looked for among this many at a time, so that a group far behind costs no time.
const LOOKED_AT: usize = 256;

/// Tells the ledger what became of one producer's events. Used by that producer's thread.
///
/// Acknowledged offsets reach the others at [`LedgerProducer::flush`], or when this is dropped.
#[derive(Debug)]
pub struct LedgerProducer {
    ledger: Arc<Ledger>,
    lane: usize,
    open: OpenBins,
    /// Bins that some group has not seen all of.
    ended: VecDeque<Ended>,
    /// By partition of the ledger: acknowledged offsets that have not been handed over, as `from..to`.
    runs: Vec<(i64, i64)>,
    /// The partitions whose run is not empty.
    running: Vec<usize>,
}

/// Bins with events whose end is not known.
#[derive(Debug)]
struct OpenBins {
    flow: u16,
    step: u32,
    /// The number of the bin at the front; without any, that of the first one that may come.
    first: u32,
    bins: VecDeque<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    bin: Arc<Bin>,
    /// How many of its events have an unknown end.
    left: usize,
}

#[derive(Debug)]
struct Ended {
    number: u32,
    bin: Arc<Bin>,
    /// From which block on it may be unsettled.
    from: usize,
}

impl LedgerProducer {
    pub(super) fn new(ledger: Arc<Ledger>, flow: u16, producer: u16) -> LedgerProducer {
        let lane = ledger.lane_of(flow, producer);
        LedgerProducer {
            open: OpenBins {
                flow,
                step: ledger.lanes[lane].step,
                first: 0,
                bins: VecDeque::new(),
            },
            runs: vec![(0, 0); ledger.logs.len()],
            ledger,
            lane,
            ended: VecDeque::new(),
            running: Vec::new(),
        }
    }

    /// Makes a bin's events known, before the first of them is sent. Bins come in rising order; one without arrivals may be left out.
    ///
    /// # Panics
    /// When the bin is not higher than the last one, or an arrival is of another producer's shard: a mistake of the caller.
    pub fn open_bin(&mut self, bin: u32, arrivals: &[Arrival]) {
        self.sweep();
        if arrivals.is_empty() {
            if self.open.bins.is_empty() {
                self.open.first = bin + 1;
                self.flush();
            }
            return;
        }
        let lane = &self.ledger.lanes[self.lane];
        debug_assert!(
            arrivals
                .iter()
                .all(|a| u32::from(a.shard) % lane.step == lane.first)
        );
        let groups = self.ledger.groups.len();
        let made = Arc::new(Bin::new(arrivals, lane.cells, lane.step, groups));
        let opened = lane.open(bin, Arc::clone(&made));
        assert!(opened, "bins are opened in rising order");
        self.open.push(bin, made);
    }

    /// The event was acknowledged, at this offset; a negative one is unknown.
    #[inline]
    pub fn acknowledged(&mut self, id: Identity, topic: u16, partition: u32, offset: i64) {
        let Some((bin, index)) = self.open.end(id) else {
            return;
        };
        let readers = &self.ledger.readers[usize::from(topic)];
        for &group in readers {
            bin.owe(index, group);
        }
        bin.acknowledge(index, offset);
        if offset >= 0
            && !readers.is_empty()
            && let Some(place) = self.ledger.partition_of(topic, partition)
        {
            for &group in readers {
                if bin.was_seen(index, group) {
                    self.ledger.groups[group].tracks[place].seen_before_acknowledged(offset);
                }
            }
            let run = &mut self.runs[place];
            if run.1 == offset && run.0 < run.1 {
                run.1 = offset + 1;
            } else {
                self.start_run(place, offset);
            }
        }
        self.close_if_ended(id.bin);
    }

    /// The event failed or was never answered. It may be in the log all the same.
    pub fn unacknowledged(&mut self, id: Identity, topic: u16) {
        let Some((bin, index)) = self.open.end(id) else {
            return;
        };
        for &group in &self.ledger.readers[usize::from(topic)] {
            bin.owe(index, group);
        }
        self.close_if_ended(id.bin);
    }

    /// The event was never handed to the client, so no group can ever see it. Also for an event without a stamp, which nobody
    /// can tell from others: it then takes no part in any account.
    pub fn unsent(&mut self, id: Identity) {
        if self.open.end(id).is_some() {
            self.close_if_ended(id.bin);
        }
    }

    /// Hands acknowledged offsets over, so that lags, accounts and [`Ledger::settled_ns`] know of them. To be called after each lot of acknowledgements.
    pub fn flush(&mut self) {
        for place in self.running.drain(..) {
            let (from, to) = std::mem::take(&mut self.runs[place]);
            self.ledger.logs[place].acknowledge(from, to);
        }
        self.ledger.lanes[self.lane].end_before(self.open.first);
    }

    #[inline]
    fn close_if_ended(&mut self, number: u32) {
        if let Some(bin) = self.open.take_if_ended(number) {
            self.ended.push_back(Ended {
                number,
                bin,
                from: 0,
            });
        }
    }

    #[cold]
    fn start_run(&mut self, place: usize, offset: i64) {
        let run = &mut self.runs[place];
        if run.0 < run.1 {
            self.ledger.logs[place].acknowledge(run.0, run.1);
        } else {
            self.running.push(place);
        }
        *run = (offset, offset + 1);
    }

    /// Lets go of bins that every group has seen.
    fn sweep(&mut self) {
        for _ in 0..self.ended.len().min(LOOKED_AT) {
            let Some(mut ended) = self.ended.pop_front() else {
                return;
            };
            if ended.bin.is_settled(&mut ended.from) {
                self.ledger.lanes[self.lane].settle(ended.number);
            } else {
                self.ended.push_back(ended);
            }
        }
    }
}

impl OpenBins {
    fn push(&mut self, number: u32, bin: Arc<Bin>) {
        if self.bins.is_empty() {
            self.first = number;
        }
        let skipped_to = (number - self.first) as usize;
        self.bins.resize_with(skipped_to, || None);
        self.bins.push_back(Some(Open {
            left: bin.len(),
            bin,
        }));
    }

    /// The event's end is known now: its bin and its index there. `None`, in release builds, when no open bin has it: a mistake
    /// of the caller.
    #[inline]
    fn end(&mut self, id: Identity) -> Option<(&Bin, usize)> {
        debug_assert_eq!(id.flow, self.flow);
        let shard = u32::from(id.shard);
        let cell = if self.step == 1 {
            shard
        } else {
            shard / self.step
        };
        let found = id
            .bin
            .checked_sub(self.first)
            .and_then(|ahead| self.bins.get_mut(ahead as usize)?.as_mut())
            .and_then(|open| {
                let index = open.bin.index(cell, id.ordinal)?;
                open.left -= 1;
                Some((&*open.bin, index))
            });
        debug_assert!(found.is_some(), "{id:?} is not open");
        found
    }

    /// Takes the bin out when the ends of all its events are known.
    #[inline]
    fn take_if_ended(&mut self, number: u32) -> Option<Arc<Bin>> {
        let slot = &mut self.bins[(number - self.first) as usize];
        let ended = slot.take_if(|open| open.left == 0)?;
        while let Some(None) = self.bins.front() {
            self.bins.pop_front();
            self.first += 1;
        }
        Some(ended.bin)
    }
}

impl Drop for LedgerProducer {
    fn drop(&mut self) {
        if self.open.bins.is_empty() {
            self.open.first = NEVER;
        }
        self.flush();
    }
}
