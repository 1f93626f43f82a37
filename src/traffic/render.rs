//! Rendering one event.

use std::sync::Arc;

use super::defect::{self, Wrong};
use super::pen::{NUMBER_LEN, Pen};
use super::plan::{EventPlan, Traffic, ValuePlan};
use super::scope::Owner;
use super::stamp::{self, CLOSING, OPENING, Stamp, TEXT_LEN};
use super::template::{Draft, Names, Scratch};
use super::{Rendered, header, partition};
use crate::rng::{Purpose, Stream, hash, stream};
use crate::scenario::{KeyPart, StampPlace};
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
    /// the start of the load. `origin`: what it is part of.
    ///
    /// Pure: the same arguments and scenario give the same bytes. Allocates only where the buffer has to grow.
    #[inline]
    pub fn render(
        &mut self,
        event: u16,
        id: Identity,
        due_ns: u64,
        origin: &Origin,
        buffer: &mut Vec<u8>,
    ) -> Rendered {
        self.render_copy(event, id, id.ordinal, due_ns, origin, buffer)
    }

    /// The same with the key and the content of another event of the same cell and origin, which has the ordinal `original`: an
    /// event that is sent again on purpose. The stamp is its own.
    #[inline]
    pub fn render_copy(
        &mut self,
        event: u16,
        id: Identity,
        original: u32,
        due_ns: u64,
        origin: &Origin,
        buffer: &mut Vec<u8>,
    ) -> Rendered {
        let event = usize::from(event);
        let traffic = &*self.traffic;
        let flow = &traffic.flows[usize::from(id.flow)];
        let original = Identity {
            ordinal: original,
            ..id
        };
        let (owner, mut rng) = if flow.draws.is_plain(due_ns) {
            (None, event_stream(traffic.seed, original))
        } else {
            let owner = Owner::new(traffic.seed, &flow.draws, origin, due_ns);
            let rng = match origin {
                Origin::Step(step) => owner.step_stream(step),
                _ => event_stream(traffic.seed, original),
            };
            (Some(owner), rng)
        };
        let wrong = defect::of(&flow.chances[event], traffic.seed, original);
        let draft = Draft {
            kit: &traffic.kit,
            scratch: &mut self.scratch,
            rng: &mut rng,
            at_ms: traffic.kit.calendar.millis(due_ns) - wrong.late_ms,
            names: Names::of(origin),
            owner,
        };
        let stamp = Stamp {
            run: traffic.run_tag,
            id,
            due_ns,
        };
        render_event(traffic, event, draft, (&stamp, original, wrong), buffer)
    }

    /// Bytes of key, value and headers of an event, on average: what disks and networks are to be planned for.
    ///
    /// Taken from 500 events, so the same for the same scenario and a few per cent off where lines vary much.
    pub fn mean_bytes(&mut self, event: usize) -> f64 {
        const EVENTS: u32 = 500;
        let mut buffer = Vec::new();
        let mut sum = 0;
        let traffic = &*self.traffic;
        for ordinal in 0..EVENTS {
            let id = Identity {
                flow: 0,
                shard: 0,
                bin: 0,
                ordinal,
            };
            let number = u64::from(ordinal);
            let mut rng = stream(traffic.seed, Purpose::Test, event as u64, number);
            let draft = Draft {
                kit: &traffic.kit,
                scratch: &mut self.scratch,
                rng: &mut rng,
                at_ms: traffic.kit.calendar.millis(0),
                names: Names {
                    session: number,
                    device: number + 1,
                    batch: ordinal,
                },
                owner: None,
            };
            let stamp = Stamp {
                run: traffic.run_tag,
                id,
                due_ns: 0,
            };
            render_event(
                traffic,
                event,
                draft,
                (&stamp, id, Wrong::default()),
                &mut buffer,
            );
            sum += buffer.len();
            buffer.clear();
        }
        sum as f64 / f64::from(EVENTS)
    }
}

/// The stream of an event that stands alone.
#[inline]
fn event_stream(seed: u64, id: Identity) -> Stream {
    stream(seed, Purpose::Event, id.cell(), u64::from(id.ordinal))
}

/// `original`: the identity that decides what it says.
#[inline]
fn render_event(
    traffic: &Traffic,
    event: usize,
    mut draft: Draft<'_>,
    (stamp, original, wrong): (&Stamp, Identity, Wrong),
    buffer: &mut Vec<u8>,
) -> Rendered {
    let plan = &traffic.events[event];
    draft.draw(&plan.draws);
    let key_start = buffer.len();
    let most = plan.key.len() * (NUMBER_LEN + 1)
        + match &plan.value {
            _ if wrong.tombstone => 0,
            ValuePlan::Template(template) => draft.measure(template),
            ValuePlan::Samples(samples) => samples.get(original).len(),
            ValuePlan::Bytes { size, .. } => plan.plain_bytes(*size, wrong.size),
        };
    let mut pen = Pen::new(buffer, most);
    put_key(&plan.key, &draft, &mut pen);
    let value_start = pen.at();
    match &plan.value {
        _ if wrong.tombstone => {}
        ValuePlan::Template(template) => draft.render(template, &mut pen),
        ValuePlan::Samples(samples) => pen.bytes(samples.get(original)),
        ValuePlan::Bytes { size, opaque } => {
            opaque.put(&mut pen, plan.plain_bytes(*size, wrong.size), draft.rng);
        }
    }
    pen.put_down();
    if wrong.size > 0 && !wrong.tombstone {
        enlarge(plan, value_start, wrong.size, &mut draft, buffer);
    }
    if plan.stamp == StampPlace::Payload && !wrong.tombstone {
        stamp_payload(&plan.value, stamp, key_start, buffer);
    }
    let headers_start = buffer.len();
    let in_header = match plan.stamp {
        StampPlace::Header => true,
        StampPlace::Payload => wrong.tombstone,
        StampPlace::None => false,
    };
    if !plan.headers.is_empty() || in_header {
        let stamp = in_header.then_some(stamp);
        put_headers(plan, &mut draft, (stamp, key_start), buffer);
    }
    let partition = if plan.key.is_empty() {
        keyless(traffic.seed, original, plan.partitions)
    } else {
        partition::of_key(&buffer[key_start..value_start], plan.partitions)
    };
    Rendered {
        event: event as u16,
        topic: plan.topic,
        partition,
        key: (!plan.key.is_empty()).then_some(key_start..value_start),
        value: (!wrong.tombstone).then_some(value_start..headers_start),
        headers: headers_start..buffer.len(),
    }
}

#[inline(always)]
fn put_key(parts: &[KeyPart], draft: &Draft<'_>, pen: &mut Pen<'_>) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            pen.byte(b':');
        }
        match part {
            KeyPart::Pool(pool) => pen.unsigned(draft.scratch.picks[*pool]),
            KeyPart::Session => pen.hex(draft.names.session),
            KeyPart::Device => pen.unsigned(draft.names.device),
        }
    }
}

/// Pads the value that ends the buffer so that it has this many bytes with its stamp: an object gets one more field, another text
/// more text. Text that does not vanish when it is compressed.
fn enlarge(
    plan: &EventPlan,
    value_start: usize,
    size: usize,
    draft: &mut Draft<'_>,
    buffer: &mut Vec<u8>,
) {
    const OPENING: &[u8] = b"\"_hw_pad\":\"";
    const CLOSING: &[u8] = b"\"}";
    if matches!(plan.value, ValuePlan::Bytes { .. }) {
        return;
    }
    let stamp = match plan.stamp {
        // With its comma, and the brace that the value has already.
        StampPlace::Payload => stamp::OPENING.len() + TEXT_LEN + stamp::CLOSING.len(),
        StampPlace::Header | StampPlace::None => 0,
    };
    let lacking = (value_start + size).saturating_sub(buffer.len() + stamp);
    let is_object = buffer.ends_with(b"}");
    if !is_object {
        return put_filler(lacking, draft, buffer);
    }
    // A comma more unless it is empty, and a brace that is there already.
    let comma = usize::from(!buffer.ends_with(b"{}"));
    let field = comma + OPENING.len() + CLOSING.len() - 1;
    let Some(lacking) = lacking.checked_sub(field) else {
        return;
    };
    buffer.pop();
    buffer.extend_from_slice(&b","[..comma]);
    buffer.extend_from_slice(OPENING);
    put_filler(lacking, draft, buffer);
    buffer.extend_from_slice(CLOSING);
}

fn put_filler(len: usize, draft: &mut Draft<'_>, buffer: &mut Vec<u8>) {
    let mut pen = Pen::new(buffer, len);
    draft.kit.filler.put(&mut pen, len, draft.rng);
    pen.put_down();
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

/// `stamp`: what goes into a header, and where the key begins.
fn put_headers(
    plan: &EventPlan,
    draft: &mut Draft<'_>,
    (stamp, from): (Option<&Stamp>, usize),
    buffer: &mut Vec<u8>,
) {
    if let Some(stamp) = stamp {
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
