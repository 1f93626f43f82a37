//! The client that administers: reaches the cluster, says who is there, lists what highwater left, knows where logs end.
//!
//! Everything has a time limit. A cluster that does not answer is given up after [`REACH`]; the reason comes from what the client
//! said meanwhile.

use std::collections::BTreeSet;
use std::ffi::c_char;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rdsys;
use rdsys::rd_kafka_resp_err_t as Code;
use rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;

use super::config::Settings;
use super::errors::{KafkaError, failure_name, text};
use super::ffi::{Event, PartitionList, c_string, c_strings, list};
use super::handle::{Handle, Listener, Note, Queue};
use super::unreachable::{
    AUTHENTICATION, SSL, TIMED_OUT, TIMED_OUT_QUEUE, TRANSPORT, told, unreachable,
};
use crate::clock::{Clock, Monotonic, NS_PER_S};
use crate::target::Failure;

/// How long a cluster may take to answer at first: seconds.
pub const REACH: u64 = 10;
/// How long one request may take: milliseconds.
const REQUEST_MS: i32 = 10_000;
/// How long who leads what is waited for: a broker that lives knows it.
const LEADERS_MS: i32 = 5_000;

/// A cluster, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its id, where it has one.
    pub id: Option<String>,
    /// The controller's broker id, where it is known.
    pub controller: Option<i32>,
    /// Its brokers, by id.
    pub brokers: Vec<Broker>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// The host it tells clients to connect to.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Where the log of a partition begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// The first offset still there.
    pub start: i64,
    /// The offset the next record gets.
    pub end: i64,
}

/// A client that administers.
pub struct Admin {
    handle: Handle,
    bootstrap: String,
    cluster: Cluster,
}

impl Admin {
    /// Connects and learns who is there.
    ///
    /// # Errors
    /// Usage: the settings contradict each other. Cluster: nobody answered within [`REACH`] seconds; the text says what was tried,
    /// what librdkafka said, and what to check.
    pub fn connect(settings: &Settings) -> Result<Admin, KafkaError> {
        Admin::connect_within(settings, REACH * NS_PER_S)
    }

    fn connect_within(settings: &Settings, limit_ns: u64) -> Result<Admin, KafkaError> {
        let bootstrap = settings.get("bootstrap.servers").unwrap_or("").to_owned();
        let producer = rdsys::rd_kafka_type_t::RD_KAFKA_PRODUCER;
        let mut handle = Handle::create(settings, producer, Listener::default())?;
        let clock = Monotonic;
        let started = clock.now();
        let mut slice_ms = 250;
        loop {
            // Tokens are refreshed while the client's own events are served, hence the short turns.
            handle.serve(0);
            if let Some(brokers) = brokers(&handle, slice_ms) {
                let cluster = Cluster {
                    id: cluster_id(&handle),
                    // SAFETY: the client lives. With the metadata at hand it answers from memory.
                    controller: Some(unsafe { rdsys::rd_kafka_controllerid(handle.rk(), 1_000) })
                        .filter(|id| *id >= 0),
                    brokers,
                };
                return Ok(Admin {
                    handle,
                    bootstrap,
                    cluster,
                });
            }
            let waited = clock.now().since(started);
            let notes = handle.notes().all();
            // Wrong credentials and certificates do not mend by waiting. A second gives the other brokers of the list a chance.
            let wrong = |note: &Note| matches!(note.code, AUTHENTICATION | SSL);
            let hopeless = waited > NS_PER_S && notes.iter().any(wrong);
            if hopeless || waited > limit_ns.saturating_sub(NS_PER_S) {
                let error = unreachable(settings, &bootstrap, waited, &notes);
                handle.abandon();
                return Err(error);
            }
            slice_ms = (slice_ms * 2).min(1_000);
        }
    }

    /// The cluster, as it was when the client connected.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The address the cluster was reached at.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// All topics whose names start with `prefix`, sorted. Kafka's own are left out.
    ///
    /// # Errors
    /// Cluster: it did not answer.
    pub fn topics(&self, prefix: &str) -> Result<Vec<String>, KafkaError> {
        self.handle.serve(0);
        let names = metadata(&self.handle, true, REQUEST_MS, |found| {
            // SAFETY: the metadata lives during the call, and its lists are as long as it says.
            unsafe {
                list(found.topics, found.topic_cnt as usize)
                    .iter()
                    .map(|topic| text(topic.topic))
                    .collect::<BTreeSet<String>>()
            }
        })
        .map_err(|code| self.failed("listing topics", code, ""))?;
        Ok(ours(names, prefix))
    }

    /// All consumer groups whose names start with `prefix`, sorted.
    ///
    /// # Errors
    /// Cluster: it did not answer, or some broker did not.
    pub fn groups(&self, prefix: &str) -> Result<Vec<String>, KafkaError> {
        let doing = "listing consumer groups";
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS;
        // SAFETY: `call` passes pointers that live during the call.
        let event = self.call(doing, op, |rk, options, queue| unsafe {
            rdsys::rd_kafka_ListConsumerGroups(rk, options, queue);
        })?;
        let mut names = BTreeSet::new();
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        unsafe {
            let result = rdsys::rd_kafka_event_ListConsumerGroups_result(event.as_ptr());
            let mut count = 0;
            let errors = rdsys::rd_kafka_ListConsumerGroups_result_errors(result, &mut count);
            if let Some(error) = list(errors, count).first() {
                let code = rdsys::rd_kafka_error_code(*error) as i32;
                let words = text(rdsys::rd_kafka_error_string(*error));
                return Err(self.failed(doing, code, &words));
            }
            let groups = rdsys::rd_kafka_ListConsumerGroups_result_valid(result, &mut count);
            for group in list(groups, count) {
                names.insert(text(rdsys::rd_kafka_ConsumerGroupListing_group_id(*group)));
            }
        }
        Ok(ours(names, prefix))
    }

    /// Deletes groups. For each the name and, where it failed, why.
    ///
    /// # Errors
    /// Cluster: it did not answer at all.
    pub fn delete_groups(&self, names: &[String]) -> Result<Vec<Deleted>, KafkaError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEGROUPS;
        let names = c_strings(names)?;
        // SAFETY: the names outlive the calls, which copy them; every list is as long as it says and its parts are destroyed once.
        let event = self.call(
            "deleting consumer groups",
            op,
            |rk, options, queue| unsafe {
                let mut asked: Vec<_> = names
                    .iter()
                    .map(|name| rdsys::rd_kafka_DeleteGroup_new(name.as_ptr()))
                    .collect();
                rdsys::rd_kafka_DeleteGroups(rk, asked.as_mut_ptr(), asked.len(), options, queue);
                rdsys::rd_kafka_DeleteGroup_destroy_array(asked.as_mut_ptr(), asked.len());
            },
        )?;
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        unsafe {
            let result = rdsys::rd_kafka_event_DeleteGroups_result(event.as_ptr());
            let mut count = 0;
            let groups = rdsys::rd_kafka_DeleteGroups_result_groups(result, &mut count);
            Ok(list(groups, count)
                .iter()
                .map(|group| {
                    let error = rdsys::rd_kafka_group_result_error(*group);
                    Deleted {
                        name: text(rdsys::rd_kafka_group_result_name(*group)),
                        failed: (!error.is_null())
                            .then(|| text(rdsys::rd_kafka_error_string(error))),
                    }
                })
                .collect())
        }
    }

    /// Where the logs of the first `partitions` partitions of each topic begin and end, in the order asked.
    ///
    /// # Errors
    /// Cluster: it did not answer, or refused a partition.
    pub fn log_ranges(&self, topics: &[(String, u32)]) -> Result<Vec<Vec<LogRange>>, KafkaError> {
        let starts = self.offsets_in_time(topics, -2)?;
        let ends = self.offsets_in_time(topics, -1)?;
        let pair = |(starts, ends): (Vec<i64>, Vec<i64>)| {
            let both = starts.into_iter().zip(ends);
            both.map(|(start, end)| LogRange { start, end }).collect()
        };
        Ok(starts.into_iter().zip(ends).map(pair).collect())
    }

    /// Asks again while a partition changes its leader, as just after its creation or when a broker has gone.
    fn offsets_in_time(
        &self,
        topics: &[(String, u32)],
        spec: i64,
    ) -> Result<Vec<Vec<i64>>, KafkaError> {
        // Twice as long as one request: that to a broker that has gone takes all of its time.
        let deadline = Monotonic.now().plus_ns(2 * REACH * NS_PER_S);
        loop {
            let moving = match self.offsets(topics, spec)? {
                Ok(offsets) => return Ok(offsets),
                Err(moving) => moving,
            };
            // A cluster of which nobody answers has no new leader to ask: whoever waits for the run's end has waited long enough.
            if Monotonic.now() > deadline || !self.learn_leaders() {
                return Err(moving);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks who leads what: librdkafka goes on with the leaders it knows, even when a broker says that they are those of before. Whether
    /// any broker answered.
    pub(super) fn learn_leaders(&self) -> bool {
        metadata(&self.handle, true, LEADERS_MS, |_| ()).is_ok()
    }

    /// The offsets that `spec` (-2 earliest, -1 latest) stands for. The inner error is one that passes when a new leader is known.
    #[allow(clippy::type_complexity, reason = "used once, right above")]
    fn offsets(
        &self,
        topics: &[(String, u32)],
        spec: i64,
    ) -> Result<Result<Vec<Vec<i64>>, KafkaError>, KafkaError> {
        let doing = "asking where logs begin and end";
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let mut offsets: Vec<Vec<i64>> =
            topics.iter().map(|(_, n)| vec![-1; *n as usize]).collect();
        if offsets.iter().all(Vec::is_empty) {
            return Ok(Ok(offsets));
        }
        let asked = PartitionList::new();
        for (name, partitions) in topics {
            let name = c_string(name)?;
            for partition in 0..*partitions {
                asked.add(&name, partition as i32, spec);
            }
        }
        // SAFETY: `call` passes pointers that live during the call; the list is copied by it.
        let event = self.call(doing, op, |rk, options, queue| unsafe {
            rdsys::rd_kafka_ListOffsets(rk, asked.as_ptr(), options, queue);
        })?;
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        unsafe {
            let result = rdsys::rd_kafka_event_ListOffsets_result(event.as_ptr());
            let mut count = 0;
            let infos = rdsys::rd_kafka_ListOffsets_result_infos(result, &mut count);
            for info in list(infos, count) {
                let found = &*rdsys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
                let (name, partition) = (text(found.topic), found.partition);
                if found.err != NO_ERROR {
                    let doing = format!("{doing}: {name} [{partition}]");
                    let error = self.failed(&doing, found.err as i32, "");
                    return match found.err {
                        Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION
                        | Code::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH
                        | Code::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH
                        | Code::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE
                        | Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
                        | Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                        // Its leader has gone, and another takes its place.
                        | Code::RD_KAFKA_RESP_ERR__TRANSPORT
                        | Code::RD_KAFKA_RESP_ERR__TIMED_OUT
                        | Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT => Ok(Err(error)),
                        _ => Err(error),
                    };
                }
                for (at, (topic, _)) in topics.iter().enumerate() {
                    if *topic == name
                        && let Some(slot) = offsets[at].get_mut(partition as usize)
                    {
                        *slot = found.offset;
                    }
                }
            }
        }
        // Where a broker did not answer, librdkafka leaves its partitions out and says nothing of it. It may have gone as well.
        if offsets.iter().flatten().any(|offset| *offset < 0) {
            return Ok(Err(self.failed(doing, TIMED_OUT, "")));
        }
        Ok(Ok(offsets))
    }

    /// Starts a request and waits for its answer, at most a little longer than the request's own limit.
    pub(super) fn call(
        &self,
        doing: &str,
        op: rdsys::rd_kafka_admin_op_t,
        start: impl FnOnce(
            *mut rdsys::rd_kafka_t,
            *const rdsys::rd_kafka_AdminOptions_t,
            *mut rdsys::rd_kafka_queue_t,
        ),
    ) -> Result<Event, KafkaError> {
        let queue = Queue::new(&self.handle);
        let mut words = [0 as c_char; 128];
        // SAFETY: the client, the queue and the options live during the calls. Options that an operation does not take are refused
        // without harm, so the results need no look.
        unsafe {
            let options = rdsys::rd_kafka_AdminOptions_new(self.handle.rk(), op);
            let (at, len) = (words.as_mut_ptr(), words.len());
            rdsys::rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, at, len);
            rdsys::rd_kafka_AdminOptions_set_operation_timeout(options, REQUEST_MS, at, len);
            start(self.handle.rk(), options, queue.as_ptr());
            rdsys::rd_kafka_AdminOptions_destroy(options);
        }
        let clock = Monotonic;
        let limit = clock.now().plus_ns((REQUEST_MS as u64 + 1_000) * 1_000_000);
        while clock.now() < limit {
            self.handle.serve(0);
            // SAFETY: the queue lives; the event is ours to destroy.
            let event = NonNull::new(unsafe { rdsys::rd_kafka_queue_poll(queue.as_ptr(), 100) });
            if let Some(event) = event.map(Event) {
                // SAFETY: the event lives.
                let (code, words) = unsafe {
                    let code = rdsys::rd_kafka_event_error(event.as_ptr());
                    let words = text(rdsys::rd_kafka_event_error_string(event.as_ptr()));
                    (code as i32, words)
                };
                return match code {
                    0 => Ok(event),
                    _ => Err(self.failed(doing, code, &words)),
                };
            }
        }
        Err(self.failed(doing, TIMED_OUT, ""))
    }

    /// The error for a request that failed as a whole. `words`: librdkafka's or the broker's own; may be empty.
    pub(super) fn failed(&self, doing: &str, code: i32, words: &str) -> KafkaError {
        let name = failure_name(Failure(code));
        let cause = match words {
            "" => name,
            words => format!("{words} ({name})"),
        };
        let cause = format!("{cause}, from the cluster at {}", self.bootstrap);
        if matches!(code, TIMED_OUT | TRANSPORT | TIMED_OUT_QUEUE) {
            let notes = self.handle.notes().all();
            let remedy = format!(
                "the cluster answered at first; it tells clients to connect to {}\n{}",
                addresses(&self.cluster.brokers),
                told(&notes)
            );
            return KafkaError::cluster(doing, &cause, remedy.trim_end());
        }
        let remedy = match code {
            29..=31 => "ask for the right to do this (Kafka's ACLs), or use another user",
            _ => "see the brokers' logs for more",
        };
        KafkaError::cluster(doing, &cause, remedy)
    }
}

/// What became of one thing to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Its name.
    pub name: String,
    /// Why it is still there; `None`: it is gone.
    pub failed: Option<String>,
}

fn addresses(brokers: &[Broker]) -> String {
    let texts: Vec<String> = brokers
        .iter()
        .map(|b| format!("{}:{}", b.host, b.port))
        .collect();
    texts.join(", ")
}

fn ours(names: BTreeSet<String>, prefix: &str) -> Vec<String> {
    let ours = |name: &String| name.starts_with(prefix) && !name.starts_with("__");
    names.into_iter().filter(ours).collect()
}

fn brokers(handle: &Handle, limit_ms: i32) -> Option<Vec<Broker>> {
    metadata(handle, false, limit_ms, |found| {
        // SAFETY: the metadata lives during the call, and its lists are as long as it says.
        let mut brokers: Vec<Broker> = unsafe {
            list(found.brokers, found.broker_cnt as usize)
                .iter()
                .map(|broker| Broker {
                    id: broker.id,
                    host: text(broker.host),
                    port: broker.port.try_into().unwrap_or(0),
                })
                .collect()
        };
        brokers.sort();
        brokers
    })
    .ok()
    .filter(|brokers| !brokers.is_empty())
}

/// Asks for metadata and hands it to `read` before it is gone. The error is librdkafka's code.
fn metadata<T>(
    handle: &Handle,
    all_topics: bool,
    limit_ms: i32,
    read: impl FnOnce(&rdsys::rd_kafka_metadata) -> T,
) -> Result<T, i32> {
    let mut found: *const rdsys::rd_kafka_metadata = std::ptr::null();
    // SAFETY: the client lives and the pointer is ours; what comes back is destroyed once, after its last use.
    unsafe {
        let code = rdsys::rd_kafka_metadata(
            handle.rk(),
            i32::from(all_topics),
            std::ptr::null_mut(),
            &mut found,
            limit_ms,
        );
        match found.as_ref() {
            Some(metadata) if code == NO_ERROR => {
                let value = read(metadata);
                rdsys::rd_kafka_metadata_destroy(found);
                Ok(value)
            }
            _ => Err(code as i32),
        }
    }
}

fn cluster_id(handle: &Handle) -> Option<String> {
    // SAFETY: the client lives; the string is librdkafka's to free, once.
    unsafe {
        let id = rdsys::rd_kafka_clusterid(handle.rk(), 1_000);
        let owned = (!id.is_null()).then(|| text(id));
        if !id.is_null() {
            rdsys::rd_kafka_mem_free(handle.rk(), id.cast());
        }
        owned
    }
}

#[cfg(test)]
mod tests;
