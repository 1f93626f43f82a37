//! The whole summary of the runs a person may meet, as snapshots, and that it fits the screen.

use std::path::Path;

use unicode_width::UnicodeWidthStr;

use super::super::fixtures::{self, below, flow, good, times};
use super::super::over_time::ClientTotals;
use super::*;
use crate::measure::client_stats::{BrokerFigures, ClientFigures};
use crate::measure::run::WarmResult;
use crate::measure::shape::Model;
use crate::measure::summary::Summary;
use crate::report::term::Color;

/// What the windows of a quick and quiet run say.
fn over_time() -> OverTime {
    let mut over_time = OverTime::of(&fixtures::of(good()));
    over_time.client = Some(ClientTotals {
        rtt_p99_max_us: Some(1_240),
        ..ClientTotals::default()
    });
    over_time
}

fn context(over_time: &OverTime) -> Context<'_> {
    Context {
        folder: Some(Path::new("runs/cyber-day-20261127T080000Z")),
        over_time: Some(over_time),
        ..Context::default()
    }
}

/// The summary, after checking that it fits.
fn shown(run: &RunFile) -> String {
    let text = summary(run, &context(&over_time()), Paint::PLAIN);
    fits(&text);
    assert!(
        text.lines().count() <= 34,
        "{} lines:\n{text}",
        text.lines().count()
    );
    text
}

/// Under a hundred columns, nothing at the end of a line, nothing that steers a terminal.
fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.width() < 100, "too wide: {line}");
        assert_eq!(line, line.trim_end(), "spaces at the end");
    }
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text:?}"
    );
}

#[test]
fn every_kind_of_run_fits_the_screen() {
    let kinds = fixtures::kinds();
    for ((kind, data), screen) in kinds.iter().flat_map(|kind| [(kind, 80), (kind, 98)]) {
        let text = report(
            std::slice::from_ref(data),
            Some(Path::new("report.html")),
            Paint::PLAIN.within(screen),
        );
        fits(&text);
        let widest = text.lines().map(UnicodeWidthStr::width).max();
        assert!(
            widest <= Some(screen),
            "{kind}: {widest:?} columns on {screen}:\n{text}"
        );
        let lines = text.lines().count();
        // What is a line of 98 columns may be two of 80.
        assert!(lines < 60 + (98 - screen), "{kind}: {lines} lines");
        let verdict = words::verdict(judged(data).verdict);
        assert!(text.starts_with(verdict), "{kind}: {text}");
    }
    let all: Vec<RunData> = kinds.into_iter().map(|(_, data)| data).collect();
    for screen in [80, 98] {
        let text = report(&all, None, Paint::PLAIN.within(screen));
        fits(&text);
        for line in text.lines() {
            assert!(line.width() <= screen, "wider than {screen}: {line}");
        }
    }
}

#[test]
fn a_run_without_its_end() {
    insta::assert_snapshot!(report(&[fixtures::unfinished()], None, Paint::PLAIN));
}

#[test]
fn two_runs() {
    let mut other = fixtures::fail();
    other.plan.hash = "blake3:other".to_owned();
    other
        .target
        .client
        .insert("acks".to_owned(), "1".to_owned());
    let both = [fixtures::of(good()), fixtures::of(other)];
    insta::assert_snapshot!(report(&both, None, Paint::PLAIN));
}

#[test]
fn pass() {
    insta::assert_snapshot!(shown(&good()));
}

#[test]
fn fail() {
    insta::assert_snapshot!(shown(&fixtures::fail()));
}

#[test]
fn invalid() {
    insta::assert_snapshot!(shown(&fixtures::invalid()));
}

#[test]
fn without_consumers_on_the_embedded_cluster() {
    insta::assert_snapshot!(shown(&fixtures::without_consumers_on_the_embedded_cluster()));
}

#[test]
fn interrupted() {
    insta::assert_snapshot!(shown(&fixtures::interrupted()));
}

#[test]
fn nothing_acknowledged() {
    insta::assert_snapshot!(shown(&fixtures::nothing_acknowledged()));
}

#[test]
fn the_warm_part_is_shown() {
    let mut run = good();
    let flow = run.flows.get_mut("shoppers").expect("it is there");
    flow.warm = Some(WarmResult {
        response: Some(Summary::new(times(1_000, 777.0, 777.0), 0)),
        ..WarmResult::default()
    });
    assert!(shown(&run).contains("777 µs"));
}

#[test]
fn a_model_that_is_not_open_is_labelled() {
    let mut run = good();
    let flow = run.flows.get_mut("robots").expect("it is there");
    (flow.model, flow.response, flow.send_delay) = (Model::Closed, None, None);
    let text = shown(&run);
    assert!(
        text.contains("flow robots: users wait for each answer (a closed model)"),
        "{text}"
    );
    assert!(!text.contains("flow shoppers:"), "{text}");
}

#[test]
fn refusals_that_were_asked_for_are_told() {
    let mut run = good();
    let flow = run.flows.get_mut("robots").expect("it is there");
    (flow.account.failed, flow.refused) = (1_200, 1_200);
    flow.account.acknowledged -= 1_200;
    let text = shown(&run);
    assert!(
        text.contains("of the failed, 1,200 were oversized"),
        "{text}"
    );
}

#[test]
fn an_account_that_does_not_close_says_so() {
    let mut run = good();
    run.flows
        .get_mut("robots")
        .expect("it is there")
        .account
        .sent += 1;
    let text = shown(&run);
    assert_eq!(text.matches("DOES NOT CLOSE").count(), 2, "{text}");
}

#[test]
fn colours_only_when_asked() {
    assert!(!summary(&good(), &context(&over_time()), Paint::PLAIN).contains('\x1b'));
    let paint = Paint::decide(Color::Always, false, None, None);
    let coloured = summary(&good(), &context(&over_time()), paint);
    assert!(coloured.contains("\x1b[32m"));
    // Without its colours it is the same text.
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find('\x1b') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find('m').expect("a colour ends with m");
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    assert_eq!(
        plain,
        summary(&good(), &context(&over_time()), Paint::PLAIN)
    );
}

#[test]
fn many_flows_still_fit() {
    let mut run = good();
    for i in 0..40 {
        let name = format!("a-flow-with-a-rather-long-name-{i}");
        run.slos
            .push(below("response", (Some(&name), None), 100, 200_000));
        run.flows.insert(name, flow(1_000, 5_000.0));
    }
    let text = summary(&run, &context(&over_time()), Paint::PLAIN);
    assert!(
        text.lines().all(|line| line.chars().count() < 100),
        "{text}"
    );
    assert!(text.lines().count() < 45, "{text}");
    assert!(text.contains("and 34 more flows in run.json"));
    assert!(text.contains("and 36 more in run.json, 32 of them missed"));
}

#[test]
fn clients_are_summed_over_brokers_and_the_worst_interval_kept() {
    let interval = |retries, throttle_max_us, rtt_p99_max_us| ClientFigures {
        brokers: [1, 2]
            .map(|id| {
                let figures = BrokerFigures {
                    retries,
                    throttle_max_us,
                    rtt_p99_max_us,
                    ..BrokerFigures::default()
                };
                (format!("kafka:9092/{id}"), figures)
            })
            .into(),
        ..ClientFigures::default()
    };
    let mut totals = ClientTotals::default();
    totals.add(&interval(1, 900, Some(5_000)));
    totals.add(&interval(3, 0, None));
    let expected = ClientTotals {
        retries: 6,
        timeouts: 0,
        throttle_max_us: 900,
        rtt_p99_max_us: Some(5_000),
    };
    assert_eq!(totals, expected);
}
