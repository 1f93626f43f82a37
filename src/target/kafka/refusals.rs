//! Telling why a cluster did not create a topic, and what to do about it.

use rdkafka::bindings::rd_kafka_resp_err_t as Code;

use super::errors::{KafkaError, failure_name};
use super::names::nearest_of;
use super::topics::Wanted;
use crate::target::Failure;

/// The error for a topic that the cluster did not create.
pub(super) fn not_created(topic: &Wanted, code: Code, words: &str) -> KafkaError {
    let name = &topic.name;
    let doing = format!("creating topic {name}");
    match code {
        Code::RD_KAFKA_RESP_ERR_INVALID_CONFIG => {
            let config = topic.config.iter();
            let culprit = config.clone().find(|(key, _)| words.contains(key.as_str()));
            let remedy = match culprit {
                Some((key, value)) => setting_remedy(key, value),
                None => format!(
                    "check [topic.X] config: {}",
                    config
                        .map(|(key, value)| format!("{key} = {value}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            KafkaError::asked(doing, words, &remedy)
        }
        Code::RD_KAFKA_RESP_ERR_INVALID_PARTITIONS
        | Code::RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR => {
            let remedy = "check partitions and replication of the topic in the scenario";
            KafkaError::asked(doing, words, remedy)
        }
        Code::RD_KAFKA_RESP_ERR_POLICY_VIOLATION => {
            let asked: Vec<String> = topic
                .created_config()
                .iter()
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            let remedy = format!(
                "the cluster has a policy for new topics; asked was: partitions = {}, replication = {}, {}. \
                 Change them in the scenario, or create the topic beforehand (and pass --allow-existing)",
                topic.partitions,
                topic
                    .replication
                    .map_or("default".into(), |r| r.to_string()),
                asked.join(", ")
            );
            KafkaError::cluster(doing, words, &remedy)
        }
        _ => refused(name, "creating", code, words),
    }
}

/// The error for a topic that the cluster refused for a reason of its own.
pub(super) fn refused(name: &str, verb: &str, code: Code, words: &str) -> KafkaError {
    let doing = format!("{verb} topic {name}");
    let cause = format!("{words} ({})", failure_name(Failure(code as i32)));
    if code == Code::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION {
        let remedy = "a topic's name has at most 249 letters, digits, dots, - and _: \
                      check the topic's name in the scenario and --topic-prefix";
        return KafkaError::asked(doing, &cause, remedy);
    }
    let remedy = match code {
        Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
        | Code::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED => format!(
            "the user needs Kafka's CREATE, DESCRIBE, READ and WRITE on topic {name}, or on the prefix of --topic-prefix; \
             a topic made beforehand needs no CREATE (pass --allow-existing)"
        ),
        Code::RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS => {
            "somebody else created it just now: start again".to_owned()
        }
        _ => "see the controller's log for more".to_owned(),
    };
    KafkaError::cluster(doing, &cause, &remedy)
}

fn setting_remedy(key: &str, value: &str) -> String {
    match nearest_of(key, SETTINGS.iter().copied()) {
        Some(known) if known != key => format!("config.{key}: did you mean {known}?"),
        _ => format!("config.{key} = {value}: see Kafka's topic configuration for what it takes"),
    }
}

/// Kafka's topic settings.
const SETTINGS: [&str; 30] = [
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
];
