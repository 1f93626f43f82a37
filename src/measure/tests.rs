//! A whole run in virtual time, recorded by several threads' recorders, collected, written, read back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::RngExt as _;

use super::Sample;
use super::account::GroupAccount;
use super::collect::{Collected, Collector, Report};
use super::consumer_recorder::{ConsumerRecorder, Received};
use super::health::Judge;
use super::histogram::MergedHistogram;
use super::line::{self, WindowLine};
use super::live::GroupLag;
use super::machine::Machine;
use super::recorder::Recorder;
use super::run::{
    FlowResult, GroupResult, Plan, RUN_FILE, RunFile, Target, Tool, Verdict, WINDOWS_FILE,
};
use super::run_io::RunFileError;
use super::sampler::Observation;
use super::second::SecondSample;
use super::shape::{FlowShape, Model, RunShape, TopicShape};
use crate::clock::NS_PER_S;
use crate::rng::{Purpose, stream};
use crate::target::Failure;

const PRODUCERS: usize = 3;
const MEMBERS: usize = 2;
const LOAD_S: u64 = 20;

fn shape() -> Arc<RunShape> {
    let topic = |name: &str, partitions| TopicShape {
        name: name.into(),
        partitions,
    };
    let flow = |name: &str, events, model| FlowShape {
        name: name.into(),
        events,
        model,
    };
    Arc::new(RunShape {
        flows: vec![
            flow("shoppers", vec![0, 1], Model::Open),
            flow("flood", vec![1], Model::Unthrottled),
        ],
        events: vec!["view".into(), "order".into()],
        topics: vec![topic("views", 4), topic("orders", 2)],
        groups: vec!["analytics".into()],
        warmup_ns: 5 * NS_PER_S,
        run_ns: LOAD_S * NS_PER_S,
    })
}

/// Events end at these instants: (end, due, sent, event, outcome).
type Open = Vec<(u64, u64, u64, u16, u32)>;

struct Thread {
    recorder: Recorder,
    open: Open,
    next: u64,
    unthrottled: bool,
}

impl Thread {
    fn new(flow: usize) -> Thread {
        let shape = shape();
        Thread {
            unthrottled: !shape.flows[flow].model.has_due(),
            recorder: Recorder::new(shape, flow),
            open: Vec::new(),
            next: 0,
        }
    }

    /// Lives until `now`: `pause` is the time the cluster answers nothing.
    fn live_until(&mut self, now: u64, rng: &mut crate::rng::Stream, pause: (u64, u64)) {
        while self.next < now.min(LOAD_S * NS_PER_S) {
            let due = self.next;
            self.next += 10_000_000; // 100 a second
            let sent = if self.unthrottled {
                due
            } else {
                due + rng.random_range(0..900_000)
            };
            let ends = sent + 2_000_000 + rng.random_range(0..500_000);
            let ends = if (pause.0..pause.1).contains(&ends) {
                pause.1
            } else {
                ends
            };
            let event = if self.unthrottled {
                1
            } else {
                rng.random_range(0..2)
            };
            self.recorder.due(due);
            self.recorder.sent(due, sent);
            self.open
                .push((ends, due, sent, event, rng.random_range(0..200)));
        }
        let recorder = &mut self.recorder;
        self.open
            .retain(|&(ends, due_ns, sent_ns, event, outcome)| {
                if ends > now {
                    return true;
                }
                match outcome {
                    0 => recorder.failed(event, due_ns, ends, Failure(-192)),
                    1 => recorder.unresolved(event, due_ns),
                    n => {
                        let sample = Sample {
                            due_ns,
                            sent_ns,
                            acked_ns: ends,
                        };
                        recorder.acknowledged(event, event, n % 2, 6, 50, sample);
                    }
                }
                false
            });
    }
}

fn sample(second: u32) -> Report {
    Report::Second(Box::new(SecondSample {
        second,
        used: Observation {
            elapsed_ns: NS_PER_S,
            cpu_cores: 0.25,
            ..Observation::default()
        },
        client: None,
        lag: vec![GroupLag {
            lag_records: u64::from(second) * 10,
            ..GroupLag::default()
        }],
    }))
}

/// A run with the cluster paused from second 8 to second 11.
fn run(folder: &Path) -> (Collected, Arc<std::sync::atomic::AtomicBool>) {
    let mut collector = Collector::new(
        shape(),
        folder,
        PRODUCERS,
        MEMBERS,
        Judge::new(1_000_000, vec![]),
    )
    .expect("a new file");
    let failed = collector.failed();
    collector.receive(Report::Failure(Failure(-192), "_MSG_TIMED_OUT".into()));
    let mut rng = stream(7, Purpose::Test, 0, 0);
    let mut threads = [Thread::new(0), Thread::new(0), Thread::new(1)];
    let mut members: Vec<ConsumerRecorder> = (0..MEMBERS)
        .map(|m| ConsumerRecorder::new(&shape(), 0, m))
        .collect();
    for second in 1..=LOAD_S + 3 {
        let now = second * NS_PER_S;
        for thread in &mut threads {
            thread.live_until(now, &mut rng, (8 * NS_PER_S, 11 * NS_PER_S));
            let next = if thread.next < LOAD_S * NS_PER_S {
                thread.next
            } else {
                u64::MAX
            };
            thread.recorder.close(now, next, &mut |part| {
                collector.receive(Report::Window(part))
            });
        }
        for member in &mut members {
            // Reads what was due two seconds ago.
            if let Some(due) = now.checked_sub(2 * NS_PER_S) {
                member.received(now - 1, 50, Received::First { due_ns: Some(due) });
                member.received(now - 1, 50, Received::Again);
            }
            member.close(now, now.saturating_sub(2 * NS_PER_S), &mut |part| {
                collector.receive(Report::Member(part))
            });
        }
        collector.receive(sample(second as u32 - 1));
    }
    collector.receive(Report::Mark {
        at_ns: 21 * NS_PER_S,
        text: "settled".into(),
    });
    for thread in threads {
        let totals = thread
            .recorder
            .finish(&mut |part| collector.receive(Report::Window(part)));
        collector.receive(Report::ProducerDone(Box::new(totals)));
    }
    for member in members {
        let totals = member.finish(&mut |part| collector.receive(Report::Member(part)));
        collector.receive(Report::MemberDone(Box::new(totals)));
    }
    (collector.finish(), failed)
}

fn lines(folder: &Path) -> Vec<WindowLine> {
    line::read(&folder.join(WINDOWS_FILE))
        .expect("there")
        .collect::<Result<_, _>>()
        .expect("readable")
}

fn run_file(collected: &Collected) -> RunFile {
    let shape = shape();
    let flows: BTreeMap<String, FlowResult> = collected
        .flows
        .iter()
        .map(|totals| {
            let result = FlowResult::new(totals, &shape, LOAD_S * NS_PER_S, &collected.failures);
            (shape.flows[totals.flow].name.clone(), result)
        })
        .collect();
    let end_to_end = collected.groups[0].all().summary(0);
    let seen = end_to_end.count;
    let group = GroupAccount {
        acknowledged: seen,
        consumed: seen,
        ..GroupAccount::default()
    };
    RunFile {
        format: 1,
        tool: Tool {
            name: "highwater".into(),
            version: "0".into(),
            librdkafka: "2".into(),
        },
        id: "id".into(),
        started: "2026-11-27T08:00:00Z".into(),
        elapsed_us: LOAD_S * 1_000_000,
        plan: Plan {
            curve: vec![(0.0, 200.0)],
            ..Plan::default()
        },
        machine: Machine::default(),
        target: Target::default(),
        verdict: Verdict::Pass,
        reasons: vec![],
        slos: vec![],
        events: collected.events(&shape),
        consume: [(
            "analytics".to_owned(),
            GroupResult::new(&group, end_to_end, collected.lag_records_max[0]),
        )]
        .into(),
        partitions: collected.partitions(&shape),
        actions: vec![],
        generator: collected.generator(&flows),
        flows,
    }
}

#[test]
fn a_run_is_recorded_whole_and_in_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let (collected, failed) = run(dir.path());
    assert!(collected.error.is_none() && !failed.load(Ordering::Acquire));
    assert_eq!(collected.late, 0);
    let lines = lines(dir.path());
    let seconds: Vec<u64> = lines.iter().map(|line| line.at_us / 1_000_000).collect();
    assert_eq!(seconds, (0..seconds.len() as u64).collect::<Vec<_>>());
    assert_eq!(lines.iter().filter(|line| !line.warm).count(), 5);
    assert_eq!(lines[21].marks, ["settled"]);
    // 100 a second from each thread; two of them are of this flow.
    for line in &lines[..LOAD_S as usize] {
        assert_eq!(line.flows["shoppers"].planned, 200, "at {}", line.at_us);
        assert!(line.generator.is_some());
        assert_eq!(line.consume["analytics"].end_to_end.count(), MEMBERS as u64);
    }
    assert_eq!(lines[4].consume["analytics"].lag_records, Some(40));
    assert!(
        lines[3].flows["flood"].response.is_none() && lines[3].flows["flood"].service.count() > 0
    );
    assert_eq!(collected.lag_records_max, [220]);
    let all = collected.flows[0].all().account();
    assert_eq!((all.planned, all.check()), (200 * LOAD_S, Ok(())));
}

#[test]
fn a_pause_shows_in_the_seconds_that_were_due_and_not_in_throughput_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    run(dir.path());
    let lines = lines(dir.path());
    let during = |second: usize| lines[second].flows["shoppers"].during.acknowledged;
    assert_eq!((during(8), during(9), during(10)), (0, 0, 0));
    // Everything of three seconds comes in at 11 s: 4 × 200, but for what failed.
    assert!((750..=801).contains(&during(11)), "{}", during(11));
    // The share of events with a response above x seconds is (3 - x) / 20.
    let mut response = MergedHistogram::new();
    for line in &lines {
        response.merge(
            line.flows["shoppers"]
                .response
                .as_ref()
                .expect("a scheduled flow"),
        );
    }
    for x in [0.5, 1.0, 2.0] {
        let share = response.count_above_us((x * 1e6) as u64) as f64 / response.count() as f64;
        // 2 digits: a bucket at 2 s is 16 ms wide; 1 % failed or unresolved, evenly.
        assert!(
            (share - (3.0 - x) / 20.0).abs() < 0.01,
            "{share} above {x} s"
        );
    }
}

#[test]
fn the_run_file_adds_up_and_reads_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let (collected, _) = run(dir.path());
    let file = run_file(&collected);
    assert_eq!(file.broken(Some(&collected.sums)), []);
    file.write(dir.path(), Some(&collected.sums))
        .expect("written");
    assert_eq!(RunFile::read(dir.path()).expect("reads back"), file);
    let flow = &file.flows["shoppers"];
    assert!(flow.errors["_MSG_TIMED_OUT"] > 0 && flow.account.unresolved > 0);
    assert!((flow.offered_per_s - 200.0).abs() < 1e-9);
    assert!(
        flow.warm
            .as_ref()
            .is_some_and(|warm| warm.account.planned == 200 * (LOAD_S - 5))
    );
    assert_eq!(file.generator.cpu_cores, 0.25);
    assert!(file.flows["flood"].response.is_none());
}

/// The fields that users and their scripts depend on, by place.
const DOCUMENTED: [(&str, &str); 11] = [
    (
        "",
        "format tool id started elapsed_us plan machine target verdict reasons slos flows events consume partitions actions generator",
    ),
    ("/tool", "name version librdkafka"),
    ("/plan", "hash setup_hash scenario seed curve"),
    ("/machine", "cpu cores memory_bytes kernel"),
    ("/target", "kind bootstrap brokers topics client"),
    (
        "/flows/shoppers",
        "account offered_per_s achieved_per_s bytes key_bytes response service send_delay errors",
    ),
    (
        "/flows/shoppers/account",
        "planned sent unsent lost acknowledged failed unresolved",
    ),
    ("/events/view", "acknowledged bytes response"),
    (
        "/consume/analytics",
        "acknowledged consumed consumed_unacknowledged missing expired unread duplicated reordered corrupt foreign end_to_end \
         lag_records_max",
    ),
    ("/partitions/views/0", "records bytes"),
    (
        "/generator",
        "cpu_cores send_delay_p99_us run_queue_delay rss_max_bytes healthy",
    ),
];

#[test]
fn the_run_file_has_the_documented_names() {
    let dir = tempfile::tempdir().expect("a folder");
    let (collected, _) = run(dir.path());
    let json = serde_json::to_value(run_file(&collected)).expect("serialises");
    for (place, names) in DOCUMENTED {
        let at = json.pointer(place).expect(place);
        for name in names.split_whitespace() {
            assert!(at.get(name).is_some(), "{place}/{name}");
        }
    }
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["plan"]["curve"], serde_json::json!([[0.0, 200.0]]));
}

#[test]
fn what_does_not_add_up_is_refused_when_written_and_when_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let (collected, _) = run(dir.path());
    let good = run_file(&collected);
    let spoil: [fn(&mut RunFile); 6] = [
        |f| f.flows.get_mut("shoppers").expect("there").account.planned += 1,
        |f| f.flows.get_mut("shoppers").expect("there").bytes += 1,
        |f| f.flows.get_mut("flood").expect("there").service.count -= 1,
        |f| f.events.get_mut("view").expect("there").acknowledged += 1,
        |f| f.consume.get_mut("analytics").expect("there").missing += 1,
        |f| f.partitions.get_mut("views").expect("there")[0].records += 1,
    ];
    for (index, spoil) in spoil.into_iter().enumerate() {
        let mut bad = good.clone();
        spoil(&mut bad);
        let error = bad.write(dir.path(), None).expect_err("does not add up");
        assert!(
            matches!(error, RunFileError::Broken { .. }),
            "{index}: {error}"
        );
        // A run that is not passed may say so.
        bad.verdict = Verdict::Invalid;
        bad.write(dir.path(), Some(&collected.sums))
            .expect("written");
        let text = fs::read_to_string(dir.path().join(RUN_FILE)).expect("there");
        fs::write(
            dir.path().join(RUN_FILE),
            text.replace("\"invalid\"", "\"pass\""),
        )
        .expect("written");
        assert!(
            matches!(RunFile::read(dir.path()), Err(RunFileError::Broken { .. })),
            "{index}"
        );
    }
}

#[test]
fn a_line_that_is_missing_is_noticed() {
    let dir = tempfile::tempdir().expect("a folder");
    let (collected, _) = run(dir.path());
    run_file(&collected)
        .write(dir.path(), Some(&collected.sums))
        .expect("written");
    let windows = dir.path().join(WINDOWS_FILE);
    let text = fs::read_to_string(&windows).expect("there");
    let without: Vec<&str> = text
        .lines()
        .enumerate()
        .filter(|(n, _)| *n != 6)
        .map(|(_, line)| line)
        .collect();
    fs::write(&windows, without.join("\n") + "\n").expect("written");
    let error = RunFile::read(dir.path())
        .expect_err("a second is missing")
        .to_string();
    assert!(
        error.contains("its windows' sum") && error.contains("more"),
        "{error}"
    );
}

#[test]
fn a_last_line_cut_short_is_left_out_and_another_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    run(dir.path());
    let windows = dir.path().join(WINDOWS_FILE);
    let text = fs::read_to_string(&windows).expect("there");
    let whole = lines(dir.path()).len();
    fs::write(&windows, &text[..text.len() - 40]).expect("written");
    assert_eq!(lines(dir.path()).len(), whole - 1);
    fs::write(&windows, text.replacen("\"warm\"", "\"warn\"", 1)).expect("written");
    let error = line::read(&windows)
        .expect("opens")
        .next()
        .expect("a line")
        .expect_err("unknown field");
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn a_disk_that_fills_up_is_told_at_once_and_totals_stay_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    // Appending to /dev/full fails as a full disk does. The name is taken by a link to it.
    let windows = dir.path().join(WINDOWS_FILE);
    std::os::unix::fs::symlink("/dev/full", &windows).expect("a link");
    assert!(
        Collector::new(shape(), dir.path(), 1, 0, Judge::new(0, vec![])).is_err(),
        "a file that is there is not overwritten"
    );
    fs::remove_file(&windows).expect("removed");
    let mut collector =
        Collector::new(shape(), dir.path(), 0, 0, Judge::new(0, vec![])).expect("a new file");
    collector.redirect(
        fs::OpenOptions::new()
            .append(true)
            .open("/dev/full")
            .expect("every Linux has it"),
    );
    let failed = collector.failed();
    collector.receive(sample(0));
    assert!(failed.load(Ordering::Acquire), "told by the first line");
    collector.receive(sample(1));
    let collected = collector.finish();
    let error = collected.error.expect("kept").to_string();
    assert!(
        error.contains(WINDOWS_FILE) && error.contains("--out"),
        "{error}"
    );
    assert_eq!(collected.sums.lines, 2);
}

#[test]
fn lines_wait_for_every_thread_and_no_longer() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut collector = Collector::new(shape(), dir.path(), 2, 1, Judge::new(1_000_000, vec![]))
        .expect("a new file");
    let mut a = Recorder::new(shape(), 0);
    let mut b = Recorder::new(shape(), 1);
    let mut m = ConsumerRecorder::new(&shape(), 0, 0);
    let written = || lines(dir.path()).len();
    (0..2).for_each(|second| collector.receive(sample(second)));
    a.close(3 * NS_PER_S, u64::MAX, &mut |part| {
        collector.receive(Report::Window(part))
    });
    b.close(2 * NS_PER_S, u64::MAX, &mut |part| {
        collector.receive(Report::Window(part))
    });
    assert_eq!(written(), 0, "the member has said nothing");
    m.close(3 * NS_PER_S, NS_PER_S, &mut |part| {
        collector.receive(Report::Member(part))
    });
    assert_eq!(written(), 1);
    m.close(3 * NS_PER_S, 3 * NS_PER_S, &mut |part| {
        collector.receive(Report::Member(part))
    });
    assert_eq!(written(), 2, "one producer is behind");
    let totals = b.finish(&mut |part| collector.receive(Report::Window(part)));
    collector.receive(Report::ProducerDone(Box::new(totals)));
    assert_eq!(written(), 2, "the sampler has not been there");
    collector.receive(sample(2));
    assert_eq!(written(), 3, "nobody waits for a thread that is done");
    // Too late for its line: counted in the next.
    m.received(
        3 * NS_PER_S,
        9,
        Received::First {
            due_ns: Some(NS_PER_S),
        },
    );
    let totals = m.finish(&mut |part| collector.receive(Report::Member(part)));
    collector.receive(Report::MemberDone(Box::new(totals)));
    let collected = collector.finish();
    assert_eq!((collected.late, collected.sums.lines), (1, 4));
    assert_eq!(
        lines(dir.path())[3].consume["analytics"].end_to_end.count(),
        1
    );
}
