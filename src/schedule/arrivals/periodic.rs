//! Devices that report at a period of their own.
//!
//! Device d, from 1, belongs to shard d mod S. Report k of it is due at phase + k × period ± jitter. A shard's devices share the period out
//! evenly: each has a slot of it, by a random permutation, and its phase is an even draw within the slot. So the devices that report in a bin are
//! found by their slots, without looking at the others.

use std::collections::VecDeque;

use super::super::curve::{Curve, Line};
use super::super::order::SHARD_BITS;
use super::super::permutation::Permutation;
use super::super::smooth::{self, Even};
use super::super::{BIN_NS, Origin, compose};
use super::stretch::{Stretch, Tagged};
use crate::rng::{Purpose, hash};
use crate::scenario::{Periodic, Scenario};

/// Aligned devices report within the jitter; in the expected rate, within this many nanoseconds at least: a rate must be finite.
const SHARPEST_NS: u64 = 1_000_000;
/// With more periods than this in a run the expected rate of aligned devices is given as its mean.
const MOST_PEAKS: u64 = 1_000_000;

/// The devices of one flow.
#[derive(Clone, Debug)]
pub struct Devices {
    count: u64,
    shards: u32,
    every_ns: u64,
    jitter_ns: u64,
    aligned: bool,
    run_ns: u64,
    /// The share that is switched on; none: all, always.
    on: Option<Curve>,
    /// What a device's slot and phase are drawn for, its jitter, and when it is switched on.
    phases: u64,
    jitters: u64,
    switches: u64,
}

impl Devices {
    /// The devices of flow number `flow`, and the rate expected of them.
    pub fn new(scenario: &Scenario, flow: u16, periodic: &Periodic) -> (Devices, Curve) {
        let wanted = &scenario.flows[usize::from(flow)];
        let always = wanted.shape.is_empty() && wanted.spikes.is_empty();
        let share = compose::factors(scenario, usize::from(flow));
        let own = |what: u64| {
            let of_flow = hash(scenario.seed, Purpose::Device, u64::from(flow));
            hash(of_flow, Purpose::Device, what)
        };
        // Flows that share a pool share its devices: they are switched on together.
        let of_pool = |pool: usize| hash(!scenario.seed, Purpose::Device, pool as u64);
        let devices = Devices {
            count: periodic.devices,
            shards: scenario.shards,
            every_ns: (periodic.every.as_nanos() as u64).max(1),
            jitter_ns: periodic.jitter.as_nanos() as u64,
            aligned: periodic.aligned,
            run_ns: scenario.time.run_ns(),
            on: (!always).then(|| share.clone()),
            phases: own(0),
            jitters: own(1),
            switches: periodic.pool.map_or_else(|| own(2), of_pool),
        };
        let expected = devices.expected(&share);
        (devices, expected)
    }

    /// Adds the arrivals of the stretch, ordered. Bins are cheapest in ascending order.
    pub fn draw(&self, stretch: &Stretch, walk: &mut Walk, out: &mut Tagged) {
        walk.to(self, stretch);
        out.entries.extend(walk.due.front().into_iter().flatten());
        out.sort();
    }

    /// Where an arrival of this tag comes from.
    pub fn origin(tag: u64) -> Origin {
        Origin::Device { device: tag }
    }

    /// How many bins before and after its own a report may be due.
    fn reach(&self) -> i64 {
        self.jitter_ns.div_ceil(BIN_NS) as i64
    }

    /// How many devices a shard has. Shard 0 has S, 2S, ...; shard s has s, s + S, ...
    fn devices_of(&self, shard: u32) -> u64 {
        let (shard, shards) = (u64::from(shard), u64::from(self.shards));
        if shard == 0 {
            self.count / shards
        } else {
            (self.count + shards - shard) / shards
        }
    }

    /// A shard's device, by its place among them.
    fn device(&self, shard: u32, place: u64) -> u64 {
        let lowest = if shard == 0 { self.shards } else { shard };
        u64::from(lowest) + place * u64::from(self.shards)
    }

    /// Calls `each(device, report k, when without its jitter)` for all reports of a shard that without jitter were due in [from, to) nanoseconds.
    fn reports(&self, shard: u32, from: i64, to: i64, each: &mut impl FnMut(u64, i64, i64)) {
        let devices = self.devices_of(shard);
        if devices == 0 {
            return;
        }
        let every = self.every_ns as i64;
        let order = Permutation::new(
            hash(self.phases, Purpose::Device, u64::from(shard)),
            devices,
        );
        for k in from.div_euclid(every)..=(to - 1).div_euclid(every) {
            let begin = k * every;
            // What of the period the stretch covers.
            let (low, high) = ((from - begin).max(0), (to - begin).min(every));
            if self.aligned {
                if low == 0 {
                    (0..devices).for_each(|place| each(self.device(shard, place), k, begin));
                }
                continue;
            }
            // The slots that begin before the stretch ends, from the one it begins in.
            let slots = |phase: i64| {
                (
                    phase as u128 * u128::from(devices),
                    u128::from(self.every_ns),
                )
            };
            let (first, end) = (slots(low), slots(high));
            for slot in (first.0 / first.1) as u64..end.0.div_ceil(end.1) as u64 {
                let device = self.device(shard, order.of(slot));
                let phase = self.phase(slot, device, devices) as i64;
                if (low..high).contains(&phase) {
                    each(device, k, begin + phase);
                }
            }
        }
    }

    /// Where a slot begins.
    fn edge(&self, slot: u64, slots: u64) -> u64 {
        (u128::from(slot) * u128::from(self.every_ns) / u128::from(slots)) as u64
    }

    fn phase(&self, slot: u64, device: u64, slots: u64) -> u64 {
        let (from, to) = (self.edge(slot, slots), self.edge(slot + 1, slots));
        let random = u128::from(hash(self.phases, Purpose::Device, device));
        from + (random * u128::from(to - from) >> 64) as u64
    }

    /// A report's jitter, evenly up to the limit either way.
    fn jitter(&self, device: u64, k: i64) -> i64 {
        if self.jitter_ns == 0 {
            return 0;
        }
        let of_device = hash(self.jitters, Purpose::Device, device);
        let random = u128::from(hash(of_device, Purpose::Device, k as u64));
        let width = u128::from(2 * self.jitter_ns + 1);
        (random * width >> 64) as i64 - self.jitter_ns as i64
    }

    /// Whether a device is switched on: while the share exceeds its own draw.
    fn is_on(&self, device: u64, at_ns: i64) -> bool {
        let Some(share) = &self.on else {
            return true;
        };
        let at = (at_ns.max(0) as f64 / 1e9).min(share.end());
        let own = hash(self.switches, Purpose::Device, device) >> 11;
        share.rate(at) * (1u64 << 53) as f64 > own as f64
    }

    /// The expected rate, given the share that is switched on; jitter does not change that of devices each at an instant of its own.
    fn expected(&self, share: &Curve) -> Curve {
        let every = self.every_ns as f64 / 1e9;
        let peaks = self.run_ns / self.every_ns;
        let jitter = self.jitter_ns.max(SHARPEST_NS / 2);
        if !self.aligned || peaks > MOST_PEAKS || 2 * jitter >= self.every_ns {
            return below_one(share).times(self.count as f64 / every);
        }
        let (end, jitter) = (share.end(), jitter as f64 / 1e9);
        let reports = (0..=peaks + 1).map(|k| {
            let at = k as f64 * every;
            // Reports are not early by less than their jitter, be it none.
            let from = if self.jitter_ns == 0 { at } else { at - jitter };
            Even {
                from,
                to: from + 2.0 * jitter,
                events: self.count as f64 * share.rate(at.min(end)).min(1.0),
            }
        });
        smooth::sum(reports, end)
    }
}

/// The curve cut off at 1.
fn below_one(share: &Curve) -> Curve {
    Curve::from_lines(
        share
            .lines()
            .flat_map(|line| {
                let (low, high) = (line.rate_from, line.rate_to);
                let cut = |from: f64, to: f64, rate_from: f64, rate_to: f64| Line {
                    from,
                    to,
                    rate_from: rate_from.min(1.0),
                    rate_to: rate_to.min(1.0),
                };
                if (low - 1.0) * (high - 1.0) >= 0.0 {
                    return [Some(cut(line.from, line.to, low, high)), None];
                }
                let middle = line.from + (line.to - line.from) * (1.0 - low) / (high - low);
                [
                    Some(cut(line.from, middle, low, 1.0)),
                    Some(cut(middle, line.to, 1.0, high)),
                ]
            })
            .flatten(),
    )
}

/// Reports that are due from a bin on, as far as jitter may have moved them.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// The bin.
    at: Option<i64>,
    /// The first bin whose reports, without their jitter, are not in yet.
    next: i64,
    /// By bin from `at` on: key and device.
    due: VecDeque<Vec<(u64, u64)>>,
}

impl Walk {
    fn to(&mut self, devices: &Devices, stretch: &Stretch) {
        let (bin, reach) = (i64::from(stretch.bin), devices.reach());
        let goes_on = self.at.is_some_and(|at| (at..=at + reach).contains(&bin));
        if goes_on {
            for _ in self.at.unwrap_or(bin)..bin {
                let mut past = self.due.pop_front().unwrap_or_default();
                past.clear();
                self.due.push_back(past);
            }
        } else {
            self.due.resize_with(2 * reach as usize + 1, Vec::new);
            self.due.iter_mut().for_each(Vec::clear);
            self.next = bin - reach;
        }
        self.at = Some(bin);
        for next in self.next..=bin + reach {
            self.add(devices, stretch, next);
        }
        self.next = bin + reach + 1;
    }

    /// Puts the reports that without jitter are due in bin `from` where they are due.
    fn add(&mut self, devices: &Devices, stretch: &Stretch, from: i64) {
        let bin_ns = BIN_NS as i64;
        let start_ns = i64::from(stretch.bin) * bin_ns;
        for shard in stretch.mine.iter() {
            let due = &mut self.due;
            let mut put = |device: u64, k: i64, at_ns: i64| {
                let due_ns = at_ns + devices.jitter(device, k);
                let since = due_ns - start_ns;
                if since < 0 || due_ns >= devices.run_ns as i64 || !devices.is_on(device, at_ns) {
                    return;
                }
                let key = ((since % bin_ns) as u64) << SHARD_BITS | u64::from(shard);
                due[(since / bin_ns) as usize].push((key, device));
            };
            devices.reports(shard, from * bin_ns, (from + 1) * bin_ns, &mut put);
        }
    }
}
