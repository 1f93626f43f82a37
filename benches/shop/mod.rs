//! A shop's events as a scenario: what benches and tests of rendering share.

use std::time::Duration;

use highwater::scenario::{
    Abort, Arrivals, Defects, Event, FakeKind, Field, FieldKind, Flow, Key, KeyPart, Pool,
    Scenario, Skew, StampPlace, TemplateText, Time, Topic, Value,
};

/// An order of 512 bytes on average: ids and names of skewed pools, an instant, a uuid, numbers, lines, filler.
pub const ORDER: &str = r#"{
  "order": "{{uuid}}", "at": "{{now}}",
  "merchant": { "id": {{merchant}}, "name": "{{merchant.name}}", "country": "{{merchant.country}}" },
  "customer": { "id": {{customer}}, "email": "{{customer.email}}", "city": "{{customer.city}}" },
  "lines": [ {{#lines 1.8}} { "sku": {{product}}, "title": "{{product.title}}", "price": {{product.price}}, "qty": {{int 1 5}} } {{/lines}} ],
  "device": "{{choice mobile 65 desktop 32 tablet 3}}", "currency": "{{choice USD 70 EUR 20 GBP 10}}", "total": {{decimal 5 250}},
  "note": "{{pad 32}}"
}"#;

fn pool(name: &str, count: u64, skew: Skew, fields: &[(&str, FieldKind)]) -> Pool {
    let field = |(name, kind): &(&str, FieldKind)| Field {
        name: (*name).to_owned(),
        kind: kind.clone(),
    };
    Pool {
        of: None,
        flash: None,
        name: name.to_owned(),
        count,
        skew,
        fields: fields.iter().map(field).collect(),
    }
}

/// An event of this template keyed by merchant.
pub fn event(name: &str, value: Value) -> Event {
    Event {
        name: name.to_owned(),
        topic: 0,
        key: Key {
            parts: vec![KeyPart::Pool(0)],
        },
        defects: Defects::default(),
        value,
        headers: Vec::new(),
        stamp: StampPlace::Payload,
    }
}

/// The value of a template.
pub fn template(text: &str) -> Value {
    Value::Template(TemplateText {
        name: "bench.json".to_owned(),
        text: text.to_owned(),
    })
}

/// A shop that sends these events, equally often, in one flow.
pub fn shop(events: Vec<Event>) -> Scenario {
    let weight = 1.0 / events.len() as f64;
    let fake = FieldKind::Fake;
    let pools = vec![
        pool(
            "merchant",
            10_000,
            Skew::LogNormal(2.5),
            &[
                ("name", fake(FakeKind::Company)),
                ("country", fake(FakeKind::CountryCode)),
            ],
        ),
        pool(
            "product",
            1_800_000,
            Skew::LogNormal(1.9),
            &[
                ("title", fake(FakeKind::Product)),
                ("price", FieldKind::Decimal(5.0, 250.0)),
            ],
        ),
        pool(
            "customer",
            5_000_000,
            Skew::Zipf(0.8),
            &[
                ("email", fake(FakeKind::Email)),
                ("city", fake(FakeKind::City)),
            ],
        ),
    ];
    Scenario {
        name: "shop".to_owned(),
        why: String::new(),
        seed: 42,
        folder: None,
        effective: String::new(),
        time: Time {
            starts: "2026-11-30T00:00:00-05:00[-05:00]".parse().unwrap(),
            span: Duration::from_secs(86_400),
            play: (Duration::ZERO, Duration::from_secs(86_400)),
            compress: 144.0,
            warmup: Duration::ZERO,
            history: Duration::ZERO,
            settle: Duration::ZERO,
            catch_up: Duration::ZERO,
        },
        shards: 256,
        scale: 1.0,
        pools,
        topics: vec![Topic {
            key: "orders".to_owned(),
            name: "orders".to_owned(),
            partitions: 12,
            replication: None,
            config: Vec::new(),
        }],
        journeys: Vec::new(),
        flows: vec![Flow {
            name: "shoppers".to_owned(),
            mix: (0..events.len()).map(|event| (event, weight)).collect(),
            arrivals: Arrivals::Poisson,
            height: None,
            shape: Vec::new(),
            spikes: Vec::new(),
            journey: None,
            defects: Defects::default(),
            producers: 1,
            client: Vec::new(),
        }],
        events,
        client: Vec::new(),
        consumers: Vec::new(),
        actions: vec![],
        watched: vec![],
        slos: Vec::new(),
        abort: Abort::default(),
    }
}
