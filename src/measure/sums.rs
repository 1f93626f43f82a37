//! What the windows of a run add up to, to be held against its totals.

use std::collections::BTreeMap;

use super::account::{Account, Broken, equal};
use super::line::{FlowDuring, GroupDuring, WindowLine};
use super::run::RunFile;
use super::summary::count;

/// The sums of all lines of a `windows.jsonl`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowSums {
    /// How many lines.
    pub lines: u64,
    /// The lines lack the response times by event and perhaps service times, so nothing is said of them.
    shown_alone: bool,
    flows: BTreeMap<String, FlowSums>,
    events: BTreeMap<String, EventSums>,
    groups: BTreeMap<String, GroupSums>,
    partitions: BTreeMap<String, Vec<(u64, u64)>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct FlowSums {
    account: Account,
    refused: u64,
    during: FlowDuring,
    errors: BTreeMap<String, u64>,
    response: u64,
    service: u64,
    send_delay: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct EventSums {
    acknowledged: u64,
    during: u64,
    bytes: u64,
    response: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct GroupSums {
    during: GroupDuring,
    end_to_end: u64,
    negative: u64,
}

/// The entry of a name: the name is copied once a run and not once a line.
fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    map.get_mut(name).expect("it was just inserted")
}

impl WindowSums {
    /// Of lines that have the times alone that a report shows over time: neither response times by event nor service times.
    pub fn of_shown_times() -> WindowSums {
        WindowSums {
            shown_alone: true,
            ..WindowSums::default()
        }
    }

    /// Adds a line.
    pub fn add(&mut self, line: &WindowLine) {
        self.lines += 1;
        for (name, flow) in &line.flows {
            let sums = entry(&mut self.flows, name);
            sums.account += Account {
                planned: flow.planned,
                sent: flow.sent,
                unsent: flow.unsent,
                lost: flow.lost,
                acknowledged: flow.acknowledged,
                failed: flow.failed,
                unresolved: flow.unresolved,
            };
            sums.refused += flow.refused;
            sums.during.sent += flow.during.sent;
            sums.during.acknowledged += flow.during.acknowledged;
            sums.during.failed += flow.during.failed;
            sums.during.bytes += flow.during.bytes;
            sums.during.key_bytes += flow.during.key_bytes;
            for (name, n) in &flow.errors {
                *entry(&mut sums.errors, name) += n;
            }
            sums.response += flow.response.as_ref().map_or(0, |h| h.count());
            sums.service += flow.service.count();
            sums.send_delay += flow.send_delay.as_ref().map_or(0, |h| h.count());
        }
        for (name, event) in &line.events {
            let sums = entry(&mut self.events, name);
            sums.acknowledged += event.acknowledged;
            sums.during += event.during.acknowledged;
            sums.bytes += event.during.bytes;
            sums.response += event.response.count();
        }
        for (name, group) in &line.consume {
            let sums = entry(&mut self.groups, name);
            sums.during.records += group.during.records;
            sums.during.bytes += group.during.bytes;
            sums.during.again += group.during.again;
            sums.during.corrupt += group.during.corrupt;
            sums.during.foreign += group.during.foreign;
            sums.end_to_end += group.end_to_end.count();
            sums.negative += group.negative;
        }
        for (name, partitions) in &line.partitions {
            let sums = entry(&mut self.partitions, name);
            sums.resize(sums.len().max(partitions.len()), (0, 0));
            for (sum, (records, bytes)) in sums.iter_mut().zip(partitions) {
                sum.0 += records;
                sum.1 += bytes;
            }
        }
    }

    /// Every equation between these sums and the totals of `run` that does not hold.
    pub fn compare(&self, run: &RunFile) -> Vec<Broken> {
        let mut broken = Vec::new();
        self.compare_flows(run, &mut broken);
        let mut check = |place: String, left, is, right, sum| {
            broken.extend(equal(left, is, right, sum).err().map(|b| b.of(place)));
        };
        for (name, event) in &run.events {
            let sums = self.events.get(name).cloned().unwrap_or_default();
            let place = || format!("event {name}");
            check(
                place(),
                "acknowledged",
                event.acknowledged,
                "its windows' sum",
                sums.acknowledged,
            );
            check(
                place(),
                "acknowledged",
                event.acknowledged,
                "its windows' sum by completion",
                sums.during,
            );
            check(
                place(),
                "bytes",
                event.bytes,
                "its windows' sum",
                sums.bytes,
            );
            if !self.shown_alone {
                let response = count(&event.response);
                check(
                    place(),
                    "response count",
                    response,
                    "its windows' sum",
                    sums.response,
                );
            }
        }
        for (name, group) in &run.consume {
            let sums = self.groups.get(name).cloned().unwrap_or_default();
            let place = || format!("group {name}");
            check(
                place(),
                "end_to_end count",
                group.end_to_end.count,
                "its windows' sum",
                sums.end_to_end,
            );
            check(
                place(),
                "end_to_end negative",
                group.end_to_end.negative,
                "its windows' sum",
                sums.negative,
            );
        }
        self.compare_partitions(run, &mut broken);
        broken
    }

    fn compare_partitions(&self, run: &RunFile, broken: &mut Vec<Broken>) {
        for (name, partitions) in &run.partitions {
            let none = Vec::new();
            let sums = self.partitions.get(name).unwrap_or(&none);
            for (index, partition) in partitions.iter().enumerate() {
                let (records, bytes) = sums.get(index).copied().unwrap_or_default();
                for (left, is, sum) in [
                    ("records", partition.records, records),
                    ("bytes", partition.bytes, bytes),
                ] {
                    let wrong = equal(left, is, "its windows' sum", sum).err();
                    broken.extend(wrong.map(|b| b.of(format!("topic {name}, partition {index}"))));
                }
            }
        }
    }

    fn compare_flows(&self, run: &RunFile, broken: &mut Vec<Broken>) {
        for (name, flow) in &run.flows {
            let sums = self.flows.get(name).cloned().unwrap_or_default();
            let (total, sum) = (flow.account, sums.account);
            let equations = [
                ("planned", total.planned, sum.planned),
                ("sent", total.sent, sum.sent),
                ("unsent", total.unsent, sum.unsent),
                ("lost", total.lost, sum.lost),
                ("acknowledged", total.acknowledged, sum.acknowledged),
                ("failed", total.failed, sum.failed),
                ("refused", flow.refused, sums.refused),
                ("unresolved", total.unresolved, sum.unresolved),
                ("sent, by instant", total.sent, sums.during.sent),
                (
                    "acknowledged, by instant",
                    total.acknowledged,
                    sums.during.acknowledged,
                ),
                ("failed, by instant", total.failed, sums.during.failed),
                ("bytes", flow.bytes, sums.during.bytes),
                ("key_bytes", flow.key_bytes, sums.during.key_bytes),
                ("response count", count(&flow.response), sums.response),
                ("send_delay count", count(&flow.send_delay), sums.send_delay),
            ];
            let service = ("service count", flow.service.count, sums.service);
            let unless_unread = (!self.shown_alone).then_some(service);
            for (left, is, sum) in equations.into_iter().chain(unless_unread) {
                broken.extend(
                    equal(left, is, "its windows' sum", sum)
                        .err()
                        .map(|b| b.of(format!("flow {name}"))),
                );
            }
            for (kind, n) in &flow.errors {
                let sum = sums.errors.get(kind).copied().unwrap_or_default();
                let wrong = equal("errors", *n, "its windows' sum", sum).err();
                broken.extend(wrong.map(|b| b.of(format!("flow {name}, {kind}"))));
            }
        }
    }
}
