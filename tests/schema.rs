//! The published schema of scenario files: what is right fits it, what is wrong does not, and no word is missing.

#[path = "support/json_schema.rs"]
mod json_schema;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use highwater::scenario::{FakeKind, Overrides, PRESETS, SCHEMA, Source, load};
use serde_json::Value;

use json_schema::{from_toml, misfits};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// What is wrong with a scenario, by the schema.
fn wrong(text: &str) -> Vec<String> {
    misfits(&schema(), &from_toml(text))
}

#[test]
fn presets_fit() {
    for preset in PRESETS {
        assert_eq!(wrong(preset.text), [""; 0], "{}", preset.name);
    }
}

#[test]
fn every_construct_fits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let every = root.join("tests/fixtures/scenario/every-construct.toml");
    let text = std::fs::read_to_string(&every).unwrap();
    assert_eq!(wrong(&text), [""; 0]);
    let loaded = load(&Source::Path(every), &Overrides::default());
    loaded.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn what_is_wrong_does_not_fit() {
    for text in [
        "sede = 1",
        "seed = \"many\"",
        "extends = [\"storefront\"]",
        "name = \"a/b\"",
        "time.span = 24",
        "time.span = \"24 hours\"",
        "time.play = [\"11:50\"]",
        "time.play = [\"11:50\", \"25:00\"]",
        "time.compress = 0",
        "load.scale = -1",
        "pool.p.count = 1.5",
        "pool.p.count = \"1.8m\"",
        "pool.p.skew = { zipf = 1, lognormal = 2 }",
        "pool.p.skew = { hot = { share = 1.5, of = 0.2 } }",
        "pool.p.fields = { a = \"compny\" }",
        "pool.p.fields = { a = { int = [1] } }",
        "pool.p.flash = { id = 1, share = 0.5, at = \"12:00\" }",
        "pool.\"my pool\".count = 1",
        "topic.t.partitions = \"three\"",
        "topic.t.config = { a = [1] }",
        "event.e.stamp = \"paylod\"",
        "event.e.value = { bytes = \"12kb\" }",
        "event.e.defects = { late = { share = 0.1 } }",
        "journey.j.state.s.next = { a = 1.2 }",
        "journey.j.state.s.next = { a = { after = \"2m\" } }",
        "journey.j.state.s.after = { lognormal = { median = \"5s\" } }",
        "journey.j.state.s.after = { uniform = [\"5s\"] }",
        "journey.j.state.s.times = { lognormal = { median = \"5s\", sigma = 1 } }",
        "journey.j.follow = { on = \"e\" }",
        "flow.f.mean = 500",
        "flow.f.mean = \"9k/sec\"",
        "flow.f.arrivals = \"poison\"",
        "flow.f.arrivals = { bursty = {} }",
        "flow.f.arrivals = { periodic = { devices = 5 } }",
        "flow.f.shape = { hours = [1] }",
        "flow.f.shape = [ { hours = [1, 2, 3] } ]",
        "flow.f.shape = [ { flash = { at = \"12:01\" } } ]",
        "flow.f.shape = [ { flash = { at = \"+5m\", height = 2, hight = 3 } } ]",
        "flow.f.shape = [ { sum = [ { falsh = {} } ] } ]",
        "flow.f.event = { a = 0 }",
        "consume.c.work = 200",
        "slo = { metric = \"failed\" }",
        "[[slo]]\nquantile = 0.9",
        "[[slo]]\nmetric = \"respnse\"",
        "[[slo]]\nmetric = \"response\"\nquantile = 99",
        "abort.response = { quantile = 0.99, above = \"10s\" }",
        "action = { at = \"+5s\" }",
        "[[action]]\nrun = \"ci/kafka restart 2\"",
        "[[action]]\nrun = []",
        "[[action]]\npause = \"analytics\"",
        "[[action]]\non_failure = \"abort\"",
        "watch.groups = 5",
    ] {
        assert!(!wrong(text).is_empty(), "fits, and is wrong: {text}");
    }
}

/// Tables with a word that nobody knows, and where the schema describes them.
const TABLES: &[(&str, &str)] = &[
    ("nobody = 1", ""),
    ("time.nobody = 1", "/$defs/time"),
    ("load.nobody = 1", "/$defs/load"),
    ("pool.p.nobody = 1", "/$defs/pool"),
    (
        "pool.p.skew = { nobody = 1 }",
        "/$defs/pool/properties/skew/anyOf/1",
    ),
    (
        "pool.p.skew = { hot = { nobody = 1 } }",
        "/$defs/pool/properties/skew/anyOf/1/properties/hot",
    ),
    (
        "pool.p.flash = { nobody = 1 }",
        "/$defs/pool/properties/flash",
    ),
    ("topic.t.nobody = 1", "/$defs/topic"),
    ("event.e.nobody = 1", "/$defs/event"),
    (
        "event.e.value = { nobody = 1 }",
        "/$defs/event/properties/value",
    ),
    ("event.e.defects = { nobody = 1 }", "/$defs/defects"),
    (
        "event.e.defects = { late = { nobody = 1 } }",
        "/$defs/delay",
    ),
    (
        "event.e.defects = { tombstone = { nobody = 1 } }",
        "/$defs/defects/properties/tombstone",
    ),
    (
        "event.e.defects = { oversized = { nobody = 1 } }",
        "/$defs/defects/properties/oversized",
    ),
    ("journey.j.nobody = 1", "/$defs/journey"),
    ("journey.j.state.s.nobody = 1", "/$defs/state"),
    (
        "journey.j.state.s.after = { nobody = 1 }",
        "/$defs/lag/anyOf/1",
    ),
    (
        "journey.j.state.s.times = { nobody = 1 }",
        "/$defs/times/anyOf/1",
    ),
    ("[[journey.j.follow]]\nnobody = 1", "/$defs/follow"),
    ("flow.f.nobody = 1", "/$defs/flow"),
    (
        "flow.f.arrivals = { bursty = { nobody = 1 } }",
        "/$defs/arrivals/anyOf/1/properties/bursty",
    ),
    (
        "flow.f.arrivals = { batch = { nobody = 1 } }",
        "/$defs/arrivals/anyOf/1/properties/batch",
    ),
    (
        "flow.f.arrivals = { periodic = { nobody = 1 } }",
        "/$defs/arrivals/anyOf/1/properties/periodic",
    ),
    (
        "flow.f.arrivals = { closed = { nobody = 1 } }",
        "/$defs/arrivals/anyOf/1/properties/closed",
    ),
    ("flow.f.shape = [ { nobody = 1 } ]", "/$defs/shape"),
    (
        "flow.f.shape = [ { ramp = { nobody = 1 } } ]",
        "/$defs/shape/properties/ramp",
    ),
    (
        "flow.f.shape = [ { stairs = { nobody = 1 } } ]",
        "/$defs/shape/properties/stairs",
    ),
    (
        "flow.f.shape = [ { sine = { nobody = 1 } } ]",
        "/$defs/shape/properties/sine",
    ),
    (
        "flow.f.shape = [ { gaussian = { nobody = 1 } } ]",
        "/$defs/shape/properties/gaussian",
    ),
    (
        "flow.f.shape = [ { flash = { nobody = 1 } } ]",
        "/$defs/shape/properties/flash",
    ),
    (
        "flow.f.shape = [ { square = { nobody = 1 } } ]",
        "/$defs/shape/properties/square",
    ),
    (
        "flow.f.shape = [ { trace = { nobody = 1 } } ]",
        "/$defs/shape/properties/trace",
    ),
    (
        "flow.f.shape = [ { noise = { nobody = 1 } } ]",
        "/$defs/shape/properties/noise",
    ),
    ("consume.c.nobody = 1", "/$defs/consume"),
    ("[[slo]]\nnobody = 1", "/$defs/slo"),
    ("[[action]]\nnobody = 1", "/$defs/action"),
    (
        "[[action]]\nuntil = { nobody = 1 }",
        "/$defs/action/properties/until",
    ),
    ("watch.nobody = 1", "/$defs/watch"),
    ("abort.nobody = 1", "/$defs/abort"),
    (
        "abort.response = { nobody = 1 }",
        "/$defs/abort/properties/response",
    ),
    (
        "abort.errors = { nobody = 1 }",
        "/$defs/abort/properties/errors",
    ),
    (
        "abort.backlog = { nobody = 1 }",
        "/$defs/abort/properties/backlog",
    ),
];

/// The words that the program knows where `nobody` stands in a scenario, as its error lists them.
fn known(text: &str) -> BTreeSet<String> {
    let source = Source::Text {
        name: "test.toml".into(),
        text: text.into(),
        folder: PathBuf::new(),
    };
    let errors = load(&source, &Overrides::default()).expect_err("nobody knows `nobody`");
    let unknown = errors
        .problems
        .iter()
        .find(|p| p.message.contains("`nobody`"));
    let help = unknown.and_then(|p| p.help.clone());
    let help = help.unwrap_or_else(|| panic!("no words are listed for {text}:\n{errors}"));
    let words = help.strip_prefix("known here: ").expect("the words");
    words.split(", ").map(str::to_owned).collect()
}

/// The words that the schema knows: those of an object, and of a list of plain words beside it.
fn described(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let part = schema.pointer(pointer).expect(pointer);
    let words = part["properties"].as_object().expect(pointer);
    words.keys().cloned().collect()
}

#[test]
fn the_schema_knows_the_words_that_the_program_knows() {
    let schema = schema();
    for (text, pointer) in TABLES {
        let mut described = described(&schema, pointer);
        if *pointer == "/$defs/pool/properties/skew/anyOf/1" {
            described.insert("uniform".into());
        }
        // What is read before all else is no word of the merged scenario.
        described.remove("extends");
        let mut known = known(text);
        known.remove("extends");
        assert_eq!(known, described, "{text}");
    }
}

#[test]
fn lists_of_words_are_the_programs() {
    let schema = schema();
    let words = |pointer: &str| -> BTreeSet<String> {
        let list = schema
            .pointer(pointer)
            .and_then(Value::as_array)
            .expect(pointer);
        list.iter()
            .map(|w| w.as_str().unwrap().to_owned())
            .collect()
    };
    let plus = |pointer: &str, more: BTreeSet<String>| -> BTreeSet<String> {
        words(pointer).union(&more).cloned().collect()
    };
    let fake = plus(
        "/$defs/field/anyOf/0/enum",
        described(&schema, "/$defs/field/anyOf/1"),
    );
    assert_eq!(
        fake,
        FakeKind::NAMES.iter().map(|n| (*n).to_owned()).collect()
    );
    let arrivals = plus(
        "/$defs/arrivals/anyOf/0/enum",
        described(&schema, "/$defs/arrivals/anyOf/1"),
    );
    assert_eq!(arrivals, known("flow.f.arrivals = \"nobody\""));
    assert_eq!(
        words("/$defs/event/properties/stamp/enum"),
        known("event.e.stamp = \"nobody\"")
    );
    assert_eq!(
        words("/$defs/slo/properties/metric/enum"),
        known("[[slo]]\nmetric = \"nobody\"")
    );
    assert_eq!(
        words("/$defs/slo/properties/from/enum"),
        known("[[slo]]\nfrom = \"nobody\"")
    );
    assert_eq!(
        words("/$defs/action/properties/on_failure/enum"),
        known("[[action]]\non_failure = \"nobody\"")
    );
}
