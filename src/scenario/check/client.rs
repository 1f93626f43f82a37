//! Properties of clients and topics; no secret may stand in a scenario.

use super::super::Properties;
use super::super::text::Findings;
use super::super::wire_values::Properties as Wire;

/// Properties of a producer or consumer.
pub(super) fn producer(findings: &mut Findings<'_>, wire: &Wire) -> Properties {
    for property in &wire.0 {
        if secret(&property.name) {
            findings.hide(property.value_span.clone());
            let message = format!(
                "`{}` is a secret: it can't stand in a scenario",
                property.name
            );
            let problem = findings.error(property.value_span.clone(), message);
            problem.label = "a scenario is for everybody to read".into();
            problem.help = Some(format!(
                "put {}=${{env:NAME}} into a file and give it with -F FILE",
                property.name
            ));
        }
        if ["bootstrap.servers", "metadata.broker.list"].contains(&property.name.as_str()) {
            let span = property.name_span.clone();
            let problem = findings.error(span, "a scenario does not say which cluster it runs on");
            problem.label = "not here".into();
            problem.help = Some("give the cluster on the command line: -b HOST:PORT".into());
        }
    }
    plain(wire)
}

/// Properties as they stand.
pub(super) fn plain(wire: &Wire) -> Properties {
    wire.0
        .iter()
        .map(|p| (p.name.clone(), p.value.clone()))
        .collect()
}

/// Whether a property of this name holds a secret. librdkafka's and Java's names.
fn secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let telling = [
        "password",
        "secret",
        "passphrase",
        "jaas.config",
        "username",
        "private.key",
        ".pem",
    ];
    telling.iter().any(|word| name.contains(word))
        || ["ssl.keystore.key", "sasl.oauthbearer.config"].contains(&name.as_str())
}
