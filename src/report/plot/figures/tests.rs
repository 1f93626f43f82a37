//! Figures say what the windows say: known windows in, known points out.

use std::path::PathBuf;

use super::*;
use crate::measure::histogram::WindowHistogram;
use crate::measure::line::{FlowDuring, FlowLine, GroupLine, WatchedLine, WindowLine};

/// A second in which 100 events came due: `acknowledged` of them within it, each after `us`.
fn second(at_s: u64, acknowledged: u64, us: u64) -> WindowLine {
    let mut times = WindowHistogram::new();
    times.record_many(us, acknowledged);
    let flow = FlowLine {
        planned: 100,
        sent: 100,
        acknowledged,
        during: FlowDuring {
            sent: 100,
            acknowledged,
            ..FlowDuring::default()
        },
        response: Some(times.clone()),
        service: times.clone(),
        send_delay: Some(times),
        ..FlowLine::default()
    };
    WindowLine {
        at_us: at_s * 1_000_000,
        warm: at_s >= 2,
        flows: [("shoppers", flow.clone()), ("stock", flow)]
            .map(|(name, flow)| (name.to_owned(), flow))
            .into(),
        ..WindowLine::default()
    }
}

fn data(windows: Vec<WindowLine>) -> RunData {
    RunData {
        folder: PathBuf::from("runs/test"),
        run: None,
        windows,
        window_us: 1_000_000,
        note: None,
    }
}

fn figure(runs: &[RunData], id: &str) -> Figure {
    let all = figures(runs);
    let ids: Vec<String> = all.iter().map(|figure| figure.id.clone()).collect();
    let found = all.into_iter().find(|figure| figure.id == id);
    found.unwrap_or_else(|| panic!("no {id} among {ids:?}"))
}

fn points<'a>(figure: &'a Figure, label: &str) -> &'a [Point] {
    let layer = figure.layers.iter().find(|layer| layer.label == label);
    &layer.unwrap_or_else(|| panic!("no {label}")).points
}

#[test]
fn groups_of_the_users_are_on_the_plots_of_lag() {
    let behind = |at_s: u64| {
        let mut line = second(at_s, 100, 5_000);
        let ours = GroupLine {
            lag_records: Some(7),
            lag_us: Some(70),
            ..GroupLine::default()
        };
        line.consume.insert("readers".to_owned(), ours);
        // In the second second the cluster told nothing.
        if at_s != 1 {
            let theirs = WatchedLine {
                lag_records: 100 * (at_s + 1),
                lag_us: 1_000,
            };
            line.watched.insert("warehouse".to_owned(), theirs);
        }
        line
    };
    let runs = [data((0..3).map(behind).collect())];
    let lag = figure(&runs, "lag");
    assert_eq!(
        points(&lag, "warehouse (yours)"),
        [(0.5, Some(100.0)), (1.5, None), (2.5, Some(300.0))]
    );
    assert_ne!(lag.layers[0].ink, lag.layers[1].ink);
    let time = figure(&runs, "lag-time");
    assert_eq!(points(&time, "warehouse (yours)")[0], (0.5, Some(1_000.0)));
}

#[test]
fn rates_are_of_both_flows_at_the_middle_of_each_second() {
    let runs = [data(vec![second(0, 100, 5_000), second(1, 50, 5_000)])];
    let rate = figure(&runs, "rate");
    assert_eq!(
        points(&rate, "offered"),
        [(0.5, Some(200.0)), (1.5, Some(200.0))]
    );
    assert_eq!(
        points(&rate, "acknowledged"),
        [(0.5, Some(200.0)), (1.5, Some(100.0))]
    );
    assert!(
        rate.alt.contains("acknowledged: 100/s to 200/s"),
        "{}",
        rate.alt
    );
}

#[test]
fn quantiles_count_what_was_never_acknowledged() {
    let runs = [data(vec![
        second(0, 100, 5_000),
        second(1, 50, 9_000),
        second(2, 0, 1),
    ])];
    let response = figure(&runs, "response");
    // 50 of 100 have a time: the median is the last of them, the p99 lies beyond.
    let median: Vec<bool> = points(&response, "p50")
        .iter()
        .map(|(_, us)| us.is_some())
        .collect();
    assert_eq!(median, [true, true, false]);
    let p99: Vec<bool> = points(&response, "p99")
        .iter()
        .map(|(_, us)| us.is_some())
        .collect();
    assert_eq!(p99, [true, false, false]);
    let top = points(&response, "p99 without an end: not acknowledged");
    assert_eq!(
        top.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        [1.5, 2.5]
    );
}

#[test]
fn the_backlog_is_what_is_due_and_not_yet_over() {
    let runs = [data(vec![
        second(0, 100, 5_000),
        second(1, 50, 5_000),
        second(2, 20, 5_000),
    ])];
    let backlog = figure(&runs, "backlog");
    assert_eq!(
        points(&backlog, "backlog"),
        [(1.0, Some(0.0)), (2.0, Some(100.0)), (3.0, Some(260.0))]
    );
}

#[test]
fn warm_up_and_marks_are_shaded() {
    let mut windows: Vec<WindowLine> = (0..5).map(|s| second(s, 100, 5_000)).collect();
    windows[3].marks.push("broker 1 paused".to_owned());
    let shades = figure(&[data(windows)], "response").shades;
    let told: Vec<(f64, f64, &str)> = shades
        .iter()
        .map(|s| (s.from, s.to, s.label.as_str()))
        .collect();
    assert_eq!(told, [(0.0, 2.0, "warm-up"), (3.0, 4.0, "broker 1 paused")]);
}

#[test]
fn runs_beside_each_other_share_axes_and_have_colours_of_their_own() {
    let runs = [
        data(vec![second(0, 100, 5_000)]),
        data(vec![second(0, 100, 90_000), second(1, 100, 90_000)]),
    ];
    let response = figure(&runs, "response");
    let inks: Vec<Ink> = response.layers.iter().map(|layer| layer.ink).collect();
    assert_eq!(
        inks,
        [Ink::Data(0), Ink::Data(0), Ink::Data(1), Ink::Data(1)]
    );
    assert_eq!(response.layers[0].label, "A p50");
    let (a, b) = (
        figure(&runs, "response-map-a"),
        figure(&runs, "response-map-b"),
    );
    assert_eq!((a.y.low, a.y.high), (b.y.low, b.y.high));
    let X::Time(axis) = a.x else {
        panic!("not over time")
    };
    assert_eq!(axis.length_s, 2.0);
}

#[test]
fn every_figure_tells_what_it_shows_to_who_can_not_see_it() {
    for figure in figures(&[data((0..5).map(|s| second(s, 90, 5_000)).collect())]) {
        assert!(
            figure.alt.len() > figure.title.len(),
            "{}: {}",
            figure.id,
            figure.alt
        );
        assert!(
            !figure.alt.contains("NaN") && !figure.alt.contains("inf"),
            "{}",
            figure.alt
        );
    }
}
