//! Which blanks a text has, as far as warnings need to know. What they mean, and whether they are right, is the templates' matter.

use super::super::{Event, KeyPart, Pool, Value};

/// The first words of the blanks of a text: `merchant` of `{{merchant.name}}`, `lines` of `{{#lines 3}}`.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("{{").map(|(open, _)| {
        let inside = text[open + 2..].trim_start().trim_start_matches(['#', '/']);
        let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        &inside[..end.unwrap_or(inside.len())]
    })
}

/// Whether an event's key, value or headers name a pool.
pub(super) fn names(event: &Event, index: usize, pool: &Pool) -> bool {
    let named = |text: &str| words(text).any(|word| word == pool.name);
    let value = matches!(&event.value, Value::Template(template) if named(&template.text));
    value
        || event.key.parts.contains(&KeyPart::Pool(index))
        || event.headers.iter().any(|(_, header)| named(&header.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_a_blank_counts() {
        let text = "{\"a\": {{ merchant.name }}, {{#lines 2}}{{my-pool}}{{/lines}} {{";
        let found: Vec<&str> = words(text).collect();
        assert_eq!(found, ["merchant", "lines", "my-pool", "lines", ""]);
    }
}
