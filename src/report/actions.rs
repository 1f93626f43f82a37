//! What was done while the load ran and what it cost, in words: said once, for the terminal, Markdown and the page alike. Pure.

use crate::drive::plan::shown;
use crate::measure::action::{ActionResult, Cost, Outcome, SloCost};
use crate::measure::run::RunFile;
use crate::measure::units;

/// An action and what it cost; `-` where nothing is known.
pub struct ActionWords {
    /// Its name.
    pub name: String,
    /// When it began, as a clock shows it.
    pub began: String,
    /// How long it took.
    pub took: String,
    /// How it ended.
    pub outcome: &'static str,
    /// Whether that is bad.
    pub is_bad: bool,
    /// The longest response.
    pub response: String,
    /// Seconds above the limit that was missed most, and events.
    pub above: String,
    /// The largest backlog.
    pub backlog: String,
    /// The largest lag of a group, in records and in time.
    pub lag: String,
    /// Time to recover.
    pub recovery: String,
    /// Time to drain.
    pub drain: String,
}

/// The headings that go with it.
pub const HEADINGS: [&str; 10] = [
    "action",
    "at",
    "took",
    "",
    "longest response",
    "above limit",
    "backlog",
    "lag",
    "recovered",
    "drained",
];

/// What the columns mean.
pub const LEGEND: &str = "Counted from an action's beginning to the next one's. Above limit: seconds of the limit that was missed most, \
     and events. Recovered: from its end to the first second from which every limit holds for 10 s. Drained: from its end until backlog \
     and lag are what they were before";

impl ActionWords {
    /// Of this action.
    pub fn of(action: &ActionResult) -> ActionWords {
        let cost = action.cost.as_ref();
        let of_cost = |words: &dyn Fn(&Cost) -> String| cost.map_or("-".to_owned(), words);
        let after = |us: fn(&Cost) -> Option<u64>| {
            of_cost(&|cost| us(cost).map_or("not seen".to_owned(), settled))
        };
        let took = match (action.began_us, action.ended_us) {
            (Some(began), Some(ended)) => units::time_us(ended - began.min(ended)),
            _ => "-".to_owned(),
        };
        let began = action.began_us.map(|us| units::clock_s(us / 1_000_000));
        ActionWords {
            name: action.name.clone(),
            began: began.unwrap_or("-".to_owned()),
            took,
            outcome: action.outcome.words(),
            is_bad: action.outcome != Outcome::Done,
            response: of_cost(&response),
            above: of_cost(&above),
            backlog: of_cost(&|cost| units::count(cost.backlog_max)),
            lag: of_cost(&|cost| match cost.lag_us_max {
                0 => units::count(cost.lag_records_max),
                us => format!(
                    "{} ({})",
                    units::count(cost.lag_records_max),
                    units::time_us(us)
                ),
            }),
            recovery: after(|cost| cost.recovery_us),
            drain: after(|cost| cost.drain_us),
        }
    }

    /// All columns, in the order of [`HEADINGS`].
    pub fn cells(self) -> [String; 10] {
        [
            self.name,
            self.began,
            self.took,
            self.outcome.to_owned(),
            self.response,
            self.above,
            self.backlog,
            self.lag,
            self.recovery,
            self.drain,
        ]
    }
}

/// Times that are whole seconds late at most are not shown to the millisecond.
fn settled(us: u64) -> String {
    match us {
        0 => "at once".to_owned(),
        us => units::time_us((us + 50_000) / 100_000 * 100_000),
    }
}

fn response(cost: &Cost) -> String {
    match (cost.response_max_us, cost.unanswered) {
        (None, 0) => "-".to_owned(),
        (Some(us), 0) => units::time_us(us),
        (us, _) => format!("> {}", us.map_or("none".to_owned(), units::time_us)),
    }
}

/// The limit that was missed in most seconds.
fn above(cost: &Cost) -> String {
    let worst = cost.slos.iter().max_by_key(|slo| (slo.seconds, slo.events));
    match worst {
        Some(slo) if slo.seconds > 0 => above_words(slo),
        Some(_) => "never".to_owned(),
        None => "-".to_owned(),
    }
}

/// How long, and how many events, an SLO was missed.
pub fn above_words(slo: &SloCost) -> String {
    let time = units::time_us(slo.seconds * 1_000_000);
    match slo.events {
        Some(events) if events > 0 => format!("{time}, {}", units::counted(events, "events")),
        _ => time,
    }
}

/// An SLO, as one names it.
pub fn slo_name(slo: &SloCost) -> String {
    let quantile = slo.quantile.map(|q| format!(" {}", units::quantile(q)));
    format!(
        "{}{} of {} {}",
        slo.metric,
        quantile.unwrap_or_default(),
        slo.of,
        slo.limit
    )
}

/// What the table does not say of an action: errors, records seen again or in another order, why it failed.
pub fn notes(action: &ActionResult) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(reason), true) = (&action.reason, action.outcome != Outcome::Done) {
        notes.push(reason.clone());
    }
    if let Some(cost) = &action.cost {
        let errors = cost.errors.iter();
        notes.extend(errors.map(|(name, count)| format!("{} {name}", units::count(*count))));
        for (count, what) in [
            (cost.missing.unwrap_or(0), "missing"),
            (cost.unanswered, "without an acknowledgement"),
            (cost.duplicated, "duplicated"),
            (cost.reordered, "out of order"),
        ] {
            if count > 0 {
                notes.push(format!("{} {what}", units::count(count)));
            }
        }
    }
    notes
}

/// What became of the records around an action, and how far the user's own groups were behind at most: told also where it is nothing.
pub fn around(action: &ActionResult) -> Vec<String> {
    let Some(cost) = &action.cost else {
        return Vec::new();
    };
    let missing = cost
        .missing
        .map_or("not known how many".to_owned(), units::count);
    let mut around = vec![format!(
        "{missing} missing, {} duplicated, {} out of order",
        units::count(cost.duplicated),
        units::count(cost.reordered)
    )];
    around.extend(cost.watched.iter().map(|(name, of)| {
        format!(
            "group {name} at most {} behind ({})",
            units::counted(of.lag_records, "records"),
            units::time_us(of.lag_us)
        )
    }));
    around
}

/// What an action did.
pub fn deed(action: &ActionResult) -> String {
    match &action.pause {
        Some(group) => format!("pause of group {group}"),
        None => shown(&action.run),
    }
}

/// A group of the user's and how far it was behind: name, at most, longest, at the end.
pub fn watched(run: &RunFile) -> Vec<[String; 4]> {
    let count = |records: Option<u64>| records.map_or("-".to_owned(), units::count);
    run.watched
        .iter()
        .map(|(name, of)| {
            [
                name.clone(),
                count(of.lag_records_max),
                of.lag_us_max.map_or("-".to_owned(), units::time_us),
                count(of.lag_records_end),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::line::WatchedLine;

    fn restart() -> ActionResult {
        let warehouse = WatchedLine {
            lag_records: 1_700,
            lag_us: 2_100_000,
        };
        ActionResult {
            name: "restart 2".to_owned(),
            run: ["ci/kafka", "restart", "2"].map(str::to_owned).into(),
            began_us: Some(64_010_000),
            ended_us: Some(71_510_000),
            outcome: Outcome::Done,
            cost: Some(Cost {
                slos: vec![SloCost {
                    metric: "response".to_owned(),
                    of: "orders".to_owned(),
                    quantile: Some(0.99),
                    limit: "< 100 ms".to_owned(),
                    seconds: 4,
                    events: Some(1_234),
                }],
                response_max_us: Some(2_300_000),
                errors: [("REQUEST_TIMED_OUT".to_owned(), 3)].into(),
                backlog_max: 812,
                lag_records_max: 950,
                lag_us_max: 1_100_000,
                missing: Some(12),
                duplicated: 2,
                watched: [("warehouse".to_owned(), warehouse)].into(),
                recovery_us: Some(1_490_000),
                ..Cost::default()
            }),
            ..ActionResult::default()
        }
    }

    #[test]
    fn an_action_is_a_row() {
        assert_eq!(
            ActionWords::of(&restart()).cells(),
            [
                "restart 2",
                "1:04",
                "7.5 s",
                "done",
                "2.3 s",
                "4 s, 1,234 events",
                "812",
                "950 (1.1 s)",
                "1.5 s",
                "not seen"
            ]
        );
        assert_eq!(
            notes(&restart()),
            ["3 REQUEST_TIMED_OUT", "12 missing", "2 duplicated"]
        );
        assert_eq!(
            around(&restart()),
            [
                "12 missing, 2 duplicated, 0 out of order",
                "group warehouse at most 1,700 records behind (2.1 s)"
            ]
        );
        assert_eq!(deed(&restart()), "ci/kafka restart 2");
    }

    #[test]
    fn what_never_began_cost_nothing() {
        let skipped = ActionResult {
            name: "late".to_owned(),
            reason: Some("the load was over before it was to begin".to_owned()),
            ..ActionResult::default()
        };
        let cells = ActionWords::of(&skipped).cells();
        assert_eq!(cells[1..6], ["-", "-", "not begun", "-", "-"]);
        assert_eq!(
            notes(&skipped),
            ["the load was over before it was to begin"]
        );
    }
}
