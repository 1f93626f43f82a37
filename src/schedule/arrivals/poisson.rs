//! Poisson arrivals, with or without an exact total. Every cell (flow, shard, bin) draws from a stream of its own. An instant
//! is drawn as a share of the events expected in the bin and laid on the clock by the inverse of the curve's integral.

use super::super::BIN_NS;
use super::super::curve::{Curve, Pieces};
use super::super::draw::{self, unit};
use super::super::split::Split;
use super::stretch::{Keys, Stretch};
use crate::rng::{Purpose, stream};

/// Which flow's, of which seed.
#[derive(Clone, Copy, Debug)]
pub struct Poisson {
    pub seed: u64,
    pub flow: u16,
    pub shards: u32,
}

/// Scratch space.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub pieces: Pieces,
    law: draw::Poisson,
}

impl Poisson {
    /// N ~ Poisson(ΔΛ / S) in each cell, at Λ⁻¹(Λ(from) + U ΔΛ).
    pub fn draw(&self, curve: &Curve, stretch: &Stretch, scratch: &mut Scratch, out: &mut Keys) {
        let Scratch { pieces, law } = scratch;
        curve.cut(stretch.from(), stretch.to(), pieces);
        let expected = pieces.total();
        if expected <= 0.0 {
            return;
        }
        law.set_mean(expected / f64::from(self.shards));
        let index = self.cells_of(stretch.bin);
        for shard in stretch.mine.iter() {
            let mut rng = stream(self.seed, Purpose::Arrivals, index, u64::from(shard));
            for _ in 0..law.sample(&mut rng) {
                let y = unit(&mut rng) * expected;
                out.keys.push(stretch.key(pieces, y, shard));
            }
        }
        out.sort_by_shard();
    }

    /// Each cell's share of the exact total, placed as Poisson arrivals are.
    pub fn draw_exact(
        &self,
        curve: &Curve,
        split: &Split,
        stretch: &Stretch,
        pieces: &mut Pieces,
        out: &mut Keys,
    ) {
        let edge = |bin: u32| {
            let ns = (u64::from(bin) * BIN_NS).min(stretch.run_ns);
            curve.cumulative(ns as f64 / 1e9)
        };
        let events = split.events_of_bin(stretch.bin, edge);
        if events == 0 {
            return;
        }
        curve.cut(stretch.from(), stretch.to(), pieces);
        let expected = pieces.total();
        let index = self.cells_of(stretch.bin);
        let mut cell = |shard: u32, events: u64| {
            let mut rng = stream(self.seed, Purpose::Arrivals, index, u64::from(shard));
            for _ in 0..events {
                let y = unit(&mut rng) * expected;
                out.keys.push(stretch.key(pieces, y, shard));
            }
        };
        split.over_shards(stretch.bin, events, stretch.mine, &mut cell);
        out.sort_by_shard();
    }

    /// The index of the streams of (flow, bin); the shard is the other one, so that most of the seeding is done once a bin.
    fn cells_of(&self, bin: u32) -> u64 {
        (u64::from(self.flow) << 32) | u64::from(bin)
    }
}
