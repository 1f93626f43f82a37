//! How the load of a topic spreads over its partitions.
//!
//! By flow and event. Where a key is one pool's id, from the popularity of the ids in closed form: the head one by one, the rest evenly.
//! Where it is a device, all devices alike. Everything else from the keys that were rendered: the common ones by their counts, the rest
//! evenly. What chance adds where few keys (or few journeys that keep theirs) carry much is estimated on top: the largest of P counts with a relative spread of `s` is about `1 + s sqrt(2 ln P)` times their mean.

use std::collections::HashMap;

use super::Ground;
use super::rates::{Cell, Rates};
use super::sample::{Keyed, Sampled};
use crate::scenario::{Arrivals, Flow, KeyPart, PickFlash, Scenario};
use crate::traffic::partition;

/// Ids whose share is looked at one by one; what is less popular spreads evenly.
const HEAD: u64 = 200_000;
/// Ids of a pool that belongs to another which are looked at one by one: the popular ones are anywhere.
const CHILDREN: u64 = 50_000;
/// A rendered key that came so often is a common one: its count is good to a fifth.
const COMMON: u32 = 25;
/// Devices that are looked at one by one; more spread evenly.
const DEVICES: u64 = 1_000_000;
/// A key with less than this share of its topic is nothing to name.
const WORTH_NAMING: f64 = 0.01;

/// How the load of a topic spreads.
pub(super) struct Spread {
    /// Each partition's share, as far as the keys tell.
    pub shares: Vec<f64>,
    /// What chance adds to the hottest, relative to the mean.
    chance: f64,
    /// The commonest key and its share.
    pub top_key: Option<(String, f64)>,
    any: bool,
}

impl Spread {
    /// The hottest partition ÷ the mean.
    pub(super) fn hottest(&self) -> Option<f64> {
        let top = self.shares.iter().copied().fold(0.0, f64::max);
        let known = top * self.shares.len() as f64;
        // Chance falls on the known hottest as on any other, and on its neighbours: what stands out covers it.
        self.any.then(|| known.max(1.0 + self.chance))
    }

    /// Which is the hottest, if it is known and no matter of chance.
    pub(super) fn which(&self) -> Option<u32> {
        let top = self.shares.iter().copied().fold(0.0, f64::max);
        if !self.any || top * (self.shares.len() as f64) <= 1.0 + self.chance {
            return None;
        }
        let at = self.shares.iter().position(|share| *share == top)?;
        Some(at as u32)
    }
}

/// The spread of every topic.
pub(super) fn spread(ground: &Ground<'_>, rates: &Rates, sampled: &Sampled) -> Vec<Spread> {
    let topics = ground.scenario.topics.iter().enumerate();
    topics
        .map(|(topic, of)| of_topic(ground, rates, sampled, (topic, of.partitions)))
        .collect()
}

fn of_topic(
    ground: &Ground<'_>,
    rates: &Rates,
    sampled: &Sampled,
    (topic, partitions): (usize, u32),
) -> Spread {
    let events = &ground.scenario.events;
    let cells = rates.cells.iter();
    let cells: Vec<&Cell> = cells
        .filter(|cell| events[cell.event].topic == topic && cell.total > 0.0)
        .collect();
    let all: f64 = cells.iter().map(|cell| cell.total).sum();
    let mut spread = Spread {
        shares: vec![0.0; partitions as usize],
        chance: 0.0,
        top_key: None,
        any: all > 0.0,
    };
    if !spread.any {
        spread.shares.fill(1.0 / f64::from(partitions));
        return spread;
    }
    let mut variance = 0.0;
    let mut tops: HashMap<String, f64> = HashMap::new();
    for cell in cells {
        let one = Keys {
            ground,
            sampled: &sampled.keys[cell.flow][cell.event],
            cell,
            partitions,
        }
        .spread();
        let weight = cell.total / all;
        for (sum, share) in spread.shares.iter_mut().zip(&one.shares) {
            *sum += weight * share;
        }
        variance += weight * weight * one.variance;
        if let Some((key, share)) = one.top {
            *tops.entry(key).or_default() += share * weight;
        }
    }
    spread.top_key = tops
        .into_iter()
        .filter(|(_, share)| *share >= WORTH_NAMING)
        .max_by(|(a, x), (b, y)| x.total_cmp(y).then_with(|| a.cmp(b)));
    if partitions > 1 {
        spread.chance = (variance * 2.0 * f64::from(partitions).ln()).sqrt();
    }
    spread
}

/// The keys of an event of a flow.
struct Keys<'a> {
    ground: &'a Ground<'a>,
    sampled: &'a Keyed,
    cell: &'a Cell,
    partitions: u32,
}

/// How one event of a flow spreads.
struct One {
    shares: Vec<f64>,
    /// The relative variance that chance gives a partition's load.
    variance: f64,
    /// The commonest key and its share.
    top: Option<(String, f64)>,
}

impl Keys<'_> {
    fn spread(&self) -> One {
        let by_chance = f64::from(self.partitions) / self.cell.total;
        match self.ground.scenario.events[self.cell.event]
            .key
            .parts
            .as_slice()
        {
            [] => self.even(by_chance),
            [KeyPart::Session] => self.even(by_chance * self.sampled.clumping()),
            [KeyPart::Device] => self.devices(),
            [KeyPart::Pool(pool)] if self.is_closed_form(*pool) => {
                let clumping = match self.is_kept(*pool) {
                    true => self.sampled.clumping(),
                    false => 1.0,
                };
                self.pool(*pool, by_chance * clumping)
            }
            _ => self.rendered(by_chance),
        }
    }

    fn even(&self, variance: f64) -> One {
        One {
            shares: vec![1.0 / f64::from(self.partitions); self.partitions as usize],
            variance,
            top: None,
        }
    }

    fn flow(&self) -> &Flow {
        &self.ground.scenario.flows[self.cell.flow]
    }

    /// Whether the events' ids follow the pool's law: a batch keeps few, a device is all there is.
    fn is_closed_form(&self, pool: usize) -> bool {
        let of = &self.ground.scenario.pools[pool];
        let is_reachable = of.of.is_none() || of.count <= CHILDREN;
        is_reachable
            && match &self.flow().arrivals {
                Arrivals::Batch(batch) => !batch.keeps.contains(&pool),
                Arrivals::Periodic(periodic) => periodic.pool != Some(pool),
                _ => true,
            }
    }

    /// Whether an id of the pool stays with a journey, so that all of its events go to one partition.
    fn is_kept(&self, pool: usize) -> bool {
        let journey = self.flow().journey.as_ref();
        journey.is_some_and(|starting| {
            let journey = &self.ground.scenario.journeys[starting.journey];
            journey.keeps.contains(&pool) || journey.held().contains(&pool)
        })
    }

    fn pool(&self, pool: usize, by_chance: f64) -> One {
        let scenario = self.ground.scenario;
        let of = &scenario.pools[pool];
        // The popular ones of a pool that belongs to another are anywhere.
        let head = if of.of.is_some() {
            of.count
        } else {
            of.count.min(HEAD)
        };
        let mut shares = vec![0.0; self.partitions as usize];
        let (mut told, mut top) = (0.0, (0u64, 0.0));
        for id in 1..=head {
            let share = self.ground.traffic.share(pool, id);
            told += share;
            if share > top.1 {
                top = (id, share);
            }
            shares[self.place(id)] += share;
        }
        let rest = (1.0 - told).max(0.0) / f64::from(self.partitions);
        shares.iter_mut().for_each(|share| *share += rest);
        if let Some(flash) = &of.flash {
            let share = flash.share * self.felt(flash, scenario);
            shares.iter_mut().for_each(|other| *other *= 1.0 - share);
            shares[self.place(flash.id)] += share;
            let kept = top.1 * (1.0 - share);
            top = match flash.id == top.0 {
                true => (top.0, kept + share),
                false if share > kept => (flash.id, share),
                false => (top.0, kept),
            };
        }
        One {
            shares,
            variance: by_chance,
            top: Some((top.0.to_string(), top.1)),
        }
    }

    /// The share of the event's total that is due while a flash lasts.
    fn felt(&self, flash: &PickFlash, scenario: &Scenario) -> f64 {
        let real = |at: f64| (at - scenario.time.play.0.as_secs_f64()) / scenario.time.compress;
        self.cell
            .share_within(real(flash.at), real(flash.at + flash.lasting))
    }

    fn place(&self, id: u64) -> usize {
        partition::of_key(id.to_string().as_bytes(), self.partitions) as usize
    }

    /// Every device reports as often as any other.
    fn devices(&self) -> One {
        let most = match &self.flow().arrivals {
            Arrivals::Periodic(periodic) => periodic.devices,
            _ => 0,
        };
        if most == 0 || most > DEVICES {
            return self.even(0.0);
        }
        let mut shares = vec![0.0; self.partitions as usize];
        for device in 1..=most {
            shares[self.place(device)] += 1.0 / most as f64;
        }
        One {
            shares,
            variance: 0.0,
            top: None,
        }
    }

    /// As the keys that were rendered have it.
    fn rendered(&self, by_chance: f64) -> One {
        let keys = &self.sampled.counts;
        let count: f64 = keys.values().map(|count| f64::from(*count)).sum();
        if count == 0.0 {
            return self.even(by_chance);
        }
        let few = keys.len() < self.partitions as usize * COMMON as usize;
        let is_told = |n: u32| few || n >= COMMON;
        let mut shares = vec![0.0; self.partitions as usize];
        let mut told = 0.0;
        for (key, n) in keys.iter().filter(|(_, n)| is_told(**n)) {
            let at = partition::of_key(key, self.partitions) as usize;
            shares[at] += f64::from(*n) / count;
            told += f64::from(*n) / count;
        }
        let rest = (1.0 - told).max(0.0) / f64::from(self.partitions);
        shares.iter_mut().for_each(|share| *share += rest);
        let common = keys.iter().filter(|(_, n)| **n >= COMMON);
        let top = common.max_by_key(|(key, n)| (**n, *key));
        One {
            shares,
            variance: by_chance,
            top: top.map(|(key, n)| {
                let key = String::from_utf8_lossy(key).into_owned();
                (key, f64::from(*n) / count)
            }),
        }
    }
}
