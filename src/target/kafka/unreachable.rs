//! Telling why a cluster cannot be reached, and what to check.

use rdkafka::bindings as rdsys;

use super::config::Settings;
use super::errors::KafkaError;
use super::handle::{ALL_DOWN, Note};
use crate::clock::NS_PER_S;

pub(super) const AUTHENTICATION: i32 =
    rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__AUTHENTICATION as i32;
const RESOLVE: i32 = rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__RESOLVE as i32;
pub(super) const SSL: i32 = rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__SSL as i32;
pub(super) const TRANSPORT: i32 = rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TRANSPORT as i32;
pub(super) const TIMED_OUT: i32 = rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT as i32;
pub(super) const TIMED_OUT_QUEUE: i32 =
    rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE as i32;

/// The error for a cluster that nobody answered for.
pub(super) fn unreachable(
    settings: &Settings,
    bootstrap: &str,
    waited_ns: u64,
    notes: &[Note],
) -> KafkaError {
    let protocol = settings.get("security.protocol").unwrap_or("plaintext");
    let mechanism = settings.get("sasl.mechanism");
    let user = match (protocol.to_ascii_lowercase().starts_with("sasl"), mechanism) {
        (true, Some(mechanism)) => format!(" with {mechanism}"),
        _ => String::new(),
    };
    let doing = format!("connecting to {bootstrap}");
    let cause = format!(
        "no broker answered within {} s (tried {}{user})",
        waited_ns.div_ceil(NS_PER_S),
        protocol.to_ascii_uppercase(),
    );
    let remedy = format!("{}  check: {}", told(notes), advice(protocol, notes));
    KafkaError::cluster(doing, &cause, remedy.trim())
}

/// The last different things the client said, a line each.
pub(super) fn told(notes: &[Note]) -> String {
    let mut lines: Vec<String> = Vec::new();
    // Errors say it better than the log; the log is for when there are none.
    let errors = notes.iter().any(|n| n.code != 0 && n.code != ALL_DOWN);
    for note in notes.iter().rev().filter(|n| !errors || n.code != 0) {
        let words = note.gist();
        let line = format!("  librdkafka: {words}\n");
        if note.code != ALL_DOWN && !words.is_empty() && !lines.contains(&line) && lines.len() < 4 {
            lines.push(line);
        }
    }
    lines.reverse();
    lines.concat()
}

/// What to check, from what the client said.
fn advice(protocol: &str, notes: &[Note]) -> &'static str {
    let has = |code: i32| notes.iter().any(|n| n.code == code);
    let says = |part: &str| notes.iter().any(|n| n.text.contains(part));
    let plain = matches!(
        protocol.to_ascii_lowercase().as_str(),
        "plaintext" | "sasl_plaintext"
    );
    if says("SASL Handshake not supported") {
        "security.protocol: this port takes no SASL"
    } else if says("mechanism handshake failed") || says("supported mechanisms") {
        "sasl.mechanism against those the broker offers"
    } else if has(AUTHENTICATION) {
        "sasl.username, sasl.password and sasl.mechanism, and that the user exists"
    } else if says("PLAINTEXT broker listener") {
        "security.protocol: this port does not speak TLS"
    } else if says("certificate verify failed") {
        "ssl.ca.location (the CA that signed the broker's certificate), and that the certificate names the host as given with -b"
    } else if has(SSL) || says("alert bad certificate") || says("certificate required") {
        "ssl.certificate.location and ssl.key.location (the broker may want a client's certificate), and ssl.ca.location"
    } else if has(RESOLVE) || says("Failed to resolve") {
        "the spelling of the host, and this machine's DNS"
    } else if says("Connection refused") {
        "that the broker runs and listens on this address and port"
    } else if plain && (says("APIVERSION") || says("Disconnected")) {
        "security.protocol: the port may want TLS or SASL (ssl, sasl_plaintext, sasl_ssl)"
    } else if !plain && notes.iter().all(|n| n.code == 0 || n.code == ALL_DOWN) {
        "that the port belongs to this security.protocol; for OAUTHBEARER, that a token source is set (sasl.oauthbearer.method, or enable.sasl.oauthbearer.unsecure.jwt)"
    } else {
        "address and port, firewalls that drop packets, a broker that hangs, and security.protocol"
    }
}

#[cfg(test)]
mod tests;
