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
        from + ((random * u128::from(to - from)) >> 64) as u64
    }

    /// A report's jitter, evenly up to the limit either way.
    fn jitter(&self, device: u64, k: i64) -> i64 {
        if self.jitter_ns == 0 {
            return 0;
        }
        let of_device = hash(self.jitters, Purpose::Device, device);
        let random = u128::from(hash(of_device, Purpose::Device, k as u64));
        let width = u128::from(2 * self.jitter_ns + 1);
        ((random * width) >> 64) as i64 - self.jitter_ns as i64
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
            return below_one(share).scaled(self.count as f64 / every);
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use super::super::super::fixtures::{With, scenario};
    use super::super::super::{Bin, Shards};
    use super::super::tests::{Seen, has_law, schedule, seen};
    use super::*;
    use crate::scenario::{Arrivals, Shape};

    const SECOND: u64 = 1_000_000_000;

    fn devices(count: u64, every_ms: u64, jitter_ms: u64, aligned: bool) -> Arrivals {
        Arrivals::Periodic(Periodic {
            devices: count,
            pool: None,
            every: Duration::from_millis(every_ms),
            jitter: Duration::from_millis(jitter_ms),
            aligned,
        })
    }

    /// When each device reports.
    fn reports(scenario: &Scenario, flow: usize) -> BTreeMap<u64, Vec<u64>> {
        let mut reports: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let schedule = super::super::FlowSchedule::compile(scenario, flow);
        for Seen {
            arrival, origin, ..
        } in seen(&schedule, Shards::all(scenario.shards))
        {
            let Origin::Device { device } = origin else {
                panic!("{origin:?}");
            };
            assert_eq!(
                device % u64::from(scenario.shards),
                u64::from(arrival.shard)
            );
            reports.entry(device).or_default().push(arrival.due_ns);
        }
        reports
    }

    #[test]
    fn every_device_keeps_its_period_within_the_jitter() {
        for (count, every_ms, jitter_ms) in [
            (1000, 1700, 0),
            (1000, 1700, 30),
            (1000, 1700, 850),
            (77, 9000, 4500),
            (3, 50, 10),
            (300, 70_000, 0),
        ] {
            let (every, jitter) = (every_ms * 1_000_000, jitter_ms * 1_000_000);
            let mut minute = scenario(devices(count, every_ms, jitter_ms, false), 1.0);
            for shards in [256, 7] {
                minute.shards = shards;
                let reports = reports(&minute, 0);
                assert!(reports.keys().all(|device| (1..=count).contains(device)));
                let rounds = 60 * SECOND / every;
                if rounds > 1 {
                    assert_eq!(reports.len() as u64, count);
                }
                for (device, dues) in reports {
                    // One in each period, but for the run's ends.
                    let most = 60 * SECOND / every + 2;
                    assert!((rounds.saturating_sub(1)..=most).contains(&(dues.len() as u64)));
                    // The k-th from the first is k periods later, give or take what the jitter of either is.
                    for (due, k) in dues.iter().zip(0u64..) {
                        let off = (due - dues[0]).abs_diff(k * every);
                        assert!(off <= 2 * jitter, "{device}: {off} of {every}");
                    }
                }
            }
        }
    }

    #[test]
    fn jitter_is_even_either_way_and_new_for_every_report() {
        // A single device reports 6000 times within ± 4 ms of its phase.
        let one = scenario(devices(1, 10, 4, false), 1.0);
        let dues = &reports(&one, 0)[&1];
        let offsets = |dues: &[u64]| -> Vec<f64> {
            dues.iter().map(|due| (due % 10_000_000) as f64).collect()
        };
        let own = offsets(dues);
        // The phase is where the middle of them lies; laid so that none wraps around.
        let turned = |by: f64| {
            own.iter()
                .map(move |x| (x + by) % 1e7)
                .collect::<Vec<f64>>()
        };
        let even = (0..100).map(|i| f64::from(i) * 1e5).any(|by| {
            let turned = turned(by);
            let low = turned.iter().copied().fold(f64::MAX, f64::min);
            has_law(turned, |x| ((x - low) / 8e6).clamp(0.0, 1.0))
        });
        assert!(even);
        let steps = dues.windows(2).map(|pair| (pair[1] - pair[0]) as f64 - 1e7);
        // Of the difference of two even numbers 8 ms wide: sd 8 ms / sqrt(6).
        let variance = steps.map(|s| s * s).sum::<f64>() / dues.len() as f64;
        let wanted = (8e6f64).powi(2) / 6.0;
        assert!(
            (variance / wanted - 1.0).abs() < 0.08,
            "{}",
            variance / wanted
        );
    }

    #[test]
    fn spread_devices_have_phases_of_their_own() {
        let hour = scenario(devices(20_000, 30_000, 0, false), 1.0).spanning(30.0);
        let reports = reports(&hour, 0);
        assert_eq!(reports.len(), 20_000);
        assert!(reports.values().all(|dues| dues.len() == 1));
        let phases = || reports.values().map(|dues| dues[0] as f64 / 3e10);
        assert!(has_law(phases().collect(), |x| x));
        // Of devices with neighbouring ids too: the distance of two even numbers is below x with probability 1 - (1 - x)².
        let all: Vec<f64> = phases().collect();
        for apart in [1, 300] {
            let pairs = all.iter().zip(&all[apart..]);
            let distances = pairs.map(|(a, b)| (a - b).abs()).step_by(2).collect();
            assert!(has_law(distances, |x| 1.0 - (1.0 - x).powi(2)), "{apart}");
        }
        // And no two at once, hardly.
        let instants: BTreeSet<u64> = reports.values().map(|dues| dues[0]).collect();
        assert!(instants.len() > 19_980);
    }

    #[test]
    fn the_first_seconds_are_like_the_others() {
        // Jitter moves reports into the run and out of it: 1000 a second in any of them. Slots are even, so counts vary by less than
        // Poisson's 32; jitter of several seconds makes them vary like that.
        let minute = scenario(devices(20_000, 20_000, 7000, false), 1.0);
        let mut counts = [0u64; 60];
        for dues in reports(&minute, 0).values() {
            for due in dues {
                counts[(due / SECOND) as usize] += 1;
            }
        }
        assert!(counts.iter().all(|n| n.abs_diff(1000) < 160), "{counts:?}");
    }

    #[test]
    fn aligned_devices_report_together() {
        for jitter_ms in [0, 250] {
            let minute = scenario(devices(500, 15_000, jitter_ms, true), 1.0);
            let reports = reports(&minute, 0);
            assert_eq!(reports.len(), 500);
            for dues in reports.values() {
                for due in dues {
                    let off = (due + jitter_ms * 1_000_000) % (15 * SECOND);
                    assert!(off <= 2 * jitter_ms * 1_000_000);
                }
            }
            let curve = schedule(&minute).curve().clone();
            let seen: usize = reports.values().map(Vec::len).sum();
            // With jitter half of those at the start come before it, and some of those at the end in time.
            let halves = if jitter_ms == 0 { 0.0 } else { 100.0 };
            assert!(
                (curve.total() - seen as f64).abs() <= halves,
                "{} {seen}",
                curve.total()
            );
            assert_eq!(curve.rate(7.0), 0.0);
            assert!((curve.cumulative(16.0) - curve.cumulative(14.0) - 500.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_shape_is_the_share_switched_on() {
        // Up from none to all by 30 s, then half of them.
        let ramp = |from, to, at, over| Shape::Ramp { from, to, at, over };
        let shape = vec![ramp(0.0, 1.0, 0.0, 30.0), ramp(1.0, 0.5, 30.0, 0.0)];
        let minute = scenario(devices(10_000, 1000, 0, false), 1.0).shaped(shape);
        let reports = reports(&minute, 0);
        let mut counts = [0.0; 60];
        for dues in reports.values() {
            for due in dues {
                counts[(due / SECOND) as usize] += 1.0;
            }
            // Once on a device stays on while the share rises: its reports until 30 s are the last of so many periods.
            let until: Vec<u64> = dues.iter().copied().filter(|d| *d < 30 * SECOND).collect();
            assert!(until.windows(2).all(|pair| pair[1] - pair[0] == SECOND));
            assert!(until.last().is_none_or(|last| *last >= 29 * SECOND));
        }
        let schedule = schedule(&minute);
        for (second, count) in counts.iter().enumerate() {
            let curve = schedule.curve();
            let expected = curve.cumulative(second as f64 + 1.0) - curve.cumulative(second as f64);
            let share = if second < 30 {
                (second as f64 + 0.5) / 30.0
            } else {
                0.5
            };
            assert!((expected - 10_000.0 * share).abs() < 1.0);
            // Binomial: sd at most 50; five of them.
            assert!(
                (count - expected).abs() < 250.0,
                "{second}: {count} {expected}"
            );
        }
    }

    #[test]
    fn more_than_all_are_all() {
        let flash = Shape::Square {
            every: 10.0,
            on: 5.0,
            height: 4.0,
            base: 0.5,
        };
        let minute = scenario(devices(1000, 1000, 0, false), 1.0).spiked(vec![flash]);
        let curve = schedule(&minute).curve().clone();
        assert!((curve.peak() - 1000.0).abs() < 1e-6);
        let rise = Shape::Ramp {
            from: 0.0,
            to: 2.0,
            at: 0.0,
            over: 60.0,
        };
        let minute = scenario(devices(1000, 1000, 0, false), 1.0).shaped(vec![rise]);
        let curve = schedule(&minute).curve().clone();
        assert!(
            (curve.total() - 1000.0 * (15.0 + 30.0)).abs() < 1e-3,
            "{}",
            curve.total()
        );
    }

    #[test]
    fn flows_that_share_a_pool_share_its_devices() {
        let half = Shape::Ramp {
            from: 0.5,
            to: 0.5,
            at: 0.0,
            over: 0.0,
        };
        let ids = |pool| {
            let mut two = scenario(devices(2000, 5000, 0, false), 1.0).shaped(vec![half.clone()]);
            if let Arrivals::Periodic(periodic) = &mut two.flows[0].arrivals {
                periodic.pool = pool;
            }
            two.flows.push(two.flows[0].clone());
            [0, 1].map(|flow| reports(&two, flow))
        };
        let of = |reports: &BTreeMap<u64, Vec<u64>>| reports.keys().copied().collect::<Vec<_>>();
        let [first, second] = ids(Some(3));
        assert_eq!(of(&first), of(&second));
        assert_ne!(first, second, "each flow at instants of its own");
        let [first, second] = ids(None);
        assert_ne!(of(&first), of(&second));
    }

    #[test]
    fn five_million_devices_cost_no_more_than_their_reports() {
        let fleet = scenario(devices(5_000_000, 600_000, 1000, false), 1.0).spanning(3600.0);
        let schedule = schedule(&fleet);
        let mut cells = schedule.cells(Shards::all(256));
        let mut out = Bin::default();
        for bin in 20_000..20_100 {
            cells.bin(bin, &mut out);
            // 833 ± 29; six deviations.
            assert!(out.arrivals.len().abs_diff(833) < 175);
        }
        // What is kept: the reports of two seconds and a bin, 16 bytes each.
        let kept: usize = cells.reports.due.iter().map(Vec::len).sum();
        assert!((8000..20_000).contains(&kept), "{kept}");
    }
}
