//! The search for capacity: the highest rate at which every limit holds in steady state. Pure.
//!
//! ```text
//!  Observation ──▶ hold (settle, measure, judge) ──▶ Step ──▶ belief ──▶ Action
//!  (a second)                                                           hold, overload, drain, done
//! ```
//!
//! The machine sees the run second by second and says which rate comes next: a geometric bracket, then probabilistic bisection of
//! the logarithm of the rate (Horstein 1963; Waeber, Frazier and Henderson 2013), then three confirmations. What it knows is the
//! list of its [`Step`]s and nothing else, so an interrupted search goes on from that list.
//!
//! A quota that grants a burst first would fool a search that rests before each step. So load is never taken away altogether, and
//! where a burst was seen, and before the confirmations in any case, the burst is spent first by a short overload.

mod belief;
mod bound;
pub mod demand;
pub mod file;

pub mod held;
mod hold;
mod machine;
pub mod reading;
mod share;
pub mod watch;

use serde::{Deserialize, Serialize};

pub use belief::Belief;
pub use machine::Search;

/// What a search is told before it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The first rate it tries, in events per second.
    pub start_per_s: f64,
    /// It never offers more than this.
    pub max_per_s: Option<f64>,
    /// Half the width of the estimate's 90 % interval at which bisection ends, as a share of the estimate.
    pub precision: f64,
    /// How long each of the three confirmations measures, in seconds.
    pub confirm_s: f64,
    /// How long the search may take, in seconds.
    pub max_s: f64,
    /// How long the credit of a quota lasts at most, in seconds: Kafka's client quotas look back over 11.
    pub credit_s: f64,
    /// The longest response time that a limit allows, in seconds: what the backlog is held against.
    pub patience_s: f64,
    /// What must hold.
    pub limits: Vec<Bound>,
}

/// A limit as the search needs it: how many of how many may be beyond it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// As people say it: `response p99 of flow shoppers`.
    pub name: String,
    /// How many may be beyond: a share of all, 0.01 for a p99; with `per_second` a number a second.
    pub allowed: f64,
    /// A scenario that limits a count limits it over its own run, which a step is a part of: so many a second.
    #[serde(default)]
    pub per_second: bool,
    /// Judged window by window; `None`: over all that is measured of a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Windowed>,
}

/// The windows of a limit that is judged window by window. A step holds whole ones, the first begins where measuring does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Windowed {
    /// How long one is, in seconds.
    pub seconds: u32,
    /// The share of them that may miss: what the scenario allows, of as many as its own run has.
    pub allowed: f64,
}

/// How many were beyond a limit, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Beyond the limit.
    pub over: f64,
    /// All.
    pub of: f64,
}

/// One second of the run, as it ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// When it ended: seconds since the start of the load.
    pub at_s: f64,
    /// The action under which all of it passed; `None`: the rate changed within it.
    pub action: Option<u32>,
    /// Events due at its end and not yet answered.
    pub backlog: f64,
    /// Records that the group furthest behind has still to read.
    pub lag: f64,
    /// Seconds of which all events have been answered meanwhile, in order of time.
    pub settled: Vec<Settled>,
}

/// A second of which every event that came due in it has been answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// The action under which all of it passed.
    pub action: Option<u32>,
    /// By limit, in the order of [`Settings::limits`].
    pub tallies: Vec<Tally>,
    /// The cluster asked the client to wait: a quota.
    pub throttled: bool,
    /// What the generator had to complain of.
    pub complaint: Option<String>,
}

/// What the load is to do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Grows with each change.
    pub id: u32,
    /// What for.
    pub purpose: Purpose,
    /// Events per second.
    pub per_s: f64,
}

/// Why a rate is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To find a rate that fails, by doubling, or one that passes, by halving.
    Bracket,
    /// To halve what is not known.
    Bisect,
    /// To see whether it can be relied on.
    Confirm,
    /// To spend a burst that a quota may have saved up.
    Overload,
    /// To let what waits be answered.
    Drain,
    /// The search is over.
    Done,
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every limit held.
    Pass,
    /// One did not.
    Fail,
    /// It failed, and the generator was the limit: it teaches nothing.
    Invalid,
}

/// A rate that was held, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The action that held it.
    pub action: u32,
    /// What for.
    pub purpose: Purpose,
    /// Events per second.
    pub per_s: f64,
    /// When it began and ended, in seconds since the start of the load.
    pub from_s: f64,
    /// See `from_s`.
    pub to_s: f64,
    /// How it came out.
    pub outcome: Outcome,
    /// The measurement's interval lay on one side of the limit.
    pub clear: bool,
    /// A burst had been spent right before it.
    pub spent: bool,
    /// A burst was seen in it: throttling, or a collapse that came late.
    pub burst: bool,
    /// What waited at its end, in seconds of its load.
    pub waits_s: f64,
    /// What gave way; what came closest where nothing did.
    pub reason: String,
    /// By limit: the share beyond it (where it is judged by windows: of those that missed it), with its 90 % interval.
    pub shares: Vec<[f64; 3]>,
    /// By limit: how many independent events, or seconds of a lag, would tell as much as what was measured.
    pub effective: Vec<f64>,
}

/// Why a search ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum End {
    /// The capacity was found and confirmed.
    Confirmed,
    /// The generator was the limit at this rate.
    Generator {
        /// Events per second.
        per_s: f64,
        /// What it complained of.
        complaint: String,
    },
    /// Every limit still held at the most that may be offered.
    Ceiling,
    /// Not even a small share of the first rate holds.
    Nothing,
    /// The time was over.
    Time,
    /// What waited was not answered within a minute of little load.
    Stuck,
    /// Rate after rate failed to be confirmed.
    Unconfirmed,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Why it ended; `None`: it has not.
    pub end: Option<End>,
    /// The capacity with its 90 % interval: [low, estimate, high] in events per second.
    pub estimate_per_s: Option<[f64; 3]>,
    /// The highest rate that passed the confirmations.
    pub rated_per_s: Option<f64>,
    /// What gave first: the reason of the failed step with the lowest rate.
    pub gave: Option<String>,
}
