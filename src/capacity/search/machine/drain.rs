//! Little load between a step that failed and the next, until what waits is answered.

use crate::capacity::search::hold::{Hold, Judged};
use crate::capacity::search::{Action, Observation};

/// Little load, until what waits is answered.
#[derive(Clone, Debug)]
pub(super) struct Drain {
    pub since_s: f64,
    /// It was seen that nothing waits but what always does.
    pub quiet: bool,
    /// The step before, which failed, and whose last events are answered meanwhile.
    pub failed: Option<(Box<Hold>, Judged)>,
    /// When it was last seen whether the backlog falls, and what it was.
    looked_s: f64,
    backlog: f64,
    /// It was too much before.
    pub slowed: bool,
}

impl Drain {
    /// One that begins now, after this step.
    pub fn new(since_s: f64, failed: Option<(Box<Hold>, Judged)>) -> Drain {
        Drain {
            since_s,
            quiet: false,
            failed,
            looked_s: since_s,
            backlog: f64::INFINITY,
            slowed: false,
        }
    }

    /// Takes the next second.
    pub fn see(&mut self, action: &Action, seen: &Observation) {
        // A tenth of a second of the load that failed is what is in flight anyway.
        let held = self.failed.as_ref().map(|(hold, _)| hold.action.per_s);
        let load = held.unwrap_or(action.per_s);
        self.quiet |= seen.action == Some(action.id)
            && seen.backlog <= 0.1 * load + 10.0
            && seen.lag <= 0.5 * load + 10.0;
    }

    /// Nothing waits, and all of the failed step is known.
    pub fn is_over(&self) -> bool {
        let known = |(hold, _): &(Box<Hold>, Judged)| hold.is_complete();
        self.quiet && self.failed.as_ref().is_none_or(known)
    }

    /// Whether the backlog has not fallen by a tenth in ten seconds: even this load is too much.
    pub fn is_slow(&mut self, seen: &Observation) -> bool {
        if seen.at_s - self.looked_s < 10.0 {
            return false;
        }
        self.looked_s = seen.at_s;
        let slow = seen.backlog > 0.9 * self.backlog;
        self.backlog = seen.backlog;
        slow
    }
}
