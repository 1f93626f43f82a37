//! The machine: a second in, the load's next rate out.

mod drain;
mod known;

use drain::Drain;

use super::hold::{Hold, Judged, Length};
use super::{Action, Belief, Bound, End, Found, Observation, Outcome, Purpose, Settings, Step};

/// From one rate of the bracket to the next.
const UP: f64 = 2.0;
/// From one rate to the next where the first already failed.
const DOWN: f64 = 4.0;
/// Rates tried below the first before it is given up.
const DOWNS: usize = 6;
/// Steps of bisection at most.
const BISECTIONS: usize = 14;
/// Confirmations of a rate.
const CONFIRMATIONS: usize = 3;
/// Rates that may fail to be confirmed.
const CANDIDATES: usize = 8;
/// The load while what waits is answered, as a share of the highest rate that passed.
const DRAIN: f64 = 0.25;
/// The same where bursts are granted: less rest, less credit.
const DRAIN_CREDIT: f64 = 0.5;
/// The same there when what waits is under a second of load: the end of the drain must not earn credit.
const DRAIN_LAST: f64 = 0.9;
/// The longest drain, in seconds.
const DRAIN_S: f64 = 60.0;
/// An overload beyond the lowest rate that failed.
const OVERLOAD: f64 = 1.5;

/// The search.
#[derive(Clone, Debug)]
pub struct Search {
    settings: Settings,
    steps: Vec<Step>,
    state: State,
    action: Action,
    at_s: f64,
    end: Option<End>,
}

#[derive(Clone, Debug)]
enum State {
    Hold(Box<Hold>),
    /// The hold stands in for what an overload is watched by; its outcome is no step.
    Overload(Box<Hold>),
    Drain(Box<Drain>),
    Done,
}

/// What is to be held next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    Hold(Purpose, f64),
    End,
}

impl Search {
    /// A search that knows the steps of an earlier one, or nothing.
    pub fn new(settings: Settings, steps: Vec<Step>) -> Search {
        let id = steps.iter().map(|step| step.action + 1).max().unwrap_or(0);
        let mut search = Search {
            action: Action {
                id,
                purpose: Purpose::Drain,
                per_s: settings.start_per_s,
            },
            settings,
            steps,
            state: State::Done,
            at_s: 0.0,
            end: None,
        };
        // Clients connect and a cold cluster warms up while little is asked of them; no step begins before that is answered.
        search.drain(None);
        search
    }

    /// The second that has passed; what the load is to do now.
    pub fn next(&mut self, seen: &Observation) -> &Action {
        self.at_s = seen.at_s;
        if self.end.is_none() && self.at_s >= self.settings.max_s {
            self.finish(End::Time);
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Hold(hold) => self.held(hold, seen),
            State::Overload(hold) => self.overloaded(hold, seen),
            State::Drain(drain) => self.drained(drain, seen),
            State::Done => {}
        }
        &self.action
    }

    /// What the load is to do now.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The steps so far.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What it was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Ends it: the user interrupted, or the load did.
    pub fn stop(&mut self) {
        if self.end.is_none() {
            self.finish(End::Time);
        }
    }

    /// How long it has gone on, in seconds.
    pub fn elapsed_s(&self) -> f64 {
        self.at_s
    }

    /// The failed step with the lowest rate: what gave first.
    pub fn first_failure(&self) -> Option<&Step> {
        let failed = self.steps.iter().filter(|s| s.outcome == Outcome::Fail);
        failed.min_by(|a, b| a.per_s.total_cmp(&b.per_s))
    }

    /// What is known by now.
    pub fn found(&self) -> Found {
        Found {
            end: self.end.clone(),
            estimate_per_s: Belief::of(&self.settings, &self.steps).map(|b| b.interval()),
            rated_per_s: self.rated(),
            gave: self.first_failure().map(|step| step.reason.clone()),
        }
    }

    fn held(&mut self, mut hold: Box<Hold>, seen: &Observation) {
        hold.see(seen);
        match hold.judge(&self.settings) {
            None => self.state = State::Hold(hold),
            Some(judged) if judged.passed => {
                let (step, _) = hold.step(&self.settings, &judged);
                self.steps.push(step);
                self.onward(false);
            }
            Some(judged) => self.drain(Some((hold, judged))),
        }
    }

    fn overloaded(&mut self, mut hold: Box<Hold>, seen: &Observation) {
        hold.see(seen);
        let lasted_s = seen.at_s - hold.began_s();
        let spent = hold.waits_s() > 0.5 || hold.overrun(&self.settings).is_some();
        if spent || lasted_s > 2.0 * self.settings.credit_s {
            self.drain(None);
        } else {
            self.state = State::Overload(hold);
        }
    }

    /// Takes the load down until what waits is answered.
    fn drain(&mut self, failed: Option<(Box<Hold>, Judged)>) {
        let share = if self.burst() { DRAIN_CREDIT } else { DRAIN };
        self.act(Purpose::Drain, self.drain_per_s() * share);
        self.state = State::Drain(Box::new(Drain::new(self.at_s, failed)));
    }

    /// What the rates of a drain are shares of.
    fn drain_per_s(&self) -> f64 {
        let believed = Belief::of(&self.settings, &self.steps).map(|b| b.quantile(0.05));
        let known = self.proven().into_iter().chain(believed);
        known
            .reduce(f64::max)
            .unwrap_or(self.settings.start_per_s.min(self.action.per_s))
    }

    /// Less load where it does not drain, more where credit would be earned.
    fn adapt(&mut self, drain: &mut Drain, seen: &Observation) {
        if drain.is_slow(seen) {
            drain.slowed = true;
            return self.act(Purpose::Drain, self.action.per_s / 2.0);
        }
        if !self.burst() || drain.slowed || seen.action != Some(self.action.id) {
            return;
        }
        let load = self.drain_per_s();
        let (last, usual) = (load * DRAIN_LAST, load * DRAIN_CREDIT);
        if seen.backlog < load && self.action.per_s < last {
            self.act(Purpose::Drain, last);
        } else if seen.backlog > 1.5 * load && self.action.per_s > usual {
            self.act(Purpose::Drain, usual);
        }
    }

    fn drained(&mut self, mut drain: Box<Drain>, seen: &Observation) {
        if let Some((hold, _)) = &mut drain.failed {
            hold.complete(seen);
        }
        drain.see(&self.action, seen);
        let late = self.at_s - drain.since_s > DRAIN_S;
        if !drain.is_over() && !late {
            self.adapt(&mut drain, seen);
            self.state = State::Drain(drain);
            return;
        }
        let Drain { failed, quiet, .. } = *drain;
        if let Some((hold, judged)) = failed {
            let (step, complaint) = hold.step(&self.settings, &judged);
            let per_s = step.per_s;
            let again = self
                .steps
                .last()
                .is_some_and(|s| s.outcome == Outcome::Invalid);
            self.steps.push(step);
            // It teaches nothing, so the same is tried once more: a machine may have been busy with something else for a moment.
            if let Some(complaint) = complaint.filter(|_| again) {
                return self.finish(End::Generator { per_s, complaint });
            }
        }
        if !quiet {
            return self.finish(End::Stuck);
        }
        self.onward(true);
    }

    /// Begins what comes next. `spent`: the load comes from an overload.
    fn onward(&mut self, spent: bool) {
        let Goal::Hold(purpose, per_s) = self.goal() else {
            return;
        };
        let first = purpose == Purpose::Confirm && self.confirmed(per_s) == 0;
        let near = purpose == Purpose::Bisect && self.burst();
        if (first || near) && !spent && self.failed().is_some() {
            return self.overload();
        }
        self.act(purpose, per_s);
        let length = self.length(purpose);
        let hold = Hold::new(self.action.clone(), length, spent, self.at_s);
        self.state = State::Hold(Box::new(hold));
    }

    fn overload(&mut self) {
        let failed = self.failed().unwrap_or(self.action.per_s);
        self.act(Purpose::Overload, failed * OVERLOAD);
        let length = self.length(Purpose::Overload);
        let hold = Hold::new(self.action.clone(), length, false, self.at_s);
        self.state = State::Overload(Box::new(hold));
    }

    fn act(&mut self, purpose: Purpose, per_s: f64) {
        let most = self.settings.max_per_s.unwrap_or(f64::INFINITY);
        self.action = Action {
            id: self.action.id + 1,
            purpose,
            per_s: per_s.min(most),
        };
    }

    fn finish(&mut self, end: End) {
        self.end = Some(end);
        self.action.id += 1;
        self.action.purpose = Purpose::Done;
        self.state = State::Done;
    }

    /// How long a rate is measured. Near the limit two credits at least where bursts are granted; one window at least where limits are
    /// judged by windows.
    fn length(&self, purpose: Purpose) -> Length {
        let credits_s = if self.burst() {
            2.0 * self.settings.credit_s
        } else {
            0.0
        };
        let windows = self.settings.limits.iter().map(Bound::least_s);
        let window_s = windows.fold(0.0, f64::max);
        let (least_s, most_s) = match purpose {
            Purpose::Bracket => (window_s.max(4.0), (2.0 * window_s).max(8.0)),
            Purpose::Confirm => {
                let s = self.settings.confirm_s.max(credits_s).max(window_s);
                (s, s)
            }
            _ => {
                let s = self.settings.confirm_s.min(20.0);
                let s = (1.2 * credits_s).max(s).max(window_s);
                (s, (2.0 * s).max(self.settings.confirm_s.min(40.0)))
            }
        };
        Length { least_s, most_s }
    }

    fn goal(&mut self) -> Goal {
        let end = |search: &mut Search, end: End| {
            search.finish(end);
            Goal::End
        };
        let most = self.settings.max_per_s.unwrap_or(f64::INFINITY);
        let (passed, failed) = (self.passed(), self.failed());
        match (passed, failed) {
            (None, None) => Goal::Hold(Purpose::Bracket, self.settings.start_per_s.min(most)),
            (Some(passed), None) if passed >= most => match self.rated() {
                Some(_) => end(self, End::Ceiling),
                None => Goal::Hold(Purpose::Confirm, most),
            },
            (Some(passed), None) => Goal::Hold(Purpose::Bracket, (passed * UP).min(most)),
            (None, Some(failed)) if self.steps.len() < DOWNS => {
                Goal::Hold(Purpose::Bracket, failed / DOWN)
            }
            (None, Some(_)) => end(self, End::Nothing),
            (Some(_), Some(_)) => self.refine(),
        }
    }

    /// What comes next once a rate passed and another failed.
    fn refine(&mut self) -> Goal {
        let Some(belief) = Belief::of(&self.settings, &self.steps) else {
            return Goal::End;
        };
        let confirming = self.candidates().len();
        let bisections = self.count(Purpose::Bisect);
        let wide = belief.half_width() > self.settings.precision;
        if confirming == 0 && wide && bisections < BISECTIONS && !self.hurried() {
            return Goal::Hold(Purpose::Bisect, belief.quantile(0.5));
        }
        if self.rated().is_some() {
            self.finish(End::Confirmed);
            return Goal::End;
        }
        let low = belief.quantile(0.05);
        let next = match self.candidates().last() {
            None => low,
            Some(&last) if self.refused(last) => low.min(last / (1.0 + self.settings.precision)),
            Some(&last) => last,
        };
        if confirming >= CANDIDATES && self.refused(self.candidates()[confirming - 1]) {
            self.finish(End::Unconfirmed);
            return Goal::End;
        }
        Goal::Hold(Purpose::Confirm, next)
    }

    /// Time is left for little more than one rate to be confirmed.
    fn hurried(&self) -> bool {
        let confirmation_s = self.length(Purpose::Confirm).least_s + 5.0;
        let left_s = self.settings.max_s - self.at_s;
        left_s < 1.5 * CONFIRMATIONS as f64 * confirmation_s + 15.0
    }
}
