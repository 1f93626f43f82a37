//! Whatever is in a scenario file: it loads, or its errors can be shown.
#![no_main]

use std::path::PathBuf;

use highwater::scenario::{Overrides, Source, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source::Text {
        name: "fuzz.toml".into(),
        text: text.into(),
        // Files that a text names are looked for here: the events of a whole scenario.
        folder: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/language")),
    };
    match load(&source, &Overrides::default()) {
        Ok(loaded) => assert!(!loaded.scenario.flows.is_empty()),
        Err(errors) => assert!(!errors.render(false).is_empty()),
    }
});
