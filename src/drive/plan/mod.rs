//! What a run would offer, worked out without a cluster.
//!
//! Rates come from the schedule's curves; sizes, keys and the ratio of compression from events that are really rendered (a few shards of
//! the whole run); the load of partitions from the closed form of the keys' popularity where there is one.

mod doubts;
pub mod events;
mod groups;
mod partitions;
mod rates;
mod sample;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::scenario::hash::plan_hash;
use crate::scenario::{Event, Flow, Scenario, Topic};
use crate::schedule::FlowSchedule;
use crate::traffic::Traffic;
use partitions::Spread;
use rates::Rates;
use sample::Sampled;

pub use groups::GroupPlan;

/// What a record takes in a log beside its key and value: lengths, offsets, times, its share of the batch's header.
const RECORD_OVERHEAD: f64 = 12.0;

/// A plan. Rates are per real second.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The question it answers.
    pub why: String,
    /// The hash of what is offered.
    pub hash: String,
    /// The seed of every draw.
    pub seed: u64,
    /// How long the load lasts, in real microseconds.
    pub run_us: u64,
    /// Of it the warm-up.
    pub warmup_us: u64,
    /// The simulated clock when the load starts and ends, RFC 3339.
    pub clock: [String; 2],
    /// Simulated seconds in a real one.
    pub compress: f64,
    /// The rate of all events: (seconds since the start of the load, events per second).
    pub curve: Vec<(f64, f64)>,
    /// All events.
    pub load: Load,
    /// By flow.
    pub flows: Vec<FlowPlan>,
    /// By topic.
    pub topics: Vec<TopicPlan>,
    /// By event.
    pub events: Vec<EventPlan>,
    /// By consumer group.
    pub groups: Vec<GroupPlan>,
    /// Events as they would be sent, one of each kind.
    pub samples: Vec<Sample>,
    /// What is legal and suspicious, a sentence each.
    pub doubts: Vec<String>,
}

/// How much is offered. Bytes are of keys and values.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Load {
    /// Events of the run, expected.
    pub events: f64,
    /// Events per second over the run.
    pub mean_per_s: f64,
    /// The highest rate.
    pub peak_per_s: f64,
    /// Bytes of the run.
    pub bytes: f64,
    /// Bytes per second over the run.
    pub mean_bytes_per_s: f64,
    /// The highest rate of bytes.
    pub peak_bytes_per_s: f64,
}

/// A flow's part.
#[derive(Clone, Debug, Serialize)]
pub struct FlowPlan {
    /// Its name.
    pub name: String,
    /// How its arrivals are spaced, as a scenario says it.
    pub arrivals: &'static str,
    /// False where nothing is due: the rate is the cluster's, and nothing is planned.
    pub planned: bool,
    /// Its events.
    pub load: Load,
    /// The highest rate without its spikes; `None` where it has none.
    pub peak_without_spikes_per_s: Option<f64>,
    /// For journeys, how many start: per second over the run.
    pub starts_per_s: Option<f64>,
    /// For journeys, how many of each event one has on average.
    pub journey: Vec<(String, f64)>,
}

/// A topic's part.
#[derive(Clone, Debug, Serialize)]
pub struct TopicPlan {
    /// Its key in the scenario.
    pub name: String,
    /// Its events.
    pub load: Load,
    /// How many partitions it has.
    pub partitions: u32,
    /// The load of its hottest partition ÷ the mean of all; `None` when nothing is sent to it.
    pub hottest: Option<f64>,
    /// Which partition that is, where it is known beforehand.
    pub hottest_partition: Option<u32>,
    /// The commonest key with its share of the topic's events, when it is no small one.
    pub top_key: Option<(String, f64)>,
    /// How many times batches of 128 KiB of its events shrink.
    pub compression: Option<Compression>,
    /// Bytes its logs grow to, uncompressed and one replica's, by the end of the run at most.
    pub disk_bytes: f64,
    /// Its replicas; `None`: the cluster's default.
    pub replication: Option<u16>,
}

/// How many times the data shrinks.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Compression {
    /// By LZ4.
    pub lz4: f64,
    /// By Zstandard at its default level.
    pub zstd: f64,
}

/// An event's part.
#[derive(Clone, Debug, Serialize)]
pub struct EventPlan {
    /// Its name.
    pub name: String,
    /// The topic it goes to.
    pub topic: String,
    /// How much of it.
    pub load: Load,
    /// Bytes of a value, on average.
    pub value_bytes: f64,
}

/// An event as it would be sent.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Its name.
    pub event: String,
    /// Its topic.
    pub topic: String,
    /// Its key, as text.
    pub key: Option<String>,
    /// When it is due: microseconds since the start of the load.
    pub due_us: u64,
    /// Its value, as text; `None`: a tombstone.
    pub value: Option<String>,
}

/// What a plan is made from.
pub struct Ground<'a> {
    /// The checked scenario.
    pub scenario: &'a Scenario,
    /// Its compiled events.
    pub traffic: &'a Arc<Traffic>,
    /// Its schedules, one for each flow.
    pub schedules: &'a [Arc<FlowSchedule>],
}

/// Works out the plan of a scenario.
pub fn plan(ground: &Ground<'_>) -> Plan {
    let scenario = ground.scenario;
    let sampled = sample::sample(ground);
    let rates = Rates::new(ground, &sampled);
    let spread = partitions::spread(ground, &rates, &sampled);
    let topics = topics(ground, &rates, &sampled, &spread);
    let groups = groups::groups(ground, &rates, &spread);
    let time = &scenario.time;
    let mut plan = Plan {
        scenario: scenario.name.clone(),
        why: scenario.why.clone(),
        hash: plan_hash(scenario),
        seed: scenario.seed,
        run_us: time.run_ns() / 1000,
        warmup_us: time.warmup.as_micros() as u64,
        clock: [time.play.0, time.play.1].map(|offset| clock(scenario, offset)),
        compress: time.compress,
        curve: rates.curve(),
        load: rates.load(|_| true),
        flows: flows(ground, &rates),
        topics,
        events: events_of(scenario, &rates, &sampled),
        groups,
        samples: sampled.samples,
        doubts: Vec::new(),
    };
    plan.doubts = doubts::doubts(scenario, &plan);
    plan
}

/// How the load of each topic spreads over its partitions: its key, each partition's share, and the hottest ÷ the mean of all. Topics for
/// which nothing is due are left out.
pub fn partition_shares(ground: &Ground<'_>) -> Vec<(String, Vec<f64>, f64)> {
    let sampled = sample::sample(ground);
    let rates = Rates::new(ground, &sampled);
    let spread = partitions::spread(ground, &rates, &sampled);
    let topics = ground.scenario.topics.iter().zip(spread);
    topics
        .filter_map(|(topic, spread)| {
            let hottest = spread.hottest()?;
            Some((topic.key.clone(), spread.shares, hottest))
        })
        .collect()
}

/// The simulated clock after this much of the span, RFC 3339.
fn clock(scenario: &Scenario, offset: Duration) -> String {
    let starts = &scenario.time.starts;
    let at = jiff::SignedDuration::try_from(offset)
        .ok()
        .and_then(|offset| starts.checked_add(offset).ok());
    let at = at.as_ref().unwrap_or(starts);
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn flows(ground: &Ground<'_>, rates: &Rates) -> Vec<FlowPlan> {
    let scenario = ground.scenario;
    let plan = |(index, flow): (usize, &Flow)| {
        let schedule = &ground.schedules[index];
        let journey = flow.journey.as_ref();
        FlowPlan {
            name: flow.name.clone(),
            arrivals: flow.arrivals.name(),
            planned: flow.arrivals.has_due(),
            load: rates.load(|cell| cell.flow == index),
            peak_without_spikes_per_s: without_spikes(scenario, index),
            starts_per_s: journey.map(|_| schedule.starts().total() / rates.seconds),
            journey: journey
                .into_iter()
                .flat_map(|journey| &journey.visits)
                .map(|(event, visits)| (scenario.events[*event].name.clone(), *visits))
                .collect(),
        }
    };
    scenario.flows.iter().enumerate().map(plan).collect()
}

/// The top of a flow's curve without its spikes, if it has any.
fn without_spikes(scenario: &Scenario, flow: usize) -> Option<f64> {
    if scenario.flows[flow].spikes.is_empty() || !scenario.flows[flow].arrivals.has_due() {
        return None;
    }
    let mut ordinary = scenario.clone();
    ordinary.flows[flow].spikes.clear();
    Some(FlowSchedule::compile(&ordinary, flow).curve().peak())
}

fn topics(
    ground: &Ground<'_>,
    rates: &Rates,
    sampled: &Sampled,
    spread: &[Spread],
) -> Vec<TopicPlan> {
    let scenario = ground.scenario;
    let plan = |(index, topic): (usize, &Topic)| {
        let load = rates.load(|cell| scenario.events[cell.event].topic == index);
        TopicPlan {
            name: topic.key.clone(),
            load,
            partitions: topic.partitions,
            hottest: spread[index].hottest(),
            hottest_partition: spread[index].which(),
            top_key: spread[index].top_key.clone(),
            compression: sampled.compression(index),
            disk_bytes: disk(topic, &load, rates.seconds),
            replication: topic.replication,
        }
    };
    scenario.topics.iter().enumerate().map(plan).collect()
}

/// What the logs of one replica hold at most: all that is sent, unless the topic's own retention lets go of some before the end.
fn disk(topic: &Topic, load: &Load, seconds: f64) -> f64 {
    let config = |name: &str| {
        let found = topic.config.iter().rev().find(|(key, _)| key == name);
        let number = found.and_then(|(_, value)| value.parse::<f64>().ok());
        number.filter(|number| *number >= 0.0)
    };
    let sent = load.bytes + load.events * RECORD_OVERHEAD;
    let kept = match config("retention.ms") {
        Some(ms) if ms / 1e3 < seconds => {
            sent.min((load.peak_bytes_per_s + load.peak_per_s * RECORD_OVERHEAD) * ms / 1e3)
        }
        _ => sent,
    };
    let most = config("retention.bytes").map(|bytes| bytes * f64::from(topic.partitions));
    most.map_or(kept, |most| kept.min(most))
}

fn events_of(scenario: &Scenario, rates: &Rates, sampled: &Sampled) -> Vec<EventPlan> {
    let plan = |(index, event): (usize, &Event)| EventPlan {
        name: event.name.clone(),
        topic: scenario.topics[event.topic].key.clone(),
        load: rates.load(|cell| cell.event == index),
        value_bytes: sampled.sizes[index].value,
    };
    scenario.events.iter().enumerate().map(plan).collect()
}
