//! Sending: one librdkafka producer, driven by one thread through its event queue.
//!
//! Records of one partition go in one `rd_kafka_produce_batch`: one topic look-up and one lock for all of them, no partitioner of the
//! client's. It is the cheapest path of librdkafka; records with headers need `rd_kafka_produceva`, one by one.

use std::ffi::c_void;
use std::ops::Range;
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as c;

use super::config::Settings;
use super::errors::{KafkaError, failure_name};
use super::handle::{Handle, Listener};
use super::raw::{Event, EventKind, EventQueue, TopicHandle, code_of};
use crate::clock::{Clock, Monotonic, NS_PER_S, Tick};
use crate::target::{Ack, Failure, Outcome, Outgoing, Producer};
use crate::traffic;

const QUEUE_FULL: i32 = c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL as i32;
const PURGED_QUEUE: i32 = c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PURGE_QUEUE as i32;
const TOO_LARGE: i32 = c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE as i32;
const PURGED_INFLIGHT: i32 = c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT as i32;

/// A topic that a producer writes to.
#[derive(Clone, Debug)]
pub struct ProducerTopic {
    /// Its whole name on the cluster.
    pub name: String,
    /// How many partitions it must have.
    pub partitions: u32,
    /// Whether this producer writes to it: the others are not asked for.
    pub written: bool,
}

/// One librdkafka producer.
pub struct KafkaProducer {
    // Dropped in this order: what refers to the client goes first.
    queue: EventQueue,
    topics: Vec<TopicHandle>,
    client: Handle,
    /// Reused by every send.
    messages: Vec<c::rd_kafka_message_t>,
    /// Records that the client refused for good, until the next poll.
    refused: Vec<Ack>,
    statistics: Option<String>,
    last_error: Option<String>,
}

// SAFETY: the raw pointers in `messages` are scratch, written and read within one `send`.
unsafe impl Send for KafkaProducer {}

impl KafkaProducer {
    /// Connects, and learns the partitions of every topic within `limit`.
    pub fn new(
        settings: &Settings,
        topics: &[ProducerTopic],
        limit: Duration,
    ) -> Result<KafkaProducer, KafkaError> {
        let events = c::RD_KAFKA_EVENT_DR | c::RD_KAFKA_EVENT_ERROR | c::RD_KAFKA_EVENT_STATS;
        let kind = c::rd_kafka_type_t::RD_KAFKA_PRODUCER;
        let listener = Listener {
            events,
            ..Listener::default()
        };
        let client = Handle::create(settings, kind, listener)?;
        let queue = EventQueue::main(&client)?;
        let handles = topics
            .iter()
            .map(|topic| TopicHandle::new(&client, &topic.name))
            .collect::<Result<Vec<_>, _>>()?;
        for (topic, handle) in topics.iter().zip(&handles).filter(|(t, _)| t.written) {
            wait_for_partitions(&client, topic, handle, limit)?;
        }
        Ok(KafkaProducer {
            queue,
            topics: handles,
            client,
            messages: Vec::new(),
            refused: Vec::new(),
            statistics: None,
            last_error: None,
        })
    }

    fn send_batch(
        &mut self,
        topic: u16,
        partition: u32,
        buffer: &[u8],
        records: &[Outgoing],
    ) -> usize {
        self.messages.clear();
        self.messages
            .extend(records.iter().map(|record| message_of(record, buffer)));
        // SAFETY: the topic is live, and each message points into `buffer`, which outlives the call: with F_COPY nothing is kept.
        let taken = unsafe {
            c::rd_kafka_produce_batch(
                self.topics[topic as usize].ptr(),
                partition as i32,
                c::RD_KAFKA_MSG_F_COPY,
                self.messages.as_mut_ptr(),
                self.messages.len() as i32,
            )
        };
        if taken as usize == records.len() {
            return records.len();
        }
        let at = Monotonic.now();
        for (index, message) in self.messages.iter().enumerate() {
            match code_of(message) {
                0 => {}
                // librdkafka fails all that follow a full queue, so the taken ones are a prefix.
                QUEUE_FULL => return index,
                code => self.refused.push(Ack {
                    token: records[index].token,
                    at,
                    outcome: Outcome::Failed(Failure(code)),
                }),
            }
        }
        records.len()
    }

    /// Sends a record with headers. Returns 0 when the queue is full, else 1.
    fn send_one(&mut self, topic: u16, partition: u32, buffer: &[u8], record: &Outgoing) -> usize {
        match self.produce_with_headers(topic, partition, buffer, record) {
            0 => 1,
            QUEUE_FULL => 0,
            code => {
                self.refused.push(Ack {
                    token: record.token,
                    at: Monotonic.now(),
                    outcome: Outcome::Failed(Failure(code)),
                });
                1
            }
        }
    }

    /// The error code, zero for none.
    fn produce_with_headers(
        &mut self,
        topic: u16,
        partition: u32,
        buffer: &[u8],
        record: &Outgoing,
    ) -> i32 {
        let message = message_of(record, buffer);
        // SAFETY: names and values point into `buffer`, which librdkafka copies from; the headers become the message's when it is taken,
        // and are destroyed here when it is not. Everything else as in `send_batch`.
        unsafe {
            let headers = c::rd_kafka_headers_new(2);
            for (name, value) in traffic::headers(&buffer[record.headers.clone()]) {
                c::rd_kafka_header_add(
                    headers,
                    name.as_ptr().cast(),
                    name.len() as isize,
                    value.as_ptr().cast(),
                    value.len() as isize,
                );
            }
            let units = [
                unit(c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT, |u| {
                    u.rkt = self.topics[topic as usize].ptr();
                }),
                unit(c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION, |u| {
                    u.i32_ = partition as i32;
                }),
                unit(c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS, |u| {
                    u.i = c::RD_KAFKA_MSG_F_COPY;
                }),
                unit(c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, |u| {
                    u.mem.ptr = message.payload;
                    u.mem.size = message.len;
                }),
                unit(c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, |u| {
                    u.mem.ptr = message.key;
                    u.mem.size = message.key_len;
                }),
                unit(c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE, |u| {
                    u.ptr = message._private;
                }),
                unit(c::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, |u| {
                    u.headers = headers;
                }),
            ];
            let error = c::rd_kafka_produceva(self.client.rk(), units.as_ptr(), units.len());
            if error.is_null() {
                return 0;
            }
            let code = c::rd_kafka_error_code(error) as i32;
            c::rd_kafka_error_destroy(error);
            c::rd_kafka_headers_destroy(headers);
            code
        }
    }

    fn deliveries(&mut self, event: &Event, at: Tick, acks: &mut Vec<Ack>) {
        while let Some(message) = event.next_message() {
            let outcome = match code_of(message) {
                0 => Outcome::Acknowledged {
                    offset: message.offset,
                },
                PURGED_QUEUE | PURGED_INFLIGHT => Outcome::Unresolved,
                code => Outcome::Failed(Failure(code)),
            };
            acks.push(Ack {
                token: message._private as usize as u32,
                at,
                outcome,
            });
        }
    }
}

impl Producer for KafkaProducer {
    fn send(&mut self, topic: u16, partition: u32, buffer: &[u8], records: &[Outgoing]) -> usize {
        let mut taken = 0;
        while taken < records.len() {
            let rest = &records[taken..];
            let run = rest.iter().take_while(|r| r.headers.is_empty()).count();
            let (offered, accepted) = if run > 0 {
                (run, self.send_batch(topic, partition, buffer, &rest[..run]))
            } else {
                (1, self.send_one(topic, partition, buffer, &rest[0]))
            };
            taken += accepted;
            if accepted < offered {
                break;
            }
        }
        taken
    }

    fn poll(&mut self, acks: &mut Vec<Ack>) {
        acks.append(&mut self.refused);
        // To the end: the wake-up is signalled only when the queue was empty before.
        while let Some(event) = self.queue.next() {
            match event.kind() {
                EventKind::Deliveries => self.deliveries(&event, Monotonic.now(), acks),
                EventKind::Statistics => self.statistics = Some(event.statistics()),
                EventKind::Error => {
                    let (code, text) = event.error();
                    let text = self.client.hide(text);
                    let name = failure_name(Failure(code));
                    tracing::debug!(target: "librdkafka", "{name}: {text}");
                    self.last_error = Some(format!("{name}: {text}"));
                }
                EventKind::Other => {}
            }
        }
    }

    fn wait(&mut self, deadline: Tick) {
        if !self.refused.is_empty() {
            return;
        }
        let ns = deadline.since(Monotonic.now());
        if ns > 0 {
            self.queue
                .wait(Duration::new(ns / NS_PER_S, (ns % NS_PER_S) as u32));
        }
    }

    fn purge(&mut self) {
        let flags = c::RD_KAFKA_PURGE_F_QUEUE | c::RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: the client is live. The result says only that the flags are known.
        unsafe { c::rd_kafka_purge(self.client.rk(), flags) };
    }

    fn failure_name(&self, failure: Failure) -> String {
        failure_name(failure)
    }

    fn is_too_large(&self, failure: Failure) -> bool {
        failure.0 == TOO_LARGE
    }

    fn statistics(&mut self) -> Option<String> {
        self.statistics.take()
    }

    fn fatal(&self) -> Option<String> {
        self.client.fatal_error().map(with_remedy)
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }
}

/// librdkafka's view of a record. A missing key or value is a null pointer, an empty one is not.
fn message_of(record: &Outgoing, buffer: &[u8]) -> c::rd_kafka_message_t {
    let piece = |range: &Option<Range<usize>>| match range {
        Some(range) => {
            let bytes = &buffer[range.clone()];
            (bytes.as_ptr().cast_mut().cast::<c_void>(), bytes.len())
        }
        None => (ptr::null_mut(), 0),
    };
    let (key, key_len) = piece(&record.key);
    let (payload, len) = piece(&record.value);
    c::rd_kafka_message_t {
        err: c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: 0,
        payload,
        len,
        key,
        key_len,
        offset: 0,
        _private: record.token as usize as *mut c_void,
    }
}

/// One argument of `rd_kafka_produceva`.
fn unit(
    vtype: c::rd_kafka_vtype_t,
    fill: impl FnOnce(&mut c::rd_kafka_vu_s__bindgen_ty_1),
) -> c::rd_kafka_vu_t {
    let mut u = c::rd_kafka_vu_s__bindgen_ty_1 { _pad: [0; 64] };
    fill(&mut u);
    c::rd_kafka_vu_t { vtype, u }
}

/// Asks until the topic shows its partitions: just after its creation some brokers do not know it yet.
fn wait_for_partitions(
    client: &Handle,
    topic: &ProducerTopic,
    handle: &TopicHandle,
    limit: Duration,
) -> Result<(), KafkaError> {
    let deadline = Monotonic.now().plus_ns(limit.as_nanos() as u64);
    loop {
        let left = Duration::from_nanos(deadline.since(Monotonic.now()));
        let answer = handle.partitions(client, left.max(Duration::from_millis(100)));
        match answer {
            Ok(found) if found == topic.partitions => return Ok(()),
            Ok(found) if left.is_zero() => {
                let wanted = topic.partitions;
                return Err(KafkaError::asked(
                    format!("opening topic {}", topic.name),
                    &format!("it has {found} partitions, the scenario asks for {wanted}"),
                    "ask for as many, or delete the topic",
                ));
            }
            Err(code) if left.is_zero() => {
                return Err(KafkaError::cluster(
                    format!("asking for the partitions of topic {}", topic.name),
                    &code.to_string(),
                    "see whether the topic's brokers are up and the user may describe it",
                ));
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// What an idempotent producer is told that may not write is no more than that it gets no id.
fn with_remedy(words: String) -> String {
    match words.contains("Cluster authorization failed") {
        true => format!(
            "{words}; the user needs Kafka's WRITE on the topics (CLUSTER_AUTHORIZATION_FAILED)"
        ),
        false => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::kafka::config::ClientOptions;
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::message::{Headers as _, Message as _};
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::{ClientConfig, Offset, TopicPartitionList};

    fn cluster() -> MockCluster<'static, DefaultProducerContext> {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 2, 1).unwrap();
        cluster
    }

    fn settings(
        cluster: &MockCluster<'static, DefaultProducerContext>,
        properties: &[(&str, &str)],
    ) -> Settings {
        let flags: Vec<String> = [("linger.ms", "1")]
            .iter()
            .chain(properties)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let bootstrap = cluster.bootstrap_servers();
        ClientOptions::read(Some(&bootstrap), &[], &flags)
            .unwrap()
            .producer(1, &[])
            .unwrap()
    }

    fn producer(
        cluster: &MockCluster<'static, DefaultProducerContext>,
        properties: &[(&str, &str)],
    ) -> KafkaProducer {
        let settings = settings(cluster, properties);
        let topics = [ProducerTopic {
            name: "t".to_owned(),
            partitions: 2,
            written: true,
        }];
        KafkaProducer::new(&settings, &topics, Duration::from_secs(10)).unwrap()
    }

    fn records(count: u32, bytes: usize) -> Vec<Outgoing> {
        (0..count)
            .map(|token| Outgoing {
                token,
                key: Some(0..1),
                value: Some(0..bytes),
                headers: 0..0,
            })
            .collect()
    }

    fn acks(producer: &mut KafkaProducer, count: usize) -> Vec<Ack> {
        let mut acks = Vec::new();
        let deadline = Monotonic.now().plus_ns(20 * NS_PER_S);
        while acks.len() < count && Monotonic.now() < deadline {
            producer.wait(Monotonic.now().plus_ns(NS_PER_S / 10));
            producer.poll(&mut acks);
        }
        acks
    }

    #[test]
    fn acknowledgements_come_back_with_their_tokens_and_offsets() {
        let cluster = cluster();
        let mut producer = producer(&cluster, &[]);
        let taken = producer.send(0, 1, &[b'x'; 100], &records(50, 100));
        assert_eq!(taken, 50);
        let acks = acks(&mut producer, 50);
        for (index, ack) in acks.iter().enumerate() {
            assert_eq!(ack.token, index as u32);
            let offset = index as i64;
            assert_eq!(ack.outcome, Outcome::Acknowledged { offset });
        }
        assert_eq!(acks.len(), 50);
    }

    #[test]
    fn a_full_queue_takes_a_prefix() {
        let cluster = cluster();
        let limit = [("queue.buffering.max.messages", "10"), ("linger.ms", "100")];
        let mut producer = producer(&cluster, &limit);
        let all = records(30, 10);
        assert_eq!(producer.send(0, 0, &[b'x'; 10], &all), 10);
        assert_eq!(producer.send(0, 0, &[b'x'; 10], &all[10..]), 0);
        assert_eq!(acks(&mut producer, 10).len(), 10);
        assert_eq!(producer.send(0, 0, &[b'x'; 10], &all[10..]), 10);
    }

    #[test]
    fn a_record_that_can_never_be_sent_fails_and_the_rest_goes_on() {
        let cluster = cluster();
        let mut producer = producer(&cluster, &[("message.max.bytes", "1000")]);
        let mut some = records(3, 10);
        some[1].value = Some(0..5000);
        assert_eq!(producer.send(0, 0, &[b'x'; 5000], &some), 3);
        let mut acks = acks(&mut producer, 3);
        acks.sort_by_key(|ack| ack.token);
        assert!(matches!(acks[0].outcome, Outcome::Acknowledged { .. }));
        let Outcome::Failed(failure) = acks[1].outcome else {
            panic!("{:?}", acks[1]);
        };
        assert_eq!(producer.failure_name(failure), "MSG_SIZE_TOO_LARGE");
        assert!(producer.is_too_large(failure) && !producer.is_too_large(Failure(7)));
        assert!(matches!(acks[2].outcome, Outcome::Acknowledged { .. }));
    }

    /// With headers and without: one goes alone, the other in a batch.
    #[test]
    fn a_tombstone_has_no_value_and_an_empty_value_is_one() {
        let cluster = cluster();
        let mut producer = producer(&cluster, &[]);
        // Key, and a header of one byte named `h`.
        let buffer = b"k\x01\x00\x01\x00\x00\x00hv";
        let mut some = records(4, 0);
        for (record, (value, headers)) in some.iter_mut().zip([
            (None, 0..0),
            (Some(1..1), 0..0),
            (None, 1..buffer.len()),
            (Some(0..1), 1..buffer.len()),
        ]) {
            (record.value, record.headers) = (value, headers);
        }
        assert_eq!(producer.send(0, 0, buffer, &some), 4);
        assert_eq!(acks(&mut producer, 4).len(), 4);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "g")
            .create()
            .unwrap();
        let mut wanted = TopicPartitionList::new();
        wanted
            .add_partition_offset("t", 0, Offset::Beginning)
            .unwrap();
        consumer.assign(&wanted).unwrap();
        let mut values = Vec::new();
        let deadline = Monotonic.now().plus_ns(20 * NS_PER_S);
        while values.len() < 4 && Monotonic.now() < deadline {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let message = message.unwrap();
                assert_eq!(message.key(), Some(&b"k"[..]));
                let headers = message.headers().map_or(0, |headers| headers.count());
                values.push((message.payload().map(<[u8]>::to_vec), headers));
            }
        }
        let ought = [
            (None, 0),
            (Some(vec![]), 0),
            (None, 1),
            (Some(b"k".to_vec()), 1),
        ];
        assert_eq!(values, ought);
    }

    #[test]
    fn purged_records_come_back_unresolved() {
        let cluster = cluster();
        let mut producer = producer(&cluster, &[]);
        cluster
            .broker_round_trip_time(1, Duration::from_secs(30))
            .unwrap();
        producer.send(0, 0, &[b'x'; 10], &records(5, 10));
        producer.wait(Monotonic.now().plus_ns(NS_PER_S / 10));
        producer.purge();
        let acks = acks(&mut producer, 5);
        assert_eq!(acks.len(), 5);
        assert!(acks.iter().all(|ack| ack.outcome == Outcome::Unresolved));
    }

    #[test]
    fn other_partitions_than_asked_are_an_error() {
        let cluster = cluster();
        let settings = settings(&cluster, &[]);
        let topics = [ProducerTopic {
            name: "t".to_owned(),
            partitions: 3,
            written: true,
        }];
        let error = KafkaProducer::new(&settings, &topics, Duration::from_millis(200));
        let text = error.err().unwrap().to_string();
        assert!(text.contains("has 2 partitions"), "{text}");
    }
}
