//! Which consumer groups are paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// By group, how many actions hold it paused. Clones share one.
#[derive(Clone, Debug)]
pub(in crate::drive) struct Pauses(Arc<[AtomicU32]>);

impl Pauses {
    /// For so many groups, none of them paused.
    pub(in crate::drive) fn new(groups: usize) -> Pauses {
        Pauses((0..groups).map(|_| AtomicU32::new(0)).collect())
    }

    /// Whether the group is not to read.
    #[inline]
    pub(in crate::drive) fn is_paused(&self, group: usize) -> bool {
        self.0
            .get(group)
            .is_some_and(|holds| holds.load(Ordering::Relaxed) > 0)
    }

    /// Pauses a group, once more if it is paused already.
    pub(super) fn pause(&self, group: usize) {
        if let Some(holds) = self.0.get(group) {
            holds.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes back one pause. The group reads on when none is left.
    pub(super) fn resume(&self, group: usize) {
        if let Some(holds) = self.0.get(group) {
            holds.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
