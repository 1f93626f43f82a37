//! What is wrong with events on purpose, and what that asks of them.

use toml::Spanned;

use super::super::quantity::{Lapse, Size};
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{Defects, Delay, Event, Flow, Key, Oversized, StampPlace, Value};
use super::Tables;
use super::blanks;
use super::events::LARGEST;

/// Checks a table of defects. A share of 0 is as good as none. `None` after an error.
pub(super) fn defects(
    findings: &mut Findings<'_>,
    wire: Option<&Spanned<wire::Defects>>,
    what: &str,
) -> Option<Defects> {
    let Some(wire) = wire.map(Spanned::get_ref) else {
        return Some(Defects::default());
    };
    let late = delay(findings, wire.late.as_ref(), "late", what)?;
    let out_of_order = delay(findings, wire.out_of_order.as_ref(), "out of order", what)?;
    let oversized = match &wire.oversized {
        Some(oversized) => {
            let Size(size) = *oversized.size.get_ref();
            if size == 0 || size > LARGEST {
                let message = format!("an event of {} is impossible", Size(size));
                findings.error(oversized.size.span(), message).label =
                    format!("above 0, and at most {}", Size(LARGEST));
                return None;
            }
            Some(Oversized {
                share: oversized.share.0,
                size: size as usize,
            })
        }
        None => None,
    };
    let share = |defect: &Option<Spanned<wire::OnlyShare>>| {
        let share = defect.as_ref().map(|d| d.get_ref().share.0);
        share.filter(|s| *s > 0.0)
    };
    Some(Defects {
        late: late.filter(|d| d.share > 0.0),
        out_of_order: out_of_order.filter(|d| d.share > 0.0),
        duplicate: share(&wire.duplicate),
        tombstone: share(&wire.tombstone),
        oversized: oversized.filter(|d| d.share > 0.0),
    })
}

/// The outer `None` is after an error.
fn delay(
    findings: &mut Findings<'_>,
    wire: Option<&wire::Delay>,
    word: &str,
    what: &str,
) -> Option<Option<Delay>> {
    let Some(wire) = wire else {
        return Some(None);
    };
    let Lapse(by) = *wire.by.get_ref();
    if by.is_zero() {
        let message = format!("events that are {word} by nothing, in {what}");
        findings.error(wire.by.span(), message).label = "a time above 0".into();
        return None;
    }
    let share = wire.share.0;
    Some(Some(Delay { share, by }))
}

/// Where each event's stamp goes, and whether every event can have the defects that it or one of its flows asks for.
///
/// A tombstone has no value to hold a stamp. So an event that may be one has its stamp in a header when the file does not say.
pub(super) fn suit(
    findings: &mut Findings<'_>,
    tables: &Tables,
    (events, flows): (&mut [Option<Event>], &[Option<Flow>]),
) {
    for (index, (table, event)) in tables.events.iter().zip(events).enumerate() {
        let (Some(read), Some(event)) = (&table.read, event) else {
            continue;
        };
        let mut asked = Vec::new();
        if let Some(wire) = &read.value.defects {
            asked.push((wire, event.defects, table.what.as_str()));
        }
        for (table, flow) in tables.flows.iter().zip(flows) {
            let sends = |flow: &&Flow| flow.mix.iter().any(|(e, _)| *e == index);
            let wire = table.read.as_ref().and_then(|r| r.value.defects.as_ref());
            let Some(flow) = flow.as_ref().filter(sends) else {
                continue;
            };
            if !flow.arrivals.has_due() {
                for wire in [read.value.defects.as_ref(), wire].into_iter().flatten() {
                    once(findings, wire, &table.what);
                }
            }
            if let Some(wire) = wire {
                asked.push((wire, flow.defects, table.what.as_str()));
            }
        }
        for (wire, defects, by) in asked {
            if defects.tombstone.is_some() {
                let place = wire.get_ref().tombstone.as_ref();
                let place = place.map_or(wire.span(), Spanned::span);
                tombstone(findings, (&read.value, event), place, by);
            }
            if defects.late.or(defects.out_of_order).is_some() && !tells_time(event) {
                let message = format!("nothing in [event.{}] tells the time", event.name);
                findings.warn(wire.span(), message).label =
                    "late and out of order show in {{now}} and {{now_ms}}".into();
            }
        }
    }
}

/// Duplicates are due with what they repeat: where nothing is due there are none.
fn once(findings: &mut Findings<'_>, wire: &Spanned<wire::Defects>, flow: &str) {
    let duplicate = wire.get_ref().duplicate.as_ref();
    if let Some(duplicate) = duplicate.filter(|d| d.get_ref().share.0 > 0.0) {
        let message = format!("{flow} has no instant at which a second one would be due");
        findings.error(duplicate.span(), message).label = "no duplicates there".into();
    }
}

fn tombstone(
    findings: &mut Findings<'_>,
    (wire, event): (&wire::Event, &mut Event),
    place: Span,
    by: &str,
) {
    if event.key == Key::default() {
        let message = format!(
            "[event.{}] has no key, and a tombstone is a key without a value",
            event.name
        );
        findings.error(place, message).label = "which key would it bury?".into();
        return;
    }
    match wire.stamp.as_ref().map(|s| (*s.get_ref(), s.span())) {
        None => event.stamp = StampPlace::Header,
        Some((wire::Stamp::Payload, span)) => {
            let message = format!("the tombstones of {by} have no value to hold a stamp");
            findings.error(span, message).label = "\"header\" or \"none\"".into();
        }
        Some((wire::Stamp::Header | wire::Stamp::None, _)) => {}
    }
}

/// Whether an event's simulated time can be seen.
fn tells_time(event: &Event) -> bool {
    let told = |text: &str| blanks::words(text).any(|word| word == "now" || word == "now_ms");
    let value = match &event.value {
        Value::Template(template) => told(&template.text),
        Value::Lines { .. } | Value::Bytes { .. } => false,
    };
    value || event.headers.iter().any(|(_, h)| told(&h.text))
}
