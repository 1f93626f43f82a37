//! The README's tour of the language, followed: every step of it loads. And its reference knows every word.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use highwater::scenario::{Overrides, PRESETS, Problem, SCHEMA, Scenario, Source, load};
use highwater::traffic::Traffic;
use serde_json::Value;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// A block of code of the tour: its language, its text, and the last line before it.
struct Snippet {
    language: String,
    text: String,
    before: String,
}

fn tour() -> Vec<Snippet> {
    let readme = read("README.md");
    let (_, tour) = readme.split_once("### From storefront").expect("the tour");
    let (tour, _) = tour.split_once("\n## ").expect("its end");
    let mut snippets = Vec::new();
    let mut rest = tour;
    while let Some((before, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').expect("a language");
        let (text, after) = after.split_once("\n```").expect("the end of a block");
        snippets.push(Snippet {
            language: language.to_owned(),
            text: format!("{text}\n"),
            before: before.trim_end().lines().last().unwrap_or("").to_owned(),
        });
        rest = after;
    }
    snippets
}

fn loaded(path: &Path) -> Scenario {
    let loaded = load(&Source::Path(path.to_owned()), &Overrides::default());
    let loaded = loaded.unwrap_or_else(|e| panic!("{e}"));
    // A part of the day misses what the whole day has: told, and right.
    let is_cut = |w: &&Problem| w.message.contains("in the part that is played");
    let warnings: Vec<_> = loaded.warnings.iter().filter(|w| !is_cut(w)).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    Traffic::compile(&loaded.scenario, 1).unwrap_or_else(|e| panic!("{e}"));
    loaded.scenario
}

/// Writes the tour's files as a reader would, and loads the scenario whenever a step is complete.
#[test]
fn every_step_of_the_tour_loads() {
    let folder = tempfile::tempdir().unwrap();
    let (mut file, mut steps) = (None, 0);
    let snippets = tour();
    for (index, snippet) in snippets.iter().enumerate() {
        match snippet.language.as_str() {
            "toml" => {
                if let Some(name) = snippet
                    .text
                    .lines()
                    .next()
                    .and_then(|l| l.strip_prefix("# "))
                {
                    file = Some((folder.path().join(name), String::new()));
                }
                let (path, text) = file.as_mut().expect("the first block names its file");
                text.push_str(&snippet.text);
                fs::write(path, text).unwrap();
            }
            "json" | "csv" => {
                let name = snippet.before.trim_end_matches(':').trim_matches('`');
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, &snippet.text).unwrap();
            }
            _ => continue,
        }
        // A template or a trace is shown after the table that names it; an event is sent by a step that follows.
        let complete = snippets
            .get(index + 1)
            .is_none_or(|next| next.language == "toml");
        if let (true, Some((path, _))) = (complete, &file) {
            let result = load(&Source::Path(path.clone()), &Overrides::default());
            result.unwrap_or_else(|e| panic!("after\n{}\n{e}", snippet.text));
            steps += 1;
        }
    }
    assert!(steps >= 9, "{steps} steps");
    let day = loaded(&folder.path().join("our-friday.toml"));
    let spike = loaded(&folder.path().join("our-spike.toml"));
    assert_eq!(
        (day.name.as_str(), spike.name.as_str()),
        ("our-friday", "our-spike")
    );
    assert_eq!(day.time.run_ns(), 600_000_000_000);
    assert_eq!(spike.time.run_ns(), 1_200_000_000_000);
    assert_eq!(spike.flows.len(), day.flows.len() + 1);
}

#[test]
fn the_presets_are_all_listed() {
    let readme = read("README.md");
    for preset in PRESETS {
        let row = format!("| `{}` | ", preset.name);
        assert!(readme.contains(&row), "{}", preset.name);
    }
}

/// All words of the language: names of fields, and words that stand for themselves.
fn words(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("properties", Value::Object(fields)) => into.extend(fields.keys().cloned()),
                    // The names of definitions are the schema's own.
                    ("$defs", Value::Object(definitions)) => {
                        definitions.values().for_each(|of| words(of, into));
                        continue;
                    }
                    ("enum", Value::Array(list)) => {
                        into.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                words(value, into);
            }
        }
        Value::Array(list) => list.iter().for_each(|part| words(part, into)),
        _ => {}
    }
}

#[test]
fn the_reference_knows_every_word() {
    let reference = read("scenarios/README.md");
    let told: BTreeSet<&str> = reference
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    let mut words_of_schema = BTreeSet::new();
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    words(&schema, &mut words_of_schema);
    let missing: Vec<&String> = words_of_schema
        .iter()
        .filter(|w| !told.contains(w.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "the reference does not tell of {missing:?}"
    );
}
