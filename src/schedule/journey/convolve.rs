//! The rate of each event over the run: the rate of starts convolved with the event's lags.
//!
//! What comes with the start has the starts' own curve, exactly. The rest is worked out on a grid of up to 2048 equal steps, as
//! the mean over a step or over the cell of the lag, whichever is wider: what differs within a step is smoothed, and nothing is lost.

use super::lags::{Cell, ClockPath, Path};
use crate::schedule::curve::{Curve, Line};
use crate::schedule::extended::Extended;

/// Steps of the grid at most.
const STEPS: f64 = 2048.0;
/// The shortest step worth its while, in seconds.
const SHORTEST_S: f64 = 0.1;

/// The rate of some events: what comes with the starts, and what comes later.
#[derive(Clone, Debug)]
pub(super) struct Convolved {
    /// Events that come with a start.
    instant: f64,
    grid: Grid,
}

/// Rates at equal steps from 0 to the end.
#[derive(Clone, Debug)]
struct Grid {
    step: f64,
    rates: Vec<f64>,
}

impl Convolved {
    /// No events from 0 to `end`, in real seconds.
    pub fn none(end: f64) -> Convolved {
        let steps = (end / SHORTEST_S).ceil().clamp(1.0, STEPS);
        Convolved {
            instant: 0.0,
            grid: Grid {
                step: end / steps,
                rates: vec![0.0; steps as usize + 1],
            },
        }
    }

    /// Adds the events of `cells`, for journeys that start at the rate `starts`. `midnight`: real seconds from some midnight of the
    /// simulated clock to 0.
    pub fn add<'a>(
        &mut self,
        cells: impl Iterator<Item = &'a Cell>,
        starts: &Extended,
        midnight: f64,
    ) {
        let grid = &mut self.grid;
        for cell in cells {
            match cell.path {
                Path::After { .. } if cell.is_instant() => self.instant += cell.weight,
                Path::After { from, to } => grid.add(cell.weight, from, to, starts),
                Path::Clock(path) => grid.add_clock(cell.weight, &path, starts, midnight),
            }
        }
    }

    /// Multiplies all rates.
    pub fn scale(&mut self, factor: f64) {
        self.instant *= factor;
        for rate in &mut self.grid.rates {
            *rate *= factor;
        }
    }

    /// Adds all of another, over the same time.
    pub fn join(&mut self, other: &Convolved) {
        self.instant += other.instant;
        for (rate, more) in self.grid.rates.iter_mut().zip(&other.grid.rates) {
            *rate += more;
        }
    }

    /// The rate as a curve. `run`: the rate of starts over the same time.
    pub fn curve(&self, run: &Curve) -> Curve {
        Curve::from_lines(self.grid.on_top_of(run, self.instant))
    }
}

impl Grid {
    fn end(&self) -> f64 {
        self.step * (self.rates.len() - 1) as f64
    }

    /// Adds what comes evenly between two lags after the starts.
    fn add(&mut self, weight: f64, from: f64, to: f64, starts: &Extended) {
        let middle = from.midpoint(to);
        // Nothing comes before its start.
        let width = self.step.min(2.0 * middle).max(to - from);
        let (mut late, mut early) = (starts.cursor(), starts.cursor());
        for (i, rate) in self.rates.iter_mut().enumerate() {
            let t = self.step * i as f64 - middle;
            let between = late.cumulative(t + width / 2.0) - early.cumulative(t - width / 2.0);
            *rate += weight * between.max(0.0) / width;
        }
    }

    /// Adds what comes by way of a clock time: each day's starts together.
    fn add_clock(&mut self, weight: f64, path: &ClockPath, starts: &Extended, midnight: f64) {
        let width = (path.to - path.from).max(self.step);
        let middle = path.from.midpoint(path.to);
        let half = self.step / 2.0;
        for day in path.days(midnight, -half, self.end() + half) {
            let mass = starts.cumulative(day - path.before)
                - starts.cumulative(day - path.day - path.before);
            let from = day + path.gap + middle - width / 2.0;
            let first = ((from - half) / self.step).floor().max(0.0) as usize;
            let last = ((from + width + half) / self.step).ceil().max(0.0) as usize;
            for (i, rate) in self.rates.iter_mut().enumerate().take(last + 1).skip(first) {
                let t = self.step * i as f64;
                let within = (t + half).min(from + width) - (t - half).max(from);
                *rate += weight * mass / width * (within / self.step).max(0.0);
            }
        }
    }

    fn at(&self, t: f64) -> f64 {
        let place = (t / self.step).max(0.0);
        let below = (place.floor() as usize).min(self.rates.len() - 2);
        let share = (place - below as f64).min(1.0);
        self.rates[below] + (self.rates[below + 1] - self.rates[below]) * share
    }

    /// The grid's rates and `factor` times those of `run`, as straight lines.
    fn on_top_of(&self, run: &Curve, factor: f64) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut next = 1;
        for line in run.lines() {
            let rate = |t: f64| {
                let share = (t - line.from) / (line.to - line.from);
                let own = line.rate_from + (line.rate_to - line.rate_from) * share;
                own * factor + self.at(t)
            };
            let mut from = line.from;
            let mut add = |from: f64, to: f64| {
                lines.push(Line {
                    from,
                    to,
                    rate_from: rate(from),
                    rate_to: rate(to),
                });
            };
            while next < self.rates.len() && self.step * (next as f64) < line.to {
                let node = self.step * next as f64;
                if node > from {
                    add(from, node);
                    from = node;
                }
                next += 1;
            }
            add(from, line.to);
        }
        lines
    }
}

impl ClockPath {
    /// The instants of the clock time whose starts send anything between `from` and `to`.
    pub fn days(&self, midnight: f64, from: f64, to: f64) -> impl Iterator<Item = f64> + use<> {
        let at = self.at - midnight;
        let first = ((from - self.gap - self.to - at) / self.day).ceil();
        let last = ((to - self.gap - self.from - at) / self.day).floor();
        let day = self.day;
        (0..(last - first + 1.0).max(0.0) as u64).map(move |i| at + (first + i as f64) * day)
    }
}
