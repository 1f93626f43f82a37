//! Gate and comparison as a user starts them: on real Kafka, and without a cluster where none is needed.

#[path = "../support/mod.rs"]
mod support;

mod calibrate;
mod two_clusters;
mod without_cluster;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::Cluster;
use tempfile::TempDir;

/// A small steady load: 400 records a second, half a second of warm-up.
const SCENARIO: &str = r#"
name = "small"
why  = "Is it slower?"
seed = 5
[time]
starts = "2026-11-27T12:00:00Z"
span   = "1500ms"
warmup = "500ms"
settle = "5s"
[load]
lock = ["seed"]
[topic.small]
partitions = 3
[event.small]
topic = "small"
value = { bytes = "300B", compressible = 3 }
[flow.small]
event    = "small"
arrivals = "poisson_exact"
mean     = "400/s"
"#;

/// A folder with a scenario and clients' properties, to run things in.
struct Bench(TempDir);

/// What a command left behind.
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench(tempfile::tempdir().unwrap());
        bench.file("small.toml", SCENARIO);
        bench
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command
            .current_dir(self.0.path())
            .args(args)
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("HIGHWATER_BOOTSTRAP");
        command
    }

    fn run(&self, args: &[&str]) -> Done {
        let output = self.command(args).output().unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn json(&self, name: &str) -> Value {
        read_json(&self.path(name))
    }
}

fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

impl Done {
    fn assert_code(&self, codes: &[i32]) {
        let is_expected = codes.contains(&self.code);
        assert!(
            is_expected,
            "exit {}\n{}\n{}",
            self.code, self.stdout, self.stderr
        );
    }
}

/// A bench whose sides are this cluster, one with a plain client, one whose client lingers for 60 ms.
fn beside(cluster: &Cluster) -> Bench {
    let bench = Bench::new();
    let bootstrap = format!("bootstrap.servers={}\n", cluster.bootstrap());
    bench.file("plain.properties", &bootstrap);
    bench.file(
        "lingering.properties",
        &format!("{bootstrap}linger.ms=60\n"),
    );
    bench
}

/// Two gates of a side against itself: none may call a regression. The machine may be too noisy to tell, and must say so then.
#[test]
fn the_same_against_the_same_is_no_regression() {
    let cluster = Cluster::start(1);
    let bench = beside(&cluster);
    let sides = [
        "--baseline",
        "plain.properties",
        "--candidate",
        "plain.properties",
    ];
    for out in ["one", "two"] {
        let mut args = vec![
            "gate",
            "small.toml",
            "--pairs",
            "6",
            "--max-pairs",
            "6",
            "--unthrottled",
            "0s",
            "--out",
            out,
        ];
        args.extend(sides);
        let done = bench.run(&args);
        done.assert_code(&[0, 3]);
        let gate = bench.json(&format!("{out}/gate.json"));
        let kinds: Vec<&str> = gate["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|r| r["kind"].as_str())
            .collect();
        assert!(
            kinds
                .iter()
                .all(|kind| *kind == "too_noisy" || *kind == "unusable"),
            "{kinds:?}"
        );
        assert_eq!(gate["figures"][0]["name"], "response p50");
        // Nothing is left on the cluster.
        let topics = cluster.tool("TopicCommand", &["--list"]);
        assert!(!topics.contains("highwater."), "{topics}");
    }
}

/// A client that lingers for 60 ms instead of 5 answers later by tens of milliseconds, whatever the machine does.
#[test]
fn a_planted_regression_is_caught() {
    let cluster = Cluster::start(1);
    let bench = beside(&cluster);
    let sides = [
        "--baseline",
        "plain.properties",
        "--candidate",
        "lingering.properties",
    ];
    let mut args = vec![
        "gate",
        "small.toml",
        "--pairs",
        "6",
        "--unthrottled",
        "0s",
        "--quantile",
        "0.5",
        "--out",
        "gate",
    ];
    args.extend(sides);
    let done = bench.run(&args);
    done.assert_code(&[1]);
    let gate = bench.json("gate/gate.json");
    assert_eq!(gate["verdict"], "fail");
    let response = &gate["figures"][0];
    assert_eq!(response["finding"], "worse", "{response}");
    assert!(response["ratio"].as_f64().unwrap() > 1.5, "{response}");
    let looks: Vec<u64> = response["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["look"].as_u64())
        .collect();
    assert!(
        looks.contains(&2),
        "it was confirmed by a second look: {looks:?}"
    );
    let client = &gate["sides"][1]["client"];
    assert_eq!(client["linger.ms"], "60");
}
