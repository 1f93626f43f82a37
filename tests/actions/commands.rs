//! Commands that hang, fail, are missing, flood, or still run at the end: each is bounded, killed with its children and told.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::run::{Done, Highwater};
use crate::{action, marks, seconds};

/// A short load on the embedded cluster.
fn load(seconds: u32, more: &str) -> String {
    format!(
        r#"
name = "commands"
[time]
span   = "{seconds}s"
settle = "3s"
[topic.orders]
partitions = 2
[event.order]
topic = "orders"
value = {{ bytes = "200B" }}
[flow.orders]
event = "order"
mean  = "200/s"
{more}
"#
    )
}

fn run(scenario: &str, args: &[&str]) -> Done {
    let done = Highwater::new(scenario).args(args).spawn().wait();
    if !done.json.is_null() {
        done.assert_closed();
    }
    done
}

/// Whether a process of this id is alive, and no zombie.
fn lives(id: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    status.is_ok_and(|line| {
        !line
            .rsplit(')')
            .next()
            .unwrap_or("")
            .trim()
            .starts_with('Z')
    })
}

/// What a command wrote.
fn output(done: &Done, name: &str) -> String {
    let file = action(done, name)["output"].as_str().unwrap().to_owned();
    fs::read_to_string(done.folder.path().join("out").join(file)).unwrap()
}

#[test]
fn misbehaving_commands_are_bounded_killed_and_told() {
    // The first writes the ids of itself and of a child that ignores being asked to end.
    let scenario = load(
        8,
        r#"
[[action]]
name  = "hangs"
at    = "+1s"
run   = ["sh", "-c", "trap '' TERM; sleep 600 & echo $$ $! $HIGHWATER_ACTION $HIGHWATER_RUN_ID $REASON; wait; sleep 600"]
env   = { REASON = "a test" }
limit = "1s"
on_failure = "go_on"
[[action]]
name = "fails"
at   = "+1s"
run  = ["sh", "-c", "echo out; echo err >&2; exit 7"]
on_failure = "go_on"
[[action]]
name  = "next"
after = "fails"
at    = "+1s"
run   = ["true"]
[[action]]
name = "missing"
at   = "+1s"
run  = ["highwater-has-no-such-program"]
on_failure = "go_on"
[[action]]
name  = "floods"
at    = "+1s"
run   = ["yes"]
limit = "2s"
on_failure = "go_on"
[[action]]
name = "stays"
at   = "+7s"
run  = ["sleep", "600"]
on_failure = "go_on"
"#,
    );
    let done = run(&scenario, &["--run-id", "bad-commands"]);
    let told = format!("{}\n{}", done.stdout, done.stderr);
    let outcome = |name: &str| action(&done, name)["outcome"].as_str().unwrap().to_owned();
    assert_eq!(done.code, 0, "{told}");

    assert_eq!(outcome("hangs"), "timed_out");
    // Its limit of 1 s, and the 2 s it has to tidy up.
    let hangs = action(&done, "hangs");
    let took = seconds(hangs, "ended_us") - seconds(hangs, "began_us");
    assert!((2.9..6.0).contains(&took), "{took} s");
    let text = output(&done, "hangs");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words[2..], ["hangs", "bad-commands", "a", "test"]);
    assert!(!lives(words[0]) && !lives(words[1]), "{text} lives on");

    assert_eq!(outcome("fails"), "failed");
    assert_eq!(action(&done, "fails")["exit_code"], 7);
    assert_eq!(output(&done, "fails"), "out\nerr\n");
    // In order: a second after the one it follows.
    let (fails, next) = (action(&done, "fails"), action(&done, "next"));
    let later = seconds(next, "began_us") - seconds(fails, "ended_us");
    assert!((1.0..1.5).contains(&later), "{later} s");

    assert_eq!(outcome("missing"), "not_started");
    assert!(action(&done, "missing")["output"].is_null());

    assert_eq!(outcome("floods"), "timed_out");
    let floods = action(&done, "floods")["output_bytes"].as_u64().unwrap();
    let kept = output(&done, "floods").len() as u64;
    assert!(
        floods > kept && (1 << 20..(1 << 20) + 100).contains(&kept),
        "{floods}, {kept}"
    );

    assert_eq!(outcome("stays"), "cut_off");
    // Begun at 7 s of 8: it had the 3 s of settling, and went when it was asked to.
    let ended = seconds(action(&done, "stays"), "ended_us");
    assert!((11.0..13.0).contains(&ended), "{ended} s");

    let marks = marks(&done);
    for (second, text) in [
        (1, "hangs begins"),
        (1, "fails FAILED"),
        (7, "stays begins"),
    ] {
        assert!(marks.contains(&(second, text.to_owned())), "{marks:?}");
    }
    assert!(told.contains("killed after its limit of 1s"), "{told}");
    assert_eq!(done.json["flows"]["orders"]["account"]["failed"], 0);
}

#[test]
fn a_failure_that_matters_stops_the_load_and_proves_nothing() {
    let scenario = load(
        20,
        r#"
[[action]]
name = "upgrade"
at   = "+2s"
run  = ["false"]
[[action]]
name  = "after it"
after = "upgrade"
at    = "+1s"
run   = ["true"]
"#,
    );
    let done = run(&scenario, &[]);
    let told = format!("{}\n{}", done.stdout, done.stderr);
    assert_eq!(
        (done.code, &done.json["verdict"]),
        (3, &Value::from("invalid")),
        "{told}"
    );
    assert_eq!(done.reasons()[0], "action", "{told}");
    let elapsed = done.json["elapsed_us"].as_u64().unwrap();
    assert!((2_000_000..4_000_000).contains(&elapsed), "{elapsed} us");
    assert_eq!(action(&done, "after it")["outcome"], "skipped");
    assert!(action(&done, "after it")["cost"].is_null());
}

#[test]
fn ctrl_c_ends_commands_too() {
    let scenario = load(
        60,
        "[[action]]\nname = \"stays\"\nat = \"+1s\"\nrun = [\"sh\", \"-c\", \"echo $$; exec sleep 600\"]",
    )
    .replace("settle = \"3s\"", "settle = \"30s\"");
    for twice in [false, true] {
        let run = Highwater::new(&scenario).spawn();
        run.wait_for_windows(2);
        let log = run.out().join("actions/01-stays.log");
        let id = fs::read_to_string(log).unwrap().trim().to_owned();
        assert!(lives(&id));
        run.interrupt();
        if twice {
            run.wait_for_stderr("settling");
            run.interrupt();
        }
        let done = run.wait();
        assert_eq!(done.code, 3, "{}", done.stderr);
        assert!(!lives(&id), "twice: {twice}");
        assert_eq!(done.json.is_null(), twice);
        if !twice {
            assert_eq!(action(&done, "stays")["outcome"], "cut_off");
        }
    }
}

#[test]
fn a_built_in_scenario_runs_no_command_unasked() {
    let run = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"))
            .args([
                "run",
                "rolling-upgrade",
                "--target",
                "null",
                "--max-rate",
                "1/s",
            ])
            .args(args)
            .env_remove("HIGHWATER_BOOTSTRAP")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), told)
    };
    let (code, told) = run(&[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("--allow-actions") && told.contains("restart 1"),
        "{told}"
    );
    // Allowed, it comes to the next thing that is wrong with this command line.
    let (code, told) = run(&["--allow-actions"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--max-rate"), "{told}");
}
