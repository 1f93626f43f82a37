//! Ctrl-C at the moments that only a real cluster has. On the way to the load nothing may be left on it.

use std::time::Duration;

use highwater::clock::{Clock, Monotonic, NS_PER_S};

use crate::flat;
use crate::support::Cluster;
use crate::support::run::{Highwater, wait_until};

const READERS: &str = "[consume.readers]\ntopics = [\"orders\"]\nmembers = 2\n";

/// Topics with this prefix, as kcat lists them.
fn topics(cluster: &Cluster, prefix: &str) -> usize {
    let listed = cluster.kcat(["-L"]).stdout();
    let quoted = format!("topic \"{prefix}");
    listed.lines().filter(|line| line.contains(&quoted)).count()
}

#[test]
fn on_the_way_to_the_load_nothing_is_sent_and_nothing_left() {
    let cluster = Cluster::start(1);
    let moments = [
        ("", 0),
        ("connecting", 0),
        ("connecting", 20),
        ("creating", 0),
        ("creating", 30),
        ("creating", 100),
        ("waiting for consumers", 0),
        ("waiting for consumers", 50),
    ];
    for (number, (words, ms)) in moments.into_iter().enumerate() {
        let prefix = format!("highwater.at-{number}.");
        let run = Highwater::new(&flat(200, 30, READERS))
            .bootstrap(cluster.bootstrap())
            .args(&["--topic-prefix", &prefix])
            .spawn();
        run.wait_for_handler();
        run.wait_for_stderr(words);
        std::thread::sleep(Duration::from_millis(ms));
        run.interrupt();
        let done = run.wait();
        let told = format!("{words} + {ms} ms: {}\n{}", done.stdout, done.stderr);
        assert_eq!(done.code, 3, "{told}");
        if done.json.is_null() {
            assert_eq!(done.files(), None, "{told}");
            assert!(done.stderr.contains("nothing was sent"), "{told}");
            wait_until("the end of its topics", || topics(&cluster, &prefix) == 0);
        } else {
            // The load had begun by then: the moment came late.
            done.assert_closed();
            assert_eq!(done.reasons()[0], "interrupted", "{told}");
        }
    }
    // The witness sees topics, or it proves nothing.
    let done = Highwater::new(&flat(200, 1, ""))
        .bootstrap(cluster.bootstrap())
        .args(&["--topic-prefix", "highwater.at-last."])
        .spawn()
        .wait();
    done.assert_sound();
    assert_eq!(topics(&cluster, "highwater.at-last."), 1);
}

#[test]
fn a_cluster_that_does_not_answer_keeps_nobody_waiting() {
    let cluster = Cluster::start(1);
    cluster.pause(1);
    let run = Highwater::new(&flat(200, 30, ""))
        .bootstrap(cluster.bootstrap())
        .spawn();
    run.wait_for_stderr("connecting");
    let began = Monotonic.now();
    run.interrupt();
    let done = run.wait();
    // Connecting alone would go on for 10 s.
    assert!(Monotonic.now().since(began) < 5 * NS_PER_S);
    assert_eq!((done.code, done.files()), (3, None), "{}", done.stderr);

    cluster.resume(1);
    let run = Highwater::new(&flat(200, 60, READERS))
        .bootstrap(cluster.bootstrap())
        .spawn();
    run.wait_for_windows(2);
    cluster.pause(1);
    std::thread::sleep(Duration::from_secs(1));
    let began = Monotonic.now();
    run.interrupt();
    let done = run.wait();
    let took_s = Monotonic.now().since(began) / NS_PER_S;
    cluster.resume(1);
    let told = format!("{took_s} s: {}\n{}", done.stdout, done.stderr);
    assert_eq!(done.code, 3, "{told}");
    done.assert_closed();
    assert_eq!(done.reasons()[0], "interrupted", "{told}");
    assert_ne!(
        done.json["flows"]["orders"]["account"]["unresolved"], 0,
        "{told}"
    );
    // Where the logs end can't be known then; what was acknowledged and not yet read is unread, and not missing.
    assert!(done.reasons().contains(&"incomplete".to_owned()), "{told}");
    assert_eq!(done.json["consume"]["readers"]["missing"], 0, "{told}");
    // 10 s to settle, 5 s to leave the group, 10 s for each of two questions to the cluster, and 5 s for whether anybody is there.
    assert!(took_s < 50, "{told}");
}
