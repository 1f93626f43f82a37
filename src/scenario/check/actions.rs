//! Actions: commands and pauses on the run's timeline.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::quantity::{Lapse, Moment};
use super::super::read::{Read, read};
use super::super::scalar::{Names, RealLapse, Text};
use super::super::text::{Findings, Span};
use super::super::wire;
use super::super::wire_actions::{self, Action as Wire};
use super::super::wire_values::Named;
use super::super::{Action, Deed, OnFailure, Pause, Run, Time};
use super::Table;
use super::client::is_telling;
use super::names::{no_such, resolve};
use super::time::offset;

/// How long a command may take when nothing is said.
const LIMIT: Duration = Duration::from_secs(300);

/// Longer names would not fit a file's name or a plot.
const LONGEST_NAME: usize = 60;

/// What actions stand on.
pub(super) struct Ground<'a> {
    /// `None` when `[time]` has errors.
    pub time: Option<&'a Time>,
    pub groups: &'a [Table<wire::Consume>],
}

/// An action that was read, and where it stands.
struct Found {
    wire: Wire,
    place: Span,
}

/// Reads `[[action]]`. `None` after an error.
pub(super) fn actions(
    findings: &mut Findings<'_>,
    root: &DeTable<'_>,
    ground: &Ground<'_>,
) -> Option<Vec<Action>> {
    let Some((key, value)) = root.get_key_value("action") else {
        return Some(Vec::new());
    };
    let DeValue::Array(list) = value.get_ref() else {
        findings.error(key.span(), "actions are a list").label =
            "expected [[action]], with two brackets".into();
        return None;
    };
    let found: Vec<Option<Found>> = list
        .iter()
        .map(|item| {
            let read: Option<Read<Wire>> = read(findings, "[[action]]", item.span(), item);
            let wire = read.filter(|read| read.whole)?.value;
            let place = item.span();
            Some(Found { wire, place })
        })
        .collect();
    let found: Vec<Found> = found.into_iter().collect::<Option<_>>()?;
    let mut actions: Vec<Option<Action>> = Vec::new();
    let names = names(findings, &found)?;
    for (index, found) in found.iter().enumerate() {
        let action = action(findings, ground, found, &names, index);
        actions.push(action);
    }
    actions.into_iter().collect()
}

/// The names of all actions, given or made up. `None` after an error.
fn names(findings: &mut Findings<'_>, found: &[Found]) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut all_right = true;
    for Found { wire, .. } in found {
        let Some(name) = &wire.name else {
            names.push(String::new());
            continue;
        };
        let text = name.get_ref().0.clone();
        let printable = |c: char| !c.is_control();
        if text.trim().is_empty() || text.len() > LONGEST_NAME || !text.chars().all(printable) {
            findings
                .error(name.span(), "this can't be the name of an action")
                .label = format!("1 to {LONGEST_NAME} printable bytes");
            all_right = false;
        } else if text == "spikes" {
            let problem = findings.error(name.span(), "an action can't be called `spikes`");
            problem.label = "`after = \"spikes\"` of an SLO means those of the flows".into();
            all_right = false;
        } else if names.contains(&text) {
            let message = format!("there is another action called `{text}`");
            findings.error(name.span(), message).label = "names are given once".into();
            all_right = false;
        }
        names.push(text);
    }
    // Names that nobody gave must not be taken by one that somebody did.
    for index in 0..found.len() {
        if names[index].is_empty() {
            names[index] = made_up(&found[index].wire, &names);
        }
    }
    all_right.then_some(names)
}

/// A name for an action without one: what it does, with a number where that is taken.
fn made_up(wire: &Wire, taken: &[String]) -> String {
    let words = match (&wire.run, &wire.pause) {
        (Some(run), _) => {
            let words: Vec<&str> = run.get_ref().0.iter().map(|(w, _)| w.as_str()).collect();
            let program = words.first().copied().unwrap_or_default();
            let program = program.rsplit('/').next().unwrap_or_default();
            let rest = words.get(1..).unwrap_or_default();
            [&[program], rest].concat().join(" ")
        }
        (None, Some(group)) => {
            let group = group.get_ref().0.trim_start_matches("consume.");
            format!("pause {group}")
        }
        (None, None) => String::new(),
    };
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut name: String = words.chars().map(plain).take(LONGEST_NAME / 2).collect();
    name = name.trim().to_owned();
    if name.is_empty() || name == "spikes" {
        name = "action".to_owned();
    }
    let numbered = (2..).map(|n| format!("{name} {n}"));
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .unwrap_or(name)
}

fn action(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    found: &Found,
    names: &[String],
    index: usize,
) -> Option<Action> {
    let Found { wire, place } = found;
    let follows = follows(findings, wire, names, index);
    let at = at(findings, ground, wire, place);
    let deed = match (&wire.run, &wire.pause) {
        (Some(words), None) => run(findings, wire, words).map(Deed::Run),
        (None, Some(group)) => pause(findings, ground, wire, group).map(Deed::Pause),
        (Some(_), Some(pause)) => {
            findings
                .error(
                    pause.span(),
                    "`pause` beside `run`: an action does one thing",
                )
                .label = "write a second [[action]] at the same instant".into();
            None
        }
        (None, None) => {
            findings
                .error(place.clone(), "this action does nothing")
                .label = "needs `run` or `pause`".into();
            None
        }
    };
    Some(Action {
        name: names[index].clone(),
        at: at?,
        follows: follows?,
        deed: deed?,
    })
}

/// The action it follows. The outer `None` is after an error.
fn follows(
    findings: &mut Findings<'_>,
    wire: &Wire,
    names: &[String],
    index: usize,
) -> Option<Option<usize>> {
    let Some(after) = &wire.after else {
        return Some(None);
    };
    let word = after.get_ref().0.as_str();
    let earlier = &names[..index];
    if let Some(found) = earlier.iter().position(|name| name == word) {
        return Some(Some(found));
    }
    if names.iter().any(|name| name == word) {
        let message = format!("`{word}` does not come before this action");
        findings.error(after.span(), message).label = "name one that stands above".into();
        return None;
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    no_such(findings, "action", word, after.span(), &known);
    None
}

/// When it begins. `None` after an error.
fn at(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    wire: &Wire,
    place: &Span,
) -> Option<Duration> {
    let (at, time) = match (&wire.at, &wire.after) {
        (Some(at), _) => (at, ground.time?),
        (None, Some(_)) => return Some(Duration::ZERO),
        (None, None) => {
            findings
                .error(place.clone(), "`at` is missing in [[action]]")
                .label = "as in at = \"+90s\", or a clock time".into();
            return None;
        }
    };
    let real = match (*at.get_ref(), &wire.after) {
        // Real: an outage does not pass more quickly because the day does.
        (Moment::After(after), _) => after,
        (Moment::Clock(_), Some(_)) => {
            findings
                .error(at.span(), "a clock time beside `after`")
                .label = "how long after its end, as in \"+20s\"".into();
            return None;
        }
        (moment @ Moment::Clock(_), None) => {
            let offset = offset(moment, &time.starts);
            let Some(played) = offset.checked_sub(time.play.0) else {
                findings
                    .error(at.span(), "the run begins later than this action")
                    .label = "before the part that is played".into();
                return None;
            };
            Duration::try_from_secs_f64(played.as_secs_f64() / time.compress)
                .unwrap_or(Duration::MAX)
        }
    };
    let run = Duration::from_nanos(time.run_ns());
    if real >= run {
        let message = format!(
            "the run takes {} and is over before this action",
            Lapse(run)
        );
        findings.warn(at.span(), message).label = "outside the part that is played".into();
    }
    Some(real)
}

/// The command. `None` after an error.
fn run(findings: &mut Findings<'_>, wire: &Wire, words: &Spanned<Names>) -> Option<Run> {
    for (word, given) in [
        ("for", wire.lasting.as_ref().map(Spanned::span)),
        ("until", wire.until.as_ref().map(Spanned::span)),
    ] {
        if let Some(span) = given {
            let message = format!("`{word}` says how long a pause lasts, and this is a command");
            findings.error(span, message).label = "`limit` says when a command is killed".into();
            return None;
        }
    }
    let command: Vec<String> = words.get_ref().0.iter().map(|(w, _)| w.clone()).collect();
    let is_list = words.get_ref().0.iter().all(|(_, span)| span.is_some());
    if !is_list || command.first().is_none_or(String::is_empty) {
        let problem = findings.error(words.span(), "a command is a list of words");
        problem.label = "as in [\"ci/kafka\", \"restart\", \"2\"]".into();
        problem.help =
            Some("no shell reads it; where one is needed: [\"sh\", \"-c\", \"...\"]".into());
        return None;
    }
    if let Some(word) = command.iter().position(|word| word.contains('\0')) {
        let span = words.get_ref().0[word].1.clone().unwrap_or(words.span());
        findings
            .error(span, "a word of a command can't hold a zero byte")
            .label = "not here".into();
        return None;
    }
    let limit = match &wire.limit {
        Some(limit) => positive(findings, limit, "`limit`")?,
        None => LIMIT,
    };
    let environment = match &wire.env {
        Some(env) => environment(findings, env.get_ref())?,
        None => Vec::new(),
    };
    let on_failure = wire.on_failure.as_ref().map(|word| *word.get_ref());
    Some(Run {
        command,
        limit,
        environment,
        on_failure: match on_failure {
            Some(wire_actions::OnFailure::GoOn) => OnFailure::GoOn,
            Some(wire_actions::OnFailure::Stop) | None => OnFailure::Stop,
        },
    })
}

fn positive(
    findings: &mut Findings<'_>,
    given: &Spanned<RealLapse>,
    what: &str,
) -> Option<Duration> {
    let RealLapse(lapse) = *given.get_ref();
    if lapse.is_zero() {
        findings
            .error(given.span(), format!("{what} must be above 0"))
            .label = "as in \"30s\"".into();
        return None;
    }
    Some(lapse)
}

/// Variables of a command's environment. `None` after an error.
fn environment(
    findings: &mut Findings<'_>,
    env: &Named<Spanned<Text>>,
) -> Option<Vec<(String, String)>> {
    let mut all = Some(Vec::new());
    for (name, value) in &env.0 {
        let (word, text) = (name.get_ref(), &value.get_ref().0);
        if word.is_empty() || word.contains(['=', '\0']) || text.contains('\0') {
            findings
                .error(name.span(), "this can't be a variable of an environment")
                .label = "no `=` and no zero byte".into();
            all = None;
        } else if is_telling(&word.replace('_', ".")) || is_telling(word) {
            findings.hide(value.span());
            let message = format!("`{word}` is a secret: it can't stand in a scenario");
            let problem = findings.error(value.span(), message);
            problem.label = "given in clear".into();
            problem.help = Some(
                "leave it out: the command inherits the environment that highwater is started in"
                    .into(),
            );
            all = None;
        } else if let Some(all) = &mut all {
            all.push((word.clone(), text.clone()));
        }
    }
    all
}

/// The pause. `None` after an error.
fn pause(
    findings: &mut Findings<'_>,
    ground: &Ground<'_>,
    wire: &Wire,
    group: &Spanned<Text>,
) -> Option<Pause> {
    for (word, given) in [
        ("limit", wire.limit.as_ref().map(Spanned::span)),
        ("env", wire.env.as_ref().map(Spanned::span)),
        ("on_failure", wire.on_failure.as_ref().map(Spanned::span)),
    ] {
        if let Some(span) = given {
            let message = format!("`{word}` belongs to a command, and this is a pause");
            findings.error(span, message).label = "leave it out".into();
            return None;
        }
    }
    let word = group.get_ref().0.as_str();
    let Some(name) = word.strip_prefix("consume.") else {
        let problem = findings.error(group.span(), "only consumer groups of ours can pause");
        problem.label = "as in pause = \"consume.analytics\"".into();
        return None;
    };
    let index = resolve(findings, "consume", ground.groups, name, group.span())?;
    let lasting = match &wire.lasting {
        Some(lasting) => Some(positive(findings, lasting, "`for`")?),
        None => None,
    };
    let until = wire
        .until
        .as_ref()
        .map(|until| &until.get_ref().lag_records);
    if let Some(lag) = until.filter(|lag| lag.get_ref().0 == 0) {
        findings
            .error(lag.span(), "a group is always 0 records behind, or more")
            .label = "above 0".into();
        return None;
    }
    if lasting.is_none() && until.is_none() {
        findings
            .error(group.span(), "how long does this pause last?")
            .label = "needs `for`, or `until = { lag_records = \"1M\" }`".into();
        return None;
    }
    Some(Pause {
        group: index,
        lasting,
        until_lag_records: until.map(|lag| lag.get_ref().0),
    })
}

/// Reads `[watch]`: the user's groups whose lag is recorded.
pub(super) fn watched(findings: &mut Findings<'_>, root: &DeTable<'_>) -> Vec<String> {
    let wire: wire_actions::Watch = super::one(findings, root, "watch")
        .map(|read: Read<_>| read.value)
        .unwrap_or_default();
    let mut groups: Vec<String> = Vec::new();
    for (name, span) in wire.groups.iter().flat_map(|names| &names.get_ref().0) {
        let span = span
            .clone()
            .or(wire.groups.as_ref().map(Spanned::span))
            .unwrap_or_default();
        if name.is_empty() || name.len() > 249 || name.contains('\0') {
            findings
                .error(span, "this can't be the name of a consumer group")
                .label = "as the cluster knows it".into();
        } else if groups.contains(name) {
            findings
                .warn(span, format!("`{name}` is watched twice"))
                .label = "once is enough".into();
        } else {
            groups.push(name.clone());
        }
    }
    groups
}
