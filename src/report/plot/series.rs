//! What a run's windows say, as series over time. Histograms are merged, never averaged.

use crate::measure::histogram::MergedHistogram;
use crate::measure::line::{FlowLine, WindowLine};
use crate::report::data::RunData;

/// A point of a line: seconds since the start of the load, and the value; `None` where there is none.
pub(super) type Point = (f64, Option<f64>);

/// When a window begins and ends, in seconds. One that the end of the load cuts short ends there.
pub(super) fn span(data: &RunData, window: &WindowLine) -> (f64, f64) {
    let from = window.at_us as f64 / 1e6;
    let to = from + data.window_us as f64 / 1e6;
    let end = data.elapsed_s();
    if from < end && end < to {
        (from, end)
    } else {
        (from, to)
    }
}

/// A figure of each window at its middle.
pub(super) fn each(data: &RunData, of: impl Fn(&WindowLine) -> Option<f64>) -> Vec<Point> {
    data.windows
        .iter()
        .map(|window| {
            let (from, to) = span(data, window);
            ((from + to) / 2.0, of(window))
        })
        .collect()
}

/// A number of each window per second of it. The last is left out where the end of the load left next to nothing of it.
pub(super) fn per_second(data: &RunData, of: impl Fn(&WindowLine) -> f64) -> Vec<Point> {
    let whole = data.window_us as f64 / 1e6;
    data.windows
        .iter()
        .filter_map(|window| {
            let (from, to) = span(data, window);
            let length = to - from;
            (length >= whole / 4.0).then(|| ((from + to) / 2.0, Some(of(window) / length)))
        })
        .collect()
}

/// The sum over a window's flows.
pub(super) fn sum(window: &WindowLine, of: impl Fn(&FlowLine) -> u64) -> f64 {
    window.flows.values().map(of).sum::<u64>() as f64
}

/// Times of a window's events, and how many have none.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) histogram: MergedHistogram,
    pub(super) beyond: u64,
}

impl Times {
    /// In microseconds; `None` where it falls among events without a time, or there are no events.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        self.histogram
            .quantile_us(q, self.beyond)
            .map(|us| us as f64)
    }

    /// There are events, and the quantile falls among those without a time.
    pub(super) fn is_beyond(&self, q: f64) -> bool {
        self.beyond > 0 && self.quantile(q).is_none()
    }
}

/// Response times of the events that came due in a window, of all flows or of one.
pub(super) fn response(window: &WindowLine, flow: Option<&str>) -> Times {
    let mut times = Times::default();
    for (name, line) in &window.flows {
        if flow.is_some_and(|flow| flow != name) {
            continue;
        }
        if let Some(response) = &line.response {
            times.histogram.merge(response);
            times.beyond += line.beyond_response();
        }
    }
    times
}

/// Send delays of the events that came due in a window.
pub(super) fn send_delay(window: &WindowLine) -> Times {
    let mut times = Times::default();
    for line in window.flows.values() {
        if let Some(delay) = &line.send_delay {
            times.histogram.merge(delay);
            times.beyond += line.beyond_send_delay();
        }
    }
    times
}

/// Events due and not yet over, as each window ended: of the flows that have a due.
pub(super) fn backlog(data: &RunData) -> Vec<Point> {
    let mut open = 0_i64;
    data.windows
        .iter()
        .map(|window| {
            for line in window.flows.values().filter(|line| line.response.is_some()) {
                open += line.planned as i64;
                open -= (line.during.acknowledged + line.during.failed) as i64;
            }
            (span(data, window).1, Some(open.max(0) as f64))
        })
        .collect()
}

/// How much a count that only grows rose in each window, per second.
pub(super) fn growth(data: &RunData, of: impl Fn(&WindowLine) -> Option<u64>) -> Vec<Point> {
    let mut before: Option<u64> = None;
    let mut points = Vec::new();
    for window in &data.windows {
        let (from, to) = span(data, window);
        let now = of(window);
        let rise = match (before, now) {
            (Some(before), Some(now)) => Some(now.saturating_sub(before) as f64 / (to - from)),
            _ => None,
        };
        before = now.or(before);
        points.push(((from + to) / 2.0, rise));
    }
    points
}

/// The largest value.
pub(super) fn top<'a>(points: impl IntoIterator<Item = &'a Point>) -> f64 {
    points
        .into_iter()
        .filter_map(|(_, value)| *value)
        .fold(0.0, f64::max)
}

/// The smallest value above zero.
pub(super) fn bottom<'a>(points: impl IntoIterator<Item = &'a Point>) -> f64 {
    points
        .into_iter()
        .filter_map(|(_, value)| *value)
        .filter(|value| *value > 0.0)
        .fold(f64::INFINITY, f64::min)
}
