use super::*;
use std::io::Write;

fn flags(flags: &[&str]) -> Result<ClientOptions, KafkaError> {
    let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
    ClientOptions::read(Some("localhost:9092"), &[], &flags)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn from_file(text: &str) -> Result<ClientOptions, KafkaError> {
    ClientOptions::read(None, &[file(text).path().to_owned()], &[])
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn later_layers_win_under_any_spelling() {
    let file = file("linger.ms=20\n# comment\n\n  batch.size = 4096 \n");
    let options = ClientOptions::read(
        Some("a:1"),
        &[file.path().to_owned()],
        &["queue.buffering.max.ms=30".into()],
    )
    .unwrap();
    let scenario = pairs(&[("linger.ms", "10"), ("compression.type", "lz4")]);
    let flow = pairs(&[("compression.codec", "zstd"), ("batch.size", "1")]);
    let settings = options
        .producer(1, &[("[client]", &scenario), ("[flow.a] client", &flow)])
        .unwrap();
    assert_eq!(
        settings.get("linger.ms"),
        Some("30"),
        "the flag, by its other name"
    );
    assert_eq!(settings.get("batch.size"), Some("4096"), "the file");
    assert_eq!(settings.get("compression.type"), Some("zstd"), "the flow");
    assert_eq!(settings.get("acks"), Some("all"), "the default");
    assert_eq!(settings.get("bootstrap.servers"), Some("a:1"));
    settings.conf().unwrap();
}

#[test]
fn each_client_gets_only_what_is_for_it() {
    let options =
        from_file("bootstrap.servers=a:1\nfetch.min.bytes=2\nlinger.ms=1\nclient.id=x\n").unwrap();
    assert_eq!(options.bootstrap(), Some("a:1"));
    let producer = options.producer(1, &[]).unwrap();
    let consumer = options.consumer("g", &[]).unwrap();
    let admin = options.admin().unwrap();
    let has = |s: &Settings| {
        let has = |name| s.get(name).is_some();
        (
            has("linger.ms"),
            has("fetch.min.bytes"),
            s.get("client.id") == Some("x"),
        )
    };
    assert_eq!(has(&producer), (true, false, true));
    assert_eq!(has(&consumer), (false, true, true));
    assert_eq!(has(&admin), (false, false, true));
    assert_eq!(consumer.get("group.id"), Some("g"));
}

#[test]
fn all_errors_of_a_file_come_at_once_with_their_lines() {
    let text = "linger.mss=5\nacks=banana\nwhat\nsasl.jaas.config=org...required username=\"u\" password=\"p4ss\";\nbatch.size=1000\n";
    let file = file(text);
    let path = file.path().display().to_string();
    let error = ClientOptions::read(None, &[file.path().to_owned()], &[]).unwrap_err();
    assert!(error.is_usage());
    let text = error.to_string();
    assert!(
        text.contains(&format!(
            "{path}:1: unknown client property linger.mss: did you mean linger.ms?"
        )),
        "{text}"
    );
    assert!(text.contains(&format!("{path}:2: acks=banana: ")), "{text}");
    assert!(
        text.contains(&format!("{path}:3: expected KEY=VALUE")),
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "{path}:4: sasl.jaas.config is a name of Java's: use sasl.username and sasl.password"
        )),
        "{text}"
    );
    assert!(!text.contains("p4ss"), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[test]
fn wrong_values_come_in_librdkafkas_words_with_the_place() {
    let text = flags(&["linger.ms=soon"]).unwrap_err().to_string();
    assert!(text.starts_with("-X: linger.ms=soon: "), "{text}");
    assert!(text.contains("linger"), "{text}");
    let text = flags(&["batch.size=-5"]).unwrap_err().to_string();
    assert!(text.contains("range"), "{text}");
    let class = "partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor";
    let options = flags(&[class]).unwrap();
    // librdkafka looks at this one only when a client is created.
    let settings = options.consumer("g", &[]).unwrap();
    let error = settings.conf().map(drop);
    assert!(error.is_ok());
}

#[test]
fn java_names_get_librdkafkas() {
    for (java, instead) in [
        ("ssl.truststore.location=/x", "ssl.ca.location"),
        ("ssl.keystore.type=JKS", "ssl.keystore.location"),
        ("buffer.memory=1", "queue.buffering.max.kbytes"),
        ("max.block.ms=1", "remove the line"),
        ("key.serializer=x", "remove the line"),
        ("fetch.max.wait.ms=1", "fetch.wait.max.ms"),
    ] {
        let text = flags(&[java]).unwrap_err().to_string();
        assert!(text.contains("a name of Java's"), "{text}");
        assert!(text.contains(instead), "{text}");
    }
}

#[test]
fn references_are_resolved_and_their_absence_is_named() {
    let secret = file("s3cret\n");
    let path = secret.path().display();
    let text = format!(
        "bootstrap.servers=a:1\nsasl.password=${{file:{path}}}\nclient.id=x-${{env:CARGO_PKG_NAME}}-y\n"
    );
    // Cargo sets the variable for tests, so none has to be set here.
    let options = from_file(&text).unwrap();
    let settings = options.producer(1, &[]).unwrap();
    assert_eq!(settings.get("sasl.password"), Some("s3cret"));
    assert_eq!(settings.get("client.id"), Some("x-highwater-y"));
    let text = from_file("sasl.password=${env:HIGHWATER_NOT_SET_1}")
        .unwrap_err()
        .to_string();
    assert!(
        text.contains(":1: sasl.password: the environment variable HIGHWATER_NOT_SET_1"),
        "{text}"
    );
    let text = from_file("sasl.password=${vault:x}")
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("neither ${env:NAME} nor ${file:PATH}"),
        "{text}"
    );
}

#[test]
fn secrets_are_warned_of_and_never_shown() {
    let options = flags(&["sasl.password=hunter2", "sasl.username=bob"]).unwrap();
    assert_eq!(options.warnings.len(), 1);
    assert!(options.warnings[0].contains("sasl.password"));
    assert!(!options.warnings[0].contains("hunter2"));
    let settings = options.producer(1, &[]).unwrap();
    assert_eq!(settings.redacted()["sasl.password"], "***");
    assert_eq!(settings.redacted()["sasl.username"], "***");
    assert_eq!(settings.redacted()["acks"], "all");
    assert!(!format!("{options:?} {settings:?}").contains("hunter2"));
    // A reference is not in clear.
    assert!(
        flags(&["sasl.password=${env:CARGO_PKG_NAME}"])
            .unwrap()
            .warnings
            .is_empty()
    );
    let rejected = settings.rejected("cannot log in with hunter2").to_string();
    assert!(!rejected.contains("hunter2"), "{rejected}");
}

#[test]
fn a_scenario_holds_no_secrets_addresses_or_consumer_properties_for_producers() {
    let options = flags(&[]).unwrap();
    for (name, value, part) in [
        ("sasl.password", "p4ss", "a scenario may not hold"),
        ("security.protocol", "ssl", "no part of a scenario"),
        ("bootstrap.servers", "a:1", "no part of a scenario"),
        ("fetch.min.bytes", "1", "is for consumers"),
        ("group.id", "x", "highwater's to choose"),
        ("transactional.id", "x", "transactions"),
        ("acsk", "1", "did you mean acks"),
    ] {
        let given = pairs(&[(name, value)]);
        let text = options
            .producer(1, &[("[client]", &given)])
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("[client]: ") && text.contains(part),
            "{text}"
        );
        assert!(!text.contains("p4ss"), "{text}");
    }
}

#[test]
fn idempotence_gives_way_to_what_excludes_it_and_says_so() {
    let settings = flags(&["acks=1"]).unwrap().producer(1, &[]).unwrap();
    assert_eq!(settings.get("enable.idempotence"), Some("false"));
    assert!(
        settings.warnings[0].contains("acks=1 (-X)"),
        "{:?}",
        settings.warnings
    );
    let settings = flags(&["acks=-1"]).unwrap().producer(1, &[]).unwrap();
    assert_eq!(settings.get("enable.idempotence"), Some("true"));
    // Asked for by the user, the contradiction is an error of theirs.
    let options = flags(&["acks=1", "enable.idempotence=true"]).unwrap();
    let settings = options.producer(1, &[]).unwrap();
    let words = settings.conf().unwrap();
    let producer = rdkafka::bindings::rd_kafka_type_t::RD_KAFKA_PRODUCER;
    let words = words.create(producer).unwrap_err();
    let text = settings.rejected(&words).to_string();
    assert!(text.contains("acks=1 in -X"), "{text}");
}

#[test]
fn the_typed_address_wins_and_what_has_no_effect_is_said() {
    let file = file("bootstrap.servers=prod:9092\ngroup.id=mine\n");
    let options = ClientOptions::read(Some("test:9092"), &[file.path().to_owned()], &[]).unwrap();
    assert_eq!(options.bootstrap(), Some("test:9092"));
    let text = options.warnings.join("\n");
    assert!(text.contains("not prod:9092 of"), "{text}");
    assert!(text.contains("group.id is left out"), "{text}");
    assert_eq!(
        options.consumer("ours", &[]).unwrap().get("group.id"),
        Some("ours")
    );
}

#[test]
fn queues_of_all_producers_stay_within_the_runs_memory() {
    let options = flags(&[]).unwrap();
    for clients in [1, 2, 3, 12] {
        let settings = options.producer(clients, &[]).unwrap();
        let number = |name: &str| settings.get(name).unwrap().parse::<u64>().unwrap();
        let records = number("queue.buffering.max.messages") * u64::from(clients);
        // 200,000 records at 512 B and 200 B of librdkafka's own: 142 MB of the 300.
        assert!(records <= 200_000, "{clients} clients hold {records}");
        let kbytes = number("queue.buffering.max.kbytes") * u64::from(clients);
        assert!(kbytes <= 131_072, "{clients} clients hold {kbytes} kB");
        settings.conf().unwrap();
    }
}

#[test]
fn the_embedded_cluster_takes_no_security() {
    let mut options = flags(&[
        "security.protocol=sasl_ssl",
        "sasl.mechanism=PLAIN",
        "client.id=x",
    ])
    .unwrap();
    options.use_embedded("127.0.0.1:1");
    let settings = options.consumer("g", &[]).unwrap();
    assert_eq!(settings.get("security.protocol"), None);
    assert_eq!(settings.get("bootstrap.servers"), Some("127.0.0.1:1"));
    assert_eq!(settings.get("fetch.wait.max.ms"), Some("10"));
    assert_eq!(options.warnings.len(), 1);
}

#[test]
fn an_unreadable_file_is_named() {
    let error = ClientOptions::read(None, &["/no/such/file".into()], &[]).unwrap_err();
    assert!(error.to_string().contains("/no/such/file"), "{error}");
}

#[test]
fn every_property_of_the_table_is_known_to_this_librdkafka() {
    for line in include_str!("../properties.txt").lines() {
        let name = line.split(' ').next().unwrap();
        // Whatever the value's fate, the name must be known.
        let result = Conf::new().set(name, "1");
        assert!(!matches!(result, Err(NotSet::Unknown)), "{name}");
    }
}

#[test]
fn an_address_that_cannot_be_one_is_an_error_at_once() {
    for bad in ["", "a:1,,b:2", "host:port", "host:0", "host:99999", ":9092"] {
        let error = ClientOptions::read(Some(bad), &[], &[]).unwrap_err();
        assert!(error.to_string().starts_with("-b: "), "{error}");
    }
    for good in [
        "a",
        "a:1,b:2",
        "a:1, b:2",
        "[::1]:9092",
        "::1",
        "SASL_SSL://a:1",
    ] {
        assert!(ClientOptions::read(Some(good), &[], &[]).is_ok(), "{good}");
    }
}
