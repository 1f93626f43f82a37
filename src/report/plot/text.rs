//! Names as they may be shown: scenarios are written by others.

/// The text without control characters and without those that turn the direction of writing: each is shown as `�`.
pub fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if is_hidden(c) { '\u{FFFD}' } else { c })
        .collect()
}

/// The same, cut to so many characters.
pub(super) fn short(text: &str, most: usize) -> String {
    super::super::table::cut(&shown(text), most)
}

/// Controls, and Unicode's explicit directional formatting (UAX #9), its joiners and its invisible marks.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown_and_letters_stay() {
        assert_eq!(
            shown("a\u{0}b\u{202E}c\u{7}"),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}"
        );
        assert_eq!(shown("متجر <b>&\"'"), "متجر <b>&\"'");
        assert_eq!(short(&"x".repeat(200), 5), "xxxx…");
    }
}
