//! For what ids are drawn: for one event, or for something whose events then agree.
//!
//! An id that is drawn for a journey comes from a stream of its own, seeded by the journey and the pool; so all events of the journey
//! show the same id, whichever of them are sent, by whom, and in which order.

use rand::Rng;

use super::belonging::Pools;
use super::template::{Draft, Draw};
use crate::rng::{Purpose, Stream, hash, stream};
use crate::scenario::{Arrivals, Flow, Scenario, Time};
use crate::schedule::{Origin, Step};

/// For what a pool's id is drawn in a flow, the longest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// One event.
    Event,
    /// A visit of a state of a journey, and what follows from it.
    Visit,
    /// The visit whose draw a journey has kept on at this place of [`Step::held`].
    Held(u8),
    /// A journey.
    Session,
    /// A batch.
    Batch,
    /// Not drawn at all: the device is the id, or belongs to it.
    Device,
}

/// How a flow draws from the pools.
#[derive(Clone, Debug, Default)]
pub(super) struct FlowDraws {
    /// By pool.
    scopes: Vec<Scope>,
    /// True when some scope is not [`Scope::Event`].
    scoped: bool,
    /// The pool that the devices are.
    devices: Option<usize>,
    pub flashes: Vec<Flash>,
    /// Where batches' streams start from.
    batches: u64,
}

/// One id that takes a share of the picks of its pool for a while.
#[derive(Clone, Debug)]
pub(super) struct Flash {
    /// The pool and the id; then those it belongs to.
    pub chain: Vec<(usize, u64)>,
    /// Of the 64-bit numbers, those below hit.
    pub bar: u64,
    /// Run time in nanoseconds.
    pub from_ns: i64,
    pub to_ns: i64,
}

impl Flash {
    pub(super) fn pool(&self) -> usize {
        self.chain[0].0
    }

    /// The pool that nothing is drawn before.
    pub(super) fn top(&self) -> usize {
        self.chain[self.chain.len() - 1].0
    }

    /// The id of a pool while the flash hits.
    pub(super) fn id(&self, pool: usize) -> Option<u64> {
        let found = self.chain.iter().find(|(of, _)| *of == pool);
        found.map(|(_, id)| *id)
    }
}

impl FlowDraws {
    pub(super) fn new(
        scenario: &Scenario,
        index: usize,
        pools: &Pools,
        sends: &[bool],
    ) -> FlowDraws {
        let flow = &scenario.flows[index];
        let mut scopes = scopes(scenario, flow);
        // Whatever belongs to another can stay no longer than that does: who keeps a product keeps its merchant. Of two that
        // states keep on, the state that keeps on the child does so with the parent.
        for pool in (0..pools.len()).rev() {
            if let Some(parent) = pools.parent(pool)
                && !matches!(
                    (scopes[parent], scopes[pool]),
                    (Scope::Held(_), Scope::Held(_))
                )
            {
                scopes[parent] = scopes[parent].max(scopes[pool]);
            }
        }
        let flashes = (0..pools.len()).filter(|pool| sends[*pool]);
        let flashes = flashes.filter_map(|pool| flash(scenario, pool, pools));
        let devices = match &flow.arrivals {
            Arrivals::Periodic(periodic) => periodic.pool,
            _ => None,
        };
        let root = hash(scenario.seed, Purpose::Batch, index as u64);
        FlowDraws {
            scoped: scopes.iter().any(|scope| *scope != Scope::Event),
            flashes: flashes
                .filter(|flash| scopes[flash.top()] != Scope::Device)
                .collect(),
            scopes,
            devices,
            batches: hash(root, Purpose::Pick, 0),
        }
    }

    /// For what an id of this pool is drawn.
    pub(super) fn scope(&self, pool: usize) -> Scope {
        self.scopes[pool]
    }

    /// Whether all ids of an event due at this instant are drawn for it alone, and by the skews alone.
    #[inline]
    pub(super) fn is_plain(&self, due_ns: u64) -> bool {
        let flashing = |flash: &Flash| (flash.from_ns..flash.to_ns).contains(&(due_ns as i64));
        !self.scoped && !self.flashes.iter().any(flashing)
    }

    /// The id that a device stands for in a pool: the device's own, or one that the device belongs to.
    pub(super) fn of_device(&self, pools: &Pools, device: u64, pool: usize) -> Option<u64> {
        let devices = self.devices?;
        let id = 1 + device.saturating_sub(1) % pools.count(devices);
        pools.owner(devices, id, pool)
    }
}

/// By pool, for what a flow draws it, belonging left aside.
fn scopes(scenario: &Scenario, flow: &Flow) -> Vec<Scope> {
    let mut scopes = vec![Scope::Event; scenario.pools.len()];
    if let Some(of) = &flow.journey {
        let journey = &scenario.journeys[of.journey];
        scopes.fill(Scope::Visit);
        for (place, pool) in journey.held().into_iter().enumerate() {
            scopes[pool] = Scope::Held(place as u8);
        }
        for &pool in &journey.keeps {
            scopes[pool] = Scope::Session;
        }
    }
    match &flow.arrivals {
        Arrivals::Batch(batch) => {
            for &pool in &batch.keeps {
                scopes[pool] = Scope::Batch;
            }
        }
        Arrivals::Periodic(periodic) => {
            if let Some(pool) = periodic.pool {
                scopes[pool] = Scope::Device;
            }
        }
        _ => {}
    }
    scopes
}

/// The flash of a pool as real time sees it.
fn flash(scenario: &Scenario, pool: usize, pools: &Pools) -> Option<Flash> {
    let of = scenario.pools[pool].flash?;
    let mut chain = vec![(pool, of.id)];
    let mut at = pool;
    while let Some(parent) = pools.parent(at) {
        chain.push((parent, pools.owner(pool, of.id, parent)?));
        at = parent;
    }
    Some(Flash {
        chain,
        // A cast saturates: a share of 1 is all but one in 2^64.
        bar: (of.share * 2f64.powi(64)) as u64,
        from_ns: run_ns(&scenario.time, of.at),
        to_ns: run_ns(&scenario.time, of.at + of.lasting),
    })
}

/// The run time of an instant of the span.
fn run_ns(time: &Time, simulated_s: f64) -> i64 {
    ((simulated_s - time.play.0.as_secs_f64()) / time.compress * 1e9).round() as i64
}

/// What an event is part of: where the streams start from that its ids are drawn with.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub draws: &'a FlowDraws,
    pub origin: &'a Origin,
    due_ns: u64,
    /// Where the streams of the journey and of the visit start from.
    session: u64,
    visit: u64,
}

impl<'a> Owner<'a> {
    #[inline]
    pub(super) fn new(
        seed: u64,
        draws: &'a FlowDraws,
        origin: &'a Origin,
        due_ns: u64,
    ) -> Owner<'a> {
        let (session, visit) = match origin {
            Origin::Step(step) => {
                let session = hash(seed, Purpose::Pick, step.session);
                (session, visit_root(session, step.visit.serial))
            }
            _ => (0, 0),
        };
        Owner {
            draws,
            origin,
            due_ns,
            session,
            visit,
        }
    }

    /// The stream of what an event of a visit does not draw from pools.
    #[inline]
    pub(super) fn step_stream(&self, step: &Step) -> Stream {
        stream(self.visit, Purpose::Event, u64::from(step.nth), 0)
    }

    /// Where the stream starts from that draws an id of this scope; `None`: the event's own stream.
    #[inline]
    pub(super) fn root(&self, scope: Scope) -> Option<u64> {
        match (scope, self.origin) {
            (Scope::Visit, Origin::Step(_)) => Some(self.visit),
            (Scope::Held(place), Origin::Step(step)) => {
                let serial = step.held[usize::from(place)].serial;
                Some(visit_root(self.session, serial))
            }
            (Scope::Session, Origin::Step(_)) => Some(self.session),
            (Scope::Batch, Origin::Batch { batch, .. } | Origin::Step(Step { batch, .. })) => {
                Some(hash(self.draws.batches, Purpose::Pick, u64::from(*batch)))
            }
            _ => None,
        }
    }

    /// When an id of this scope is drawn, in run time; `None` when that is not known.
    pub(super) fn drawn_ns(&self, scope: Scope) -> Option<i64> {
        let ns = |ms: i32| i64::from(ms) * 1_000_000;
        match (scope, self.origin) {
            (Scope::Visit, Origin::Step(step)) => Some(ns(step.visit.at_ms)),
            (Scope::Held(place), Origin::Step(step)) => {
                Some(ns(step.held[usize::from(place)].at_ms))
            }
            (Scope::Session, Origin::Step(step)) => Some(ns(step.started_ms)),
            (Scope::Batch, Origin::Batch { at_ms, .. }) => Some(ns(*at_ms)),
            // A step does not know when its batch began.
            (Scope::Batch, Origin::Step(_)) => None,
            _ => Some(self.due_ns as i64),
        }
    }
}

#[inline]
fn visit_root(session: u64, serial: u32) -> u64 {
    hash(session, Purpose::Event, u64::from(serial))
}

/// The stream that draws an id of a pool for whatever has this root.
#[inline]
pub(super) fn pick_stream(root: u64, pool: usize) -> Stream {
    stream(root, Purpose::Pick, pool as u64, 0)
}

impl Draft<'_> {
    /// Draws ids for what the event is part of. What stands in lines is drawn for each line, unless it is kept.
    pub(super) fn draw_for(&mut self, owner: &Owner<'_>, draws: &[Draw], line: bool) {
        if !owner.draws.flashes.is_empty() {
            self.flash(owner, draws, line);
        }
        for draw in draws {
            let given = std::mem::take(&mut self.scratch.given[draw.pick]);
            self.scratch.picks[draw.pick] = if given > 0 {
                given
            } else {
                self.draw_one(owner, draw, line)
            };
        }
    }

    fn draw_one(&mut self, owner: &Owner<'_>, draw: &Draw, line: bool) -> u64 {
        let pools = &self.kit.pools;
        let scope = owner.draws.scope(draw.pool);
        if let (Scope::Device, Origin::Device { device }) = (scope, owner.origin)
            && let Some(id) = owner.draws.of_device(pools, *device, draw.pool)
        {
            return id;
        }
        let of = draw.parent.map(|parent| self.scratch.picks[parent]);
        match owner.root(scope).filter(|_| !line || scope > Scope::Visit) {
            Some(root) => pools.pick(draw.pool, of, &mut pick_stream(root, draw.pool)),
            None => pools.pick(draw.pool, of, self.rng),
        }
    }

    /// Finds out which flashes hit, and gives out their ids. Whether one does is decided where the first of its chain is drawn, so
    /// that an id that hits and those it belongs to come together; each of them lasts as long as it is drawn for.
    fn flash(&mut self, owner: &Owner<'_>, draws: &[Draw], line: bool) {
        if !line {
            self.scratch.hit.fill(false);
        }
        for flash in &owner.draws.flashes {
            let drawn_here = draws.iter().any(|draw| draw.pool == flash.top());
            let hit = if drawn_here {
                self.is_hit(owner, flash, line)
            } else {
                line && self.scratch.hit[flash.pool()]
            };
            let in_time = |draw: &&Draw| {
                let drawn_ns = owner.drawn_ns(owner.draws.scope(draw.pool));
                flash.id(draw.pool).is_some() && drawn_ns.is_some_and(|at| at < flash.to_ns)
            };
            let concerned = draws.iter().filter(in_time);
            // Of two flashes whose ids belong to different ones, the first has it.
            let taken = |draw: &Draw| self.scratch.given[draw.pick] > 0;
            if !hit || concerned.clone().any(taken) {
                continue;
            }
            if !line {
                self.scratch.hit[flash.pool()] = true;
            }
            for draw in concerned {
                self.scratch.given[draw.pick] = flash.id(draw.pool).unwrap_or(0);
            }
        }
    }

    fn is_hit(&mut self, owner: &Owner<'_>, flash: &Flash, line: bool) -> bool {
        let top = owner.draws.scope(flash.top());
        let window = flash.from_ns..flash.to_ns;
        if !owner.drawn_ns(top).is_some_and(|at| window.contains(&at)) {
            return false;
        }
        match owner.root(top).filter(|_| !line || top > Scope::Visit) {
            Some(root) => hash(root, Purpose::Pick, flash.pool() as u64 | 1 << 32) < flash.bar,
            None => self.rng.next_u64() < flash.bar,
        }
    }
}
