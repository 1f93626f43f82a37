//! What is wrong in a scenario, shown in its place.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Everything that is wrong in a scenario. `Display` shows all of it, without colour.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", render_all(.problems, false))]
pub struct ScenarioErrors {
    /// At least one; in the order of the file.
    pub problems: Vec<Problem>,
}

impl ScenarioErrors {
    /// All of them as text, in colour if asked.
    pub fn render(&self, color: bool) -> String {
        render_all(&self.problems, color)
    }
}

impl From<Problem> for ScenarioErrors {
    fn from(problem: Problem) -> ScenarioErrors {
        ScenarioErrors {
            problems: vec![problem],
        }
    }
}

fn render_all(problems: &[Problem], color: bool) -> String {
    let shown: Vec<String> = problems.iter().map(|p| p.render(color)).collect();
    shown.join("\n\n")
}

/// Whether a problem stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is sent.
    Error,
    /// Legal, but suspicious.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the run.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where; `None` when no place of a text is to blame (a file that is not there).
    pub place: Option<Place>,
    /// What was expected at the mark; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A marked place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as typed, or what else the text is.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line.
    pub text: String,
    /// The marked bytes of the line.
    pub marked: Range<usize>,
}

impl Place {
    /// The place of `span`, in bytes, in the text called `file`. A span of several lines is cut to its first.
    pub fn of(file: &str, text: &str, span: Range<usize>) -> Place {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end.max(span.start));
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line = &text[line_start..];
        let line = &line[..line.find('\n').unwrap_or(line.len())];
        let line = line.strip_suffix('\r').unwrap_or(line);
        let from = (start - line_start).min(line.len());
        let to = (end.max(start) - line_start).clamp(from, line.len());
        Place {
            file: file.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column: line[..from].chars().count() + 1,
            text: line.to_owned(),
            marked: from..to,
        }
    }
}

/// The last character boundary at or before `index`.
fn floor_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

impl Problem {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            label: String::new(),
            help: None,
        }
    }

    /// An error at `span`, in bytes, of the text called `file`.
    pub fn in_text(
        file: &str,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Problem {
        Problem {
            place: Some(Place::of(file, text, span)),
            ..Problem::new(message)
        }
    }

    /// Says at the mark what was expected.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = label.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// The problem as text, in colour if asked.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str());
        let mut group = match &self.place {
            Some(place) => {
                let mark = AnnotationKind::Primary
                    .span(place.marked.clone())
                    .label((!self.label.is_empty()).then_some(self.label.as_str()));
                title.element(
                    Snippet::source(place.text.as_str())
                        .line_start(place.line)
                        .path(place.file.as_str())
                        .annotation(mark),
                )
            }
            None => annotate_snippets::Group::with_title(title),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problem {}

/// The known word that `word` was most likely meant to be; `None` when nothing is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|k| (k, strsim::jaro_winkler(&word, &k.to_lowercase())))
        .filter(|(_, likeness)| *likeness > 0.75)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(k, _)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters() {
        let place = Place::of("f", "äöü\r\nx = ü9\r\n", 14..15);
        assert_eq!((place.line, place.column), (2, 6));
        assert_eq!(place.text, "x = ü9");
        assert_eq!(&place.text[place.marked], "9");
    }

    #[test]
    fn any_span_of_any_text_has_a_place() {
        let text = "é\n\nüü";
        for start in 0..12 {
            for end in 0..12 {
                let problem = Problem::in_text("f", text, start..end, "m").label("l");
                assert!(problem.render(false).contains("f:"), "{start}..{end}");
            }
        }
        assert!(
            Problem::in_text("f", "", 0..0, "m")
                .render(true)
                .contains('m')
        );
    }

    #[test]
    fn the_line_is_shown_and_marked() {
        let problem = Problem::in_text("s.toml", "a = 1\nb = wrong\n", 10..15, "no")
            .label("a number")
            .help("write one");
        let shown = problem.render(false);
        for part in [
            "error: no",
            "s.toml:2:5",
            "b = wrong",
            "^^^^^ a number",
            "help: write one",
        ] {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(
            nearest("page_veiws", ["carts", "page_views"]),
            Some("page_views")
        );
        assert_eq!(nearest("xyz", ["carts", "page_views"]), None);
    }
}
