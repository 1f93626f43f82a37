//! Events with something wrong on purpose: the cluster is not blamed for them, and is for everything else.

use std::collections::HashSet;

use super::followed;
use super::rig::{Rig, cluster, parse, partitions};
use crate::measure::ledger::GroupCounts;
use crate::scenario::Scenario;
use crate::target::sim::{Fault, SimSpec, TOO_LARGE, Wrong};

/// All defects at once, of events that are stamped in a header and of such that are stamped in their payload.
fn scenario() -> Scenario {
    parse(
        r#"
seed = 42
[time]
span = "4s"
settle = "30s"
[load]
shards = 4
[pool.customer]
count = 1000
[topic.orders]
partitions = 3
[topic.views]
partitions = 2
[event.order]
topic = "orders"
key = "customer"
value = { bytes = "120B" }
defects = { tombstone = { share = 0.1 }, oversized = { share = 0.05, size = "3kB" } }
[event.view]
topic = "views"
value = { bytes = "80B" }
[flow.f]
event = { order = 3, view = 2 }
arrivals = "even"
mean = "1000/s"
defects = { late = { share = 0.2, by = "1h" }, out_of_order = { share = 0.2, by = "1m" }, duplicate = { share = 0.1 }, oversized = { share = 0.02, size = "2kB" } }
[consume.g]
topics = ["orders", "views"]
"#,
    )
}

#[test]
fn defects_are_not_the_clusters() {
    let rig = Rig::new(scenario(), cluster());
    let sim = rig.sim.clone();
    let ran = rig.run();
    ran.adds_up();
    let of = ran.account;
    // 4,000 and a tenth of copies: binomial, sd 19; 5 sd.
    assert!(of.planned.abs_diff(4_400) < 95, "{of:?}");
    let expected = GroupCounts {
        acknowledged: of.planned,
        consumed: of.planned,
        ..GroupCounts::default()
    };
    assert_eq!((ran.group, of.failed), (expected, 0));
    // And the defects are there.
    let (mut tombstones, mut large, mut copies) = (0, 0, 0);
    for (topic, partition) in partitions() {
        let mut before = None;
        for (_, record) in sim.log(topic, partition) {
            tombstones += u32::from(record.value.is_none());
            large += u32::from(
                record
                    .value
                    .as_ref()
                    .is_some_and(|value| value.len() >= 2_000),
            );
            // The body without the stamp, be that in the value or in a header.
            let body = record.value.as_ref().map(|value| value[..36].to_vec());
            let says = (record.key.clone(), body);
            copies += u32::from(before.as_ref() == Some(&says));
            before = Some(says);
        }
    }
    assert!(
        (200..330).contains(&tombstones),
        "a tenth of 2,640: {tombstones}"
    );
    assert!(
        (170..300).contains(&large),
        "7 % of 2,640 and 2 % of 1,760: {large}"
    );
    assert!(
        (250..=500).contains(&copies),
        "a tenth of 4,000, most side by side: {copies}"
    );
}

/// A cluster that takes no more than 1,000 bytes: exactly the oversized ones fail, and none of them is held against it.
#[test]
fn what_is_refused_for_its_size_is_expected() {
    let spec = SimSpec {
        largest: 1_000,
        ..cluster()
    };
    let rig = Rig::new(scenario(), spec);
    let sim = rig.sim.clone();
    let ran = rig.run();
    ran.adds_up();
    let of = ran.account;
    assert!((170..300).contains(&of.failed), "{of:?}");
    assert_eq!(
        (ran.all.refused(), ran.due.refused()),
        (of.failed, of.failed)
    );
    assert_eq!(
        ran.totals.errors[&TOO_LARGE], of.failed,
        "named all the same"
    );
    assert_eq!(of.acknowledged, of.planned - of.failed);
    assert_eq!(
        (ran.all.response().beyond, ran.all.service().beyond),
        (0, 0)
    );
    assert_eq!(ran.group.consumed, of.acknowledged);
    let in_logs = partitions()
        .into_iter()
        .flat_map(|(topic, partition)| sim.log(topic, partition));
    assert_eq!(in_logs.count() as u64, of.acknowledged);
    // Without the defect the same refusal is a failure like any other.
    let mut scenario = scenario();
    let spec = SimSpec {
        largest: 100,
        ..cluster()
    };
    scenario.flows[0].defects.oversized = None;
    scenario.events[0].defects.oversized = None;
    let ran = Rig::new(scenario, spec).run();
    ran.adds_up();
    assert!(ran.account.failed > 2_000, "{:?}", ran.account);
    assert_eq!(
        (ran.all.refused(), ran.all.response().beyond),
        (0, ran.account.failed)
    );
}

/// Real losses, duplicates, reorderings and corruption beside them are counted exactly.
#[test]
fn the_clusters_own_wrongs_are_still_counted_exactly() {
    let mut faults = Vec::new();
    let mut counts = GroupCounts::default();
    let rig = Rig::new(scenario(), cluster());
    let sim = rig.sim.clone();
    let planned = rig.run().account.planned;
    for ((topic, partition), places) in followed(&sim) {
        let log = sim.log(topic, partition);
        // A tombstone has no value to corrupt.
        let whole: HashSet<u64> = log
            .iter()
            .filter(|(_, record)| record.value.is_some())
            .map(|(offset, _)| *offset as u64)
            .collect();
        let mut next = 3;
        let mut places = places.into_iter().filter(|place| whole.contains(place));
        for n in 0..20 {
            let Some(nth) = places.find(|place| *place >= next) else {
                break;
            };
            next = nth + 5;
            let (wrong, count) = match n % 4 {
                0 => (Wrong::Lose, &mut counts.missing),
                1 => (Wrong::Duplicate, &mut counts.duplicated),
                2 => (Wrong::Reorder, &mut counts.reordered),
                _ => (Wrong::Corrupt { bit: 8 * n + n % 8 }, &mut counts.corrupt),
            };
            *count += 1;
            faults.push(Fault {
                topic,
                partition,
                nth,
                wrong,
            });
        }
    }
    assert_eq!(faults.len(), 100, "twenty on each partition");
    let spec = SimSpec {
        faults: faults.clone(),
        ..cluster()
    };
    let rig = Rig::new(scenario(), spec);
    let sim = rig.sim.clone();
    let ran = rig.run();
    ran.adds_up();
    assert_eq!(sim.done().len(), faults.len(), "all were done");
    // A damaged record is no sight of the event it was.
    counts.missing += counts.corrupt;
    let expected = GroupCounts {
        acknowledged: planned,
        consumed: planned - counts.missing,
        ..counts
    };
    assert_eq!(ran.group, expected);
}
