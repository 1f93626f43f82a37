//! The texts a scenario comes from, the file, those it extends and the flags that override it, laid end to end so that one range of bytes
//! names a place in any of them; and the tree parsed from them.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem, Severity};

/// A range of bytes in [`Texts`].
pub(super) type Span = Range<usize>;

/// The file's text first, then those it extends, then those of the overrides.
#[derive(Debug, Default)]
pub(super) struct Texts {
    list: Vec<Text>,
}

#[derive(Debug)]
struct Text {
    name: String,
    text: String,
    base: usize,
}

impl Texts {
    /// Adds a text and returns where its first byte lies.
    pub fn add(&mut self, name: &str, text: String) -> usize {
        let base = self.list.last().map_or(0, |t| t.base + t.text.len() + 1);
        self.list.push(Text {
            name: name.to_owned(),
            text,
            base,
        });
        base
    }

    /// The text that starts at `base`.
    pub fn at(&self, base: usize) -> &str {
        self.list
            .iter()
            .find(|t| t.base == base)
            .map_or("", |t| &t.text)
    }

    /// The bytes of a span.
    pub fn slice(&self, span: Span) -> &str {
        let (text, span) = self.locate(span);
        text.text.get(span).unwrap_or("")
    }

    fn locate(&self, span: Span) -> (&Text, Span) {
        let index = self.list.partition_point(|t| t.base <= span.start).max(1) - 1;
        let text = &self.list[index];
        (
            text,
            span.start - text.base..span.end.max(span.start) - text.base,
        )
    }
}

/// What was found wrong so far.
#[derive(Debug)]
pub(super) struct Findings<'t> {
    pub texts: &'t Texts,
    found: Vec<Finding>,
    /// The file is not TOML, or what it extends is not there: the tree has holes, and what seems to be missing may be there.
    holes: bool,
    /// Spans whose bytes are never shown.
    secrets: Vec<Span>,
}

#[derive(Debug)]
struct Finding {
    start: usize,
    problem: Problem,
    /// True whatever the rest of the file says.
    certain: bool,
}

impl<'t> Findings<'t> {
    pub fn new(texts: &'t Texts) -> Findings<'t> {
        Findings {
            texts,
            found: Vec::new(),
            holes: false,
            secrets: Vec::new(),
        }
    }

    /// Hides a span's bytes in everything that is shown.
    pub fn hide(&mut self, span: Span) {
        self.secrets.push(span);
    }

    /// An error at a place.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.add(span, Severity::Error, message.into())
    }

    /// A warning at a place.
    pub fn warn(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.add(span, Severity::Warning, message.into())
    }

    /// An error in another text, such as a template.
    pub fn push(&mut self, span: Span, problem: Problem) {
        self.found.push(Finding {
            start: span.start,
            problem,
            certain: false,
        });
    }

    /// Says that the last error is one even if the file has holes.
    pub fn is_certain(&mut self) {
        if let Some(last) = self.found.last_mut() {
            last.certain = true;
        }
    }

    /// Says that a part of the scenario is not there to be read.
    pub fn has_holes(&mut self) {
        self.holes = true;
    }

    fn add(&mut self, span: Span, severity: Severity, message: String) -> &mut Problem {
        let (text, local) = self.texts.locate(span.clone());
        let problem = Problem {
            severity,
            place: Some(Place::of(&text.name, &text.text, local)),
            ..Problem::new(message)
        };
        self.push(span, problem);
        let last = self.found.len() - 1;
        &mut self.found[last].problem
    }

    /// Whether anything stops the run.
    pub fn any_error(&self) -> bool {
        self.found
            .iter()
            .any(|f| f.problem.severity == Severity::Error)
    }

    /// Errors and warnings, each in the order of the texts, with secrets covered.
    pub fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        if self.holes {
            self.found.retain(|f| f.certain);
        }
        self.found.sort_by_key(|f| f.start);
        let mut problems: Vec<Problem> = self.found.into_iter().map(|f| f.problem).collect();
        for secret in &self.secrets {
            let hidden = self.texts.slice(secret.clone()).trim_matches(['"', '\'']);
            for problem in &mut problems {
                cover(problem, hidden);
            }
        }
        problems.dedup();
        problems
            .into_iter()
            .partition(|p| p.severity == Severity::Error)
    }
}

/// Replaces a secret by as many asterisks, so that marks stay in place.
fn cover(problem: &mut Problem, hidden: &str) {
    if hidden.is_empty() {
        return;
    }
    let stars = "*".repeat(hidden.len());
    if let Some(place) = &mut problem.place {
        place.text = place.text.replace(hidden, &stars);
    }
    problem.message = problem.message.replace(hidden, &stars);
    problem.label = problem.label.replace(hidden, &stars);
}

/// Parses the text at `base` as a TOML document, as far as that goes.
pub(super) fn parse<'t>(findings: &mut Findings<'t>, base: usize) -> DeTable<'t> {
    let texts = findings.texts;
    let (table, errors) = DeTable::parse_recoverable(texts.at(base));
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let message = format!("this is not TOML: {}", error.message());
        let span = span.start + base..span.end + base;
        findings.error(span, message).label = "here".into();
        findings.is_certain();
        findings.holes = true;
    }
    settle_table(table.into_inner(), base)
}

/// Parses a value that stands in the text at `base`, from the byte `from` on. What is no TOML value is taken as a string, so
/// that quotes need not be typed in a shell.
pub(super) fn parse_value<'t>(texts: &'t Texts, base: usize, from: usize) -> Spanned<DeValue<'t>> {
    let text = texts.at(base).get(from..).unwrap_or("");
    match DeValue::parse(text) {
        Ok(value) => settle(value, base + from),
        Err(_) => Spanned::new(
            base + from..base + from + text.len(),
            DeValue::String(Cow::Borrowed(text)),
        ),
    }
}

fn settle_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    table
        .into_iter()
        .map(|(key, value)| {
            let span = key.span().start + by..key.span().end + by;
            (Spanned::new(span, key.into_inner()), settle(value, by))
        })
        .collect()
}

/// Moves all spans by `by`; and turns dates and times into strings, so that it does not matter whether they were quoted.
fn settle(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span().start + by..value.span().end + by;
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(settle_table(table, by)),
        DeValue::Array(array) => DeValue::Array(array.into_iter().map(|v| settle(v, by)).collect()),
        DeValue::Datetime(at) => DeValue::String(Cow::Owned(at.to_string())),
        other => other,
    };
    Spanned::new(span, inner)
}

/// The tree as TOML text without comments, properties with their full names.
pub(super) fn effective(root: &DeTable<'_>) -> String {
    let mut root = plain_table(root);
    if let Some(client) = root.get_mut("client") {
        join_properties(client);
    }
    for (kind, field) in [
        ("topic", "config"),
        ("flow", "client"),
        ("consume", "client"),
    ] {
        let tables = root.get_mut(kind).and_then(|t| t.as_table_mut());
        for (_, table) in tables.into_iter().flatten() {
            if let Some(properties) = table.get_mut(field) {
                join_properties(properties);
            }
        }
    }
    toml::to_string(&root).unwrap_or_default()
}

/// Puts dotted names together again that stood without quotes.
fn join_properties(value: &mut toml::Value) {
    fn gather(prefix: &str, value: toml::Value, into: &mut toml::Table) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    gather(&format!("{prefix}.{key}"), value, into);
                }
            }
            // The last of a name wins, and stands last.
            other => {
                into.remove(prefix);
                into.insert(prefix.to_owned(), other);
            }
        }
    }
    if let toml::Value::Table(table) = value {
        let mut joined = toml::Table::new();
        for (key, value) in std::mem::take(table) {
            gather(&key, value, &mut joined);
        }
        *table = joined;
    }
}

/// The tree as an ordinary TOML table, without places and comments.
fn plain_table(table: &DeTable<'_>) -> toml::Table {
    table
        .iter()
        .map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref())))
        .collect()
}

fn plain(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(s) => toml::Value::String(s.to_string()),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix())
            .map_or_else(|_| n.to_string().into(), toml::Value::Integer),
        DeValue::Float(x) => x
            .as_str()
            .parse()
            .map_or_else(|_| x.to_string().into(), toml::Value::Float),
        DeValue::Boolean(b) => toml::Value::Boolean(*b),
        DeValue::Datetime(at) => toml::Value::String(at.to_string()),
        DeValue::Array(array) => {
            toml::Value::Array(array.iter().map(|v| plain(v.get_ref())).collect())
        }
        DeValue::Table(table) => toml::Value::Table(plain_table(table)),
    }
}
