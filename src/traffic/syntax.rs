//! Cutting a template into text and blanks, with the place of each.

use std::ops::Range;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Text that stands as it is; where each byte came from is `start` and on.
    Text { start: usize, bytes: Vec<u8> },
    /// A blank: what stands between `{{` and `}}`.
    Blank(Blank),
}

/// What stands between `{{` and `}}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blank {
    /// Its words; at least one.
    pub words: Vec<Word>,
    /// Where it stands in the template, braces included.
    pub at: Range<usize>,
    /// Whether it stands within a JSON string.
    pub quoted: bool,
}

/// A word of a blank.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    /// The word, without quotes.
    pub text: String,
    /// Where it stands in the template.
    pub at: Range<usize>,
}

/// What can't be cut: where, and what was expected.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Uncut {
    pub at: Range<usize>,
    pub message: String,
}

/// What kind of text a template renders to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// JSON: whitespace outside strings is removed.
    Json,
    /// Any text, which stands as it is.
    Plain,
}

/// Cuts a template into pieces. Goes on after an error, so that all of them are found.
pub(super) fn cut(text: &str, mode: Mode) -> (Vec<Piece>, Vec<Uncut>) {
    let mut cutter = Cutter {
        text,
        at: 0,
        within: Within::Nothing,
        pieces: Vec::new(),
        errors: Vec::new(),
    };
    while cutter.at < text.len() {
        if text[cutter.at..].starts_with("{{") {
            cutter.blank();
        } else {
            cutter.character(mode);
        }
    }
    (cutter.pieces, cutter.errors)
}

/// Where in JSON the cutter is.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Nothing,
    String,
    /// In a string, after a backslash.
    Escape,
}

struct Cutter<'a> {
    text: &'a str,
    /// Always at a character's boundary.
    at: usize,
    within: Within,
    pieces: Vec<Piece>,
    errors: Vec<Uncut>,
}

impl Cutter<'_> {
    fn character(&mut self, mode: Mode) {
        let rest = &self.text[self.at..];
        let Some(character) = rest.chars().next() else {
            return;
        };
        let start = self.at;
        self.at += character.len_utf8();
        if mode == Mode::Json {
            if self.within == Within::Nothing && character.is_ascii_whitespace() {
                return;
            }
            self.within = match (self.within, character) {
                (Within::Nothing, '"') => Within::String,
                (Within::String, '"') => Within::Nothing,
                (Within::String, '\\') => Within::Escape,
                (Within::Escape, _) => Within::String,
                (same, _) => same,
            };
        }
        let bytes = &self.text.as_bytes()[start..self.at];
        match self.pieces.last_mut() {
            Some(Piece::Text {
                start: first,
                bytes: text,
            }) if *first + text.len() == start => text.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Text {
                start,
                bytes: bytes.to_vec(),
            }),
        }
    }

    fn blank(&mut self) {
        let start = self.at;
        self.at += 2;
        let mut words = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            let rest = rest.trim_start();
            if rest.starts_with("}}") {
                self.at += 2;
                break;
            }
            if rest.is_empty() {
                self.errors.push(Uncut {
                    at: start..start + 2,
                    message: "a blank begins here and is never closed: `}}` is missing".to_owned(),
                });
                return;
            }
            match self.word() {
                Ok(word) => words.push(word),
                Err(error) => {
                    // Go on behind the blank's end, wherever it seems to be.
                    let rest = &self.text[self.at..];
                    self.at += rest.find("}}").map_or(rest.len(), |end| end + 2);
                    self.errors.push(error);
                    return;
                }
            }
        }
        let at = start..self.at;
        if words.is_empty() {
            self.errors.push(Uncut {
                at,
                message: "an empty blank; expected a name, as in `{{merchant}}`".to_owned(),
            });
            return;
        }
        let quoted = self.within != Within::Nothing;
        self.pieces.push(Piece::Blank(Blank { words, at, quoted }));
    }

    /// A word of a blank; `at` is on its first character.
    fn word(&mut self) -> Result<Word, Uncut> {
        let start = self.at;
        let rest = &self.text[start..];
        if !rest.starts_with('"') {
            let len = rest
                .char_indices()
                .find(|(at, c)| c.is_whitespace() || *c == '"' || rest[*at..].starts_with("}}"))
                .map_or(rest.len(), |(at, _)| at);
            self.at += len;
            return Ok(Word {
                text: rest[..len].to_owned(),
                at: start..self.at,
            });
        }
        let mut text = String::new();
        let mut escaped = false;
        for (at, character) in rest.char_indices().skip(1) {
            match character {
                '\n' => break,
                '}' if rest[at..].starts_with("}}") => break,
                '"' | '\\' if escaped => {
                    text.push(character);
                    escaped = false;
                }
                '"' => {
                    self.at += at + 1;
                    return Ok(Word {
                        text,
                        at: start..self.at,
                    });
                }
                '\\' => escaped = true,
                _ if escaped => {
                    self.at += at;
                    return Err(Uncut {
                        at: self.at - 1..self.at + character.len_utf8(),
                        message: "a backslash within the quotes of a blank may stand before `\"` and `\\` only"
                            .to_owned(),
                    });
                }
                _ => text.push(character),
            }
        }
        Err(Uncut {
            at: start..start + 1,
            message: "a quoted word begins here and is never closed: `\"` is missing before the blank's end"
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as they are, blanks as `<words>`, `"` before those within strings.
    fn shown(text: &str, mode: Mode) -> String {
        let (pieces, errors) = cut(text, mode);
        assert_eq!(errors, []);
        let mut shown = String::new();
        for piece in pieces {
            match piece {
                Piece::Text { start, bytes } => {
                    assert_eq!(&text.as_bytes()[start..start + bytes.len()], bytes);
                    shown.push_str(std::str::from_utf8(&bytes).unwrap());
                }
                Piece::Blank(blank) => {
                    let words: Vec<_> = blank.words.iter().map(|w| w.text.as_str()).collect();
                    let mark = if blank.quoted { "~" } else { "" };
                    shown.push_str(&format!("<{mark}{}>", words.join("|")));
                }
            }
        }
        shown
    }

    #[test]
    fn whitespace_outside_strings_goes() {
        assert_eq!(
            shown("{ \"a b\" :\n\t1 , \"\\\" c\" : 2 }\n", Mode::Json),
            r#"{"a b":1,"\" c":2}"#
        );
        assert_eq!(shown(" a  {{ now }} ", Mode::Plain), " a  <now> ");
    }

    #[test]
    fn blanks_within_strings_are_marked() {
        assert_eq!(
            shown(
                r#"{"a": {{int 1 5}}, "b": "x {{ customer.name }}", "\\": {{m}}}"#,
                Mode::Json
            ),
            r#"{"a":<int|1|5>,"b":"x <~customer.name>","\\":<m>}"#
        );
    }

    #[test]
    fn words_may_be_quoted() {
        assert_eq!(
            shown(r#""{{choice "gift card" 3 "a\"}\\" 1 x 2}}""#, Mode::Json),
            r#""<~choice|gift card|3|a"}\|1|x|2>""#
        );
    }

    #[test]
    fn closing_braces_may_follow() {
        assert_eq!(
            shown(r#"{"a":{"b":{{m}}}}"#, Mode::Json),
            r#"{"a":{"b":<m>}}"#
        );
    }

    #[test]
    fn all_errors_are_found() {
        let (_, errors) = cut(r#"{{}} {{a "b}} {{choice "x\y" 1}} {{c"#, Mode::Plain);
        let starts: Vec<usize> = errors.iter().map(|error| error.at.start).collect();
        assert_eq!(starts, [0, 9, 25, 33]);
    }
}
