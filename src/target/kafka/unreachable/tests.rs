use super::*;

fn note(code: i32, text: &str) -> Note {
    Note {
        code,
        text: text.into(),
    }
}

#[test]
fn advice_follows_what_the_client_said() {
    let cases = [
        (
            "plaintext",
            note(
                -195,
                "x: Connect to ipv4#127.0.0.1:1 failed: Connection refused",
            ),
            "listens",
        ),
        (
            "sasl_ssl",
            note(
                AUTHENTICATION,
                "SASL authentication error: invalid credentials",
            ),
            "sasl.password",
        ),
        (
            "sasl_ssl",
            note(
                AUTHENTICATION,
                "SASL x mechanism handshake failed: broker's supported mechanisms: y",
            ),
            "sasl.mechanism against",
        ),
        (
            "ssl",
            note(SSL, "SSL handshake failed: certificate verify failed"),
            "ssl.ca.location",
        ),
        (
            "ssl",
            note(TRANSPORT, "SSL alert bad certificate"),
            "ssl.certificate.location",
        ),
        (
            "ssl",
            note(TRANSPORT, "connecting to a PLAINTEXT broker listener?"),
            "does not speak TLS",
        ),
        (
            "plaintext",
            note(
                0,
                "Disconnected: verify that security.protocol (after 3ms in state APIVERSION_QUERY)",
            ),
            "may want TLS",
        ),
        (
            "plaintext",
            note(RESOLVE, "Failed to resolve 'nowhere:9092'"),
            "DNS",
        ),
        (
            "sasl_ssl",
            note(ALL_DOWN, "1/1 brokers are down"),
            "token source",
        ),
    ];
    for (protocol, note, part) in cases {
        let text = advice(protocol, std::slice::from_ref(&note));
        assert!(text.contains(part), "{note:?}: {text}");
    }
}

#[test]
fn what_was_said_is_told_once_and_errors_before_the_log() {
    let notes = [
        note(0, "log line"),
        note(-195, "a: refused (after 0ms in state CONNECT)"),
        note(ALL_DOWN, "1/1 brokers are down"),
        note(
            -195,
            "a: refused (after 1ms in state CONNECT, 3 identical error(s) suppressed)",
        ),
    ];
    assert_eq!(told(&notes), "  librdkafka: a: refused\n");
    assert_eq!(told(&notes[..1]), "  librdkafka: log line\n");
    assert_eq!(told(&[]), "");
}
