//! Names: how they look, and what they name.

use toml::Spanned;

use super::super::problem::{Problem, nearest};
use super::super::scalar::Names;
use super::super::text::{Findings, Span};
use super::Table;

/// Names stand in blanks, flags, files and topics: they are kept simple.
pub(super) fn check_name(
    findings: &mut Findings<'_>,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    kind: &str,
) {
    let name = key.get_ref().as_ref();
    if !simple(name) {
        let message = format!("`{name}` can't be the name of a {kind}");
        findings.error(key.span(), message).label = "letters, digits, `_` and `-` only".into();
    }
}

pub(super) fn simple(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= 100 && name.chars().all(plain)
}

/// The index of the table that a word names; an error with the nearest when there is none.
pub(super) fn resolve<T>(
    findings: &mut Findings<'_>,
    kind: &str,
    tables: &[Table<T>],
    word: &str,
    span: Span,
) -> Option<usize> {
    let found = tables.iter().position(|t| t.name == word);
    if found.is_none() {
        let names: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
        no_such(findings, kind, word, span, &names);
    }
    found
}

/// The error about a name that nothing has, with the nearest that something has.
pub(super) fn no_such<'f>(
    findings: &'f mut Findings<'_>,
    kind: &str,
    word: &str,
    span: Span,
    names: &[&str],
) -> &'f mut Problem {
    let near = nearest(word, names.iter().copied());
    let problem = findings.error(span, format!("there is no {kind} `{word}`"));
    problem.label = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("not a {kind} of this scenario"),
    };
    problem.help = Some(match names.is_empty() {
        true => format!("this scenario has no [{kind}.NAME] at all"),
        false => format!("known here: {}", names.join(", ")),
    });
    problem
}

/// A list without repetitions.
pub(super) fn once(list: Vec<usize>) -> Vec<usize> {
    let mut once = Vec::new();
    for item in list {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

/// The indices of the tables that a list of words names. `None` after an error.
pub(super) fn resolve_all<T>(
    findings: &mut Findings<'_>,
    kind: &str,
    tables: &[Table<T>],
    names: Option<&Spanned<Names>>,
) -> Option<Vec<usize>> {
    let mut indices = Some(Vec::new());
    let Some(names) = names else {
        return indices;
    };
    for (name, span) in &names.get_ref().0 {
        let span = span.clone().unwrap_or(names.span());
        let found = resolve(findings, kind, tables, name, span);
        match (&mut indices, found) {
            (Some(list), Some(index)) => list.push(index),
            _ => indices = None,
        }
    }
    indices
}
