//! Groups of ours that pause, and groups of others whose lag is watched.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::Cluster;
use crate::support::run::{Highwater, wait_until};
use crate::{action, seconds};

/// What a group was behind at the end of each second.
fn lags(windows: &[Value], part: &str, group: &str) -> Vec<Option<u64>> {
    let of = |window: &Value| window[part][group]["lag_records"].as_u64();
    windows.iter().map(of).collect()
}

/// Readers that pause while 5,000 events/s come, and then read at their limit: 3 members of 200 µs a record, so 15,000/s.
///
/// They are behind by 30 s x 5,000/s = 150,000 records at most, and gain 10,000/s on the load: 15 s to drain. Both within a tenth. The
/// lag in time is the 30 s of the pause then.
#[test]
fn a_pause_is_drained_as_arithmetic_says() {
    let cluster = Cluster::start(1);
    let scenario = r#"
name = "backlog"
[time]
span     = "60s"
catch_up = "10s"
[topic.orders]
partitions  = 6
replication = 1
[event.order]
topic = "orders"
value = { bytes = "200B" }
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "5k/s"
[consume.readers]
topics  = ["orders"]
members = 3
work    = "200us"
[consume.others]
topics  = ["orders"]
members = 1
[[action]]
name  = "outage"
at    = "+8s"
pause = "consume.readers"
for   = "30s"
[[action]]
name  = "filled"
at    = "+8s"
pause = "consume.others"
until = { lag_records = 10_000 }
[[slo]]
metric  = "drain"
consume = "readers"
below   = "20s"
after   = "outage"
"#;
    let done = Highwater::new(scenario)
        .bootstrap(cluster.bootstrap())
        .spawn()
        .wait();
    let told = format!("{}\n{}", done.stdout, done.stderr);
    done.assert_sound();
    done.assert_closed();
    let outage = action(&done, "outage");
    let paused = seconds(outage, "ended_us") - seconds(outage, "began_us");
    assert!((29.9..31.0).contains(&paused), "{paused} s\n{told}");
    let most = outage["cost"]["lag_records_max"].as_f64().unwrap();
    assert!((135e3..165e3).contains(&most), "{most} records\n{told}");
    let behind = seconds(&outage["cost"], "lag_us_max");
    assert!((27.0..33.0).contains(&behind), "{behind} s\n{told}");
    let slo = &done.json["slos"][0];
    assert_eq!(
        (&slo["metric"], &slo["held"]),
        (&"drain".into(), &true.into()),
        "{told}"
    );
    let drain = seconds(slo, "measured_us");
    assert!((13.5..16.5).contains(&drain), "{drain} s\n{told}");

    // The other one paused until it was far enough behind: 2 s of load, and what a look at it every 10 ms adds.
    let filled = action(&done, "filled");
    let paused = seconds(filled, "ended_us") - seconds(filled, "began_us");
    assert!((1.8..2.6).contains(&paused), "{paused} s\n{told}");

    let group = &done.json["consume"]["readers"];
    for nothing in ["missing", "duplicated", "reordered", "corrupt", "unread"] {
        assert_eq!(group[nothing], 0, "{nothing}\n{told}");
    }
    assert!(lags(&done.windows, "consume", "readers")[36] > Some(100_000));
}

/// What a group has not read when the run ends is unread, and no loss.
#[test]
fn what_a_paused_group_has_not_read_is_unread() {
    let scenario = r#"
[time]
span = "6s"
[topic.orders]
partitions = 3
[event.order]
topic = "orders"
value = { bytes = "200B" }
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "500/s"
[consume.readers]
topics = ["orders"]
members = 2
[[action]]
at    = "+3s"
pause = "consume.readers"
for   = "1h"
"#;
    let done = Highwater::new(scenario).spawn().wait();
    let told = format!("{}\n{}", done.stdout, done.stderr);
    assert_eq!(done.code, 0, "{told}");
    done.assert_closed();
    let group = &done.json["consume"]["readers"];
    // Half of 3,000 were due while it paused. It reads on when the load has ended, for as long as the run's last threads take.
    let unread = group["unread"].as_u64().unwrap();
    assert!((1..=1_600).contains(&unread), "{unread}\n{told}");
    assert_eq!(group["missing"], 0, "{told}");
    let lag = lags(&done.windows, "consume", "readers")[5];
    assert!(lag > Some(1_200), "{lag:?}\n{told}");
    assert_eq!(action(&done, "pause readers")["outcome"], "done");
}

/// kcat reads for a group of its own, and stops. Once the load is over its lag stands still, and Kafka's own tool has to say the same as
/// the last window; while the load runs, one second of it (200 records) is all the two may differ by.
#[test]
fn a_watched_group_is_as_far_behind_as_kafka_says() {
    let cluster = Cluster::start(1);
    cluster.create_topic("highwater.orders", 3);
    let scenario = r#"
name = "watched"
[time]
span     = "14s"
[topic.orders]
partitions  = 3
replication = 1
[event.order]
topic = "orders"
value = { bytes = "100B" }
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "200/s"
[watch]
groups = ["warehouse", "nobody"]
"#;
    let run = Highwater::new(scenario)
        .bootstrap(cluster.bootstrap())
        .spawn();
    run.wait_for_windows(1);
    // It reads 600 records, commits as it leaves, and is gone.
    let status = Command::new("kcat")
        .args([
            "-b",
            cluster.bootstrap(),
            "-G",
            "warehouse",
            "-c",
            "600",
            "-q",
        ])
        .args(["-X", "auto.offset.reset=earliest", "highwater.orders"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let describe = || -> Option<u64> {
        let args = ["--describe", "--group", "warehouse"];
        let table = cluster.tool("ConsumerGroupCommand", &args);
        let lag = |line: &str| line.split_whitespace().nth(5)?.parse::<u64>().ok();
        let lags: Vec<u64> = table.lines().filter_map(lag).collect();
        (!lags.is_empty()).then(|| lags.iter().sum())
    };
    // In the midst of the load: between what the windows say as the tool begins and as it has answered.
    let count = || run.windows();
    let before = count();
    let midst = describe();
    let after = count();
    let done = run.wait();
    let told = format!("{}\n{}", done.stdout, done.stderr);
    let lags = lags(&done.windows, "watched", "warehouse");
    let known: Vec<u64> = lags.iter().copied().flatten().collect();
    assert!(known.len() >= 5, "{lags:?}\n{told}");
    let least = lags[..before.min(lags.len())].iter().flatten().max();
    let most = lags[..(after + 1).min(lags.len())].iter().flatten().max();
    let midst = midst.expect("the group has committed");
    let second = 200;
    assert!(
        least.is_none_or(|least| midst + second >= *least)
            && most.is_some_and(|most| midst <= most + second),
        "{midst}, not {least:?} to {most:?}\n{told}"
    );
    // At rest: exactly.
    let end = done.json["watched"]["warehouse"]["lag_records_end"]
        .as_u64()
        .unwrap();
    wait_until("the log to stand still", || describe().is_some());
    let rest = describe().unwrap();
    assert!(
        rest.abs_diff(end) <= second,
        "{rest} by Kafka's tool, {end} by the last window\n{told}"
    );
    // 2,800 events, 600 of them read.
    assert_eq!(rest, 2_200, "{told}");
    let behind = seconds(&done.json["watched"]["warehouse"], "lag_us_max");
    assert!((7.0..14.0).contains(&behind), "{behind} s\n{told}");

    assert_eq!(done.json["watched"]["nobody"]["seconds"], 0, "{told}");
    assert!(done.stderr.contains("there is no group nobody"), "{told}");
    assert!(done.reasons().contains(&"unwatched".to_owned()), "{told}");
}
