//! Keeps private values out of what is told: librdkafka's words may repeat what it was given.

use super::names;
use super::property::Property;

/// What stands in place of a private value.
pub(super) const MASKED: &str = "***";

/// Shorter values that are private but no secret (a user's name) are words of their own too often to be taken out of a sentence.
const SHORTEST: usize = 4;
/// Shorter lines of a longer value (a key in PEM) give nothing away.
const SHORTEST_LINE: usize = 8;

/// The private values of a client.
#[derive(Clone, Default)]
pub(super) struct Mask(Vec<String>);

impl Mask {
    /// Of all properties that are not known to be harmless.
    pub(super) fn of<'a>(properties: impl IntoIterator<Item = &'a Property>) -> Mask {
        let mut values = Vec::new();
        for property in properties {
            let (name, value) = (&property.name, property.value.as_str());
            if names::is_harmless(name) {
                continue;
            }
            let shortest = if names::is_secret(name) { 1 } else { SHORTEST };
            let lines = value
                .lines()
                .filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
            let whole = Some(value).filter(|value| value.len() >= shortest);
            values.extend(whole.into_iter().chain(lines).map(str::to_owned));
        }
        // The longest first: one may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Mask(values)
    }

    /// The text without them.
    pub(super) fn hide(&self, text: String) -> String {
        self.0.iter().fold(text, |text, value| {
            if text.contains(value.as_str()) {
                text.replace(value.as_str(), MASKED)
            } else {
                text
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::property::Origin;
    use super::*;

    fn hide(given: &[(&str, &str)], text: &str) -> String {
        let properties: Vec<Property> = given
            .iter()
            .map(|(name, value)| Property {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                origin: Origin::Flag,
            })
            .collect();
        Mask::of(&properties).hide(text.to_owned())
    }

    #[test]
    fn private_values_are_taken_out_and_harmless_ones_stay() {
        let given = [
            ("sasl.username", "robert"),
            ("sasl.password", "robert-7"),
            ("acks", "all"),
            ("no.such.property", "unheard of"),
        ];
        assert_eq!(
            hide(&given, "robert, robert-7, all, unheard of"),
            "***, ***, all, ***"
        );
    }

    #[test]
    fn a_short_secret_is_taken_out_and_a_short_name_is_not() {
        assert_eq!(hide(&[("sasl.password", "k9")], "with k9"), "with ***");
        assert_eq!(hide(&[("sasl.username", "at")], "at a:1"), "at a:1");
        assert_eq!(hide(&[("sasl.password", "")], "nothing"), "nothing");
    }

    #[test]
    fn a_line_of_a_key_is_taken_out_where_the_text_was_cut() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n";
        let text = "can't use -----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkq";
        assert_eq!(
            hide(&[("ssl.key.pem", key)], text),
            "can't use -----BEGIN PRIVATE KEY-----\n***\nkq"
        );
    }
}
