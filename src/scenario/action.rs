//! What is done while the load runs: commands of the user's, and consumer groups of ours that pause.

use std::time::Duration;

/// Something that is done at an instant of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its name; no two have the same.
    pub name: String,
    /// When it begins, in real time: after the start of the load, or after the end of the action it follows.
    pub at: Duration,
    /// The action it follows: index into [`Scenario::actions`](super::Scenario::actions), smaller than its own.
    pub follows: Option<usize>,
    /// What is done.
    pub deed: Deed,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Runs a command of the user's.
    Run(Run),
    /// Pauses a consumer group of ours, by the client's own pause.
    Pause(Pause),
}

/// A command. No shell reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The program and its arguments; at least one.
    pub command: Vec<String>,
    /// Real time after which it is killed with its children.
    pub limit: Duration,
    /// Variables of its environment, beside those it inherits.
    pub environment: Vec<(String, String)>,
    /// What follows when it fails: it can't be started, does not end in time, or ends with another code than 0.
    pub on_failure: OnFailure,
}

/// What a failed command means to the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The load is stopped: what was to be rehearsed did not take place, and the run is invalid.
    #[default]
    Stop,
    /// The load goes on, and the failure is told.
    GoOn,
}

/// A pause of a group. It ends with the load at the latest; of both conditions the first counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pause {
    /// Index into [`Scenario::consumers`](super::Scenario::consumers).
    pub group: usize,
    /// Real time.
    pub lasting: Option<Duration>,
    /// Until the group is so many records behind.
    pub until_lag_records: Option<u64>,
}

/// What time to drain or recover, or time above a limit, is counted from the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// An action: index into [`Scenario::actions`](super::Scenario::actions).
    Action(usize),
    /// The flows' spikes.
    Spikes,
    /// Whichever of these is over last.
    Last,
}
