//! Arrivals of a flow: which shard has how many in a bin, and when each is due. One file for each kind.
//!
//! Every part of the schedule draws from streams of its own, so it is the same whoever computes it, in whatever order.

mod batch;
mod bursty;
mod copies;
mod even;
mod periodic;
mod poisson;
mod stretch;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use self::batch::Campaigns;
use self::bursty::Bursty;
use self::copies::Copies;
use self::periodic::Devices;
use self::poisson::Poisson;
use self::stretch::{Keys, Stretch, Tagged};
use super::curve::Curve;
use super::extended::Extended;
use super::journey::{Course, Journeys, Walk};
use super::order::SHARD_BITS;
use super::split::Split;
use super::{Arrival, BIN_NS, Bin, Identity, Mix, Origin, Shards, compose};
use crate::scenario::{Arrivals, Scenario};

/// The schedule of one flow: immutable, and cheap to clone.
#[derive(Clone, Debug)]
pub struct FlowSchedule(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    /// Of events, those that are sent twice counted twice.
    curve: Curve,
    /// Of arrivals.
    starts: Curve,
    /// What arrivals begin, if they are no events themselves.
    journeys: Option<Arc<Journeys>>,
    process: Process,
    mix: Mix,
    copies: Option<Copies>,
    flow: u16,
    shards: u32,
    run_ns: u64,
}

/// What the arrivals are drawn from.
#[derive(Debug)]
enum Process {
    Even(Curve),
    Poisson(Poisson, Curve),
    Exact(Poisson, Curve, Split),
    Bursty(Bursty),
    Batch(Campaigns),
    Periodic(Devices),
    /// Nothing has a due instant.
    Undue,
}

impl Process {
    /// That of flow number `flow`, and the rate expected of it. `curve` is the rate as its height and shapes have it, `with_past` the same
    /// with so many real seconds of what went before the run.
    fn new(
        scenario: &Scenario,
        flow: u16,
        curve: Curve,
        with_past: impl FnOnce(f64) -> Extended,
    ) -> (Process, Curve) {
        let (seed, shards) = (scenario.seed, scenario.shards);
        let poisson = Poisson { seed, flow, shards };
        let process = match &scenario.flows[usize::from(flow)].arrivals {
            Arrivals::Even => Process::Even(curve.clone()),
            Arrivals::Poisson => Process::Poisson(poisson, curve.clone()),
            Arrivals::PoissonExact => {
                let total = curve.total().round() as u64;
                let bins = bins_of(scenario.time.run_ns());
                let split = Split::new(seed, flow, total, bins, shards);
                Process::Exact(poisson, curve.clone(), split)
            }
            Arrivals::Bursty { cv } => {
                Process::Bursty(Bursty::new(curve.clone(), *cv, seed, flow, shards))
            }
            Arrivals::Batch(batch) => {
                let (campaigns, expected) = Campaigns::new(scenario, flow, batch, with_past);
                return (Process::Batch(campaigns), expected);
            }
            Arrivals::Periodic(periodic) => {
                let (devices, expected) = Devices::new(scenario, flow, periodic);
                return (Process::Periodic(devices), expected);
            }
            Arrivals::Closed { .. } | Arrivals::Unthrottled => Process::Undue,
        };
        (process, curve)
    }

    /// The batches it is made of.
    fn campaigns(&self) -> Option<&Campaigns> {
        match self {
            Process::Batch(campaigns) => Some(campaigns),
            _ => None,
        }
    }
}

impl FlowSchedule {
    /// Compiles flow number `flow` of a checked scenario.
    pub fn compile(scenario: &Scenario, flow: usize) -> FlowSchedule {
        let wanted = &scenario.flows[flow];
        let copies = Copies::new(scenario, flow);
        let course = Course::of(scenario, flow);
        let curve = match &course {
            Some(course) => course.curve(),
            None => compose::compose(scenario, flow),
        };
        let with_past = |back| match &course {
            Some(course) => course.with_past(back),
            None => compose::compose_with_past(scenario, flow, back),
        };
        let (process, starts) = Process::new(scenario, flow as u16, curve, with_past);
        let journeys = course.map(|course| {
            let sent = |event: u16| copies.as_ref().map_or(1.0, |copies| copies.sent(event));
            Arc::new(course.journeys(&starts, process.campaigns(), sent))
        });
        let factor = copies.as_ref().map(|copies| copies.factor(&wanted.mix));
        let curve = match (&journeys, factor) {
            (Some(journeys), _) => journeys.curve().clone(),
            (None, Some(factor)) => starts.scaled(factor),
            (None, None) => starts.clone(),
        };
        FlowSchedule(Arc::new(Plan {
            curve,
            starts,
            journeys,
            process,
            mix: Mix::new(scenario, flow),
            copies,
            flow: flow as u16,
            shards: scenario.shards,
            run_ns: scenario.time.run_ns(),
        }))
    }

    /// The rate expected of the flow's events over real time, spikes included, and events that are sent twice counted twice; `t` in
    /// seconds since the start of the load. Of journeys, that of all their steps. Of batches that are drawn, the mean rate; of
    /// batches that are listed, theirs.
    pub fn curve(&self) -> &Curve {
        &self.0.curve
    }

    /// The rate expected of arrivals over real time: of events, or of journeys that begin.
    pub fn starts(&self) -> &Curve {
        &self.0.starts
    }

    /// The rate expected of one event over real time, by its index in the scenario, copies counted; zero if the flow does not send it.
    pub fn event_curve(&self, event: usize) -> Curve {
        let Plan {
            starts,
            journeys,
            mix,
            copies,
            ..
        } = &*self.0;
        let event = event as u16;
        match journeys {
            Some(journeys) => match journeys.event_curve(event) {
                Some(curve) => curve.clone(),
                None => starts.scaled(0.0),
            },
            None => {
                let sent = copies.as_ref().map_or(1.0, |copies| copies.sent(event));
                starts.scaled(mix.share(event) * sent)
            }
        }
    }

    /// How long the load lasts, in real nanoseconds.
    pub fn run_ns(&self) -> u64 {
        self.0.run_ns
    }

    /// How many bins the run has. The last may be cut short.
    pub fn bins(&self) -> u32 {
        bins_of(self.0.run_ns)
    }

    /// A reader of the arrivals of some of the shards, with scratch space of its own.
    pub fn cells(&self, shards: Shards) -> Cells {
        let end = shards.end.min(self.0.shards);
        Cells {
            plan: Arc::clone(&self.0),
            shards: Shards { end, ..shards },
            keys: Keys::default(),
            tagged: Tagged::default(),
            ordinals: vec![0; end as usize],
            poisson: poisson::Scratch::default(),
            bursty: bursty::Drawn::default(),
            batches: batch::Walk::default(),
            reports: periodic::Walk::default(),
            copies: copies::Scratch::default(),
            walk: self.0.journeys.as_ref().map(|journeys| {
                let mine = Shards { end, ..shards };
                Box::new(Walk::new(journeys, mine))
            }),
        }
    }
}

fn bins_of(run_ns: u64) -> u32 {
    u32::try_from(run_ns.div_ceil(BIN_NS)).unwrap_or(u32::MAX)
}

/// Reads the events of some shards of a flow, bin by bin, in any order of bins; ascending ones are the cheapest. With journeys any other
/// walks through all bins before again.
#[derive(Clone, Debug)]
pub struct Cells {
    plan: Arc<Plan>,
    shards: Shards,
    keys: Keys,
    tagged: Tagged,
    /// By shard; zero between calls.
    ordinals: Vec<u32>,
    poisson: poisson::Scratch,
    bursty: bursty::Drawn,
    batches: batch::Walk,
    reports: periodic::Walk,
    copies: copies::Scratch,
    /// Where the journeys are that arrivals have begun.
    walk: Option<Box<Walk>>,
}

impl Cells {
    /// Replaces what `out` holds by the events of this reader's shards that are due in `bin`, ordered by (due, shard). None for closed and
    /// unthrottled flows, which have no due instants, nor for bins after the run.
    pub fn bin(&mut self, bin: u32, out: &mut Bin) {
        match self.walk.take() {
            None => self.arrivals(bin, out),
            Some(mut walk) => {
                walk.bin(bin, &mut |bin, begun| self.arrivals(bin, begun), out);
                self.walk = Some(walk);
            }
        }
        let plan = &*self.plan;
        if let Some(copies) = &plan.copies {
            copies.add(plan.flow, bin, out, &mut self.copies);
        }
    }

    /// Replaces what `out` holds by the arrivals in `bin`, each of which is an event or begins a journey.
    fn arrivals(&mut self, bin: u32, out: &mut Bin) {
        out.clear();
        self.keys.keys.clear();
        self.tagged.entries.clear();
        let plan = Arc::clone(&self.plan);
        let Some(stretch) = Stretch::of_bin(bin, plan.run_ns, self.shards) else {
            return;
        };
        let (scratch, keys) = (&mut self.poisson, &mut self.keys);
        let pieces = &mut scratch.pieces;
        match &plan.process {
            Process::Even(curve) => even::draw(curve, plan.shards, &stretch, pieces, keys),
            Process::Poisson(poisson, curve) => poisson.draw(curve, &stretch, scratch, keys),
            Process::Exact(poisson, curve, split) => {
                poisson.draw_exact(curve, split, &stretch, pieces, keys);
            }
            Process::Bursty(bursty) => bursty.draw(&stretch, pieces, &mut self.bursty, keys),
            Process::Batch(campaigns) => {
                campaigns.draw(&stretch, &mut self.batches, &mut self.tagged);
                self.untag(Campaigns::origin, out);
            }
            Process::Periodic(devices) => {
                devices.draw(&stretch, &mut self.reports, &mut self.tagged);
                self.untag(Devices::origin, out);
            }
            Process::Undue => {}
        }
        self.number(bin, stretch.start_ns, &mut out.arrivals);
    }

    /// Turns what arrivals come from into keys and origins.
    fn untag(&mut self, origin: impl Fn(u64) -> Origin, out: &mut Bin) {
        for &(key, tag) in &self.tagged.entries {
            self.keys.keys.push(key);
            out.origins.push(origin(tag));
        }
    }

    /// Turns the ordered keys into arrivals, counting within each shard.
    fn number(&mut self, bin: u32, start_ns: u64, out: &mut Vec<Arrival>) {
        let shard_of = |key: u64| key as u16;
        let ordinals = &mut self.ordinals;
        let (flow, mix) = (self.plan.flow, &self.plan.mix);
        out.extend(self.keys.keys.iter().map(|&key| {
            let shard = shard_of(key);
            let next = &mut ordinals[usize::from(shard)];
            let ordinal = *next;
            *next += 1;
            let id = Identity {
                flow,
                shard,
                bin,
                ordinal,
            };
            Arrival {
                due_ns: start_ns + (key >> SHARD_BITS),
                shard,
                event: mix.event(id),
                ordinal,
            }
        }));
        if self.keys.keys.len() < ordinals.len() {
            for &key in &self.keys.keys {
                ordinals[usize::from(shard_of(key))] = 0;
            }
        } else {
            ordinals.fill(0);
        }
    }
}
