//! How the arrivals of a flow are spaced.

use std::time::Duration;

use super::{Lag, Length, Times};

/// How arrivals are spaced.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// At equal steps of the cumulative rate.
    Even,
    /// A Poisson process.
    Poisson,
    /// A Poisson process conditioned on its total.
    PoissonExact,
    /// A renewal process with gamma gaps in the cumulative rate, drawn for the flow as a whole.
    Bursty {
        /// Standard deviation of the gaps over their mean; above 0.
        cv: f64,
    },
    /// Campaigns: many at once.
    Batch(Batch),
    /// Devices that report at a period of their own.
    Periodic(Periodic),
    /// Users who wait for their answer and think before the next: a closed model. No due instants.
    Closed {
        /// How many; at least 1. The scale is applied.
        users: u64,
        /// From an answer to the next event: real time, whatever the lengths say.
        think: Lag,
    },
    /// As fast as the target takes them; no due instants.
    Unthrottled,
}

impl Arrivals {
    /// What a scenario calls them.
    pub fn name(&self) -> &'static str {
        match self {
            Arrivals::Even => "even",
            Arrivals::Poisson => "poisson",
            Arrivals::PoissonExact => "poisson_exact",
            Arrivals::Bursty { .. } => "bursty",
            Arrivals::Batch(_) => "batch",
            Arrivals::Periodic(_) => "periodic",
            Arrivals::Closed { .. } => "closed",
            Arrivals::Unthrottled => "unthrottled",
        }
    }

    /// Whether events have an instant at which they are due. Without, there is no response time.
    pub fn has_due(&self) -> bool {
        !matches!(self, Arrivals::Closed { .. } | Arrivals::Unthrottled)
    }
}

/// Campaigns: `size` arrivals within a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// How many arrivals one has in the uncompressed span, at scale 1 if `at` is given; divided by `compress` when it plays.
    pub size: Times,
    /// Within which time they come, evenly.
    pub within: Length,
    /// When they start: seconds of simulated time since the start of the span. Empty: starts are Poisson, at a rate that gives the flow its
    /// height.
    pub at: Vec<f64>,
    /// Pools drawn once a batch: indices into the scenario's pools.
    pub keeps: Vec<usize>,
}

/// Devices that report at a period of their own. Real time.
#[derive(Clone, Debug, PartialEq)]
pub struct Periodic {
    /// How many; at least 1. The scale is applied.
    pub devices: u64,
    /// The pool the devices are, if they are one: id `d` of it is device `d`.
    pub pool: Option<usize>,
    /// Between two reports of one device.
    pub every: Duration,
    /// Each report is off by up to this, either way.
    pub jitter: Duration,
    /// Whether all report at once, or each at an instant of its own.
    pub aligned: bool,
}
