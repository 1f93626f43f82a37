//! Pools, topics and events, and the texts events are made of.

use toml::Spanned;

use super::super::extends::Chain;
use super::super::problem::Problem;
use super::super::quantity::Size;
use super::super::scalar::{Names, Text};
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::{
    Defects, Event, Field, FieldKind, Flow, Key, KeyPart, Pool, Skew, StampPlace, TemplateText,
    Topic, Value,
};
use super::client;
use super::{Table, bounded, need, resolve, simple};

/// Words that mean something else in a blank.
const RESERVED: &[&str] = &[
    "session", "device", "batch", "uuid", "now", "now_ms", "int", "decimal", "choice", "pad",
];

/// Blanks and keys that come later, and with what.
const LATER_BLANKS: &[(&str, &str)] = &[
    ("session", "journeys"),
    ("device", "periodic arrivals"),
    ("batch", "batches"),
];

/// More ids than anyone has of anything.
const MOST_IDS: u64 = 1_000_000_000_000;

/// The largest value that a `bytes` event may have.
const LARGEST: u64 = 100_000_000;

/// Checks the pools; indices are those of `tables`.
pub(super) fn pools(findings: &mut Findings<'_>, tables: &[Table<wire::Pool>]) -> Vec<Pool> {
    let mut pools = Vec::new();
    for table in tables {
        if RESERVED.contains(&table.name.as_str()) {
            let message = format!("a pool can't be called `{}`", table.name);
            findings.error(table.span.clone(), message).label =
                "the blank of that name is something else".into();
        }
        let Some(read) = &table.read else { continue };
        let wire = &read.value;
        let count = need(findings, table, "count", &wire.count);
        let count = bounded(findings, count, "the ids of a pool", 1..=MOST_IDS, 1);
        pools.push(Pool {
            of: None,
            flash: None,
            name: table.name.clone(),
            count,
            skew: skew(findings, wire.skew.as_ref(), &table.what),
            fields: fields(findings, wire),
        });
    }
    pools
}

fn skew(findings: &mut Findings<'_>, wire: Option<&wire::Skew>, what: &str) -> Skew {
    match wire {
        None | Some(wire::Skew::Uniform) => Skew::Uniform,
        Some(wire::Skew::Zipf(s)) => Skew::Zipf(s.0),
        Some(wire::Skew::LogNormal(sigma)) => Skew::LogNormal(sigma.0),
        Some(wire::Skew::Hot(hot)) => {
            let of = hot.of.get_ref().0;
            if of == 0.0 {
                let message = format!("the hot set is empty in {what}");
                findings.error(hot.of.span(), message).label = "a share above 0".into();
            }
            Skew::Hot {
                share: hot.share.0,
                of,
            }
        }
    }
}

fn fields(findings: &mut Findings<'_>, wire: &wire::Pool) -> Vec<Field> {
    let mut fields = Vec::new();
    for (name, kind) in wire.fields.iter().flat_map(|f| &f.0) {
        if !simple(name.get_ref()) {
            let message = format!("`{}` can't be the name of a field", name.get_ref());
            findings.error(name.span(), message).label = "letters, digits, `_` and `-` only".into();
        }
        let kind = kind.get_ref().0.clone();
        let kind = match kind {
            FieldKind::Choice(choices) => FieldKind::Choice(shares(choices)),
            other => other,
        };
        fields.push(Field {
            name: name.get_ref().clone(),
            kind,
        });
    }
    fields
}

/// Weights that add up to 1.
pub(super) fn shares<T>(weights: Vec<(T, f64)>) -> Vec<(T, f64)> {
    let sum: f64 = weights.iter().map(|(_, w)| w).sum();
    weights.into_iter().map(|(x, w)| (x, w / sum)).collect()
}

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
    tables: &[Table<wire::Event>],
    topics: &[Table<wire::Topic>],
    pools: &[Table<wire::Pool>],
) -> Vec<Option<Event>> {
    tables
        .iter()
        .map(|table| {
            let read = table.read.as_ref()?;
            let wire = &read.value;
            let topic = need(findings, table, "topic", &wire.topic)
                .and_then(|t| resolve(findings, "topic", topics, &t.get_ref().0, t.span()));
            let key = key(findings, wire.key.as_ref(), pools);
            let value = value(findings, chain, table, wire);
            let mut headers = Vec::new();
            for (name, text) in wire.headers.iter().flat_map(|h| &h.0) {
                let template = TemplateText {
                    name: format!("{} headers.{}", table.what, name.get_ref()),
                    text: text.get_ref().0.clone(),
                };
                later_blanks(findings, text.span(), &template);
                headers.push((name.get_ref().clone(), template));
            }
            Some(Event {
                defects: Defects::default(),
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
        let later = LATER_BLANKS.iter().find(|(word, _)| word == name);
        let pool = match later {
            Some((word, with)) if !pools.iter().any(|p| p.name == *name) => {
                findings.later(span, &format!("the key `{word}` ({with})"));
                None
            }
            _ => resolve(findings, "pool", pools, name, span),
        };
        match (&mut key, pool) {
            (Some(list), Some(pool)) => list.push(KeyPart::Pool(pool)),
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
        Ok((name, text)) => {
            let template = TemplateText { name, text };
            later_blanks(findings, span, &template);
            Some(Value::Template(template))
        }
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

/// Blanks that come later, told here so that nobody hunts for a typing error.
fn later_blanks(findings: &mut Findings<'_>, span: Span, template: &TemplateText) {
    let text = template.text.as_str();
    for (open, _) in text.match_indices("{{") {
        let inside = &text[open + 2..];
        let word = inside.trim_start();
        let start = open + 2 + (inside.len() - word.len());
        let end = word
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(word.len());
        let Some((word, with)) = LATER_BLANKS.iter().find(|(w, _)| *w == &word[..end]) else {
            continue;
        };
        let message =
            format!("the blank `{{{{{word}}}}}` ({with}) is not supported by this version yet");
        let problem = Problem::in_text(&template.name, text, start..start + end, message);
        findings.push(span.clone(), problem.label("comes with a later version"));
    }
}

/// Warns of what nothing uses.
pub(super) fn unused(
    findings: &mut Findings<'_>,
    topics: &[Table<wire::Topic>],
    events: &[Table<wire::Event>],
    checked_events: &[Option<Event>],
    flows: &[Option<Flow>],
) {
    if checked_events.iter().any(Option::is_none) || flows.iter().any(Option::is_none) {
        return;
    }
    for (index, table) in topics.iter().enumerate() {
        if !checked_events.iter().flatten().any(|e| e.topic == index) {
            let message = format!("no event is written to {}", table.what);
            findings.warn(table.span.clone(), message).label = "it stays empty".into();
        }
    }
    for (index, table) in events.iter().enumerate() {
        let sent = |flow: &Flow| flow.mix.iter().any(|(event, _)| *event == index);
        if !flows.iter().flatten().any(sent) {
            let message = format!("no flow sends {}", table.what);
            findings.warn(table.span.clone(), message).label = "never sent".into();
        }
    }
}
