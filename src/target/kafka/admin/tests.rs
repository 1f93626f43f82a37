use std::net::TcpListener;

use super::super::config::ClientOptions;
use super::super::embedded::Embedded;
use super::super::topics::Wanted;
use super::*;

fn admin(bootstrap: &str, flags: &[&str]) -> Result<Admin, KafkaError> {
    let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
    let options = ClientOptions::read(Some(bootstrap), &[], &flags).unwrap();
    Admin::connect_within(&options.admin().unwrap(), 2 * NS_PER_S)
}

#[test]
fn the_embedded_cluster_describes_itself() {
    let embedded = Embedded::start().unwrap();
    let wanted = |name: &str, partitions| Wanted {
        name: name.into(),
        partitions,
        replication: None,
        config: vec![],
        fullest: None,
    };
    let topics = [
        wanted("highwater.a", 3),
        wanted("highwater.b", 1),
        wanted("other", 1),
    ];
    embedded.create_topics(&topics).unwrap();
    let admin = admin(&embedded.bootstrap(), &[]).unwrap();
    assert_eq!(admin.cluster().brokers.len(), 3);
    assert_eq!(admin.cluster().brokers[0].id, 1);
    assert_eq!(admin.cluster().brokers[0].host, "127.0.0.1");
    assert_eq!(
        admin.topics("highwater.").unwrap(),
        ["highwater.a", "highwater.b"]
    );
    let ranges = admin
        .log_ranges(&[("highwater.a".into(), 3), ("highwater.b".into(), 1)])
        .unwrap();
    let empty = LogRange { start: 0, end: 0 };
    assert_eq!(ranges, [vec![empty; 3], vec![empty]]);
}

#[test]
fn a_closed_port_is_given_up_in_time_with_what_was_tried() {
    // A port that was free a moment ago, and listens no longer.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let started = Monotonic.now();
    let error = admin(&address, &[]).err().unwrap();
    let waited = Monotonic.now().since(started);
    assert!(waited < 4 * NS_PER_S, "{waited} ns");
    assert!(!error.is_usage());
    let text = error.to_string();
    for part in [
        address.as_str(),
        "PLAINTEXT",
        "Connection refused",
        "broker runs and listens",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_contradiction_in_the_settings_is_usage() {
    let error = admin(
        "127.0.0.1:1",
        &["security.protocol=ssl", "ssl.ca.location=/no/such"],
    )
    .err()
    .unwrap();
    assert!(error.is_usage());
    let text = error.to_string();
    assert!(text.contains("ssl.ca.location=/no/such in -X"), "{text}");
}

#[test]
fn kafkas_own_topics_are_never_ours() {
    let names = ["__consumer_offsets", "highwater.a", "high"].map(String::from);
    assert_eq!(ours(names.into(), ""), ["high", "highwater.a"]);
}

#[test]
fn a_port_that_hangs_up_is_suspected_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let text = admin(&address, &[]).err().unwrap().to_string();
    assert!(
        text.contains("security.protocol: the port may want TLS or SASL"),
        "{text}"
    );
}
