//! Foreign text in Markdown: it stands there and does nothing. No HTML, no link, no table cell of its own, nobody called by name.

use super::super::table::cut;
use super::super::term::inert;

/// Names and values are cut to this many columns.
const NAME: usize = 60;
/// Sentences are cut to this many columns.
const SENTENCE: usize = 600;

/// A name or value: as code where that can be done, else as [`prose`]. Fit for a table's cell.
pub(in crate::report) fn name(text: &str) -> String {
    let text = cut(text.trim(), NAME);
    if text.is_empty() {
        return "-".to_owned();
    }
    // A pipe ends a cell even inside code, and what a backslash does there differs from renderer to renderer.
    if text.contains(['`', '|', '\\']) {
        return escaped(&text);
    }
    format!("`{text}`")
}

/// A sentence. Fit for a table's cell.
pub(in crate::report) fn prose(text: &str) -> String {
    escaped(&cut(text.trim(), SENTENCE))
}

/// References to characters can't begin or end anything in Markdown, so whatever might is written as one.
fn escaped(text: &str) -> String {
    let text = inert(text);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let begins = out.is_empty();
        let is_special = match c {
            '_' => !is_inside(&out, rest),
            '\\' | '`' | '*' | '{' | '}' | '[' | ']' | '<' | '>' | '&' | '|' | '!' | '~' | '$'
            | '^' | '"' => true,
            // At the beginning of a line: headings, lists, quotes.
            '-' | '+' | ':' if begins => true,
            // `1. ` and `1) ` make lists, `://` and `www.` make links.
            '.' | ')' if out.ends_with("www") => true,
            '.' | ')' => {
                let is_alone = rest.is_empty() || rest.starts_with(' ');
                is_alone && out.chars().all(|c| c.is_ascii_digit())
            }
            ':' => rest.starts_with("//"),
            _ => false,
        };
        match c {
            // GitHub calls people and links issues wherever these are read outside code.
            '@' | '#' => out.push_str(&format!("`{c}`")),
            c if is_special => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether what stands here has letters or digits on both sides: `end_to_end` emphasises nothing.
fn is_inside(before: &str, after: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    is_word(before.chars().last()) && is_word(after.chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_stay_readable() {
        let text = "response p99 of flow shoppers was 412 ms: 4.12 times as much";
        assert_eq!(prose(text), text);
        assert_eq!(name("page-views.eu_1"), "`page-views.eu_1`");
        assert_eq!(name("  "), "-");
    }

    #[test]
    fn markup_is_written_as_references() {
        assert_eq!(prose("<b>|*x*"), "&#60;b&#62;&#124;&#42;x&#42;");
        assert_eq!(prose("- 1"), "&#45; 1");
        assert_eq!(prose("12. x"), "12&#46; x");
        assert_eq!(prose("12.5 end_to_end _x_"), "12.5 end_to_end &#95;x&#95;");
        assert_eq!(
            prose("see http://a.b www.c.d"),
            "see http&#58;//a.b www&#46;c.d"
        );
        assert_eq!(prose("@all #1"), "`@`all `#`1");
        assert_eq!(name("a`|b"), "a&#96;&#124;b");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(name(&"x".repeat(200)).chars().count(), NAME + 2);
        assert_eq!(prose(&"x".repeat(2_000)).chars().count(), SENTENCE);
    }
}
