//! Whole runs against real Apache Kafka, held against ground truth: a broker paused for a known time, another program's count of what is
//! in the log, the same bytes twice, a broker killed.

#[path = "../support/mod.rs"]
mod support;

mod commerce;
mod interrupts;
mod quota;

use std::collections::HashMap;
use std::time::Duration;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

use support::Cluster;
use support::run::{Highwater, kcat_lines, share_above};

/// Flat even load on one topic. Values are plain bytes, so their sum is known.
fn flat(rate: u32, seconds: u32, extra: &str) -> String {
    format!(
        r#"
name = "truth"
why  = "ground truth"
seed = 7
[time]
starts = "2026-11-27T12:00:00Z"
span   = "{seconds}s"
catch_up = "20s"
[topic.orders]
partitions = 4
replication = 1
[event.order]
topic = "orders"
value = {{ bytes = "300B", compressible = 2 }}
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "{rate}/s"
{extra}
"#
    )
}

/// A broker stopped for d seconds in a run of 30 s: what was due in the pause, except its last x seconds, waits longer than x.
/// So the share above x is (d - x) / 30. Bound: one percentage point, a tenth of the pause's whole effect.
///
/// The pause ends between the signal that lets the broker go on and the answer to a record that `kcat` offered meanwhile: on a
/// busy machine the broker takes its time to get going, and the responses have to show that as well.
fn paused_broker(client: &str) -> serde_json::Value {
    let cluster = Cluster::start(1);
    let scenario = flat(2_000, 30, client);
    let run = Highwater::new(&scenario)
        .bootstrap(cluster.bootstrap())
        .spawn();
    run.wait_for_windows(8);
    let began = Monotonic.now();
    let since = || Monotonic.now().since(began) as f64 / NS_PER_S as f64;
    cluster.pause(1);
    let (least, most) = std::thread::scope(|scope| {
        let witness = cluster.kcat(["-P", "-t", "highwater.orders", "-X", "acks=all"]);
        let answered = scope.spawn(|| witness.accepts("witness").then(since));
        std::thread::sleep(Duration::from_secs(3));
        let least = since();
        cluster.resume(1);
        (least, answered.join().unwrap().expect("the broker is back"))
    });
    let done = run.wait();
    let account = &done.json["flows"]["orders"]["account"];
    assert_eq!(account["planned"], 60_000, "{}", done.stderr);
    assert_eq!(account["acknowledged"], 60_000, "{}", done.stderr);
    for x in [0.5, 1.0, 2.0] {
        let share = share_above(&done.json["flows"]["orders"]["response"], x);
        let (least, most) = ((least - x) / 30.0, (most - x) / 30.0);
        assert!(
            (least - 0.01..most + 0.01).contains(&share),
            "{share} of the responses are above {x} s, (d - x)/30 is {least} to {most}"
        );
    }
    done.assert_sound();
    // A full queue is the cluster's doing. Were it blamed on us, the send delay's p99 would be told in seconds.
    done.assert_queue_not_blamed(500.0);
    done.json
}

#[test]
fn a_paused_broker_shows_in_response_times_as_arithmetic_says() {
    paused_broker("");
}

#[test]
fn a_small_client_queue_hides_nothing() {
    let json = paused_broker("client = { queue.buffering.max.messages = 1000 }");
    // Timed from the actual send, only what fitted the queue (1,000) and one batch on the wire waited: 1,000 / 60,000 = 1.7 %,
    // a fifth of the 8.3 % whose response was above half a second. A third leaves room for a slow machine.
    let flow = &json["flows"]["orders"];
    let (service, response) = (
        share_above(&flow["service"], 0.5),
        share_above(&flow["response"], 0.5),
    );
    assert!(
        service < response / 3.0,
        "above 0.5 s: service {service}, response {response}"
    );
}

#[test]
fn kcat_counts_what_the_account_says() {
    let cluster = Cluster::start(1);
    let consume = "[consume.readers]\ntopics = [\"orders\"]\nmembers = 2\n";
    let done = Highwater::new(&flat(1_500, 8, consume))
        .bootstrap(cluster.bootstrap())
        .spawn()
        .wait();
    done.assert_sound();
    let values = kcat_lines(cluster.bootstrap(), "highwater.orders", "%S");
    let bytes: u64 = values.iter().map(|line| line.parse::<u64>().unwrap()).sum();
    let flow = &done.json["flows"]["orders"];
    assert_eq!(flow["account"]["acknowledged"], values.len());
    assert_eq!(flow["bytes"], bytes);
    let group = &done.json["consume"]["readers"];
    assert_eq!(group["consumed"], values.len());
    assert_eq!(group["missing"], 0);
    assert_eq!(group["duplicated"], 0);
}

#[test]
fn the_same_seed_and_run_id_leave_the_same_records() {
    let cluster = Cluster::start(1);
    let scenario = r#"
name = "twice"
why  = "same bytes"
seed = 99
[time]
starts = "2026-11-27T12:00:00Z"
span   = "4s"
[pool.merchant]
count = "10k"
skew  = { lognormal = 2.5 }
fields = { name = "company" }
[topic.orders]
partitions = 6
[event.order]
topic = "orders"
key   = "merchant"
template = "order.json"
[event.view]
topic = "orders"
template = "order.json"
[flow.orders]
event    = { order = 1, view = 2 }
mean     = "1k/s"
producers = 2
"#;
    let template = r#"{"id": "{{uuid}}", "at": "{{now}}", "merchant": "{{merchant}}", "name": "{{merchant.name}}", "n": {{int 1 5}}, "pad": "{{pad 60}}"}"#;
    let mut dumps = Vec::new();
    for _ in 0..2 {
        let done = Highwater::new(scenario)
            .file("order.json", template)
            .bootstrap(cluster.bootstrap())
            .args(&["--run-id", "same-twice"])
            .spawn()
            .wait();
        done.assert_sound();
        let mut records = kcat_lines(cluster.bootstrap(), "highwater.orders", "%p %K %k %s");
        records.sort();
        dumps.push(records);
        Highwater::clean(cluster.bootstrap());
    }
    assert!(dumps[0].len() > 3_500, "{} records", dumps[0].len());
    assert!(dumps[0] == dumps[1], "the two runs left different records");
}

#[test]
fn one_broker_of_three_killed_loses_nothing_acknowledged() {
    let cluster = Cluster::start(3);
    let scenario = flat(
        1_000,
        25,
        "[consume.readers]\ntopics = [\"orders\"]\nmembers = 2\n",
    )
    .replace(
        "replication = 1",
        "replication = 3\nconfig = { min.insync.replicas = 2 }",
    );
    let run = Highwater::new(&scenario)
        .bootstrap(cluster.bootstrap())
        .spawn();
    run.wait_for_windows(6);
    cluster.kill(2);
    std::thread::sleep(Duration::from_secs(3));
    cluster.start_broker(2);
    let done = run.wait();
    let account = &done.json["flows"]["orders"]["account"];
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!(count("planned"), 25_000, "{}", done.stderr);
    assert_eq!(
        count("planned"),
        count("sent") + count("unsent") + count("lost")
    );
    assert_eq!(
        count("sent"),
        count("acknowledged") + count("failed") + count("unresolved")
    );
    let errors: HashMap<String, u64> =
        serde_json::from_value(done.json["flows"]["orders"]["errors"].clone()).unwrap();
    assert_eq!(errors.values().sum::<u64>(), count("failed"));
    assert!(errors.keys().all(|name| !name.starts_with("ERR_")));
    let group = &done.json["consume"]["readers"];
    assert_eq!(group["missing"], 0, "{}", done.stderr);
    assert_eq!(group["duplicated"], 0, "{}", done.stderr);
    assert_eq!(group["unread"], 0, "{}", done.stderr);
    assert_eq!(group["reordered"], 0, "{}", done.stderr);
}

/// A minute of the soak: 100,000 events a second with readers that verify every record. All of it is in `ci/long`.
#[test]
fn memory_stays_under_300_mb_at_100k_a_second() {
    let cluster = Cluster::start(1);
    let consume = "producers = 2\n[consume.readers]\ntopics = [\"orders\"]\nmembers = 2\n";
    let scenario = flat(100_000, 60, consume).replace("catch_up = \"20s\"", "catch_up = \"5s\"");
    let done = Highwater::new(&scenario)
        .bootstrap(cluster.bootstrap())
        .spawn()
        .wait();
    let rss = done.json["generator"]["rss_max_bytes"].as_u64().unwrap();
    assert!(rss < 300_000_000, "{rss} bytes\n{}", done.stdout);
    let account = &done.json["flows"]["orders"]["account"];
    assert_eq!(account["planned"], 6_000_000, "{}", done.stdout);
    assert_eq!(
        done.json["consume"]["readers"]["missing"], 0,
        "{}",
        done.stdout
    );
    assert_eq!(
        done.json["consume"]["readers"]["corrupt"], 0,
        "{}",
        done.stdout
    );
}

#[test]
fn what_a_cluster_refuses_is_told_and_nothing_is_sent() {
    let cluster = Cluster::start(1);
    cluster.create_topic("highwater.orders", 3);
    cluster.create_topic("production.orders", 4);
    let scenario = flat(100, 1, "");
    let unknown = scenario.replace(
        "replication = 1",
        "replication = 1\nconfig = { retention.mss = 5 }",
    );
    let cases: [(&str, &[&str], &str); 3] = [
        (&scenario, &[], "exists with 3 partitions"),
        (
            &scenario,
            &["--topic-prefix", "production."],
            "--allow-existing",
        ),
        (
            &unknown,
            &["--topic-prefix", "highwater.fresh."],
            "retention.mss",
        ),
    ];
    for (scenario, args, word) in cases {
        let done = Highwater::new(scenario)
            .bootstrap(cluster.bootstrap())
            .args(args)
            .spawn()
            .wait();
        assert_eq!(done.code, 2, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(word), "{args:?}: {}", done.stderr);
        assert!(done.json.is_null(), "{args:?} left a run.json");
    }
    let left = kcat_lines(cluster.bootstrap(), "production.orders", "%s");
    assert!(left.is_empty(), "something was written: {left:?}");
}
