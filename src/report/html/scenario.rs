//! The scenario as it was run, with its parts in colour, and how to run it again.

use maud::{Markup, html};

use crate::measure::run::RunFile;
use crate::report::plot;
use crate::scenario::PRESETS;

use super::Shown;
use super::number::name;

/// Each scenario once: where all runs have the same, one.
pub(super) fn scenario(runs: &[Shown<'_>]) -> Markup {
    let known: Vec<(Shown<'_>, &RunFile)> = runs
        .iter()
        .filter_map(|run| Some((*run, run.run()?)))
        .collect();
    let same = known
        .windows(2)
        .all(|pair| pair[0].1.plan.scenario == pair[1].1.plan.scenario);
    let shown = if same {
        known.len().min(1)
    } else {
        known.len()
    };
    html! {
        @if !known.is_empty() {
            section {
                h2 { "The scenario" }
                p.small.dim { "As it was run, with every override of the command line in it." }
                @for (run, file) in &known[..shown] {
                    details open[!run.beside] {
                        summary { @if !same { (run.chip()) } (name(&run.data.name())) ".toml" }
                        pre { code { (highlighted(&file.plan.scenario)) } }
                    }
                }
                h3 { "Run it again" }
                @for (run, file) in &known { (again(run, file)) }
            }
        }
    }
}

fn again(run: &Shown<'_>, file: &RunFile) -> Markup {
    let file_name = format!("{}.toml", plain(&run.data.name()));
    let mut command = format!("highwater run {file_name}");
    match file.target.kind.as_str() {
        "null" => command.push_str(" --target null"),
        "embedded" => {}
        _ => command.push_str(&format!(
            " --bootstrap {}",
            quoted(&file.target.bootstrap.join(","))
        )),
    }
    let preset = PRESETS.iter().any(|preset| preset.name == run.data.name());
    html! {
        p { (run.chip()) "Save the scenario above as " code { (file_name) }
            @if preset { " (its event templates are those of the built-in preset of that name, in scenarios/events/ of the source: put them into " code { "events/" } " beside it)" }
            @else { " beside its event templates" }
            ", then:" }
        pre { code { (plot::shown(&command)) } }
        p.small.dim { "The run has the same plan hash, so it offers the same events at the same instants: " code { (name(&file.plan.hash)) } }
    }
}

/// A scenario's name as a file's.
fn plain(text: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .take(60)
        .collect();
    match kept.trim_matches(['.', '-']) {
        "" => "scenario".to_owned(),
        kept => kept.to_owned(),
    }
}

/// An argument as a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:,/[]".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// TOML with its parts in colour. What is not understood stays as it is: nothing is ever left out.
fn highlighted(text: &str) -> Markup {
    html! {
        @for line in plot::shown(text).lines() {
            @for (class, part) in parts(line) {
                @if class.is_empty() { (part) } @else { span.(class) { (part) } }
            }
            "\n"
        }
    }
}

/// A line in pieces: (class, text). Together they are the line.
fn parts(line: &str) -> Vec<(&'static str, &str)> {
    let trimmed = line.trim_start();
    if trimmed.starts_with('[') {
        return vec![("t-head", line)];
    }
    let mut parts = Vec::new();
    let mut rest = line;
    let mut is_key = true;
    while let Some(first) = rest.chars().next() {
        let (class, length) = match first {
            '#' => ("t-note", rest.len()),
            '"' | '\'' => (
                if is_key && assigns(&rest[string(rest)..]) {
                    "t-key"
                } else {
                    "t-text"
                },
                string(rest),
            ),
            c if is_bare(c) => {
                let length = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
                (
                    if assigns(&rest[length..]) {
                        "t-key"
                    } else {
                        "t-value"
                    },
                    length,
                )
            }
            c => ("", c.len_utf8()),
        };
        is_key = matches!(first, '{' | ',' | ' ') && is_key || first == '{' || first == ',';
        let (part, after) = rest.split_at(length);
        parts.push((class, part));
        rest = after;
    }
    parts
}

fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | ':')
}

/// Whether what follows a word makes it a key.
fn assigns(after: &str) -> bool {
    after.trim_start().starts_with('=')
}

/// The length of the string that begins here, its quotes included; to the end of the line where it does not end.
fn string(text: &str) -> usize {
    let quote = if text.starts_with('"') { '"' } else { '\'' };
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            '\\' if quote == '"' && !escaped => escaped = true,
            c if c == quote && !escaped => return i + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(line: &str) -> Vec<(&'static str, &str)> {
        parts(line)
            .into_iter()
            .filter(|(class, _)| !class.is_empty())
            .collect()
    }

    #[test]
    fn the_parts_of_a_line() {
        assert_eq!(classes("[flow.shoppers]"), [("t-head", "[flow.shoppers]")]);
        assert_eq!(
            classes("skew = { zipf = 1.1 } # x"),
            [
                ("t-key", "skew"),
                ("t-key", "zipf"),
                ("t-value", "1.1"),
                ("t-note", "# x")
            ]
        );
        assert_eq!(
            classes(r#""linger.ms" = "a \" # b""#),
            [("t-key", "\"linger.ms\""), ("t-text", r#""a \" # b""#)]
        );
    }

    #[test]
    fn nothing_is_left_out() {
        for line in [
            "",
            "  a = 'b",
            "\"",
            "é = [1, \"ü\"]",
            "\\\"x\\",
            "===",
            "a.b.c = true,",
        ] {
            let together: String = parts(line).into_iter().map(|(_, part)| part).collect();
            assert_eq!(together, line);
        }
    }

    #[test]
    fn commands_are_safe_to_paste() {
        assert_eq!(quoted("kafka-1:9092,[::1]:9093"), "kafka-1:9092,[::1]:9093");
        assert_eq!(quoted("x; rm -rf '~'"), r"'x; rm -rf '\''~'\'''");
        assert_eq!(
            (plain("cyber day/½").as_str(), plain("..").as_str()),
            ("cyber-day", "scenario")
        );
    }
}
