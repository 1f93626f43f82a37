//! Totals as `run.json` shows them.

use std::collections::BTreeMap;

use super::collect::Collected;
use super::run::{EventResult, FlowResult, Generator, WarmResult};
use super::second::{FailureNames, by_name};
use super::shape::{Model, RunShape};
use super::summary::Summary;
use super::totals::{EventTotals, FlowTotals, Phase};
use super::window::PartitionCount;
use crate::clock::NS_PER_S;

impl FlowResult {
    /// The results of a flow whose load lasted `elapsed_ns`; `names` are the target's, of its failures.
    pub fn new(
        totals: &FlowTotals,
        shape: &RunShape,
        elapsed_ns: u64,
        names: &FailureNames,
    ) -> FlowResult {
        let model = shape.flows[totals.flow].model;
        let all = totals.all();
        let account = all.account();
        let (bytes, key_bytes) = all.bytes();
        let per_s = |n: u64| n as f64 * NS_PER_S as f64 / elapsed_ns.max(1) as f64;
        let during_load = totals.acknowledged_during[0] + totals.acknowledged_during[1];
        let (response, service, send_delay) = latencies(&all, model);
        FlowResult {
            model,
            account,
            refused: all.refused(),
            offered_per_s: per_s(account.planned),
            achieved_per_s: per_s(during_load),
            bytes,
            key_bytes,
            response,
            service,
            send_delay,
            warm: (shape.warmup_ns > 0).then(|| {
                let (response, service, send_delay) = latencies(&totals.warm, model);
                let account = totals.warm.account();
                WarmResult {
                    account,
                    refused: totals.warm.refused(),
                    response,
                    service,
                    send_delay,
                }
            }),
            errors: by_name(&totals.errors, names),
        }
    }
}

/// Response, service and send delay; outside the open model the second only.
fn latencies(phase: &Phase, model: Model) -> (Option<Summary>, Summary, Option<Summary>) {
    let due = |summary: fn(&Phase) -> Summary| model.has_due().then(|| summary(phase));
    (
        due(Phase::response),
        phase.service(),
        due(Phase::send_delay),
    )
}

impl Collected {
    /// The results by event: all flows that send it together.
    pub fn events(&self, shape: &RunShape) -> BTreeMap<String, EventResult> {
        let mut all: Vec<(EventTotals, bool)> = vec![Default::default(); shape.events.len()];
        for totals in &self.flows {
            let flow = &shape.flows[totals.flow];
            for (event, of_flow) in flow.events.iter().zip(totals.all().events) {
                let (sum, timed) = &mut all[usize::from(*event)];
                sum.merge(&of_flow);
                if !flow.model.has_due() {
                    // It has no response time, so it does not lie beyond any either.
                    sum.failed -= of_flow.failed;
                    sum.refused -= of_flow.refused;
                    sum.unresolved -= of_flow.unresolved;
                } else {
                    *timed = true;
                }
            }
        }
        let result = |(totals, timed): (EventTotals, bool)| EventResult {
            acknowledged: totals.acknowledged,
            bytes: totals.bytes,
            response: timed.then(|| totals.response()),
        };
        shape
            .events
            .iter()
            .cloned()
            .zip(all.into_iter().map(result))
            .collect()
    }

    /// Acknowledged records by topic, for each partition.
    pub fn partitions(&self, shape: &RunShape) -> BTreeMap<String, Vec<PartitionCount>> {
        let starts = shape.partition_starts().0;
        let of = |start: usize, n: u32| self.partitions[start..start + n as usize].to_vec();
        shape
            .topics
            .iter()
            .zip(starts)
            .map(|(topic, start)| (topic.name.clone(), of(start, topic.partitions)))
            .collect()
    }

    /// How we fared, given the results of the flows.
    pub fn generator(&self, flows: &BTreeMap<String, FlowResult>) -> Generator {
        let p99s = flows.values().filter_map(|flow| {
            let summary = flow
                .warm
                .as_ref()
                .map_or(&flow.send_delay, |warm| &warm.send_delay);
            summary.as_ref().map(|summary| summary.p99_us)
        });
        Generator {
            cpu_cores: self.health.cpu_cores,
            // One that falls among events never sent is larger than any number.
            send_delay_p99_us: p99s.reduce(|a, b| Some(a?.max(b?))).flatten(),
            run_queue_delay: self.health.run_queue_delay,
            rss_max_bytes: self.health.rss_max_bytes,
            healthy: self.health.healthy,
            limits: self.health.limits.clone(),
            calibration: None,
            // Known to whoever started the threads.
            realtime: false,
        }
    }
}
