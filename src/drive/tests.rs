//! The loops as they run in production, against a simulated cluster, in virtual time: what happened is known exactly, and what is
//! reported must be exactly that.

mod closed;
mod defects;
mod journeys;
mod ladder;
pub(super) mod rig;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rig::{FOREVER, MS, Rig, at_ms, cluster, ours, partitions, scenario};

use super::control::SETTLE_AFTER_STOP_NS;
use super::source::{Scheduled, Source};
use crate::clock::{Clock, NS_PER_S};
use crate::measure::ledger::GroupCounts;
use crate::measure::second::FailureNames;
use crate::schedule::{Bin, FlowSchedule, Shards};
use crate::target::Failure;
use crate::target::sim::{Fault, Service, Sim, SimSpec, Wrong};

const EVEN: &str = "arrivals = \"even\"\nmean = \"1000/s\"";

/// How many events of the scenario's first flow are due by this instant, the instant included.
fn due_by(scenario: &crate::scenario::Scenario, ns: u64) -> u64 {
    let schedule = FlowSchedule::compile(scenario, 0);
    let mut cells = schedule.cells(Shards::all(scenario.shards));
    let (mut held, mut count) = (Bin::default(), 0);
    for bin in 0..schedule.bins() {
        cells.bin(bin, &mut held);
        count += held.arrivals.iter().filter(|a| a.due_ns <= ns).count() as u64;
    }
    count
}

/// Which records of a run without faults are followed by one of the same shard, by partition: a place among the records, from 0.
fn with_follower(span: &str) -> Vec<((u16, u32), Vec<u64>)> {
    let rig = Rig::new(scenario(span, EVEN), cluster());
    let sim = rig.sim.clone();
    rig.run();
    followed(&sim)
}

/// The same of what is in a cluster's logs.
fn followed(sim: &Sim) -> Vec<((u16, u32), Vec<u64>)> {
    let places = |(topic, partition)| {
        let log = ours(sim, topic, partition);
        let followed = log
            .windows(2)
            .filter(|two| two[0].1.shard == two[1].1.shard);
        let places = followed.map(|two| two[0].0 as u64).collect();
        ((topic, partition), places)
    };
    partitions().into_iter().map(places).collect()
}

#[test]
fn nothing_is_reported_of_a_run_without_faults() {
    let ran = Rig::new(scenario("4s", EVEN), cluster()).run();
    ran.adds_up();
    let expected = GroupCounts {
        acknowledged: 4_000,
        consumed: 4_000,
        ..GroupCounts::default()
    };
    assert_eq!(ran.group, expected);
    assert_eq!(
        (ran.account.planned, ran.account.acknowledged),
        (4_000, 4_000)
    );
    assert_eq!((ran.full, ran.settled_ns), (vec![], None));
}

/// A number of wrongs of each kind on each partition, far enough apart to stay apart.
#[test]
fn loss_duplicates_reordering_and_corruption_are_reported_exactly() {
    let mut faults = Vec::new();
    for ((topic, partition), followed) in with_follower("4s") {
        let mut next = 3;
        let mut add = |wrong| {
            let nth = *followed
                .iter()
                .find(|nth| **nth >= next)
                .expect("enough records");
            next = nth + 5;
            faults.push(Fault {
                topic,
                partition,
                nth,
                wrong,
            });
        };
        (0..2 + partition).for_each(|_| add(Wrong::Lose));
        (0..3 + partition).for_each(|_| add(Wrong::Duplicate));
        (0..4 + partition).for_each(|_| add(Wrong::Reorder));
        // A byte of the body, of the middle of the stamp, of its end. Plain bytes have nothing but the stamp to tell them by: one that
        // is no longer legible makes them foreign, so there it is the body that is hit.
        (0..5 + partition).for_each(|n| {
            let bytes = if topic == 0 {
                [0, 10, 100, 90, 119]
            } else {
                [0, 10, 20, 30, 35]
            };
            let byte = bytes[n as usize % 5];
            add(Wrong::Corrupt {
                bit: byte * 8 + n as usize % 8,
            });
        });
    }
    let of = |kind: fn(&Wrong) -> bool| faults.iter().filter(|f| kind(&f.wrong)).count() as u64;
    let lost = of(|w| *w == Wrong::Lose);
    let corrupt = of(|w| matches!(w, Wrong::Corrupt { .. }));
    let expected = GroupCounts {
        acknowledged: 4_000,
        consumed: 4_000 - lost - corrupt,
        // A damaged record is no sight of the event it was.
        missing: lost + corrupt,
        duplicated: of(|w| *w == Wrong::Duplicate),
        reordered: of(|w| *w == Wrong::Reorder),
        corrupt,
        ..GroupCounts::default()
    };
    assert_eq!(lost, 2 + 3 + 4 + 2 + 3, "several on each partition");
    let spec = SimSpec {
        faults: faults.clone(),
        ..cluster()
    };
    let rig = Rig::new(scenario("4s", EVEN), spec);
    let sim = rig.sim.clone();
    let ran = rig.run();
    ran.adds_up();
    assert_eq!(sim.done().len(), faults.len(), "all were done");
    assert_eq!(ran.group, expected);
    assert_eq!(
        (ran.account.planned, ran.account.acknowledged),
        (4_000, 4_000)
    );
}

#[test]
fn failures_are_counted_by_code_and_may_be_in_the_log() {
    let fault = |topic, partition, nth, code, in_log| Fault {
        topic,
        partition,
        nth,
        wrong: Wrong::Fail {
            failure: Failure(code),
            in_log,
        },
    };
    let mut faults = Vec::new();
    for (topic, partition) in partitions() {
        faults.extend((0..3).map(|n| fault(topic, partition, 10 + n, 7, true)));
        faults.extend((0..2).map(|n| fault(topic, partition, 40 + 3 * n, 19, false)));
    }
    let spec = SimSpec {
        faults,
        ..cluster()
    };
    let ran = Rig::new(scenario("2s", EVEN), spec).run();
    ran.adds_up();
    let codes = BTreeMap::from([(Failure(7), 15), (Failure(19), 10)]);
    assert_eq!(ran.totals.errors, codes);
    assert_eq!((ran.account.failed, ran.account.acknowledged), (25, 1_975));
    let expected = GroupCounts {
        acknowledged: 1_975,
        consumed: 1_975,
        consumed_unacknowledged: 15,
        ..GroupCounts::default()
    };
    assert_eq!(ran.group, expected);
    let name = |code| (Failure(code), format!("simulated failure {code}"));
    assert_eq!(ran.failures, FailureNames::from([name(7), name(19)]));
}

/// Whoever comes due `t` before the end of a pause waits `t`, whether the client's queue has room for it or not.
#[test]
fn a_pause_shows_in_the_response_of_all_that_came_due_in_it() {
    for queue in [1 << 30, 1_000] {
        let spec = SimSpec {
            pauses: vec![(at_ms(10_000), at_ms(13_000))],
            queue,
            ..cluster()
        };
        let ran = Rig::new(scenario("30s", EVEN), spec).run();
        ran.adds_up();
        assert_eq!(ran.account.acknowledged, 30_000, "queue of {queue}");
        for ms in [500, 1_000, 2_000] {
            // A round trip of 1 ms, three milliseconds to catch up, buckets of a thousandth: 0.02 points.
            let expected = 100.0 * (3_000 - ms) as f64 / 30_000.0;
            let share = ran.response_above(ms);
            assert!(
                (share - expected).abs() < 0.02,
                "queue of {queue}: {share} % wait over {ms} ms, not {expected}"
            );
        }
        let slow = ran.all.service.count_above_us(500_000);
        if queue == 1_000 {
            assert_eq!(slow, 1_000, "what fitted the queue, and nothing else");
            // It is full from second 11 on; what came due in second 13's first milliseconds waits for those before it.
            assert_eq!(ran.full, [10, 11, 12, 13]);
        } else {
            assert!(
                (2_500..=2_505).contains(&slow),
                "{slow}: all wait in the client"
            );
            assert!(ran.full.is_empty(), "{:?}", ran.full);
        }
    }
}

#[test]
fn a_tiny_queue_drops_nothing_and_the_count_is_the_schedules() {
    for (flow, exact) in [
        (EVEN, Some(3_050)),
        (
            "arrivals = \"poisson_exact\"\nmean = \"1000/s\"",
            Some(3_050),
        ),
        ("arrivals = \"poisson\"\nmean = \"1000/s\"", None),
    ] {
        for queue in [3, 1 << 30] {
            // The last bin is cut short.
            let scenario = scenario("3050ms", flow);
            let planned = due_by(&scenario, u64::MAX);
            assert!(exact.is_none_or(|exact| planned == exact), "{planned}");
            let spec = SimSpec { queue, ..cluster() };
            let ran = Rig::new(scenario, spec).run();
            ran.adds_up();
            assert_eq!(ran.account.planned, planned, "{flow}, queue of {queue}");
            assert_eq!(ran.account.acknowledged, planned);
            assert_eq!(ran.group.consumed, planned);
            assert_eq!(ran.last_planned, 3);
        }
    }
}

/// A stop finds events in flight, in the outbox and not yet rendered, or none of these.
#[test]
fn a_stop_in_the_middle_plans_nothing_after_it() {
    let stop_ns = 3_777_700_123;
    for (queue, pauses, flow) in [
        (1 << 30, vec![], EVEN),
        (1 << 30, vec![(at_ms(2_000), FOREVER)], EVEN),
        (50, vec![(at_ms(2_000), FOREVER)], EVEN),
        (50, vec![(at_ms(2_000), at_ms(5_000))], EVEN),
        (3, vec![], "mean = \"5000/s\""),
    ] {
        let scenario = scenario("8s", flow);
        let planned = due_by(&scenario, stop_ns);
        let hung = pauses.iter().any(|pause| pause.1 == FOREVER);
        let spec = SimSpec {
            queue,
            pauses,
            ..cluster()
        };
        let rig = Rig::new(scenario, spec);
        rig.control.stop_at(stop_ns);
        let ran = rig.run();
        ran.adds_up();
        let of = ran.account;
        assert_eq!(of.planned, planned, "queue of {queue}");
        assert_eq!(ran.last_planned, 3);
        // No more is sent after the stop.
        assert_eq!(of.unsent > 0, queue < 1_000, "queue of {queue}: {of:?}");
        assert_eq!(of.unresolved > 0, hung, "queue of {queue}: {of:?}");
        let waits_ns = ran.done_at.as_ns() - stop_ns;
        let settle_ns = SETTLE_AFTER_STOP_NS;
        let in_time = settle_ns..settle_ns + 50 * MS + 1;
        assert!(!hung || in_time.contains(&waits_ns), "{waits_ns}");
        assert_eq!(ran.settled_ns, None, "the ledger knows of the end of all");
        let figures = ran.live.figures(ran.done_at.as_ns(), None);
        assert_eq!((figures.backlog(), figures.oldest_wait_ns), (0, None));
    }
}

/// Purged events come back as unresolved, those that had no room stay unsent; and a client that gives nothing back can't keep an
/// account open.
#[test]
fn what_a_purge_leaves_is_counted() {
    for purges in [true, false] {
        for queue in [1 << 30, 100] {
            let spec = SimSpec {
                queue,
                pauses: vec![(at_ms(4_000), FOREVER)],
                ..cluster()
            };
            let mut rig = Rig::new(scenario("6s", EVEN), spec);
            (rig.purges, rig.settle_ns) = (purges, 2 * NS_PER_S);
            let ran = rig.run();
            ran.adds_up();
            let of = ran.account;
            // One or two were on their way as the cluster stopped.
            assert!((3_998..=4_000).contains(&of.acknowledged), "{of:?}");
            let sent = (of.acknowledged + queue as u64).min(6_000);
            assert_eq!((of.planned, of.sent), (6_000, sent), "queue of {queue}");
            assert_eq!(of.unresolved, of.sent - of.acknowledged);
            let purge_ns = if purges { 0 } else { 5 * NS_PER_S };
            let late_ns = ran.done_at.as_ns() - 8 * NS_PER_S - purge_ns;
            assert!(late_ns <= 50 * MS, "{late_ns}");
        }
    }
}

/// The first Ctrl-C may come while the last acknowledgements are waited for.
#[test]
fn an_interrupt_ends_settling_early() {
    let spec = SimSpec {
        pauses: vec![(at_ms(1_000), FOREVER)],
        ..cluster()
    };
    let mut rig = Rig::new(scenario("2s", EVEN), spec);
    let control = rig.control.clone();
    control.open(at_ms(0));
    rig.settle_ns = 60 * NS_PER_S;
    rig.on_wait = Box::new(move |now| {
        if now >= at_ms(5_000) {
            control.interrupt(now);
        }
    });
    let ran = rig.run();
    ran.adds_up();
    assert_eq!(ran.account.planned, 2_000);
    let late_ns = ran.done_at.since(at_ms(5_000)) - SETTLE_AFTER_STOP_NS;
    assert!(
        late_ns <= 100 * MS,
        "{late_ns} ns after the interrupt's settling"
    );
}

/// While the client's queue is full, live figures tell the whole backlog, and exactly so for even arrivals.
#[test]
fn the_backlog_is_told_as_it_grows() {
    let scenario = scenario("2s", EVEN);
    let schedule = Arc::new(FlowSchedule::compile(&scenario, 0));
    let shards = Shards {
        first: 1,
        step: 2,
        end: 4,
    };
    let mut source = Source::Scheduled(Scheduled::new(0, &schedule, shards));
    let opened = &mut |_: u32, _: &[crate::schedule::Arrival]| {};
    assert_eq!(source.unrendered(0), 0);
    assert_eq!(source.unrendered(1_500 * MS), 750, "half of 1.5 s");
    for _ in 0..60 {
        assert!(source.take(1_500 * MS, opened).is_some());
    }
    assert_eq!(source.open_bin(), Some(1));
    assert_eq!(source.unrendered(1_500 * MS), 690);
    assert_eq!(source.unrendered(150 * MS), 15);
    assert_eq!(
        source.unrendered(9_000 * MS),
        940,
        "no more than the run has"
    );
    let mut rest = 0;
    source.end(&mut |id| rest += u32::from(id.bin == 1));
    assert_eq!(rest, 40, "of the bin it is in");
    assert_eq!((source.next_ns(), source.unrendered(9_000 * MS)), (None, 0));
    assert_eq!(source.take(9_000 * MS, opened), None);
}

#[test]
fn any_number_of_producers_leaves_the_same_records() {
    let flow = "arrivals = \"poisson\"\nmean = \"1000/s\"";
    let records = |producers: u32| {
        let mut all = Vec::new();
        for index in 0..producers {
            let mut scenario = scenario("3s", flow);
            scenario.shards = 16;
            scenario.flows[0].producers = producers;
            let mut rig = Rig::new(scenario, cluster());
            rig.index = index;
            let sim = rig.sim.clone();
            rig.run().adds_up();
            for (topic, partition) in partitions() {
                let log = sim.log(topic, partition).into_iter();
                all.extend(log.map(|(_, r)| (topic, partition, r.key.clone(), r.value.clone())));
            }
        }
        all.sort_unstable();
        all
    };
    let one = records(1);
    assert!(one.len() > 2_500, "{}", one.len());
    assert!(one.windows(2).all(|two| two[0] != two[1]), "no event twice");
    for producers in [2, 3, 7] {
        assert!(records(producers) == one, "{producers} producers");
    }
}

/// Also when a full queue cuts what is offered into pieces.
#[test]
fn identities_rise_with_offsets() {
    for queue in [7, 1 << 30] {
        let spec = SimSpec {
            queue,
            pauses: vec![(at_ms(500), at_ms(1_500))],
            ..cluster()
        };
        let rig = Rig::new(scenario("3s", "mean = \"2000/s\""), spec);
        let sim = rig.sim.clone();
        let ran = rig.run();
        ran.adds_up();
        assert_eq!(ran.group.reordered, 0);
        for (topic, partition) in partitions() {
            let mut last = HashMap::new();
            for (offset, id, _) in ours(&sim, topic, partition) {
                let before = last.insert(id.shard, (id.bin, id.ordinal));
                assert!(before < Some((id.bin, id.ordinal)), "{id:?} at {offset}");
            }
        }
    }
}

/// The end of the load finds the client's queue full: what waits for room then was never part of it.
#[test]
fn an_unthrottled_flow_ends_on_time() {
    let spec = SimSpec {
        queue: 100,
        round_trip_ns: 10 * MS,
        pauses: vec![(at_ms(1_900), at_ms(4_000))],
        ..cluster()
    };
    let ran = Rig::new(scenario("2s", "arrivals = \"unthrottled\""), spec).run();
    ran.adds_up();
    let of = ran.account;
    assert_eq!((of.unsent, of.unresolved), (0, 0));
    assert_eq!(of.acknowledged, of.sent);
    // A hundred each round trip of 10 ms.
    assert!((18_000..=19_100).contains(&of.sent), "{of:?}");
    assert_eq!(ran.last_planned, 1);
    assert_eq!(ran.group.consumed, of.acknowledged);
}

/// A member that thinks 2 ms about each record takes that long for all, whatever came at once.
#[test]
fn think_time_is_owed_for_every_record() {
    let mut scenario = scenario("1s", EVEN);
    scenario.consumers[0].work = std::time::Duration::from_millis(2);
    let rig = Rig::new(scenario, cluster());
    let clock = rig.clock.clone();
    let ran = rig.run();
    ran.adds_up();
    // All but the last one's or two's, as at most 5 ms are owed at a time.
    let took_ms = clock.now().since(ran.done_at) / MS;
    assert!((1_990..=2_210).contains(&took_ms), "{took_ms} ms for 1,000");
    assert_eq!(ran.group.consumed, 1_000);
}

/// The queue is full from 11.33 s on, and at 12.02 s there is room for all at once: what came due in between is late by the
/// cluster's doing, in second 12 as well, though no turn of second 12 found the queue full.
#[test]
fn seconds_that_waited_for_room_are_marked_to_the_last() {
    let spec = SimSpec {
        service: Service::Constant(0),
        round_trip_ns: 0,
        queue: 1_000,
        pauses: vec![(at_ms(10_330), at_ms(12_020))],
        ..cluster()
    };
    let ran = Rig::new(scenario("14s", EVEN), spec).run();
    ran.adds_up();
    assert_eq!(ran.full, [11, 12]);
}
