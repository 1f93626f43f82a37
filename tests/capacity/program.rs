//! `highwater capacity` as its user meets it, without a cluster.

use highwater::capacity::search::file::SearchFile;

use crate::support::run::{Highwater, report};

/// 100 events a second.
const SCENARIO: &str = r#"
name = "small"
why  = "does it search at all"
seed = 3
[time]
starts = "2026-11-27T12:00:00Z"
span   = "1m"
[topic.orders]
partitions = 4
[event.order]
topic = "orders"
value = { bytes = "200B" }
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "100/s"
[[slo]]
metric   = "response"
quantile = 0.99
below    = "900ms"
"#;

#[test]
fn a_ceiling_is_rated_and_a_search_goes_on_where_another_ended() {
    // 40/s is the most that may be offered, and no cluster at all carries it. Ten seconds are too few: it ends, and is resumed.
    let flags = [
        "--target",
        "null",
        "--max-rate",
        "40/s",
        "--confirm",
        "2s",
        "--headroom",
        "0.3",
    ];
    let first = Highwater::new(SCENARIO)
        .command("capacity")
        .args(&flags)
        .args(&["--max-duration", "16s"])
        .spawn()
        .wait();
    let told = format!("{}\n{}", first.stdout, first.stderr);
    assert_eq!(first.code, 3, "{told}");
    assert!(first.stdout.contains("--resume"), "{told}");
    let folder = first.folder.path().join("out");
    let known = SearchFile::read(&folder).unwrap_or_else(|e| panic!("{e}\n{told}"));
    assert!(!known.steps.is_empty(), "{told}");
    // Its page is its own: that of a run would take its place.
    let page = std::fs::read(folder.join("report.html")).unwrap();
    let refused = report(&[folder.to_str().unwrap()]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--format csv"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read(folder.join("report.html")).unwrap(), page);

    let second = Highwater::new(SCENARIO)
        .command("capacity")
        .args(&flags)
        .args(&[
            "--max-duration",
            "60s",
            "--resume",
            folder.to_str().unwrap(),
        ])
        .spawn()
        .wait();
    let told = format!("{}\n{}", second.stdout, second.stderr);
    assert_eq!(second.code, 0, "{told}");
    assert!(second.stdout.contains("Headroom: 0.40 times"), "{told}");
    let file = SearchFile::read(&second.folder.path().join("out"))
        .unwrap_or_else(|e| panic!("{e}\n{told}"));
    assert!(file.steps.len() > known.steps.len(), "{told}");
    assert_eq!(file.steps[..known.steps.len()].len(), known.steps.len());
    assert!(file.steps[0].to_s <= 0.0, "{:?}", file.steps[0]);
    let rated = file.found.and_then(|found| found.rated_per_s);
    assert_eq!(rated, Some(40.0), "{told}");

    // Another load is another search.
    let other = Highwater::new(&SCENARIO.replace("100/s", "110/s"))
        .command("capacity")
        .args(&flags)
        .args(&["--resume", folder.to_str().unwrap()])
        .spawn()
        .wait();
    assert_eq!(other.code, 2, "{}", other.stderr);
    assert!(other.stderr.contains("of another load"), "{}", other.stderr);
}

#[test]
fn what_has_no_rate_is_refused() {
    let done = Highwater::new(
        &SCENARIO
            .replace("\"even\"\nmean     = \"100/s\"", "\"unthrottled\"")
            .replace("\"response\"", "\"service\""),
    )
    .command("capacity")
    .args(&["--target", "null"])
    .spawn()
    .wait();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(
        done.stderr.contains("flow orders is unthrottled"),
        "{}",
        done.stderr
    );
}

/// 3,500 records a second at 1 ms each are the work of 3.5 members; of 12 partitions with uniform keys, four have three each, and
/// the busiest has about 0.9 of what it can do.
pub(super) const DEMAND: &str = r#"
name = "demand"
why  = "how many consumers?"
seed = 9
[time]
starts = "2026-11-27T12:00:00Z"
span   = "1m"
settle = "5s"
[client]
linger.ms = 5
[pool.customer]
count = 100000
[topic.orders]
partitions = 12
replication = 1
[event.order]
topic = "orders"
key   = "customer"
value = { bytes = "200B" }
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "3500/s"
[consume.billing]
topics = ["orders"]
members = 1
work = "1ms"
"#;

#[test]
fn think_time_decides_how_many_consumers_are_needed() {
    // The embedded cluster does: think time needs no broker, and its few megabytes hold a run of 15 s.
    let done = Highwater::new(DEMAND)
        .command("capacity")
        .args(&[
            "--target",
            "embedded",
            "--over",
            "consumers",
            "--max-duration",
            "150s",
        ])
        .spawn()
        .wait();
    let told = format!("{}\n{}", done.stdout, done.stderr);
    let file =
        SearchFile::read(&done.folder.path().join("out")).unwrap_or_else(|e| panic!("{e}\n{told}"));
    assert_eq!(
        file.demand[0].members,
        Some(4),
        "{:#?}\n{told}",
        file.demand
    );
    assert_eq!(done.code, 0, "{told}");
    assert!(
        done.stdout.contains("Group billing needs 4 members"),
        "{told}"
    );
}
