//! Which plots there are, in the order of the page.

mod client;
mod consume;
mod load;
mod response;

use crate::measure::run::SloResult;
use crate::measure::units;
use crate::report::data::RunData;

use super::series::{Point, bottom, span, top};
use super::{Clock, Figure, Ink, Layer, Limit, Shade, Stroke, TimeAxis, Unit, X, Y};

/// Where on a page a plot belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Offered, sent and acknowledged.
    Rate,
    /// Response times.
    Response,
    /// Backlog and consumer lag.
    Backlog,
    /// The generator's health.
    Generator,
    /// librdkafka's own view.
    Client,
    /// Errors.
    Errors,
    /// The steps of a search.
    Search,
}

/// A run and the colour it has beside others.
#[derive(Clone, Copy)]
struct Run<'a> {
    data: &'a RunData,
    index: usize,
    /// There are others.
    beside: bool,
}

impl Run<'_> {
    /// A label with the run's letter, where there are several.
    fn label(&self, text: &str) -> String {
        match self.beside {
            true => format!("{} {text}", letter(self.index)),
            false => text.to_owned(),
        }
    }

    /// The same for a figure's id.
    fn id(&self, id: &str) -> String {
        match self.beside {
            true => format!("{id}-{}", letter(self.index).to_lowercase()),
            false => id.to_owned(),
        }
    }

    /// The run's colour among runs, or that of the series where it is alone.
    fn ink(&self, series: usize) -> Ink {
        match self.beside {
            true => Ink::Data(self.index),
            false => Ink::Data(series),
        }
    }
}

/// What a run is called beside others: A, B, and so on.
pub(in crate::report) fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(i) if i < 26 => char::from(b'A' + i).to_string(),
        _ => format!("R{}", index + 1),
    }
}

/// Every plot of these runs. Plots without anything to show are left out.
pub fn figures(runs: &[RunData]) -> Vec<Figure> {
    let beside = runs.len() > 1;
    let runs: Vec<Run<'_>> = runs
        .iter()
        .enumerate()
        .map(|(index, data)| Run {
            data,
            index,
            beside,
        })
        .collect();
    let mut all = vec![load::rates(&runs)];
    all.push(response::over_time(&runs));
    all.extend(response::by_flow(&runs));
    all.extend(response::maps(&runs));
    all.extend(response::curve(&runs));
    all.push(load::backlog(&runs));
    all.extend(consume::lag(&runs));
    all.extend(consume::lag_time(&runs));
    all.extend(consume::end_to_end(&runs));
    all.extend(client::generator(&runs));
    all.extend(client::client(&runs));
    all.extend(load::errors(&runs));
    all.retain(|figure| figure.heat.is_some() || has_points(figure));
    all
}

fn has_points(figure: &Figure) -> bool {
    let mut points = figure.layers.iter().flat_map(|layer| &layer.points);
    points.any(|(_, value)| value.is_some())
}

/// A plot over time, with the shades of the only run; where there are several, of none but the warm-up they share.
fn over_time(runs: &[Run<'_>], part: Part, id: &str, title: &str, y: Y) -> Figure {
    Figure {
        id: id.to_owned(),
        part,
        title: title.to_owned(),
        alt: String::new(),
        note: None,
        half: false,
        x: X::Time(axis(runs)),
        y,
        shades: shades(runs),
        limits: Vec::new(),
        layers: Vec::new(),
        heat: None,
    }
}

/// The axis that holds all runs; with the simulated clock where they agree on it.
fn axis(runs: &[Run<'_>]) -> TimeAxis {
    let length_s = runs
        .iter()
        .map(|run| {
            let last = run.data.windows.last();
            let end = last.map_or(0.0, |window| span(run.data, window).1);
            end.max(run.data.elapsed_s())
        })
        .fold(0.0, f64::max);
    let clocks: Vec<Option<Clock>> = runs
        .iter()
        .map(|run| {
            let run = run.data.run.as_ref()?;
            Clock::of(&run.plan.scenario)
        })
        .collect();
    let agreed = clocks.windows(2).all(|pair| pair[0] == pair[1]);
    let load_s = runs.iter().map(|run| run.data.elapsed_s());
    TimeAxis {
        length_s,
        load_s: load_s.fold(0.0, f64::max),
        clock: clocks.first().copied().flatten().filter(|_| agreed),
    }
}

fn shades(runs: &[Run<'_>]) -> Vec<Shade> {
    let mut shades = Vec::new();
    let mut warm_ups: Vec<f64> = runs.iter().map(|run| warm_up(run.data)).collect();
    warm_ups.dedup();
    if let [end] = warm_ups[..]
        && end > 0.0
    {
        shades.push(Shade {
            from: 0.0,
            to: end,
            label: "warm-up".to_owned(),
            line: false,
        });
    }
    if let [run] = runs {
        shades.extend(after(run.data));
        shades.extend(marks(run.data));
    }
    shades
}

/// When the warm-up is over, in seconds.
fn warm_up(data: &RunData) -> f64 {
    let cold = data.windows.iter().take_while(|window| !window.warm).last();
    cold.map_or(0.0, |window| span(data, window).1)
}

/// What comes after the load: settling and catching up.
fn after(data: &RunData) -> Option<Shade> {
    let (from, last) = (data.elapsed_s(), data.windows.last()?);
    let to = span(data, last).1;
    (data.run.is_some() && to > from + 0.5).then(|| Shade {
        from,
        to,
        label: "after the load".to_owned(),
        line: false,
    })
}

/// What happened to the run, by window.
fn marks(data: &RunData) -> impl Iterator<Item = Shade> {
    data.windows
        .iter()
        .filter(|window| !window.marks.is_empty())
        .map(|window| {
            let (from, to) = span(data, window);
            Shade {
                from,
                to,
                label: window.marks.join(", "),
                line: true,
            }
        })
}

/// The limits of all runs on a metric, as lines.
fn limits(runs: &[Run<'_>], metric: &str) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    let slos = runs
        .iter()
        .filter_map(|run| run.data.run.as_ref())
        .flat_map(|run| &run.slos)
        .filter(|slo| slo.metric == metric);
    for slo in slos {
        let Some(limit_us) = slo.limit_us else {
            continue;
        };
        let limit = Limit {
            at: limit_us as f64,
            label: limit_label(slo, limit_us),
        };
        if !limits.contains(&limit) {
            limits.push(limit);
        }
    }
    limits
}

fn limit_label(slo: &SloResult, limit_us: u64) -> String {
    let quantile = slo.quantile.map_or(String::new(), units::quantile);
    let whom = [&slo.flow, &slo.event, &slo.consume]
        .into_iter()
        .flatten()
        .next()
        .map_or(String::new(), |name| format!(", {name}"));
    format!("limit {quantile} < {}{whom}", units::time_us(limit_us))
}

/// A logarithmic axis of times that holds these points and limits.
pub(in crate::report) fn time_axis(layers: &[Layer], limits: &[Limit]) -> Y {
    let points = || {
        layers
            .iter()
            .filter(|layer| layer.stroke != Stroke::Top)
            .flat_map(|layer| &layer.points)
    };
    // Above a limit there is room for the words of marks.
    let highest = limits
        .iter()
        .map(|limit| limit.at * 2.0)
        .fold(top(points()), f64::max);
    let lowest = limits
        .iter()
        .map(|limit| limit.at)
        .fold(bottom(points()), f64::min);
    Y::log(Unit::Time, lowest, highest)
}

/// An axis from zero that holds these layers.
pub(in crate::report) fn linear_axis(unit: Unit, layers: &[Layer]) -> Y {
    let highest = top(layers.iter().flat_map(|layer| &layer.points));
    let least = match unit {
        Unit::Count | Unit::Rate => 4.0,
        Unit::Share => 0.01,
        Unit::Time => 100.0,
        Unit::Bytes => 1_000.0,
        Unit::Cores => 0.1,
    };
    Y::linear(unit, highest.max(least))
}

pub(in crate::report) fn layer(
    label: String,
    ink: Ink,
    stroke: Stroke,
    points: Vec<Point>,
) -> Layer {
    Layer {
        label,
        ink,
        stroke,
        points,
    }
}

/// What a layer's values were, for who can't see them.
fn told(layer: &Layer, unit: Unit) -> String {
    let high = top(&layer.points);
    let values = || layer.points.iter().filter_map(|(_, value)| *value);
    let low = values().fold(f64::INFINITY, f64::min);
    let show = |value| super::axis::label(unit, value);
    match layer.stroke {
        Stroke::Top => format!("{}: {} times", layer.label, layer.points.len()),
        _ if values().next().is_none() => format!("{}: nothing", layer.label),
        _ => format!("{}: {} to {}", layer.label, show(low), show(high)),
    }
}

/// The figure with its layers, and the text alternative they make.
pub(in crate::report) fn filled(mut figure: Figure, layers: Vec<Layer>) -> Figure {
    let told: Vec<String> = layers
        .iter()
        .filter(|layer| !layer.label.is_empty() && !layer.points.is_empty())
        .map(|layer| told(layer, figure.y.unit))
        .chain(figure.limits.iter().map(|limit| limit.label.clone()))
        .collect();
    figure.alt = format!("{}. {}.", figure.title, told.join("; "));
    figure.layers = layers;
    figure
}

#[cfg(test)]
mod tests;
