//! `extends`: a scenario written as its difference from another one, a file or a preset.
//!
//! The texts are gathered first, the extending one before its base; then their trees are merged. Tables of the same name are
//! merged entry by entry; any other value takes the place of the base's, lists too. So a shape, a skew or the `[[slo]]` list is
//! either the base's or one's own, never a mixture.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::presets::Source;
use super::problem::{Problem, ScenarioErrors};
use super::text::{Findings, Span, Texts, parse};

/// A scenario and what it extends, directly or through others.
#[derive(Debug)]
pub(super) struct Chain {
    /// The scenario itself first, the one that extends nothing last.
    links: Vec<Link>,
    /// Why the chain ends early.
    broken: Option<Broken>,
}

#[derive(Debug)]
struct Link {
    source: Source,
    /// Where its text lies.
    span: Span,
}

/// An `extends` that leads nowhere.
#[derive(Debug)]
struct Broken {
    span: Span,
    message: String,
    label: String,
    help: Option<String>,
}

impl Chain {
    /// Reads a scenario and everything it extends into `texts`.
    ///
    /// # Errors
    /// When the scenario itself can't be read. What is wrong with an `extends` is kept for [`Chain::tree`].
    pub fn gather(source: &Source, texts: &mut Texts) -> Result<Chain, ScenarioErrors> {
        let mut chain = Chain {
            links: Vec::new(),
            broken: None,
        };
        let (mut source, mut text) = (source.clone(), source.text()?);
        loop {
            let length = text.len();
            let base = texts.add(&source.name(), text);
            let span = base..base + length;
            chain.links.push(Link { source, span });
            match chain.base_of_last(texts) {
                Ok(None) => break,
                Ok(Some(next)) => (source, text) = next,
                Err(broken) => {
                    chain.broken = Some(broken);
                    break;
                }
            }
        }
        Ok(chain)
    }

    /// What the last link extends, and its text.
    fn base_of_last(&self, texts: &Texts) -> Result<Option<(Source, String)>, Broken> {
        let Some(last) = self.links.last() else {
            return Ok(None);
        };
        let start = last.span.start;
        let (tree, _) = DeTable::parse_recoverable(texts.at(start));
        let Some(value) = tree.get_ref().get("extends") else {
            return Ok(None);
        };
        let span = value.span().start + start..value.span().end + start;
        let DeValue::String(name) = value.get_ref() else {
            return Err(Broken {
                span,
                message: "`extends` takes one scenario".into(),
                label: "expected the name of a preset, or a path, in quotes".into(),
                help: None,
            });
        };
        let found = Source::beside(name, last.source.folder().as_deref());
        let found = found.and_then(|source| {
            let text = source.text()?;
            Ok((source, text))
        });
        let (source, text) = found.map_err(|errors| missing(span.clone(), errors))?;
        let again = self.links.iter().position(|l| l.source.is(&source));
        if let Some(first) = again {
            let names = self.links[first..].iter().map(|l| l.source.name());
            let mut round: Vec<String> = names.collect();
            round.push(source.name());
            return Err(Broken {
                span,
                message: format!("a scenario can't extend itself: {}", round.join(" -> ")),
                label: "closes the circle".into(),
                help: Some("take out one `extends` of the circle".into()),
            });
        }
        Ok(Some((source, text)))
    }

    /// The merged tree of all texts. Errors of each are shown in its own text.
    pub fn tree<'t>(&self, findings: &mut Findings<'t>) -> DeTable<'t> {
        if let Some(broken) = &self.broken {
            let problem = findings.error(broken.span.clone(), broken.message.clone());
            problem.label.clone_from(&broken.label);
            problem.help.clone_from(&broken.help);
            findings.is_certain();
            findings.has_holes();
        }
        let mut tree = DeTable::new();
        for link in self.links.iter().rev() {
            let mut own = parse(findings, link.span.start);
            own.remove("extends");
            // A scenario is not called what its base is called.
            tree.remove("name");
            merge(&mut tree, own, &mut Vec::new());
        }
        tree
    }

    /// The scenario that was asked for.
    pub fn source(&self) -> &Source {
        &self.links[0].source
    }

    /// A file that is named at `span`, beside the scenario whose text that is: what to call it, and its text. One that a flag names
    /// lies beside the scenario that was asked for. The error is a fragment.
    pub fn file(&self, span: &Span, name: &str) -> Result<(String, String), String> {
        let holds = |link: &&Link| link.span.start <= span.start && span.start <= link.span.end;
        let link = self.links.iter().find(holds);
        link.map_or(self.source(), |l| &l.source).file(name)
    }
}

/// An `extends` whose scenario is not there: the reason is what naming it as SCENARIO would say.
fn missing(span: Span, errors: ScenarioErrors) -> Broken {
    let reason = errors.problems.into_iter().next();
    let reason = reason.unwrap_or_else(|| Problem::new("it can't be read"));
    Broken {
        span,
        message: reason.message,
        label: "expected the name of a preset, or a path from this file".into(),
        help: reason.help,
    }
}

/// How a table meets the one of the same name in the base.
#[derive(Clone, Copy, PartialEq)]
enum Meeting {
    /// Entry by entry.
    Merged,
    /// Entry by entry; names with dots may be written as tables within tables.
    Properties,
    /// It takes the other's place.
    Replaced,
}

/// What holds for the table at a path.
fn meeting(path: &[String]) -> Meeting {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["client"] | ["topic", _, "config"] | ["flow" | "consume", _, "client"] => {
            Meeting::Properties
        }
        [_]
        | [
            "pool" | "topic" | "event" | "journey" | "flow" | "consume",
            _,
        ] => Meeting::Merged,
        ["pool", _, "fields"]
        | ["event", _, "headers"]
        | ["journey", _, "state"]
        | ["journey", _, "state", _] => Meeting::Merged,
        _ => Meeting::Replaced,
    }
}

/// Puts the entries of `own` over those of `base`, which lie at `path`.
fn merge<'t>(base: &mut DeTable<'t>, own: DeTable<'t>, path: &mut Vec<String>) {
    give_way(base, &own, path);
    for (key, value) in own {
        path.push(key.get_ref().to_string());
        match meet(base.get_mut(key.get_ref().as_ref()), value, path) {
            None => {}
            Some(value) => {
                base.insert(key, value);
            }
        }
        path.pop();
    }
}

/// Merges a value into the base's of the same name; gives it back when it takes the other's place.
fn meet<'t>(
    base: Option<&mut Spanned<DeValue<'t>>>,
    own: Spanned<DeValue<'t>>,
    path: &mut Vec<String>,
) -> Option<Spanned<DeValue<'t>>> {
    let Some(base) = base else {
        return Some(own);
    };
    let span = own.span();
    match (base.get_mut(), own.into_inner()) {
        (DeValue::Table(base), DeValue::Table(own)) => match meeting(path) {
            Meeting::Merged => merge(base, own, path),
            Meeting::Properties => merge_properties(base, own),
            Meeting::Replaced => return Some(Spanned::new(span, DeValue::Table(own))),
        },
        // What a base locks stays locked.
        (DeValue::Array(base), DeValue::Array(own)) if path[..] == ["load", "lock"] => {
            let all = std::mem::replace(base, DeArray::from_iter([])).into_iter();
            *base = all.chain(own).collect();
        }
        (_, own) => return Some(Spanned::new(span, own)),
    }
    None
}

/// Fields that exclude each other, by kind of table: who gives one, takes those of the base out.
const EXCLUSIVE: &[(&str, &[&str])] = &[
    ("event", &["template", "value"]),
    ("flow", &["journey", "event"]),
    ("flow", &["mean", "peak", "total"]),
];

/// Fields of a flow that say how much and when, which these arrivals say themselves.
const HEIGHT: &[&str] = &["mean", "peak", "total", "of", "shape", "spikes"];
const WITHOUT_HEIGHT: &[&str] = &["periodic", "closed", "unthrottled"];

/// Takes out of the base what can't stand beside the fields of `own`.
fn give_way(base: &mut DeTable<'_>, own: &DeTable<'_>, path: &[String]) {
    let [kind, _] = path else {
        return;
    };
    for (_, fields) in EXCLUSIVE.iter().filter(|(k, _)| k == kind) {
        if fields.iter().any(|f| own.contains_key(*f)) {
            remove(base, fields);
        }
    }
    if kind == "flow"
        && let Some(word) = arrivals(own)
        && WITHOUT_HEIGHT.contains(&word)
        && arrivals(base) != Some(word)
    {
        remove(base, HEIGHT);
    }
}

fn remove(table: &mut DeTable<'_>, fields: &[&str]) {
    for field in fields {
        table.remove(*field);
    }
}

/// The word for the arrivals of a flow.
fn arrivals<'a>(flow: &'a DeTable<'_>) -> Option<&'a str> {
    match flow.get("arrivals")?.get_ref() {
        DeValue::String(word) => Some(word.as_ref()),
        DeValue::Table(table) => table.keys().next().map(|k| k.get_ref().as_ref()),
        _ => None,
    }
}

/// Merges properties by their full names. Those of `own` stand last, where the last of a name wins.
fn merge_properties<'t>(base: &mut DeTable<'t>, own: DeTable<'t>) {
    let mut all = flat(std::mem::replace(base, DeTable::new()));
    for (key, value) in flat(own) {
        all.remove(key.get_ref().as_ref());
        all.insert(key, value);
    }
    *base = all;
}

/// Properties in one table, under their full names.
fn flat<'t>(table: DeTable<'t>) -> DeTable<'t> {
    fn gather<'t>(key: Spanned<Cow<'t, str>>, value: Spanned<DeValue<'t>>, into: &mut DeTable<'t>) {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => {
                for (part, value) in table {
                    let name = format!("{}.{}", key.get_ref(), part.get_ref());
                    let key = Spanned::new(key.span().start..part.span().end, Cow::Owned(name));
                    gather(key, value, into);
                }
            }
            other => {
                into.remove(key.get_ref().as_ref());
                into.insert(key, Spanned::new(span, other));
            }
        }
    }
    let mut all = DeTable::new();
    for (key, value) in table {
        gather(key, value, &mut all);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::{
        Arrivals, Fixes, Limit, Loaded, Metric, Overrides, Scenario, Skew, Value, hash, load,
    };
    use super::*;

    const BASE: &str = r#"
name = "base"
why  = "How was it?"
seed = 7
[time]
span   = "1h"
warmup = "3s"
[load]
lock = ["seed"]
[pool.merchant]
count  = 100
skew   = { lognormal = 2.5 }
fields = { name = "company", city = "city" }
[topic.orders]
partitions = 3
config     = { min.insync.replicas = 2, retention.ms = 5 }
[event.placed]
topic = "orders"
key   = "merchant"
[event.paid]
topic = "orders"
value = { bytes = "100B" }
[flow.shop]
event  = { placed = 3, paid = 1 }
mean   = "100/s"
shape  = [ { sine = { period = "1h", low = 1, high = 2, top_at = "+30m" } } ]
spikes = [ { flash = { at = "+5m", height = 3 } } ]
[client]
linger.ms = 5
[[slo]]
metric   = "response"
quantile = 0.99
below    = "1s"
[[slo]]
metric  = "failed"
at_most = 0
"#;

    /// A folder with a base in a folder of its own, and the file that extends it.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new(own: &str) -> Files {
            let files = Files(tempfile::tempdir().unwrap());
            files.write("base/base.toml", BASE);
            files.write(
                "base/events/placed.json",
                r#"{"of": "the base", "at": "{{now}}"}"#,
            );
            files.write("own.toml", &format!("extends = \"base/base.toml\"\n{own}"));
            files
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn load(&self, name: &str, overrides: &Overrides) -> Result<Loaded, ScenarioErrors> {
            load(&Source::Path(self.0.path().join(name)), overrides)
        }
    }

    fn extended(own: &str) -> Scenario {
        let loaded = Files::new(own).load("own.toml", &Overrides::default());
        loaded.unwrap_or_else(|e| panic!("{e}")).scenario
    }

    fn refused(own: &str) -> Problem {
        let errors = Files::new(own).load("own.toml", &Overrides::default());
        let mut problems = errors.expect_err("an error is expected").problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn what_is_not_said_is_the_bases() {
        let own = extended("");
        assert_eq!(
            (own.name.as_str(), own.why.as_str()),
            ("own", "How was it?")
        );
        assert_eq!((own.seed, own.topics[0].partitions), (7, 3));
        assert!(!own.effective.contains("extends"), "{}", own.effective);
        let base = Files::new("").load("base/base.toml", &Overrides::default());
        let base = base.unwrap().scenario;
        assert_eq!(hash::plan_hash(&own), hash::plan_hash(&base));
        assert_eq!(own.slos, base.slos);
    }

    #[test]
    fn tables_are_merged_field_by_field_and_values_are_replaced() {
        let own = extended(
            r#"
            time.warmup = "4s"
            [pool.merchant]
            skew   = { zipf = 1.1 }
            fields = { city = { choice = { Ulm = 1 } }, plan = { choice = { plus = 1 } } }
            [pool.customer]
            count = 5
            [topic.orders]
            partitions = 12
            [flow.shop]
            shape = []
            [[slo]]
            metric  = "failed"
            at_most = 3
            "#,
        );
        assert_eq!(own.time.span.as_secs(), 3600);
        assert_eq!(own.time.warmup.as_secs(), 4);
        let merchant = &own.pools[0];
        assert_eq!((merchant.count, merchant.skew), (100, Skew::Zipf(1.1)));
        let fields: Vec<&str> = merchant.fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(fields, ["name", "city", "plan"]);
        assert_eq!(own.pools[1].name, "customer");
        assert_eq!(own.topics[0].partitions, 12);
        let flow = &own.flows[0];
        assert_eq!((flow.shape.len(), flow.spikes.len()), (0, 1));
        let slos: Vec<_> = own
            .slos
            .iter()
            .map(|slo| (slo.metric, &slo.limit))
            .collect();
        assert_eq!(slos, [(Metric::Failed, &Limit::AtMostCount(3))]);
    }

    #[test]
    fn properties_are_merged_by_their_full_names() {
        let own = extended(
            r#"
            [topic.orders]
            config = { "min.insync.replicas" = 1 }
            [client]
            linger.ms = 20
            acks = 1
            "#,
        );
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        let config = [pair("retention.ms", "5"), pair("min.insync.replicas", "1")];
        assert_eq!(own.topics[0].config, config);
        assert_eq!(own.client, [pair("linger.ms", "20"), pair("acks", "1")]);
    }

    #[test]
    fn a_field_takes_the_place_of_those_it_excludes() {
        let own = extended("[flow.shop]\ntotal = \"3M\"");
        let height = own.flows[0].height.as_ref().unwrap();
        assert_eq!((height.fixes, height.value), (Fixes::Total, 3e6));
        let own = extended(
            "[flow.shop]\narrivals = \"unthrottled\"\n[[slo]]\nmetric = \"failed\"\nat_most = 0",
        );
        assert_eq!(own.flows[0].arrivals, Arrivals::Unthrottled);
        let own = extended("[event.placed]\nvalue = { bytes = \"9kB\" }");
        assert!(matches!(
            own.events[0].value,
            Value::Bytes { size: 9000, .. }
        ));
    }

    #[test]
    fn a_template_lies_beside_the_file_that_names_it() {
        let text = |scenario: &Scenario| match &scenario.events[0].value {
            Value::Template(template) => template.text.clone(),
            other => panic!("{other:?}"),
        };
        let files = Files::new("[event.placed]\ntemplate = \"events/placed.json\"");
        files.write("events/placed.json", r#"{"of": "my own"}"#);
        let own = files.load("own.toml", &Overrides::default()).unwrap();
        assert!(text(&own.scenario).contains("my own"));
        assert!(text(&extended("")).contains("the base"));
        let set = Overrides {
            set: vec!["event.placed.template=\"base/events/placed.json\"".into()],
            ..Overrides::default()
        };
        let flag = files.load("own.toml", &set).unwrap();
        assert!(
            text(&flag.scenario).contains("the base"),
            "from the scenario's folder"
        );
    }

    #[test]
    fn a_chain_of_files_ends_in_a_preset() {
        let files = Files::new("");
        files.write(
            "base/base.toml",
            "extends = \"storefront\"\nseed = 1\n[time]\nspan = \"12h\"",
        );
        files.write("top.toml", "extends = \"own.toml\"\nseed = 2");
        let top = files
            .load("top.toml", &Overrides::default())
            .unwrap()
            .scenario;
        assert_eq!((top.seed, top.time.span.as_secs()), (2, 12 * 3600));
        assert_eq!(top.flows.len(), 2);
    }

    #[test]
    fn what_a_base_locks_stays_locked_for_flags_alone() {
        let files = Files::new("seed = 8\n[load]\nlock = [\"time.span\"]");
        let own = files.load("own.toml", &Overrides::default()).unwrap();
        assert_eq!(own.scenario.seed, 8);
        for set in ["seed=9", "time.span=\"2h\""] {
            let overrides = Overrides {
                set: vec![set.into()],
                ..Overrides::default()
            };
            let shown = files.load("own.toml", &overrides).unwrap_err().to_string();
            assert!(shown.contains("is locked by the scenario"), "{shown}");
        }
    }

    #[test]
    fn errors_are_shown_in_the_file_they_stand_in() {
        let files = Files::new("[topic.orders]\npartitions = 0\n[flow.shop]\nevnt = 1");
        files.write("base/base.toml", &BASE.replace("\"1h\"", "\"1 hour\""));
        let errors = files.load("own.toml", &Overrides::default()).unwrap_err();
        let places: Vec<(String, usize)> = errors
            .problems
            .iter()
            .map(|p| p.place.as_ref().unwrap())
            .map(|p| {
                (
                    Path::new(&p.file)
                        .file_name()
                        .unwrap()
                        .display()
                        .to_string(),
                    p.line,
                )
            })
            .collect();
        let own = |line| ("own.toml".to_owned(), line);
        assert_eq!(places[..2], [own(3), own(5)], "{errors}");
        assert_eq!(places[2], ("base.toml".into(), 6), "{errors}");
        assert!(
            errors.to_string().contains("did you mean `event`?"),
            "{errors}"
        );
    }

    #[test]
    fn a_base_that_is_not_there_is_the_only_error() {
        let files = Files::new("");
        files.write(
            "own.toml",
            "seed = 1\nextends = \"storefornt\"\n[flow.shop]\nmean = \"1/s\"",
        );
        let errors = files.load("own.toml", &Overrides::default()).unwrap_err();
        assert_eq!(errors.problems.len(), 1, "{errors}");
        let problem = &errors.problems[0];
        assert_eq!(problem.place.as_ref().unwrap().line, 2);
        assert!(
            problem
                .render(false)
                .contains("did you mean the preset `storefront`?")
        );
        files.write("own.toml", "extends = [\"storefront\"]");
        let errors = files.load("own.toml", &Overrides::default()).unwrap_err();
        assert!(
            errors.to_string().contains("takes one scenario"),
            "{errors}"
        );
    }

    #[test]
    fn circles_are_named() {
        let files = Files::new("");
        files.write("base/base.toml", "extends = \"../other.toml\"");
        files.write("other.toml", "seed = 1\nextends = \"base/../own.toml\"");
        let errors = files.load("own.toml", &Overrides::default()).unwrap_err();
        assert_eq!(errors.problems.len(), 1, "{errors}");
        let shown = errors.to_string();
        for part in [
            "can't extend itself",
            "own.toml -> ",
            "other.toml -> ",
            "other.toml:2:11",
        ] {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
        files.write("own.toml", "extends = \"own.toml\"");
        let shown = files.load("own.toml", &Overrides::default()).unwrap_err();
        assert!(shown.to_string().contains("can't extend itself"), "{shown}");
    }

    #[test]
    fn words_that_no_table_has_are_still_errors() {
        assert!(
            refused("[pool.merchant.skew]\nzipf = 1\nof = 2")
                .render(false)
                .contains("own.toml")
        );
        assert!(refused("flow = 5").message.contains("table of tables"));
        let set = Overrides {
            set: vec!["extends=\"storefront\"".into()],
            ..Overrides::default()
        };
        let shown = Files::new("")
            .load("own.toml", &set)
            .unwrap_err()
            .to_string();
        assert!(shown.contains("no flag can change `extends`"), "{shown}");
    }
}
