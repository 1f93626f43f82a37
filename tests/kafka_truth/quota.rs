//! A client quota: the broker holds the client back, and that is the cluster's doing.
//!
//! A quota of q bytes/s lets pass what its window of ten full seconds and one begun has not used up, 10 q to 11 q, and then q a
//! second on average (the pauses come in a saw-tooth of the window's length). With r bytes/s offered, r > q, the bytes accepted by
//! time t are A(t), q t <= A(t) <= q (t + 11), and an event due at t waits until A reaches r t: between
//!
//! ```text
//! r t / q - 11 - t   and   r t / q - t   seconds.
//! ```

use crate::flat;
use crate::support::Cluster;
use crate::support::run::{Highwater, share_above};

const RATE: u32 = 4_000;
const LOAD_S: u32 = 16;
/// Values of 300 B; a record's own fields in its batch (length, deltas of time and offset, no key) add 8 to 10 B.
const BYTES_PER_S: f64 = RATE as f64 * 309.0;
const QUOTA: f64 = 600_000.0;
/// Events held back in the broker and in the client's requests, and the machine: seconds.
const SLACK_S: f64 = 2.0;

#[test]
fn a_quota_is_the_clusters_doing_and_shows_in_response_times_as_arithmetic_says() {
    let cluster = Cluster::start(1);
    let quota = format!("producer_byte_rate={QUOTA}");
    cluster.tool(
        "ConfigCommand",
        &[
            "--alter",
            "--add-config",
            &quota,
            "--entity-type",
            "clients",
            "--entity-default",
        ],
    );
    // A queue of a quarter of a second: what is held back waits outside it. 500 B a message would be room for all.
    let extra = "client = { queue.buffering.max.messages = 1000 }
[[slo]]
metric   = \"response\"
quantile = 0.99
below    = \"500ms\"";
    let done = Highwater::new(&flat(RATE, LOAD_S, extra))
        .bootstrap(cluster.bootstrap())
        .spawn()
        .wait();
    let told = format!("{}\n{}", done.stdout, done.stderr);
    let flow = &done.json["flows"]["orders"];
    assert_eq!(flow["account"]["planned"], RATE * LOAD_S, "{told}");
    assert_eq!(flow["account"]["acknowledged"], RATE * LOAD_S, "{told}");
    done.assert_closed();

    // Blamed on the cluster: a limit missed, no steady state, and at most the machine's own hiccups.
    let reasons = done.reasons();
    let expected = ["slo", "no_steady_state", "generator"];
    assert!(
        reasons.iter().all(|kind| expected.contains(&kind.as_str())),
        "{told}"
    );
    assert!(reasons.iter().any(|kind| kind == "slo"), "{told}");
    if !reasons.iter().any(|kind| kind == "generator") {
        assert_eq!((done.code, &done.json["verdict"]), (1, &"fail".into()));
    }
    done.assert_queue_not_blamed(500.0);

    // The broker said how long it held us back.
    let throttled_us: u64 = done
        .windows
        .iter()
        .filter_map(|window| window["client"]["brokers"].as_object())
        .flat_map(|brokers| brokers.values())
        .filter_map(|broker| broker["throttle_max_us"].as_u64())
        .max()
        .unwrap();
    assert!(throttled_us > 100_000, "{throttled_us} us\n{told}");
    assert!(done.stdout.contains("throttled up to"), "{told}");

    let (ratio, load_s) = (BYTES_PER_S / QUOTA, f64::from(LOAD_S));
    let longest_s = flow["response"]["max_us"].as_u64().unwrap() as f64 / 1e6;
    let bounds = (ratio - 1.0) * load_s - 11.0 - SLACK_S..(ratio - 1.0) * load_s + SLACK_S;
    assert!(bounds.contains(&longest_s), "{longest_s} s, not {bounds:?}");
    for x in [0.5, 2.0, 4.0] {
        // Waits longer than x: surely what was due after t = (x + 11) / (r/q - 1), and nothing due before x / (r/q - 1).
        let share = share_above(&flow["response"], x);
        let due_after = |s: f64| 1.0 - (s / (ratio - 1.0) / load_s).min(1.0);
        let bounds = due_after(x + 11.0 + SLACK_S)..due_after((x - SLACK_S).max(0.0));
        assert!(
            bounds.contains(&share),
            "{share} of the responses are above {x} s, not {bounds:?}"
        );
    }
    // Who times from the actual send misses most of it: only the queue's quarter of a second of load waits inside the client.
    let service = share_above(&flow["service"], 4.0);
    let response = share_above(&flow["response"], 4.0);
    assert!(service < response / 2.0, "{service} and {response}");
}
