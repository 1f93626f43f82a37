//! What needs no cluster: refusals, forms, interrupts, commands before each turn.

use std::fs;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

use super::{Bench, read_json};

#[test]
fn a_gate_of_one_side_is_told_in_every_form() {
    let bench = Bench::new();
    let said = "sh -c 'echo started >> log'";
    let before = format!("candidate={said}");
    let done = bench.run(&[
        "gate",
        "small.toml",
        "--self",
        "--target",
        "null",
        "--unthrottled",
        "1s",
        "--pairs",
        "6",
        "--max-pairs",
        "6",
        "--before-each",
        &before,
        "--out",
        "out",
        "--json",
    ]);
    done.assert_code(&[0, 3]);
    let gate = bench.json("out/gate.json");
    assert_eq!(
        gate,
        serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap()
    );
    assert_eq!(gate["kind"], "self");
    let runs = gate["runs"].as_array().unwrap();
    // 6 pairs of two sides, each steady and unthrottled; a pair that did not count was made again.
    assert!(runs.len() >= 24, "{}", runs.len());
    // Each steady run of the same plan, in its own folder.
    for run in runs.iter().filter(|run| run["unthrottled"] == false) {
        let file = read_json(
            &bench
                .path("out")
                .join(run["folder"].as_str().unwrap())
                .join("run.json"),
        );
        assert_eq!(file["plan"]["hash"], gate["plan_hash"]);
    }
    // A B, B A, A B ...
    let order: Vec<&str> = runs
        .iter()
        .filter(|run| run["unthrottled"] == false)
        .filter_map(|run| run["side"].as_str())
        .take(4)
        .collect();
    if runs.len() == 24 {
        assert_eq!(order, ["baseline", "candidate", "candidate", "baseline"]);
        let started = fs::read_to_string(bench.path("log")).unwrap();
        assert_eq!(started.lines().count(), 6, "before each turn of that side");
    }
    for (name, words) in [
        ("gate.md", "| response p99 |"),
        ("junit.xml", "<testcase name=\"response p99\""),
        ("report.html", "<svg class=\"strip"),
    ] {
        let text = fs::read_to_string(bench.path("out").join(name)).unwrap();
        assert!(text.contains(words), "{name}: {text}");
    }
    let figure = &gate["figures"][0];
    assert_eq!(figure["pairs"].as_array().unwrap().len(), 6);
    assert!(figure["run_to_run"].as_f64().is_some() && figure["smallest_found"].as_f64().is_some());
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_differs() {
    let bench = Bench::new();
    bench.file("a.properties", "linger.ms=5\n");
    let stored = bench.run(&[
        "run",
        "small.toml",
        "--target",
        "null",
        "--duration",
        "1s",
        "--out",
        "stored",
        "-q",
    ]);
    stored.assert_code(&[0, 3]);
    let against = [
        "gate",
        "small.toml",
        "--target",
        "null",
        "--against",
        "stored",
        "--candidate",
        "a.properties",
        "--out",
        "gate",
    ];
    let done = bench.run(
        &[
            &against[..],
            &["--set", "flow.small.mean=401/s", "--duration", "1s"],
        ]
        .concat(),
    );
    done.assert_code(&[2]);
    assert!(
        done.stderr
            .contains("flow.small.mean is \"400/s\", here \"401/s\""),
        "{}",
        done.stderr
    );
    for (args, words) in [
        (
            &["gate", "small.toml", "--self", "--seed", "6"][..],
            "`seed` is locked by the scenario",
        ),
        (
            &[
                "compare",
                "small.toml",
                "--cluster",
                "a=a.properties",
                "--cluster",
                "b=a.properties",
                "--seed",
                "6",
            ],
            "`seed` is locked",
        ),
        (
            &["compare", "small.toml", "--cluster", "a=a.properties"],
            "two to five clusters",
        ),
        (
            &[
                "compare",
                "small.toml",
                "--cluster",
                "a=a.properties",
                "--cluster",
                "a=a.properties",
            ],
            "two of that name",
        ),
        (
            &["gate", "small.toml", "--self", "--min-effect", "latency=5%"],
            "response=10%",
        ),
        (
            &[
                "gate",
                "small.toml",
                "--self",
                "--before-each",
                "other=true",
            ],
            "there is no side `other`",
        ),
        (
            &[
                "gate",
                "small.toml",
                "--against",
                "nowhere",
                "--candidate",
                "a.properties",
            ],
            "nowhere",
        ),
        (
            &[
                "gate",
                "small.toml",
                "--baseline",
                "a.properties",
                "--candidate",
                "gone.properties",
            ],
            "--candidate gone.properties: can't read it: No such file",
        ),
        (
            &["gate", "small.toml", "--self", "--baseline", "gone"],
            "--baseline gone: can't read it: No such file",
        ),
        (
            &["gate", "small.toml", "--self", "-F", "gone"],
            "--config gone: can't read it: No such file",
        ),
        (
            &[
                "compare",
                "small.toml",
                "--cluster",
                "a=a.properties",
                "--cluster",
                "b=gone.properties",
            ],
            "--cluster b gone.properties: can't read it: No such file",
        ),
        (
            &["gate", "rolling-upgrade", "--self"],
            "--allow-actions, or copy the scenario",
        ),
    ] {
        let done = bench.run(&[args, &["--target", "null", "--out", "refused"]].concat());
        done.assert_code(&[2]);
        assert!(done.stderr.contains(words), "{args:?}: {}", done.stderr);
        assert!(
            !bench.path("refused").exists(),
            "{args:?}: nothing was made"
        );
    }
}

#[test]
fn a_stored_run_of_the_same_load_is_weaker_evidence() {
    let bench = Bench::new();
    bench.file("a.properties", "linger.ms=5\n");
    bench
        .run(&[
            "run",
            "small.toml",
            "--target",
            "null",
            "--duration",
            "1s",
            "--out",
            "stored",
            "-q",
        ])
        .assert_code(&[0, 3]);
    let done = bench.run(&[
        "gate",
        "small.toml",
        "--target",
        "null",
        "--against",
        "stored",
        "--candidate",
        "a.properties",
        "--duration",
        "1s",
        "--pairs",
        "6",
        "--max-pairs",
        "6",
        "--out",
        "gate",
    ]);
    // Without a cluster a response is a few microseconds: whatever it says of them, it says how much it is worth.
    done.assert_code(&[0, 1, 3]);
    assert!(done.stdout.contains("one stored run of"), "{}", done.stdout);
    assert_eq!(bench.json("gate/gate.json")["kind"], "against");
}

#[test]
fn a_command_that_fails_ends_the_gate() {
    let bench = Bench::new();
    let before = "baseline=sh -c 'echo no broker today; exit 7'";
    let args = [
        "gate",
        "small.toml",
        "--self",
        "--target",
        "null",
        "--before-each",
        before,
        "--out",
        "out",
    ];
    let done = bench.run(&args);
    done.assert_code(&[4]);
    assert!(done.stderr.contains("no broker today"), "{}", done.stderr);
    assert_eq!(bench.json("out/gate.json")["verdict"], "invalid");
}

#[test]
fn an_interrupted_gate_keeps_what_it_knows() {
    let bench = Bench::new();
    let args = [
        "gate",
        "small.toml",
        "--self",
        "--target",
        "null",
        "--unthrottled",
        "0s",
        "--out",
        "out",
    ];
    let mut child = bench.command(&args).spawn().unwrap();
    let runs = bench.path("out/runs");
    let deadline = Monotonic.now().plus_ns(120 * NS_PER_S);
    // The second run is under way: the first is in the folder.
    while fs::read_dir(&runs).map_or(0, |runs| runs.count()) < 2 {
        assert!(Monotonic.now() < deadline, "no second run");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // SAFETY: the process is our own child and not yet waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let gate = bench.json("out/gate.json");
    assert_eq!(gate["verdict"], "invalid");
    assert_eq!(gate["reasons"][0]["kind"], "interrupted");
    assert!(!gate["runs"].as_array().unwrap().is_empty());
}

#[test]
fn clusters_are_compared_in_turn_or_at_once() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        bench.file(&format!("{name}.properties"), "linger.ms=5\n");
    }
    let clusters = [
        "--cluster",
        "one=a.properties",
        "--cluster",
        "two=b.properties",
        "--cluster",
        "three=c.properties",
    ];
    let common = [
        "compare",
        "small.toml",
        "--target",
        "null",
        "--duration",
        "1s",
        "--rounds",
        "2",
        "--price",
        "two=1000",
    ];
    let in_turn = bench.run(
        &[
            &common[..],
            &clusters,
            &["--unthrottled", "1s", "--out", "turn", "--format", "md"],
        ]
        .concat(),
    );
    in_turn.assert_code(&[0, 3]);
    let turn = bench.json("turn/compare.json");
    if in_turn.code == 0 {
        let two = &turn["sides"][1];
        assert!(two["price_per_billion"].as_f64().unwrap() > 0.0, "{two}");
        assert!(
            in_turn.stdout.contains("a billion events"),
            "{}",
            in_turn.stdout
        );
    }
    let at_once =
        bench.run(&[&common[..], &clusters, &["--side-by-side", "--out", "once"]].concat());
    at_once.assert_code(&[0, 3]);
    let once = bench.json("once/compare.json");
    if at_once.code == 0 {
        assert_eq!(once["runs"].as_array().unwrap().len(), 6);
        let acknowledged = |side: usize| once["sides"][side]["account"]["acknowledged"].as_u64();
        assert_eq!(acknowledged(0), acknowledged(1), "the same load");
        assert_eq!(acknowledged(0), acknowledged(2), "the same load");
    }
}

/// The scenario with a command 200 ms after the start of its load.
fn with_command(bench: &Bench, script: &str) {
    let text = format!(
        "{}[[action]]\nname = \"note\"\nat = \"+200ms\"\nrun = [\"sh\", \"-c\", {script:?}]\n",
        super::SCENARIO
    );
    bench.file("acting.toml", &text);
}

/// Two clusters, twice each, with an unthrottled phase.
const ACTING: [&str; 12] = [
    "compare",
    "acting.toml",
    "--target",
    "null",
    "--cluster",
    "a=a.properties",
    "--cluster",
    "b=a.properties",
    "--rounds",
    "2",
    "--out",
    "out",
];

#[test]
fn actions_take_place_in_every_run_at_the_scenarios_rate() {
    let bench = Bench::new();
    bench.file("a.properties", "linger.ms=5\n");
    with_command(&bench, "echo $HIGHWATER_ACTION $HIGHWATER_RUN_ID >> acted");
    let done = bench.run(&[&ACTING[..], &["--unthrottled", "1s"]].concat());
    done.assert_code(&[0]);
    let mut acted: Vec<String> = fs::read_to_string(bench.path("acted"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let steady = bench.json("out/compare.json")["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["unthrottled"] == false)
        .count();
    assert_eq!(acted.len(), steady, "{acted:?}");
    assert!(acted.iter().all(|line| line.starts_with("note compare-")));
    acted.sort();
    acted.dedup();
    assert_eq!(acted.len(), steady, "each in a run of its own: {acted:?}");
}

#[test]
fn an_action_that_fails_ends_it_and_is_not_tried_again() {
    let bench = Bench::new();
    bench.file("a.properties", "linger.ms=5\n");
    with_command(&bench, "echo tried >> acted; exit 9");
    let done = bench.run(&ACTING);
    done.assert_code(&[3]);
    assert!(
        done.stdout.contains("the action note failed"),
        "{}",
        done.stdout
    );
    let acted = fs::read_to_string(bench.path("acted")).unwrap();
    assert_eq!(acted.lines().count(), 1, "{acted}");
    assert_eq!(
        bench.json("out/compare.json")["reasons"][0]["kind"],
        "action"
    );
}
