//! A set of offsets, kept as ranges: as small as the log is whole.

/// A set of whole numbers, as ranges `(from, to)` without their ends, ordered, apart from each other and none empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RangeSet(Vec<(i64, i64)>);

impl RangeSet {
    /// Adds `from..to`. Cheap at the end of the set, where acknowledgements arrive.
    pub fn insert(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        // The ranges that touch from..to are self.0[first..last]; they become one.
        let first = self.first_ending_at_or_after(from);
        let mut last = first;
        let (mut low, mut high) = (from, to);
        while let Some(&(a, b)) = self.0.get(last)
            && a <= to
        {
            low = low.min(a);
            high = high.max(b);
            last += 1;
        }
        if last == first + 1 {
            self.0[first] = (low, high);
        } else {
            self.0.splice(first..last, [(low, high)]);
        }
    }

    /// Takes `from..to` out.
    pub fn remove(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        let first = self.first_ending_at_or_after(from);
        let mut last = first;
        let mut keep = Vec::new();
        while let Some(&(a, b)) = self.0.get(last)
            && a < to
        {
            keep.extend(
                [(a, b.min(from)), (a.max(to), b)]
                    .into_iter()
                    .filter(|(a, b)| a < b),
            );
            last += 1;
        }
        self.0.splice(first..last, keep);
    }

    /// Whether `at` is in the set.
    pub fn contains(&self, at: i64) -> bool {
        self.count(at, at.saturating_add(1)) > 0
    }

    /// How many members lie in `from..to`.
    pub fn count(&self, from: i64, to: i64) -> u64 {
        self.clipped(from, to).map(|(a, b)| a.abs_diff(b)).sum()
    }

    /// How many members of both sets lie in `from..to`. Quick when `other` has few ranges there.
    pub fn count_common(&self, other: &RangeSet, from: i64, to: i64) -> u64 {
        other.clipped(from, to).map(|(a, b)| self.count(a, b)).sum()
    }

    /// The ranges, cut to `from..to`, in order.
    pub fn clipped(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, i64)> {
        self.0[self.first_ending_at_or_after(from)..]
            .iter()
            .take_while(move |range| range.0 < to)
            .map(move |&(a, b)| (a.max(from), b.min(to)))
            .filter(|(a, b)| a < b)
    }

    fn first_ending_at_or_after(&self, at: i64) -> usize {
        // Nearly always the last range, or behind it.
        match self.0.last() {
            Some(&(a, b)) if a <= at => self.0.len() - usize::from(at <= b),
            _ => self.0.partition_point(|range| range.1 < at),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut set = RangeSet::default();
        for (from, to) in [(5, 7), (0, 2), (9, 12), (2, 5), (8, 9), (3, 3)] {
            set.insert(from, to);
        }
        assert_eq!(set.0, [(0, 7), (8, 12)]);
        set.insert(7, 8);
        assert_eq!(set.0, [(0, 12)]);
        set.remove(3, 4);
        assert_eq!(set.0, [(0, 3), (4, 12)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn agrees_with_a_set_of_numbers(
            steps in prop::collection::vec((any::<bool>(), 0i64..60, 0i64..8), 0..60),
            others in prop::collection::vec((0i64..60, 0i64..8), 0..10),
            from in 0i64..60, length in 0i64..60,
        ) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for (add, at, length) in steps {
                if add {
                    set.insert(at, at + length);
                    model.extend(at..at + length);
                } else {
                    set.remove(at, at + length);
                    model.retain(|member| !(at..at + length).contains(member));
                }
            }
            let (mut other, mut other_model) = (RangeSet::default(), BTreeSet::new());
            for (at, length) in others {
                other.insert(at, at + length);
                other_model.extend(at..at + length);
            }
            prop_assert!(set.0.iter().all(|(a, b)| a < b));
            prop_assert!(set.0.windows(2).all(|pair| pair[0].1 < pair[1].0), "apart and in order: {:?}", set.0);
            for at in 0..70 {
                prop_assert_eq!(set.contains(at), model.contains(&at));
            }
            prop_assert_eq!(set.count(from, from + length), model.range(from..from + length).count() as u64);
            prop_assert_eq!(
                set.count_common(&other, from, from + length),
                model.intersection(&other_model).filter(|at| (from..from + length).contains(at)).count() as u64
            );
        }
    }
}
