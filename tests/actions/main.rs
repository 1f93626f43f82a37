//! What is done while the load runs, and what it costs: commands that misbehave, groups that pause, brokers that go and come back, groups
//! of others whose lag is watched.

#[path = "../support/mod.rs"]
mod support;

mod brokers;
mod commands;
mod groups;

use serde_json::Value;
use support::run::Done;

/// What became of an action.
fn action<'a>(done: &'a Done, name: &str) -> &'a Value {
    let all = done.json["actions"].as_array();
    let found = all.and_then(|all| all.iter().find(|action| action["name"] == name));
    found.unwrap_or_else(|| panic!("no action {name}\n{}\n{}", done.stdout, done.stderr))
}

/// A time of an action in seconds.
fn seconds(of: &Value, field: &str) -> f64 {
    let us = of[field].as_u64();
    us.unwrap_or_else(|| panic!("no {field} in {of}")) as f64 / 1e6
}

/// All marks of a run, with the second each stands in.
fn marks(done: &Done) -> Vec<(u64, String)> {
    let of = |window: &Value| -> Vec<(u64, String)> {
        let at_s = window["at_us"].as_u64().unwrap() / 1_000_000;
        let marks = window["marks"].as_array().unwrap();
        let text = |mark: &Value| (at_s, mark.as_str().unwrap().to_owned());
        marks.iter().map(text).collect()
    };
    done.windows.iter().flat_map(of).collect()
}
