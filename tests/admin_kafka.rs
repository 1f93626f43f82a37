//! Administration and consumers on real Apache Kafka, with `kcat` and Kafka's own tools as witnesses.

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use highwater::clock::{Clock, Monotonic, NS_PER_S};
use highwater::target::Consumer;
use highwater::target::kafka::admin::{Admin, LogRange};
use highwater::target::kafka::config::ClientOptions;
use highwater::target::kafka::consumer::{KafkaConsumer, Reads, StartAt};
use highwater::target::kafka::errors::KafkaError;
use highwater::target::kafka::release::releases;
use highwater::target::kafka::topics::{Fullest, Wanted};
use support::Cluster;

fn wanted(name: &str, partitions: u32) -> Wanted {
    Wanted {
        name: name.to_owned(),
        partitions,
        replication: None,
        config: Vec::new(),
        fullest: None,
    }
}

fn with_config(name: &str, key: &str, value: &str) -> Wanted {
    Wanted {
        config: vec![(key.to_owned(), value.to_owned())],
        ..wanted(name, 1)
    }
}

fn options(cluster: &Cluster) -> ClientOptions {
    ClientOptions::read(Some(cluster.bootstrap()), &[], &[]).expect("no properties, no errors")
}

fn admin(cluster: &Cluster) -> Admin {
    Admin::connect(&options(cluster).admin().expect("defaults")).expect("the cluster answers")
}

fn lines(range: std::ops::Range<u32>) -> String {
    range.map(|i| format!("{i}\n")).collect()
}

fn produce(cluster: &Cluster, topic: &str, partition: u32, range: std::ops::Range<u32>) {
    let partition = partition.to_string();
    let kcat = cluster.kcat(["-P", "-t", topic, "-p", &partition]);
    assert!(kcat.accepts(&lines(range)));
}

#[test]
fn three_brokers_are_administered_and_read() {
    let cluster = Cluster::start(3);
    let admin = admin(&cluster);
    assert_eq!(admin.cluster().brokers.len(), 3);
    assert!(admin.cluster().id.is_some());
    assert!(admin.cluster().controller.is_some());
    // ci/kafka starts the latest release that the inference knows.
    let releases = releases(&options(&cluster), admin.cluster());
    let latest = "4.3 or later";
    assert_eq!(releases, BTreeMap::from([1, 2, 3].map(|id| (id, latest))));
    topics_are_created_as_asked(&cluster, &admin);
    refusals_leave_nothing_behind(&admin);
    logs_and_groups_are_known_and_deleted(&cluster, &admin);
    for (topic, key, value) in [
        ("highwater.eager", "partition.assignment.strategy", "range"),
        (
            "highwater.cooperative",
            "partition.assignment.strategy",
            "cooperative-sticky",
        ),
        ("highwater.broker-side", "group.protocol", "consumer"),
    ] {
        members_share_and_read_nothing_twice(&cluster, &admin, topic, &[(key, value)]);
    }
    a_member_that_reads_fast(&cluster, &admin);
}

fn topics_are_created_as_asked(cluster: &Cluster, admin: &Admin) {
    let asked = Wanted {
        replication: Some(5),
        config: vec![("min.insync.replicas".into(), "2".into())],
        fullest: Some(Fullest {
            records: 10,
            bytes: 1_000_000,
        }),
        ..wanted("highwater.created", 6)
    };
    let ready = admin
        .prepare_topics(&[asked.clone(), wanted("highwater.plain", 2)], false)
        .expect("created");
    assert_eq!(ready.created, ["highwater.created", "highwater.plain"]);
    assert_eq!(ready.replication[0], 3);
    assert_eq!(ready.warnings.len(), 1, "{:?}", ready.warnings);
    assert!(ready.warnings[0].contains("replication 5"));
    let described = cluster.tool(
        "TopicCommand",
        &["--describe", "--topic", "highwater.created"],
    );
    for part in [
        "PartitionCount: 6",
        "ReplicationFactor: 3",
        "retention.ms=3600000",
        "retention.bytes=1000800",
        "min.insync.replicas=2",
    ] {
        assert!(described.contains(part), "{part}: {described}");
    }
    let again = admin
        .prepare_topics(std::slice::from_ref(&asked), false)
        .expect("found");
    assert!(again.created.is_empty());
    assert_eq!(again.existing, ["highwater.created"]);
    let other = Wanted {
        partitions: 7,
        ..asked
    };
    let error = admin
        .prepare_topics(&[other], false)
        .expect_err("other partitions");
    assert!(error.is_usage(), "{error}");

    cluster.create_topic("production", 1);
    let error = admin
        .prepare_topics(&[wanted("production", 1)], false)
        .expect_err("not ours");
    assert!(
        error.is_usage() && error.to_string().contains("--allow-existing"),
        "{error}"
    );
    admin
        .prepare_topics(&[wanted("production", 1)], true)
        .expect("allowed");
}

fn refusals_leave_nothing_behind(admin: &Admin) {
    let fine = wanted("highwater.fine", 1);
    let long = "x".repeat(250);
    for (topic, parts) in [
        (
            with_config("highwater.bad", "retention.mss", "5"),
            vec![
                "highwater.bad",
                "retention.mss",
                "did you mean retention.ms?",
            ],
        ),
        (
            with_config("highwater.bad", "cleanup.policy", "vacuum"),
            vec!["highwater.bad", "cleanup.policy", "vacuum"],
        ),
        (
            wanted("highwater.spa ce", 1),
            vec!["highwater.spa ce", "name"],
        ),
        (wanted(&long, 1), vec!["name"]),
    ] {
        let error: KafkaError = admin
            .prepare_topics(&[fine.clone(), topic], false)
            .expect_err("refused");
        let text = error.to_string();
        println!("{text}\n");
        assert!(error.is_usage(), "{text}");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    gone(admin, "highwater.fine");
}

fn logs_and_groups_are_known_and_deleted(cluster: &Cluster, admin: &Admin) {
    produce(cluster, "highwater.plain", 1, 0..30);
    let ranges = admin
        .log_ranges(&[("highwater.plain".into(), 2)])
        .expect("offsets");
    let range = |start, end| LogRange { start, end };
    assert_eq!(ranges, [[range(0, 0), range(0, 30)]]);

    let mut member = join(
        cluster,
        "highwater.run.a",
        "highwater.plain",
        Arc::new(|_, _| 0),
        &[],
    );
    read(&mut [&mut member], |got, _| got.len() == 30);
    assert_eq!(
        admin.groups("highwater.").expect("listed"),
        ["highwater.run.a"]
    );
    let refused = admin
        .delete_groups(&["highwater.run.a".into()])
        .expect("answered");
    println!("{refused:?}");
    assert!(refused[0].failed.is_some(), "a group with members stays");
    drop(member);
    // The member committed as it left: the group is known with its position.
    let described = cluster.tool(
        "ConsumerGroupCommand",
        &["--describe", "--group", "highwater.run.a"],
    );
    assert!(described.contains("30"), "{described}");
    let deleted = admin
        .delete_groups(&["highwater.run.a".into()])
        .expect("answered");
    assert_eq!(deleted[0].failed, None, "the member said goodbye");
    assert!(admin.groups("highwater.").expect("listed").is_empty());

    let names = admin.topics("highwater.").expect("listed");
    assert_eq!(names, ["highwater.created", "highwater.plain"]);
    let deleted = admin.delete_topics(&names).expect("answered");
    assert!(
        deleted.iter().all(|one| one.failed.is_none()),
        "{deleted:?}"
    );
    let missing = admin
        .delete_topics(&["highwater.none".into()])
        .expect("answered");
    assert!(missing[0].failed.is_some());
    gone(admin, "highwater.");
}

/// No topic is left. Each broker hears of a deletion in its own time, and any of them may be the one that answers.
fn gone(admin: &Admin, prefix: &str) {
    let limit = Monotonic.now().plus_ns(20 * NS_PER_S);
    loop {
        let left = admin.topics(prefix).expect("listed");
        if left.is_empty() {
            return;
        }
        assert!(Monotonic.now() < limit, "{left:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn join(
    cluster: &Cluster,
    group: &str,
    topic: &str,
    start_at: StartAt,
    client: &[(&str, &str)],
) -> KafkaConsumer {
    let client: Vec<(String, String)> = client
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let settings = options(cluster)
        .consumer(group, &[("[consume.test] client", &client)])
        .expect("good properties");
    let reads = Reads {
        name: topic.to_owned(),
        index: 0,
        header_stamps: false,
    };
    KafkaConsumer::join(&settings, &[reads], start_at).expect("a member")
}

type Got = HashMap<(u32, i64), usize>;

/// Polls all members in turn until `done`: which (partition, offset) went to which member. Nothing may come twice.
fn read(
    members: &mut [&mut KafkaConsumer],
    done: impl Fn(&Got, &[&mut KafkaConsumer]) -> bool,
) -> Got {
    let mut got = Got::new();
    let limit = Monotonic.now().plus_ns(60 * NS_PER_S);
    while !done(&got, members) {
        let held: Vec<_> = members.iter().map(|member| member.assignment()).collect();
        let fatal: Vec<_> = members.iter().map(|member| member.fatal()).collect();
        assert!(
            Monotonic.now() < limit,
            "{} came; {held:?} {fatal:?}",
            got.len()
        );
        for (at, member) in members.iter_mut().enumerate() {
            let deadline = Monotonic.now().plus_ns(10_000_000);
            member.poll(deadline, 1_000, &mut |incoming, _| {
                let place = (incoming.partition, incoming.offset);
                assert!(got.insert(place, at).is_none(), "twice: {place:?}");
            });
        }
    }
    got
}

fn members_share_and_read_nothing_twice(
    cluster: &Cluster,
    admin: &Admin,
    topic: &str,
    client: &[(&str, &str)],
) {
    println!("{client:?}");
    admin
        .prepare_topics(&[wanted(topic, 4)], false)
        .expect("created");
    for partition in 0..4 {
        produce(cluster, topic, partition, 0..10);
    }
    let seen: Arc<Mutex<HashMap<u32, i64>>> = Arc::default();
    let start = || -> StartAt {
        let seen = Arc::clone(&seen);
        Arc::new(move |_, partition| {
            seen.lock()
                .expect("seen")
                .get(&partition)
                .copied()
                .unwrap_or(0)
        })
    };
    let note = |got: &Got| {
        let mut seen = seen.lock().expect("seen");
        for (partition, offset) in got.keys() {
            let next = seen.entry(*partition).or_default();
            *next = (*next).max(offset + 1);
        }
    };
    let held = |member: &KafkaConsumer| member.assignment().map_or(0, |held| held.len());
    let mut first = join(cluster, "highwater.run.b", topic, start(), client);
    note(&read(&mut [&mut first], |got, _| got.len() == 40));
    let mut second = join(cluster, "highwater.run.b", topic, start(), client);
    let got = read(&mut [&mut first, &mut second], |_, members| {
        members.iter().all(|member| held(member) == 2)
    });
    assert!(got.is_empty(), "read again: {got:?}");
    for partition in 0..4 {
        produce(cluster, topic, partition, 10..20);
    }
    let got = read(&mut [&mut first, &mut second], |got, _| got.len() == 40);
    note(&got);
    assert_eq!(got.values().collect::<HashSet<_>>().len(), 2);
    drop(second);
    let got = read(&mut [&mut first], |_, members| held(members[0]) == 4);
    assert!(got.is_empty(), "read again: {got:?}");
    // Known once the logs were fetched from; the ends of an earlier time are never shown.
    let ends = |(topic, partition, start, end): (u16, u32, i64, i64)| {
        assert_eq!((topic, start, end), (0, 0, 20));
        partition
    };
    let limit = Monotonic.now().plus_ns(20 * NS_PER_S);
    while first.watermarks().into_iter().map(ends).count() < 4 {
        assert!(Monotonic.now() < limit);
        first.poll(Monotonic.now().plus_ns(10_000_000), 10, &mut |_, _| {});
    }
    drop(first);
    admin.delete_topics(&[topic.to_owned()]).expect("answered");
    let deleted = admin
        .delete_groups(&["highwater.run.b".into()])
        .expect("answered");
    assert_eq!(deleted[0].failed, None);
}

/// How much of a core a record costs the reading thread: printed, with a bound that only a blunder breaks.
fn a_member_that_reads_fast(cluster: &Cluster, admin: &Admin) {
    let topic = "highwater.fast";
    admin
        .prepare_topics(&[wanted(topic, 4)], false)
        .expect("created");
    let records = 400_000_u32;
    for partition in 0..4 {
        produce(cluster, topic, partition, 0..records / 4);
    }
    let mut member = join(cluster, "highwater.run.c", topic, Arc::new(|_, _| 0), &[]);
    let (mut came, mut bytes) = (0, 0);
    let limit = Monotonic.now().plus_ns(60 * NS_PER_S);
    let before = thread_cpu_ns();
    while came < records as usize {
        assert!(Monotonic.now() < limit, "{came}");
        let deadline = Monotonic.now().plus_ns(100_000_000);
        came += member.poll(deadline, 1_000, &mut |incoming, _| {
            bytes += incoming.value.map_or(0, <[u8]>::len);
        });
    }
    let each = (thread_cpu_ns() - before) / u64::from(records);
    println!("{each} ns of the reading thread a record, {bytes} bytes");
    assert!(each < 5_000, "{each}");
}

fn thread_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    text.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .expect("a number")
}
