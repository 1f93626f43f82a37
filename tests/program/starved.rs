//! A generator that other programs keep from its core says so, and that the run proves nothing.

use std::process::{Child, Command, Stdio};

use crate::small;
use crate::support::run::Highwater;

/// The first core this process may use, as `taskset` takes it. All of the starving happens there: other tests have the others.
fn a_core() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap();
    list.trim().split([',', '-']).next().unwrap().to_owned()
}

/// Processes that do nothing but use up a core. They end when this is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn start(core: &str, count: usize) -> Busy {
        let one = || {
            Command::new("taskset")
                .args(["-c", core, "sh", "-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .expect("taskset comes with util-linux")
        };
        Busy((0..count).map(|_| one()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Eight loops share the core with a producer that needs a third of it (300 ns an event, measured by the bench of the pipeline) and
/// gets a ninth: it is runnable, and waiting, for most of every second. The limit is 5 %.
#[test]
fn busy_loops_beside_the_generator_make_a_run_invalid() {
    let core = a_core();
    let busy = Busy::start(&core, 8);
    let scenario = small(6)
        .replace("200/s", "1M/s")
        .replace("settle = \"5s\"", "settle = \"1s\"");
    let done = Highwater::new(&scenario)
        .under(&["taskset", "-c", &core])
        .args(&["--target", "null", "--no-realtime"])
        .spawn()
        .wait();
    drop(busy);
    assert_eq!(done.code, 3, "{}\n{}", done.stdout, done.stderr);
    assert_eq!(done.json["verdict"], "invalid");
    assert_eq!(done.reasons()[0], "generator");
    let reasons = done.json["reasons"].to_string();
    assert!(reasons.contains("waited for a core"), "{reasons}");
    assert!(reasons.contains("other programs compete"), "{reasons}");
    assert!(done.stdout.contains("INVALID"), "{}", done.stdout);
    done.assert_closed();
    assert_eq!(
        done.json["flows"]["orders"]["account"]["planned"],
        6_000_000
    );
}
