//! What a run consists of, as far as measuring it goes: names, counts and the lengths that label windows.

use serde::{Deserialize, Serialize};

use crate::clock::NS_PER_S;
use crate::scenario::{Arrivals, Scenario};

/// The length of a window: one second.
pub const WINDOW_NS: u64 = NS_PER_S;

/// The names and sizes of a run, shared by all that measure it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunShape {
    /// The flows, in the scenario's order.
    pub flows: Vec<FlowShape>,
    /// The names of the events, in the scenario's order.
    pub events: Vec<String>,
    /// The topics, in the scenario's order.
    pub topics: Vec<TopicShape>,
    /// The names of the consumer groups, in the scenario's order.
    pub groups: Vec<String>,
    /// How long the warm-up lasts, in nanoseconds.
    pub warmup_ns: u64,
    /// How long the load lasts, in nanoseconds.
    pub run_ns: u64,
}

/// A flow of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowShape {
    /// Its name.
    pub name: String,
    /// The events it sends, as indices into [`RunShape::events`].
    pub events: Vec<u16>,
    /// How its load comes about. Only in the open model something is due, and there is a response time and a send delay.
    pub model: Model,
}

/// How a flow's load comes about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Events come due by the schedule, whatever the cluster does.
    #[default]
    Open,
    /// Users wait for an answer before they send the next event: a slow cluster is offered less.
    Closed,
    /// As fast as the cluster takes them.
    Unthrottled,
}

impl Model {
    fn of(arrivals: &Arrivals) -> Model {
        match arrivals {
            Arrivals::Closed { .. } => Model::Closed,
            Arrivals::Unthrottled => Model::Unthrottled,
            _ => Model::Open,
        }
    }

    /// Whether events have an instant at which they are due.
    pub fn has_due(self) -> bool {
        self == Model::Open
    }
}

/// A topic of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicShape {
    /// Its key in the scenario.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
}

impl RunShape {
    /// The shape of a scenario's run.
    pub fn of(scenario: &Scenario) -> RunShape {
        RunShape {
            flows: scenario
                .flows
                .iter()
                .map(|flow| FlowShape {
                    name: flow.name.clone(),
                    events: flow.mix.iter().map(|(event, _)| *event as u16).collect(),
                    model: Model::of(&flow.arrivals),
                })
                .collect(),
            events: scenario
                .events
                .iter()
                .map(|event| event.name.clone())
                .collect(),
            topics: scenario
                .topics
                .iter()
                .map(|topic| TopicShape {
                    name: topic.key.clone(),
                    partitions: topic.partitions,
                })
                .collect(),
            groups: scenario
                .consumers
                .iter()
                .map(|group| group.name.clone())
                .collect(),
            warmup_ns: u64::try_from(scenario.time.warmup.as_nanos()).unwrap_or(u64::MAX),
            run_ns: scenario.time.run_ns(),
        }
    }

    /// Events due from here on are warm. The warm-up ends with a window, so that the warm windows add up to the warm totals:
    /// one of 1.5 s labels two windows.
    pub const fn warm_from_ns(&self) -> u64 {
        self.warmup_ns.div_ceil(WINDOW_NS).saturating_mul(WINDOW_NS)
    }

    /// Whether the window that begins at this second is warm.
    pub const fn is_warm(&self, second: u32) -> bool {
        second as u64 * WINDOW_NS >= self.warm_from_ns()
    }

    /// Whether the window that begins at this second lies within the load, wholly or in part.
    pub const fn has_load(&self, second: u32) -> bool {
        (second as u64 * WINDOW_NS) < self.run_ns
    }

    /// Where each topic's partitions begin in a list of all partitions, and how long that list is.
    pub fn partition_starts(&self) -> (Vec<usize>, usize) {
        let mut next = 0;
        let starts = self
            .topics
            .iter()
            .map(|topic| {
                let start = next;
                next += topic.partitions as usize;
                start
            })
            .collect();
        (starts, next)
    }
}

/// The window an instant lies in.
#[inline]
pub const fn second_of(ns: u64) -> u32 {
    (ns / WINDOW_NS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warm_up_ends_with_a_window() {
        let shape = |warmup_ns| RunShape {
            warmup_ns,
            ..RunShape::default()
        };
        assert!(shape(0).is_warm(0));
        assert!(!shape(1).is_warm(0));
        let shape = shape(1_500_000_000);
        assert_eq!([0, 1, 2].map(|s| shape.is_warm(s)), [false, false, true]);
        assert_eq!(shape.warm_from_ns(), 2_000_000_000);
    }

    #[test]
    fn partitions_of_all_topics_stand_in_one_list() {
        let topic = |partitions| TopicShape {
            name: String::new(),
            partitions,
        };
        let shape = RunShape {
            topics: vec![topic(3), topic(1), topic(12)],
            ..RunShape::default()
        };
        assert_eq!(shape.partition_starts(), (vec![0, 3, 4], 16));
    }
}
