//! Whether a template really renders to one JSON object: a few events of it are rendered and read back.

use rand::Rng;
use serde_json::Value;

use super::compile::Compiled;
use super::pen::Pen;
use super::problem::{Place, Problem};
use super::stamp;
use super::template::{Draft, Kit, Names, Op, Scratch};
use crate::rng::{Purpose, stream};
use crate::scenario::{StampPlace, TemplateText};

/// How many events are rendered: enough to see lines both alone and repeated, and all but rare words of a choice.
const SAMPLES: u64 = 200;

/// Fewer when they are long: what is rendered in all, in bytes.
const ENOUGH: usize = 4_000_000;

/// Checks that a template renders to one JSON object. The first problem is enough: all samples would show it again.
pub(super) fn prove(
    compiled: &Compiled,
    source: &TemplateText,
    stamp: StampPlace,
    kit: &Kit,
) -> Result<(), Problem> {
    let mut scratch = Scratch::new(kit);
    let mut out = Vec::new();
    let mut rendered = 0;
    for sample in 0..SAMPLES {
        rendered += out.len();
        if rendered > ENOUGH {
            break;
        }
        out.clear();
        let mut spans = Vec::new();
        let mut rng = stream(0, Purpose::Event, u64::MAX, sample);
        let mut draft = Draft {
            kit,
            scratch: &mut scratch,
            rng: &mut rng,
            at_ms: 0,
            names: Names {
                session: stream(0, Purpose::Event, u64::MAX - 1, sample).next_u64(),
                device: sample + 1,
                batch: sample as u32,
            },
            owner: None,
        };
        draft.draw(&compiled.template.draws);
        let most = draft.measure(&compiled.template);
        let mut pen = Pen::new(&mut out, most);
        draft.trace(&compiled.template, &mut pen, &mut |step, start| {
            spans.push(Span { step, start });
        });
        pen.put_down();
        let at = |offset: usize| place(compiled, source, &spans, offset, offset >= out.len());
        let problem = |place, message| Problem {
            source: source.name.clone(),
            place: Some(place),
            message,
            nearest: None,
        };
        let value: Value = serde_json::from_slice(&out).map_err(|error| {
            let offset = offset_of(&out, &error);
            let shown = String::from_utf8_lossy(&out[offset.min(out.len())..]);
            let shown: String = shown.chars().take(24).collect();
            let shown = shown.escape_debug();
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            let message = if offset >= out.len() {
                format!("the event is not whole JSON: {what}")
            } else {
                format!("the event is not JSON: {what}, where it goes on with `{shown}`")
            };
            problem(at(offset), message)
        })?;
        let Value::Object(fields) = value else {
            let message = "the event must be one JSON object, `{ ... }`".to_owned();
            return Err(problem(at(0), message));
        };
        if stamp == StampPlace::Payload && fields.contains_key(stamp::FIELD) {
            let name = format!("\"{}\"", stamp::FIELD);
            let start = source.text.find(&name).unwrap_or(0);
            let message = format!(
                "the field `{}` is the stamp's; rename yours, or set `stamp = \"header\"`",
                stamp::FIELD
            );
            return Err(problem(
                Place::new(&source.text, start, name.len()),
                message,
            ));
        }
    }
    Ok(())
}

/// Where a step's bytes begin in a rendered event.
struct Span {
    step: usize,
    start: usize,
}

/// The byte that serde_json stopped at.
fn offset_of(rendered: &[u8], error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return rendered.len();
    }
    let before: usize = rendered
        .split_inclusive(|&b| b == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    // Column 0 is the end of the line before.
    (before + error.column())
        .saturating_sub(1)
        .min(rendered.len())
}

/// The place in the template that a byte of a rendered event comes from.
fn place(
    compiled: &Compiled,
    source: &TemplateText,
    spans: &[Span],
    offset: usize,
    at_end: bool,
) -> Place {
    let text = &source.text;
    let next = spans.partition_point(|span| span.start <= offset);
    let Some(span) = next.checked_sub(1).map(|at| &spans[at]) else {
        return Place::new(text, 0, 1);
    };
    let Compiled { template, origins } = compiled;
    let (step, origin) = (&template.steps[span.step], &origins.steps[span.step]);
    let within = offset - span.start;
    if within < step.len as usize {
        let from = origins.text.get(step.start as usize + within);
        return Place::new(text, *from.unwrap_or(&origin.start), 1);
    }
    if at_end || step.op == Op::Nothing {
        return Place::new(text, origin.end, 1);
    }
    Place::new(text, origin.start, origin.len())
}
