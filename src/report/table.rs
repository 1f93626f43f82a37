//! Tables of plain text: columns as wide as what they hold, two spaces apart, no lines.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::term::{Paint, inert};

/// Names keep at least this.
const NAME: usize = 6;
/// A column that may go does so before names are cut to less.
const LEGIBLE: usize = 12;

/// How a cell stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// What a cell means, which decides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Headings and the like.
    Dim,
}

/// A text in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell that means something.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Cell {
        let text = text.into();
        let text = match inert(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(inert) => inert,
        };
        Cell { text, tone }
    }

    fn paint(&self, paint: Paint) -> String {
        match self.tone {
            Tone::Plain => self.text.clone(),
            Tone::Good => paint.green(&self.text),
            Tone::Bad => paint.red(&self.text),
            Tone::Dim => paint.dim(&self.text),
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::toned(text, Tone::Plain)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::toned(text, Tone::Plain)
    }
}

/// A table. Missing cells are empty.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<Cell>>,
    spare: Vec<usize>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(columns: &[Align]) -> Table {
        Table {
            columns: columns.to_vec(),
            rows: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Columns that may go where the screen is too narrow for all, the least important first.
    pub fn spare(&mut self, columns: impl IntoIterator<Item = usize>) {
        self.spare.extend(columns);
    }

    /// A line of headings.
    pub fn head<const N: usize>(&mut self, names: [&str; N]) {
        let cells = names.map(|name| Cell::toned(name, Tone::Dim));
        self.rows.push(cells.into());
    }

    /// A line.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The lines, no wider than the screen, without spaces at their ends.
    pub fn lines(&self, paint: Paint) -> Vec<String> {
        let columns = self.layout(paint.width());
        self.rows
            .iter()
            .map(|row| self.line(row, &columns, paint))
            .collect()
    }

    /// The columns that are shown, each with its width. Where they are too wide for the screen some go, then the widest names give way.
    fn layout(&self, screen: usize) -> Vec<(usize, usize)> {
        let width = |column| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(width)
                .max()
        };
        let mut columns: Vec<(usize, usize)> = (0..self.columns.len())
            .map(|column| (column, width(column).unwrap_or(0)))
            .collect();
        let mut spare = self.spare.iter();
        while self.excess(&columns, LEGIBLE, screen) > 0
            && let Some(least) = spare.next()
        {
            columns.retain(|(column, _)| column != least);
        }
        let excess = self.excess(&columns, usize::MAX, screen);
        if let Some(at) = self.widest_name(&columns) {
            let widest = &mut columns[at].1;
            *widest = widest.saturating_sub(excess).max(NAME.min(*widest));
        }
        columns
    }

    /// How many columns too wide the table is, its widest names cut to `name`.
    fn excess(&self, columns: &[(usize, usize)], name: usize, screen: usize) -> usize {
        let spaces = 2 * columns.len().saturating_sub(1);
        let all = columns.iter().map(|(_, width)| width).sum::<usize>() + spaces;
        let cut = self.widest_name(columns);
        let cut = cut.map_or(0, |at| columns[at].1.saturating_sub(name));
        (all - cut).saturating_sub(screen)
    }

    /// Where the widest column of names is.
    fn widest_name(&self, columns: &[(usize, usize)]) -> Option<usize> {
        let names = columns.iter().enumerate();
        let names = names.filter(|(_, (column, _))| self.columns[*column] == Align::Left);
        names.max_by_key(|(_, (_, width))| *width).map(|(at, _)| at)
    }

    fn line(&self, row: &[Cell], columns: &[(usize, usize)], paint: Paint) -> String {
        let mut line = String::new();
        // Spaces are written before the next text, never after the last.
        let mut spaces = 0;
        let cells = columns.iter().filter_map(|(at, width)| {
            let (cell, align) = (row.get(*at)?, self.columns.get(*at)?);
            Some((cell, align, width))
        });
        for (cell, align, column) in cells {
            let fitting = Cell {
                text: cut(&cell.text, *column),
                tone: cell.tone,
            };
            let cell = &fitting;
            let rest = column.saturating_sub(width(cell));
            let (before, after) = match align {
                Align::Left => (0, rest),
                Align::Right => (rest, 0),
            };
            spaces += before;
            if !cell.text.is_empty() {
                line.extend(std::iter::repeat_n(' ', spaces));
                line.push_str(&cell.paint(paint));
                spaces = 0;
            } else {
                spaces += width(cell);
            }
            spaces += after + 2;
        }
        line
    }
}

fn width(cell: &Cell) -> usize {
    cell.text.width()
}

/// Breaks a text at spaces into lines of at most `width` columns; a longer word is cut wherever it has to be.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = inert(text);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace().flat_map(|word| pieces(word, width)) {
        let word_length = word.width();
        if length > 0 && length + 1 + word_length > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += word_length;
    }
    if length > 0 {
        lines.push(line);
    }
    lines
}

/// What stands between the items of a line.
const BETWEEN: &str = " · ";

/// Breaks a text between its items (`a · b · c`) where that can be done, else between its words.
pub fn wrap_items(text: &str, width: usize) -> Vec<String> {
    let text = inert(text);
    let mut lines: Vec<String> = Vec::new();
    for item in text.split(BETWEEN) {
        match lines.last_mut() {
            Some(last) if last.width() + BETWEEN.width() + item.width() <= width => {
                last.push_str(BETWEEN);
                last.push_str(item);
            }
            _ => lines.extend(wrap(item, width)),
        }
    }
    lines
}

/// A word in pieces of at most `width` columns.
fn pieces(word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while rest.width() > width {
        // At least one character, or a column too narrow for it would never end.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let (piece, more) = rest.split_at(fitting(rest, width).max(first));
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}

/// How many bytes of a text fit into `width` columns.
fn fitting(text: &str, width: usize) -> usize {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += c.width().unwrap_or(0);
        if columns > width {
            return at;
        }
    }
    text.len()
}

/// A text of at most `width` columns, cut with `…` where it is longer.
pub fn cut(text: &str, width: usize) -> String {
    let text = inert(text);
    if text.width() <= width {
        return text.into_owned();
    }
    format!("{}…", &text[..fitting(&text, width.saturating_sub(1))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let mut table = Table::new(&[Align::Left, Align::Right, Align::Right]);
        table.head(["flow", "p99", "bytes"]);
        table.row(vec!["shoppers".into(), "4.1 ms".into(), "9 GB".into()]);
        table.row(vec!["µ".into(), "".into(), "12 GB".into()]);
        assert_eq!(
            table.lines(Paint::PLAIN),
            [
                "flow         p99  bytes", //
                "shoppers  4.1 ms   9 GB",
                "µ                 12 GB",
            ]
        );
    }

    #[test]
    fn names_give_way_before_a_line_is_too_wide() {
        let mut table = Table::new(&[Align::Left, Align::Left, Align::Right]);
        let (name, number) = ("n".repeat(60), "1".repeat(50));
        table.row(vec!["held".into(), name.into(), number.as_str().into()]);
        let lines = table.lines(Paint::PLAIN);
        // 98 columns, less `held`, the number and the space between them.
        let short = format!("{}…", "n".repeat(98 - 4 - 50 - 4 - 1));
        assert_eq!(lines, [format!("held  {short}  {number}")]);
    }

    #[test]
    fn missing_cells_leave_no_spaces_behind() {
        let mut table = Table::new(&[Align::Left, Align::Left, Align::Left]);
        table.row(vec!["a".into(), "bbb".into(), "c".into()]);
        table.row(vec!["aaa".into(), "".into()]);
        assert_eq!(table.lines(Paint::PLAIN), ["a    bbb  c", "aaa"]);
    }

    #[test]
    fn colours_do_not_move_columns() {
        use crate::report::term::Color;
        let paint = Paint::decide(Color::Always, false, None, None);
        let mut table = Table::new(&[Align::Left, Align::Right]);
        table.row(vec![Cell::toned("held", Tone::Good), "1".into()]);
        table.row(vec![Cell::toned("MISSED", Tone::Bad), "22".into()]);
        let plain: Vec<String> = table
            .lines(paint)
            .iter()
            .map(|line| console_free(line))
            .collect();
        assert_eq!(plain, ["held     1", "MISSED  22"]);
    }

    /// The text without its colours.
    fn console_free(line: &str) -> String {
        line.replace("\x1b[32m", "")
            .replace("\x1b[31m", "")
            .replace("\x1b[0m", "")
    }

    #[test]
    fn wrapping() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("an enormous", 3), ["an", "eno", "rmo", "us"]);
        assert_eq!(wrap("店店", 1), ["店", "店"]);
        assert_eq!(wrap("", 3), [""; 0]);
        assert_eq!(
            wrap_items("p99 4 ms · 34.6 MB", 15),
            ["p99 4 ms", "34.6 MB"]
        );
        assert_eq!(wrap_items("a b c · d", 3), ["a b", "c", "d"]);
        assert_eq!(cut("shoppers", 8), "shoppers");
        assert_eq!(cut("shoppers", 5), "shop…");
        // Each takes two columns.
        assert_eq!(cut("買い物客", 5), "買い…");
    }

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_as_a_command() {
        let hostile = "a\x1b[2Jb\u{202e}c";
        let mut table = Table::new(&[Align::Left]);
        table.row(vec![hostile.into()]);
        assert_eq!(table.lines(Paint::PLAIN), ["a�[2Jb�c"]);
        assert_eq!(wrap(hostile, 20), ["a�[2Jb�c"]);
        assert_eq!(cut(hostile, 20), "a�[2Jb�c");
    }
}
