//! `ci/kafka` does what INTERFACE promises, with `kcat`, Kafka's tools and `/proc` as witnesses.

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use support::{Cluster, Contents};

/// Processes with `dir` on their command line. A zombie has none: it is gone, and waits only for somebody to notice.
fn processes_of(dir: &Path) -> usize {
    let needle = dir.as_os_str().as_bytes();
    fs::read_dir("/proc")
        .expect("list /proc")
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| line.windows(needle.len()).any(|part| part == needle))
        .count()
}

fn lines(range: std::ops::Range<u32>) -> String {
    range.map(|i| format!("record {i:04}\n")).collect()
}

/// Values that [`lines`] makes have 11 bytes.
fn contents(records: u64) -> Contents {
    Contents {
        records,
        value_bytes: records * 11,
    }
}

#[test]
fn down_leaves_no_process_no_data_and_no_port() {
    let cluster = Cluster::start(1);
    let (dir, bootstrap) = (cluster.dir().to_path_buf(), cluster.bootstrap().to_owned());
    assert_eq!(
        processes_of(&dir),
        1,
        "the witness must see what runs, or it proves nothing"
    );
    assert!(dir.exists());
    assert!(TcpListener::bind(&bootstrap).is_err());

    drop(cluster);
    assert_eq!(processes_of(&dir), 0);
    assert!(!dir.exists());
    TcpListener::bind(&bootstrap).expect("the port is free again");
}

#[test]
fn a_paused_broker_answers_nothing_and_everything_after() {
    let cluster = Cluster::start(1);
    cluster.create_topic("t", 2);
    assert!(cluster.kcat(["-P", "-t", "t"]).accepts(&lines(0..100)));

    cluster.pause(1);
    assert_eq!(cluster.states(), ["paused"]);
    let impatient = [
        "-P",
        "-t",
        "t",
        "-X",
        "message.timeout.ms=1000",
        "-X",
        "acks=all",
    ];
    assert!(!cluster.kcat(impatient).accepts(&lines(0..1)));

    cluster.resume(1);
    assert_eq!(cluster.states(), ["running"]);
    assert!(cluster.kcat(["-P", "-t", "t"]).accepts(&lines(100..200)));
    // What timed out may not have reached the broker: no connection was ready when it was paused.
    let found = cluster.contents("t").records;
    assert!((200..=201).contains(&found), "{found} records");
}

#[test]
fn two_instances_run_side_by_side() {
    let first = Cluster::start(1);
    let second = first.beside(1);
    assert_ne!(first.bootstrap(), second.bootstrap());
    first.create_topic("t", 1);
    second.create_topic("t", 1);
    assert!(first.kcat(["-P", "-t", "t"]).accepts(&lines(0..10)));
    assert!(second.kcat(["-P", "-t", "t"]).accepts(&lines(0..20)));

    assert_eq!(first.contents("t"), contents(10));
    drop(first);
    assert_eq!(second.states(), ["running"]);
    assert_eq!(second.contents("t"), contents(20));
}

#[test]
fn a_killed_broker_of_three_comes_back_with_everything() {
    let cluster = Cluster::start(3);
    cluster.create_topic("t", 3);
    let produce = ["-P", "-t", "t", "-X", "acks=all"];
    assert!(cluster.kcat(produce).accepts(&lines(0..1000)));

    cluster.kill(2);
    assert_eq!(cluster.states(), ["running", "stopped", "running"]);
    assert!(cluster.kcat(produce).accepts(&lines(1000..2000)));

    cluster.start_broker(2);
    assert_eq!(cluster.states(), ["running"; 3]);
    let brokers = cluster.kcat(["-L"]).stdout();
    assert!(brokers.contains("3 brokers:"), "{brokers}");
    // Without idempotence a batch that was retried after the kill may stand twice; none may be missing.
    let values = cluster.kcat(["-C", "-e", "-o", "beginning", "-t", "t"]);
    let mut values: Vec<String> = values.stdout().lines().map(str::to_owned).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(
        values,
        lines(0..2000)
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_broker_restarts_with_its_records() {
    let cluster = Cluster::start(1);
    cluster.create_topic("t", 1);
    assert!(cluster.kcat(["-P", "-t", "t"]).accepts(&lines(0..50)));
    cluster.restart(1);
    assert_eq!(cluster.contents("t"), contents(50));
}
