//! Client properties: where they come from, which wins, and what a client is given in the end.
//!
//! Layers, the later wins: built-in defaults, the scenario's `[client]`, the flow's or group's `client`, the files of `-F`, the
//! flags of `-X`. Every property remembers where it was given, so that an error can name the place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::errors::{KafkaError, PropertyError};
use super::handle::{Conf, NotSet};
use super::mask::{MASKED, Mask};
use super::names::{self, For};
use super::property::{Origin, Property, is_address_of_broker, parse, read_file};

/// The properties given on the command line: what all clients of a run share.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    bootstrap: Option<String>,
    given: Vec<Property>,
    embedded: bool,
    /// What the user should know, each a sentence.
    pub warnings: Vec<String>,
}

impl ClientOptions {
    /// Reads `-b`, the files of `-F` in order, and the `key=value` texts of `-X`, and checks each property.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn read(
        bootstrap: Option<&str>,
        files: &[PathBuf],
        flags: &[String],
    ) -> Result<ClientOptions, KafkaError> {
        let mut errors = Vec::new();
        let mut given = Vec::new();
        for path in files {
            read_file(path, &mut given, &mut errors);
        }
        let mut warnings = Vec::new();
        for flag in flags {
            match parse(flag, Origin::Flag) {
                Ok((property, in_clear)) => {
                    if in_clear && names::is_secret(&property.name) {
                        let name = &property.name;
                        warnings.push(format!(
                            "-X {name}=...: others on this machine can read it in the list of processes; \
                             a file with {name}=${{env:NAME}}, given with -F, keeps it to yourself"
                        ));
                    }
                    given.push(property);
                }
                Err(error) => errors.push(error),
            }
        }
        errors.extend(given.iter().filter_map(|p| p.check().err()));
        if !errors.is_empty() {
            return Err(KafkaError::Properties(errors));
        }
        let mut options = ClientOptions {
            bootstrap: None,
            given,
            embedded: false,
            warnings,
        };
        options.settle_bootstrap(bootstrap)?;
        options.warn_of_idle();
        Ok(options)
    }

    /// `-b` wins over what the files and flags say of the cluster's address.
    fn settle_bootstrap(&mut self, typed: Option<&str>) -> Result<(), KafkaError> {
        let is_address = |p: &Property| names::canonical(&p.name) == "metadata.broker.list";
        let named = self.given.iter().rev().find(|p| is_address(p)).cloned();
        self.given.retain(|p| !is_address(p));
        let chosen = match (typed, named) {
            (Some(typed), named) => {
                if let Some(named) = named.filter(|named| named.value != typed) {
                    self.warnings.push(format!(
                        "the cluster is {typed}, as -b (or HIGHWATER_BOOTSTRAP) says, not {} of {}",
                        named.value, named.origin
                    ));
                }
                Some((typed.to_owned(), Origin::Bootstrap))
            }
            (None, named) => named.map(|property| (property.value, property.origin)),
        };
        if let Some((bootstrap, origin)) = chosen {
            if let Some(entry) = bootstrap
                .split(',')
                .find(|entry| !is_address_of_broker(entry))
            {
                let entry = match entry.rsplit_once('@') {
                    Some((_, host)) => format!("{MASKED}@{host}"),
                    None => entry.to_owned(),
                };
                let text = format!("{entry:?} is no broker's address: expected HOST:PORT,...");
                return Err(KafkaError::Properties(vec![PropertyError { origin, text }]));
            }
            self.bootstrap = Some(bootstrap);
        }
        Ok(())
    }

    /// Properties that have no effect here are no error: files are shared with other tools.
    fn warn_of_idle(&mut self) {
        let mut warnings = Vec::new();
        self.given.retain(|p| {
            let why = match names::canonical(&p.name) {
                "group.id" => "every run has groups of its own",
                "partitioner" => "highwater chooses partitions itself, as the Java clients do",
                _ => return true,
            };
            warnings.push(format!("{}: {} is left out: {why}", p.origin, p.name));
            false
        });
        self.warnings.append(&mut warnings);
    }

    /// The cluster's address, if any was given: `host:port,...`.
    pub fn bootstrap(&self) -> Option<&str> {
        self.bootstrap.as_deref()
    }

    /// Points all clients to the embedded cluster, which listens at `bootstrap` without encryption or users.
    pub fn use_embedded(&mut self, bootstrap: &str) {
        let before = self.given.len();
        self.given.retain(|p| !names::is_connection(&p.name));
        if self.given.len() < before {
            let text = "the embedded cluster takes no security, SASL or TLS properties: left out";
            self.warnings.push(text.into());
        }
        self.bootstrap = Some(bootstrap.to_owned());
        self.embedded = true;
    }

    /// What a producer is given. `clients`: how many producers the whole run has, which share its memory; `tables`: the scenario's
    /// properties, each with the name of its table, the weaker first.
    ///
    /// # Errors
    /// All that is wrong with the scenario's properties.
    pub fn producer(
        &self,
        clients: u32,
        tables: &[(&str, &[(String, String)])],
    ) -> Result<Settings, KafkaError> {
        let mut settings = self.settings(For::Producer, &producer_defaults(clients), tables)?;
        settings.settle_idempotence();
        Ok(settings)
    }

    /// What a member of the consumer group `group` is given.
    ///
    /// # Errors
    /// All that is wrong with the scenario's properties.
    pub fn consumer(
        &self,
        group: &str,
        tables: &[(&str, &[(String, String)])],
    ) -> Result<Settings, KafkaError> {
        let mut defaults = consumer_defaults(self.embedded);
        defaults.push(("group.id", group.to_owned()));
        let mut settings = self.settings(For::Consumer, &defaults, tables)?;
        if settings.get("group.protocol") == Some("consumer") {
            // The broker decides these in the new protocol, and librdkafka refuses to be told.
            let theirs = ["session.timeout.ms", "heartbeat.interval.ms"];
            settings
                .properties
                .retain(|p| p.origin != Origin::Default || !theirs.contains(&p.name.as_str()));
        }
        Ok(settings)
    }

    /// What a client that only administers is given.
    ///
    /// # Errors
    /// None as long as the options were checked.
    pub fn admin(&self) -> Result<Settings, KafkaError> {
        self.settings(For::Both, &[("client.id", "highwater".into())], &[])
    }

    fn settings(
        &self,
        role: For,
        defaults: &[(&str, String)],
        tables: &[(&str, &[(String, String)])],
    ) -> Result<Settings, KafkaError> {
        let property = |name: &str, value: &str, origin: &Origin| Property {
            name: name.to_owned(),
            value: value.to_owned(),
            origin: origin.clone(),
        };
        let mut settings = Settings {
            role,
            properties: Vec::new(),
            warnings: Vec::new(),
        };
        for (name, value) in defaults {
            settings.put(property(name, value, &Origin::Default));
        }
        let mut errors = Vec::new();
        for (table, given) in tables {
            let origin = Origin::Scenario((*table).to_owned());
            for (name, value) in *given {
                let property = property(name, value, &origin);
                match check_of_scenario(&property, role) {
                    Ok(()) => settings.put(property),
                    Err(error) => errors.push(error),
                }
            }
        }
        if !errors.is_empty() {
            return Err(KafkaError::Properties(errors));
        }
        for given in &self.given {
            let fits = names::find(&given.name).map(|known| known.clients);
            if fits == Some(For::Both) || fits == Some(role) {
                settings.put(given.clone());
            }
        }
        if let Some(bootstrap) = &self.bootstrap {
            settings.put(property("bootstrap.servers", bootstrap, &Origin::Bootstrap));
        }
        Ok(settings)
    }
}

/// What a scenario may not say of a client: it is shared, and must hold neither secrets nor addresses.
fn check_of_scenario(property: &Property, role: For) -> Result<(), PropertyError> {
    let name = &property.name;
    if names::is_secret(name) {
        return Err(property.wrong(format!(
            "{name} is a secret, which a scenario may not hold: put {name}=${{env:NAME}} into a file and give it with -F"
        )));
    }
    if names::is_connection(name) {
        return Err(property.wrong(format!(
            "{name} says how the cluster is reached, which is no part of a scenario: use -b, -F or -X"
        )));
    }
    if matches!(names::canonical(name), "group.id" | "partitioner") {
        return Err(property.wrong(format!("{name} is highwater's to choose: remove it")));
    }
    property.check()?;
    if !names::is_harmless(name) {
        return Err(property.wrong(format!(
            "a scenario is for everybody to read and run, and {name} is not: use -F or -X"
        )));
    }
    match (role, names::find(name).map(|known| known.clients)) {
        (For::Producer, Some(For::Consumer)) => Err(property.wrong(format!(
            "{name} is for consumers: put it under client of a [consume.X]"
        ))),
        (For::Consumer, Some(For::Producer)) => Err(property.wrong(format!(
            "{name} is for producers: put it under [client] or under client of a [flow.X]"
        ))),
        _ => Ok(()),
    }
}

/// What one client is given.
#[derive(Clone, Debug)]
pub struct Settings {
    role: For,
    /// One for each canonical name.
    properties: Vec<Property>,
    /// What the user should know, each a sentence.
    pub warnings: Vec<String>,
}

impl Settings {
    /// The same with a property of our own, whatever was given of it.
    pub(super) fn with(mut self, name: &str, value: &str) -> Settings {
        self.put(Property {
            name: name.to_owned(),
            value: value.to_owned(),
            origin: Origin::Default,
        });
        self
    }

    fn put(&mut self, property: Property) {
        let name = names::canonical(&property.name);
        self.properties
            .retain(|p| names::canonical(&p.name) != name);
        self.properties.push(property);
    }

    fn find(&self, name: &str) -> Option<&Property> {
        let name = names::canonical(name);
        self.properties
            .iter()
            .find(|p| names::canonical(&p.name) == name)
    }

    /// The value of a property under any of its names; `None` when librdkafka's default holds.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|p| p.value.as_str())
    }

    /// All properties for reports; those that are not known to be harmless with their values masked.
    pub fn redacted(&self) -> BTreeMap<String, String> {
        self.properties
            .iter()
            .map(|p| (p.name.clone(), p.shown().to_owned()))
            .collect()
    }

    /// Hides the values that are not known to be harmless.
    pub(super) fn mask(&self) -> Mask {
        Mask::of(&self.properties)
    }

    /// The configuration for librdkafka.
    ///
    /// # Errors
    /// All properties that librdkafka does not take.
    pub(super) fn conf(&self) -> Result<Conf, KafkaError> {
        let mut conf = Conf::new();
        let mut errors = Vec::new();
        for property in &self.properties {
            match conf.set(&property.name, &property.value) {
                Ok(()) => {}
                Err(NotSet::Unknown) => errors.push(property.wrong_value("no such property")),
                Err(NotSet::Wrong(words)) => errors.push(property.wrong_value(&words)),
            }
        }
        if errors.is_empty() {
            Ok(conf)
        } else {
            Err(KafkaError::Properties(errors))
        }
    }

    /// librdkafka's refusal to create a client of these settings, with the places where the properties it names were given.
    pub(super) fn rejected(&self, words: &str) -> KafkaError {
        let words = self.mask().hide(words.to_owned());
        let named: Vec<&Property> = self
            .properties
            .iter()
            .filter(|p| p.origin != Origin::Default && words.contains(p.name.as_str()))
            .collect();
        let places: Vec<String> = named
            .iter()
            .map(|p| format!("{}={} in {}", p.name, p.shown(), p.origin))
            .collect();
        let remedy = if places.is_empty() {
            "check the properties of -F, -X and the scenario's client tables".to_owned()
        } else {
            format!("given: {}", places.join(", "))
        };
        let kind = match self.role {
            For::Producer => "producer",
            For::Consumer => "consumer",
            For::Both => "client",
        };
        KafkaError::asked(format!("creating a {kind}"), words.trim(), &remedy)
    }

    /// Idempotence is a default of ours: who asks for something it excludes gets that, and is told.
    fn settle_idempotence(&mut self) {
        let ours = |p: &Property| p.origin == Origin::Default;
        if !self.find("enable.idempotence").is_some_and(ours) {
            return;
        }
        let excludes = |name: &str, value: &str| match name {
            "acks" => !matches!(value, "all" | "-1"),
            "max.in.flight" => value.parse::<u32>().is_ok_and(|n| n > 5),
            "retries" => value == "0",
            "queuing.strategy" => value == "lifo",
            "queue.buffering.backpressure.threshold" => value != "1",
            _ => false,
        };
        let names = [
            "acks",
            "max.in.flight",
            "retries",
            "queuing.strategy",
            "queue.buffering.backpressure.threshold",
        ];
        let culprit = names.into_iter().find_map(|name| {
            let given = self.find(name)?;
            excludes(name, &given.value)
                .then(|| format!("{}={} ({})", given.name, given.value, given.origin))
        });
        if let Some(culprit) = culprit {
            self.warnings.push(format!(
                "the producer is not idempotent because of {culprit}"
            ));
            self.put(Property {
                name: "enable.idempotence".into(),
                value: "false".into(),
                origin: Origin::Default,
            });
        }
    }
}

/// A benchmark's defaults: durable and exact first, batches large enough to be fair to the cluster, memory bounded.
fn producer_defaults(clients: u32) -> Vec<(&'static str, String)> {
    // What waits or is in flight lies in the client's queue. The whole run gets 200,000 records and 128 MiB, at most half of it a
    // client: at 100,000 records a second and 512 B that is a second of a standing cluster, and with librdkafka's 200 B or so a
    // record some 110 MB. What does not fit stays due in the schedule, where it costs nothing.
    let clients = clients.max(1);
    let messages = (200_000 / clients).clamp(10_000, 100_000);
    let kbytes = (131_072 / clients).clamp(8_192, 65_536);
    // batch.num.messages stays at librdkafka's 10,000: with 128 KiB to a batch it binds only below 13 B a record, less than our
    // stamp, and librdkafka reserves space for as many in every request.
    [
        ("client.id", "highwater".to_owned()),
        ("acks", "all".to_owned()),
        ("enable.idempotence", "true".to_owned()),
        ("linger.ms", "5".to_owned()),
        ("batch.size", "131072".to_owned()),
        ("queue.buffering.max.messages", messages.to_string()),
        ("queue.buffering.max.kbytes", kbytes.to_string()),
        ("statistics.interval.ms", "1000".to_owned()),
    ]
    .into()
}

fn consumer_defaults(embedded: bool) -> Vec<(&'static str, String)> {
    let mut defaults = vec![
        ("client.id", "highwater".to_owned()),
        // librdkafka's 64 MiB and 1 s: a member that cannot keep up would hold much memory, then stall for a second at a time.
        ("queued.max.messages.kbytes", "16384".to_owned()),
        ("fetch.queue.backoff.ms", "10".to_owned()),
        // The broker's answer is believed only when its checksum holds.
        ("check.crcs", "true".to_owned()),
        ("enable.auto.commit", "true".to_owned()),
        // A member starts where highwater tells it to. When retention has passed that point it reads on from what is left,
        // and the gap is counted as expired.
        ("auto.offset.reset", "earliest".to_owned()),
    ];
    if embedded {
        // The embedded cluster answers an empty fetch only after all of this time, whatever comes in meanwhile.
        defaults.push(("fetch.wait.max.ms", "10".to_owned()));
        // When a member comes or goes it waits a second less than the session for the others, whether they are there or not.
        defaults.push(("session.timeout.ms", "3000".to_owned()));
        defaults.push(("heartbeat.interval.ms", "200".to_owned()));
    }
    defaults
}

#[cfg(test)]
mod tests;
