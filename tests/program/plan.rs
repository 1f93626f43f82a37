//! `plan`: what would be sent, without a cluster.

use std::process::Command;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

fn plan(args: &[&str]) -> (String, String, i32) {
    let done = Command::new(env!("CARGO_BIN_EXE_highwater"))
        .arg("plan")
        .args(args)
        .env_remove("HIGHWATER_BOOTSTRAP")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(done.stdout),
        text(done.stderr),
        done.status.code().unwrap_or(-1),
    )
}

#[test]
fn every_preset_has_a_plan_that_fits_the_screen() {
    for preset in highwater::scenario::PRESETS {
        let (out, err, code) = plan(&[preset.name]);
        assert_eq!(code, 0, "{}: {err}", preset.name);
        assert!(out.starts_with(preset.name), "{out}");
        assert!(out.contains("█") && out.contains("hottest"), "{out}");
        let widest = out
            .lines()
            // What is sent is shown as it is, and so is the question.
            .skip(2)
            .take_while(|line| !line.contains(", key ") && !line.ends_with(", no key"))
            .map(|line| line.chars().count())
            .max();
        assert!(widest.is_some_and(|widest| widest <= 104), "{out}");
    }
}

/// Half a minute is no performance bar; it is where a plan that looks at every id or event would be found out.
#[test]
fn the_largest_presets_are_planned_without_looking_at_everything() {
    let began = Monotonic.now();
    let (out, err, code) = plan(&["cyber-spike", "--json"]);
    assert_eq!(code, 0, "{err}");
    assert!(Monotonic.now().since(began) < 30 * NS_PER_S);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(json["load"]["peak_per_s"].as_f64().unwrap() > 10_000.0);
    let topics = json["topics"].as_array().unwrap();
    assert!(
        topics
            .iter()
            .all(|topic| topic["hottest"].as_f64().unwrap() >= 1.0)
    );
}

#[test]
fn events_are_lines_in_the_order_they_are_due() {
    let args = ["storefront", "--events", "500", "--run-id", "a"];
    let (out, err, code) = plan(&args);
    assert_eq!(code, 0, "{err}");
    let mut last = 0;
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 500);
    for line in &lines {
        let due = line["due_us"].as_u64().unwrap();
        assert!(due >= last);
        last = due;
        assert!(line["value"].is_object() && line["topic"].is_string());
    }
    assert_eq!(plan(&args).0, out, "the same bytes again");
    let other = plan(&["storefront", "--events", "500", "--run-id", "b"]).0;
    assert_ne!(other, out, "another run has other stamps");
}

#[test]
fn what_is_wrong_is_told_and_nothing_planned() {
    let (out, err, code) = plan(&["no-such-thing"]);
    assert_eq!((out.as_str(), code), ("", 2), "{err}");
    let (_, err, code) = plan(&["storefront", "--events", "0"]);
    assert_eq!(code, 2);
    assert!(err.contains("a number above 0 or `all`"), "{err}");
}
