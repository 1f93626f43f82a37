//! What the command line changes in a scenario: edits of its tree, made before it is read.
//!
//! So that an override is checked like any other word of the file, and its error shows the flag.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{NAMED, time};
use super::problem::nearest;
use super::quantity::Lapse;
use super::text::{Findings, Span, Texts, parse_value};

/// Changes to a scenario, as the flags of the same names say. Numbers are positive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Multiplies `[load] scale`.
    pub scale: Option<f64>,
    /// Divides every rate and multiplies every think time.
    pub shrink: Option<f64>,
    /// Cuts the run after this real time.
    pub duration: Option<Duration>,
    /// Chooses `compress` so that the run takes this real time.
    pub fit: Option<Duration>,
    /// Replaces `time.compress`.
    pub compress: Option<f64>,
    /// Replaces `seed`.
    pub seed: Option<u64>,
    /// `path=value` texts, in order.
    pub set: Vec<String>,
}

/// One flag as it is shown, and where its text lies.
pub(super) struct Edit {
    base: usize,
    kind: Kind,
    /// A number worked out from the flag and the file: the tree borrows it from here.
    computed: OnceCell<String>,
}

enum Kind {
    /// `path=value`, from the flag's own text.
    Set,
    /// The value stands at this byte of the flag's text.
    Replace(&'static str, usize),
    Scale(f64),
    Shrink(f64),
    Duration(Duration),
    Fit(Duration),
}

/// What `--set` is shown as in front of its path.
const SET: &str = "--set ";

impl Overrides {
    /// Lays the flags out as texts, in the order they are applied.
    pub(super) fn edits(&self, texts: &mut Texts) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut add = |text: String, kind: Kind| {
            let base = texts.add("command line", text);
            let computed = OnceCell::new();
            edits.push(Edit {
                base,
                kind,
                computed,
            });
        };
        for set in &self.set {
            add(format!("{SET}{set}"), Kind::Set);
        }
        let mut replace = |flag: &str, path, value: String| {
            let from = flag.len() + 1;
            add(format!("{flag} {value}"), Kind::Replace(path, from));
        };
        if let Some(seed) = self.seed {
            replace("--seed", "seed", seed.to_string());
        }
        if let Some(compress) = self.compress {
            replace("--compress", "time.compress", compress.to_string());
        }
        if let Some(scale) = self.scale {
            add(format!("--scale {scale}"), Kind::Scale(scale));
        }
        if let Some(shrink) = self.shrink {
            add(format!("--shrink {shrink}"), Kind::Shrink(shrink));
        }
        if let Some(fit) = self.fit {
            add(format!("--fit {}", Lapse(fit)), Kind::Fit(fit));
        }
        if let Some(duration) = self.duration {
            let text = format!("--duration {}", Lapse(duration));
            add(text, Kind::Duration(duration));
        }
        edits
    }
}

impl Edit {
    fn span(&self, texts: &Texts) -> Span {
        self.base..self.base + texts.at(self.base).len()
    }

    /// A number as a value of the tree.
    fn number<'t>(&'t self, number: f64) -> DeValue<'t> {
        let text = self.computed.get_or_init(|| format!("{number:?}"));
        match DeValue::parse(text) {
            Ok(value) => value.into_inner(),
            Err(_) => DeValue::String(Cow::Borrowed(text)),
        }
    }
}

/// Makes the edits; what can't be made is an error.
pub(super) fn apply<'t>(findings: &mut Findings<'t>, root: &mut DeTable<'t>, edits: &'t [Edit]) {
    let texts = findings.texts;
    let locks = locks(root);
    for edit in edits {
        let span = edit.span(texts);
        let path = match &edit.kind {
            Kind::Set => {
                set(findings, root, edit, &locks);
                continue;
            }
            Kind::Replace(path, _) => path,
            Kind::Scale(_) | Kind::Shrink(_) => "load.scale",
            Kind::Duration(_) => "time.play",
            Kind::Fit(_) => "time.compress",
        };
        let path = segments(path, span.clone());
        if refused(findings, &locks, &path, span.clone()) {
            continue;
        }
        if let Kind::Shrink(_) = edit.kind
            && worked(root).any(|path| refused(findings, &locks, &path, span.clone()))
        {
            continue;
        }
        let value = match edit.kind {
            Kind::Set => None,
            Kind::Replace(_, from) => Some(parse_value(texts, edit.base, from).into_inner()),
            Kind::Scale(factor) => scale(root).map(|now| edit.number(now * factor)),
            Kind::Shrink(factor) => {
                stretch_work(root, factor);
                scale(root).map(|now| edit.number(now / factor))
            }
            Kind::Fit(fit) => time::preview(texts, root).map(|time| {
                let simulated = (time.play.1 - time.play.0).as_secs_f64();
                edit.number(simulated / fit.as_secs_f64())
            }),
            Kind::Duration(real) => time::preview(texts, root).map(|time| {
                let length = Duration::try_from_secs_f64(real.as_secs_f64() * time.compress);
                let length = length.unwrap_or(Duration::MAX);
                let end = time.play.0.saturating_add(length).min(time.play.1);
                play(time.play.0, end, &span)
            }),
        };
        if let Some(value) = value {
            put(findings, root, &path, Spanned::new(span, value));
        }
    }
}

/// `[load] scale` as it stands. `None` when it is no number, which is an error of its own.
fn scale(root: &DeTable<'_>) -> Option<f64> {
    let load = root.get("load").and_then(|v| v.get_ref().as_table());
    let Some(scale) = load.and_then(|load| load.get("scale")) else {
        return Some(1.0);
    };
    match scale.get_ref() {
        DeValue::Integer(n) => n.as_str().parse().ok(),
        DeValue::Float(x) => x.as_str().parse().ok(),
        _ => None,
    }
}

/// The paths of all think times.
fn worked<'a>(root: &'a DeTable<'_>) -> impl Iterator<Item = Vec<Segment>> + 'a {
    let groups = root.get("consume").and_then(|v| v.get_ref().as_table());
    groups
        .into_iter()
        .flat_map(|groups| groups.iter())
        .filter(|(_, group)| {
            let group = group.get_ref().as_table();
            group.is_some_and(|g| g.contains_key("work"))
        })
        .map(|(name, _)| {
            ["consume", name.get_ref(), "work"]
                .map(|part| (part.to_owned(), 0..0))
                .to_vec()
        })
}

/// Multiplies the think time of every consumer.
fn stretch_work(root: &mut DeTable<'_>, factor: f64) {
    let Some(DeValue::Table(groups)) = root.get_mut("consume").map(Spanned::get_mut) else {
        return;
    };
    for (_, group) in groups.iter_mut() {
        let DeValue::Table(group) = group.get_mut() else {
            continue;
        };
        let Some(DeValue::String(text)) = group.get_mut("work").map(Spanned::get_mut) else {
            continue;
        };
        let now = text.trim_end_matches("real").parse::<Lapse>();
        let longer = now
            .ok()
            .and_then(|Lapse(t)| Duration::try_from_secs_f64(t.as_secs_f64() * factor).ok());
        if let Some(longer) = longer {
            *text = Cow::Owned(Lapse(longer).to_string());
        }
    }
}

fn play<'t>(start: Duration, end: Duration, span: &Span) -> DeValue<'t> {
    let moment = |after| {
        let text = Cow::Owned(format!("+{}", Lapse(after)));
        Spanned::new(span.clone(), DeValue::String(text))
    };
    DeValue::Array([moment(start), moment(end)].into_iter().collect())
}

/// A part of a path, and where it was typed.
type Segment = (String, Span);

fn segments(path: &str, span: Span) -> Vec<Segment> {
    path.split('.')
        .map(|part| (part.to_owned(), span.clone()))
        .collect()
}

/// The locked paths, as parts.
fn locks(root: &DeTable<'_>) -> Vec<Vec<String>> {
    let list = root
        .get("load")
        .and_then(|load| load.get_ref().as_table()?.get("lock")?.get_ref().as_array());
    let mut locks: Vec<Vec<String>> = list
        .into_iter()
        .flat_map(|list| list.iter())
        .filter_map(|path| path.get_ref().as_str())
        .map(|path| path.split('.').map(str::to_owned).collect())
        .collect();
    if !locks.is_empty() {
        locks.push(vec!["load".into(), "lock".into()]);
    }
    locks
}

/// Whether a path is locked, or holds something that is; then it is an error.
fn refused(
    findings: &mut Findings<'_>,
    locks: &[Vec<String>],
    path: &[Segment],
    span: Span,
) -> bool {
    let covers = |lock: &Vec<String>| lock.iter().zip(path).all(|(l, (p, _))| l == p);
    let Some(lock) = locks.iter().find(|lock| covers(lock)) else {
        return false;
    };
    let lock = lock.join(".");
    let problem = findings.error(span, format!("`{lock}` is locked by the scenario"));
    problem.label = format!("would change `{lock}`");
    problem.help = Some("leave the flag out, or change `lock` in [load] of a copy".into());
    true
}

/// One `--set path=value`.
fn set<'t>(
    findings: &mut Findings<'t>,
    root: &mut DeTable<'t>,
    edit: &'t Edit,
    locks: &[Vec<String>],
) {
    let texts = findings.texts;
    let text = texts.at(edit.base);
    let start = SET.len();
    let Some(equals) = text[start..].find('=').map(|i| i + start) else {
        let problem = findings.error(edit.span(texts), "`--set` needs a path and a value");
        problem.label = "expected path=value".into();
        problem.help = Some("as in --set topic.orders.partitions=24".into());
        return;
    };
    let mut path = Vec::new();
    let mut from = start;
    for part in text[start..equals].split('.') {
        let at = edit.base + from;
        path.push((part.trim().to_owned(), at..at + part.len()));
        from += part.len() + 1;
    }
    let span = edit.base + start..edit.base + equals;
    if path.iter().any(|(part, _)| part.is_empty()) {
        findings
            .error(span, "the path of `--set` has an empty part")
            .label = "as in topic.orders.partitions".into();
        return;
    }
    if refused(findings, locks, &path, span) {
        return;
    }
    let blanks = text[equals + 1..].len() - text[equals + 1..].trim_start().len();
    let value = parse_value(texts, edit.base, equals + 1 + blanks);
    put(findings, root, &path, value);
}

/// Puts a value at a path of the tree. Named tables must exist; other tables are made.
fn put<'t>(
    findings: &mut Findings<'t>,
    root: &mut DeTable<'t>,
    path: &[Segment],
    value: Spanned<DeValue<'t>>,
) {
    if let [(kind, _), (name, span), ..] = path
        && NAMED.contains(&kind.as_str())
        && !names(root, kind).any(|known| known == name)
    {
        let near = nearest(name, names(root, kind)).map(str::to_owned);
        let known: Vec<String> = names(root, kind).map(str::to_owned).collect();
        let message = format!("this scenario has no {kind} `{name}`");
        let problem = findings.error(span.clone(), message);
        problem.label = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("no such {kind}"),
        };
        if !known.is_empty() {
            problem.help = Some(format!("known here: {}", known.join(", ")));
        }
        return;
    }
    put_in_table(findings, root, path, value);
}

/// The names of the tables of a kind.
fn names<'a>(root: &'a DeTable<'_>, kind: &str) -> impl Iterator<Item = &'a str> {
    root.get(kind)
        .and_then(|v| v.get_ref().as_table())
        .into_iter()
        .flat_map(|table| table.keys().map(|k| k.get_ref().as_ref()))
}

fn put_in_table<'t>(
    findings: &mut Findings<'t>,
    table: &mut DeTable<'t>,
    path: &[Segment],
    value: Spanned<DeValue<'t>>,
) {
    let Some(((name, span), rest)) = path.split_first() else {
        return;
    };
    let key = Spanned::new(span.clone(), Cow::Owned(name.clone()));
    if rest.is_empty() {
        table.insert(key, value);
        return;
    }
    let fresh = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
    let next = table.entry(key).or_insert_with(fresh);
    put_in_value(findings, next, path, value);
}

/// Puts a value below `inside`, which the first part of the path has led to.
fn put_in_value<'t>(
    findings: &mut Findings<'t>,
    inside: &mut Spanned<DeValue<'t>>,
    path: &[Segment],
    value: Spanned<DeValue<'t>>,
) {
    let ((name, span), rest) = (&path[0], &path[1..]);
    match inside.get_mut() {
        DeValue::Table(table) => put_in_table(findings, table, rest, value),
        DeValue::Array(array) => {
            let length = array.len();
            let (index, index_span) = &rest[0];
            let item = index.parse::<usize>().ok().and_then(|i| array.get_mut(i));
            match item {
                Some(item) if rest.len() == 1 => *item = value,
                Some(item) => put_in_value(findings, item, rest, value),
                None => {
                    let message = format!("`{name}` has no entry `{index}`");
                    findings.error(index_span.clone(), message).label =
                        format!("it has {length}, counted from 0");
                }
            }
        }
        _ => {
            let message = format!("`{name}` is a single value: nothing lies below it");
            findings.error(span.clone(), message).label = "the path ends here".into();
        }
    }
}
