//! A part of the run, rendered: what events weigh, what their keys are, how well they compress.
//!
//! A few shards are walked through the whole run, since each is as good as any other; so journeys are whole, and an hour weighs what it
//! weighs in the run.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Compression, Ground, Sample};
use crate::schedule::{Bin, Identity, Mix, Origin, Shards};
use crate::traffic::{Rendered, Renderer};

/// About how many events of each flow are rendered.
const EVENTS: f64 = 20_000.0;
/// What is compressed together, as producers do.
const BATCH: usize = 128 << 10;
/// How many batches of each topic are compressed.
const BATCHES: usize = 3;
/// Zstandard's default level, which is librdkafka's, too.
const ZSTD_LEVEL: i32 = 3;

/// Bytes of an event, on average.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub key: f64,
    pub value: f64,
}

/// The keys of an event of a flow, as far as it was rendered.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyed {
    /// How often each came.
    pub counts: HashMap<Vec<u8>, u32>,
    /// How many events each journey had.
    sessions: HashMap<u64, u32>,
}

impl Keyed {
    /// How much more than events by themselves those of one journey vary together: E[k²] / E[k] of the events k of a journey.
    pub(super) fn clumping(&self) -> f64 {
        let (mut sum, mut squares) = (0.0, 0.0);
        for count in self.sessions.values().map(|count| f64::from(*count)) {
            sum += count;
            squares += count * count;
        }
        if sum > 0.0 { squares / sum } else { 1.0 }
    }

    fn take(&mut self, key: &[u8], origin: &Origin) {
        match self.counts.get_mut(key) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(key.to_vec(), 1);
            }
        }
        if let Origin::Step(step) = origin {
            *self.sessions.entry(step.session).or_default() += 1;
        }
    }
}

/// What rendering a part of the run has told.
pub(super) struct Sampled {
    /// By event.
    pub sizes: Vec<Size>,
    /// By flow and event. Of each flow another part was rendered, so counts of two of them don't compare.
    pub keys: Vec<Vec<Keyed>>,
    /// By event: how many were rendered.
    pub counts: Vec<u32>,
    /// One of each kind.
    pub samples: Vec<Sample>,
    /// By topic: values, one behind the other.
    values: Vec<Vec<u8>>,
}

/// Renders a part of the run.
pub(super) fn sample(ground: &Ground<'_>) -> Sampled {
    let scenario = ground.scenario;
    let events = scenario.events.len();
    let mut sampled = Sampled {
        sizes: vec![Size::default(); events],
        keys: vec![vec![Keyed::default(); events]; scenario.flows.len()],
        counts: vec![0; events],
        samples: Vec::new(),
        values: vec![Vec::new(); scenario.topics.len()],
    };
    let mut renderer = Renderer::new(Arc::clone(ground.traffic));
    let mut buffer = Vec::new();
    for flow in 0..scenario.flows.len() {
        each(ground, flow, &mut |event, id, original, due_ns, origin| {
            buffer.clear();
            let rendered = renderer.render_copy(event, id, original, due_ns, origin, &mut buffer);
            sampled.take((ground, flow), &rendered, (due_ns, origin), &buffer);
        });
    }
    for (event, size) in sampled.sizes.iter_mut().enumerate() {
        match sampled.counts[event] {
            // Too rare for the part that was rendered.
            0 => size.value = renderer.mean_bytes(event),
            count => {
                size.key /= f64::from(count);
                size.value /= f64::from(count);
            }
        }
    }
    sampled
}

/// What takes an event: its index, identity, the ordinal of its original, due and origin.
type Take<'a> = &'a mut dyn FnMut(u16, Identity, u32, u64, &Origin);

/// Gives the events of a part of a flow.
fn each(ground: &Ground<'_>, flow: usize, take: Take<'_>) {
    let scenario = ground.scenario;
    let (schedule, index) = (&ground.schedules[flow], flow as u16);
    if !scenario.flows[flow].arrivals.has_due() {
        return undue(ground, flow, take);
    }
    let parts = (schedule.curve().total() / EVENTS).ceil();
    let step = (parts as u32).clamp(1, scenario.shards);
    let mut cells = schedule.cells(Shards {
        first: 0,
        step: step.min(u32::from(u16::MAX)) as u16,
        end: scenario.shards,
    });
    let mut held = Bin::default();
    for bin in 0..schedule.bins() {
        cells.bin(bin, &mut held);
        for (at, arrival) in held.arrivals.iter().enumerate() {
            let id = Identity {
                flow: index,
                shard: arrival.shard,
                bin,
                ordinal: arrival.ordinal,
            };
            let origin = held.origin(at);
            take(
                arrival.event,
                id,
                held.original(at),
                arrival.due_ns,
                &origin,
            );
        }
    }
}

/// Gives events of a flow in which nothing is due: as they would be if one came every millisecond.
fn undue(ground: &Ground<'_>, flow: usize, take: Take<'_>) {
    const EVENTS: u32 = 2_000;
    let mix = Mix::new(ground.scenario, flow);
    for ordinal in 0..EVENTS {
        let id = Identity {
            flow: flow as u16,
            shard: 0,
            bin: ordinal / 100,
            ordinal: ordinal % 100,
        };
        let due_ns = u64::from(ordinal) * 1_000_000;
        take(mix.event(id), id, id.ordinal, due_ns, &Origin::Alone);
    }
}

impl Sampled {
    fn take(
        &mut self,
        (ground, flow): (&Ground<'_>, usize),
        rendered: &Rendered,
        (due_ns, origin): (u64, &Origin),
        buffer: &[u8],
    ) {
        let event = usize::from(rendered.event);
        let key = rendered.key.clone().map(|range| &buffer[range]);
        let value = rendered.value.clone().map(|range| &buffer[range]);
        if self.counts[event] == 0 {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let scenario = ground.scenario;
            self.samples.push(Sample {
                event: scenario.events[event].name.clone(),
                topic: scenario.topics[usize::from(rendered.topic)].key.clone(),
                key: key.map(text),
                due_us: due_ns / 1000,
                value: value.map(text),
            });
        }
        self.counts[event] += 1;
        let size = &mut self.sizes[event];
        size.key += key.map_or(0.0, |key| key.len() as f64);
        size.value += value.map_or(0.0, |value| value.len() as f64);
        if let Some(key) = key {
            self.keys[flow][event].take(key, origin);
        }
        let values = &mut self.values[usize::from(rendered.topic)];
        if let (Some(value), true) = (value, values.len() < BATCH * BATCHES) {
            values.extend_from_slice(value);
        }
    }

    /// How many times the values of a topic shrink; `None` where there are too few to tell.
    pub(super) fn compression(&self, topic: usize) -> Option<Compression> {
        let values = &self.values[topic];
        if values.len() < 4096 {
            return None;
        }
        let (mut lz4, mut zstd) = (0, 0);
        for batch in values.chunks(BATCH) {
            lz4 += lz4_flex::block::compress(batch).len();
            zstd += zstd::bulk::compress(batch, ZSTD_LEVEL).map_or(batch.len(), |out| out.len());
        }
        let ratio = |out: usize| values.len() as f64 / out as f64;
        Some(Compression {
            lz4: ratio(lz4),
            zstd: ratio(zstd),
        })
    }
}
