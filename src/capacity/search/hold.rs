//! One rate, held until it is known whether every limit holds at it.
//!
//! What the backlog and the lag do is seen at once, what became of the events of a second only when the last of them is answered.
//! A step that is beyond the capacity shows in the first, and ends early; its shares are completed while the load drains.

use serde::{Deserialize, Serialize};

use super::bound::Met;
use super::{Action, Observation, Outcome, Purpose, Settings, Settled, Step};
use crate::capacity::steady::slope;

/// Seconds after which a hold measures, steady or not.
const SETTLE_S: usize = 10;
/// Standard errors of a 90 % interval.
const SURE: f64 = 1.645;
/// Standard errors for a failure that is called before its time: it is looked for every second.
const EARLY: f64 = 3.3;
/// Growth of the backlog, or the lag, below this share of the rate is none.
const GROWTH: f64 = 0.01;
/// A collapse that comes later than this, in seconds, was held up by a burst.
const LATE_S: usize = 4;

/// How long a hold measures: at least, and at most when it is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Length {
    pub least_s: f64,
    pub most_s: f64,
}

/// A hold under way.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub action: Action,
    length: Length,
    spent: bool,
    from_s: f64,
    to_s: f64,
    /// By whole second of the hold: backlog and lag as it ended.
    levels: Vec<(f64, f64)>,
    /// By whole second of the hold, as far as they are known.
    settled: Vec<Settled>,
    /// The first second that is measured.
    measured: Option<usize>,
}

/// What a hold has come to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub passed: bool,
    pub clear: bool,
    pub reason: String,
}

impl Hold {
    pub fn new(action: Action, length: Length, spent: bool, from_s: f64) -> Hold {
        Hold {
            action,
            length,
            spent,
            from_s,
            to_s: from_s,
            levels: Vec::new(),
            settled: Vec::new(),
            measured: None,
        }
    }

    /// Takes the next second. What became of the hold's events may come after its end.
    pub fn see(&mut self, seen: &Observation) {
        if seen.action == Some(self.action.id) {
            self.levels.push((seen.backlog, seen.lag));
            if self.measured.is_none() && self.is_settled() {
                self.measured = Some(self.levels.len());
            }
        }
        self.to_s = seen.at_s;
        self.complete(seen);
    }

    /// Takes what has become known of the hold's seconds.
    pub fn complete(&mut self, seen: &Observation) {
        let ours = |settled: &&Settled| settled.action == Some(self.action.id);
        self.settled
            .extend(seen.settled.iter().filter(ours).cloned());
    }

    /// When it began, in seconds since the start of the load.
    pub fn began_s(&self) -> f64 {
        self.from_s
    }

    /// What waits, in seconds of its load.
    pub fn waits_s(&self) -> f64 {
        self.levels
            .last()
            .map_or(0.0, |(backlog, _)| backlog / self.action.per_s)
    }

    /// Whether all of the hold's seconds are known.
    pub fn is_complete(&self) -> bool {
        self.settled.len() >= self.levels.len()
    }

    /// The backlog has stopped changing by more than noise: 1 % of the load, and four standard deviations of Poisson counts.
    fn is_settled(&self) -> bool {
        let n = self.levels.len();
        if n >= SETTLE_S {
            return true;
        }
        if n < 3 {
            return false;
        }
        let changed = (self.levels[n - 1].0 - self.levels[n - 3].0).abs();
        let expected = 2.0 * self.action.per_s;
        changed <= GROWTH * expected + 4.0 * expected.sqrt()
    }

    /// What it has come to; `None`: not known yet.
    pub fn judge(&self, settings: &Settings) -> Option<Judged> {
        if let Some(reason) = self.overrun(settings) {
            return Some(Judged::failed(reason));
        }
        let from = self.measured?.min(self.settled.len());
        let known = &self.settled[from..];
        let measured_s = known.len() as f64;
        let over_time = measured_s >= self.length.least_s;
        let z = if over_time { SURE } else { EARLY };
        if known.len() >= 3
            && let Some(reason) = beyond(settings, known, z)
        {
            return Some(Judged::failed(reason));
        }
        if !over_time {
            return None;
        }
        if let Some(reason) = self.grows(from) {
            return Some(Judged::failed(reason));
        }
        let confirms = self.action.purpose == Purpose::Confirm;
        let (name, ratio, sure) = closest(settings, known);
        // A confirmation is about what was seen, and there are three of them.
        if sure || (confirms && ratio <= 1.0) || measured_s >= self.length.most_s {
            return Some(Judged {
                passed: ratio <= 1.0,
                clear: sure,
                reason: name,
            });
        }
        None
    }

    /// Too much waits, and it grows: what is beyond the capacity shows here first.
    pub fn overrun(&self, settings: &Settings) -> Option<String> {
        let n = self.levels.len();
        if n < 3 {
            return None;
        }
        let horizon_s = (2.0 * settings.patience_s).max(1.0);
        let per_s = self.action.per_s;
        let seconds = |level: f64| level / per_s;
        let growth = |of: fn(&(f64, f64)) -> f64| {
            let grown = of(&self.levels[n - 1]) - of(&self.levels[n - 3]);
            grown / 2.0 / per_s - 4.0 / (2.0 * per_s).sqrt()
        };
        let (backlog, lag) = self.levels[n - 1];
        if seconds(backlog) > horizon_s && growth(|level| level.0) > GROWTH {
            return Some("the backlog grew without end".to_owned());
        }
        // Consumers fetch in gulps: they are given longer.
        if seconds(lag) > 2.0 * horizon_s + 1.0
            && growth(|level| level.1) > 2.0 * GROWTH
            && n > SETTLE_S
        {
            return Some("the consumers' lag grew without end".to_owned());
        }
        None
    }

    /// No steady state: what waits grew beyond doubt over all that was measured.
    fn grows(&self, from: usize) -> Option<String> {
        let per_s = self.action.per_s;
        let grows = |of: fn(&(f64, f64)) -> f64, least_s: f64| {
            let from = from.min(self.levels.len());
            let readings: Vec<(f64, u64)> = self.levels[from..]
                .iter()
                .enumerate()
                .map(|(second, level)| (second as f64, of(level) as u64))
                .collect();
            let seconds = readings.len() as f64;
            // Near the capacity a queue is a random walk: twice the events of the time are its variance.
            let walk = 3.0 * (2.0 * per_s * seconds).sqrt();
            slope(&readings).is_some_and(|(slope, error)| {
                slope - error > 0.3 * GROWTH * per_s && slope * seconds > least_s * per_s + walk
            })
        };
        if grows(|level| level.0, 0.03) {
            return Some("the backlog grew steadily".to_owned());
        }
        grows(|level| level.1, 0.5).then(|| "the consumers' lag grew steadily".to_owned())
    }

    /// A burst was granted: the cluster asked to wait, or all went well for a while before what waits grew by a tenth of the load.
    fn burst(&self) -> bool {
        let per_s = self.action.per_s;
        let n = self.levels.len();
        let late = || {
            n > LATE_S + 2
                && self.levels[LATE_S].0 < 0.1 * per_s
                && self.levels[n - 1].0 - self.levels[n - 3].0 > 0.2 * per_s
        };
        self.throttled() || late()
    }

    pub fn throttled(&self) -> bool {
        self.settled.iter().any(|second| second.throttled)
    }

    /// What the generator complained of in at least half of its seconds.
    fn complaint(&self) -> Option<String> {
        let complaints = || {
            let seconds = self.settled.iter();
            seconds.filter_map(|second| second.complaint.as_ref())
        };
        (2 * complaints().count() >= self.settled.len().max(1))
            .then(|| complaints().next_back().cloned())
            .flatten()
    }

    /// The step that it was, and what the generator complained of if that makes it invalid. To be asked when it is complete.
    pub fn step(&self, settings: &Settings, judged: &Judged) -> (Step, Option<String>) {
        // Whoever is throttled by the cluster is not the limit.
        let complaint = match judged.passed || self.throttled() {
            true => None,
            false => self.complaint(),
        };
        let outcome = match (judged.passed, &complaint) {
            (true, _) => Outcome::Pass,
            (false, None) => Outcome::Fail,
            (false, Some(_)) => Outcome::Invalid,
        };
        let from = self.measured.unwrap_or(0).min(self.settled.len());
        let from = if from == self.settled.len() { 0 } else { from };
        let known = &self.settled[from..];
        let limits = || settings.limits.iter().enumerate();
        let share = |met: Option<Met>| {
            met.map_or([0.0; 3], |Met { share: s, .. }| {
                [s.low.max(0.0), s.share, s.high.min(1.0)]
            })
        };
        let step = Step {
            action: self.action.id,
            purpose: self.action.purpose,
            per_s: self.action.per_s,
            from_s: self.from_s,
            to_s: self.to_s,
            outcome,
            clear: judged.clear,
            spent: self.spent,
            burst: self.burst(),
            waits_s: self.waits_s(),
            reason: judged.reason.clone(),
            effective: limits()
                .map(|(index, limit)| limit.effective(index, known, SURE))
                .collect(),
            shares: limits()
                .map(|(index, limit)| share(limit.met(index, known, SURE)))
                .collect(),
        };
        (step, complaint)
    }
}

impl Judged {
    fn failed(reason: String) -> Judged {
        Judged {
            passed: false,
            clear: true,
            reason,
        }
    }
}

/// The limits as far as they were measured, with their names and intervals of `z` standard errors.
fn met<'a>(
    settings: &'a Settings,
    known: &'a [Settled],
    z: f64,
) -> impl Iterator<Item = (&'a str, Met)> {
    let limits = settings.limits.iter().enumerate();
    limits
        .filter_map(move |(index, limit)| Some((limit.name.as_str(), limit.met(index, known, z)?)))
}

/// The limit that is missed by most, of those missed with `z` standard errors to spare.
fn beyond(settings: &Settings, known: &[Settled], z: f64) -> Option<String> {
    let missed = met(settings, known, z).filter(|(_, met)| met.is_missed());
    let worst = missed.max_by(|a, b| a.1.used().total_cmp(&b.1.used()));
    worst.map(|(name, _)| name.to_owned())
}

/// The limit that is used up most: its name, the share of what is allowed, and whether the intervals of all lie below theirs.
fn closest(settings: &Settings, known: &[Settled]) -> (String, f64, bool) {
    let mut closest = (String::new(), 0.0, true);
    for (name, met) in met(settings, known, SURE) {
        let used = met.used();
        if used > closest.1 || closest.0.is_empty() {
            closest.0 = name.to_owned();
        }
        closest = (closest.0, used.max(closest.1), met.sure && closest.2);
    }
    closest
}
