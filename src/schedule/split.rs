//! Exact totals: a number of events split at random over bins, then over shards.
//!
//! Given its total, a Poisson process is so many independent points; how many fall into the left half of an interval is
//! binomial. Splitting halves of halves gives each part its count. Each node draws from a stream of its own, so the way
//! down to one cell is all that is needed to know it: O(log bins + log shards).

use std::ops::Range;

use super::Shards;
use super::draw::binomial;
use crate::rng::{Purpose, stream};

/// The index that bins never have, for the tree over bins itself.
const NO_BIN: u64 = u32::MAX as u64;

/// The splitting trees of one flow.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    seed: u64,
    flow: u16,
    total: u64,
    bins: u32,
    shards: u32,
}

/// The part of a dyadic tree below one node.
#[derive(Clone, Copy)]
struct Node {
    /// Its place in the heap: 1 is the root, 2i and 2i + 1 are the halves of i.
    index: u64,
    from: u64,
    to: u64,
    events: u64,
}

impl Node {
    fn root(leaves: u32, events: u64) -> Node {
        Node {
            index: 1,
            from: 0,
            to: u64::from(leaves).next_power_of_two(),
            events,
        }
    }

    fn is_leaf(self) -> bool {
        self.to - self.from <= 1
    }

    fn middle(self) -> u64 {
        self.from.midpoint(self.to)
    }

    fn halves(self, left_events: u64) -> (Node, Node) {
        let middle = self.middle();
        let left = Node {
            index: self.index * 2,
            from: self.from,
            to: middle,
            events: left_events,
        };
        let right = Node {
            index: self.index * 2 + 1,
            from: middle,
            to: self.to,
            events: self.events - left_events,
        };
        (left, right)
    }
}

impl Split {
    /// A split of `total` events over `bins` bins, each of `shards` shards.
    pub fn new(seed: u64, flow: u16, total: u64, bins: u32, shards: u32) -> Split {
        Split {
            seed,
            flow,
            total,
            bins,
            shards,
        }
    }

    /// How many events bin `bin` has. `cumulative` is the integral of the rate up to the start of a bin.
    pub fn events_of_bin(&self, bin: u32, cumulative: impl Fn(u32) -> f64) -> u64 {
        let mut found = 0;
        self.over_bins(bin..bin + 1, cumulative, &mut |_, events| found = events);
        found
    }

    /// Calls `each(bin, events)` for each of `bins` that has any events, from the lowest. `cumulative` is the integral of the rate up to the
    /// start of a bin.
    pub fn over_bins(
        &self,
        bins: Range<u32>,
        cumulative: impl Fn(u32) -> f64,
        each: &mut impl FnMut(u32, u64),
    ) {
        let edge = |leaf: u64| cumulative(leaf.min(u64::from(self.bins)) as u32);
        let root = Node::root(self.bins, self.total);
        let ends = (edge(root.from), edge(root.to));
        self.descend_bins(root, ends, &bins, &edge, each);
    }

    fn descend_bins(
        &self,
        node: Node,
        (low, high): (f64, f64),
        bins: &Range<u32>,
        edge: &impl Fn(u64) -> f64,
        each: &mut impl FnMut(u32, u64),
    ) {
        let outside = node.to <= u64::from(bins.start) || node.from >= u64::from(bins.end);
        if node.events == 0 || outside {
            return;
        }
        if node.is_leaf() {
            each(node.from as u32, node.events);
            return;
        }
        let middle = edge(node.middle());
        let left_events = self.left(NO_BIN, node, middle - low, high - low);
        let (left, right) = node.halves(left_events);
        self.descend_bins(left, (low, middle), bins, edge, each);
        self.descend_bins(right, (middle, high), bins, edge, each);
    }

    /// Calls `cell(shard, events)` for each of `mine` that has any of the `events` of `bin`, from the lowest shard.
    pub fn over_shards(
        &self,
        bin: u32,
        events: u64,
        mine: Shards,
        cell: &mut impl FnMut(u32, u64),
    ) {
        self.descend(bin, Node::root(self.shards, events), mine, cell);
    }

    fn descend(&self, bin: u32, node: Node, mine: Shards, cell: &mut impl FnMut(u32, u64)) {
        let first = mine.at_or_above(node.from as u32);
        if node.events == 0 || first.is_none_or(|shard| u64::from(shard) >= node.to) {
            return;
        }
        if node.is_leaf() {
            cell(node.from as u32, node.events);
            return;
        }
        let leaves_before = |leaf: u64| leaf.min(u64::from(self.shards)) as f64;
        let from = leaves_before(node.from);
        let part = leaves_before(node.middle()) - from;
        let whole = leaves_before(node.to) - from;
        let (left, right) = node.halves(self.left(u64::from(bin), node, part, whole));
        self.descend(bin, left, mine, cell);
        self.descend(bin, right, mine, cell);
    }

    /// How many of a node's events are in its left half, which has `part` of its `whole` weight.
    fn left(&self, tree: u64, node: Node, part: f64, whole: f64) -> u64 {
        if part >= whole {
            return node.events;
        }
        let index = (u64::from(self.flow) << 32) | tree;
        let mut rng = stream(self.seed, Purpose::Split, index, node.index);
        binomial(&mut rng, node.events, part / whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(split: &Split, weight: impl Fn(u32) -> f64) -> Vec<u64> {
        (0..split.bins)
            .map(|bin| split.events_of_bin(bin, &weight))
            .collect()
    }

    #[test]
    fn nothing_is_lost_over_bins_or_shards() {
        for (total, count, shards) in [(0, 5, 4), (1, 1, 1), (1000, 37, 256), (12_345, 1024, 7)] {
            let split = Split::new(9, 0, total, count, shards);
            let each = bins(&split, f64::from);
            assert_eq!(each.iter().sum::<u64>(), total);
            for (bin, &events) in each.iter().enumerate() {
                let mut seen = 0;
                split.over_shards(bin as u32, events, Shards::all(shards), &mut |shard, n| {
                    assert!(shard < shards && n > 0);
                    seen += n;
                });
                assert_eq!(seen, events);
            }
        }
    }

    #[test]
    fn many_bins_at_once_are_the_same_as_one_by_one() {
        let weight = |bin: u32| f64::from(bin * bin);
        let split = Split::new(4, 0, 3000, 200, 1);
        let each = bins(&split, weight);
        for range in [0..200, 64..128, 3..4, 130..131, 7..7, 190..200] {
            let mut seen = vec![0; 200];
            split.over_bins(range.clone(), weight, &mut |bin, n| seen[bin as usize] = n);
            for bin in 0..200 {
                let wanted = if range.contains(&bin) {
                    each[bin as usize]
                } else {
                    0
                };
                assert_eq!(seen[bin as usize], wanted, "{range:?} {bin}");
            }
        }
    }

    #[test]
    fn a_bin_without_rate_gets_nothing() {
        // Bins 3 to 5 have no weight.
        let weight = |bin: u32| f64::from(bin.min(3) + bin.saturating_sub(6));
        let split = Split::new(1, 0, 10_000, 11, 4);
        let each = bins(&split, weight);
        assert_eq!(each[3..6], [0, 0, 0]);
        assert_eq!(each.iter().sum::<u64>(), 10_000);
    }

    #[test]
    fn a_part_of_the_shards_gets_what_the_whole_gave_it() {
        let split = Split::new(5, 2, 5000, 1, 100);
        let cells = |mine| {
            let mut cells = Vec::new();
            split.over_shards(0, 5000, mine, &mut |shard, n| cells.push((shard, n)));
            cells
        };
        let mut parts: Vec<_> = (0..3)
            .flat_map(|first| {
                cells(Shards {
                    first,
                    step: 3,
                    end: 100,
                })
            })
            .collect();
        parts.sort_unstable();
        assert_eq!(parts, cells(Shards::all(100)));
    }
}
