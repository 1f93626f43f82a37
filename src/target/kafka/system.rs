//! A Kafka cluster as the system under test: real or embedded, with the topics of one run ready.

use std::sync::Arc;
use std::time::Duration;

use super::admin::Admin;
use super::config::ClientOptions;
use super::consumer::{KafkaConsumer, Reads};
use super::errors::KafkaError;
use super::producer::{KafkaProducer, ProducerTopic};
use crate::scenario::{Scenario, StampPlace};
use crate::target::{Committed, Consumer, LogOffsets, Producer, Target, TargetError};

/// How long a producer may take to learn its topics' partitions.
const METADATA: Duration = Duration::from_secs(30);

/// A cluster whose topics are ready.
pub struct KafkaTarget {
    scenario: Arc<Scenario>,
    options: ClientOptions,
    admin: Arc<Admin>,
    /// By topic of the scenario, its whole name.
    names: Vec<String>,
    /// What the groups' names begin with: `PREFIX.RUNID.`.
    group_prefix: String,
}

impl KafkaTarget {
    /// A target for this scenario's run. `names`: the whole name of each of its topics, which exist; `group_prefix` comes before the
    /// names of its groups.
    pub fn new(
        scenario: Arc<Scenario>,
        options: ClientOptions,
        admin: Arc<Admin>,
        names: Vec<String>,
        group_prefix: String,
    ) -> KafkaTarget {
        KafkaTarget {
            scenario,
            options,
            admin,
            names,
            group_prefix,
        }
    }

    /// The name of a group on the cluster.
    pub fn group_name(&self, group: usize) -> String {
        format!(
            "{}{}",
            self.group_prefix, self.scenario.consumers[group].name
        )
    }

    /// Topics that some flow writes to.
    fn written(&self, flow: usize) -> Vec<bool> {
        let mut written = vec![false; self.names.len()];
        for (event, _) in &self.scenario.flows[flow].mix {
            written[self.scenario.events[*event].topic] = true;
        }
        written
    }

    fn has_header_stamps(&self, topic: usize) -> bool {
        let events = self.scenario.events.iter();
        events
            .filter(|event| event.topic == topic)
            .any(|event| event.stamp == StampPlace::Header)
    }
}

/// What a producer of a flow is given.
///
/// # Errors
/// All that is wrong with the scenario's properties.
pub fn producer_settings(
    options: &ClientOptions,
    scenario: &Scenario,
    flow: usize,
) -> Result<super::config::Settings, KafkaError> {
    let clients = scenario.flows.iter().map(|flow| flow.producers).sum();
    let of = &scenario.flows[flow];
    let table = format!("[flow.{}] client", of.name);
    options.producer(
        clients,
        &[("[client]", &scenario.client), (&table, &of.client)],
    )
}

/// What a member of a group is given, in a group of this name.
///
/// # Errors
/// All that is wrong with the scenario's properties.
pub fn consumer_settings(
    options: &ClientOptions,
    scenario: &Scenario,
    group: usize,
    name: &str,
) -> Result<super::config::Settings, KafkaError> {
    let of = &scenario.consumers[group];
    let table = format!("[consume.{}] client", of.name);
    options.consumer(name, &[(&table, &of.client)])
}

impl Target for KafkaTarget {
    fn producer(&self, flow: usize, _index: u32) -> Result<Box<dyn Producer + Send>, TargetError> {
        let settings = producer_settings(&self.options, &self.scenario, flow)?;
        let topics: Vec<ProducerTopic> = self
            .names
            .iter()
            .zip(&self.scenario.topics)
            .zip(self.written(flow))
            .map(|((name, topic), written)| ProducerTopic {
                name: name.clone(),
                partitions: topic.partitions,
                written,
            })
            .collect();
        Ok(Box::new(KafkaProducer::new(&settings, &topics, METADATA)?))
    }

    fn consumer(
        &self,
        group: usize,
        _member: u32,
        position: Arc<dyn Fn(u16, u32) -> i64 + Send + Sync>,
    ) -> Result<Box<dyn Consumer + Send>, TargetError> {
        let name = self.group_name(group);
        let settings = consumer_settings(&self.options, &self.scenario, group, &name)?;
        let topics: Vec<Reads> = self.scenario.consumers[group]
            .topics
            .iter()
            .map(|topic| Reads {
                name: self.names[*topic].clone(),
                index: *topic as u16,
                header_stamps: self.has_header_stamps(*topic),
            })
            .collect();
        Ok(Box::new(KafkaConsumer::join(&settings, &topics, position)?))
    }

    fn committed(&self, group: &str) -> Result<Option<Vec<Committed>>, TargetError> {
        Ok(self.admin.committed(group)?)
    }

    fn logs(&self) -> Result<Vec<LogOffsets>, TargetError> {
        let partitions = self.scenario.topics.iter().map(|topic| topic.partitions);
        let topics: Vec<(String, u32)> = self.names.iter().cloned().zip(partitions).collect();
        let mut logs = Vec::new();
        for (topic, ranges) in self.admin.log_ranges(&topics)?.into_iter().enumerate() {
            for (partition, range) in ranges.into_iter().enumerate() {
                logs.push(LogOffsets {
                    topic: topic as u16,
                    partition: partition as u32,
                    start: range.start,
                    end: range.end,
                });
            }
        }
        Ok(logs)
    }
}

impl From<KafkaError> for TargetError {
    fn from(error: KafkaError) -> TargetError {
        if error.is_usage() {
            TargetError::Usage(error.to_string())
        } else {
            TargetError::Unusable(error.to_string())
        }
    }
}
