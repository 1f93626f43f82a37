//! Runs of every kind that a report has to tell, as data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::measure::account::{Account, GroupAccount};
use crate::measure::action::{ActionResult, Cost, Outcome, SloCost, WatchedResult};
use crate::measure::client_stats::{BrokerFigures, ClientFigures};
use crate::measure::histogram::{TotalHistogram, WindowHistogram};
use crate::measure::line::{
    EventLine, EventLineDuring, FlowDuring, FlowLine, GeneratorSecond, GroupDuring, GroupLine,
    WatchedLine, WindowLine,
};
use crate::measure::machine::Machine;
use crate::measure::run::{
    Broker, EventResult, FlowResult, Generator, GroupResult, Plan, Reason, RunFile, SloResult,
    SloWindowsResult, Target, Tool, Verdict,
};
use crate::measure::shape::Model;
use crate::measure::summary::Summary;

use super::data::RunData;

/// Names that would do something if they could.
pub(super) const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "a|b`c`*d*_e_",
    "\"quotes' & ]]> <!-- </details>",
    "\x1b[31mred\x07\0\r\nnext",
    "\u{202e}evil\u{2066} \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
    "@everyone closes #1 https://evil.example [x](javascript:y)",
    "=HYPERLINK(\"https://evil.example\")",
    "\\|`|\\",
    "llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll\
     llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll",
];

/// `n` times spread evenly, in logarithm, from `from` to `to` microseconds.
pub(super) fn times(n: u64, from: f64, to: f64) -> TotalHistogram {
    let mut times = TotalHistogram::new();
    for i in 0..1_000 {
        let us = from * (to / from).powf(f64::from(i) / 999.0);
        times.record_many(us as u64, n / 1_000);
    }
    times
}

/// A flow of ten minutes, all acknowledged.
pub(super) fn flow(n: u64, slowest_us: f64) -> FlowResult {
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

/// A group that read everything.
pub(super) fn group(n: u64) -> GroupResult {
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

/// An SLO that held.
pub(super) fn slo(metric: &str, flow: Option<&str>, consume: Option<&str>) -> SloResult {
    SloResult {
        metric: metric.to_owned(),
        flow: flow.map(str::to_owned),
        consume: consume.map(str::to_owned),
        from: "warm".to_owned(),
        held: true,
        ..SloResult::default()
    }
}

/// A limit of a time at its p99.
pub(super) fn below(
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

/// A limit of nothing that found nothing.
pub(super) fn none(metric: &str, whom: (Option<&str>, Option<&str>)) -> SloResult {
    SloResult {
        limit: Some(0.0),
        measured: Some(0.0),
        ..slo(metric, whom.0, whom.1)
    }
}

fn good_slos() -> Vec<SloResult> {
    let shoppers = (Some("shoppers"), None);
    let analytics = (None, Some("analytics"));
    vec![
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
    ]
}

/// Ten minutes of a cyber day that went well.
pub(super) fn good() -> RunFile {
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
            hash: "blake3:0123456789abcdef".to_owned(),
            setup_hash: "blake3:fedcba9876543210".to_owned(),
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
            client: [("acks".to_owned(), "all".to_owned())].into(),
            ..Target::default()
        },
        verdict: Verdict::Pass,
        reasons: vec![],
        slos: good_slos(),
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
        watched: BTreeMap::new(),
        generator: Generator {
            cpu_cores: 0.412,
            send_delay_p99_us: Some(388),
            run_queue_delay: 0.003,
            rss_max_bytes: 121_000_000,
            healthy: true,
            limits: Vec::new(),
            calibration: None,
            realtime: true,
        },
    }
}

/// Gives a run its verdict and reasons.
pub(super) fn because(run: &mut RunFile, verdict: Verdict, reasons: &[(&str, &str)]) {
    run.verdict = verdict;
    run.reasons = reasons
        .iter()
        .map(|(kind, text)| Reason {
            kind: (*kind).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
}

/// Records were lost, a limit was missed, and the backlog grew.
pub(super) fn fail() -> RunFile {
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
    run
}

/// The generator was the limit.
pub(super) fn invalid() -> RunFile {
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
    run
}

/// No consumers, and a cluster of no consequence.
pub(super) fn without_consumers_on_the_embedded_cluster() -> RunFile {
    let mut run = good();
    run.consume.clear();
    run.slos.retain(|slo| slo.consume.is_none());
    run.target = Target {
        kind: "embedded".to_owned(),
        ..Target::default()
    };
    run
}

/// Ended by the user.
pub(super) fn interrupted() -> RunFile {
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
    run
}

/// Not one event was acknowledged.
pub(super) fn nothing_acknowledged() -> RunFile {
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
    run
}

/// Every flow has many errors, and many of each kind.
pub(super) fn all_errors() -> RunFile {
    let mut run = good();
    for flow in run.flows.values_mut() {
        let failed = flow.account.acknowledged / 2;
        flow.account.acknowledged -= failed;
        flow.account.failed = failed;
        let beyond = |summary: &Summary| Summary::new(times(failed, 900.0, 9e6), summary.count);
        flow.response = flow.response.as_ref().map(beyond);
        flow.service = beyond(&flow.service);
        let kinds = [
            "_MSG_TIMED_OUT",
            "NOT_ENOUGH_REPLICAS",
            "_TRANSPORT",
            "_PURGE_QUEUE",
            "ERROR_999",
        ];
        flow.errors = kinds.map(|kind| (kind.to_owned(), failed / 5)).into();
    }
    run.slos[4] = SloResult {
        measured: Some(5_000_000.0),
        held: false,
        ..run.slos[4].clone()
    };
    because(
        &mut run,
        Verdict::Fail,
        &[("slo", "5,000,000 events of flow shoppers failed; none may")],
    );
    run
}

/// So short that nothing was due.
fn nothing_due() -> RunFile {
    let mut run = without_consumers_on_the_embedded_cluster();
    run.elapsed_us = 100_000;
    run.slos.clear();
    for flow in run.flows.values_mut() {
        let nothing = || Summary::new(TotalHistogram::new(), 0);
        *flow = FlowResult {
            response: Some(nothing()),
            service: nothing(),
            send_delay: Some(nothing()),
            ..FlowResult::default()
        };
    }
    run.generator.send_delay_p99_us = None;
    because(
        &mut run,
        Verdict::Invalid,
        &[("no_samples", "no event was due, so nothing was measured")],
    );
    run
}

fn one_flow() -> RunFile {
    let mut run = good();
    run.flows.remove("robots");
    run.slos.retain(|slo| slo.flow.as_deref() != Some("robots"));
    run
}

/// Twelve flows, one of them unthrottled, and twelve groups.
fn twelve_flows() -> RunFile {
    let mut run = good();
    for i in 0..12 {
        let name = format!("flow-{i}");
        run.slos.push(below(
            "response",
            (Some(&name), None),
            100,
            8_000 + i * 20_000,
        ));
        run.flows
            .insert(name, flow(1_000_000, 9_000.0 + i as f64 * 1e4));
        run.consume.insert(format!("group-{i}"), group(1_000_000));
    }
    if let Some(unthrottled) = run.flows.get_mut("flow-7") {
        unthrottled.model = Model::Unthrottled;
        (unthrottled.response, unthrottled.send_delay) = (None, None);
    }
    because(
        &mut run,
        Verdict::Fail,
        &[(
            "slo",
            "response p99 of flow flow-11 was 228 ms, the limit is < 100 ms",
        )],
    );
    run
}

/// Names and texts that would do something if they could, wherever a foreign file may hold one.
pub(super) fn hostile() -> RunFile {
    let mut run = good();
    for (i, name) in HOSTILE.into_iter().enumerate() {
        run.slos.push(SloResult {
            held: i % 2 == 0,
            ..below("response", (Some(name), None), 100, 99_000)
        });
        run.flows.insert(name.to_owned(), flow(1_000, 5_000.0));
        run.consume.insert(name.to_owned(), group(1_000));
        run.events.insert(name.to_owned(), EventResult::default());
        run.target.client.insert(name.to_owned(), name.to_owned());
    }
    let all = HOSTILE.concat();
    let reasons: Vec<(&str, &str)> = HOSTILE.iter().map(|name| (*name, *name)).collect();
    because(&mut run, Verdict::Invalid, &reasons);
    run.plan.scenario = format!("name = {}", toml::Value::String(all.clone()));
    run.target.bootstrap = HOSTILE.map(str::to_owned).into();
    run.started = all.clone();
    run.id = all.clone();
    run.plan.hash = all.clone();
    run.machine.cpu = all.clone();
    run.tool.librdkafka = all;
    run
}

/// A broker was restarted, a pause was cut short, and a group of the user's was watched.
pub(super) fn with_actions() -> RunFile {
    let mut run = good();
    let watched = WatchedLine {
        lag_records: 5_900,
        lag_us: 59_000,
    };
    let cost = Cost {
        from_us: 120_000_000,
        to_us: 300_000_000,
        slos: vec![SloCost {
            metric: "response".to_owned(),
            of: "shoppers".to_owned(),
            quantile: Some(0.99),
            limit: "< 100 ms".to_owned(),
            seconds: 4,
            events: Some(1_234),
        }],
        response_max_us: Some(2_300_000),
        errors: [("REQUEST_TIMED_OUT".to_owned(), 3)].into(),
        backlog_max: 812,
        lag_records_max: 950,
        lag_us_max: 1_100_000,
        watched: [("warehouse".to_owned(), watched)].into(),
        missing: Some(0),
        duplicated: 2,
        recovery_us: Some(1_490_000),
        ..Cost::default()
    };
    let restart = ActionResult {
        name: "restart 2".to_owned(),
        run: ["ci/kafka", "restart", "2"].map(str::to_owned).into(),
        began_us: Some(120_010_000),
        ended_us: Some(127_510_000),
        outcome: Outcome::Done,
        cost: Some(cost.clone()),
        ..ActionResult::default()
    };
    let pause = ActionResult {
        name: "pause analytics".to_owned(),
        pause: Some("analytics".to_owned()),
        reason: Some("the load was over before it was to begin".to_owned()),
        ..ActionResult::default()
    };
    run.actions = vec![restart, pause];
    let result = WatchedResult {
        seconds: 60,
        lag_records_max: Some(5_900),
        lag_us_max: Some(59_000),
        lag_records_end: Some(5_900),
        reason: None,
    };
    run.watched = [("warehouse".to_owned(), result)].into();
    run
}

/// A run folder without its `run.json`.
pub(super) fn unfinished() -> RunData {
    RunData {
        run: None,
        note: Some("run.json is missing: the run ended before it could be judged; its first 10 min are shown".to_owned()),
        ..of(good())
    }
}

/// Every kind of run, by a word for it.
pub(super) fn kinds() -> Vec<(&'static str, RunData)> {
    let runs = [
        ("pass", good()),
        ("fail", fail()),
        ("invalid", invalid()),
        ("interrupted", interrupted()),
        (
            "embedded without consumers",
            without_consumers_on_the_embedded_cluster(),
        ),
        ("one flow", one_flow()),
        ("twelve flows", twelve_flows()),
        ("all errors", all_errors()),
        ("nothing acknowledged", nothing_acknowledged()),
        ("nothing due", nothing_due()),
        ("hostile", hostile()),
        ("actions", with_actions()),
    ];
    let mut kinds: Vec<(&str, RunData)> = runs
        .into_iter()
        .map(|(kind, run)| (kind, of(run)))
        .collect();
    kinds.push(("unfinished", unfinished()));
    kinds
}

/// The run with sixty windows, whose flows have a sixtieth of its events each.
pub(super) fn of(run: RunFile) -> RunData {
    let window_us = run.elapsed_us / 60;
    let windows = (0..60).map(|at| window(&run, at, window_us)).collect();
    RunData {
        folder: PathBuf::from("runs/cyber-day-20261127T080000Z"),
        run: Some(run),
        windows,
        window_us,
        note: None,
    }
}

fn window(run: &RunFile, at: u64, window_us: u64) -> WindowLine {
    let flows = run.flows.iter().map(|(name, flow)| {
        let acknowledged = flow.account.acknowledged / 60;
        let failed = flow.account.failed / 60;
        let line = FlowLine {
            planned: acknowledged + failed,
            sent: acknowledged + failed,
            acknowledged,
            failed,
            during: FlowDuring {
                sent: acknowledged,
                acknowledged,
                failed,
                bytes: acknowledged * 812,
                key_bytes: acknowledged * 9,
            },
            errors: flow
                .errors
                .iter()
                .map(|(kind, n)| (kind.clone(), n / 60))
                .collect(),
            response: flow.response.is_some().then(|| spread(acknowledged, at)),
            service: spread(acknowledged, at),
            send_delay: flow.send_delay.is_some().then(|| spread(acknowledged, 0)),
            ..FlowLine::default()
        };
        (name.clone(), line)
    });
    let groups = run.consume.iter().map(|(name, group)| {
        let line = GroupLine {
            end_to_end: spread(group.consumed / 60, at),
            during: GroupDuring {
                records: group.consumed / 60,
                ..GroupDuring::default()
            },
            lag_records: Some(at),
            lag_us: Some(at * 100),
            ..GroupLine::default()
        };
        (name.clone(), line)
    });
    let event = EventLine {
        acknowledged: 7,
        during: EventLineDuring {
            acknowledged: 7,
            bytes: 700,
            key_bytes: 70,
        },
        response: spread(7, at),
        ..EventLine::default()
    };
    WindowLine {
        at_us: at * window_us,
        warm: at >= 10,
        marks: if at == 40 {
            vec!["broker 2 paused".to_owned()]
        } else {
            vec![]
        },
        flows: flows.collect(),
        events: [("page_view".to_owned(), event)].into(),
        consume: groups.collect(),
        watched: run
            .watched
            .keys()
            .map(|name| {
                let behind = WatchedLine {
                    lag_records: at * 100,
                    lag_us: at * 1_000,
                };
                (name.clone(), behind)
            })
            .collect(),
        partitions: [("page_views".to_owned(), vec![(3, 300), (4, 400)])].into(),
        client: Some(client()),
        generator: Some(GeneratorSecond {
            cpu_cores: 0.4,
            rss_bytes: 121_000_000,
            ..GeneratorSecond::default()
        }),
    }
}

/// Four times from a millisecond up, higher around the fortieth window.
fn spread(n: u64, at: u64) -> WindowHistogram {
    let slow = 1 + 20 * u64::from((40..44).contains(&at));
    let mut times = WindowHistogram::new();
    for (us, part) in [(900, n / 2), (1_400, n / 4), (5_000 * slow, n / 8)] {
        times.record_many(us, part);
    }
    times.record_many(2_000, n - n / 2 - n / 4 - n / 8);
    times
}

fn client() -> ClientFigures {
    let broker = BrokerFigures {
        rtt_mean_us: Some(700),
        rtt_p99_max_us: Some(1_240),
        ..BrokerFigures::default()
    };
    ClientFigures {
        clients: 1,
        batch_bytes_mean: Some(9_000.5),
        batch_messages_mean: Some(11.0),
        brokers: BTreeMap::from([("kafka-1:9092/1".to_owned(), broker)]),
        ..ClientFigures::default()
    }
}
