//! Which release of Kafka a broker speaks.
//!
//! Neither the protocol nor librdkafka tells a broker's release. But every release raises the highest version of some request, brokers
//! say which versions they take (ApiVersions) as soon as a client connects, and librdkafka writes that to its log with
//! `debug=feature`. So the release is inferred: it is that of the protocol, which what is no Apache Kafka may speak as well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use rdkafka::bindings as rdsys;

use super::admin::Cluster;
use super::config::ClientOptions;
use super::handle::{Handle, Listener};
use crate::clock::{Clock, Monotonic, NS_PER_S};

/// The latest first: a release, and a request with the version that it was the first to take. From the message definitions of each
/// release (`clients/src/main/resources/common/message/*Request.json` of Apache Kafka, `validVersions` of the stable ones for brokers).
const RELEASES: [(&str, i16, i16); 13] = [
    ("4.3 or later", DESCRIBE_LOG_DIRS, 5),
    ("4.2", OFFSET_COMMIT, 10),
    ("4.1", PRODUCE, 13),
    ("4.0", PRODUCE, 12),
    ("3.9", FETCH, 17),
    ("3.8", PRODUCE, 11),
    ("3.7", PRODUCE, 10),
    ("3.6", ADD_PARTITIONS_TO_TXN, 4),
    ("3.5", LIST_OFFSETS, 8),
    ("3.3 or 3.4", DESCRIBE_LOG_DIRS, 4),
    ("3.2", DESCRIBE_LOG_DIRS, 3),
    ("3.1", FETCH, 13),
    ("3.0", LIST_OFFSETS, 7),
];
/// What takes none of these.
const OLDER: &str = "older than 3.0";

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const LIST_OFFSETS: i16 = 2;
const OFFSET_COMMIT: i16 = 8;
const ADD_PARTITIONS_TO_TXN: i16 = 24;
const DESCRIBE_LOG_DIRS: i16 = 35;

/// How long brokers may take to say it: it is told where it is known, and nothing waits for it.
const PATIENCE_NS: u64 = 2 * NS_PER_S;
/// How long to wait for a line: milliseconds.
const TURN_MS: i32 = 10;

/// What one broker takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Taken {
    /// By key of the request, the highest version.
    highest: BTreeMap<i16, i16>,
    /// All of it was said.
    is_whole: bool,
}

impl Taken {
    fn release(&self) -> Option<&'static str> {
        let takes = |key: i16, version: i16| self.highest.get(&key).is_some_and(|h| *h >= version);
        if !self.is_whole || self.highest.is_empty() {
            return None;
        }
        let found = RELEASES
            .iter()
            .find(|(_, key, version)| takes(*key, *version));
        Some(found.map_or(OLDER, |(release, ..)| release))
    }
}

/// What was said so far, by the broker's address.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<BTreeMap<String, Taken>>>);

impl Heard {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Taken>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes a line of the log: `[thrd:a:9092/1]: a:9092/1:   ApiKey Fetch (1) Versions 4..17`. After its list a broker's lines are about
    /// features.
    fn line(&self, line: &str) {
        if let Some((head, api)) = line.split_once("ApiKey ")
            && let (Some(address), Some((key, highest))) = (address(head), versions(api))
        {
            let mut heard = self.lock();
            heard
                .entry(address)
                .or_default()
                .highest
                .insert(key, highest);
        } else if let Some((head, _)) = line.split_once(" Feature ")
            && let Some(address) = address(head)
            && let Some(taken) = self.lock().get_mut(&address)
        {
            taken.is_whole = true;
        }
    }
}

/// The broker's address in what comes before a line's text: `[thrd:NAME]: ssl://host:port/1: `.
fn address(head: &str) -> Option<String> {
    let name = head.trim_end().trim_end_matches(':');
    let name = name.rsplit_once(": ").map_or(name, |(_, name)| name);
    let name = name.rsplit_once("://").map_or(name, |(_, name)| name);
    let (address, _) = name.rsplit_once('/')?;
    Some(address.to_owned())
}

/// The key and the highest version in `Fetch (1) Versions 4..17`.
fn versions(api: &str) -> Option<(i16, i16)> {
    let (_, rest) = api.split_once('(')?;
    let (key, rest) = rest.split_once(") Versions ")?;
    let (_, highest) = rest.split_once("..")?;
    Some((key.parse().ok()?, highest.trim().parse().ok()?))
}

/// The release each broker speaks, by its id; those that did not say it within two seconds are left out. Connects to every broker, for a
/// moment.
pub fn releases(options: &ClientOptions, cluster: &Cluster) -> BTreeMap<i32, &'static str> {
    let heard = Heard::default();
    let Some(mut handle) = client(options, &heard) else {
        return BTreeMap::new();
    };
    let deadline = Monotonic.now().plus_ns(PATIENCE_NS);
    loop {
        handle.serve(TURN_MS);
        let known = known(&heard.lock(), cluster);
        if known.len() == cluster.brokers.len() {
            return known;
        }
        if Monotonic.now() > deadline {
            // One of its threads may be stuck where a broker does not answer.
            handle.abandon();
            return known;
        }
    }
}

fn known(heard: &BTreeMap<String, Taken>, cluster: &Cluster) -> BTreeMap<i32, &'static str> {
    let brokers = cluster.brokers.iter();
    brokers
        .filter_map(|broker| {
            let taken = heard.get(&format!("{}:{}", broker.host, broker.port))?;
            Some((broker.id, taken.release()?))
        })
        .collect()
}

/// A client that connects to all brokers and tells what they say; `None` where there can't be one: then the run has better reasons to
/// complain.
fn client(options: &ClientOptions, heard: &Heard) -> Option<Handle> {
    let settings = options.admin().ok()?;
    let settings = settings
        .with("debug", "feature")
        .with("enable.sparse.connections", "false");
    let to = heard.clone();
    let listener = Listener {
        on_log: Some(Box::new(move |line: &str| to.line(line))),
        ..Listener::default()
    };
    let producer = rdsys::rd_kafka_type_t::RD_KAFKA_PRODUCER;
    Handle::create(&settings, producer, listener).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::kafka::admin::Broker;

    fn taken(highest: &[(i16, i16)]) -> Taken {
        Taken {
            highest: highest.iter().copied().collect(),
            is_whole: true,
        }
    }

    /// Excerpts of what brokers of these releases say.
    #[test]
    fn the_release_is_the_latest_whose_versions_are_taken() {
        for (release, highest) in [
            (
                "4.3 or later",
                [(0, 13), (1, 18), (2, 11), (8, 10), (24, 5), (35, 5)],
            ),
            (
                "4.2",
                [(0, 13), (1, 18), (2, 11), (8, 10), (24, 5), (35, 4)],
            ),
            ("4.1", [(0, 13), (1, 18), (2, 10), (8, 9), (24, 5), (35, 4)]),
            ("4.0", [(0, 12), (1, 17), (2, 10), (8, 9), (24, 5), (35, 4)]),
            ("3.9", [(0, 11), (1, 17), (2, 9), (8, 9), (24, 5), (35, 4)]),
            ("3.8", [(0, 11), (1, 16), (2, 8), (8, 9), (24, 5), (35, 4)]),
            ("3.7", [(0, 10), (1, 16), (2, 8), (8, 9), (24, 4), (35, 4)]),
            ("3.6", [(0, 9), (1, 15), (2, 8), (8, 8), (24, 4), (35, 4)]),
            ("3.5", [(0, 9), (1, 15), (2, 8), (8, 8), (24, 3), (35, 4)]),
            (
                "3.3 or 3.4",
                [(0, 9), (1, 13), (2, 7), (8, 8), (24, 3), (35, 4)],
            ),
            ("3.0", [(0, 9), (1, 12), (2, 7), (8, 8), (24, 3), (35, 2)]),
            (OLDER, [(0, 9), (1, 12), (2, 6), (8, 8), (24, 3), (35, 2)]),
        ] {
            assert_eq!(taken(&highest).release(), Some(release));
        }
        assert_eq!(Taken::default().release(), None);
    }

    #[test]
    fn lines_of_the_log_are_read_by_broker() {
        let heard = Heard::default();
        let (one, two) = (
            "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: ",
            "[thrd:sasl_ssl://[::1]:9093/bootstrap]: sasl_ssl://[::1]:9093/bootstrap: ",
        );
        for line in [
            format!("{one}Broker API support:"),
            format!("{one}  ApiKey Produce (0) Versions 0..11"),
            format!("{two}  ApiKey Unknown-92? (92) Versions 0..0"),
            format!("{one}  ApiKey Fetch (1) Versions 4..17"),
            format!("{one} Feature MsgVer1: Produce (2..2) supported by broker"),
            "nothing of the kind".to_owned(),
            "ApiKey (".to_owned(),
        ] {
            heard.line(&line);
        }
        let heard = heard.lock();
        assert_eq!(heard["127.0.0.1:9092"], taken(&[(0, 11), (1, 17)]));
        assert_eq!(heard["[::1]:9093"].release(), None, "its list goes on");
        let broker = |id, port| Broker {
            id,
            host: "127.0.0.1".to_owned(),
            port,
        };
        let cluster = Cluster {
            id: None,
            controller: None,
            brokers: vec![broker(1, 9092), broker(2, 9093)],
        };
        assert_eq!(known(&heard, &cluster), BTreeMap::from([(1, "3.9")]));
    }
}
