//! The whole summary of the runs a person may meet, as snapshots, and that it fits the screen.

use std::collections::BTreeMap;

use super::*;
use crate::measure::account::{Account, GroupAccount};
use crate::measure::client_stats::{BrokerFigures, ClientFigures};
use crate::measure::histogram::TotalHistogram;
use crate::measure::machine::Machine;
use crate::measure::run::{
    Broker, FlowResult, Generator, GroupResult, Plan, SloResult, SloWindowsResult, Target, Tool,
    WarmResult,
};
use crate::measure::shape::Model;
use crate::measure::summary::Summary;
use crate::report::term::Color;

/// `n` times spread evenly, in logarithm, from `from` to `to` microseconds.
fn times(n: u64, from: f64, to: f64) -> TotalHistogram {
    let mut times = TotalHistogram::new();
    for i in 0..1_000 {
        let us = from * (to / from).powf(f64::from(i) / 999.0);
        times.record_many(us as u64, n / 1_000);
    }
    times
}

fn flow(n: u64, slowest_us: f64) -> FlowResult {
    FlowResult {
        account: Account {
            planned: n,
            sent: n,
            acknowledged: n,
            ..Account::default()
        },
        offered_per_s: n as f64 / 600.0,
        achieved_per_s: n as f64 / 600.0,
        bytes: n * 812,
        key_bytes: n * 9,
        response: Some(Summary::new(times(n, 900.0, slowest_us), 0)),
        service: Summary::new(times(n, 850.0, slowest_us * 0.8), 0),
        send_delay: Some(Summary::new(times(n, 20.0, 400.0), 0)),
        ..FlowResult::default()
    }
}

fn group(n: u64) -> GroupResult {
    let account = GroupAccount {
        acknowledged: n,
        consumed: n,
        ..GroupAccount::default()
    };
    GroupResult::new(
        &account,
        Summary::new(times(n, 1_500.0, 40_000.0), 0),
        1_204,
    )
}

fn slo(metric: &str, flow: Option<&str>, consume: Option<&str>) -> SloResult {
    SloResult {
        metric: metric.to_owned(),
        flow: flow.map(str::to_owned),
        consume: consume.map(str::to_owned),
        from: "warm".to_owned(),
        held: true,
        ..SloResult::default()
    }
}

fn below(
    metric: &str,
    whom: (Option<&str>, Option<&str>),
    limit_ms: u64,
    measured_us: u64,
) -> SloResult {
    SloResult {
        quantile: Some(0.99),
        limit_us: Some(limit_ms * 1_000),
        measured_us: Some(measured_us),
        held: measured_us < limit_ms * 1_000,
        ..slo(metric, whom.0, whom.1)
    }
}

fn none(metric: &str, whom: (Option<&str>, Option<&str>)) -> SloResult {
    SloResult {
        limit: Some(0.0),
        measured: Some(0.0),
        ..slo(metric, whom.0, whom.1)
    }
}

/// Ten minutes of a cyber day that went well.
fn good() -> RunFile {
    let shoppers = (Some("shoppers"), None);
    let analytics = (None, Some("analytics"));
    RunFile {
        format: 1,
        tool: Tool {
            librdkafka: "2.12.1".to_owned(),
            ..Tool::default()
        },
        id: "cyber-day-20261127T080000Z".to_owned(),
        started: "2026-11-27T08:00:00Z".to_owned(),
        elapsed_us: 600_000_000,
        plan: Plan {
            scenario: "name = \"cyber-day\"\n".to_owned(),
            seed: 20_261_127,
            ..Plan::default()
        },
        machine: Machine {
            cores: 8,
            ..Machine::default()
        },
        target: Target {
            kind: "kafka".to_owned(),
            bootstrap: vec!["kafka-1:9092".to_owned()],
            brokers: (1..=3)
                .map(|id| Broker {
                    id,
                    ..Broker::default()
                })
                .collect(),
            ..Target::default()
        },
        verdict: Verdict::Pass,
        reasons: vec![],
        slos: vec![
            below("response", shoppers, 100, 29_100),
            below("response", (Some("robots"), None), 50, 13_700),
            SloResult {
                windows: Some(SloWindowsResult {
                    every_us: 10_000_000,
                    allow: 3,
                    judged: 57,
                    missed: 1,
                }),
                ..below("end_to_end", analytics, 100, 39_000)
            },
            SloResult {
                limit: Some(0.995),
                measured: Some(0.999_999),
                ..slo("achieved", Some("shoppers"), None)
            },
            none("failed", shoppers),
            none("failed", (Some("robots"), None)),
            none("missing", analytics),
            none("corrupt", analytics),
        ],
        flows: [
            ("shoppers", flow(11_111_000, 31_000.0)),
            ("robots", flow(600_000, 14_000.0)),
        ]
        .map(|(name, flow)| (name.to_owned(), flow))
        .into(),
        events: BTreeMap::new(),
        consume: [("analytics".to_owned(), group(11_111_000))].into(),
        partitions: BTreeMap::new(),
        actions: vec![],
        generator: Generator {
            cpu_cores: 0.412,
            send_delay_p99_us: Some(388),
            run_queue_delay: 0.003,
            rss_max_bytes: 121_000_000,
            healthy: true,
        },
    }
}

fn because(run: &mut RunFile, verdict: Verdict, reasons: &[(&str, &str)]) {
    run.verdict = verdict;
    run.reasons = reasons
        .iter()
        .map(|(kind, text)| Reason {
            kind: (*kind).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
}

fn context() -> Context<'static> {
    Context {
        folder: Some(Path::new("runs/cyber-day-20261127T080000Z")),
        client: Some(ClientTotals {
            rtt_p99_max_us: Some(1_240),
            ..ClientTotals::default()
        }),
    }
}

/// The summary, after checking that it fits.
fn shown(run: &RunFile) -> String {
    let text = summary(run, &context(), Paint::PLAIN);
    for line in text.lines() {
        assert!(line.chars().count() < 100, "too wide: {line}");
        assert_eq!(line, line.trim_end(), "spaces at the end");
    }
    assert!(
        text.lines().count() <= 30,
        "{} lines:\n{text}",
        text.lines().count()
    );
    text
}

#[test]
fn pass() {
    insta::assert_snapshot!(shown(&good()));
}

#[test]
fn fail() {
    let mut run = good();
    run.slos[0] = below("response", (Some("shoppers"), None), 100, 412_000);
    run.slos[6] = SloResult {
        measured: Some(12.0),
        held: false,
        ..run.slos[6].clone()
    };
    run.flows
        .insert("shoppers".to_owned(), flow(11_111_000, 450_000.0));
    run.consume
        .get_mut("analytics")
        .expect("it is there")
        .missing = 12;
    because(
        &mut run,
        Verdict::Fail,
        &[
            (
                "missing",
                "12 records of group analytics are missing; none may",
            ),
            (
                "slo",
                "response p99 of flow shoppers was 412 ms, the limit is < 100 ms: 4.12 times as much",
            ),
            (
                "no_steady_state",
                "no steady state: when the load ended the backlog was 3.2 s of load (59,300 events) and growing by 1.2k/s; \
                 a longer run would show longer response times",
            ),
        ],
    );
    insta::assert_snapshot!(shown(&run));
}

#[test]
fn invalid() {
    let mut run = good();
    run.generator.healthy = false;
    because(
        &mut run,
        Verdict::Invalid,
        &[(
            "generator",
            "the generator, not the cluster, was the limit: thread hw-p-shoppers-0 used up to 97 % of a core in 212 of 570 warm \
             seconds (limit 90 %); give the flow more producers, or the run more cores or workers",
        )],
    );
    insta::assert_snapshot!(shown(&run));
}

#[test]
fn without_consumers_on_the_embedded_cluster() {
    let mut run = good();
    run.consume.clear();
    run.slos.retain(|slo| slo.consume.is_none());
    run.target = Target {
        kind: "embedded".to_owned(),
        ..Target::default()
    };
    insta::assert_snapshot!(shown(&run));
}

#[test]
fn interrupted() {
    let mut run = good();
    run.elapsed_us = 83_400_000;
    let flow = run.flows.get_mut("shoppers").expect("it is there");
    flow.account.planned += 37;
    flow.account.unsent = 30;
    flow.account.sent += 7;
    flow.account.unresolved = 7;
    let group = run.consume.get_mut("analytics").expect("it is there");
    group.unread = 1_200;
    group.consumed -= 1_200;
    because(
        &mut run,
        Verdict::Invalid,
        &[
            ("interrupted", "interrupted after 1:23 of 10:00"),
            (
                "unsent",
                "30 events were due but could not be offered before the run ended",
            ),
            (
                "unresolved",
                "7 events were never answered; they may be in the log all the same",
            ),
            (
                "unread",
                "group analytics was 1,200 records behind when the run ended; they were not checked (a longer [time] catch_up would)",
            ),
        ],
    );
    insta::assert_snapshot!(shown(&run));
}

#[test]
fn nothing_acknowledged() {
    let mut run = good();
    run.flows.remove("robots");
    run.consume.clear();
    let flow = run.flows.get_mut("shoppers").expect("it is there");
    flow.account = Account {
        planned: 12_000,
        sent: 12_000,
        failed: 11_990,
        unresolved: 10,
        ..Account::default()
    };
    (flow.achieved_per_s, flow.offered_per_s, flow.bytes) = (0.0, 20.0, 0);
    flow.response = Some(Summary::new(TotalHistogram::new(), 12_000));
    flow.service = Summary::new(TotalHistogram::new(), 12_000);
    flow.errors = BTreeMap::from([
        ("_MSG_TIMED_OUT".to_owned(), 11_985),
        ("_TRANSPORT".to_owned(), 5),
    ]);
    run.slos = vec![
        SloResult {
            measured_us: None,
            held: false,
            ..below("response", (Some("shoppers"), None), 100, 0)
        },
        SloResult {
            measured: Some(11_990.0),
            held: false,
            ..none("failed", (Some("shoppers"), None))
        },
    ];
    because(
        &mut run,
        Verdict::Invalid,
        &[
            (
                "nothing_acknowledged",
                "nothing was ever acknowledged: of 12,000 events sent, 11,990 failed, 11,985 of them with _MSG_TIMED_OUT, and 10 got \
                 no answer. Check that the brokers are up, that min.insync.replicas can be met, and that this client may write to \
                 the topics",
            ),
            ("slo", "response p99 of flow shoppers is unknown"),
            ("slo", "11,990 events of flow shoppers failed; none may"),
        ],
    );
    insta::assert_snapshot!(shown(&run));
}

#[test]
fn one_line() {
    insta::assert_snapshot!(line(&good(), &context()), @"PASS cyber-day: every limit held · offered 19.5k/s · achieved 19.5k/s · response p99 29.9 ms · runs/cyber-day-20261127T080000Z");
    let mut run = good();
    because(
        &mut run,
        Verdict::Invalid,
        &[("interrupted", "interrupted after 1:23 of 10:00")],
    );
    let text = line(&run, &Context::default());
    assert!(
        text.starts_with("INVALID cyber-day: interrupted after 1:23 of 10:00 · offered"),
        "{text}"
    );
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
    assert!(!summary(&good(), &context(), Paint::PLAIN).contains('\x1b'));
    let paint = Paint::decide(Color::Always, false, None, None);
    let coloured = summary(&good(), &context(), paint);
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
    assert_eq!(plain, summary(&good(), &context(), Paint::PLAIN));
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
    let text = summary(&run, &context(), Paint::PLAIN);
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
