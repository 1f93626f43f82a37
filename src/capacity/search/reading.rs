//! What was measured while a step was held, for whoever looks at it afterwards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Step;
use super::watch::Limits;
use crate::measure::histogram::MergedHistogram;
use crate::measure::line::WindowLine;
use crate::scenario::{Metric, Scenario, Subject};

/// Standard errors of a 90 % interval.
const SURE: f64 = 1.645;

/// A step's figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The step's action.
    pub action: u32,
    /// Events that came due, per second.
    pub offered_per_s: f64,
    /// Events acknowledged, per second.
    pub acknowledged_per_s: f64,
    /// Bytes of the values acknowledged, per second.
    pub bytes_per_s: f64,
    /// The response quantile that is limited, with its 90 % interval, in microseconds: [low, quantile, high]. `None`: it falls among
    /// events without an answer, or none is limited.
    pub response_us: Option<[u64; 3]>,
    /// The longest that a broker asked the client to wait, in microseconds.
    pub throttled_us: u64,
    /// The broker that answered last, or asked to wait, as `host:port/id`.
    pub broker: Option<String>,
    /// The topic whose events waited longest.
    pub topic: Option<String>,
}

/// Gathers the seconds of one step.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    seconds: f64,
    offered: u64,
    acknowledged: u64,
    bytes: u64,
    response: MergedHistogram,
    beyond: u64,
    /// By event.
    events: BTreeMap<String, (MergedHistogram, u64)>,
    /// By broker: longest throttling, longest p99 of the round trip.
    brokers: BTreeMap<String, (u64, u64)>,
}

impl Gathered {
    /// Takes a second of it.
    pub fn line(&mut self, line: &WindowLine, limits: &Limits) {
        self.seconds += 1.0;
        for flow in line.flows.values() {
            self.offered += flow.planned;
            self.acknowledged += flow.during.acknowledged;
            self.bytes += flow.during.bytes;
        }
        for (name, event) in &line.events {
            let (times, beyond) = self.events.entry(name.clone()).or_default();
            times.merge(&event.response);
            *beyond += event.beyond_response();
        }
        if let Some((question, name)) = limits.plotted() {
            match question.subject {
                Some(Subject::Flow(_)) => {
                    if let Some(flow) = line.flows.get(name) {
                        flow.response
                            .iter()
                            .for_each(|times| self.response.merge(times));
                        self.beyond += flow.beyond_response();
                    }
                }
                _ => {
                    if let Some(event) = line.events.get(name) {
                        self.response.merge(&event.response);
                        self.beyond += event.beyond_response();
                    }
                }
            }
        }
        let brokers = line.client.iter().flat_map(|client| &client.brokers);
        for (name, broker) in brokers {
            let most = self.brokers.entry(name.clone()).or_default();
            most.0 = most.0.max(broker.throttle_max_us);
            most.1 = most.1.max(broker.rtt_p99_max_us.unwrap_or(0));
        }
    }

    /// The figures of the step that this was.
    pub fn reading(&self, step: &Step, limits: &Limits, scenario: &Scenario) -> Reading {
        let seconds = self.seconds.max(1.0);
        let plotted = limits.plotted();
        let quantile = plotted.and_then(|(question, _)| {
            debug_assert_eq!(question.metric, Metric::Response);
            question.quantile
        });
        let broker = self.brokers.iter().max_by_key(|(_, most)| **most);
        Reading {
            action: step.action,
            offered_per_s: self.offered as f64 / seconds,
            acknowledged_per_s: self.acknowledged as f64 / seconds,
            bytes_per_s: self.bytes as f64 / seconds,
            response_us: quantile.and_then(|q| {
                let effective = limits.plotted_index().and_then(|i| step.effective.get(i));
                self.interval(q, effective.copied().unwrap_or(0.0))
            }),
            throttled_us: self.brokers.values().map(|most| most.0).max().unwrap_or(0),
            broker: broker.map(|(name, _)| name.clone()),
            topic: self.slowest_topic(quantile.unwrap_or(0.99), scenario),
        }
    }

    /// The quantile with its interval: that of the ranks n q ± z sqrt(n q (1 - q)) of so many independent events.
    fn interval(&self, q: f64, effective: f64) -> Option<[u64; 3]> {
        let effective = effective.max(1.0);
        let half = SURE * (q * (1.0 - q) / effective).sqrt();
        let longest = self.response.max_us()?;
        let at = |q: f64| self.response.quantile_us(q.clamp(1e-9, 1.0), self.beyond);
        Some([at(q - half)?, at(q)?, at(q + half).unwrap_or(longest)])
    }

    fn slowest_topic(&self, q: f64, scenario: &Scenario) -> Option<String> {
        let slowest = self
            .events
            .iter()
            .max_by_key(|(_, (times, beyond))| times.quantile_us(q, *beyond).unwrap_or(u64::MAX));
        let (name, _) = slowest.filter(|_| scenario.topics.len() > 1)?;
        let event = scenario.events.iter().find(|event| event.name == *name)?;
        Some(scenario.topics[event.topic].key.clone())
    }
}
