//! Numbers and names on the page. Every number that is in `run.json` says where: what is read is rounded, `value` is exact.

use maud::{Markup, html};

use crate::measure::summary::Summary;
use crate::measure::units;
use crate::report::plot;
use crate::report::words::time;

use super::Shown;

/// A name that somebody else chose: isolated, so that no direction of writing reaches beyond it.
pub(in crate::report) fn name(text: &str) -> Markup {
    html! { bdi { (plot::shown(text)) } }
}

/// The place of a number in `run.json`, as a JSON pointer (RFC 6901).
pub(super) fn pointer(steps: &[&str]) -> String {
    steps
        .iter()
        .map(|step| {
            format!(
                "/{}",
                plot::shown(step).replace('~', "~0").replace('/', "~1")
            )
        })
        .collect()
}

/// A number of `run.json`: as people read it, with its exact value and place.
pub(super) fn number(
    run: &Shown<'_>,
    steps: &[&str],
    value: impl std::fmt::Display,
    text: &str,
) -> Markup {
    html! { data value=(value) data-run=(run.index) data-of=(pointer(steps)) { (text) } }
}

/// A count with every digit.
pub(super) fn count(run: &Shown<'_>, steps: &[&str], value: u64) -> Markup {
    number(run, steps, value, &units::count(value))
}

/// A rate per second.
pub(super) fn rate(run: &Shown<'_>, steps: &[&str], value: f64) -> Markup {
    number(run, steps, value, &units::rate(value))
}

/// A size.
pub(super) fn bytes(run: &Shown<'_>, steps: &[&str], value: u64) -> Markup {
    number(run, steps, value, &units::bytes(value))
}

/// The figures of a [`Summary`] that are shown.
#[derive(Clone, Copy)]
pub(super) enum Pick {
    P50,
    P90,
    P99,
    P999,
    P9999,
    Max,
}

impl Pick {
    fn of(self, summary: &Summary) -> (&'static str, Option<u64>) {
        match self {
            Pick::P50 => ("p50_us", summary.p50_us),
            Pick::P90 => ("p90_us", summary.p90_us),
            Pick::P99 => ("p99_us", summary.p99_us),
            Pick::P999 => ("p999_us", summary.p999_us),
            Pick::P9999 => ("p9999_us", summary.p9999_us),
            Pick::Max => ("max_us", summary.max_us),
        }
    }
}

/// A quantile of a summary that stands at `steps`; `> longest` where it falls among events without a time, a dash where nothing is known.
pub(super) fn quantile(
    run: &Shown<'_>,
    steps: &[&str],
    summary: Option<&Summary>,
    pick: Pick,
) -> Markup {
    let Some(summary) = summary else {
        return html! { "-" };
    };
    let (field, value) = pick.of(summary);
    let text = time(summary, value);
    let steps: Vec<&str> = steps.iter().copied().chain([field]).collect();
    match value {
        Some(us) => number(run, &steps, us, &text),
        None => number(run, &steps, "null", &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_what_separates() {
        assert_eq!(
            pointer(&["flows", "a/b~c", "bytes"]),
            "/flows/a~1b~0c/bytes"
        );
    }

    #[test]
    fn names_are_text() {
        let shown = name("<b onclick=\"x\">\u{202E}").into_string();
        assert_eq!(shown, "<bdi>&lt;b onclick=&quot;x&quot;&gt;\u{FFFD}</bdi>");
    }
}
