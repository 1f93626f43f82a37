//! Two real clusters, one of them worse by a setting of its broker: compared in turn, and side by side.

use std::fs;

use serde_json::Value;

use super::Bench;
use super::support::Cluster;

/// 200 records a second to 3 partitions, read back by two members.
const SCENARIO: &str = r#"
name = "pilot"
why  = "Is the new cluster as good as the old one?"
seed = 11
[time]
starts   = "2026-11-27T12:00:00Z"
span     = "4s"
warmup   = "1s"
settle   = "10s"
catch_up = "5s"
[topic.orders]
partitions  = 3
replication = 1
[event.order]
topic = "orders"
value = { bytes = "1kB", compressible = 2 }
[flow.orders]
event    = "order"
arrivals = "poisson_exact"
mean     = "200/s"
[consume.billing]
topics  = ["orders"]
members = 2
"#;

/// The second broker makes every request wait: a client quota of 100 kB/s, looked at over two seconds, where 200 kB/s come.
fn worsen(cluster: &Cluster) {
    let properties = cluster.dir().join("1/server.properties");
    let mut text = fs::read_to_string(&properties).unwrap();
    text.push_str("\nquota.window.num=2\n");
    fs::write(&properties, text).unwrap();
    cluster.restart(1);
    let of_clients = ["--entity-type", "clients", "--entity-default"];
    let quota = ["--alter", "--add-config", "producer_byte_rate=100000"];
    cluster.tool("ConfigCommand", &[&quota[..], &of_clients].concat());
}

fn figure<'a>(file: &'a Value, name: &str) -> &'a Value {
    let mut figures = file["figures"].as_array().unwrap().iter();
    figures
        .find(|figure| figure["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {file:#}"))
}

#[test]
#[ignore = "two clusters, three minutes: ci/long"]
fn the_worse_of_two_clusters_is_told_in_turn_and_side_by_side() {
    let old = Cluster::start(1);
    let new = old.beside(1);
    worsen(&new);
    let bench = Bench::new();
    bench.file("pilot.toml", SCENARIO);
    for (name, cluster) in [("old", &old), ("new", &new)] {
        let address = format!("bootstrap.servers={}\n", cluster.bootstrap());
        bench.file(&format!("{name}.properties"), &address);
    }
    let common = [
        "compare",
        "pilot.toml",
        "--cluster",
        "old=old.properties",
        "--cluster",
        "new=new.properties",
        "--rounds",
        "6",
    ];
    for (out, flags) in [("turn", &[][..]), ("once", &["--side-by-side"])] {
        let done = bench.run(&[&common[..], flags, &["--out", out]].concat());
        done.assert_code(&[0]);
        let file = bench.json(&format!("{out}/compare.json"));
        for name in ["response p50", "end-to-end p50"] {
            let figure = figure(&file, name);
            assert_eq!(figure["finding"], "worse", "{out}: {figure:#}");
            // 800 ms of load fill what the quota lets through in four seconds.
            assert!(figure["ratio"].as_f64().unwrap() > 5.0, "{out}: {figure:#}");
        }
        // Whatever a quota does to times, nothing is lost, and both had the same load.
        let [old, new] = [0, 1].map(|side| &file["sides"][side]);
        assert_eq!(old["account"]["planned"], new["account"]["planned"]);
        for side in [old, new] {
            assert_eq!(side["records"]["missing"], 0, "{out}: {side:#}");
            assert_eq!(side["account"]["failed"], 0, "{out}: {side:#}");
        }
        assert_ne!(old["bootstrap"], new["bootstrap"]);
        let page = fs::read_to_string(bench.path(out).join("report.html")).unwrap();
        assert!(page.contains("<svg class=\"strip"), "{out}");
    }
    for cluster in [&old, &new] {
        let topics = cluster.tool("TopicCommand", &["--list"]);
        assert!(!topics.contains("highwater."), "{topics}");
    }
}
