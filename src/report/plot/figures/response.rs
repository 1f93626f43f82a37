//! Response times: over time, as a map, as a distribution.

use crate::measure::histogram::{TotalHistogram, rank};
use crate::measure::run::FlowResult;
use crate::measure::summary::Summary;
use crate::report::words::warm;

use super::super::heat::{Column, Heat, axis as with_row};
use super::super::series::{Point, each, response, span};
use super::super::{Figure, Ink, Layer, Stroke, Unit, X, Y};
use super::{Part, Run, filled, layer, limits, time_axis};

/// Flows that have lines of their own.
const FLOWS: usize = 7;
/// 99.99 % on the quantile axis: −log10(1 − q).
const LAST: f64 = 4.0;
/// Points of a quantile curve.
const POINTS: u32 = 240;

/// Quantiles of the response time over time.
pub(super) fn over_time(runs: &[Run<'_>]) -> Figure {
    let mut layers = Vec::new();
    for run in runs {
        let quantile = |q: f64| each(run.data, |window| response(window, None).quantile(q));
        if run.beside {
            layers.push(layer(
                run.label("p50"),
                run.ink(0),
                Stroke::Thin,
                quantile(0.5),
            ));
            layers.push(layer(
                run.label("p99"),
                run.ink(0),
                Stroke::Line,
                quantile(0.99),
            ));
        } else {
            for (ink, q, name) in [(2, 0.5, "p50"), (0, 0.99, "p99"), (1, 0.999, "p99.9")] {
                layers.push(layer(
                    name.to_owned(),
                    Ink::Data(ink),
                    Stroke::Line,
                    quantile(q),
                ));
            }
        }
        layers.extend(unanswered(run));
    }
    let limits = limits(runs, "response");
    let y = time_axis(&layers, &limits);
    let title = "Response time over time: acknowledged − due, all flows";
    let mut figure = super::over_time(runs, Part::Response, "response", title, y);
    figure.limits = limits;
    figure.note = Some(
        "Each event counts in the second in which it came due, so a stall shows where it struck. Quantiles are of all events of a second."
            .to_owned(),
    );
    filled(figure, layers)
}

/// Seconds whose p99 falls among events that were never acknowledged.
fn unanswered(run: &Run<'_>) -> Option<Layer> {
    let points: Vec<Point> = each(run.data, |window| {
        response(window, None).is_beyond(0.99).then_some(1.0)
    })
    .into_iter()
    .filter(|(_, value)| value.is_some())
    .collect();
    let label = run.label("p99 without an end: not acknowledged");
    (!points.is_empty()).then(|| layer(label, Ink::Bad, Stroke::Top, points))
}

/// The p99 of each flow, where there are several.
pub(super) fn by_flow(runs: &[Run<'_>]) -> Option<Figure> {
    let [run] = runs else { return None };
    let mut names: Vec<&String> = Vec::new();
    for window in &run.data.windows {
        for (name, flow) in &window.flows {
            if flow.response.is_some() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.len() < 2 {
        return None;
    }
    let more = names.len().saturating_sub(FLOWS);
    let layers: Vec<Layer> = names
        .into_iter()
        .take(FLOWS)
        .enumerate()
        .map(|(i, name)| {
            let points = each(run.data, |window| {
                response(window, Some(name)).quantile(0.99)
            });
            layer(name.clone(), Ink::Data(i), Stroke::Line, points)
        })
        .collect();
    let y = time_axis(&layers, &[]);
    let title = "Response time p99 of each flow";
    let mut figure = super::over_time(runs, Part::Response, "response-flows", title, y);
    figure.note = (more > 0).then(|| format!("{more} more flows stand in the table below."));
    Some(filled(figure, layers))
}

/// A heat map of each run, all on the same axes.
pub(super) fn maps(runs: &[Run<'_>]) -> Vec<Figure> {
    let columns: Vec<Vec<Column>> = runs.iter().map(columns).collect();
    let times = || columns.iter().flatten().map(|column| &column.times);
    let highest = times().filter_map(|h| h.max_us()).max();
    let lowest = times().filter_map(|h| h.min_us()).min();
    let (Some(lowest), Some(highest)) = (lowest, highest) else {
        return vec![];
    };
    let y = with_row(Y::log(Unit::Time, lowest.max(10) as f64, highest as f64));
    runs.iter()
        .zip(columns)
        .map(|(run, columns)| {
            let title = run.label("Response time of every event, by how many there were");
            let id = run.id("response-map");
            let mut figure = super::over_time(runs, Part::Response, &id, &title, y);
            // The map stands on its own ground.
            figure.shades.retain(|shade| shade.line);
            figure.alt = format!(
                "{title}. From {} to {}.",
                super::super::axis::label(Unit::Time, lowest as f64),
                super::super::axis::label(Unit::Time, highest as f64)
            );
            figure.heat = Some(Heat::new(columns, &y));
            figure
        })
        .collect()
}

fn columns(run: &Run<'_>) -> Vec<Column> {
    run.data
        .windows
        .iter()
        .map(|window| {
            let (from, to) = span(run.data, window);
            let times = response(window, None);
            Column {
                from,
                to,
                times: times.histogram,
                beyond: times.beyond,
            }
        })
        .collect()
}

/// The whole distribution: response and service time by quantile.
pub(super) fn curve(runs: &[Run<'_>]) -> Option<Figure> {
    let mut layers = Vec::new();
    for run in runs {
        let Some(file) = &run.data.run else { continue };
        let flows = || file.flows.values();
        let (response, service) = (
            total(flows(), |flow| warm(flow).0),
            total(flows(), |flow| Some(warm(flow).1)),
        );
        for (name, ink, stroke, times) in [
            ("response time", 0, Stroke::Line, response),
            ("service time", 1, Stroke::Thin, service),
        ] {
            let points = by_quantile(&times);
            if !points.is_empty() {
                layers.push(layer(run.label(name), run.ink(ink), stroke, points));
            }
        }
    }
    if layers.is_empty() {
        return None;
    }
    let limits = limits(runs, "response");
    let y = time_axis(&layers, &limits);
    let title = "Response and service time by share of the events, without the warm-up";
    let mut figure = super::over_time(runs, Part::Response, "response-curve", title, y);
    figure.x = X::Quantile(LAST);
    figure.shades.clear();
    figure.limits = limits;
    figure.note = Some(
        "Service time counts from the actual send, response time from due. The gap between them is waiting that a benchmark which \
         sends only when it is answered never sees. A line that ends early is followed by events that were never acknowledged, or has too few events."
            .to_owned(),
    );
    Some(filled(figure, layers))
}

/// Times of all flows together.
#[derive(Default)]
struct Total {
    times: TotalHistogram,
    beyond: u64,
}

fn total<'a>(
    flows: impl Iterator<Item = &'a FlowResult>,
    of: impl Fn(&'a FlowResult) -> Option<&'a Summary>,
) -> Total {
    let mut total = Total::default();
    for summary in flows.filter_map(of) {
        total.times.merge(&summary.histogram);
        total.beyond += summary.beyond;
    }
    total
}

/// Points of the curve: to 99.99 %, or to where each quantile is an event of its own.
fn by_quantile(total: &Total) -> Vec<Point> {
    let n = total.times.count() + total.beyond;
    let last = LAST.min((n.max(1) as f64).log10());
    (0..=POINTS)
        .filter_map(|i| {
            let x = last * f64::from(i) / f64::from(POINTS);
            let rank = rank(1.0 - 10_f64.powf(-x), n)?;
            Some((x, Some(total.times.at_rank(rank)? as f64)))
        })
        .collect()
}
