//! Keys, journeys and defects on a real cluster: where records go is where the plan says, and what is wrong on purpose is not held
//! against the cluster.

use std::collections::HashMap;

use crate::support::Cluster;
use crate::support::run::{Highwater, kcat_lines};

/// Merchants of very different sizes, one product on everybody's list for half of the time, journeys that keep to their session's
/// partition, and events with defects.
const SCENARIO: &str = r#"
name = "commerce"
why  = "ground truth"
seed = 11
[time]
starts   = "2026-11-27T12:00:00Z"
span     = "20s"
history  = "5s"
catch_up = "20s"
[pool.merchant]
count = 10_000
skew  = { lognormal = 2.5 }
[pool.product]
count = 100_000
flash = { id = 77, share = 0.5, at = "+10s", for = "10s" }
[topic.orders]
partitions  = 12
replication = 1
[topic.carts]
partitions  = 6
replication = 1
[topic.views]
partitions  = 4
replication = 1
[topic.stock]
partitions  = 3
replication = 1
[event.order]
topic = "orders"
key   = "merchant"
value = { bytes = "200B" }
[event.cart]
topic = "carts"
key   = "product"
value = { bytes = "200B" }
[event.view]
topic = "views"
key   = "session"
value = { bytes = "200B" }
[event.stock]
topic   = "stock"
key     = "product"
value   = { bytes = "200B" }
defects = { tombstone = { share = 0.1 }, duplicate = { share = 0.05 }, oversized = { share = 0.01, size = "2MB" } }
[journey.visit]
start = "look"
keeps = ["merchant"]
[journey.visit.state.look]
emits = "view"
next  = { look = 0.7, buy = 0.2 }
after = { exponential = "1s" }
[journey.visit.state.buy]
emits = "order"
[flow.visits]
journey = "visit"
mean    = "1000/s"
of      = "order"
[flow.carts]
event = "cart"
mean  = "1500/s"
[flow.stock]
event = "stock"
mean  = "200/s"
[consume.readers]
topics = ["orders", "carts", "views", "stock"]
"#;

/// By topic, how many records each partition has, as another program counts them.
fn counted(bootstrap: &str, topic: &str) -> HashMap<u32, u64> {
    let mut counts = HashMap::new();
    for partition in kcat_lines(bootstrap, topic, "%p") {
        *counts.entry(partition.parse().unwrap()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn records_go_where_the_plan_says_and_defects_are_expected() {
    let cluster = Cluster::start(1);
    let planned = Highwater::plan(SCENARIO);
    let done = Highwater::new(SCENARIO)
        .bootstrap(cluster.bootstrap())
        .spawn()
        .wait();
    done.assert_sound();
    for topic in ["orders", "carts", "views"] {
        let counts = counted(cluster.bootstrap(), &format!("highwater.{topic}"));
        let told = done.json["partitions"][topic].as_array().unwrap();
        for (partition, told) in told.iter().enumerate() {
            assert_eq!(told["records"], counts[&(partition as u32)], "{topic}");
        }
        // Of some 20,000 records and more the hottest partition has at least a sixth: 2.5 % are over two standard deviations, and the
        // seed is fixed, so what is drawn is the same on every machine.
        let all: u64 = counts.values().sum();
        let most = counts.values().max().copied().unwrap();
        let measured = most as f64 * counts.len() as f64 / all as f64;
        let topics = planned["topics"].as_array().unwrap();
        let plan = topics.iter().find(|plan| plan["name"] == topic).unwrap();
        let predicted = plan["hottest"].as_f64().unwrap();
        assert!(
            (measured / predicted - 1.0).abs() < 0.05,
            "{topic}: {measured} against {predicted}"
        );
    }
    defects(&done.json, cluster.bootstrap());
}

/// 4,000 events and 200 copies of them: a tenth tombstones, a hundredth too large for any topic. Five standard deviations each.
fn defects(run: &serde_json::Value, bootstrap: &str) {
    let account = &run["flows"]["stock"]["account"];
    let count = |name: &str| account[name].as_u64().unwrap();
    assert!(count("planned").abs_diff(4_200) < 5 * 67, "{account}");
    assert!((10..=74).contains(&count("failed")), "{account}");
    assert_eq!(count("acknowledged") + count("failed"), count("planned"));
    // kcat writes -1 for a value that is none.
    let sizes = kcat_lines(bootstrap, "highwater.stock", "%S");
    assert_eq!(sizes.len() as u64, count("acknowledged"));
    let tombstones = sizes.iter().filter(|size| *size == "-1").count();
    assert!((318..=522).contains(&tombstones), "{tombstones}");
    let reasons = run["reasons"].to_string();
    assert!(!reasons.contains("failed"), "{reasons}");
}
