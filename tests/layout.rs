//! The layout rules of the source tree, checked on its text.
//!
//! - A module uses only itself and modules above it in the order of `lib.rs`.
//! - Only `target/kafka` speaks to librdkafka's binding.
//! - Only `clock.rs` reads a clock.
//! - Only `command/` and `main.rs` use anyhow; everywhere else errors are enums.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order data flows.
const ORDER: [&str; 14] = [
    "clock", "rng", "scenario", "schedule", "traffic", "target", "measure", "drive", "fleet",
    "capacity", "report", "cli", "command", "main",
];

const CLOCKS: [&str; 6] = [
    "Instant",
    "SystemTime",
    "Timestamp",
    "Zoned",
    "Utc",
    "Local",
];
const CLOCK_CALLS: [&str; 3] = ["clock_gettime", "gettimeofday", "ftime"];

#[test]
fn the_source_keeps_its_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(
        files.len() > 10,
        "found only {} files in {root:?}",
        files.len()
    );
    let mut broken = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("source is readable");
        let path = file.strip_prefix(&root).expect("it was found there");
        broken.extend(violations(&path.to_string_lossy(), &text));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("source is readable") {
        let path = entry.expect("source is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What a file, named relative to `src`, does that its place forbids.
fn violations(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let own = path
        .split('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs");
    let mut broken = Vec::new();
    if let Some(rank) = rank(own) {
        for used in modules_used(path, &tokens) {
            if rank_of(&used) > rank {
                broken.push(format!(
                    "{path}: `{own}` uses `{used}`, which comes after it"
                ));
            }
        }
    } else if own != "lib" {
        broken.push(format!(
            "{path}: `{own}` has no place in the order of modules"
        ));
    }
    let names = |wanted: &str| tokens.iter().any(|token| token == wanted);
    if !path.starts_with("target/kafka") && (names("rdkafka") || names("rdkafka_sys")) {
        broken.push(format!("{path}: only target/kafka may use rdkafka"));
    }
    if own != "command" && own != "main" && names("anyhow") {
        broken.push(format!("{path}: only command/ and main.rs may use anyhow"));
    }
    if own != "clock" {
        for call in clock_calls(&tokens) {
            broken.push(format!(
                "{path}: only clock.rs may read a clock, found `{call}`"
            ));
        }
    }
    broken
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|&name| name == module)
}

fn rank_of(module: &str) -> usize {
    rank(module).unwrap_or(0)
}

/// The modules of this crate that the tokens name from its root: `crate::x`, `crate::{x, y::z}`, `highwater::x`, and
/// as many `super::` as lead to the root.
fn modules_used(path: &str, tokens: &[String]) -> Vec<String> {
    // src/a.rs is one step below the root, src/a/mod.rs too, src/a/b.rs two.
    let depth = path.split('/').filter(|part| *part != "mod.rs").count();
    let mut used = Vec::new();
    for i in 0..tokens.len() {
        let before = i.checked_sub(1).map_or("", |j| &tokens[j]);
        let mut at = i;
        match tokens[i].as_str() {
            "crate" | "highwater" if before != "::" => at += 1,
            "super" if before != "::" => {
                let mut steps = 0;
                while token(tokens, at) == "super" && token(tokens, at + 1) == "::" {
                    steps += 1;
                    at += 2;
                }
                // Inner modules need more steps, so more than enough is judged as well.
                if steps < depth {
                    continue;
                }
                at -= 1;
            }
            _ => continue,
        }
        if token(tokens, at) == "::" {
            used.extend(heads(tokens, at + 1));
        }
    }
    used
}

/// The first names of the path or group of paths that begins at `at`.
fn heads(tokens: &[String], at: usize) -> Vec<String> {
    if token(tokens, at) != "{" {
        return vec![token(tokens, at).to_owned()];
    }
    let (mut heads, mut open, mut i) = (Vec::new(), 0, at);
    loop {
        match token(tokens, i) {
            "{" => open += 1,
            "}" => open -= 1,
            "" => break,
            name if open == 1 && matches!(token(tokens, i - 1), "{" | ",") => {
                heads.push(name.to_owned());
            }
            _ => {}
        }
        if open == 0 {
            break;
        }
        i += 1;
    }
    heads
}

/// Calls that read a clock: `X::now` of a clock type, however it is qualified, and libc's.
fn clock_calls(tokens: &[String]) -> Vec<String> {
    let mut calls = Vec::new();
    for i in 0..tokens.len() {
        let name = tokens[i].as_str();
        let now = token(tokens, i + 1) == "::" && token(tokens, i + 2) == "now";
        if CLOCKS.contains(&name) && now {
            calls.push(format!("{name}::now"));
        } else if CLOCK_CALLS.contains(&name) {
            calls.push(name.to_owned());
        }
    }
    calls
}

fn token(tokens: &[String], at: usize) -> &str {
    tokens.get(at).map_or("", String::as_str)
}

/// The words and the marks of Rust source; no comments, strings or characters.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        let next = chars.get(i + 1).copied().unwrap_or(' ');
        if c == '/' && next == '/' {
            i = skip_line(&chars, i);
        } else if c == '/' && next == '*' {
            i = skip_block(&chars, i);
        } else if let Some(end) = skip_string(&chars, i) {
            i = end;
        } else if c.is_alphanumeric() || c == '_' {
            let end = word_end(&chars, i);
            tokens.push(chars[i..end].iter().collect());
            i = end;
        } else if c == ':' && next == ':' {
            tokens.push("::".to_owned());
            i += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            i += 1;
        }
    }
    tokens
}

fn word_end(chars: &[char], from: usize) -> usize {
    let inside = |c: &char| c.is_alphanumeric() || *c == '_';
    from + chars[from..].iter().take_while(|c| inside(c)).count()
}

fn skip_line(chars: &[char], from: usize) -> usize {
    from + chars[from..].iter().take_while(|&&c| c != '\n').count()
}

/// Block comments nest.
fn skip_block(chars: &[char], from: usize) -> usize {
    let (mut open, mut i) = (0, from);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (open, i) = (open + 1, i + 2),
            ('*', '/') => (open, i) = (open - 1, i + 2),
            _ => i += 1,
        }
        if open == 0 {
            return i;
        }
    }
    chars.len()
}

/// The end of the string or character literal that begins at `from`, if one does. A lifetime is none.
fn skip_string(chars: &[char], from: usize) -> Option<usize> {
    let mut i = from;
    while i < from + 2 && matches!(chars.get(i), Some('b' | 'c' | 'r')) {
        i += 1;
    }
    let raw = chars[from..i].contains(&'r');
    let hashes = chars[i..].iter().take_while(|&&c| c == '#').count();
    if raw && chars.get(i + hashes) == Some(&'"') {
        let end: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
        let body = i + hashes + 1;
        let found = chars[body..].windows(end.len()).position(|w| w == end);
        return Some(found.map_or(chars.len(), |at| body + at + end.len()));
    }
    match chars.get(i)? {
        '"' => Some(closing(chars, i, '"')),
        '\'' if chars.get(i + 1) == Some(&'\\') || chars.get(i + 2) == Some(&'\'') => {
            Some(closing(chars, i, '\''))
        }
        _ => None,
    }
}

/// Behind the quote that closes the one at `open`; a backslash takes the next character's meaning.
fn closing(chars: &[char], open: usize, quote: char) -> usize {
    let mut i = open + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The detector must be able to find what it looks for, and nothing else.
mod detector {
    use super::violations;

    fn finds(path: &str, text: &str) -> bool {
        !violations(path, text).is_empty()
    }

    #[test]
    fn a_use_of_a_later_module_in_any_spelling() {
        for text in [
            "use crate::drive::Plan;",
            "use crate::{clock::Tick, drive};",
            "use crate::{\n    rng::{stream, Stream},\n    report::{Page, Plot},\n};",
            "fn f() { crate :: capacity::judge() }",
            "use super::super::measure::Window;",
            "use super::super::{clock, measure};",
            "mod tests { use super::super::super::cli; }",
            "use highwater::command;",
        ] {
            assert!(finds("schedule/curve.rs", text), "{text}");
        }
        assert!(finds("rng.rs", "use super::schedule::Curve;"));
        assert!(finds("schedule/mod.rs", "use super::traffic;"));
        assert!(finds(
            "main.rs",
            "use highwater::nowhere; use anyhow::x; fn f() { rdkafka::x() }"
        ));
    }

    #[test]
    fn no_fault_in_what_is_allowed() {
        for text in [
            "use crate::clock::Tick;",
            "use crate::{rng, scenario::Flow, schedule::curve::report};",
            "use crate::schedule::{Curve, drive};",
            "use super::measure;",
            "use super::super::scenario::Flow;",
            "/// See [`crate::drive`].\nfn f() {}",
            "/* crate::drive /* nested */ anyhow */ fn f() {}",
            "const A: &str = \"crate::drive, \\\" rdkafka and Instant::now()\";",
            "const A: &str = r#\"anyhow \" rdkafka\"#; const B: &[u8] = b\"anyhow\"; const C: char = '\"';",
            "fn f<'a>(x: &'a str) -> &'a str { x } // anyhow",
            "fn f(clock: &impl Clock) -> Tick { clock.now() }",
        ] {
            let found = violations("schedule/curve.rs", text);
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn the_binding_anywhere_but_in_its_folder() {
        for text in [
            "use rdkafka::bindings;",
            "fn f() { rdkafka_sys::rd_kafka_version() }",
        ] {
            assert!(finds("target/null.rs", text));
            assert!(finds("drive/mod.rs", text));
            assert!(!finds("target/kafka/producer.rs", text));
        }
    }

    #[test]
    fn a_clock_read_anywhere_but_in_clock_rs() {
        for text in [
            "fn f() { std::time::Instant::now(); }",
            "fn f() { Instant :: now(); }",
            "let wall = jiff::Timestamp::now;",
            "fn f() { unsafe { libc::clock_gettime(0, p) } }",
        ] {
            assert!(finds("drive/mod.rs", text), "{text}");
            assert!(!finds("clock.rs", text), "{text}");
        }
    }

    #[test]
    fn anyhow_outside_the_commands() {
        assert!(finds("drive/mod.rs", "use anyhow::Context;"));
        assert!(!finds("command/run.rs", "use anyhow::Context;"));
        assert!(!finds(
            "main.rs",
            "fn main() -> anyhow::Result<()> { Ok(()) }"
        ));
    }

    #[test]
    fn a_module_that_the_order_does_not_know() {
        assert!(finds("helpers.rs", ""));
        assert!(finds("utils/mod.rs", ""));
        assert!(!finds("lib.rs", "pub mod clock;"));
    }
}
