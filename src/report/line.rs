//! A run in one line: for logs and chats. Pure.

use std::path::Path;

use crate::measure::run::RunFile;
use crate::measure::units;

use super::data::name_of;
use super::term::inert;
use super::words::{self, time, warm};

/// The line, without a line's end.
pub fn line(run: &RunFile, folder: Option<&Path>) -> String {
    let offered: f64 = run.flows.values().map(|flow| flow.offered_per_s).sum();
    let achieved: f64 = run.flows.values().map(|flow| flow.achieved_per_s).sum();
    let worst = run
        .flows
        .values()
        .filter_map(|flow| warm(flow).0)
        .max_by_key(|response| response.p99_us.unwrap_or(u64::MAX));
    let verdict = words::verdict(run.verdict);
    let mut parts = vec![
        format!("{verdict} {}: {}", name_of(run), words::reason(run)),
        format!("offered {}", units::rate(offered)),
        format!("achieved {}", units::rate(achieved)),
    ];
    if let Some(response) = worst {
        parts.push(format!("response p99 {}", time(response, response.p99_us)));
    }
    if let Some(folder) = folder {
        parts.push(folder.display().to_string());
    }
    inert(&parts.join(" · ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn every_kind_of_run_is_one_line() {
        for (kind, data) in fixtures::kinds() {
            let run = super::super::unfinished::judged(&data);
            let line = line(&run, Some(&data.folder));
            assert!(!line.contains(|c: char| c.is_control()), "{kind}: {line:?}");
            assert!(
                line.starts_with(words::verdict(run.verdict)),
                "{kind}: {line}"
            );
        }
    }

    #[test]
    fn verdict_reason_rates_and_the_worst_flow() {
        let folder = Path::new("runs/cyber-day-20261127T080000Z");
        insta::assert_snapshot!(line(&fixtures::good(), Some(folder)), @"PASS cyber-day: every limit held · offered 19.5k/s · achieved 19.5k/s · response p99 29.9 ms · runs/cyber-day-20261127T080000Z");
        let text = line(&fixtures::interrupted(), None);
        assert!(
            text.starts_with("INVALID cyber-day: interrupted after 1:23 of 10:00 · offered"),
            "{text}"
        );
    }
}
