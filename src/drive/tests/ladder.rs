//! Schedules that take over from one another while the load is on.

use std::sync::Arc;

use super::rig::{MS, Ran, Rig, at_ms, cluster, scenario};
use crate::drive::ladder::Ladder;
use crate::schedule::FlowSchedule;
use crate::target::sim::SimSpec;

/// Even load at 1,000/s for 4 s, where at 1.2 s 3,000/s are made ready for 1.5 s, and at 2.5 s 500/s for 3.0 s.
fn climb(spec: SimSpec, kind: fn(u32) -> String) -> Ran {
    let scenario_at = move |per_s| scenario("4s", &kind(per_s));
    let mut rig = Rig::new(scenario_at(1_000), spec);
    let ladder = Ladder::new(&rig.scenario);
    rig.ladder = Some(ladder.clone());
    let mut coming = vec![(2_500, 500, 30), (1_200, 3_000, 15)];
    rig.on_wait = Box::new(move |now| {
        while coming.last().is_some_and(|(at, ..)| now >= at_ms(*at)) {
            if let Some((_, per_s, bin)) = coming.pop() {
                let schedule = Arc::new(FlowSchedule::compile(&scenario_at(per_s), 0));
                ladder.climb(ladder.ready(&[schedule]), bin);
            }
        }
    });
    rig.run()
}

fn even(per_s: u32) -> String {
    format!("arrivals = \"even\"\nmean = \"{per_s}/s\"")
}

#[test]
fn each_rate_holds_from_its_bin_on_and_the_account_closes() {
    let ran = climb(cluster(), even);
    ran.adds_up();
    // 1.5 s of 1,000/s, 1.5 s of 3,000/s and 1 s of 500/s; even arrivals miss by one at each end.
    let planned = ran.account.planned;
    assert!(planned.abs_diff(1_500 + 4_500 + 500) <= 3, "{planned}");
    assert_eq!(ran.account.acknowledged, planned);
    assert_eq!(ran.response_above(50), 0.0);
}

#[test]
fn what_was_due_before_is_sent_however_late() {
    // The cluster stands still from 1 s to 3.5 s, over both changes, and the client has room for little.
    let mut spec = cluster();
    spec.queue = 100;
    spec.pauses = vec![(at_ms(1_000), at_ms(3_500))];
    let ran = climb(spec, even);
    ran.adds_up();
    let planned = ran.account.planned;
    assert!(planned.abs_diff(1_500 + 4_500 + 500) <= 3, "{planned}");
    assert_eq!(ran.account.acknowledged, planned);
    // Due from 1 s to 3.5 s: 500 of the first rate, 4,500 of the second, 250 of the third; half of the wait is over 1.25 s.
    assert!(ran.response_above(1_250) > 25.0);
    assert!(ran.done_at >= at_ms(3_500) && ran.live.figures(4_000 * MS, None).backlog() == 0);
}

#[test]
fn drawn_arrivals_take_over_as_well() {
    let poisson = |per_s| format!("arrivals = \"poisson\"\nmean = \"{per_s}/s\"");
    let ran = climb(cluster(), poisson);
    ran.adds_up();
    // 6,500 expected; four standard deviations are 322.
    let planned = ran.account.planned;
    assert!(planned.abs_diff(6_500) < 322, "{planned}");
}
