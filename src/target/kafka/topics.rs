//! Topics of a run: created as the scenario wants them, or found fit for it.

mod new;

use std::ffi::c_char;
use std::time::Duration;

use rdkafka::bindings as rdsys;
use rdsys::rd_kafka_resp_err_t as Code;

use self::new::NewTopics;
use super::admin::{Admin, Deleted};
use super::errors::{KafkaError, text};
use super::ffi::{c_strings, list};
use super::refusals::{not_created, refused};
use crate::clock::{Clock, Monotonic, NS_PER_S};

/// Names under which existing topics are used without being asked: highwater's own.
pub const OWN_PREFIX: &str = "highwater.";

/// How long a created topic may take until every partition has a leader: seconds.
const LEADERS: u64 = 30;
/// How long brokers may take to hear that a topic was deleted: seconds.
const GONE: u64 = 5;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A topic that a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name on the cluster, prefix included.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many replicas; `None`: the cluster's default.
    pub replication: Option<u16>,
    /// Its configuration, as the scenario gives it.
    pub config: Vec<(String, String)>,
    /// The most that the plan puts into one of its partitions; `None` when that is unknown (unthrottled load).
    pub fullest: Option<Fullest>,
}

/// The most that a plan puts into one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fullest {
    /// Records.
    pub records: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
}

impl Wanted {
    /// The configuration to create it with. A created topic keeps its records for an hour, so that a forgotten rehearsal does not
    /// fill a cluster's disks, and no more bytes a partition than the plan puts there, so that a longer load than planned
    /// cannot either. What the scenario says of either wins.
    pub fn created_config(&self) -> Vec<(String, String)> {
        let mut config = self.config.clone();
        let says = |name: &str| self.config.iter().any(|(given, _)| given == name);
        if !says("retention.ms") {
            config.push(("retention.ms".into(), "3600000".into()));
        }
        if let (Some(fullest), false) = (self.fullest, says("retention.bytes")) {
            // On disk a record takes up to 20 B more and a batch 61 B. 80 B a record covers batches of one: nothing of the plan
            // may be deleted for want of room, or it would count as expired.
            let bytes = fullest
                .bytes
                .saturating_add(fullest.records.saturating_mul(80));
            config.push(("retention.bytes".into(), bytes.max(1).to_string()));
        }
        config
    }
}

/// What became of the topics of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Those created now: what `--delete-topics` deletes.
    pub created: Vec<String>,
    /// Those found.
    pub existing: Vec<String>,
    /// How many replicas each wanted topic has, in their order.
    pub replication: Vec<u16>,
    /// What the user should know, each a sentence.
    pub warnings: Vec<String>,
}

/// A topic as the cluster describes it.
struct Found {
    partitions: u32,
    /// Partitions with a leader.
    led: u32,
    /// The fewest replicas of a partition.
    replicas: u16,
}

impl Admin {
    /// Makes sure that all topics are there with a leader for every partition: creates those that are missing, checks the others.
    ///
    /// # Errors
    /// Usage: a topic exists that may not be used, has other partitions than asked, or is asked for with an impossible setting.
    /// Cluster: it did not answer, or refused. Topics created before the error are deleted again.
    pub fn prepare_topics(
        &self,
        wanted: &[Wanted],
        allow_existing: bool,
    ) -> Result<Ready, KafkaError> {
        let mut ready = Ready::default();
        let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
        let mut missing = Vec::new();
        for (topic, found) in wanted.iter().zip(self.describe(&names)?) {
            match found {
                None => missing.push(self.capped(topic, &mut ready.warnings)),
                Some(found) => {
                    fit(topic, &found, allow_existing, &mut ready.warnings)?;
                    ready.existing.push(topic.name.clone());
                }
            }
        }
        let result = self
            .create(&missing, &mut ready)
            .and_then(|()| self.await_leaders(&names, wanted, &mut ready));
        match result {
            Ok(()) => Ok(ready),
            Err(error) => {
                // Best effort: the error at hand is the one to tell.
                let _ = self.delete_topics(&ready.created);
                Err(error)
            }
        }
    }

    /// The topic with replication and what depends on it cut to what the cluster's brokers can give.
    fn capped(&self, topic: &Wanted, warnings: &mut Vec<String>) -> Wanted {
        let brokers = u16::try_from(self.cluster().brokers.len()).unwrap_or(u16::MAX);
        let mut topic = topic.clone();
        let name = topic.name.clone();
        if let Some(replication) = topic.replication.filter(|asked| *asked > brokers) {
            warnings.push(format!(
                "topic {name}: replication {replication} is more than the cluster's {brokers} broker(s): {brokers} it is"
            ));
            topic.replication = Some(brokers);
        }
        for (key, value) in &mut topic.config {
            if key == "min.insync.replicas" && value.parse().is_ok_and(|asked: u16| asked > brokers)
            {
                warnings.push(format!(
                    "topic {name}: min.insync.replicas = {value} could never be met by {brokers} broker(s): {brokers} it is"
                ));
                *value = brokers.to_string();
            }
        }
        topic
    }

    fn create(&self, missing: &[Wanted], ready: &mut Ready) -> Result<(), KafkaError> {
        if missing.is_empty() {
            return Ok(());
        }
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS;
        let mut asked = NewTopics(Vec::new());
        for topic in missing {
            asked.add(topic)?;
        }
        // SAFETY: `call` passes pointers that live during the call; the topics are copied by it.
        let event = self.call("creating topics", op, |rk, options, queue| unsafe {
            rdsys::rd_kafka_CreateTopics(rk, asked.0.as_mut_ptr(), asked.0.len(), options, queue);
        })?;
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        let results: Vec<(String, Code, String)> = unsafe {
            let result = rdsys::rd_kafka_event_CreateTopics_result(event.as_ptr());
            let mut count = 0;
            let topics = rdsys::rd_kafka_CreateTopics_result_topics(result, &mut count);
            list(topics, count).iter().map(|t| outcome(*t)).collect()
        };
        let mut error = None;
        for (name, code, words) in results {
            match (code, missing.iter().find(|topic| topic.name == name)) {
                (Code::RD_KAFKA_RESP_ERR_NO_ERROR, _) => ready.created.push(name),
                (_, Some(topic)) if error.is_none() => {
                    error = Some(not_created(topic, code, &words));
                }
                _ => {}
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// Waits until every partition has a leader, and notes how many replicas there are.
    fn await_leaders(
        &self,
        names: &[String],
        wanted: &[Wanted],
        ready: &mut Ready,
    ) -> Result<(), KafkaError> {
        let clock = Monotonic;
        let limit = clock.now().plus_ns(LEADERS * NS_PER_S);
        loop {
            let found = self.describe(names)?;
            let led = |(topic, found): (&Wanted, &Option<Found>)| {
                found.as_ref().is_some_and(|f| f.led >= topic.partitions)
            };
            if wanted.iter().zip(&found).all(led) {
                for (topic, found) in wanted.iter().zip(&found) {
                    let replicas = found.as_ref().map_or(0, |f| f.replicas);
                    ready.replication.push(replicas);
                    ready.warnings.extend(too_few(topic, replicas));
                }
                return Ok(());
            }
            if clock.now() > limit {
                let stuck: Vec<&str> = wanted
                    .iter()
                    .zip(&found)
                    .filter(|pair| !led(*pair))
                    .map(|(topic, _)| topic.name.as_str())
                    .collect();
                return Err(KafkaError::cluster(
                    format!("waiting for leaders of {}", stuck.join(", ")),
                    &format!("some partitions have none after {LEADERS} s"),
                    "see the controller's log; is a broker down?",
                ));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Deletes topics. For each the name and, where it failed, why.
    ///
    /// # Errors
    /// Cluster: it did not answer at all.
    pub fn delete_topics(&self, names: &[String]) -> Result<Vec<Deleted>, KafkaError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETETOPICS;
        let names = c_strings(names)?;
        // SAFETY: the names outlive the calls, which copy them; the list is as long as it says and its parts are destroyed once.
        let event = self.call("deleting topics", op, |rk, options, queue| unsafe {
            let mut asked: Vec<_> = names
                .iter()
                .map(|name| rdsys::rd_kafka_DeleteTopic_new(name.as_ptr()))
                .collect();
            rdsys::rd_kafka_DeleteTopics(rk, asked.as_mut_ptr(), asked.len(), options, queue);
            rdsys::rd_kafka_DeleteTopic_destroy_array(asked.as_mut_ptr(), asked.len());
        })?;
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        let deleted: Vec<Deleted> = unsafe {
            let result = rdsys::rd_kafka_event_DeleteTopics_result(event.as_ptr());
            let mut count = 0;
            let topics = rdsys::rd_kafka_DeleteTopics_result_topics(result, &mut count);
            let deleted = |(name, code, words): (String, Code, String)| Deleted {
                name,
                failed: (code != Code::RD_KAFKA_RESP_ERR_NO_ERROR).then_some(words),
            };
            let outcomes = list(topics, count).iter().map(|t| outcome(*t));
            outcomes.map(deleted).collect()
        };
        self.await_gone(&deleted);
        Ok(deleted)
    }

    /// Waits a little until the brokers have heard of deletions too: who looks right after would still find the topics.
    fn await_gone(&self, deleted: &[Deleted]) {
        let gone = deleted.iter().filter(|one| one.failed.is_none());
        let names: Vec<String> = gone.map(|one| one.name.clone()).collect();
        let clock = Monotonic;
        let limit = clock.now().plus_ns(GONE * NS_PER_S);
        while clock.now() < limit
            && self
                .describe(&names)
                .is_ok_and(|found| found.iter().any(Option::is_some))
        {
            std::thread::sleep(PAUSE);
        }
    }

    /// Each topic as the cluster has it, in the order asked; `None` where it has none. Creates nothing.
    fn describe(&self, names: &[String]) -> Result<Vec<Option<Found>>, KafkaError> {
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let asked = c_strings(names)?;
        let mut all: Vec<Option<Found>> = names.iter().map(|_| None).collect();
        if asked.is_empty() {
            return Ok(all);
        }
        // SAFETY: the names outlive the calls, which copy them; the collection is destroyed once.
        let event = self.call("looking at topics", op, |rk, options, queue| unsafe {
            let mut names: Vec<*const c_char> = asked.iter().map(|name| name.as_ptr()).collect();
            let all =
                rdsys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
            rdsys::rd_kafka_DescribeTopics(rk, all, options, queue);
            rdsys::rd_kafka_TopicCollection_destroy(all);
        })?;
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        unsafe {
            let result = rdsys::rd_kafka_event_DescribeTopics_result(event.as_ptr());
            let mut count = 0;
            let topics = rdsys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            for topic in list(topics, count) {
                let name = text(rdsys::rd_kafka_TopicDescription_name(*topic));
                let error = rdsys::rd_kafka_TopicDescription_error(*topic);
                let code = rdsys::rd_kafka_error_code(error);
                let found = match code {
                    Code::RD_KAFKA_RESP_ERR_NO_ERROR => Some(described(*topic)),
                    Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                    | Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE => None,
                    _ => {
                        let words = text(rdsys::rd_kafka_error_string(error));
                        return Err(refused(&name, "looking at", code, &words));
                    }
                };
                if let Some(at) = names.iter().position(|asked| *asked == name) {
                    all[at] = found;
                }
            }
        }
        Ok(all)
    }
}

/// # Safety
/// The description belongs to an answer that lives.
unsafe fn described(topic: *const rdsys::rd_kafka_TopicDescription_t) -> Found {
    // SAFETY: the caller promises it; lists are as long as they say.
    unsafe {
        let mut count = 0;
        let partitions = rdsys::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let mut found = Found {
            partitions: count as u32,
            led: 0,
            replicas: u16::MAX,
        };
        for partition in list(partitions, count) {
            let leader = rdsys::rd_kafka_TopicPartitionInfo_leader(*partition);
            if !leader.is_null() && rdsys::rd_kafka_Node_id(leader) >= 0 {
                found.led += 1;
            }
            let mut replicas = 0;
            rdsys::rd_kafka_TopicPartitionInfo_replicas(*partition, &mut replicas);
            found.replicas = found.replicas.min(replicas as u16);
        }
        found
    }
}

/// The name, code and words of one topic's result.
///
/// # Safety
/// The result belongs to an answer that lives.
unsafe fn outcome(result: *const rdsys::rd_kafka_topic_result_t) -> (String, Code, String) {
    // SAFETY: the caller promises it.
    unsafe {
        let code = rdsys::rd_kafka_topic_result_error(result);
        let mut words = text(rdsys::rd_kafka_topic_result_error_string(result));
        if words.is_empty() {
            words = text(rdsys::rd_kafka_err2str(code));
        }
        (text(rdsys::rd_kafka_topic_result_name(result)), code, words)
    }
}

/// Whether an existing topic may be used.
fn fit(
    topic: &Wanted,
    found: &Found,
    allow_existing: bool,
    warnings: &mut Vec<String>,
) -> Result<(), KafkaError> {
    let name = &topic.name;
    if !allow_existing && !name.starts_with(OWN_PREFIX) {
        return Err(KafkaError::asked(
            format!("using topic {name}"),
            &format!("it exists, and is not one of highwater's own ({OWN_PREFIX}...)"),
            "a rehearsal must not write into a topic of production: choose another --topic-prefix, \
             or pass --allow-existing if you mean it",
        ));
    }
    if found.partitions != topic.partitions {
        let (has, asked) = (found.partitions, topic.partitions);
        return Err(KafkaError::asked(
            format!("using topic {name}"),
            &format!("it exists with {has} partitions, the scenario asks for {asked}"),
            "set partitions to what it has, choose another --topic-prefix, or delete it first (highwater clean)",
        ));
    }
    if !topic.config.is_empty() || topic.replication.is_some_and(|r| r != found.replicas) {
        warnings.push(format!(
            "topic {name} exists and is used as it is: the scenario's replication and config were not applied"
        ));
    }
    Ok(())
}

/// A warning when a topic has fewer replicas than a write with acks=all waits for.
fn too_few(topic: &Wanted, replicas: u16) -> Option<String> {
    let (_, asked) = topic
        .config
        .iter()
        .rfind(|(key, _)| key == "min.insync.replicas")?;
    let needed: u16 = asked.parse().ok()?;
    (needed > replicas).then(|| {
        format!(
            "topic {} has {replicas} replica(s) and min.insync.replicas = {needed}: \
             many brokers refuse every write with acks=all then; set its replication to {needed} or more",
            topic.name
        )
    })
}

#[cfg(test)]
mod tests;
