//! What the terminal can do: whether to colour, and the few colours used.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::IsTerminal;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Columns of text at most, however wide the screen: longer lines are hard to read.
const WIDEST: usize = 98;
/// Columns at least: tables don't fit a screen narrower than that, and wrap.
const NARROWEST: usize = 72;

/// How text is shown: coloured or left alone, and how wide it may be. Colours never change its width on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    on: bool,
    width: usize,
}

impl Paint {
    /// Whether anything is painted.
    pub fn is_on(self) -> bool {
        self.on
    }

    /// Leaves everything alone.
    pub const PLAIN: Paint = Paint {
        on: false,
        width: WIDEST,
    };

    /// Columns of text at most.
    pub fn width(self) -> usize {
        self.width
    }

    /// The same for a screen of so many columns.
    pub fn within(self, columns: usize) -> Paint {
        let width = columns.clamp(NARROWEST, WIDEST);
        Paint { width, ..self }
    }

    /// Decides for an output. An explicit choice wins over the environment (<https://no-color.org>: NO_COLOR counts when it is not empty).
    pub fn decide(
        color: Color,
        is_terminal: bool,
        no_color: Option<&OsStr>,
        term: Option<&OsStr>,
    ) -> Paint {
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                is_terminal
                    && no_color.is_none_or(OsStr::is_empty)
                    && term.is_none_or(|term| term != "dumb")
            }
        };
        let width = WIDEST;
        Paint { on, width }
    }

    /// Decides for standard output: as wide as the terminal, where it is one.
    pub fn stdout(color: Color) -> Paint {
        let paint = Paint::of(color, std::io::stdout().is_terminal());
        match console::Term::stdout().size_checked() {
            Some((_, columns)) => paint.within(usize::from(columns)),
            None => paint,
        }
    }

    /// Decides for standard error.
    pub fn stderr(color: Color) -> Paint {
        Paint::of(color, std::io::stderr().is_terminal())
    }

    fn of(color: Color, is_terminal: bool) -> Paint {
        let (no_color, term) = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
        Paint::decide(color, is_terminal, no_color.as_deref(), term.as_deref())
    }

    /// Good news.
    pub fn green(self, text: impl Display) -> String {
        self.wrap("32", text)
    }

    /// Bad news.
    pub fn red(self, text: impl Display) -> String {
        self.wrap("31", text)
    }

    /// Doubtful news.
    pub fn yellow(self, text: impl Display) -> String {
        self.wrap("33", text)
    }

    /// What to read first.
    pub fn bold(self, text: impl Display) -> String {
        self.wrap("1", text)
    }

    /// What to read last.
    pub fn dim(self, text: impl Display) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: impl Display) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }
}

/// A text that does nothing but stand there: what would steer a terminal (control characters) or turn the reading order of what
/// follows (Unicode's marks for it) is shown as `�`. Line ends and tabs become spaces.
pub fn inert(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let replace = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if steers(c) => '�',
        c => c,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown_and_what_stands_is_left() {
        assert!(matches!(inert("größer ← שלום"), Cow::Borrowed(_)));
        assert_eq!(inert("a\nb\tc"), "a b c");
        assert_eq!(inert("\x1b]0;x\x07\u{9b}\u{202e}\u{2066}"), "�]0;x����");
    }

    #[test]
    fn who_decides() {
        let set = Some(OsStr::new("1"));
        let empty = Some(OsStr::new(""));
        let dumb = Some(OsStr::new("dumb"));
        let xterm = Some(OsStr::new("xterm"));
        let cases = [
            (Color::Auto, true, None, xterm, true),
            (Color::Auto, true, None, None, true),
            (Color::Auto, true, empty, xterm, true),
            (Color::Auto, true, set, xterm, false),
            (Color::Auto, true, None, dumb, false),
            (Color::Auto, false, None, xterm, false),
            (Color::Always, false, set, dumb, true),
            (Color::Never, true, None, xterm, false),
        ];
        for (color, is_terminal, no_color, term, on) in cases {
            let paint = Paint::decide(color, is_terminal, no_color, term);
            assert_eq!(
                paint.on, on,
                "{color:?} {is_terminal} {no_color:?} {term:?}"
            );
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(Paint::PLAIN.red("no"), "no");
        let paint = Paint::decide(Color::Always, false, None, None);
        assert_eq!(paint.red("no"), "\x1b[31mno\x1b[0m");
    }

    #[test]
    fn text_is_as_wide_as_the_screen_within_reason() {
        let width = |columns| Paint::PLAIN.within(columns).width();
        assert_eq!([0, 80, 300].map(width), [NARROWEST, 80, WIDEST]);
    }
}
