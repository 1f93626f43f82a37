//! The system under test: the one seam.
//!
//! The loops of `drive` know only these traits. Kafka, the null target and the simulated one implement them; a database can come
//! later without touching schedule, traffic or measure.

pub mod kafka;
pub mod null;
pub mod sim;

use std::ops::Range;
use std::sync::Arc;

use crate::clock::Tick;

/// One record on its way to a partition: where its pieces lie in the buffer passed with it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Comes back with the acknowledgement.
    pub token: u32,
    /// The key's bytes; `None`: no key.
    pub key: Option<Range<usize>>,
    /// The value's bytes; `None`: a tombstone.
    pub value: Option<Range<usize>>,
    /// Encoded headers; empty: none.
    pub headers: Range<usize>,
}

/// What became of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The token it was sent with.
    pub token: u32,
    /// When we learned of it.
    pub at: Tick,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged, at this offset of its partition.
    Acknowledged {
        /// Offset in its partition; negative when the target does not tell.
        offset: i64,
    },
    /// Refused or timed out. It may be in the log all the same.
    Failed(Failure),
    /// Purged at the end of the run, never answered. It may be in the log all the same.
    Unresolved,
}

/// A target's own error code, which [`Producer::failure_name`] spells out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Failure(pub i32);

/// A system under test: makes the clients, and knows its logs.
pub trait Target: Send + Sync {
    /// The client of one producer thread of a flow, ready to send.
    fn producer(&self, flow: usize, index: u32) -> Result<Box<dyn Producer + Send>, TargetError>;

    /// One member of a consumer group. `position` tells where the group stands in a partition: where to read on from when the partition is
    /// assigned to the member.
    fn consumer(
        &self,
        group: usize,
        member: u32,
        position: Arc<dyn Fn(u16, u32) -> i64 + Send + Sync>,
    ) -> Result<Box<dyn Consumer + Send>, TargetError>;

    /// Where every log that the scenario writes to begins and ends now.
    fn logs(&self) -> Result<Vec<LogOffsets>, TargetError>;

    /// Where a consumer group of the user's stands, in each partition it has committed an offset of; `None`: the target has no such
    /// group.
    fn committed(&self, group: &str) -> Result<Option<Vec<Committed>>, TargetError> {
        let _ = group;
        Ok(None)
    }
}

/// Where a partition's log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOffsets {
    /// Index of the topic in the scenario.
    pub topic: u16,
    /// The partition.
    pub partition: u32,
    /// Offset of the oldest record kept.
    pub start: i64,
    /// Offset that the next record will get.
    pub end: i64,
}

/// How far a consumer group has committed a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The topic's name on the cluster.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset it would read next.
    pub position: i64,
    /// Offset that the next record will get; `None`: nobody could tell, as while the partition changes its leader.
    pub end: Option<i64>,
}

/// Why a target can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// What was asked for is wrong: nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// The cluster could not be used: unreachable, refused, not authorised.
    #[error("{0}")]
    Unusable(String),
}

/// One client that sends. Used by one thread; nothing in it blocks except [`Producer::wait`].
pub trait Producer {
    /// Offers records of one partition, in order. Returns how many were taken: fewer than offered when the client's queue is full;
    /// the rest is to be offered again. A record refused for good comes back as a failed [`Ack`] and counts as taken.
    fn send(&mut self, topic: u16, partition: u32, buffer: &[u8], records: &[Outgoing]) -> usize;

    /// Appends the acknowledgements that have come in.
    fn poll(&mut self, acks: &mut Vec<Ack>);

    /// Sleeps until an acknowledgement comes in, or until `deadline`. May wake early.
    fn wait(&mut self, deadline: Tick);

    /// Gives up on everything queued and in flight: each comes back from [`Producer::poll`] as [`Outcome::Unresolved`].
    fn purge(&mut self);

    /// The target's name of a failure, as its users know it.
    fn failure_name(&self, failure: Failure) -> String;

    /// Whether a failure says that a record is larger than the target takes.
    fn is_too_large(&self, failure: Failure) -> bool {
        let _ = failure;
        false
    }

    /// The client's own view since the last call, where it has one: a JSON text.
    fn statistics(&mut self) -> Option<String> {
        None
    }

    /// An error after which nothing sent through this client can succeed any more.
    fn fatal(&self) -> Option<String> {
        None
    }

    /// The last error of the client's own, passed or not: what to show when nothing was ever acknowledged.
    fn last_error(&self) -> Option<String> {
        None
    }
}

/// A record as a consumer gets it.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Index of the topic in the scenario.
    pub topic: u16,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
    /// Key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Value, if it has one (a tombstone has none).
    pub value: Option<&'a [u8]>,
    /// The stamp header's value, if it has one.
    pub stamp: Option<&'a [u8]>,
}

/// A member of a consumer group. Used by one thread.
pub trait Consumer {
    /// Waits for records until `deadline`, at most `most` of them, and hands each to `receive` with the instant they came in.
    /// Serves the group's own business (assignments) as it waits. Returns how many came.
    fn poll(
        &mut self,
        deadline: Tick,
        most: usize,
        receive: &mut dyn FnMut(Incoming<'_>, Tick),
    ) -> usize;

    /// The partitions this member holds now, as (topic, partition); `None` before its first assignment.
    fn assignment(&self) -> Option<Vec<(u16, u32)>>;

    /// Where the logs of this member's partitions end and begin, as the client last saw: (topic, partition, log start, log end).
    /// Unknown ones are left out.
    fn watermarks(&mut self) -> Vec<(u16, u32, i64, i64)>;

    /// Stops fetching, or goes on where it stopped. A paused member goes on serving its group, and what it is assigned meanwhile is
    /// paused too.
    fn pause(&mut self, paused: bool);

    /// An error after which this member can read nothing more.
    fn fatal(&self) -> Option<String> {
        None
    }
}
