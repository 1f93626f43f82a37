//! Campaigns: many arrivals within a time.
//!
//! When batches begin and how large they are is drawn for the flow as a whole. How many of a batch fall into each bin, and of those into each
//! shard, is drawn by splitting its size, so a batch of millions takes no memory by recipient and its size is exact.

use super::super::curve::Curve;
use super::super::draw::{self, unit};
use super::super::order::SHARD_BITS;
use super::super::smooth::{self, Even};
use super::super::split::Split;
use super::super::{BIN_NS, Origin, times};
use super::stretch::{Stretch, Tagged};
use crate::rng::{Purpose, Stream, hash, stream};
use crate::scenario::{Batch, Scenario, Times};

/// Shorter batches, in nanoseconds, last this long: a rate must be finite.
const SHORTEST_NS: i64 = 1_000_000;
/// Bins whose counts are drawn together: a subtree of the split.
const CHUNK: u32 = 64;
/// With fewer arrivals by shard each is dealt by itself; with more the bin is split, so that a worker draws its own alone.
const FEW_BY_SHARD: u64 = 8;
/// Tells the streams of a batch's bins from those by shard.
const ALL_SHARDS: u64 = u64::MAX;

/// The batches of one flow.
#[derive(Clone, Debug)]
pub struct Campaigns {
    seed: u64,
    flow: u16,
    shards: u32,
    within_ns: i64,
    starts: Starts,
}

/// When batches begin.
#[derive(Clone, Debug)]
enum Starts {
    /// By when they begin.
    Listed(Vec<Begun>),
    Drawn(Drawn),
}

/// Batches that begin as a Poisson process, each bin's drawn from a stream of its own.
#[derive(Clone, Debug)]
struct Drawn {
    seed: u64,
    flow: u16,
    /// Of arrivals.
    curve: Curve,
    size: Times,
    /// What a size is multiplied by.
    share: f64,
    /// The mean of a size so multiplied.
    mean: f64,
    /// The first bin, before the run by the length of a batch.
    first: i64,
    /// By [`CHUNK`] bins from the first, the number of the first batch that begins in them.
    numbers: Vec<u32>,
}

/// One batch.
#[derive(Clone, Copy, Debug)]
struct Begun {
    number: u32,
    /// When; real nanoseconds, before the run if negative.
    at_ns: i64,
    size: u64,
}

/// A size of whole arrivals. Rounded up or down at random, so that dividing sizes by `compress` keeps their mean.
fn whole(size: f64, rng: &mut Stream) -> u64 {
    (size + unit(rng)) as u64
}

/// The bin of an instant.
fn bin_of(ns: i64) -> i64 {
    ns.div_euclid(BIN_NS as i64)
}

impl Campaigns {
    /// The batches of flow number `flow` that reach into the run, and the rate expected of them. `curve` is the flow's rate as its
    /// height and shapes have it; it asks for the batches unless they are listed.
    pub fn new(scenario: &Scenario, flow: u16, batch: &Batch, curve: Curve) -> (Campaigns, Curve) {
        let time = &scenario.time;
        let pace = if batch.within.real {
            1.0
        } else {
            time.compress
        };
        let within_ns = (batch.within.seconds / pace * 1e9).round() as i64;
        let within_ns = within_ns.max(SHORTEST_NS);
        let within = within_ns as f64 / 1e9;
        let (starts, expected) = if batch.at.is_empty() {
            let expected = smooth::smoothed(&curve, within);
            let drawn = Drawn::new(scenario, flow, batch, curve, within_ns);
            (Starts::Drawn(drawn), expected)
        } else {
            let listed = listed(scenario, flow, batch);
            let parts = listed.iter().map(|begun| Even {
                from: begun.at_ns as f64 / 1e9,
                to: (begun.at_ns + within_ns) as f64 / 1e9,
                events: begun.size as f64,
            });
            let expected = smooth::sum(parts, time.run_ns() as f64 / 1e9);
            (Starts::Listed(listed), expected)
        };
        let campaigns = Campaigns {
            seed: scenario.seed,
            flow,
            shards: scenario.shards,
            within_ns,
            starts,
        };
        (campaigns, expected)
    }

    /// Adds the arrivals of the stretch, ordered. Bins are cheapest in ascending order.
    pub fn draw(&self, stretch: &Stretch, walk: &mut Walk, out: &mut Tagged) {
        let bin = i64::from(stretch.bin);
        walk.to(self, bin);
        for open in &mut walk.open {
            let events = open.events_of(bin);
            if events > 0 {
                open.place(events, stretch, self.shards, out);
            }
        }
        out.sort();
    }

    /// Where an arrival of this tag comes from.
    pub fn origin(tag: u64) -> Origin {
        Origin::Batch {
            batch: (tag >> 32) as u32,
            at_ms: tag as u32 as i32,
        }
    }

    /// How many bins a batch reaches beyond the one it begins in, at most.
    fn reach(&self) -> i64 {
        bin_of(self.within_ns) + 1
    }
}

/// The batches that are listed, by when they begin. Their number is their place in the list as given.
fn listed(scenario: &Scenario, flow: u16, batch: &Batch) -> Vec<Begun> {
    let time = &scenario.time;
    let from = time.play.0.as_secs_f64();
    let mut listed: Vec<Begun> = (batch.at.iter().zip(0u32..))
        .map(|(at, number)| {
            let index = u64::from(flow) << 32 | u64::from(number);
            let mut rng = stream(scenario.seed, Purpose::Batch, index, ALL_SHARDS);
            let size = times::draw(&batch.size, &mut rng) * scenario.scale / time.compress;
            Begun {
                number,
                at_ns: ((at - from) / time.compress * 1e9).round() as i64,
                size: whole(size, &mut rng),
            }
        })
        .collect();
    listed.sort_by_key(|begun| begun.at_ns);
    listed
}

impl Drawn {
    fn new(scenario: &Scenario, flow: u16, batch: &Batch, curve: Curve, within_ns: i64) -> Drawn {
        let share = 1.0 / scenario.time.compress;
        let mut drawn = Drawn {
            seed: scenario.seed,
            flow,
            curve,
            mean: times::mean(&batch.size) * share,
            size: batch.size.clone(),
            share,
            first: bin_of(-within_ns),
            numbers: Vec::new(),
        };
        let bins = bin_of(scenario.time.run_ns() as i64) + 1 - drawn.first;
        let (mut law, mut number) = (draw::Poisson::default(), 0u32);
        for bin in 0..bins {
            if bin % i64::from(CHUNK) == 0 {
                drawn.numbers.push(number);
            }
            number += drawn.count(drawn.first + bin, &mut law).0;
        }
        drawn
    }

    /// How many batches begin in a bin, and the stream that says when and how large they are. Before the run they begin as often as at its
    /// start.
    fn count(&self, bin: i64, law: &mut draw::Poisson) -> (u32, Stream) {
        let edge = |bin: i64| self.curve.cumulative((bin * BIN_NS as i64) as f64 / 1e9);
        let expected = if bin < 0 {
            self.curve.rate(0.0) * BIN_NS as f64 / 1e9
        } else {
            edge(bin + 1) - edge(bin)
        };
        let index = u64::from(self.flow) << 32 | u64::from(bin as u32);
        let mut rng = stream(self.seed, Purpose::Batch, index, 0);
        if expected <= 0.0 {
            return (0, rng);
        }
        law.set_mean(expected / self.mean);
        (law.sample(&mut rng) as u32, rng)
    }

    /// The number of the first batch that begins in a bin.
    fn number_of(&self, bin: i64, law: &mut draw::Poisson) -> u32 {
        let since = bin - self.first;
        let chunk = since / i64::from(CHUNK);
        let counted = self.first + chunk * i64::from(CHUNK)..bin;
        let before = self.numbers.get(chunk as usize).copied().unwrap_or(0);
        before + counted.map(|bin| self.count(bin, law).0).sum::<u32>()
    }

    /// Calls `each` for the batches that begin in a bin, the first of which has this number; gives the next bin's.
    fn begin(
        &self,
        bin: i64,
        mut number: u32,
        law: &mut draw::Poisson,
        mut each: impl FnMut(Begun),
    ) -> u32 {
        let (count, mut rng) = self.count(bin, law);
        for _ in 0..count {
            let offset = (unit(&mut rng) * BIN_NS as f64) as i64;
            let size = times::draw(&self.size, &mut rng) * self.share;
            each(Begun {
                number,
                at_ns: bin * BIN_NS as i64 + offset,
                size: whole(size, &mut rng),
            });
            number += 1;
        }
        number
    }
}

/// The batches that reach into a bin.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// The bin.
    at: Option<i64>,
    /// The first bin whose batches are not in yet, and the number of the first of them.
    next: i64,
    number: u32,
    open: Vec<Open>,
    law: draw::Poisson,
}

impl Walk {
    fn to(&mut self, campaigns: &Campaigns, bin: i64) {
        let reach = campaigns.reach();
        let goes_on = self.at.is_some_and(|at| (at..=at + reach).contains(&bin));
        if !goes_on {
            self.open.clear();
            self.next = bin - reach;
            if let Starts::Drawn(drawn) = &campaigns.starts {
                self.next = self.next.max(drawn.first);
                self.number = drawn.number_of(self.next, &mut self.law);
            }
        }
        let Walk {
            open, law, number, ..
        } = self;
        open.retain(|open| open.last >= bin);
        let mut add = |begun: Begun| {
            let begun = Open::new(campaigns, begun);
            if begun.last >= bin && begun.batch.size > 0 {
                open.push(begun);
            }
        };
        match &campaigns.starts {
            Starts::Listed(listed) => {
                let first = listed.partition_point(|begun| bin_of(begun.at_ns) < self.next);
                let new = listed[first..]
                    .iter()
                    .take_while(|b| bin_of(b.at_ns) <= bin);
                new.copied().for_each(&mut add);
            }
            Starts::Drawn(drawn) => {
                for bin in self.next..=bin {
                    *number = drawn.begin(bin, *number, law, &mut add);
                }
            }
        }
        self.next = bin + 1;
        self.at = Some(bin);
    }
}

/// A batch under way.
#[derive(Clone, Debug)]
struct Open {
    batch: Begun,
    within_ns: i64,
    /// Its own.
    seed: u64,
    split: Split,
    /// The bins it reaches into.
    first: i64,
    last: i64,
    /// The bins whose counts are at hand, from its first, by [`CHUNK`].
    chunk: Option<u32>,
    counts: Vec<u64>,
}

impl Open {
    fn new(campaigns: &Campaigns, batch: Begun) -> Open {
        let of_flow = hash(campaigns.seed, Purpose::Batch, u64::from(campaigns.flow));
        let seed = hash(of_flow, Purpose::Batch, u64::from(batch.number));
        let first = bin_of(batch.at_ns);
        let last = bin_of(batch.at_ns + campaigns.within_ns - 1);
        let bins = (last - first + 1) as u32;
        Open {
            split: Split::new(seed, campaigns.flow, batch.size, bins, campaigns.shards),
            within_ns: campaigns.within_ns,
            batch,
            seed,
            first,
            last,
            chunk: None,
            counts: Vec::new(),
        }
    }

    /// How many of it are due in a bin. The run may end before the bin does.
    fn events_of(&mut self, bin: i64) -> u64 {
        let place = (bin - self.first) as u32;
        let chunk = place / CHUNK;
        if self.chunk != Some(chunk) {
            self.chunk = Some(chunk);
            let from = chunk * CHUNK;
            self.counts.clear();
            self.counts.resize(CHUNK as usize, 0);
            let (batch, first, within_ns) = (self.batch, self.first, self.within_ns);
            let elapsed = |place: u32| {
                let edge_ns = (first + i64::from(place)) * BIN_NS as i64;
                (edge_ns - batch.at_ns).clamp(0, within_ns) as f64
            };
            let counts = &mut self.counts;
            self.split
                .over_bins(from..from + CHUNK, elapsed, &mut |place, events| {
                    counts[(place - from) as usize] = events;
                });
        }
        self.counts[(place % CHUNK) as usize]
    }

    /// Places so many arrivals evenly in what the bin has of the batch.
    fn place(&self, events: u64, stretch: &Stretch, shards: u32, out: &mut Tagged) {
        let start_ns = stretch.start_ns as i64;
        let from = (self.batch.at_ns - start_ns).max(0);
        let to = (self.batch.at_ns + self.within_ns - start_ns).min(BIN_NS as i64);
        let width = (to - from) as f64;
        let run_ends = stretch.end_ns as i64 - start_ns;
        let at_ms = self.batch.at_ns.div_euclid(1_000_000);
        let at_ms = at_ms.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        let tag = u64::from(self.batch.number) << 32 | u64::from(at_ms as u32);
        let place = i64::from(stretch.bin) - self.first;
        let mut put = |shard: u32, rng: &mut Stream| {
            let offset = from + (unit(rng) * width) as i64;
            if offset < run_ends && stretch.mine.contains(shard) {
                let key = (offset as u64) << SHARD_BITS | u64::from(shard);
                out.entries.push((key, tag));
            }
        };
        let of = |shard: u64| stream(self.seed, Purpose::Batch, place as u64, shard);
        if events <= FEW_BY_SHARD * u64::from(shards) {
            let mut rng = of(ALL_SHARDS);
            for _ in 0..events {
                let shard = (unit(&mut rng) * f64::from(shards)) as u32;
                put(shard, &mut rng);
            }
        } else {
            let mut cell = |shard: u32, events: u64| {
                let mut rng = of(u64::from(shard));
                for _ in 0..events {
                    put(shard, &mut rng);
                }
            };
            self.split
                .over_shards(place as u32, events, stretch.mine, &mut cell);
        }
    }
}
