//! Rendering one event.

use std::sync::Arc;

use super::pen::{NUMBER_LEN, Pen};
use super::plan::{EventPlan, Traffic, ValuePlan};
use super::stamp::{self, CLOSING, OPENING, Stamp};
use super::template::{Draft, Scratch};
use super::{Rendered, header, partition};
use crate::rng::{Purpose, Stream, hash, stream};
use crate::scenario::StampPlace;
use crate::schedule::{Identity, Origin};

/// Renders events; one for each thread. What it keeps between events never shows in them.
#[derive(Clone)]
pub struct Renderer {
    traffic: Arc<Traffic>,
    scratch: Scratch,
}

impl Renderer {
    /// A renderer of this traffic.
    pub fn new(traffic: Arc<Traffic>) -> Renderer {
        Renderer {
            scratch: Scratch::new(&traffic.kit),
            traffic,
        }
    }

    /// Appends an event to `buffer`: number `event` of the scenario, with this identity. `due_ns`: when it is due, in nanoseconds since
    /// the start of the load.
    ///
    /// Pure: the same identity, due and scenario give the same bytes. Allocates only where the buffer has to grow.
    #[inline]
    pub fn render(
        &mut self,
        event: u16,
        id: Identity,
        due_ns: u64,
        origin: &Origin,
        buffer: &mut Vec<u8>,
    ) -> Rendered {
        let rng = stream(
            self.traffic.seed,
            Purpose::Event,
            id.cell(),
            u64::from(id.ordinal),
        );
        let _ = origin;
        self.render_event(usize::from(event), id, due_ns, rng, buffer)
    }

    /// Bytes of key, value and headers of an event, on average: what disks and networks are to be planned for.
    ///
    /// Taken from 500 events, so the same for the same scenario and a few per cent off where lines vary much.
    pub fn mean_bytes(&mut self, event: usize) -> f64 {
        const EVENTS: u32 = 500;
        let mut buffer = Vec::new();
        let mut sum = 0;
        for ordinal in 0..EVENTS {
            let id = Identity {
                flow: 0,
                shard: 0,
                bin: 0,
                ordinal,
            };
            let rng = stream(
                self.traffic.seed,
                Purpose::Test,
                event as u64,
                ordinal.into(),
            );
            self.render_event(event, id, 0, rng, &mut buffer);
            sum += buffer.len();
            buffer.clear();
        }
        sum as f64 / f64::from(EVENTS)
    }

    #[inline]
    fn render_event(
        &mut self,
        event: usize,
        id: Identity,
        due_ns: u64,
        mut rng: Stream,
        buffer: &mut Vec<u8>,
    ) -> Rendered {
        let traffic = &*self.traffic;
        let plan = &traffic.events[event];
        let stamp = Stamp {
            run: traffic.run_tag,
            id,
            due_ns,
        };
        let mut draft = Draft {
            kit: &traffic.kit,
            scratch: &mut self.scratch,
            rng: &mut rng,
            due_ns,
        };
        draft.draw(&plan.draws);
        let key_start = buffer.len();
        let most = plan.key.len() * (NUMBER_LEN + 1)
            + match &plan.value {
                ValuePlan::Template(template) => draft.measure(template),
                ValuePlan::Samples(samples) => samples.get(id).len(),
                ValuePlan::Bytes { size, .. } => *size,
            };
        let mut pen = Pen::new(buffer, most);
        for (at, &pool) in plan.key.iter().enumerate() {
            if at > 0 {
                pen.byte(b':');
            }
            pen.unsigned(draft.scratch.picks[pool]);
        }
        let value_start = pen.at();
        match &plan.value {
            ValuePlan::Template(template) => draft.render(template, &mut pen),
            ValuePlan::Samples(samples) => pen.bytes(samples.get(id)),
            ValuePlan::Bytes { size, opaque } => opaque.put(&mut pen, *size, draft.rng),
        }
        pen.put_down();
        if plan.stamp == StampPlace::Payload {
            stamp_payload(&plan.value, &stamp, key_start, buffer);
        }
        let headers_start = buffer.len();
        if !plan.headers.is_empty() || plan.stamp == StampPlace::Header {
            put_headers(plan, &mut draft, &stamp, key_start, buffer);
        }
        let partition = if plan.key.is_empty() {
            keyless(traffic.seed, id, plan.partitions)
        } else {
            partition::of_key(&buffer[key_start..value_start], plan.partitions)
        };
        Rendered {
            event: event as u16,
            topic: plan.topic,
            partition,
            key: (!plan.key.is_empty()).then_some(key_start..value_start),
            value: value_start..headers_start,
            headers: headers_start..buffer.len(),
        }
    }
}

/// Without a key every partition is as likely.
fn keyless(seed: u64, id: Identity, partitions: u32) -> u32 {
    let of_cell = hash(seed, Purpose::Keyless, id.cell());
    let random = hash(of_cell, Purpose::Keyless, u64::from(id.ordinal));
    super::skew::below(random, u64::from(partitions)) as u32
}

/// Appends the stamp to the value that ends the buffer; `from` is where its key begins, which lies right before it.
#[inline]
fn stamp_payload(value: &ValuePlan, stamp: &Stamp, from: usize, buffer: &mut Vec<u8>) {
    if matches!(value, ValuePlan::Bytes { .. }) {
        let text = stamp.seal(from, buffer).armour();
        buffer.extend_from_slice(&text);
        return;
    }
    // The object's closing brace, to which compiling the event has seen.
    buffer.pop();
    if buffer.last() != Some(&b'{') {
        buffer.push(b',');
    }
    buffer.extend_from_slice(OPENING);
    let text = stamp.seal(from, buffer).armour();
    buffer.extend_from_slice(&text);
    buffer.extend_from_slice(CLOSING);
}

fn put_headers(
    plan: &EventPlan,
    draft: &mut Draft<'_>,
    stamp: &Stamp,
    from: usize,
    buffer: &mut Vec<u8>,
) {
    if plan.stamp == StampPlace::Header {
        let raw = stamp.seal(from, buffer).raw();
        header::put(buffer, stamp::HEADER, |out| out.extend_from_slice(&raw));
    }
    for (name, template) in &plan.headers {
        header::put(buffer, name, |out| {
            let most = draft.measure(template);
            let mut pen = Pen::new(out, most);
            draft.render(template, &mut pen);
            pen.put_down();
        });
    }
}
