//! Ctrl-C at every moment of a run: the exit code is right, the account is closed or there is nothing at all, and no file is
//! half-written.

use std::time::Duration;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

use crate::small;
use crate::support::run::{Done, Highwater, Running};

/// A moment of a run: the words on standard error that tell it has come, and how much later.
type Moment = (&'static str, u64);

/// An end that takes its time: the second batch begins 2.5 s into the load of 3 s and waits as long before it goes, and a record
/// takes its only reader 20 ms.
fn slow_end() -> String {
    small(3)
        .replace("linger.ms = 5", "linger.ms = 2500")
        .replace("catch_up = \"10s\"", "catch_up = \"120s\"")
        .replace("members = 2", "members = 1\nwork = \"20ms\"")
}

fn wait_for((words, ms): Moment, run: &Running) {
    run.wait_for_handler();
    run.wait_for_stderr(words);
    std::thread::sleep(Duration::from_millis(ms));
}

/// What was interrupted, once, at this moment.
fn interrupted(scenario: &str, moment: Moment) -> Done {
    let run = Highwater::new(scenario).spawn();
    wait_for(moment, &run);
    run.interrupt();
    run.wait()
}

/// Interrupts as many runs of the scenario at these moments, side by side, and holds each against the promise. On a slow machine a
/// moment may come later than it is meant to; the promise holds at every one.
fn sweep(scenario: &str, moments: &[Moment]) {
    let done: Vec<(Moment, Done)> = std::thread::scope(|scope| {
        let runs: Vec<_> = moments
            .iter()
            .map(|moment| scope.spawn(|| (*moment, interrupted(scenario, *moment))))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (moment, done) in done {
        assert_closed_or_nothing(&done, moment);
    }
}

/// There is an account, and it is closed, or there is nothing at all.
fn assert_closed_or_nothing(done: &Done, moment: Moment) {
    let told = format!("{moment:?}: {}\n{}", done.stdout, done.stderr);
    assert_eq!(done.code, 3, "{told}");
    let files = done.files();
    if done.json.is_null() {
        assert_eq!(files, None, "{told}");
        assert!(done.stderr.contains("nothing was sent"), "{told}");
        return;
    }
    no_temporary_files(done);
    assert_eq!(done.json["verdict"], "invalid", "{told}");
    assert_eq!(done.reasons()[0], "interrupted", "{told}");
    done.assert_closed();
}

fn no_temporary_files(done: &Done) {
    let files = done.files().unwrap_or_default();
    let temporary = |name: &&String| name.starts_with('.') || name.ends_with(".tmp");
    assert_eq!(files.iter().find(temporary), None);
}

#[test]
fn before_the_load_nothing_was_sent_and_nothing_is_left() {
    // From the first instant that Ctrl-C is heeded to the members' assembling, which takes the embedded cluster 3 s.
    sweep(&small(30), &[0, 3, 10, 30, 100, 300].map(|ms| ("", ms)));
    let assembling = [0, 200, 500].map(|ms| ("waiting for consumers", ms));
    sweep(&small(30), &assembling);
}

#[test]
fn from_the_first_instant_of_the_load_the_account_is_closed() {
    let moments = [0, 20, 50, 100, 150, 1_000, 2_300].map(|ms| ("of 0:30", ms));
    sweep(&small(30), &moments);
}

#[test]
fn after_the_load_waiting_is_cut_short_and_the_account_is_closed() {
    let moments = [
        ("settling", 0),
        ("settling", 1_000),
        ("catching up", 0),
        ("catching up", 1_000),
    ];
    sweep(&slow_end(), &moments);
}

/// The reader needs 600 x 100 ms = 60 s for what is there; once interrupted, it is given 10 s.
/// Whoever stops a container or closes a terminal gets the account as well.
#[test]
fn to_be_told_to_end_is_an_interrupt() {
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        let run = Highwater::new(&small(30)).spawn();
        run.wait_for_windows(2);
        run.signal(signal);
        let done = run.wait();
        assert_eq!(done.code, 3, "{}", done.stderr);
        done.assert_closed();
        assert!(
            done.reasons().iter().any(|r| r == "interrupted"),
            "{:?}",
            done.reasons()
        );
    }
}

#[test]
fn groups_do_not_read_on_for_long_after_an_interrupt() {
    let scenario = slow_end().replace("20ms", "100ms");
    let run = Highwater::new(&scenario).spawn();
    wait_for(("catching up", 0), &run);
    let began = Monotonic.now();
    run.interrupt();
    let done = run.wait();
    let took_s = Monotonic.now().since(began) / NS_PER_S;
    assert!((9..20).contains(&took_s), "{took_s} s");
    assert_closed_or_nothing(&done, ("catching up", 0));
    assert_ne!(done.json["consume"]["readers"]["unread"], 0);
}

/// The result is known by then: it is written whole, and its own verdict stands.
#[test]
fn while_the_folder_is_written_the_run_counts_as_it_was() {
    let run = Highwater::new(&small(1)).spawn();
    wait_for(("writing the run folder", 0), &run);
    run.interrupt();
    let done = run.wait();
    no_temporary_files(&done);
    done.assert_closed();
    let code = match done.json["verdict"].as_str() {
        Some("pass") => 0,
        Some("invalid") => 3,
        other => panic!("{other:?}: {}", done.stdout),
    };
    assert_eq!(done.code, code, "{}", done.stderr);
}

#[test]
fn twice_leaves_at_once() {
    // Nothing is acknowledged for 9 s, so that settling would take as long.
    let scenario = small(30).replace("linger.ms = 5", "linger.ms = 9000");
    for moment in [("of 0:30", 1_000), ("of 0:30", 2_000)] {
        let run = Highwater::new(&scenario).spawn();
        wait_for(moment, &run);
        run.interrupt();
        run.wait_for_stderr("settling");
        let began = Monotonic.now();
        run.interrupt();
        let done = run.wait();
        let took_ms = Monotonic.now().since(began) / 1_000_000;
        assert_eq!(done.code, 3, "{}", done.stderr);
        assert!(took_ms < 3_000, "{took_ms} ms");
        assert!(done.json.is_null(), "there was no time for a result");
        no_temporary_files(&done);
    }
}
