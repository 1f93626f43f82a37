//! Exactly which events were acknowledged, and which of them each consumer group has seen.
//!
//! Producers' threads tell it the end of every event, members' threads every record they read, in whatever order the two come
//! to know. Three things are kept:
//!
//! - for each producer and bin of 100 ms a few bits per event (`bin`), until every group has seen all it is owed of it: memory is
//!   the events on their way, about 4.4 bytes each with one group. What is read of a bin let go of is a duplicate;
//! - for each partition the acknowledged offsets, as ranges (`track`, `ranges`);
//! - for each group and partition its position, and the gaps it has jumped over.
//!
//! An acknowledged event the group has not seen is *unread* when its offset is at the group's position or behind it in the log,
//! *expired* when the log's start has passed it, otherwise *missing*.

mod bin;
mod consumer;
mod lane;
mod producer;
mod ranges;
#[cfg(test)]
mod tests;
mod track;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

pub use consumer::{LedgerConsumer, Seen};
pub use producer::LedgerProducer;

use bin::Tally;
use lane::{Lane, NEVER};
use track::{Log, Track, lock};

use crate::clock::NS_PER_S;
use crate::schedule::BIN_NS;

/// What a ledger keeps account of.
#[derive(Clone, Debug, Default)]
pub struct LedgerSpec {
    /// How many virtual shards each flow has.
    pub shards: u32,
    /// How many producers each flow has; at least 1. Producer `i` of `n` has the shards `s` with `s % n == i`.
    pub producers: Vec<u32>,
    /// How many partitions each topic has.
    pub partitions: Vec<u32>,
    /// The topics each consumer group reads.
    pub groups: Vec<Vec<u16>>,
}

/// Where a partition's log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// Index of the topic.
    pub topic: u16,
    /// The partition.
    pub partition: u32,
    /// The first offset that can still be read.
    pub start: i64,
    /// One more than the last offset, asked of the cluster after the last acknowledgement: what was acknowledged from here on
    /// has been cut off, and is missing. `None` when it was not asked, or not then.
    pub end: Option<i64>,
}

/// What a group saw of the events of its topics: acknowledged = consumed + missing + expired + unread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// Acknowledged in its topics.
    pub acknowledged: u64,
    /// Of these, seen by the group.
    pub consumed: u64,
    /// Seen, though not acknowledged: failed or unresolved ones that are in the log all the same.
    pub consumed_unacknowledged: u64,
    /// Acknowledged, not seen, and neither expired nor unread.
    pub missing: u64,
    /// Acknowledged, not seen, and the log's start has passed it.
    pub expired: u64,
    /// Acknowledged, not seen, and at or behind the group's position.
    pub unread: u64,
    /// Events seen again at another offset.
    pub duplicated: u64,
    /// Seen after a later one of the same flow, shard and partition.
    pub reordered: u64,
    /// Records that carry our stamp and are not what we sent.
    pub corrupt: u64,
    /// Records not of this run.
    pub foreign: u64,
    /// Records read once more, as after a rebalance; counted nowhere else.
    pub reread: u64,
}

/// What a group has found so far that should not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Events seen again at another offset.
    pub duplicated: u64,
    /// Seen after a later one of the same flow, shard and partition.
    pub reordered: u64,
    /// Acknowledged, and jumped over by the group though the log still holds that place. What was cut off a log's end is no part of it:
    /// that shows in [`Ledger::account`] alone.
    pub missing: u64,
}

/// The account of all events, shared by producers' and members' threads.
#[derive(Debug)]
pub struct Ledger {
    shards: usize,
    /// By flow: its first lane, and how many it has.
    flows: Vec<(usize, u32)>,
    lanes: Vec<Lane>,
    /// By topic: its first partition in `logs` and in each group's `tracks`, and how many it has.
    topics: Vec<(usize, u32)>,
    /// By topic: the groups that read it.
    readers: Vec<Vec<usize>>,
    logs: Vec<Log>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    topics: Vec<u16>,
    tracks: Vec<Track>,
    duplicated: AtomicU64,
    reordered: AtomicU64,
    corrupt: AtomicU64,
    foreign: AtomicU64,
    reread: AtomicU64,
    settling: Mutex<Settling>,
}

/// From which bin on events may still be seen for the first time.
#[derive(Debug, Default)]
struct Settling {
    bin: u32,
    /// What `bin` becomes when the group has reached `ends`.
    next: u32,
    /// The acknowledged ends of all partitions when `next` was learned.
    ends: Vec<i64>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(spec: LedgerSpec) -> Ledger {
        let mut lanes = Vec::new();
        let mut flows = Vec::new();
        for &producers in &spec.producers {
            flows.push((lanes.len(), producers));
            lanes.extend(
                (0..producers).map(|i| Lane::new(i, producers, spec.shards, spec.groups.len())),
            );
        }
        let mut places = 0;
        let mut topics = Vec::new();
        for &partitions in &spec.partitions {
            topics.push((places, partitions));
            places += partitions as usize;
        }
        let readers = (0..spec.partitions.len())
            .map(|topic| {
                let reads = |group: &usize| spec.groups[*group].contains(&(topic as u16));
                (0..spec.groups.len()).filter(reads).collect()
            })
            .collect();
        let group = |topics: Vec<u16>| Group {
            topics,
            tracks: (0..places).map(|_| Track::new(flows.len())).collect(),
            duplicated: AtomicU64::new(0),
            reordered: AtomicU64::new(0),
            corrupt: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            reread: AtomicU64::new(0),
            settling: Mutex::default(),
        };
        Ledger {
            shards: spec.shards as usize,
            groups: spec.groups.into_iter().map(group).collect(),
            flows,
            lanes,
            topics,
            readers,
            logs: (0..places).map(|_| Log::default()).collect(),
        }
    }

    /// The handle of a flow's producer; one for each thread.
    ///
    /// # Panics
    /// When there is no such producer.
    pub fn producer(self: &Arc<Self>, flow: u16, producer: u16) -> LedgerProducer {
        LedgerProducer::new(Arc::clone(self), flow, producer)
    }

    /// A handle for a member of a group; one for each thread.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn consumer(self: &Arc<Self>, group: usize) -> LedgerConsumer {
        assert!(group < self.groups.len(), "group {group} exists");
        LedgerConsumer::new(Arc::clone(self), group)
    }

    /// The group begins to read a partition at this offset; records before it are not ours. To be called before the load starts;
    /// without it a group begins at 0. An unknown partition changes nothing.
    pub fn set_start(&self, group: usize, topic: u16, partition: u32, offset: i64) {
        if let Some(place) = self.partition_of(topic, partition) {
            self.groups[group].tracks[place].begin(offset);
        }
    }

    /// A partition's log begins at this offset now, or later. Only ever raises what is known.
    pub fn note_log_start(&self, topic: u16, partition: u32, start: i64) {
        if let Some(place) = self.partition_of(topic, partition) {
            self.logs[place].note_start(start);
        }
    }

    /// The next offset the group will read, by (topic, partition), over its topics.
    pub fn positions(&self, group: usize) -> Vec<(u16, u32, i64)> {
        let tracks = &self.groups[group].tracks;
        self.places_of(group)
            .map(|(topic, partition, place)| (topic, partition, tracks[place].position()))
            .collect()
    }

    /// The next offset the group will read in a partition; 0 in one the ledger does not know.
    pub fn position(&self, group: usize, topic: u16, partition: u32) -> i64 {
        self.partition_of(topic, partition)
            .map_or(0, |place| self.groups[group].tracks[place].position())
    }

    /// Where the group stands: (topic, partition, position, end of what was acknowledged), over its topics.
    pub fn stands(&self, group: usize) -> Vec<(u16, u32, i64, i64)> {
        self.places_of(group)
            .map(|(topic, partition, place)| {
                let reached = self.reached(group, place);
                (topic, partition, reached, self.logs[place].end())
            })
            .collect()
    }

    /// What the group has found so far that should not be. Of what the log's start has passed, only what [`Ledger::note_log_start`] told
    /// is left out of what is missing.
    pub fn found(&self, group: usize) -> Faults {
        let of = &self.groups[group];
        Faults {
            duplicated: of.duplicated.load(Relaxed),
            reordered: of.reordered.load(Relaxed),
            missing: self
                .places_of(group)
                .map(|(_, _, at)| self.jumped(group, at))
                .sum(),
        }
    }

    /// How many acknowledged events of a partition the group has jumped over, between the log's start and its position.
    fn jumped(&self, group: usize, place: usize) -> u64 {
        let track = &self.groups[group].tracks[place];
        if !track.is_gapped() {
            return 0;
        }
        let log = &self.logs[place];
        let (start, position) = (log.start(), track.position());
        let aside = track.aside();
        let acknowledged = log.acknowledged();
        let gaps = aside.gaps.clipped(start, position);
        gaps.map(|(from, to)| {
            acknowledged.count(from, to) - acknowledged.count_common(&aside.elsewhere, from, to)
        })
        .sum()
    }

    /// How many records lie between the group's positions and the acknowledged ends of its partitions. Of what the log's start
    /// has passed, only what [`Ledger::note_log_start`] told is left out.
    pub fn lag(&self, group: usize) -> u64 {
        self.places_of(group)
            .map(|(_, _, place)| {
                let ahead = self.logs[place].end() - self.reached(group, place);
                ahead.max(0).unsigned_abs()
            })
            .sum()
    }

    /// Whether the group has reached the acknowledged end of each of its partitions.
    pub fn caught_up(&self, group: usize) -> bool {
        self.lag(group) == 0
    }

    /// No event due before this instant (nanoseconds since the start of the load) will be seen by the group for the first time any
    /// more, unless a failed one reaches the log late. `None`: no event at all. Lost events don't hold it up: it moves on with
    /// the calls, each of which looks whether the group has come to where the acknowledged ends were at an earlier one. `timed`: by
    /// flow, whether its bins are lengths of time, as the schedule's are; those of flows without one only count events.
    pub fn settled_ns(&self, group: usize, timed: &[bool]) -> Option<u64> {
        let mut settling = lock(&self.groups[group].settling);
        let has_reached = |(_, _, place): (u16, u32, usize)| {
            let end = settling.ends.get(place).copied().unwrap_or(0);
            self.reached(group, place) >= end
        };
        if self.places_of(group).all(has_reached) {
            settling.bin = settling.next;
            // First the bin, then the ends: what ended in earlier bins lies below the ends.
            let flows = self.flows.iter().zip(timed).filter(|(_, timed)| **timed);
            settling.next = flows
                .flat_map(|((first, count), _)| &self.lanes[*first..*first + *count as usize])
                .map(Lane::ended_before)
                .min()
                .unwrap_or(NEVER);
            settling.ends = self.logs.iter().map(Log::end).collect();
        }
        (settling.bin != NEVER).then(|| u64::from(settling.bin) * BIN_NS)
    }

    /// The offset the group has reached: its position, or where the log begins.
    fn reached(&self, group: usize, place: usize) -> i64 {
        let position = self.groups[group].tracks[place].position();
        position.max(self.logs[place].start())
    }

    /// The group's account, given where the logs begin and end; partitions left out are taken to begin where they did. It is
    /// exact when the producers are done ([`LedgerProducer::flush`]) and the members stand still. A gap the log's start has passed
    /// by now counts as expired, whatever made it.
    pub fn account(&self, group: usize, bounds: &[LogBounds]) -> GroupCounts {
        let mut ends = vec![i64::MAX; self.logs.len()];
        for bound in bounds {
            self.note_log_start(bound.topic, bound.partition, bound.start);
            if let (Some(place), Some(end)) =
                (self.partition_of(bound.topic, bound.partition), bound.end)
            {
                ends[place] = end;
            }
        }
        let (mut expired, mut unread) = (0, 0);
        for (_, _, place) in self.places_of(group) {
            let (e, u) = self.unseen(group, place, ends[place]);
            expired += e;
            unread += u;
        }
        let mut events = Tally::default();
        for lane in &self.lanes {
            events += lane.tally(group);
        }
        // While threads are at it the parts were read at different moments, and may overlap.
        let unseen = events.acknowledged - events.consumed;
        let unread = unread.min(unseen);
        let expired = expired.min(unseen - unread);
        let of = &self.groups[group];
        GroupCounts {
            acknowledged: events.acknowledged,
            consumed: events.consumed,
            consumed_unacknowledged: events.consumed_unacknowledged,
            missing: unseen - unread - expired,
            expired,
            unread,
            duplicated: of.duplicated.load(Relaxed),
            reordered: of.reordered.load(Relaxed),
            corrupt: of.corrupt.load(Relaxed),
            foreign: of.foreign.load(Relaxed),
            reread: of.reread.load(Relaxed),
        }
    }

    /// The acknowledged events that the group has not seen, by the second of the load they were due in; of flows whose bins are lengths
    /// of time alone (`timed`, by flow).
    pub fn unseen_by_second(&self, group: usize, timed: &[bool]) -> BTreeMap<u64, u64> {
        let mut seconds = BTreeMap::new();
        let flows = self.flows.iter().zip(timed).filter(|(_, timed)| **timed);
        for ((first, count), _) in flows {
            for lane in &self.lanes[*first..*first + *count as usize] {
                for (bin, unseen) in lane.unseen(group).into_iter().filter(|(_, n)| *n > 0) {
                    let second = u64::from(bin) * BIN_NS / NS_PER_S;
                    *seconds.entry(second).or_default() += unseen;
                }
            }
        }
        seconds
    }

    /// How many acknowledged events of a partition the group has not seen because they are expired, and because it has not come
    /// to them, as the log ends at `end`.
    fn unseen(&self, group: usize, place: usize, end: i64) -> (u64, u64) {
        let log = &self.logs[place];
        let track = &self.groups[group].tracks[place];
        let aside = track.aside();
        let acknowledged = log.acknowledged();
        let (position, start) = (track.position(), log.start());
        let count = |from, to| {
            let seen = acknowledged.count_common(&aside.elsewhere, from, to);
            acknowledged.count(from, to) - seen
        };
        let jumped: u64 = aside.gaps.clipped(0, start).map(|(a, b)| count(a, b)).sum();
        (
            jumped + count(position, start),
            count(position.max(start), end),
        )
    }

    /// The group's partitions: topic, partition, index in `logs`.
    fn places_of(&self, group: usize) -> impl Iterator<Item = (u16, u32, usize)> {
        self.groups[group].topics.iter().flat_map(|&topic| {
            let (first, partitions) = self.topics[usize::from(topic)];
            (0..partitions).map(move |partition| (topic, partition, first + partition as usize))
        })
    }

    /// The index of a partition in `logs`.
    #[inline]
    fn partition_of(&self, topic: u16, partition: u32) -> Option<usize> {
        let &(first, partitions) = self.topics.get(usize::from(topic))?;
        (partition < partitions).then_some(first + partition as usize)
    }

    fn lane_of(&self, flow: u16, producer: u16) -> usize {
        let (first, producers) = self.flows[usize::from(flow)];
        assert!(
            u32::from(producer) < producers,
            "flow {flow} has producer {producer}"
        );
        first + usize::from(producer)
    }

    /// The lane of a shard, and the shard's cell in it.
    #[inline]
    fn cell_of(&self, flow: u16, shard: u16) -> Option<(usize, u32)> {
        let &(first, producers) = self.flows.get(usize::from(flow))?;
        let shard = u32::from(shard);
        if shard as usize >= self.shards {
            return None;
        }
        if producers == 1 {
            return Some((first, shard));
        }
        Some((first + (shard % producers) as usize, shard / producers))
    }
}
