//! Histograms of times: one fixed range, 1 µs to 1 h, so that any two of a kind can be merged.
//!
//! The buckets are HdrHistogram's (Tene), so that what [`codec`](super::codec) writes is exact. The counts are kept by
//! octave and an octave is allocated when its first value comes: a window whose times lie between 1 and 8 ms holds three
//! octaves (1.5 KiB) instead of the full range (13 KiB), and five minutes of open windows stay small.
//!
//! Everything shown (quantiles, mean, extremes) is computed from the buckets alone, so a histogram read back from a file
//! says the same as the one that was recorded.

/// The largest value with a bucket of its own: one hour in microseconds. A larger one is recorded here and counted apart.
pub const HIGHEST_US: u64 = 3_600_000_000;

/// Octaves of the finer kind (2 digits) up to [`HIGHEST_US`]; the 3-digit kind needs 23.
const OCTAVES: usize = 26;
/// Marks an octave without counts.
const EMPTY: u8 = u8::MAX;

/// A counter of a histogram's bucket.
pub trait Count: Copy + Default + Into<u64> {
    /// One more.
    fn increment(&mut self);
    /// `n` more; stays at the type's highest value instead of wrapping.
    fn add(&mut self, n: u64);
}

impl Count for u32 {
    #[inline]
    fn increment(&mut self) {
        // No thread records 2^32 events of one second, and a saturating add costs a nanosecond. Merges do saturate.
        *self = self.wrapping_add(1);
    }
    fn add(&mut self, n: u64) {
        *self = u32::try_from(u64::from(*self).saturating_add(n)).unwrap_or(u32::MAX);
    }
}

impl Count for u64 {
    #[inline]
    fn increment(&mut self) {
        *self = self.wrapping_add(1);
    }
    fn add(&mut self, n: u64) {
        *self = self.saturating_add(n);
    }
}

/// A histogram of microseconds whose octaves have `2^HALF` buckets each.
#[derive(Clone, Debug)]
pub struct Buckets<C, const HALF: u32> {
    /// Which block of `counts` an octave has; [`EMPTY`]: none yet.
    place: [u8; OCTAVES],
    /// Blocks of `2^HALF` counts, in the order their octaves were first hit.
    pub(super) counts: Vec<C>,
    /// Values above [`HIGHEST_US`], which stand in the last bucket as well.
    above: u64,
}

/// Of a whole run: 3 significant digits.
pub type TotalHistogram = Buckets<u64, 10>;
/// Of a window: 2 significant digits, 32-bit counts.
pub type WindowHistogram = Buckets<u32, 7>;
/// Several windows merged: 2 significant digits, 64-bit counts.
pub type MergedHistogram = Buckets<u64, 7>;

/// Nanoseconds to microseconds, rounded to the nearest.
#[inline]
pub const fn micros(ns: u64) -> u64 {
    ns.saturating_add(500) / 1_000
}

impl<C: Count, const HALF: u32> Default for Buckets<C, HALF> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Count, const HALF: u32> Buckets<C, HALF> {
    /// Significant digits: 2 or 3.
    pub const DIGITS: u8 = if HALF == 10 { 3 } else { 2 };
    pub(super) const BLOCK: usize = 1 << HALF;

    /// An empty histogram. Allocates nothing.
    pub const fn new() -> Self {
        Buckets {
            place: [EMPTY; OCTAVES],
            counts: Vec::new(),
            above: 0,
        }
    }

    /// Counts a time in microseconds. Allocates only when an octave is hit for the first time.
    #[inline]
    pub fn record_us(&mut self, us: u64) {
        let us = if us > HIGHEST_US {
            self.above += 1;
            HIGHEST_US
        } else {
            us
        };
        let index = Self::index_of(us);
        let octave = index >> HALF;
        let mut place = self.place[octave];
        if place == EMPTY {
            place = self.open(octave);
        }
        self.counts[(usize::from(place) << HALF) | (index & (Self::BLOCK - 1))].increment();
    }

    /// Counts a time in nanoseconds, rounded to the nearest microsecond. Zero stays zero and is counted.
    #[inline]
    pub fn record_ns(&mut self, ns: u64) {
        self.record_us(micros(ns));
    }

    /// Adds `n` values of `us` microseconds.
    pub fn record_many(&mut self, us: u64, n: u64) {
        if n == 0 {
            return;
        }
        if us > HIGHEST_US {
            self.above += n;
        }
        self.add_at(Self::index_of(us.min(HIGHEST_US)), n);
    }

    /// Where a value is counted: HdrHistogram's bucket index.
    #[inline]
    const fn index_of(us: u64) -> usize {
        let shift = 63 - (us | ((2 << HALF) - 1)).leading_zeros() - HALF;
        ((shift as usize) << HALF) + (us >> shift) as usize
    }

    /// The lowest and highest value counted at `index`, in microseconds.
    const fn range_of(index: usize) -> (u64, u64) {
        let octave = index >> HALF;
        let shift = octave.saturating_sub(1);
        let low = ((index - (shift << HALF)) as u64) << shift;
        (low, low + ((1 << shift) - 1))
    }

    #[cold]
    fn open(&mut self, octave: usize) -> u8 {
        // At most 26 blocks: fits a byte.
        let place = (self.counts.len() >> HALF) as u8;
        self.counts
            .resize(self.counts.len() + Self::BLOCK, C::default());
        self.place[octave] = place;
        place
    }

    /// Where the octave of this bucket has its counts, and the index that its buckets end before; `None` where there is no such
    /// bucket.
    pub(super) fn octave_of(&mut self, index: usize) -> Option<(usize, usize)> {
        let last = Self::index_of(HIGHEST_US);
        if index > last {
            return None;
        }
        let end = (index | (Self::BLOCK - 1)) + 1;
        Some((self.start_of(index >> HALF), end.min(last + 1)))
    }

    /// Where the counts of an octave begin; makes room for them where they are the first.
    fn start_of(&mut self, octave: usize) -> usize {
        let place = match self.place[octave] {
            EMPTY => self.open(octave),
            place => place,
        };
        usize::from(place) << HALF
    }

    fn add_at(&mut self, index: usize, n: u64) {
        let start = self.start_of(index >> HALF);
        self.counts[start | (index & (Self::BLOCK - 1))].add(n);
    }

    /// Adds what `other` counted. The order of merges makes no difference.
    pub fn merge<D: Count>(&mut self, other: &Buckets<D, HALF>) {
        for (octave, block) in other.blocks() {
            let start = self.start_of(octave);
            for (mine, theirs) in self.counts[start..start + Self::BLOCK]
                .iter_mut()
                .zip(block)
            {
                mine.add((*theirs).into());
            }
        }
        self.above += other.above;
    }

    /// Forgets everything but keeps its memory for the next use.
    pub fn clear(&mut self) {
        self.place = [EMPTY; OCTAVES];
        self.counts.clear();
        self.above = 0;
    }

    /// The octaves in use, lowest first.
    fn blocks(&self) -> impl Iterator<Item = (usize, &[C])> {
        self.place
            .iter()
            .enumerate()
            .filter(|(_, place)| **place != EMPTY)
            .map(|(octave, place)| {
                let start = usize::from(*place) << HALF;
                (octave, &self.counts[start..start + Self::BLOCK])
            })
    }

    /// The buckets that counted something, lowest first: (lowest value, highest value, count), in microseconds.
    pub fn recorded(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.blocks().flat_map(|(octave, block)| {
            block.iter().enumerate().filter_map(move |(i, count)| {
                let count: u64 = (*count).into();
                let (low, high) = Self::range_of((octave << HALF) + i);
                (count > 0).then_some((low, high, count))
            })
        })
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| (*count).into()).sum()
    }

    /// How many of them were above [`HIGHEST_US`].
    pub const fn above(&self) -> u64 {
        self.above
    }

    /// True when nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// How many values were zero (under half a microsecond).
    pub fn zeros(&self) -> u64 {
        self.recorded()
            .next()
            .map_or(0, |(low, _, n)| if low == 0 { n } else { 0 })
    }

    /// How many values lie above `us` microseconds, to the width of a bucket.
    pub fn count_above_us(&self, us: u64) -> u64 {
        self.recorded()
            .filter(|(low, _, _)| *low > us)
            .map(|(_, _, n)| n)
            .sum()
    }

    /// The `q` quantile in microseconds (the upper end of its bucket), where `beyond` more events lie above every value
    /// here: `None` when it falls among them, or when there is nothing at all.
    pub fn quantile_us(&self, q: f64, beyond: u64) -> Option<u64> {
        self.at_rank(rank(q, self.count() + beyond)?)
    }

    /// The value at this rank, counted from 1, in microseconds; `None` when there are fewer.
    pub fn at_rank(&self, mut rank: u64) -> Option<u64> {
        for (_, high, count) in self.recorded() {
            if rank <= count {
                return Some(high);
            }
            rank -= count;
        }
        None
    }

    /// The smallest value, in microseconds.
    pub fn min_us(&self) -> Option<u64> {
        self.recorded().next().map(|(low, _, _)| low)
    }

    /// The largest value, in microseconds.
    pub fn max_us(&self) -> Option<u64> {
        self.recorded().last().map(|(_, high, _)| high)
    }

    /// The mean of the values counted, in microseconds.
    pub fn mean_us(&self) -> Option<f64> {
        let (mut n, mut sum) = (0_u64, 0.0);
        for (low, high, count) in self.recorded() {
            n += count;
            // Halves of the integer range are exact: below 2^52.
            sum += (low + high) as f64 / 2.0 * count as f64;
        }
        (n > 0).then(|| sum / n as f64)
    }
}

/// Equal when they count the same, whatever the order in which their octaves were opened. How many were above the range is
/// left out: the text form does not hold it.
impl<C: Count, const HALF: u32> PartialEq for Buckets<C, HALF> {
    fn eq(&self, other: &Self) -> bool {
        self.recorded().eq(other.recorded())
    }
}

/// The place of quantile `q` among `n` ordered events, from 1: the smallest rank with at least a share `q` at or below it.
pub fn rank(q: f64, n: u64) -> Option<u64> {
    if n == 0 {
        return None;
    }
    let exact = q * n as f64;
    // 0.07 * 100 is 7.000000000000001 in floating point, and is the 7th all the same.
    let near = exact.round();
    let rank = if (exact - near).abs() <= exact * 1e-12 {
        near
    } else {
        exact.ceil()
    };
    Some((rank as u64).clamp(1, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> TotalHistogram {
        let mut h = TotalHistogram::new();
        values.iter().for_each(|us| h.record_us(*us));
        h
    }

    #[test]
    fn buckets_are_hdrhistograms() {
        let mut hdr = hdrhistogram::Histogram::<u64>::new_with_bounds(1, HIGHEST_US, 3)
            .expect("legal bounds");
        let mut coarse = hdrhistogram::Histogram::<u64>::new_with_bounds(1, HIGHEST_US, 2)
            .expect("legal bounds");
        let (mut ours, mut ours_coarse) = (TotalHistogram::new(), WindowHistogram::new());
        // Steps of 0.1 %: every bucket boundary's neighbourhood is visited.
        let mut us = 0_u64;
        while us <= HIGHEST_US {
            hdr.record(us).expect("in range");
            coarse.record(us).expect("in range");
            ours.record_us(us);
            ours_coarse.record_us(us);
            us += 1 + us / 1_000;
        }
        let theirs = |h: &hdrhistogram::Histogram<u64>| -> Vec<(u64, u64, u64)> {
            h.iter_recorded()
                .map(|v| {
                    let at = v.value_iterated_to();
                    (
                        h.lowest_equivalent(at),
                        h.highest_equivalent(at),
                        v.count_at_value(),
                    )
                })
                .collect()
        };
        assert_eq!(ours.recorded().collect::<Vec<_>>(), theirs(&hdr));
        assert_eq!(ours_coarse.recorded().collect::<Vec<_>>(), theirs(&coarse));
        assert!((ours.mean_us().expect("not empty") / hdr.mean() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn nanoseconds_round_to_the_nearest_microsecond_and_zero_stays() {
        assert_eq!([0, 499, 500, 1_499, 1_500].map(micros), [0, 0, 1, 1, 2]);
        assert_eq!(micros(u64::MAX), u64::MAX / 1_000);
        let mut h = TotalHistogram::new();
        h.record_ns(0);
        h.record_ns(400);
        h.record_ns(1_000);
        assert_eq!(
            (h.count(), h.zeros(), h.min_us(), h.max_us()),
            (3, 2, Some(0), Some(1))
        );
    }

    #[test]
    fn values_beyond_the_range_are_counted_at_its_top() {
        let mut h = WindowHistogram::new();
        h.record_us(HIGHEST_US);
        h.record_us(HIGHEST_US + 1);
        h.record_ns(u64::MAX);
        assert_eq!((h.count(), h.above()), (3, 2));
        assert!(h.min_us().is_some_and(|us| us <= HIGHEST_US));
        assert!(h.max_us().is_some_and(|us| us >= HIGHEST_US));
    }

    #[test]
    fn quantiles_count_what_was_never_acknowledged() {
        let h = of(&(1..=90).collect::<Vec<_>>());
        // 90 values and 10 beyond: rank of 0.9 is 90, of 0.901 is 91.
        assert_eq!(h.quantile_us(0.5, 10), Some(50));
        assert_eq!(h.quantile_us(0.9, 10), Some(90));
        assert_eq!(h.quantile_us(0.901, 10), None);
        assert_eq!(h.quantile_us(0.99, 0), Some(90));
        assert_eq!(h.quantile_us(1.0, 0), Some(90));
        assert_eq!(h.quantile_us(0.0, 0), Some(1));
        assert_eq!(TotalHistogram::new().quantile_us(0.5, 0), None);
        assert_eq!(TotalHistogram::new().quantile_us(0.5, 3), None);
        assert_eq!(h.count_above_us(45), 45);
    }

    #[test]
    fn ranks_do_not_suffer_from_floating_point() {
        assert_eq!(rank(0.07, 100), Some(7));
        assert_eq!(rank(0.29, 100), Some(29));
        assert_eq!(rank(0.999, 1_000), Some(999));
        assert_eq!(rank(0.9999, 1_000), Some(1_000));
        assert_eq!(rank(0.5, 0), None);
    }

    #[test]
    fn quantiles_keep_their_digits() {
        // Two digits: a bucket is at most 1/128 of its value wide; three: 1/1024.
        let (mut coarse, mut fine) = (WindowHistogram::new(), TotalHistogram::new());
        for us in [137, 4_321, 87_654, 2_999_999, 59_876_543] {
            coarse.clear();
            fine.clear();
            coarse.record_us(us);
            fine.record_us(us);
            let error = |shown: Option<u64>| shown.expect("one value") as f64 / us as f64 - 1.0;
            assert!((0.0..1.0 / 128.0).contains(&error(coarse.quantile_us(0.5, 0))));
            assert!((0.0..1.0 / 1024.0).contains(&error(fine.quantile_us(0.5, 0))));
        }
    }

    #[test]
    fn clearing_keeps_memory_and_forgets_counts() {
        let mut h = WindowHistogram::new();
        [1, 1_000, 1_000_000].iter().for_each(|us| h.record_us(*us));
        let held = h.counts.capacity();
        h.clear();
        assert!(h.is_empty());
        [5, 5_000, 5_000_000].iter().for_each(|us| h.record_us(*us));
        assert_eq!((h.count(), h.counts.capacity()), (3, held));
    }

    proptest! {
        #[test]
        fn merging_is_associative_and_commutative(
            a in prop::collection::vec(0..2 * HIGHEST_US, 0..40),
            b in prop::collection::vec(0..100_000_u64, 0..40),
            c in prop::collection::vec(0..10_000_000_u64, 0..40),
        ) {
            let (ha, hb, hc) = (of(&a), of(&b), of(&c));
            let mut left = ha.clone();
            left.merge(&hb);
            left.merge(&hc);
            let mut right = hc.clone();
            right.merge(&hb);
            let mut right_last = ha.clone();
            right_last.merge(&right);
            prop_assert_eq!(&left, &right_last);
            let all: Vec<u64> = [a, b, c].concat();
            prop_assert_eq!(&left, &of(&all));
            prop_assert_eq!(left.count(), all.len() as u64);
        }

        #[test]
        fn quantiles_agree_with_a_sorted_list(mut values in prop::collection::vec(0..2_000_u64, 1..60), q in 0.0..1.0_f64, beyond in 0..20_u64) {
            // Below 2,048 µs every value has its own bucket.
            let h = of(&values);
            values.sort_unstable();
            let rank = rank(q, values.len() as u64 + beyond).expect("not empty") as usize;
            prop_assert_eq!(h.quantile_us(q, beyond), values.get(rank - 1).copied());
        }
    }
}
