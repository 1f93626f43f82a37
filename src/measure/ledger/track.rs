//! Offsets: what was acknowledged in a partition, and how far a group has come in it.

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::ranges::RangeSet;
use crate::schedule::Identity;

/// One partition's log, as far as acknowledgements tell.
#[derive(Debug, Default)]
pub(super) struct Log {
    acknowledged: Mutex<RangeSet>,
    end: AtomicI64,
    start: AtomicI64,
}

impl Log {
    /// Adds acknowledged offsets `from..to`.
    pub fn acknowledge(&self, from: i64, to: i64) {
        lock(&self.acknowledged).insert(from, to);
        self.end.fetch_max(to, SeqCst);
    }

    /// The acknowledged offsets.
    pub fn acknowledged(&self) -> MutexGuard<'_, RangeSet> {
        lock(&self.acknowledged)
    }

    /// One more than the highest acknowledged offset; 0 without any.
    pub fn end(&self) -> i64 {
        self.end.load(SeqCst)
    }

    /// The log begins here, or later.
    pub fn note_start(&self, start: i64) {
        self.start.fetch_max(start, SeqCst);
    }

    /// Where the log begins, as far as anybody told.
    pub fn start(&self) -> i64 {
        self.start.load(SeqCst)
    }
}

/// How far a group has come in one partition. A member's thread writes it, another's after a rebalance, and for a while both when
/// a member doesn't know that it was thrown out.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Track {
    /// The next offset to read.
    position: AtomicI64,
    /// Whether there are gaps, so that nobody locks to find none.
    gapped: AtomicBool,
    aside: Mutex<Aside>,
    /// By flow and shard: one more than the highest (bin, ordinal) seen.
    highest: Box<[OnceLock<Box<[AtomicU64]>>]>,
}

/// What is seldom needed of a track.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Offsets the group has jumped over.
    pub gaps: RangeSet,
    /// Acknowledged offsets whose events the group has seen at another offset, and perhaps not here.
    pub elsewhere: RangeSet,
}

impl Track {
    /// A track at offset 0, for records of so many flows.
    pub fn new(flows: usize) -> Track {
        Track {
            position: AtomicI64::new(0),
            gapped: AtomicBool::new(false),
            aside: Mutex::default(),
            highest: (0..flows).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The next offset to read.
    pub fn position(&self) -> i64 {
        self.position.load(SeqCst)
    }

    /// Lets the group begin at `offset`.
    pub fn begin(&self, offset: i64) {
        self.position.store(offset, SeqCst);
    }

    /// Whether the group ever jumped over anything.
    pub fn is_gapped(&self) -> bool {
        self.gapped.load(SeqCst)
    }

    /// The gaps and the offsets seen elsewhere.
    pub fn aside(&self) -> MutexGuard<'_, Aside> {
        lock(&self.aside)
    }

    /// The group reads `offset`. True when it never came so far before; false for a re-read.
    #[inline]
    pub fn advance(&self, offset: i64) -> bool {
        if self
            .position
            .compare_exchange(offset, offset + 1, SeqCst, Acquire)
            .is_ok()
        {
            return true;
        }
        self.jump(offset)
    }

    /// The gap is there before the position has passed it: [`Track::seen_before_acknowledged`] relies on that.
    #[cold]
    fn jump(&self, offset: i64) -> bool {
        let mut aside = self.aside();
        loop {
            let position = self.position.load(SeqCst);
            if offset < position {
                aside.gaps.remove(offset, offset + 1);
                return false;
            }
            if offset > position {
                aside.gaps.insert(position, offset);
                self.gapped.store(true, SeqCst);
            }
            let moved = self
                .position
                .compare_exchange(position, offset + 1, SeqCst, SeqCst);
            if moved.is_ok() {
                return true;
            }
            // Another member read on meanwhile.
            aside.gaps.remove(position, offset);
        }
    }

    /// Notes that the event acknowledged at `offset` has been seen already, wherever that was.
    #[inline]
    pub fn seen_before_acknowledged(&self, offset: i64) {
        // Nearly always it was seen at this very offset, which the position has passed then.
        if offset >= self.position() || self.gapped.load(SeqCst) {
            self.keep_if_unread(offset);
        }
    }

    #[cold]
    fn keep_if_unread(&self, offset: i64) {
        let mut aside = self.aside();
        if offset >= self.position() || aside.gaps.contains(offset) {
            aside.elsewhere.insert(offset, offset + 1);
        }
    }

    /// Notes that the event acknowledged at `offset` was seen at another.
    #[cold]
    pub fn seen_elsewhere(&self, offset: i64) {
        self.aside().elsewhere.insert(offset, offset + 1);
    }

    /// Whether the event is lower than one seen before it of the same flow and shard.
    #[inline]
    pub fn is_reordered(&self, id: Identity, shards: usize) -> bool {
        let highest = self.highest[usize::from(id.flow)]
            .get_or_init(|| (0..shards).map(|_| AtomicU64::new(0)).collect());
        let highest = &highest[usize::from(id.shard)];
        let this = (u64::from(id.bin) << 32 | u64::from(id.ordinal)) + 1;
        if this < highest.load(Relaxed) {
            return true;
        }
        highest.store(this, Relaxed);
        false
    }
}

/// A panic elsewhere is reported there; the numbers here are whole between calls.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
