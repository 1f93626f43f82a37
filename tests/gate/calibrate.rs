//! Calibration: kept, cited by runs, and heeded.

use super::Bench;

#[test]
fn a_calibration_is_kept_and_cited_and_warns() {
    let bench = Bench::new();
    bench.run(&["calibrate", "--show"]).assert_code(&[2]);
    let done = bench.run(&["calibrate", "--duration", "1s", "-q"]);
    done.assert_code(&[0]);
    assert!(
        done.stdout.contains("send delay at 10k/s"),
        "{}",
        done.stdout
    );
    let kept = bench.json("state/highwater/calibration.json");
    let ceiling = kept["one_producer_per_s"].as_f64().unwrap();
    assert!(ceiling > 1_000.0, "{kept}");
    assert_eq!(bench.run(&["calibrate", "--show"]).stdout, done.stdout);
    // Three quarters of what one producer can do: possible, and doubtful.
    let peak = format!(
        "flow.small.mean={}/s",
        (ceiling.max(
            kept["all_producers_per_s"].as_f64().unwrap() / kept["producers"].as_f64().unwrap()
        ) * 0.75) as u64
    );
    let run = bench.run(&[
        "run",
        "small.toml",
        "--target",
        "null",
        "--duration",
        "600ms",
        "--set",
        &peak,
        "--out",
        "fast",
    ]);
    assert!(
        run.stderr.contains("this machine generates at most"),
        "{}",
        run.stderr
    );
    let cited = &bench.json("fast/run.json")["generator"]["calibration"];
    assert_eq!(cited["made"], kept["made"]);
    let run = bench.run(&[
        "run",
        "small.toml",
        "--target",
        "null",
        "--duration",
        "600ms",
        "--out",
        "slow",
    ]);
    assert!(!run.stderr.contains("generates at most"), "{}", run.stderr);
}
