//! Users who wait for their answers.

use super::rig::{MS, Rig, at_ms, cluster, scenario};
use crate::target::Failure;
use crate::target::sim::{Fault, SimSpec, Wrong};

const TEN: &str = "arrivals = { closed = { users = 10, think = \"90ms\" } }";

/// A round takes 90 ms of thinking, 1 ms to the answer, and up to 0.05 ms until the loop looks again.
#[test]
fn each_user_waits_thinks_and_sends_again() {
    // Room for ten: no user ever has two events open.
    let spec = SimSpec {
        queue: 10,
        ..cluster()
    };
    let ran = Rig::new(scenario("10s", TEN), spec).run();
    ran.adds_up();
    let of = ran.account;
    assert_eq!((of.planned, of.acknowledged), (of.sent, of.sent));
    // 10 s ÷ 91.05 ms is 109.8 rounds, of which the first begins up to 90 ms late.
    assert!((1_080..=1_110).contains(&of.sent), "{of:?}");
    assert!(ran.full.is_empty(), "{:?}", ran.full);
    assert_eq!(ran.all.response().count, 0, "nothing is due");
    assert_eq!(ran.all.service().count, of.sent);
    assert_eq!(ran.group.consumed, of.sent);
    assert_eq!(ran.done_at, ran.done_at.min(at_ms(10_060)), "all is over");
}

/// What an open model would have offered during a pause never comes.
#[test]
fn a_pause_stops_the_users() {
    let spec = SimSpec {
        pauses: vec![(at_ms(4_000), at_ms(7_000))],
        ..cluster()
    };
    let ran = Rig::new(scenario("10s", TEN), spec).run();
    ran.adds_up();
    // As above in 7 s rather than 10.
    assert!((745..=790).contains(&ran.account.sent), "{:?}", ran.account);
    let slow = ran.all.service().histogram.count_above_us(2_000_000);
    assert!((1..=10).contains(&slow), "one each: {slow}");
}

#[test]
fn a_failure_is_an_answer() {
    let fault = |nth| Fault {
        topic: 0,
        partition: 0,
        nth,
        wrong: Wrong::Fail {
            failure: Failure(7),
            in_log: false,
        },
    };
    let spec = SimSpec {
        faults: (0..20).map(fault).collect(),
        ..cluster()
    };
    let ran = Rig::new(scenario("10s", TEN), spec).run();
    ran.adds_up();
    assert_eq!(ran.account.failed, 20);
    assert!(
        ran.account.sent > 1_080,
        "nobody gave up: {:?}",
        ran.account
    );
}

#[test]
fn users_are_shared_out_among_producers() {
    let mut sent = 0;
    for index in 0..3 {
        let mut scenario = scenario("10s", TEN);
        scenario.flows[0].producers = 3;
        let mut rig = Rig::new(scenario, cluster());
        rig.index = index;
        let ran = rig.run();
        ran.adds_up();
        let users = [4, 3, 3][index as usize];
        let ought = users * 109;
        assert!(
            ran.account.sent.abs_diff(ought) < 3 * users,
            "{:?}",
            ran.account
        );
        sent += ran.account.sent;
    }
    assert!((1_080..=1_110).contains(&sent), "{sent}");
}

/// Think times longer than the load, and none at all.
#[test]
fn any_think_time_ends_with_the_load() {
    let users =
        |think: &str| format!("arrivals = {{ closed = {{ users = 100, think = {think} }} }}");
    let ran = Rig::new(scenario("2s", &users("\"1h\"")), cluster()).run();
    ran.adds_up();
    // Each has begun with probability 1 in 1,800.
    assert!(ran.account.sent <= 2, "{:?}", ran.account);
    let spec = SimSpec {
        round_trip_ns: 10 * MS,
        ..cluster()
    };
    let ran = Rig::new(scenario("2s", &users("\"0s\"")), spec).run();
    ran.adds_up();
    // A hundred each round trip of 10 ms and a little.
    assert!(
        (19_000..=20_000).contains(&ran.account.sent),
        "{:?}",
        ran.account
    );
}
