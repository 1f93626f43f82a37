//! What will be done while the load runs, in words.

use serde::Serialize;

use crate::scenario::quantity::{Count, Lapse};
use crate::scenario::{Action, Deed, OnFailure, Pause, Run, Scenario};

/// An action's part.
#[derive(Clone, Debug, Serialize)]
pub struct ActionPlan {
    /// Its name.
    pub name: String,
    /// When it begins: microseconds since the start of the load, or since the end of the action it follows.
    pub at_us: u64,
    /// The action it follows.
    pub after: Option<String>,
    /// What it does.
    pub does: String,
}

/// The plan of every action, in the order of the file.
pub(super) fn actions(scenario: &Scenario) -> Vec<ActionPlan> {
    let plan = |action: &Action| ActionPlan {
        name: action.name.clone(),
        at_us: u64::try_from(action.at.as_micros()).unwrap_or(u64::MAX),
        after: action
            .follows
            .map(|earlier| scenario.actions[earlier].name.clone()),
        does: does(scenario, &action.deed),
    };
    scenario.actions.iter().map(plan).collect()
}

fn does(scenario: &Scenario, deed: &Deed) -> String {
    match deed {
        Deed::Run(Run {
            command,
            limit,
            on_failure,
            ..
        }) => {
            let then = match on_failure {
                OnFailure::Stop => "the load stops if it fails",
                OnFailure::GoOn => "the load goes on if it fails",
            };
            let command = shown(command);
            format!("runs {command} (at most {}; {then})", Lapse(*limit))
        }
        Deed::Pause(Pause {
            group,
            lasting,
            until_lag_records,
        }) => {
            let lasting = lasting.map(|time| format!("for {}", Lapse(time)));
            let until =
                until_lag_records.map(|n| format!("until it is {} records behind", Count(n)));
            let ends: Vec<String> = [lasting, until].into_iter().flatten().collect();
            let name = &scenario.consumers[*group].name;
            format!("pauses group {name} {}", ends.join(", or "))
        }
    }
}

/// A command as one would type it: words with spaces or quotes in them stand in quotes.
pub fn shown(command: &[String]) -> String {
    let word = |word: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
        match !word.is_empty() && word.chars().all(plain) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', "'\\''")),
        }
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let words = ["sh", "-c", "echo it's done > /tmp/x", ""].map(str::to_owned);
        assert_eq!(shown(&words), r#"sh -c 'echo it'\''s done > /tmp/x' ''"#);
    }
}
