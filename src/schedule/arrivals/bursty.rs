//! Bursty arrivals: a renewal process with gamma gaps in the cumulative rate.
//!
//! The gaps are drawn in blocks. The sum of a block's gaps is gamma as well, and given their sum gaps are gamma draws scaled to
//! it (the shares of gammas in their sum do not depend on it: Lukacs 1955). So the sums alone tell where a block begins, and any block can be
//! drawn without those before it. The process is drawn for the flow as a whole, whoever's shards an arrival falls to: dealt out, each
//! shard's own part is nearly Poisson.

use super::super::curve::{Curve, Pieces};
use super::super::draw::{gamma, unit};
use super::stretch::{Keys, Stretch};
use crate::rng::{Purpose, Stream, hash, stream};

/// Gaps in a block.
const BLOCK: usize = 4096;
/// The stream of the first arrival, which no block has.
const FIRST: u64 = u64::MAX;

/// The arrivals of one flow.
#[derive(Clone, Debug)]
pub struct Bursty {
    curve: Curve,
    seed: u64,
    flow: u16,
    shards: u32,
    /// Of the gaps; their mean is 1.
    shape: f64,
    /// By block where its first arrival is, in events expected before; the last is after the run.
    starts: Vec<f64>,
}

/// The block that was drawn last.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    block: Option<usize>,
    /// Where its arrivals are, in events expected before.
    at: Vec<f64>,
}

impl Bursty {
    /// Arrivals at this rate, the standard deviation of whose gaps is `cv` times their mean.
    pub fn new(curve: Curve, cv: f64, seed: u64, flow: u16, shards: u32) -> Bursty {
        let shape = 1.0 / (cv * cv);
        // A process that has long been under way: the run begins within a gap, which is long because it was met, at an even place.
        let mut rng = stream(seed, Purpose::Bursty, u64::from(flow), FIRST);
        let met = gamma(&mut rng, shape + 1.0) / shape;
        let mut bursty = Bursty {
            starts: vec![unit(&mut rng) * met],
            curve,
            seed,
            flow,
            shards,
            shape,
        };
        let mut start = bursty.starts[0];
        while start <= bursty.curve.total() {
            start += bursty.sum(bursty.starts.len() - 1).0;
            bursty.starts.push(start);
        }
        bursty
    }

    /// The sum of a block's gaps, and the stream that the gaps are drawn from.
    fn sum(&self, block: usize) -> (f64, Stream) {
        let mut rng = stream(
            self.seed,
            Purpose::Bursty,
            u64::from(self.flow),
            block as u64,
        );
        let sum = gamma(&mut rng, self.shape * BLOCK as f64) / self.shape;
        (sum, rng)
    }

    fn load(&self, block: usize, drawn: &mut Drawn) {
        if drawn.block == Some(block) {
            return;
        }
        drawn.block = Some(block);
        let (sum, mut rng) = self.sum(block);
        let gaps = &mut drawn.at;
        gaps.clear();
        gaps.extend((0..BLOCK).map(|_| gamma(&mut rng, self.shape)));
        let drawn_sum: f64 = gaps.iter().sum();
        if drawn_sum > 0.0 {
            let scale = sum / drawn_sum;
            gaps.iter_mut().for_each(|gap| *gap *= scale);
        } else {
            // Gaps too uneven for a double: one of them is all there is.
            gaps[(unit(&mut rng) * BLOCK as f64) as usize] = sum;
        }
        let (mut at, end) = (self.starts[block], self.starts[block + 1]);
        for gap in gaps {
            // Rounding must not put an arrival behind the next block's first.
            let next = (at + *gap).min(end);
            *gap = at;
            at = next;
        }
    }

    /// The arrivals of the stretch: of number k in a shard by hash.
    pub fn draw(&self, stretch: &Stretch, pieces: &mut Pieces, drawn: &mut Drawn, out: &mut Keys) {
        let before = self.curve.cumulative(stretch.from());
        let after = self.curve.cumulative(stretch.to());
        if before >= after {
            return;
        }
        self.curve.cut(stretch.from(), stretch.to(), pieces);
        let deal = hash(self.seed, Purpose::Bursty, u64::from(self.flow));
        let begun = self.starts.partition_point(|&start| start < before);
        for block in begun.saturating_sub(1)..self.starts.len() - 1 {
            if self.starts[block] >= after {
                break;
            }
            self.load(block, drawn);
            let first = drawn.at.partition_point(|&at| at < before);
            let here = drawn.at[first..].iter().take_while(|&&at| at < after);
            for (&at, place) in here.zip(first..) {
                let number = (block * BLOCK + place) as u64;
                let random = u128::from(hash(deal, Purpose::Bursty, number));
                let shard = (random * u128::from(self.shards) >> 64) as u32;
                if stretch.mine.contains(shard) {
                    out.keys.push(stretch.key(pieces, at - before, shard));
                }
            }
        }
        out.sort_by_due();
    }
}
