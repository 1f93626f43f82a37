//! Client properties: where they come from, which wins, and what a client is given in the end.
//!
//! Layers, the later wins: built-in defaults, the scenario's `[client]`, the flow's or group's `client`, the files of `-F`, the
//! flags of `-X`. Every property remembers where it was given, so that an error can name the place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::errors::{KafkaError, PropertyError};
use super::handle::{Conf, NotSet};
use super::properties::{self, For};

/// Where a property was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By highwater.
    Default,
    /// In a table of the scenario, named as it stands there: `[client]`.
    Scenario(String),
    /// In a file given with `-F`.
    File {
        /// The file as typed.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// With `-X`.
    Flag,
    /// With `-b`, or the environment variable that stands for it.
    Bootstrap,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("built-in default"),
            Origin::Scenario(table) => f.write_str(table),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Flag => f.write_str("-X"),
            Origin::Bootstrap => f.write_str("-b"),
        }
    }
}

/// One property.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name, as typed.
    pub name: String,
    /// Its value, references resolved.
    pub value: String,
    /// Where it was given.
    pub origin: Origin,
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={} ({})", self.name, self.shown(), self.origin)
    }
}

impl Property {
    /// The value as anyone may read it.
    fn shown(&self) -> &str {
        shown(&self.name, &self.value)
    }

    fn wrong(&self, text: impl Into<String>) -> PropertyError {
        PropertyError {
            origin: self.origin.clone(),
            text: text.into(),
        }
    }

    /// librdkafka's words about a value it does not take, with what was typed and never a secret.
    fn wrong_value(&self, words: &str) -> PropertyError {
        let (name, shown) = (&self.name, self.shown());
        let words = if properties::is_secret(name) && !self.value.is_empty() {
            words.replace(&self.value, "***")
        } else {
            words.to_owned()
        };
        let hint = match properties::value_hint(name, &self.value) {
            Some(hint) => format!(" ({hint})"),
            None => String::new(),
        };
        self.wrong(format!("{name}={shown}: {words}{hint}"))
    }

    /// What is wrong with it by itself, whichever client it is for.
    fn check(&self) -> Result<(), PropertyError> {
        let name = &self.name;
        if properties::find(name).is_none() {
            if let Some(instead) = properties::instead_of_java(name) {
                return Err(self.wrong(format!("{name} is a name of Java's: {instead}")));
            }
            let meant = match properties::nearest(name) {
                Some(known) => format!("did you mean {known}?"),
                None => "see CONFIGURATION.md of librdkafka for their names".into(),
            };
            return Err(self.wrong(format!("unknown client property {name}: {meant}")));
        }
        if let Some(why) = properties::refused(name, &self.value) {
            return Err(self.wrong(format!("{name}={}: {why}", self.shown())));
        }
        match Conf::new().set(name, &self.value) {
            Ok(()) => Ok(()),
            Err(NotSet::Unknown) => Err(self.wrong_value("not known to this librdkafka")),
            Err(NotSet::Wrong(words)) => Err(self.wrong_value(&words)),
        }
    }
}

/// `HOST`, `HOST:PORT` or `[V6]:PORT`, with or without `PROTOCOL://`, as librdkafka reads them.
fn is_address_of_broker(entry: &str) -> bool {
    let entry = entry.trim();
    let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (entry, None),
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    !host.is_empty() && port
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if properties::is_private(name) {
        "***"
    } else {
        value
    }
}

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
                    if in_clear && properties::is_secret(&property.name) {
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
        let is_address = |p: &Property| properties::canonical(&p.name) == "metadata.broker.list";
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
            let why = match properties::canonical(&p.name) {
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
        self.given.retain(|p| !properties::is_connection(&p.name));
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
            let fits = properties::find(&given.name).map(|known| known.clients);
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
    if properties::is_secret(name) {
        return Err(property.wrong(format!(
            "{name} is a secret, which a scenario may not hold: put {name}=${{env:NAME}} into a file and give it with -F"
        )));
    }
    if properties::is_connection(name) {
        return Err(property.wrong(format!(
            "{name} says how the cluster is reached, which is no part of a scenario: use -b, -F or -X"
        )));
    }
    if matches!(properties::canonical(name), "group.id" | "partitioner") {
        return Err(property.wrong(format!("{name} is highwater's to choose: remove it")));
    }
    property.check()?;
    match (role, properties::find(name).map(|known| known.clients)) {
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
    fn put(&mut self, property: Property) {
        let name = properties::canonical(&property.name);
        self.properties
            .retain(|p| properties::canonical(&p.name) != name);
        self.properties.push(property);
    }

    fn find(&self, name: &str) -> Option<&Property> {
        let name = properties::canonical(name);
        self.properties
            .iter()
            .find(|p| properties::canonical(&p.name) == name)
    }

    /// The value of a property under any of its names; `None` when librdkafka's default holds.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|p| p.value.as_str())
    }

    /// All properties with secrets struck out, for reports.
    pub fn redacted(&self) -> BTreeMap<String, String> {
        self.properties
            .iter()
            .map(|p| (p.name.clone(), p.shown().to_owned()))
            .collect()
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
        let mut words = words.to_owned();
        for p in &self.properties {
            if properties::is_secret(&p.name) && !p.value.is_empty() {
                words = words.replace(&p.value, "***");
            }
        }
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

/// Reads the properties of a file: `key=value` lines, `#` or `!` before comments, as kcat and Kafka's tools take them.
fn read_file(path: &Path, given: &mut Vec<Property>, errors: &mut Vec<PropertyError>) {
    let origin = |line: usize| Origin::File {
        path: path.to_owned(),
        line,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let text = format!("cannot read this file of client properties: {error}");
            return errors.push(PropertyError {
                origin: origin(1),
                text,
            });
        }
    };
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        match parse(line, origin(at + 1)) {
            Ok((property, _)) => given.push(property),
            Err(error) => errors.push(error),
        }
    }
}

/// Parses `key=value`. The second part of the answer: no reference stood in the value.
fn parse(text: &str, origin: Origin) -> Result<(Property, bool), PropertyError> {
    let Some((name, typed)) = text.split_once('=') else {
        // The text may be a secret's continuation line, so only its beginning is repeated.
        let start: String = text.chars().take(12).collect();
        let text = format!("expected key=value, found \"{start}...\" without an =");
        return Err(PropertyError { origin, text });
    };
    let (name, typed) = (name.trim(), typed.trim());
    if name.is_empty() {
        let text = "expected key=value, found no key before the =".to_owned();
        return Err(PropertyError { origin, text });
    }
    let value = resolve(typed).map_err(|text| PropertyError {
        origin: origin.clone(),
        text: format!("{name}: {text}"),
    })?;
    // kcat's way to mark properties of topics, which librdkafka needs no longer.
    let name = match name.strip_prefix("topic.") {
        Some(rest) if properties::find(name).is_none() && properties::find(rest).is_some() => rest,
        _ => name,
    };
    let in_clear = value == typed;
    let property = Property {
        name: name.to_owned(),
        value,
        origin,
    };
    Ok((property, in_clear))
}

/// Replaces every `${env:NAME}` and `${file:PATH}`. The end of a file's last line is not part of its value.
fn resolve(typed: &str) -> Result<String, String> {
    let mut value = String::new();
    let mut rest = typed;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        value.push_str(before);
        let Some(end) = reference.find('}') else {
            return Err("${ without a }".into());
        };
        let inner = &reference[2..end];
        match inner.split_once(':') {
            Some(("env", name)) => value.push_str(&std::env::var(name).map_err(|_| {
                format!("the environment variable {name} of ${{env:{name}}} is not set")
            })?),
            Some(("file", path)) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {path} of ${{file:{path}}}: {error}"))?;
                value.push_str(text.trim_end_matches(['\n', '\r']));
            }
            _ => {
                return Err(format!(
                    "${{{inner}}} is neither ${{env:NAME}} nor ${{file:PATH}}"
                ));
            }
        }
        rest = &reference[end + 1..];
    }
    value.push_str(rest);
    Ok(value)
}

#[cfg(test)]
mod tests;
