//! Two hashes of a scenario: what is offered (the plan), and what it is offered to (the set-up).
//!
//! Two runs with the same plan hash ran the same load. Every value goes in with its length or as its bits, under the name of
//! its field, so that no two scenarios can flow into the same bytes.

use std::fmt::Debug;

use super::{Properties, Scenario, TemplateText, Value};

/// The version of everything that turns a scenario into bytes: schedule, random streams, rendering, partitioner. Raised with
/// every change that sends other bytes for the same scenario and seed.
pub const GENERATOR_VERSION: u32 = 2;

/// The hash of what is offered: flows, pools, event text, partitions, time, seed, scale, shards and the generator's version.
pub fn plan_hash(scenario: &Scenario) -> String {
    let mut canon = Canon::new("highwater plan");
    canon.number("generator", u64::from(GENERATOR_VERSION));
    canon.number("seed", scenario.seed);
    canon.float("scale", scenario.scale);
    canon.number("shards", u64::from(scenario.shards));
    let time = &scenario.time;
    // The instant and the offset: a clock in another zone shows other times.
    canon.text(
        "starts",
        &time.starts.timestamp().as_nanosecond().to_string(),
    );
    canon.text("offset", &time.starts.offset().seconds().to_string());
    canon.text("zone", time.starts.time_zone().iana_name().unwrap_or(""));
    for (name, length) in [
        ("span", time.span),
        ("play from", time.play.0),
        ("play to", time.play.1),
        ("history", time.history),
        ("warmup", time.warmup),
        ("settle", time.settle),
        ("catch_up", time.catch_up),
    ] {
        canon.debug(name, &length);
    }
    canon.float("compress", time.compress);
    for pool in &scenario.pools {
        canon.text("pool", &pool.name);
        canon.number("count", pool.count);
        canon.debug("of", &pool.of);
        canon.debug("skew", &pool.skew);
        canon.debug("flash", &pool.flash);
        for field in &pool.fields {
            canon.text("field", &field.name);
            canon.debug("kind", &field.kind);
        }
    }
    for topic in &scenario.topics {
        canon.text("topic", &topic.key);
        canon.text("name", &topic.name);
        canon.number("partitions", u64::from(topic.partitions));
    }
    events(&mut canon, scenario);
    for journey in &scenario.journeys {
        canon.debug("journey", journey);
    }
    for flow in &scenario.flows {
        canon.text("flow", &flow.name);
        // What a journey comes to follows from it, and is worked out with rounding.
        match &flow.journey {
            Some(begun) => canon.debug("journey", &(begun.journey, begun.start)),
            None => canon.debug("mix", &flow.mix),
        }
        canon.debug("defects", &flow.defects);
        canon.debug("arrivals", &flow.arrivals);
        canon.debug("height", &flow.height);
        canon.debug("shape", &flow.shape);
        canon.debug("spikes", &flow.spikes);
    }
    canon.finish()
}

fn events(canon: &mut Canon, scenario: &Scenario) {
    for event in &scenario.events {
        canon.text("event", &event.name);
        canon.number("topic", event.topic as u64);
        canon.debug("key", &event.key.parts);
        canon.debug("stamp", &event.stamp);
        canon.debug("defects", &event.defects);
        for (name, TemplateText { text, .. }) in &event.headers {
            canon.text("header", name);
            canon.text("template", text);
        }
        match &event.value {
            Value::Template(TemplateText { text, .. }) => canon.text("template", text),
            Value::Lines { lines, .. } => {
                canon.number("lines", lines.len() as u64);
                for line in lines {
                    canon.text("line", line);
                }
            }
            Value::Bytes { size, compressible } => {
                canon.number("bytes", *size as u64);
                canon.float("compressible", *compressible);
            }
        }
    }
}

/// The hash of what it is offered to and through: clients, topic configuration, replication, consumers, actions; and `extra`, where the
/// caller says what else counts (the brokers).
pub fn setup_hash(scenario: &Scenario, extra: &[String]) -> String {
    let mut canon = Canon::new("highwater setup");
    canon.properties("client", &scenario.client);
    for flow in &scenario.flows {
        canon.text("flow", &flow.name);
        canon.number("producers", u64::from(flow.producers));
        canon.properties("client", &flow.client);
    }
    for topic in &scenario.topics {
        canon.text("topic", &topic.key);
        canon.debug("replication", &topic.replication);
        canon.properties("config", &topic.config);
    }
    for group in &scenario.consumers {
        canon.text("consume", &group.name);
        canon.debug("topics", &group.topics);
        canon.number("members", u64::from(group.members));
        canon.debug("work", &group.work);
        canon.properties("client", &group.client);
    }
    // Added only where there are any, so that set-ups without them keep their hash.
    for action in &scenario.actions {
        canon.debug("action", action);
    }
    for text in extra {
        canon.text("extra", text);
    }
    canon.finish()
}

/// Values in one unambiguous order of bytes.
struct Canon(blake3::Hasher);

impl Canon {
    fn new(what: &str) -> Canon {
        let mut canon = Canon(blake3::Hasher::new());
        canon.bytes(what.as_bytes());
        canon
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.bytes(name.as_bytes());
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, name: &str, number: u64) {
        self.bytes(name.as_bytes());
        self.0.update(&number.to_le_bytes());
    }

    fn float(&mut self, name: &str, number: f64) {
        self.number(name, number.to_bits());
    }

    /// A value of our own plain types, whose `Debug` shows every field; floats print so that they read back the same.
    fn debug(&mut self, name: &str, value: &impl Debug) {
        self.text(name, &format!("{value:?}"));
    }

    /// In the order of names; only the last of a name counts.
    fn properties(&mut self, name: &str, properties: &Properties) {
        let sorted: std::collections::BTreeMap<_, _> = properties.iter().cloned().collect();
        self.number(name, sorted.len() as u64);
        for (name, value) in &sorted {
            self.text(name, value);
        }
    }

    fn finish(self) -> String {
        format!("blake3:{}", self.0.finalize().to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Overrides, Preset, Source, load};
    use super::*;

    fn storefront(set: &[&str]) -> Scenario {
        let source = Source::Preset(Preset::named("storefront").unwrap());
        let overrides = Overrides {
            set: set.iter().map(|&s| s.to_owned()).collect(),
            ..Overrides::default()
        };
        match load(&source, &overrides) {
            Ok(loaded) => loaded.scenario,
            Err(errors) => panic!("{errors}"),
        }
    }

    #[test]
    fn a_changed_word_of_the_load_changes_the_plan() {
        let plan = plan_hash(&storefront(&[]));
        assert!(
            plan.starts_with("blake3:") && plan.len() == 7 + 64,
            "{plan}"
        );
        for set in [
            "seed=7",
            "load.scale=2",
            "load.shards=128",
            "time.compress=1440",
            "time.starts=2026-10-14T00:00:00-04:00",
            "time.warmup=1s",
            "pool.merchant.count=9k",
            "pool.merchant.skew.lognormal=2.4",
            "pool.product.fields.price.decimal=[5, 251]",
            "pool.merchant.fields.name=last_name",
            "topic.orders.partitions=7",
            "event.page_view.key=merchant",
            "event.page_view.stamp=header",
            "event.page_view.headers.source=web",
            "event.page_view.template=events/cart_updated.json",
            "flow.stock.mean=61/s",
            "flow.stock.arrivals=even",
            "flow.shoppers.event.page_view=38.3",
            "flow.shoppers.spikes.0.flash.height=1.5",
            "flow.stock.shape.0.noise.cv=0.31",
        ] {
            assert_ne!(plan_hash(&storefront(&[set])), plan, "{set}");
        }
    }

    /// A file with journeys, and more of the language by `--set`.
    fn peak_day(set: &[&str]) -> Scenario {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = Source::Path(folder.join("tests/fixtures/language/peak-day.toml"));
        let overrides = Overrides {
            set: set.iter().map(|&s| s.to_owned()).collect(),
            ..Overrides::default()
        };
        match load(&source, &overrides) {
            Ok(loaded) => loaded.scenario,
            Err(errors) => panic!("{errors}"),
        }
    }

    #[test]
    fn a_changed_word_of_a_journey_changes_the_plan() {
        let plan = plan_hash(&peak_day(&[]));
        let sets = [
            "time.history=61s",
            "pool.product.of=customer",
            "pool.product.flash={ id = 7, share = 0.5, at = \"12:00\", for = \"10m\" }",
            "event.page_view.key=customer",
            "event.page_view.defects.late={ share = 0.1, by = \"5m\" }",
            "journey.shopper.keeps=[\"merchant\"]",
            "journey.shopper.at_most=501",
            "journey.shopper.state.view.next.add=0.088",
            "journey.shopper.state.view.after.lognormal.sigma=1.3",
            "journey.shopper.state.view.times=2",
            "journey.shopper.state.order.keep_on=product",
            "journey.shopper.state.add.next.order.after=1m",
            "journey.shopper.follow.0.p=0.98",
            "journey.shopper.follow.0.after=2s",
            "journey.shopper.follow.0.after=2s real",
            "flow.shoppers.start=add",
            "flow.shoppers.of=order_placed",
            "flow.shoppers.arrivals={ bursty = { cv = 2 } }",
            "flow.shoppers.arrivals={ batch = { size = 50, within = \"5m\" } }",
            "flow.shoppers.defects.duplicate.share=0.01",
        ];
        let mut plans: Vec<String> = sets
            .iter()
            .map(|set| plan_hash(&peak_day(&[set])))
            .collect();
        plans.push(plan);
        for (at, plan) in plans.iter().enumerate() {
            assert!(!plans[..at].contains(plan), "{:?}", sets.get(at));
        }
        for set in [
            "why=another question",
            "slo.0.below=1s",
            "consume.analytics.work=1ms",
        ] {
            assert_eq!(Some(&plan_hash(&peak_day(&[set]))), plans.last(), "{set}");
        }
    }

    #[test]
    fn what_does_not_change_the_load_leaves_the_plan() {
        let plan = plan_hash(&storefront(&[]));
        for set in [
            "why=another question",
            "name=other",
            "slo.0.below=1s",
            "abort.errors.above=0.5",
            "client.linger.ms=50",
            "consume.analytics.members=5",
            "topic.orders.config.retention.ms=1",
            "topic.orders.replication=3",
        ] {
            // The table of a new `abort` needs both of its words.
            let sets = [set, "abort.errors.above=0.5", "abort.errors.for=10s"];
            assert_eq!(plan_hash(&storefront(&sets)), plan, "{set}");
        }
    }

    #[test]
    fn clients_topics_and_readers_are_the_setup() {
        let setup = |set: &[&str]| setup_hash(&storefront(set), &[]);
        let before = setup(&[]);
        for set in [
            "client.linger.ms=50",
            "consume.analytics.members=5",
            "consume.analytics.work=1ms",
            "topic.orders.config.retention.ms=1",
            "topic.orders.replication=3",
            "flow.stock.client.acks=1",
            "flow.stock.producers=2",
        ] {
            assert_ne!(setup(&[set]), before, "{set}");
        }
        for set in ["seed=7", "slo.0.below=1s", "flow.stock.mean=61/s"] {
            assert_eq!(setup(&[set]), before, "{set}");
        }
        let brokers = ["one".to_owned()];
        assert_ne!(setup_hash(&storefront(&[]), &brokers), before);
    }
}
