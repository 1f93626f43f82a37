//! Lines at the bottom of a terminal that are drawn again and again.
//!
//! They never reach the last columns. A terminal that echoes `^C` behind a full line would begin a new one, and what was drawn could not
//! be found again.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};

use super::table::cut;
use super::term::Paint;

/// Columns left free at the end of each line.
const FREE: usize = 4;
/// Where the terminal does not say how wide it is.
const WIDTH: usize = 80;

/// The lines. Clones draw on the same terminal.
#[derive(Clone)]
pub(super) struct Live(Arc<Mutex<Screen>>);

struct Screen {
    out: Box<dyn Write + Send>,
    width: fn() -> Option<usize>,
    lines: Vec<String>,
}

impl Live {
    /// On standard error.
    pub(super) fn stderr() -> Live {
        let width = || {
            let (_, columns) = console::Term::stderr().size_checked()?;
            Some(usize::from(columns))
        };
        Live::new(Box::new(std::io::stderr()), width)
    }

    pub(super) fn new(out: Box<dyn Write + Send>, width: fn() -> Option<usize>) -> Live {
        let lines = Vec::new();
        Live(Arc::new(Mutex::new(Screen { out, width, lines })))
    }

    /// Replaces what was drawn by what these lines are at the terminal's width.
    pub(super) fn draw(&self, lines: impl FnOnce(usize) -> Vec<String>) {
        let mut screen = self.screen();
        let width = (screen.width)()
            .unwrap_or(WIDTH)
            .saturating_sub(FREE)
            .max(1);
        let lines = lines(width);
        screen.replace(lines, "");
    }

    /// Writes a whole line above what is drawn.
    pub(super) fn above(&self, text: &str) {
        let mut screen = self.screen();
        let lines = screen.lines.clone();
        screen.replace(lines, text);
    }

    /// Takes away what was drawn.
    pub(super) fn clear(&self) {
        self.screen().replace(Vec::new(), "");
    }

    /// Nothing that holds the lock can leave half a value behind.
    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Screen {
    /// Wipes what is drawn, writes `above` where it stood, then draws `lines`: in one piece, so that nothing flickers.
    fn replace(&mut self, lines: Vec<String>, above: &str) {
        let mut text = String::new();
        if !self.lines.is_empty() {
            text.push('\r');
            if self.lines.len() > 1 {
                text.push_str(&format!("\x1b[{}A", self.lines.len() - 1));
            }
            // From here to the end of the screen.
            text.push_str("\x1b[J");
        }
        if !above.is_empty() {
            text.push_str(above);
            text.push('\n');
        }
        text.push_str(&lines.join("\n"));
        self.lines = lines;
        // Nobody reads a closed standard error, and a run must not end because of it.
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }
}

/// A line with a bar behind it that is so full, `share` from 0 to 1.
pub(super) fn with_bar(text: &str, share: f64, width: usize, paint: Paint) -> String {
    let text = cut(text, width);
    let room = width.saturating_sub(unicode_width::UnicodeWidthStr::width(text.as_str()) + 1);
    let full = ((room as f64 * share.clamp(0.0, 1.0)).round() as usize).min(room);
    let (done, rest) = ("━".repeat(full), "━".repeat(room - full));
    // Without colour the two could not be told apart.
    let rest = if paint.is_on() {
        paint.dim(rest)
    } else {
        " ".repeat(room - full)
    };
    format!("{text} {}{rest}", paint.green(done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::progress::tests::Shared;

    #[test]
    fn what_was_drawn_is_found_again() {
        let out = Shared::default();
        let live = Live::new(Box::new(out.clone()), || Some(14));
        live.draw(|width| vec![format!("width {width}"), "two".to_owned()]);
        live.above("a warning");
        live.draw(|_| vec!["one".to_owned()]);
        live.clear();
        live.clear();
        assert_eq!(
            out.text(),
            "width 10\ntwo\
             \r\x1b[1A\x1b[Ja warning\nwidth 10\ntwo\
             \r\x1b[1A\x1b[Jone\
             \r\x1b[J"
        );
    }

    #[test]
    fn bars_fill_the_line_and_never_more() {
        let bar = |share, width| with_bar("0:05", share, width, Paint::PLAIN);
        assert_eq!(bar(0.5, 15), "0:05 ━━━━━     ");
        assert_eq!(bar(7.0, 8), "0:05 ━━━");
        assert_eq!(bar(0.5, 4), "0:05 ");
        assert_eq!(bar(f64::NAN, 8), "0:05    ");
    }
}
