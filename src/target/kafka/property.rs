//! One client property: read from `key=value`, checked by itself, shown without secrets.

use std::fmt;
use std::path::{Path, PathBuf};

use super::errors::PropertyError;
use super::handle::{Conf, NotSet};
use super::mask::{MASKED, Mask};
use super::names;

/// Where a property was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By highwater.
    Default,
    /// In a table of the scenario, named as it stands there: `[client]`.
    Scenario(String),
    /// In a file given with `-F`.
    File {
        /// The file as typed.
        path: PathBuf,
        /// Its line, from 1; 0: all of it.
        line: usize,
    },
    /// With `-X`.
    Flag,
    /// With `-b`, or the environment variable that stands for it.
    Bootstrap,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("built-in default"),
            Origin::Scenario(table) => f.write_str(table),
            Origin::File { path, line: 0 } => write!(f, "{}", path.display()),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Flag => f.write_str("-X"),
            Origin::Bootstrap => f.write_str("-b"),
        }
    }
}

/// One property.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name, as typed.
    pub name: String,
    /// Its value, references resolved.
    pub value: String,
    /// Where it was given.
    pub origin: Origin,
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={} ({})", self.name, self.shown(), self.origin)
    }
}

impl Property {
    /// The value as anyone may read it: masked unless it is known to be harmless.
    pub(super) fn shown(&self) -> &str {
        if names::is_harmless(&self.name) {
            &self.value
        } else {
            MASKED
        }
    }

    pub(super) fn wrong(&self, text: impl Into<String>) -> PropertyError {
        PropertyError {
            origin: self.origin.clone(),
            text: text.into(),
        }
    }

    /// librdkafka's words about a value it does not take, with what was typed and never a secret.
    pub(super) fn wrong_value(&self, words: &str) -> PropertyError {
        let (name, shown) = (&self.name, self.shown());
        let words = Mask::of([self]).hide(words.to_owned());
        let hint = match names::value_hint(name, &self.value) {
            Some(hint) => format!(" ({hint})"),
            None => String::new(),
        };
        self.wrong(format!("{name}={shown}: {words}{hint}"))
    }

    /// What is wrong with it by itself, whichever client it is for.
    pub(super) fn check(&self) -> Result<(), PropertyError> {
        let name = &self.name;
        if names::find(name).is_none() {
            if let Some(instead) = names::instead_of_java(name) {
                return Err(self.wrong(format!("{name} is a name of Java's: {instead}")));
            }
            let meant = match names::nearest(name) {
                Some(known) => format!("did you mean {known}?"),
                None => "see CONFIGURATION.md of librdkafka for their names".into(),
            };
            return Err(self.wrong(format!("unknown client property {name}: {meant}")));
        }
        if let Some(why) = names::refused(name, &self.value) {
            return Err(self.wrong(format!("{name}={}: {why}", self.shown())));
        }
        match Conf::new().set(name, &self.value) {
            Ok(()) => Ok(()),
            Err(NotSet::Unknown) => Err(self.wrong_value("not known to this librdkafka")),
            Err(NotSet::Wrong(words)) => Err(self.wrong_value(&words)),
        }
    }
}

/// `HOST`, `HOST:PORT` or `[V6]:PORT`, with or without `PROTOCOL://`, as librdkafka reads them.
pub(super) fn is_address_of_broker(entry: &str) -> bool {
    let entry = entry.trim();
    let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (entry, None),
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    // Nobody's name and password are a part of an address; librdkafka would take them for a host and say so everywhere.
    !host.is_empty() && !host.contains('@') && port
}

/// Reads the properties of a file: `key=value` lines, `#` or `!` before comments, as kcat and Kafka's tools take them.
pub(super) fn read_file(path: &Path, given: &mut Vec<Property>, errors: &mut Vec<PropertyError>) {
    let origin = |line: usize| Origin::File {
        path: path.to_owned(),
        line,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let text = format!("cannot read this file of client properties: {error}");
            return errors.push(PropertyError {
                origin: origin(0),
                text,
            });
        }
    };
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        match parse(line, origin(at + 1)) {
            Ok((property, _)) => given.push(property),
            Err(error) => errors.push(error),
        }
    }
}

/// Parses `key=value`. The second part of the answer: no reference stood in the value.
pub(super) fn parse(text: &str, origin: Origin) -> Result<(Property, bool), PropertyError> {
    let Some((name, typed)) = text.split_once('=') else {
        // The text may be a secret, or a secret's second line: only the name of a property is repeated.
        let first = text.split([' ', '\t', ':']).next().unwrap_or_default();
        let text = match names::find(first) {
            Some(known) => format!("expected KEY=VALUE, found {} without an =", known.name),
            None => "expected KEY=VALUE, as in linger.ms=5; there is no = in it".to_owned(),
        };
        return Err(PropertyError { origin, text });
    };
    let (name, typed) = (name.trim(), typed.trim());
    if name.is_empty() {
        let text = "expected KEY=VALUE, as in linger.ms=5; there is no key before the =".to_owned();
        return Err(PropertyError { origin, text });
    }
    let value = resolve(typed).map_err(|text| PropertyError {
        origin: origin.clone(),
        text: format!("{name}: {text}"),
    })?;
    // kcat's way to mark properties of topics, which librdkafka needs no longer.
    let name = match name.strip_prefix("topic.") {
        Some(rest) if names::find(name).is_none() && names::find(rest).is_some() => rest,
        _ => name,
    };
    let in_clear = value == typed;
    let property = Property {
        name: name.to_owned(),
        value,
        origin,
    };
    Ok((property, in_clear))
}

/// Replaces every `${env:NAME}` and `${file:PATH}`. The end of a file's last line is not part of its value.
fn resolve(typed: &str) -> Result<String, String> {
    let mut value = String::new();
    let mut rest = typed;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        value.push_str(before);
        let Some(end) = reference.find('}') else {
            return Err("${ without a }".into());
        };
        let inner = &reference[2..end];
        match inner.split_once(':') {
            Some(("env", name)) => value.push_str(&std::env::var(name).map_err(|_| {
                format!("the environment variable {name} of ${{env:{name}}} is not set")
            })?),
            Some(("file", path)) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {path} of ${{file:{path}}}: {error}"))?;
                value.push_str(text.trim_end_matches(['\n', '\r']));
            }
            _ => {
                // What stands inside may be a part of a secret.
                return Err("a ${...} in its value is neither ${env:NAME} nor ${file:PATH}".into());
            }
        }
        rest = &reference[end + 1..];
    }
    value.push_str(rest);
    Ok(value)
}
