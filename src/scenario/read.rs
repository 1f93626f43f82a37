//! Reading one table into its wire type, with every error in it.
//!
//! serde stops at the first error. So what is at fault is reported, taken out, and the rest is read again.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::problem::nearest;
use super::text::{Findings, Span};

/// A wire value, and whether it is all there: false when parts were taken out because they were wrong.
#[derive(Debug)]
pub(super) struct Read<T> {
    pub value: T,
    pub whole: bool,
}

/// Reads `value`, which is called `what` in messages; `place` is marked when no better place is known.
/// `None` when nothing is left to be read; all errors are in `findings` then.
pub(super) fn read<T: DeserializeOwned>(
    findings: &mut Findings<'_>,
    what: &str,
    place: Span,
    value: &Spanned<DeValue<'_>>,
) -> Option<Read<T>> {
    let mut value = value.clone();
    let mut removed: Vec<String> = Vec::new();
    let root = value.span();
    loop {
        let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => {
                return Some(Read {
                    value: read,
                    whole: removed.is_empty(),
                });
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or(root.clone());
        // A table's own span is its header, or its first word alone: its name is the better mark.
        let table = matches!(value.get_ref(), DeValue::Table(_));
        let mark = match table && span == root {
            true => place.clone(),
            false => span.clone(),
        };
        let cut = cut(&mut value, &span, &mut removed);
        let known = missing(error.message()).is_some_and(|m| removed.iter().any(|r| r == m));
        if !known {
            explain(findings, what, mark, error.message());
            if missing(error.message()).is_none() {
                findings.is_certain();
            }
        }
        cut?;
    }
}

/// Takes out the innermost entry that holds `span`, and returns its key. A container that is empty then goes too. The keys of all that
/// went are added to `removed`.
fn cut(value: &mut Spanned<DeValue<'_>>, span: &Span, removed: &mut Vec<String>) -> Option<String> {
    match value.get_mut() {
        DeValue::Table(table) => cut_from_table(table, span, removed),
        DeValue::Array(array) => cut_from_array(array, span, removed),
        _ => None,
    }
}

fn cut_from_table(
    table: &mut DeTable<'_>,
    span: &Span,
    removed: &mut Vec<String>,
) -> Option<String> {
    let mut out: Option<(String, String)> = None;
    for (key, value) in table.iter_mut() {
        let name = key.get_ref().to_string();
        if let Some(word) = cut(value, span, removed) {
            let empty = match value.get_ref() {
                DeValue::Table(t) => t.is_empty(),
                DeValue::Array(a) => a.is_empty(),
                _ => false,
            };
            if !empty {
                return Some(word);
            }
            out = Some((name, word));
            break;
        }
        if holds(&key.span(), span) || holds(&value.span(), span) {
            out = Some((name.clone(), name));
            break;
        }
    }
    let (key, word) = out?;
    table.remove(key.as_str());
    removed.push(key);
    Some(word)
}

fn cut_from_array(
    array: &mut DeArray<'_>,
    span: &Span,
    removed: &mut Vec<String>,
) -> Option<String> {
    let mut word = None;
    let mut at = None;
    for (index, item) in array.iter_mut().enumerate() {
        // A scalar is not taken out alone: a pair with one number left would be a second, false, error.
        let scalar = !matches!(item.get_ref(), DeValue::Table(_) | DeValue::Array(_));
        if scalar {
            continue;
        }
        if let Some(inner) = cut(item, span, removed) {
            let empty = matches!(item.get_ref(), DeValue::Table(t) if t.is_empty());
            if !empty {
                return Some(inner);
            }
            (word, at) = (Some(inner), Some(index));
            break;
        }
        if holds(&item.span(), span) {
            (word, at) = (Some(String::new()), Some(index));
            break;
        }
    }
    let at = at?;
    *array = std::mem::replace(array, DeArray::from_iter([]))
        .into_iter()
        .enumerate()
        .filter(|(index, _)| *index != at)
        .map(|(_, item)| item)
        .collect();
    word
}

fn holds(outer: &Span, inner: &Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && outer.start < outer.end
}

/// The field that serde says is missing.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Says in our words what serde said in its own.
fn explain(findings: &mut Findings<'_>, what: &str, span: Span, message: &str) {
    if let Some(field) = missing(message) {
        findings
            .error(span, format!("`{field}` is missing in {what}"))
            .label = format!("needs `{field}`");
        return;
    }
    let unknown = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "));
    if let Some(rest) = unknown {
        let mut words = rest.split('`').skip(1).step_by(2);
        let word = words.next().unwrap_or_default();
        let known: Vec<&str> = words.collect();
        return unknown_word(findings, span, word, what, &known);
    }
    if message.starts_with("invalid type: unit variant") {
        let word = findings
            .texts
            .slice(span.clone())
            .trim_matches('"')
            .to_owned();
        findings
            .error(span, format!("`{word}` needs its settings in {what}"))
            .label = format!("expected {{ {word} = ... }}");
        return;
    }
    let (found, expected) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .or_else(|| message.strip_prefix("invalid length "))
        .and_then(|rest| rest.split_once(", expected "))
        .unwrap_or(("", ""));
    if expected.is_empty() {
        let message = match message {
            m if m.starts_with("wanted exactly 1 element") => {
                "one word with its settings is expected here, as in { word = ... }".to_owned()
            }
            "wanted string or table" => {
                "expected a word, or one with its settings as in { word = ... }".to_owned()
            }
            m => m.to_owned(),
        };
        findings.error(span, format!("{message}, in {what}"));
        return;
    }
    let expected = plain_words(expected);
    let message = match message.starts_with("invalid length") {
        true => format!("expected {expected}, found {found} of them, in {what}"),
        false => format!(
            "expected {expected}, found {}, in {what}",
            plain_words(found)
        ),
    };
    findings.error(span, message).label = format!("expected {expected}");
}

/// An error about a word nobody knows, with the nearest that is known.
pub(super) fn unknown_word(
    findings: &mut Findings<'_>,
    span: Span,
    word: &str,
    what: &str,
    known: &[&str],
) {
    let near = nearest(word, known.iter().copied());
    let problem = findings.error(span, format!("unknown word `{word}` in {what}"));
    problem.label = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not known here".into(),
    };
    if !known.is_empty() {
        problem.help = Some(format!("known here: {}", known.join(", ")));
    }
    findings.is_certain();
}

/// serde's names of types, as TOML's users call them.
fn plain_words(text: &str) -> String {
    match text {
        "map" | "a map" => "a table".into(),
        "sequence" | "a sequence" => "a list".into(),
        "a boolean" => "true or false".into(),
        other => other
            .replace("floating point", "number")
            .replace("integer", "number")
            .replace("boolean", "value"),
    }
}
