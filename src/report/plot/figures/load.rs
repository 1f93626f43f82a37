//! What was asked for and what came of it.

use std::collections::BTreeMap;

use crate::measure::line::{FlowLine, WindowLine};

use super::super::series::{Point, backlog as open, per_second, sum};
use super::super::{Figure, Ink, Layer, Stroke, Unit};
use super::{Part, Run, filled, layer, linear_axis, over_time};

/// Offered, sent and acknowledged, with the planned curve under them.
pub(super) fn rates(runs: &[Run<'_>]) -> Figure {
    let mut layers = planned(runs);
    for run in runs {
        let rate = |of: fn(&FlowLine) -> u64| per_second(run.data, |window| sum(window, of));
        // Nothing comes due after the load, and what is sent late is seen in the acknowledgements.
        let load = |mut points: Vec<Point>| {
            points.retain(|(at, _)| *at < run.data.elapsed_s());
            points
        };
        let offered = load(rate(|flow| flow.planned));
        let sent = load(rate(|flow| flow.during.sent));
        let acknowledged = rate(|flow| flow.during.acknowledged);
        if run.beside {
            layers.push(layer(
                run.label("acknowledged"),
                run.ink(0),
                Stroke::Line,
                acknowledged,
            ));
            continue;
        }
        layers.push(layer(
            "offered".to_owned(),
            Ink::Data(0),
            Stroke::Line,
            offered,
        ));
        layers.push(layer("sent".to_owned(), Ink::Data(1), Stroke::Thin, sent));
        layers.push(layer(
            "acknowledged".to_owned(),
            Ink::Data(2),
            Stroke::Thin,
            acknowledged,
        ));
    }
    let (title, y) = (
        "Offered, sent and acknowledged events per second",
        linear_axis(Unit::Rate, &layers),
    );
    let title = if runs.len() > 1 {
        "Acknowledged events per second"
    } else {
        title
    };
    let mut figure = filled(over_time(runs, Part::Rate, "rate", title, y), layers);
    figure.note = Some(
        "Offered is what the schedule asked for in that second. Where acknowledged falls below it, events wait."
            .to_owned(),
    );
    figure
}

/// The curves of the plans; one where all runs have the same.
fn planned(runs: &[Run<'_>]) -> Vec<Layer> {
    let plans: Vec<_> = runs
        .iter()
        .filter_map(|run| Some((run, &run.data.run.as_ref()?.plan)))
        .filter(|(_, plan)| !plan.curve.is_empty())
        .collect();
    let Some((_, first)) = plans.first() else {
        return vec![];
    };
    let points = |curve: &[(f64, f64)], until: f64| -> Vec<Point> {
        let mut points: Vec<Point> = curve
            .iter()
            .filter(|(at, _)| *at <= until)
            .map(|(at, rate)| (*at, Some(*rate)))
            .collect();
        // The last rate holds to the end; a run that was cut short is offered what was planned until then.
        if let Some((at, rate)) = points.last().copied()
            && at < until
        {
            let next = curve.iter().find(|(next, _)| *next > until);
            let rate = match (next, rate) {
                (Some((next, then)), Some(rate)) => {
                    Some(rate + (then - rate) * (until - at) / (next - at))
                }
                _ => rate,
            };
            points.push((until, rate));
        }
        points
    };
    if plans.iter().all(|(_, plan)| plan.hash == first.hash) {
        let until = plans
            .iter()
            .map(|(run, _)| run.data.elapsed_s())
            .fold(0.0, f64::max);
        let points = points(&first.curve, until);
        return vec![layer("planned".to_owned(), Ink::Plan, Stroke::Area, points)];
    }
    plans
        .into_iter()
        .map(|(run, plan)| {
            let points = points(&plan.curve, run.data.elapsed_s());
            layer(run.label("planned"), run.ink(0), Stroke::Thin, points)
        })
        .collect()
}

/// Events due and not yet acknowledged.
pub(super) fn backlog(runs: &[Run<'_>]) -> Figure {
    let layers: Vec<Layer> = runs
        .iter()
        .map(|run| {
            let label = run.label("backlog");
            layer(label, run.ink(0), Stroke::Line, open(run.data))
        })
        .collect();
    let y = linear_axis(Unit::Count, &layers);
    let title = "Backlog: events due and not yet acknowledged, as each second ended";
    filled(over_time(runs, Part::Backlog, "backlog", title, y), layers)
}

/// Kinds of error that have a line of their own: as many as there are colours, less one for the rest.
const KINDS: usize = 6;

/// Events that failed by the kind of their error, where any did. The commonest kinds by themselves, the rest together.
pub(super) fn errors(runs: &[Run<'_>]) -> Option<Figure> {
    let layers: Vec<Layer> = runs.iter().flat_map(errors_of).collect();
    if layers.is_empty() {
        return None;
    }
    let y = linear_axis(Unit::Rate, &layers);
    let title = "Events refused or timed out per second, by error";
    Some(filled(
        over_time(runs, Part::Errors, "errors", title, y),
        layers,
    ))
}

fn errors_of(run: &Run<'_>) -> Vec<Layer> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for flow in run.data.windows.iter().flat_map(|w| w.flows.values()) {
        for (kind, n) in &flow.errors {
            *kinds.entry(kind).or_default() += n;
        }
    }
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let (common, rest) = kinds.split_at(kinds.len().min(KINDS));
    let failed = |window: &WindowLine, is_shown: &dyn Fn(&str) -> bool| {
        let errors = window.flows.values().flat_map(|flow| &flow.errors);
        let shown = errors.filter(|(kind, _)| is_shown(kind));
        shown.map(|(_, n)| *n).sum::<u64>() as f64
    };
    let line = |i: usize, label: &str, is_shown: &dyn Fn(&str) -> bool| {
        let points = per_second(run.data, |window| failed(window, is_shown));
        layer(run.label(label), run.ink(i), Stroke::Line, points)
    };
    let mut layers: Vec<Layer> = common
        .iter()
        .enumerate()
        .map(|(i, (kind, _))| line(i, kind, &|other| other == *kind))
        .collect();
    if !rest.is_empty() {
        let others = |kind: &str| rest.iter().any(|(other, _)| *other == kind);
        let label = format!("{} other kinds", rest.len());
        layers.push(line(KINDS, &label, &others));
    }
    layers
}
