//! What is, not what has settled: the figures that progress and abort rules read while the run is on.
//!
//! Each thread writes its own atomics about five times a second; nobody waits for anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::account::Account;
use super::histogram::{MergedHistogram, WindowHistogram};
use super::shape::{RunShape, second_of};

/// How far back the quantiles of [`Live`] reach, in seconds.
pub const RECENT_S: u32 = 5;
/// No event is waiting.
const NONE: u64 = u64::MAX;

/// The live figures of a run.
#[derive(Debug)]
pub struct Live {
    recent: Vec<Arc<Mutex<Recent>>>,
    producers: Mutex<Vec<Arc<ProducerCell>>>,
    members: Mutex<Vec<Arc<MemberCell>>>,
}

/// What a producer thread tells.
#[derive(Debug, Default)]
#[repr(align(128))] // no two threads write to one cache line (or its prefetched neighbour)
struct ProducerCell {
    flow: usize,
    planned: AtomicU64,
    sent: AtomicU64,
    unsent: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    unresolved: AtomicU64,
    unrendered: AtomicU64,
    oldest_due_ns: AtomicU64,
}

/// What a member of a consumer group tells.
#[derive(Debug, Default)]
#[repr(align(128))]
struct MemberCell {
    group: usize,
    records: AtomicU64,
    lag_records: AtomicU64,
}

/// Response times of the last seconds, by the second in which they were told.
#[derive(Debug, Default)]
struct Recent {
    seconds: [(u32, WindowHistogram); RECENT_S as usize + 1],
}

impl Recent {
    fn add(&mut self, second: u32, times: &WindowHistogram) {
        let slot = &mut self.seconds[second as usize % (RECENT_S as usize + 1)];
        if slot.0 != second {
            slot.0 = second;
            slot.1.clear();
        }
        slot.1.merge(times);
    }

    fn collect(&self, now: u32, into: &mut MergedHistogram) {
        for (second, times) in &self.seconds {
            if *second <= now && *second + RECENT_S > now {
                into.merge(times);
            }
        }
    }
}

/// A producer thread's handle.
#[derive(Clone, Debug)]
pub struct LiveProducer {
    cell: Arc<ProducerCell>,
    recent: Arc<Mutex<Recent>>,
}

/// A consumer thread's handle.
#[derive(Clone, Debug)]
pub struct LiveMember {
    cell: Arc<MemberCell>,
}

/// What a producer thread waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Due instant of its oldest event whose end is not known, rendered or not; `None`: there is none.
    pub oldest_due_ns: Option<u64>,
    /// Events that are due by now and that it has not come to yet: those `Recorder::due` was not called for.
    pub unrendered: u64,
}

/// The figures of a flow, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveFigures {
    /// What became of the events so far. `planned` includes those due that their thread has not come to yet.
    pub account: Account,
    /// Of the failed ones, those oversized on purpose that the target refused for their size.
    pub refused: u64,
    /// How long the oldest event that waits has waited, in nanoseconds; `None`: none waits.
    pub oldest_wait_ns: Option<u64>,
}

impl LiveFigures {
    /// Events due and not yet acknowledged (nor failed).
    pub const fn backlog(&self) -> u64 {
        self.account.open()
    }
}

/// How far a group is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupLag {
    /// Records received so far.
    pub records: u64,
    /// Log end − position, summed over its members' partitions.
    pub lag_records: u64,
    /// The same in time ([`LagClock`](super::lag::LagClock)), in nanoseconds; whoever samples it fills it in.
    pub lag_ns: u64,
}

impl Live {
    /// Figures of a run of this shape, all zero.
    pub fn new(shape: &RunShape) -> Live {
        Live {
            recent: shape.flows.iter().map(|_| Arc::default()).collect(),
            producers: Mutex::default(),
            members: Mutex::default(),
        }
    }

    /// A handle for a producer thread of this flow.
    pub fn producer(&self, flow: usize) -> LiveProducer {
        let cell = Arc::new(ProducerCell {
            flow,
            oldest_due_ns: AtomicU64::new(NONE),
            ..ProducerCell::default()
        });
        lock(&self.producers).push(cell.clone());
        LiveProducer {
            cell,
            recent: self.recent[flow].clone(),
        }
    }

    /// A handle for a member of this group.
    pub fn member(&self, group: usize) -> LiveMember {
        let cell = Arc::new(MemberCell {
            group,
            ..MemberCell::default()
        });
        lock(&self.members).push(cell.clone());
        LiveMember { cell }
    }

    /// The figures of a flow, or of all flows together.
    pub fn figures(&self, now_ns: u64, flow: Option<usize>) -> LiveFigures {
        let mut account = Account::default();
        let mut refused = 0;
        let mut oldest = NONE;
        for cell in lock(&self.producers).iter() {
            if flow.is_some_and(|flow| flow != cell.flow) {
                continue;
            }
            let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
            account += Account {
                planned: read(&cell.planned) + read(&cell.unrendered),
                sent: read(&cell.sent),
                unsent: read(&cell.unsent),
                lost: 0,
                acknowledged: read(&cell.acknowledged),
                failed: read(&cell.failed),
                unresolved: read(&cell.unresolved),
            };
            refused += read(&cell.refused);
            oldest = oldest.min(read(&cell.oldest_due_ns));
        }
        LiveFigures {
            account,
            refused,
            oldest_wait_ns: (oldest != NONE).then(|| now_ns.saturating_sub(oldest)),
        }
    }

    /// A quantile of the response times (outside the open model: service times) that came in during the last [`RECENT_S`]
    /// seconds, in microseconds, of a flow or of all together. `None`: none came in.
    pub fn quantile_us(&self, now_ns: u64, flow: Option<usize>, q: f64) -> Option<u64> {
        self.recent(now_ns, flow).quantile_us(q, 0)
    }

    /// The response times behind [`Live::quantile_us`].
    pub fn recent(&self, now_ns: u64, flow: Option<usize>) -> MergedHistogram {
        let mut all = MergedHistogram::new();
        for (index, recent) in self.recent.iter().enumerate() {
            if flow.is_none_or(|flow| flow == index) {
                lock(recent).collect(second_of(now_ns), &mut all);
            }
        }
        all
    }

    /// How far a group is behind.
    pub fn lag(&self, group: usize) -> GroupLag {
        let mut lag = GroupLag::default();
        for cell in lock(&self.members)
            .iter()
            .filter(|cell| cell.group == group)
        {
            lag.records += cell.records.load(Ordering::Relaxed);
            lag.lag_records += cell.lag_records.load(Ordering::Relaxed);
        }
        lag
    }
}

impl LiveProducer {
    /// Tells the thread's figures, and the response times that came in since the last call.
    pub(super) fn tell(
        &self,
        now_ns: u64,
        (account, refused): (&Account, u64),
        waiting: Waiting,
        recent: &WindowHistogram,
    ) {
        let cell = &*self.cell;
        // What ends an event is written before what begins it would be, so that a reader in between sees a backlog that is
        // too large for an instant rather than a negative one.
        cell.planned.store(account.planned, Ordering::Relaxed);
        cell.unrendered.store(waiting.unrendered, Ordering::Relaxed);
        cell.sent.store(account.sent, Ordering::Relaxed);
        cell.unsent.store(account.unsent, Ordering::Relaxed);
        cell.acknowledged
            .store(account.acknowledged, Ordering::Relaxed);
        cell.failed.store(account.failed, Ordering::Relaxed);
        cell.refused.store(refused, Ordering::Relaxed);
        cell.unresolved.store(account.unresolved, Ordering::Relaxed);
        cell.oldest_due_ns
            .store(waiting.oldest_due_ns.unwrap_or(NONE), Ordering::Relaxed);
        lock(&self.recent).add(second_of(now_ns), recent);
    }
}

impl LiveMember {
    /// Tells how many records this member received so far, and how many are between its positions and the ends of its logs.
    pub fn tell(&self, records: u64, lag_records: u64) {
        self.cell.records.store(records, Ordering::Relaxed);
        self.cell.lag_records.store(lag_records, Ordering::Relaxed);
    }
}

/// The data stays usable when a thread panicked while it held the lock: figures are only ever replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_S;
    use crate::measure::shape::FlowShape;

    fn live() -> Live {
        Live::new(&RunShape {
            flows: vec![FlowShape::default(), FlowShape::default()],
            groups: vec!["a".into()],
            ..RunShape::default()
        })
    }

    fn times(us: &[u64]) -> WindowHistogram {
        let mut h = WindowHistogram::new();
        us.iter().for_each(|us| h.record_us(*us));
        h
    }

    #[test]
    fn threads_add_up_and_the_oldest_counts() {
        let live = live();
        let (a, b) = (live.producer(0), live.producer(1));
        let account = Account {
            planned: 10,
            sent: 9,
            acknowledged: 4,
            failed: 1,
            ..Account::default()
        };
        a.tell(
            0,
            (&account, 0),
            Waiting {
                oldest_due_ns: Some(300),
                unrendered: 2,
            },
            &times(&[]),
        );
        b.tell(
            0,
            (&account, 0),
            Waiting {
                oldest_due_ns: Some(100),
                unrendered: 0,
            },
            &times(&[]),
        );
        let all = live.figures(1_000, None);
        assert_eq!(
            (all.account.planned, all.backlog(), all.oldest_wait_ns),
            (22, 12, Some(900))
        );
        let first = live.figures(1_000, Some(0));
        assert_eq!((first.backlog(), first.oldest_wait_ns), (7, Some(700)));
        a.tell(0, (&account, 0), Waiting::default(), &times(&[]));
        assert_eq!(live.figures(1_000, Some(0)).oldest_wait_ns, None);
    }

    #[test]
    fn quantiles_forget_after_five_seconds() {
        let live = live();
        let a = live.producer(0);
        let none = Account::default();
        for second in 0..12_u64 {
            // Times tell their second: 100 µs in second 0, 200 µs in second 1, ...
            a.tell(
                second * NS_PER_S,
                (&none, 0),
                Waiting::default(),
                &times(&[(second + 1) * 100]),
            );
        }
        let now = 11 * NS_PER_S;
        assert_eq!(live.recent(now, None).count(), 5);
        // Seconds 7 to 11 told 800 to 1,200 µs.
        assert!(
            live.quantile_us(now, Some(0), 0.01)
                .is_some_and(|us| (800..808).contains(&us))
        );
        assert!(
            live.quantile_us(now, None, 1.0)
                .is_some_and(|us| (1_200..1_210).contains(&us))
        );
        assert_eq!(live.quantile_us(now, Some(1), 0.5), None);
        assert_eq!(live.quantile_us(now + 5 * NS_PER_S, None, 0.5), None);
    }

    #[test]
    fn lag_is_summed_over_members() {
        let live = live();
        let (a, b) = (live.member(0), live.member(0));
        a.tell(5, 100);
        b.tell(6, 50);
        assert_eq!(
            live.lag(0),
            GroupLag {
                records: 11,
                lag_records: 150,
                lag_ns: 0
            }
        );
    }
}
