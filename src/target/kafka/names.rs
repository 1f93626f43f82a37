//! What is known of client properties: librdkafka's names, Java's names for the same things, and which of them are secrets.

use std::sync::LazyLock;

/// Which kind of client a property is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Producer,
    Consumer,
    Both,
}

/// A property of librdkafka.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub name: &'static str,
    pub clients: For,
    /// Anyone may read its value.
    pub harmless: bool,
    alias_of: Option<&'static str>,
}

/// The tables of librdkafka's CONFIGURATION.md: name; P, C or *, with a + where anyone may read the value; what it is another name
/// of. Left out is what only a program can set (callbacks) and what no longer does anything. Sorted by name.
static TABLE: LazyLock<Vec<Known>> = LazyLock::new(|| {
    include_str!("properties.txt")
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?;
            let clients = words.next()?;
            Some(Known {
                name,
                clients: match clients.trim_end_matches('+') {
                    "P" => For::Producer,
                    "C" => For::Consumer,
                    _ => For::Both,
                },
                harmless: clients.ends_with('+'),
                alias_of: words.next(),
            })
        })
        .collect()
});

/// The property of that name.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    let at = TABLE.binary_search_by(|known| known.name.cmp(name)).ok()?;
    TABLE.get(at)
}

/// The one name under which all spellings of a property are compared (`acks` and `request.required.acks` are the same).
pub(super) fn canonical(name: &str) -> &str {
    match find(name) {
        Some(known) => known.alias_of.unwrap_or(known.name),
        None => name,
    }
}

/// The known name that looks most like `name`, if one does.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(name, TABLE.iter().map(|known| known.name))
}

/// The word that looks most like `name`, if one is close enough to be meant.
pub(super) fn nearest_of(
    name: &str,
    words: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    words
        .map(|word| (strsim::jaro_winkler(name, word), word))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.85)
        .map(|(_, word)| word)
}

/// Properties whose values nobody else may read. A report never shows them, a scenario may not hold them.
const SECRETS: [&str; 7] = [
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.secret",
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// True when the value must not be read by others.
pub(super) fn is_secret(name: &str) -> bool {
    // A misspelt or a Java name of a secret is one as well: its value must not be repeated in the message about it.
    SECRETS.contains(&canonical(name))
        || name == "sasl.jaas.config"
        || name.ends_with("password")
        || name.ends_with("secret")
        || name.ends_with("passphrase")
}

/// True when reports, logs and errors may show the value. What is not known to be harmless is masked: secrets, what tells who the
/// user is, and whatever is not in the table.
pub(super) fn is_harmless(name: &str) -> bool {
    find(name).is_some_and(|known| known.harmless)
}

/// True for properties that say how the cluster is reached, which belong to no scenario.
pub(super) fn is_connection(name: &str) -> bool {
    canonical(name) == "metadata.broker.list"
        || name == "security.protocol"
        || ["sasl.", "ssl.", "https.", "enable.ssl.", "enable.sasl."]
            .iter()
            .any(|start| name.starts_with(start))
}

/// What to write instead of a property that only Java clients have.
pub(super) fn instead_of_java(name: &str) -> Option<&'static str> {
    let at = JAVA.binary_search_by(|(java, _)| (*java).cmp(name)).ok();
    if let Some((_, instead)) = at.and_then(|at| JAVA.get(at)) {
        return Some(instead);
    }
    let starts = [
        ("sasl.login.", LOGIN),
        ("metrics.", NOTHING),
        ("auto.include.jmx", NOTHING),
        ("ssl.truststore.", TRUSTSTORE),
    ];
    starts
        .iter()
        .find(|(start, _)| name.starts_with(start) && find(name).is_none())
        .map(|(_, instead)| *instead)
}

const NOTHING: &str = "librdkafka has nothing like it: remove the line";
const BYTES: &str =
    "highwater sends the bytes that the scenario describes and serialises nothing: remove the line";
const PARTITIONS: &str =
    "highwater chooses partitions itself, as the Java clients do by default: remove the line";
const TRUSTSTORE: &str = "librdkafka reads PEM files: use ssl.ca.location=FILE.pem \
     (keytool -exportcert -rfc -keystore FILE.jks writes one)";
const KEYSTORE: &str = "librdkafka reads PKCS#12 with ssl.keystore.location and ssl.keystore.password, \
     or PEM with ssl.certificate.location and ssl.key.location";
const LOGIN: &str =
    "librdkafka has sasl.oauthbearer.method, sasl.oauthbearer.token.endpoint.url and their like";
const NO_PROVIDER: &str =
    "TLS comes from OpenSSL here, which chooses it by itself: remove the line";

/// Java's names, sorted, each with what to write instead.
const JAVA: [(&str, &str); 44] = [
    (
        "buffer.memory",
        "use queue.buffering.max.kbytes (in kilobytes)",
    ),
    ("compression.gzip.level", "use compression.level"),
    ("compression.lz4.level", "use compression.level"),
    ("compression.zstd.level", "use compression.level"),
    (
        "config.providers",
        "write ${env:NAME} or ${file:PATH}, which need no provider",
    ),
    ("default.api.timeout.ms", "use socket.timeout.ms"),
    ("exclude.internal.topics", NOTHING),
    ("fetch.max.wait.ms", "use fetch.wait.max.ms"),
    ("interceptor.classes", NOTHING),
    ("key.deserializer", BYTES),
    ("key.serializer", BYTES),
    (
        "max.block.ms",
        "highwater never blocks on a full queue, the event stays due: remove the line",
    ),
    ("max.poll.records", NOTHING),
    ("max.request.size", "use message.max.bytes"),
    ("metadata.max.idle.ms", NOTHING),
    ("metric.reporters", NOTHING),
    ("partitioner.adaptive.partitioning.enable", PARTITIONS),
    ("partitioner.availability.timeout.ms", PARTITIONS),
    ("partitioner.class", PARTITIONS),
    ("partitioner.ignore.keys", PARTITIONS),
    ("receive.buffer.bytes", "use socket.receive.buffer.bytes"),
    ("sasl.client.callback.handler.class", LOGIN),
    (
        "sasl.jaas.config",
        "use sasl.username and sasl.password (with sasl.mechanism); \
         for OAUTHBEARER use sasl.oauthbearer.method and its like",
    ),
    (
        "sasl.kerberos.kinit.cmd.path",
        "use sasl.kerberos.kinit.cmd",
    ),
    (
        "sasl.kerberos.ticket.renew.jitter",
        "use sasl.kerberos.min.time.before.relogin",
    ),
    (
        "sasl.kerberos.ticket.renew.window.factor",
        "use sasl.kerberos.min.time.before.relogin",
    ),
    ("security.providers", "use ssl.providers"),
    ("send.buffer.bytes", "use socket.send.buffer.bytes"),
    ("ssl.enabled.protocols", NO_PROVIDER),
    ("ssl.engine.factory.class", NO_PROVIDER),
    ("ssl.keymanager.algorithm", NO_PROVIDER),
    ("ssl.keystore.certificate.chain", "use ssl.certificate.pem"),
    ("ssl.keystore.key", "use ssl.key.pem"),
    ("ssl.keystore.type", KEYSTORE),
    ("ssl.protocol", NO_PROVIDER),
    ("ssl.provider", NO_PROVIDER),
    ("ssl.secure.random.implementation", NO_PROVIDER),
    ("ssl.trustmanager.algorithm", NO_PROVIDER),
    ("ssl.truststore.certificates", "use ssl.ca.pem"),
    ("ssl.truststore.location", TRUSTSTORE),
    (
        "ssl.truststore.password",
        "ssl.ca.location takes a PEM file, which needs no password: remove the line",
    ),
    ("ssl.truststore.type", TRUSTSTORE),
    ("value.deserializer", BYTES),
    ("value.serializer", BYTES),
];

/// Why a property that librdkafka knows cannot be used here, if so.
pub(super) fn refused(name: &str, value: &str) -> Option<&'static str> {
    match (canonical(name), value) {
        ("transactional.id", _) => Some("highwater does not send in transactions: remove it"),
        ("delivery.report.only.error", "true") => {
            Some("highwater accounts for every record and needs all acknowledgements: remove it")
        }
        _ => None,
    }
}

/// What to add to librdkafka's words about a wrong value: the usual reason is that it was written for a Java client.
pub(super) fn value_hint(name: &str, value: &str) -> Option<&'static str> {
    match name {
        "partition.assignment.strategy" if value.contains("org.apache.kafka") => {
            Some("librdkafka writes range, roundrobin or cooperative-sticky instead of class names")
        }
        "ssl.endpoint.identification.algorithm" if value.is_empty() => {
            Some("librdkafka writes none where Java leaves it empty")
        }
        "sasl.mechanism" | "sasl.mechanisms" => {
            Some("this build knows PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER")
        }
        "sasl.oauthbearer.method" => Some("OIDC needs a librdkafka built with curl"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_aliases_resolve() {
        assert!(TABLE.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(JAVA.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(TABLE.len() > 140, "{}", TABLE.len());
        for known in TABLE.iter() {
            if let Some(alias) = known.alias_of {
                let alias = find(alias).expect("it is in the table");
                assert_eq!(alias.harmless, known.harmless, "{}", known.name);
            }
        }
        assert_eq!(canonical("acks"), "request.required.acks");
        assert_eq!(canonical("bootstrap.servers"), "metadata.broker.list");
        assert_eq!(find("linger.ms").map(|k| k.clients), Some(For::Producer));
        assert_eq!(find("group.id").map(|k| k.clients), Some(For::Consumer));
    }

    #[test]
    fn a_java_name_is_never_one_of_librdkafkas() {
        for (java, _) in JAVA {
            assert!(find(java).is_none(), "{java}");
        }
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("linger.mss"), Some("linger.ms"));
        assert_eq!(nearest("compresion.type"), Some("compression.type"));
        assert_eq!(nearest("xyzzy"), None);
    }

    #[test]
    fn secrets() {
        for name in [
            "sasl.password",
            "ssl.key.pem",
            "sasl.jaas.config",
            "ssl.truststore.password",
        ] {
            assert!(is_secret(name), "{name}");
        }
        assert!(is_secret(
            "sasl.oauthbearer.client.credentials.client.secret"
        ));
        assert!(!is_secret("ssl.key.location"));
        assert!(!is_harmless("sasl.username") && !is_secret("sasl.username"));
    }

    #[test]
    fn only_what_is_listed_is_harmless() {
        assert!(is_harmless("acks") && is_harmless("ssl.ca.location"));
        assert!(!is_harmless("no.such.property") && !is_harmless("sasl.jaas.config"));
        for known in TABLE.iter().filter(|known| known.harmless) {
            assert!(!is_secret(known.name), "{}", known.name);
            let telling = [
                "password",
                "secret",
                "username",
                "token",
                ".pem",
                "passphrase",
            ];
            assert!(
                !telling.iter().any(|word| known.name.contains(word)),
                "{}",
                known.name
            );
        }
    }
}
