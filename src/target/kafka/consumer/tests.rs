use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::super::config::ClientOptions;
use super::super::embedded::{Embedded, Request};
use super::super::topics::Wanted;
use super::*;

const SECOND: u64 = NS_PER_S;

struct Cluster {
    embedded: Embedded,
    options: ClientOptions,
}

fn cluster(topics: &[(&str, u32)]) -> Cluster {
    let embedded = Embedded::start().unwrap();
    let wanted: Vec<Wanted> = topics
        .iter()
        .map(|(name, partitions)| Wanted {
            name: (*name).to_owned(),
            partitions: *partitions,
            replication: None,
            config: vec![],
            fullest: None,
        })
        .collect();
    embedded.create_topics(&wanted).unwrap();
    let mut options = ClientOptions::read(None, &[], &[]).unwrap();
    options.use_embedded(&embedded.bootstrap());
    Cluster { embedded, options }
}

impl Cluster {
    fn producer(&self) -> BaseProducer {
        ClientConfig::new()
            .set("bootstrap.servers", self.embedded.bootstrap())
            .set("linger.ms", "1")
            .set("batch.size", "100000")
            .create()
            .unwrap()
    }

    /// Produces values "from".."to" to one partition.
    fn produce(&self, topic: &str, partition: i32, values: std::ops::Range<u32>) {
        let producer = self.producer();
        for value in values {
            let value = value.to_string();
            let headers = OwnedHeaders::new()
                .insert(Header {
                    key: "other",
                    value: Some("x"),
                })
                .insert(Header {
                    key: "hw-stamp",
                    value: Some(&value),
                });
            let record = BaseRecord::<str, str>::to(topic)
                .partition(partition)
                .headers(headers)
                .key("k")
                .payload(&value);
            producer.send(record).map_err(|(e, _)| e).unwrap();
        }
        producer.flush(Duration::from_secs(5)).unwrap();
    }

    fn member(
        &self,
        topics: &[(&str, u16, bool)],
        start_at: StartAt,
        client: &[(&str, &str)],
    ) -> KafkaConsumer {
        let client: Vec<(String, String)> = client
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        let settings = self
            .options
            .consumer("highwater.run.g", &[("client", &client)])
            .unwrap();
        let reads: Vec<Reads> = topics
            .iter()
            .map(|(name, index, header_stamps)| Reads {
                name: (*name).to_owned(),
                index: *index,
                header_stamps: *header_stamps,
            })
            .collect();
        KafkaConsumer::join(&settings, &reads, start_at).unwrap()
    }
}

fn from_start() -> StartAt {
    Arc::new(|_, _| 0)
}

/// Polls all members in turn until `done`, at most 10 s. What they got: (topic, partition, offset) to (member, value, stamp).
type Got = HashMap<(u16, u32, i64), (usize, String, Option<String>)>;
fn read(
    members: &mut [&mut KafkaConsumer],
    done: impl Fn(&Got, &[&mut KafkaConsumer]) -> bool,
) -> Got {
    let mut got = Got::new();
    let limit = Monotonic.now().plus_ns(10 * SECOND);
    while !done(&got, members) {
        assert!(Monotonic.now() < limit, "only {} records came", got.len());
        for (at, member) in members.iter_mut().enumerate() {
            let deadline = Monotonic.now().plus_ns(10_000_000);
            member.poll(deadline, 100, &mut |incoming, _| {
                let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                assert_eq!(incoming.key, Some(b"k".as_slice()));
                let place = (incoming.topic, incoming.partition, incoming.offset);
                let value = (
                    at,
                    string(incoming.value.unwrap()),
                    incoming.stamp.map(string),
                );
                assert!(got.insert(place, value).is_none(), "read twice: {place:?}");
            });
        }
    }
    got
}

#[test]
fn reads_from_where_it_is_told_with_topic_partition_offset_and_stamp() {
    let cluster = cluster(&[("highwater.a", 1), ("highwater.b", 2)]);
    cluster.produce("highwater.a", 0, 0..10);
    cluster.produce("highwater.b", 1, 100..110);
    // Offset 4 of a (topic 7 of the scenario), the end of b's (topic 3).
    let start: StartAt = Arc::new(|topic, _| if topic == 7 { 4 } else { -1 });
    let mut member = cluster.member(
        &[("highwater.a", 7, false), ("highwater.b", 3, true)],
        start,
        &[],
    );
    assert_eq!(member.assignment(), None);
    let got = read(&mut [&mut member], |got, _| got.len() >= 6);
    assert_eq!(member.assignment(), Some(vec![(3, 0), (3, 1), (7, 0)]));
    for offset in 4..10 {
        assert_eq!(got[&(7, 0, offset)], (0, offset.to_string(), None));
    }
    cluster.produce("highwater.b", 1, 110..113);
    let got = read(&mut [&mut member], |got, _| got.len() >= 3);
    for offset in 10..13 {
        let value = (offset + 100).to_string();
        assert_eq!(got[&(3, 1, offset)], (0, value.clone(), Some(value)));
    }
    let marks = member.watermarks();
    assert!(marks.contains(&(7, 0, 0, 10)), "{marks:?}");
    assert!(marks.contains(&(3, 1, 0, 13)), "{marks:?}");
    assert_eq!(member.fatal(), None);
}

fn shared(strategy: &str) {
    // The embedded cluster waits a second less than the session for members to come back.
    let client = &[
        ("partition.assignment.strategy", strategy),
        ("session.timeout.ms", "1300"),
        ("heartbeat.interval.ms", "50"),
    ];
    let cluster = cluster(&[("highwater.a", 4)]);
    for partition in 0..4 {
        cluster.produce("highwater.a", partition, 0..5);
    }
    // The caller's own view of what the group has seen, as the ledger gives it.
    let seen: Arc<Mutex<HashMap<(u16, u32), i64>>> = Arc::default();
    let start = || -> StartAt {
        let seen = Arc::clone(&seen);
        Arc::new(move |topic, partition| {
            seen.lock()
                .unwrap()
                .get(&(topic, partition))
                .copied()
                .unwrap_or(0)
        })
    };
    let topics = [("highwater.a", 0, false)];
    let mut first = cluster.member(&topics, start(), client);
    let got = read(&mut [&mut first], |got, _| got.len() >= 20);
    assert_eq!(first.assignment().unwrap().len(), 4);
    for (topic, partition, offset) in got.keys() {
        let mut seen = seen.lock().unwrap();
        let next = seen.entry((*topic, *partition)).or_default();
        *next = (*next).max(offset + 1);
    }
    // A second member takes half, and nobody reads anything again.
    let mut second = cluster.member(&topics, start(), client);
    let held = |member: &KafkaConsumer| member.assignment().map_or(0, |held| held.len());
    let got = read(&mut [&mut first, &mut second], |_, members| {
        members.iter().all(|member| held(member) == 2)
    });
    assert!(got.is_empty(), "{got:?}");
    for partition in 0..4 {
        cluster.produce("highwater.a", partition, 5..8);
    }
    let got = read(&mut [&mut first, &mut second], |got, _| got.len() >= 12);
    let readers: HashSet<usize> = got.values().map(|(member, _, _)| *member).collect();
    assert_eq!(readers.len(), 2);
    let mut all: Vec<(u16, u32)> = first.assignment().unwrap();
    all.extend(second.assignment().unwrap());
    all.sort_unstable();
    assert_eq!(all, [(0, 0), (0, 1), (0, 2), (0, 3)]);
    // When one leaves, the other takes over.
    drop(second);
    read(&mut [&mut first], |_, members| held(members[0]) == 4);
}

#[test]
fn members_share_partitions_under_the_eager_protocol() {
    shared("range");
}

#[test]
fn members_share_partitions_under_the_cooperative_protocol() {
    shared("cooperative-sticky");
}

#[test]
fn poll_keeps_its_deadline_and_wakes_for_a_record() {
    let cluster = cluster(&[("highwater.a", 1)]);
    let mut member = cluster.member(&[("highwater.a", 0, false)], from_start(), &[]);
    read(&mut [&mut member], |_, members| {
        members[0].assignment().is_some()
    });
    let started = Monotonic.now();
    let came = member.poll(started.plus_ns(50_000_000), 10, &mut |_, _| {});
    let waited = Monotonic.now().since(started);
    assert_eq!(came, 0);
    assert!((50_000_000..500_000_000).contains(&waited), "{waited} ns");
    assert_eq!(
        member.poll(Tick::default(), 10, &mut |_, _| {}),
        0,
        "a deadline in the past"
    );

    let (deadline, mut at) = (Monotonic.now().plus_ns(5 * SECOND), Tick::default());
    cluster.produce("highwater.a", 0, 0..1);
    let came = member.poll(deadline, 10, &mut |_, tick| at = tick);
    assert_eq!(came, 1);
    let now = Monotonic.now();
    assert!(now < deadline, "woken by the record, not by the deadline");
    assert!(at <= now && now.since(at) < SECOND);
}

#[test]
fn no_more_records_come_than_asked_for() {
    let cluster = cluster(&[("highwater.a", 1)]);
    cluster.produce("highwater.a", 0, 0..50);
    let mut member = cluster.member(&[("highwater.a", 0, false)], from_start(), &[]);
    let mut total = 0;
    let limit = Monotonic.now().plus_ns(10 * SECOND);
    while total < 50 && Monotonic.now() < limit {
        let mut handed = 0;
        let came = member.poll(Monotonic.now().plus_ns(20_000_000), 7, &mut |_, _| {
            handed += 1
        });
        assert!(came <= 7);
        assert_eq!(came, handed);
        total += came;
    }
    assert_eq!(total, 50);
    assert_eq!(member.poll(limit, 0, &mut |_, _| {}), 0);
}

#[test]
fn a_start_before_the_log_jumps_to_what_is_left() {
    let cluster = cluster(&[("highwater.a", 1)]);
    // 6 MB in batches of about 100 kB: more than the 5 MiB a partition keeps.
    let producer = cluster.producer();
    let value = vec![b'x'; 100_000];
    for _ in 0..60 {
        let record = BaseRecord::<str, [u8]>::to("highwater.a")
            .partition(0)
            .key("k")
            .payload(&value);
        producer.send(record).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(Duration::from_secs(5)).unwrap();
    let mut member = cluster.member(&[("highwater.a", 0, false)], from_start(), &[]);
    let got = read(&mut [&mut member], |got, _| got.contains_key(&(0, 0, 59)));
    let first = got.keys().map(|(_, _, offset)| *offset).min().unwrap();
    assert!(
        first > 0 && got.len() as i64 == 60 - first,
        "{first}, {}",
        got.len()
    );
    let marks = member.watermarks();
    assert_eq!(marks, [(0, 0, first, 60)]);
}

#[test]
fn a_lost_connection_passes_and_is_not_fatal() {
    let cluster = cluster(&[("highwater.a", 3)]);
    let mut member = cluster.member(&[("highwater.a", 0, false)], from_start(), &[]);
    read(&mut [&mut member], |_, members| {
        members[0].assignment().is_some()
    });
    cluster
        .embedded
        .fail_requests(Request::Fetch, &[Failure(-195), Failure(-195)]);
    for partition in 0..3 {
        cluster.produce("highwater.a", partition, 0..3);
    }
    let got = read(&mut [&mut member], |got, _| got.len() >= 9);
    assert_eq!(got.len(), 9);
    assert_eq!(member.fatal(), None);
}

#[test]
fn a_refused_group_is_fatal_and_names_the_right_it_lacks() {
    let cluster = cluster(&[("highwater.a", 1)]);
    // The coordinator refuses; 30 is GROUP_AUTHORIZATION_FAILED.
    cluster
        .embedded
        .fail_requests(Request::JoinGroup, &[Failure(30); 20]);
    let mut member = cluster.member(&[("highwater.a", 0, false)], from_start(), &[]);
    read(&mut [&mut member], |_, members| {
        members[0].fatal().is_some()
    });
    let text = member.fatal().unwrap();
    assert!(
        text.contains("GROUP_AUTHORIZATION_FAILED") && text.contains("READ on the group"),
        "{text}"
    );
}

#[test]
fn a_round_trip_time_is_felt() {
    let cluster = cluster(&[("highwater.a", 1)]);
    cluster
        .embedded
        .set_round_trip(None, Duration::from_millis(50))
        .unwrap();
    let producer = cluster.producer();
    let started = Monotonic.now();
    let record = BaseRecord::<str, str>::to("highwater.a")
        .partition(0)
        .key("k")
        .payload("v");
    producer.send(record).map_err(|(e, _)| e).unwrap();
    producer.flush(Duration::from_secs(5)).unwrap();
    // At least the produce request itself waits.
    assert!(Monotonic.now().since(started) >= 50_000_000);
    assert!(cluster.embedded.broker_down(Some(9)).is_err());
}

#[test]
fn a_panic_of_the_receiver_does_not_become_a_hang() {
    let cluster = cluster(&[("highwater.a", 1)]);
    cluster.produce("highwater.a", 0, 0..50);
    let mut member = cluster.member(&[("highwater.a", 0, false)], from_start(), &[]);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let limit = Monotonic.now().plus_ns(10 * SECOND);
        while Monotonic.now() < limit {
            member.poll(limit, 50, &mut |_, _| panic!("on purpose"));
        }
    }));
    assert!(panicked.is_err());
    let started = Monotonic.now();
    drop(member);
    assert!(Monotonic.now().since(started) < 6 * SECOND);
}
