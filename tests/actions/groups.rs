//! Groups of ours that pause, and groups of others whose lag is watched.

use std::process::{Command, Stdio};

use highwater::clock::wall_now;
use jiff::Timestamp;
use serde_json::Value;

use crate::support::Cluster;
use crate::support::run::{Done, Highwater};
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
///
/// Others pause until they are 100,000 behind: 20 s of the same load. Meanwhile kcat joins their group, gets a part of the partitions,
/// reads and leaves, and the partitions come back to a member that is paused.
///
/// Beside them kcat reads 600 records for a group of its own, commits and leaves: Kafka's own tool has to say the same of its lag as the
/// windows do, within a second of load.
#[test]
fn lags_are_what_arithmetic_and_kafka_say() {
    let cluster = Cluster::start(1);
    cluster.create_topic("highwater.orders", 6);
    let joins = [
        "kcat",
        "-b",
        cluster.bootstrap(),
        "-G",
        "highwater.backlog.others",
        "-qc5000",
        "-Xauto.offset.reset=earliest",
        "-f%o ",
        "highwater.orders",
    ];
    let scenario = r#"
name = "backlog"
[time]
span     = "56s"
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
until = { lag_records = 100_000 }
[[action]]
name = "joined"
at   = "+8s"
run  = JOINS
[[slo]]
metric  = "drain"
consume = "readers"
below   = "25s"
after   = "outage"
[watch]
groups = ["warehouse", "nobody"]
"#;
    let run = Highwater::new(&scenario.replace("JOINS", &format!("{joins:?}")))
        .bootstrap(cluster.bootstrap())
        .args(&["--run-id", "backlog"])
        .spawn();
    run.wait_for_windows(1);
    kcat_reads(&cluster, 600);
    let before = wall_now();
    let grown = lag_by_kafka(&cluster);
    let after = wall_now();
    let done = run.wait();
    let told = format!("{}\n{}", done.stdout, done.stderr);
    assert_watched(&cluster, &done, (before, grown, after));
    assert_sound(&done);
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
    // Members that waited for a core read less than they could.
    let starved = done.reasons().iter().any(|kind| kind == "generator");
    let most = if starved { 22.0 } else { 16.5 };
    assert!((13.5..most).contains(&drain), "{drain} s\n{told}");

    assert_rebalanced_in_its_pause(&done);
    for group in ["readers", "others"] {
        let group = &done.json["consume"][group];
        for nothing in ["missing", "duplicated", "reordered", "corrupt", "unread"] {
            assert_eq!(group[nothing], 0, "{nothing}\n{told}");
        }
    }
    assert!(lags(&done.windows, "consume", "readers")[36] > Some(100_000));
}

/// The group paused until it was far enough behind, and read nothing meanwhile, though partitions went and came back.
fn assert_rebalanced_in_its_pause(done: &Done) {
    let told = format!("{}\n{}", done.stdout, done.stderr);
    let filled = action(done, "filled");
    let (began, ended) = (seconds(filled, "began_us"), seconds(filled, "ended_us"));
    // 20 s of load, and what a look at it every 10 ms adds.
    assert!((19.8..21.0).contains(&(ended - began)), "{told}");
    let joined = action(done, "joined");
    assert_eq!(joined["outcome"], "done", "{told}");
    // It got partitions and went while the group paused.
    assert!(
        began <= seconds(joined, "began_us") && seconds(joined, "ended_us") < ended,
        "{told}"
    );
    // Whole seconds of it: the one it begins in, in which the client heeds it, and the one it ends in are left out.
    let (first, last) = (began as usize + 2, ended as usize);
    let read =
        |second: usize| done.windows[second]["consume"]["others"]["during"]["records"].as_u64();
    let in_pause: Vec<Option<u64>> = (first..last).map(read).collect();
    assert!(
        in_pause.iter().all(|read| *read == Some(0)),
        "{in_pause:?}\n{told}"
    );
}

/// Sound but for the machine, and for the group that is not there.
fn assert_sound(done: &Done) {
    let kinds = done.reasons();
    let expected = |kind: &String| kind == "unwatched" || kind.starts_with("generator");
    assert!(kinds.iter().all(expected), "{kinds:?}\n{}", done.stdout);
}

/// kcat reads so many records for the group `warehouse`, commits and leaves.
fn kcat_reads(cluster: &Cluster, records: u32) {
    let count = records.to_string();
    let status = Command::new("kcat")
        .args(["-b", cluster.bootstrap(), "-G", "warehouse", "-c", &count])
        .args(["-q", "-X", "auto.offset.reset=earliest", "highwater.orders"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

/// The lag of the group `warehouse` by Kafka's own tool, and over how many partitions: those it has committed.
fn lag_by_kafka(cluster: &Cluster) -> (u64, u64) {
    let args = ["--describe", "--group", "warehouse"];
    let table = cluster.tool("ConsumerGroupCommand", &args);
    // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG ...
    let lag = |line: &str| line.split_whitespace().nth(5)?.parse::<u64>().ok();
    let lags: Vec<u64> = table.lines().filter_map(lag).collect();
    assert!(!lags.is_empty(), "{table}");
    (lags.iter().sum(), lags.len() as u64)
}

/// What the windows say of `warehouse` agrees with Kafka's tool, which was asked between two counts of windows.
fn assert_watched(
    cluster: &Cluster,
    done: &Done,
    (before, (grown, partitions), after): (Timestamp, (u64, u64), Timestamp),
) {
    let told = format!("{}\n{}", done.stdout, done.stderr);
    let lags = lags(&done.windows, "watched", "warehouse");
    let second = 5_000 * partitions / 6 + 1;
    // As the tool was started the group was no further behind than it says, and in the second after its answer at least that far.
    let started: Timestamp = done.json["started"].as_str().unwrap().parse().unwrap();
    let second_of = |at: Timestamp| (at.as_second() - started.as_second()).max(0) as usize;
    let of = |index: usize| lags.get(index).copied().flatten();
    let (least, most) = (
        of(second_of(before).saturating_sub(1)),
        of(second_of(after) + 1),
    );
    assert!(
        least.is_none_or(|least| least <= grown + second),
        "{least:?}, {grown}\n{told}"
    );
    assert!(
        most.is_none_or(|most| most + second >= grown),
        "{most:?}, {grown}\n{told}"
    );
    let watched = &done.json["watched"]["warehouse"];
    let end = watched["lag_records_end"].as_u64().unwrap();
    let (rest, _) = lag_by_kafka(cluster);
    assert!(
        rest.abs_diff(end) <= second,
        "{end} by the last window, {rest} by Kafka\n{told}"
    );
    // It has stood still since it left, soon after the load began.
    let behind = seconds(watched, "lag_us_max");
    assert!((40.0..70.0).contains(&behind), "{behind} s\n{told}");

    assert_eq!(done.json["watched"]["nobody"]["seconds"], 0, "{told}");
    assert!(done.stderr.contains("there is no group nobody"), "{told}");
    assert!(done.reasons().contains(&"unwatched".to_owned()), "{told}");
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
