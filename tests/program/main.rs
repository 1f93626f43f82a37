//! The program as its user meets it: on the embedded cluster, on none, with wrong input, interrupted.

#[path = "../support/mod.rs"]
mod support;

mod full_disk;
mod interrupts;
mod starved;

use std::fs;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

use support::run::{Done, Highwater, histogram};

/// A small run: 200 even events a second for this long, and a group that reads them.
fn small(seconds: u32) -> String {
    format!(
        r#"
name = "small"
why  = "does it work at all"
seed = 3
[time]
starts = "2026-11-27T12:00:00Z"
span   = "{seconds}s"
settle = "5s"
catch_up = "10s"
[client]
linger.ms = 5
[topic.orders]
partitions = 4
[event.order]
topic = "orders"
value = {{ bytes = "200B", compressible = 2 }}
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "200/s"
[consume.readers]
topics  = ["orders"]
members = 2
"#
    )
}

fn counts(done: &Done) -> impl Fn(&str) -> u64 + '_ {
    |name| {
        done.json["flows"]["orders"]["account"][name]
            .as_u64()
            .unwrap()
    }
}

#[test]
fn a_run_on_the_embedded_cluster_passes_and_counts_exactly() {
    let done = Highwater::new(&small(4)).spawn().wait();
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    let count = counts(&done);
    assert_eq!((count("planned"), count("acknowledged")), (800, 800));
    assert_eq!(done.json["flows"]["orders"]["bytes"], 800 * 200);
    let group = &done.json["consume"]["readers"];
    assert_eq!(group["consumed"], 800);
    assert_eq!(group["missing"], 0);
    assert_eq!(done.json["verdict"], "pass");
    assert!(done.stdout.contains("embedded"), "{}", done.stdout);
    let planned: u64 = done
        .windows
        .iter()
        .map(|window| window["flows"]["orders"]["planned"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(planned, 800, "windows add up to totals");
}

#[test]
fn json_goes_to_standard_output_and_is_the_run_file() {
    let done = Highwater::new(&small(2)).args(&["--json"]).spawn().wait();
    let printed: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(printed["id"], done.json["id"]);
}

#[test]
fn an_impossible_rate_is_invalid_not_slow() {
    // 20 M/s is several times what one thread renders: the generator is the limit, and says so.
    let scenario = small(3)
        .replace("200/s", "20M/s")
        .replace("5s\"\ncatch", "1s\"\ncatch");
    let done = Highwater::new(&scenario)
        .args(&["--target", "null"])
        .spawn()
        .wait();
    assert_eq!(done.code, 3, "{}\n{}", done.stdout, done.stderr);
    assert_eq!(done.json["verdict"], "invalid");
    let count = counts(&done);
    assert_eq!(count("planned"), count("sent") + count("unsent"));
    assert_eq!(count("planned"), 60_000_000);
}

#[test]
fn an_unreachable_cluster_is_told_in_time() {
    // A port of this machine that nobody listens on: bound, then closed.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let bootstrap = format!("127.0.0.1:{port}");
    let began = Monotonic.now();
    let done = Highwater::new(&small(2))
        .bootstrap(&bootstrap)
        .spawn()
        .wait();
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(Monotonic.now().since(began) < 15 * NS_PER_S);
    assert!(done.stderr.contains(&bootstrap), "{}", done.stderr);
    assert!(
        done.stderr.to_lowercase().contains("refused"),
        "{}",
        done.stderr
    );
}

#[test]
fn wrong_flags_send_nothing_and_say_what_is_right() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["-X", "linger.mss=5"], 2, "linger.ms"),
        (&["-X", "linger.ms=soon"], 2, "linger.ms"),
        (&["-X", "acks"], 2, "KEY=VALUE"),
        (&["--max-rate", "100/s"], 2, "max-rate"),
        (&["--set", "topic.order.partitions=3"], 2, "orders"),
        (&["--config", "absent.properties"], 2, "absent.properties"),
        (&["--target", "kafkaa"], 2, "embedded"),
        (&["--scale", "-1"], 2, "scale"),
    ];
    for (args, code, word) in cases {
        let done = Highwater::new(&small(1)).args(args).spawn().wait();
        assert_eq!(done.code, *code, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(word), "{args:?}: {}", done.stderr);
        assert!(done.json.is_null(), "{args:?} left a run.json");
    }
}

#[test]
fn an_unwritable_run_folder_is_told_before_anything_is_sent() {
    let done = Highwater::new(&small(1))
        .out("/proc/nowhere")
        .spawn()
        .wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("/proc/nowhere"), "{}", done.stderr);
}

#[test]
fn a_run_folder_is_never_overwritten() {
    let run = Highwater::new(&small(1)).file("out/keep", "mine");
    let done = run.spawn().wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    let kept = fs::read_to_string(done.folder.path().join("out/keep")).unwrap();
    assert_eq!(kept, "mine");
}

#[test]
fn a_secret_never_reaches_a_file_or_the_terminal() {
    let done = Highwater::new(&small(1))
        .file("client.properties", "sasl.password=${env:TOP_SECRET}\n")
        .env("TOP_SECRET", "hunter2hunter2")
        .args(&["-F", "client.properties", "-vv"])
        .spawn()
        .wait();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let files = fs::read_dir(done.folder.path().join("out")).unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap_or_default());
    for text in texts.chain([done.stdout.clone(), done.stderr.clone()]) {
        assert!(!text.contains("hunter2"), "a secret got out");
    }
}

#[test]
fn the_response_histogram_is_of_the_public_format() {
    let done = Highwater::new(&small(2)).spawn().wait();
    let histogram = histogram(&done.json["flows"]["orders"]["response"]);
    assert_eq!(histogram.len(), 400);
}
