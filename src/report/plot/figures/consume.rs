//! What the consumer groups saw, and how far those of the user's were behind.

use std::collections::BTreeSet;

use crate::measure::line::{GroupLine, WatchedLine};

use super::super::series::{Point, each};
use super::super::{Figure, Layer, Stroke, Unit};
use super::{Part, Run, filled, layer, limits, linear_axis, over_time, time_axis};

/// A line for each group of each run that has any value.
fn lines(runs: &[Run<'_>], of: impl Fn(&GroupLine) -> Option<f64>) -> Vec<Layer> {
    let mut layers = Vec::new();
    for run in runs {
        let windows = &run.data.windows;
        let names: BTreeSet<&String> = windows.iter().flat_map(|w| w.consume.keys()).collect();
        for (i, name) in names.into_iter().enumerate() {
            let points: Vec<Point> =
                each(run.data, |window| window.consume.get(name).and_then(&of));
            if points.iter().any(|(_, value)| value.is_some()) {
                // The first group of a run stands out; the others have its colour and a thinner line.
                let stroke = if run.beside && i > 0 {
                    Stroke::Thin
                } else {
                    Stroke::Line
                };
                layers.push(layer(run.label(name), run.ink(i), stroke, points));
            }
        }
    }
    layers
}

/// A thin line for each group of the user's that was watched. In a run that is alone they go on where the colours of its groups end.
fn watched(runs: &[Run<'_>], of: impl Fn(&WatchedLine) -> u64) -> Vec<Layer> {
    let mut layers = Vec::new();
    for run in runs {
        let windows = &run.data.windows;
        let ours: BTreeSet<&String> = windows.iter().flat_map(|w| w.consume.keys()).collect();
        let names: BTreeSet<&String> = windows.iter().flat_map(|w| w.watched.keys()).collect();
        for (i, name) in names.into_iter().enumerate() {
            let points: Vec<Point> = each(run.data, |window| {
                window.watched.get(name).map(|group| of(group) as f64)
            });
            let label = run.label(&format!("{name} (yours)"));
            let ink = run.ink(ours.len() + i);
            layers.push(layer(label, ink, Stroke::Thin, points));
        }
    }
    layers
}

/// Records between the end of the log and the group's position.
pub(super) fn lag(runs: &[Run<'_>]) -> Option<Figure> {
    let mut layers = lines(runs, |group| {
        group.lag_records.map(|records| records as f64)
    });
    layers.extend(watched(runs, |group| group.lag_records));
    if layers.is_empty() {
        return None;
    }
    let y = linear_axis(Unit::Count, &layers);
    let title = "Consumer lag: records between the end of the log and the group's position";
    Some(filled(
        over_time(runs, Part::Backlog, "lag", title, y),
        layers,
    ))
}

/// The same in time, where any group was ever behind.
pub(super) fn lag_time(runs: &[Run<'_>]) -> Option<Figure> {
    let mut layers = lines(runs, |group| group.lag_us.map(|us| us as f64));
    layers.extend(watched(runs, |group| group.lag_us));
    let behind = |layer: &Layer| {
        layer
            .points
            .iter()
            .any(|(_, us)| us.is_some_and(|us| us > 0.0))
    };
    if !layers.iter().any(behind) {
        return None;
    }
    let y = linear_axis(Unit::Time, &layers);
    let title = "Consumer lag in time: the age of the oldest record the group has not reached";
    Some(filled(
        over_time(runs, Part::Backlog, "lag-time", title, y),
        layers,
    ))
}

/// How late the groups were.
pub(super) fn end_to_end(runs: &[Run<'_>]) -> Option<Figure> {
    let layers = lines(runs, |group| {
        group.end_to_end.quantile_us(0.99, 0).map(|us| us as f64)
    });
    if layers.is_empty() {
        return None;
    }
    let limits = limits(runs, "end_to_end");
    let y = time_axis(&layers, &limits);
    let title = "End-to-end latency p99 of each group: received − due, of the records it received";
    let mut figure = over_time(runs, Part::Backlog, "end-to-end", title, y);
    figure.limits = limits;
    Some(filled(figure, layers))
}
