//! Topics and events, and the texts events are made of.

use toml::Spanned;

use super::super::extends::Chain;
use super::super::quantity::Size;
use super::super::scalar::{Names, Text};
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{Arrivals, Event, Flow, Key, KeyPart, StampPlace, TemplateText, Topic, Value};
use super::names::resolve;
use super::{Table, Tables, bounded, client, defects, need};

/// The largest value that a `bytes` event may have.
pub(super) const LARGEST: u64 = 100_000_000;

/// Checks the topics; indices are those of `tables`.
pub(super) fn topics(findings: &mut Findings<'_>, tables: &[Table<wire::Topic>]) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for table in tables {
        let Some(read) = &table.read else { continue };
        let wire = &read.value;
        let (name, span) = match &wire.name {
            Some(name) => (name.get_ref().0.clone(), name.span()),
            None => (table.name.replace('_', "-"), table.span.clone()),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > 200 || !name.chars().all(legal) {
            let message = format!("`{name}` can't be the name of a topic");
            findings.error(span.clone(), message).label =
                "letters, digits, `.`, `_` and `-` only".into();
        }
        if let Some(twin) = topics.iter().find(|t| t.name == name) {
            let message = format!("[topic.{}] is called `{name}` as well", twin.key);
            findings.error(span, message).label = "give one of them another `name`".into();
        }
        let partitions = need(findings, table, "partitions", &wire.partitions);
        topics.push(Topic {
            key: table.name.clone(),
            name,
            partitions: bounded(findings, partitions, "partitions", 1..=100_000, 1) as u32,
            replication: wire
                .replication
                .as_ref()
                .map(|r| bounded(findings, Some(r), "replication", 1..=32_767, 1) as u16),
            config: wire.config.as_ref().map(client::plain).unwrap_or_default(),
        });
    }
    topics
}

/// Checks the events; `None` stands for one with errors.
pub(super) fn events(
    findings: &mut Findings<'_>,
    chain: &Chain,
    tables: &Tables,
) -> Vec<Option<Event>> {
    tables
        .events
        .iter()
        .map(|table| {
            let read = table.read.as_ref()?;
            let wire = &read.value;
            let topic = need(findings, table, "topic", &wire.topic)
                .and_then(|t| resolve(findings, "topic", &tables.topics, &t.get_ref().0, t.span()));
            let key = key(findings, wire.key.as_ref(), &tables.pools);
            let value = value(findings, chain, table, wire);
            let mut headers = Vec::new();
            for (name, text) in wire.headers.iter().flat_map(|h| &h.0) {
                let template = TemplateText {
                    name: format!("{} headers.{}", table.what, name.get_ref()),
                    text: text.get_ref().0.clone(),
                };
                headers.push((name.get_ref().clone(), template));
            }
            let defects = defects::defects(findings, wire.defects.as_ref(), &table.what);
            Some(Event {
                name: table.name.clone(),
                topic: topic?,
                key: key?,
                value: value?,
                headers,
                stamp: match wire.stamp.as_ref().map(Spanned::get_ref) {
                    None | Some(wire::Stamp::Payload) => StampPlace::Payload,
                    Some(wire::Stamp::Header) => StampPlace::Header,
                    Some(wire::Stamp::None) => StampPlace::None,
                },
                defects: defects?,
            })
        })
        .collect()
}

fn key(
    findings: &mut Findings<'_>,
    names: Option<&Spanned<Names>>,
    pools: &[Table<wire::Pool>],
) -> Option<Key> {
    let Some(names) = names else {
        return Some(Key::default());
    };
    let mut key = Some(Vec::new());
    for (name, span) in &names.get_ref().0 {
        let span = span.clone().unwrap_or(names.span());
        let part = match name.as_str() {
            "session" => Some(KeyPart::Session),
            "device" => Some(KeyPart::Device),
            _ => resolve(findings, "pool", pools, name, span).map(KeyPart::Pool),
        };
        match (&mut key, part) {
            (Some(list), Some(part)) => list.push(part),
            _ => key = None,
        }
    }
    key.map(|parts| Key { parts })
}

fn value(
    findings: &mut Findings<'_>,
    chain: &Chain,
    table: &Table<wire::Event>,
    wire: &wire::Event,
) -> Option<Value> {
    let whole = table.read.as_ref().is_some_and(|r| r.whole);
    match (&wire.template, &wire.value) {
        (Some(_), Some(value)) => {
            let message = format!("`value` beside `template` in {}", table.what);
            findings.error(value.span(), message).label = "one of the two".into();
            None
        }
        (None, Some(value)) => made(findings, chain, value, &table.what, whole),
        (Some(name), None) => template(findings, chain, &name.get_ref().0, name.span(), None),
        (None, None) if whole => {
            let name = format!("events/{}.json", table.name);
            let help = format!(
                "without `template` or `value`, the template is `{name}` beside the scenario"
            );
            template(findings, chain, &name, table.span.clone(), Some(help))
        }
        (None, None) => None,
    }
}

fn template(
    findings: &mut Findings<'_>,
    chain: &Chain,
    name: &str,
    span: Span,
    help: Option<String>,
) -> Option<Value> {
    match chain.file(&span, name) {
        Ok((name, text)) => Some(Value::Template(TemplateText { name, text })),
        Err(error) => {
            let problem = findings.error(span, error);
            problem.label = "an event template is expected there".into();
            problem.help = help;
            None
        }
    }
}

/// A value that is no template: `{ lines }` or `{ bytes, compressible }`.
fn made(
    findings: &mut Findings<'_>,
    chain: &Chain,
    value: &Spanned<wire::Value>,
    what: &str,
    whole: bool,
) -> Option<Value> {
    let wire = value.get_ref();
    match (&wire.lines, &wire.bytes) {
        (Some(name), None) => {
            if let Some(compressible) = &wire.compressible {
                let message = format!("`compressible` is for `bytes`, not for `lines`, in {what}");
                findings.error(compressible.span(), message);
            }
            lines(findings, chain, name)
        }
        (None, Some(bytes)) => {
            let Size(size) = *bytes.get_ref();
            if size == 0 || size > LARGEST {
                let message = format!("a value of {} is impossible", Size(size));
                findings.error(bytes.span(), message).label =
                    format!("above 0, and at most {}", Size(LARGEST));
                return None;
            }
            let ratio = wire.compressible.as_ref().map_or(1.0, |c| c.get_ref().0);
            if let Some(compressible) = &wire.compressible
                && !(1.0..=1000.0).contains(&ratio)
            {
                let message = format!("nothing compresses {ratio} times");
                findings.error(compressible.span(), message).label = "from 1 to 1000".into();
            }
            Some(Value::Bytes {
                size: size as usize,
                compressible: ratio,
            })
        }
        _ => {
            if whole {
                let message = format!("`value` is either `lines` or `bytes`, in {what}");
                findings.error(value.span(), message).label =
                    "as in { bytes = \"1.2kB\", compressible = 3 }".into();
            }
            None
        }
    }
}

fn lines(findings: &mut Findings<'_>, chain: &Chain, name: &Spanned<Text>) -> Option<Value> {
    let (shown, text) = match chain.file(&name.span(), &name.get_ref().0) {
        Ok(file) => file,
        Err(error) => {
            findings.error(name.span(), error).label = "a file of records is expected there".into();
            return None;
        }
    };
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    if lines.is_empty() {
        findings
            .error(name.span(), format!("`{shown}` has no records"))
            .label = "at least one line".into();
        return None;
    }
    Some(Value::Lines { name: shown, lines })
}

/// Whether all flows that send an event have what its key is made of; an error where one has not.
pub(super) fn keyed(
    findings: &mut Findings<'_>,
    tables: &Tables,
    (events, flows): (&[Option<Event>], &[Option<Flow>]),
) {
    for (index, (table, event)) in tables.events.iter().zip(events).enumerate() {
        let key = table.read.as_ref().and_then(|r| r.value.key.as_ref());
        let (Some(event), Some(key)) = (event, key) else {
            continue;
        };
        let senders = flows.iter().zip(&tables.flows).filter_map(|(flow, table)| {
            let flow = flow.as_ref()?;
            let sends = flow.mix.iter().any(|(event, _)| *event == index);
            sends.then_some((flow, table))
        });
        for (flow, flow_table) in senders {
            for (part, (_, span)) in event.key.parts.iter().zip(&key.get_ref().0) {
                let (word, wrong) = match part {
                    KeyPart::Session => ("session", flow.journey.is_none()),
                    KeyPart::Device => {
                        let devices = matches!(flow.arrivals, Arrivals::Periodic(_));
                        ("device", !devices)
                    }
                    KeyPart::Pool(_) => continue,
                };
                if wrong {
                    let span = span.clone().unwrap_or(key.span());
                    let has = match word {
                        "session" => "has no journey",
                        _ => "is not periodic",
                    };
                    let message = format!("{} {has}, and sends {}", flow_table.what, table.what);
                    findings.error(span, message).label =
                        format!("there is no {word} to make a key of");
                }
            }
        }
    }
}
