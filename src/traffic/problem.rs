//! What is wrong with a scenario's events, shown at its place.

use std::fmt;

/// All that is wrong with the events of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TrafficError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for TrafficError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The template, file or event it is about, by the name the user gave.
    pub source: String,
    /// Where in it; `None` when it is about the whole.
    pub place: Option<Place>,
    /// What is wrong, what was expected, and the remedy.
    pub message: String,
    /// The right word that is nearest to the one that stands there.
    pub nearest: Option<String>,
}

/// A place in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters are meant; at least 1, and never beyond the line's end.
    pub width: usize,
    /// The line itself.
    pub shown: String,
}

impl Place {
    /// The place of `len` bytes at byte `start` of a text. Both may lie anywhere: they are brought within it.
    pub(super) fn new(text: &str, start: usize, len: usize) -> Place {
        let boundary = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = boundary((start + len).min(line_end));
        Place {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end.max(start)].chars().count().max(1),
            shown: text[line_start..line_end].trim_end().to_owned(),
        }
    }
}

/// The most characters of a line that are shown: templates may be one long line.
const SHOWN: usize = 100;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        let Some(place) = &self.place else {
            return Ok(());
        };
        // A window of the line, with the place well within.
        let skipped = place.column.saturating_sub(SHOWN / 2 + 1);
        let skipped = if place.column <= SHOWN * 3 / 4 {
            0
        } else {
            skipped
        };
        let shown: String = place.shown.chars().skip(skipped).take(SHOWN).collect();
        let number = place.line.to_string();
        let margin: String = shown
            .chars()
            .take(place.column - 1 - skipped)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let width = place.width.min(SHOWN / 2);
        let pad = " ".repeat(number.len());
        write!(
            f,
            "\n {number} | {shown}\n {pad} | {margin}{}",
            "^".repeat(width)
        )
    }
}

/// The one of `words` that is nearest to `word`, if any is near.
pub(super) fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<String> {
    words
        .map(|right| (strsim::damerau_levenshtein(word, right), right))
        .filter(|(distance, right)| *distance <= 1.max(word.len().max(right.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, right)| right.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_place() {
        let text = "{\n\t\"shop\": {{merchnat}}\n}";
        let problem = Problem {
            source: "events/order.json".into(),
            place: Some(Place::new(text, text.find("{{").unwrap(), 12)),
            message: "no blank is called `merchnat`".into(),
            nearest: nearest("merchnat", ["product", "merchant"].into_iter()),
        };
        assert_eq!(
            problem.to_string(),
            "events/order.json:2:10: no blank is called `merchnat`; did you mean `merchant`?\n \
             2 | \t\"shop\": {{merchnat}}\n   | \t        ^^^^^^^^^^^^"
        );
    }

    #[test]
    fn shows_a_part_of_a_long_line() {
        let text = format!("{}X{}", "é".repeat(500), "b".repeat(500));
        let place = Place::new(&text, 1000, 1);
        assert_eq!((place.line, place.column, place.width), (1, 501, 1));
        let problem = Problem {
            source: "t".into(),
            place: Some(place),
            message: "m".into(),
            nearest: None,
        };
        let written = problem.to_string();
        let lines: Vec<&str> = written.lines().collect();
        let mark = lines[2].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[1].chars().nth(mark), Some('X'));
        assert!(lines[1].chars().count() < 120);
    }

    #[test]
    fn any_place_can_be_shown() {
        for text in ["", "\n", "é", "a\r\nb"] {
            for start in 0..6 {
                for len in 0..4 {
                    let problem = Problem {
                        source: "t".into(),
                        place: Some(Place::new(text, start, len)),
                        message: "m".into(),
                        nearest: None,
                    };
                    assert!(problem.to_string().contains('^'));
                }
            }
        }
    }
}
