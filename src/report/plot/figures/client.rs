//! How the generator fared, and what librdkafka says.

use std::collections::BTreeSet;

use crate::measure::client_stats::{BrokerFigures, ClientFigures};
use crate::measure::line::GeneratorSecond;

use super::super::series::{Point, each, growth, send_delay, top};
use super::super::{Figure, Layer, Stroke, Unit};
use super::{Part, Run, filled, layer, linear_axis, over_time, time_axis};

/// Brokers that have lines of their own.
const BROKERS: usize = 7;

/// Two of them stand side by side.
fn half(mut figure: Figure) -> Figure {
    figure.half = true;
    figure
}

/// A line for each run; nothing where no run has any value.
fn line(runs: &[Run<'_>], label: &str, of: impl Fn(&Run<'_>) -> Vec<Point>) -> Vec<Layer> {
    let layers = runs.iter().map(|run| {
        let points = of(run);
        layer(run.label(label), run.ink(0), Stroke::Line, points)
    });
    layers
        .filter(|layer| layer.points.iter().any(|(_, value)| value.is_some()))
        .collect()
}

/// What the generator used and how late it sent.
pub(super) fn generator(runs: &[Run<'_>]) -> Vec<Figure> {
    let used = |label: &str, of: fn(&GeneratorSecond) -> f64| {
        line(runs, label, |run| {
            each(run.data, |window| window.generator.as_ref().map(of))
        })
    };
    let delay = line(runs, "p99", |run| {
        each(run.data, |window| send_delay(window).quantile(0.99))
    });
    let mut figures = Vec::new();
    if !delay.is_empty() {
        let y = time_axis(&delay, &[]);
        let title = "Send delay p99: sent − due";
        figures.push(filled(
            over_time(runs, Part::Generator, "send-delay", title, y),
            delay,
        ));
    }
    let waits = used("worst thread", |second| second.run_queue_delay);
    let mut cores = used("all threads", |second| second.cpu_cores);
    if let [_] = runs {
        let busiest = used("busiest thread", |second| second.busiest_core);
        cores.extend(busiest.into_iter().map(|layer| Layer {
            ink: super::Ink::Data(1),
            ..layer
        }));
    }
    let memory = used("in RAM", |second| second.rss_bytes as f64);
    for (id, title, unit, layers) in [
        (
            "run-queue",
            "Run-queue delay: time spent waiting for a core",
            Unit::Share,
            waits,
        ),
        ("cpu", "Processor used by the generator", Unit::Cores, cores),
        (
            "memory",
            "Memory used by the generator",
            Unit::Bytes,
            memory,
        ),
    ] {
        let y = linear_axis(unit, &layers);
        figures.push(filled(
            over_time(runs, Part::Generator, id, title, y),
            layers,
        ));
    }
    figures.into_iter().map(half).collect()
}

/// What librdkafka tells of batches, requests and brokers.
pub(super) fn client(runs: &[Run<'_>]) -> Vec<Figure> {
    let told = |label: &str, of: fn(&ClientFigures) -> Option<f64>| {
        line(runs, label, |run| {
            each(run.data, |window| window.client.as_ref().and_then(of))
        })
    };
    let rose = |label: &str, of: fn(&BrokerFigures) -> u64| {
        line(runs, label, |run| {
            growth(run.data, |window| {
                let client = window.client.as_ref()?;
                Some(client.brokers.values().map(of).sum())
            })
        })
    };
    let panels = [
        (
            "batch",
            "Mean batch",
            Unit::Bytes,
            told("bytes", |client| client.batch_bytes_mean),
        ),
        (
            "requests",
            "Requests per second, all brokers",
            Unit::Rate,
            rose("requests", |broker| broker.requests),
        ),
        (
            "queue",
            "The fullest client's queue, as a share of its limit",
            Unit::Share,
            told("queue", |client| Some(client.queue_full_share_max)),
        ),
        (
            "retries",
            "Retries and time-outs per second, all brokers",
            Unit::Rate,
            rose("retries and time-outs", |broker| {
                broker.retries + broker.timeouts
            }),
        ),
        (
            "throttle",
            "The longest throttling a broker asked for",
            Unit::Time,
            told("throttle", |client| {
                client
                    .brokers
                    .values()
                    .map(|broker| broker.throttle_max_us as f64)
                    .reduce(f64::max)
            }),
        ),
    ];
    // The page says in words when there was none.
    let is_rare = |id: &str| ["retries", "throttle"].contains(&id);
    let mut figures: Vec<Figure> = panels
        .into_iter()
        .filter(|(id, .., layers)| {
            !is_rare(id) || top(layers.iter().flat_map(|layer| &layer.points)) > 0.0
        })
        .map(|(id, title, unit, layers)| {
            let y = linear_axis(unit, &layers);
            filled(over_time(runs, Part::Client, id, title, y), layers)
        })
        .collect();
    figures.insert(2, round_trip(runs));
    figures.into_iter().map(half).collect()
}

/// The round trip to each broker.
fn round_trip(runs: &[Run<'_>]) -> Figure {
    let mut layers = Vec::new();
    for run in runs {
        let windows = &run.data.windows;
        let brokers: BTreeSet<&String> = windows
            .iter()
            .filter_map(|window| window.client.as_ref())
            .flat_map(|client| client.brokers.keys())
            .collect();
        for (i, name) in brokers.into_iter().take(BROKERS).enumerate() {
            let points = each(run.data, |window| {
                let broker = window.client.as_ref()?.brokers.get(name)?;
                broker.rtt_p99_max_us.map(|us| us as f64)
            });
            let stroke = if run.beside && i > 0 {
                Stroke::Thin
            } else {
                Stroke::Line
            };
            layers.push(layer(run.label(name), run.ink(i), stroke, points));
        }
    }
    let y = time_axis(&layers, &[]);
    let title = "Round trip p99 to each broker, the worst client";
    filled(
        over_time(runs, Part::Client, "round-trip", title, y),
        layers,
    )
}
