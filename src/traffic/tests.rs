//! Whole events: bytes, errors, and that nothing panics.

mod defects;
mod origins;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::stamp::{Checked, check};
use super::*;
use crate::scenario::{
    Abort, Arrivals, Defects, Event, FakeKind, Field, FieldKind, Flow, Key, KeyPart,
    Pool as PoolSpec, Scenario, Skew, StampPlace, TemplateText, Time, Topic, Value,
};
use crate::schedule::{Identity, Origin};

const RUN: u64 = 77;

const ORDER: &str = r#"{
  "order": "{{uuid}}",
  "at": "{{now}}", "at_ms": {{now_ms}},
  "merchant": { "id": {{merchant}}, "name": "{{merchant.name}}" },
  "customer": "{{customer.email}}",
  "lines": [ {{#lines 2.87}} { "sku": {{product}}, "title": "{{product.title}}", "qty": {{int 1 5}}, "price": {{decimal 5 250}} } {{/lines}} ],
  "device": "{{choice mobile 65 desktop 32 "smart tv" 3}}",
  "note": "{{pad 60}}"
}"#;

fn field(name: &str, kind: FieldKind) -> Field {
    Field {
        name: name.into(),
        kind,
    }
}

fn pool(name: &str, count: u64, skew: Skew, fields: Vec<Field>) -> PoolSpec {
    PoolSpec {
        of: None,
        flash: None,
        name: name.into(),
        count,
        skew,
        fields,
    }
}

fn event(name: &str, key: &[usize], value: Value) -> Event {
    Event {
        defects: Defects::default(),
        name: name.into(),
        topic: 0,
        key: Key {
            parts: key.iter().map(|&pool| KeyPart::Pool(pool)).collect(),
        },
        value,
        headers: Vec::new(),
        stamp: StampPlace::Payload,
    }
}

fn template(text: &str) -> Value {
    Value::Template(TemplateText {
        name: "events/test.json".into(),
        text: text.into(),
    })
}

fn scenario(events: Vec<Event>) -> Scenario {
    let weight = 1.0 / events.len() as f64;
    Scenario {
        name: "test".into(),
        why: String::new(),
        seed: 42,
        folder: None,
        effective: String::new(),
        time: Time {
            starts: "2026-11-30T00:00:00-05:00[-05:00]".parse().unwrap(),
            span: Duration::from_secs(86_400),
            play: (Duration::from_secs(43_200), Duration::from_secs(86_400)),
            compress: 144.0,
            warmup: Duration::ZERO,
            history: Duration::ZERO,
            settle: Duration::ZERO,
            catch_up: Duration::ZERO,
        },
        shards: 256,
        scale: 1.0,
        pools: vec![
            pool(
                "merchant",
                10_000,
                Skew::LogNormal(2.5),
                vec![field("name", FieldKind::Fake(FakeKind::Company))],
            ),
            pool(
                "product",
                1_800_000,
                Skew::LogNormal(1.9),
                vec![
                    field("title", FieldKind::Fake(FakeKind::Product)),
                    field("odd", FieldKind::Choice(vec![("a\"b\\c\n".into(), 1.0)])),
                ],
            ),
            pool(
                "customer",
                5_000_000,
                Skew::Zipf(0.8),
                vec![field("email", FieldKind::Fake(FakeKind::Email))],
            ),
        ],
        topics: vec![Topic {
            key: "orders".into(),
            name: "orders".into(),
            partitions: 12,
            replication: None,
            config: Vec::new(),
        }],
        journeys: Vec::new(),
        flows: vec![Flow {
            name: "flow".into(),
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

fn compiled(scenario: &Scenario) -> Renderer {
    Renderer::new(Arc::new(
        Traffic::compile(scenario, RUN).unwrap_or_else(|error| panic!("{error}")),
    ))
}

fn id(ordinal: u32) -> Identity {
    Identity {
        flow: 0,
        shard: (ordinal % 256) as u16,
        bin: ordinal / 1000,
        ordinal,
    }
}

fn due(id: Identity) -> u64 {
    u64::from(id.bin) * 100_000_000 + u64::from(id.ordinal) * 1000
}

/// Renders the first event by itself; its key, value and the rest.
fn render(renderer: &mut Renderer, ordinal: u32) -> (Rendered, Vec<u8>) {
    render_of(renderer, 0, ordinal, &Origin::Alone)
}

/// Renders an event of this number and origin by itself.
fn render_of(
    renderer: &mut Renderer,
    event: u16,
    ordinal: u32,
    origin: &Origin,
) -> (Rendered, Vec<u8>) {
    let mut buffer = b"what was there before".to_vec();
    let id = id(ordinal);
    let rendered = renderer.render(event, id, due(id), origin, &mut buffer);
    (rendered, buffer)
}

fn value(renderer: &mut Renderer, ordinal: u32) -> Json {
    let (rendered, buffer) = render(renderer, ordinal);
    serde_json::from_slice(&buffer[rendered.value.unwrap()]).unwrap()
}

fn problems(event: Event) -> Vec<Problem> {
    match Traffic::compile(&scenario(vec![event]), RUN) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems,
    }
}

/// What is said of a template, each as `line:column message`.
fn said(text: &str) -> Vec<String> {
    problems(event("e", &[], template(text)))
        .into_iter()
        .map(|problem| {
            let place = problem.place.unwrap();
            let nearest = problem.nearest.map_or(String::new(), |n| format!(" [{n}]"));
            format!(
                "{}:{} {}{nearest}",
                place.line, place.column, problem.message
            )
        })
        .collect()
}

#[test]
fn bytes_are_pinned() {
    let mut lines = event(
        "lines",
        &[],
        Value::Lines {
            name: "s".into(),
            lines: vec!["{\"n\": 1}".into(), "{\"n\": 2}".into()],
        },
    );
    lines.headers = vec![(
        "source".into(),
        TemplateText {
            name: "headers".into(),
            text: "app {{customer}}".into(),
        },
    )];
    lines.stamp = StampPlace::Header;
    let scenario = scenario(vec![event("order", &[0, 2], template(ORDER)), lines]);
    let mut renderer = compiled(&scenario);
    let shown: Vec<String> = (0..5)
        .map(|ordinal| {
            let event = u16::from(ordinal < 3);
            let (rendered, buffer) = render_of(&mut renderer, event, ordinal, &Origin::Alone);
            let bytes = &buffer
                [rendered.value.clone().unwrap().start - rendered.key.map_or(0, |key| key.len())..];
            format!("{} {}", rendered.partition, bytes.escape_ascii())
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn plain_bytes_are_pinned() {
    let bytes = event(
        "b",
        &[],
        Value::Bytes {
            size: 100,
            compressible: 8.0,
        },
    );
    let (rendered, buffer) = render(&mut compiled(&scenario(vec![bytes])), 1);
    assert_eq!(rendered.value.clone().unwrap().len(), 100);
    insta::assert_snapshot!(buffer[rendered.value.unwrap()].escape_ascii().to_string());
}

#[test]
fn same_identity_same_bytes_whatever_came_before() {
    let events = vec![
        event("order", &[0], template(ORDER)),
        event("small", &[], template("{\"p\": {{product}}}")),
    ];
    let scenario = scenario(events);
    let mut forward = compiled(&scenario);
    let there: Vec<_> = (0..3000).map(|n| render(&mut forward, n)).collect();
    let mut backward = compiled(&scenario);
    for ordinal in (0..3000).rev() {
        assert_eq!(there[ordinal as usize], render(&mut backward, ordinal));
    }
    assert_ne!(there[1].1, there[2].1);
}

#[test]
fn every_event_is_one_json_object_with_its_stamp_last() {
    let mut renderer = compiled(&scenario(vec![event("order", &[0, 2], template(ORDER))]));
    let mut lines = 0;
    let mut devices: HashMap<String, u32> = HashMap::new();
    for ordinal in 0..5000 {
        let (rendered, buffer) = render(&mut renderer, ordinal);
        let key = &buffer[rendered.key.clone().unwrap()];
        let bytes = &buffer[rendered.value.clone().unwrap()];
        let json: Json = serde_json::from_slice(bytes).unwrap();
        let checked = check(RUN, Some(key), Some(bytes), None);
        let Checked::Ours(stamp) = checked else {
            panic!("{checked:?}");
        };
        assert_eq!((stamp.id, stamp.due_ns), (id(ordinal), due(id(ordinal))));
        // The key tells the same merchant as the value.
        let key = std::str::from_utf8(key).unwrap();
        let merchant = json["merchant"]["id"].as_u64().unwrap();
        assert_eq!(key.split(':').next(), Some(merchant.to_string().as_str()));
        assert_eq!(rendered.partition, partition::of_key(key.as_bytes(), 12));
        let rows = json["lines"].as_array().unwrap();
        lines += rows.len();
        for row in rows {
            assert!((1..=5).contains(&row["qty"].as_i64().unwrap()));
            assert!((5.0..=250.0).contains(&row["price"].as_f64().unwrap()));
        }
        assert_eq!(json["note"].as_str().unwrap().len(), 60);
        let at: jiff::Timestamp = json["at"].as_str().unwrap().parse().unwrap();
        assert_eq!(at.as_millisecond(), json["at_ms"].as_i64().unwrap());
        let device = json["device"].as_str().unwrap().to_owned();
        *devices.entry(device).or_default() += 1;
        assert_eq!(json["order"].as_str().unwrap().len(), 36);
    }
    // Geometric: sd of the mean is sqrt(2.87 · 1.87 / 5000) = 0.033.
    assert!(
        (f64::from(lines as u32) / 5000.0 - 2.87).abs() < 0.165,
        "{lines}"
    );
    // Binomial: 3250 ± 34, 150 ± 12.
    assert!(devices["mobile"].abs_diff(3250) < 170, "{devices:?}");
    assert!(devices["smart tv"].abs_diff(150) < 60, "{devices:?}");
}

#[test]
fn lines_draw_for_themselves() {
    let text = r#"{"p": {{product}}, "q": {{product}}, "l": [{{#lines 5}}[{{product}}, {{product}}, {{uuid}}]{{/lines}}]}"#;
    let text = text.replace("{{uuid}}", "\"{{uuid}}\"");
    let mut renderer = compiled(&scenario(vec![event("e", &[1], template(&text))]));
    let (mut same, mut all) = (0, 0);
    for ordinal in 0..500 {
        let json = value(&mut renderer, ordinal);
        assert_eq!(json["p"], json["q"]);
        for line in json["l"].as_array().unwrap() {
            assert_eq!(line[0], line[1]);
            same += u32::from(line[0] == json["p"]);
            all += 1;
        }
    }
    // Two picks of 1.8 M products are hardly ever the same one.
    assert!(same < 10 && all > 2000, "{same} of {all}");
}

#[test]
fn escaped_within_quotes_and_as_written_outside() {
    let text = r#"{"a": "{{product.odd}}", "b": "{{choice "x\"y" 1}}", "c": {{choice 17 1}}}"#;
    let json = value(
        &mut compiled(&scenario(vec![event("e", &[], template(text))])),
        0,
    );
    assert_eq!(json["a"], "a\"b\\c\n");
    assert_eq!(json["b"], "x\"y");
    assert_eq!(json["c"], 17);
}

#[test]
fn an_empty_object_takes_a_stamp() {
    let mut renderer = compiled(&scenario(vec![event("e", &[], template(" { } "))]));
    let (rendered, buffer) = render(&mut renderer, 3);
    let bytes = &buffer[rendered.value.unwrap()];
    assert!(bytes.starts_with(b"{\"_hw\":\"H"));
    assert!(matches!(
        check(RUN, None, Some(bytes), None),
        Checked::Ours(_)
    ));
}

#[test]
fn every_place_of_a_stamp_is_found() {
    let bytes = || Value::Bytes {
        size: 200,
        compressible: 2.0,
    };
    let lines = || Value::Lines {
        name: "s".into(),
        lines: vec!["{\"n\": 1}".into()],
    };
    for value in [template(ORDER), bytes(), lines()] {
        for place in [StampPlace::Payload, StampPlace::Header, StampPlace::None] {
            for key in [&[][..], &[0, 1]] {
                let mut event = event("e", key, value.clone());
                event.stamp = place;
                let (rendered, buffer) = render(&mut compiled(&scenario(vec![event])), 5);
                let found = headers(&buffer[rendered.headers.clone()])
                    .find(|(name, _)| *name == stamp::HEADER)
                    .map(|(_, raw)| raw);
                assert_eq!(found.is_some(), place == StampPlace::Header);
                let key = rendered.key.clone().map(|key| &buffer[key]);
                let checked = check(
                    RUN,
                    key,
                    Some(&buffer[rendered.value.clone().unwrap()]),
                    found,
                );
                let ours = matches!(checked, Checked::Ours(stamp) if stamp.id == id(5));
                assert_eq!(ours, place != StampPlace::None, "{checked:?}");
                if let Value::Bytes { size, .. } = &value {
                    assert_eq!(rendered.value.clone().unwrap().len(), *size);
                }
            }
        }
    }
}

#[test]
fn stamped_bytes_compress_as_asked() {
    for (size, ratio) in [
        (512, 1.0),
        (512, 3.0),
        (1200, 3.0),
        (1200, 10.0),
        (10_000, 5.0),
    ] {
        let value = Value::Bytes {
            size,
            compressible: ratio,
        };
        let mut renderer = compiled(&scenario(vec![event("e", &[], value)]));
        let mut batch = Vec::new();
        for ordinal in 0..(128 << 10) / size as u32 {
            let (rendered, buffer) = render(&mut renderer, ordinal);
            batch.extend_from_slice(&buffer[rendered.value.unwrap()]);
        }
        let compressed = lz4_flex::block::compress(&batch).len();
        let got = batch.len() as f64 / compressed as f64;
        assert!((got / ratio - 1.0).abs() < 0.2, "{size} {ratio}: {got}");
    }
}

#[test]
fn headers_tell_the_same_entity() {
    let mut order = event("e", &[0], template("{\"m\": {{merchant}}}"));
    order.headers = vec![(
        "shop".into(),
        TemplateText {
            name: "event.e.headers.shop".into(),
            text: "  {{merchant}} \"{{product.odd}}\"".into(),
        },
    )];
    let mut renderer = compiled(&scenario(vec![order]));
    for ordinal in 0..20 {
        let (rendered, buffer) = render(&mut renderer, ordinal);
        let key = std::str::from_utf8(&buffer[rendered.key.unwrap()]).unwrap();
        let got: Vec<_> = headers(&buffer[rendered.headers]).collect();
        let ought = format!("  {key} \"a\"b\\c\n\"");
        assert_eq!(got, [("shop", ought.as_bytes())]);
    }
}

#[test]
fn keyless_records_spread_over_partitions() {
    let mut renderer = compiled(&scenario(vec![event("e", &[], template("{}"))]));
    let mut counts = [0u32; 12];
    for ordinal in 0..12_000 {
        counts[render(&mut renderer, ordinal).0.partition as usize] += 1;
    }
    // Binomial: 1000 ± 30; 5 sd.
    assert!(counts.iter().all(|n| n.abs_diff(1000) < 150), "{counts:?}");
}

#[test]
fn mean_bytes_are_the_mean() {
    let mut renderer = compiled(&scenario(vec![event("order", &[0], template(ORDER))]));
    let mean = renderer.mean_bytes(0);
    let mut sum = 0;
    for ordinal in 0..5000 {
        let (rendered, _) = render(&mut renderer, ordinal);
        sum += rendered.value.clone().unwrap().len() + rendered.key.unwrap().len();
    }
    let got = sum as f64 / 5000.0;
    // A line is some 75 bytes, their number's sd 2.3, so the mean of 500 has an sd of 8 bytes.
    assert!((mean - got).abs() < 40.0, "{mean} {got}");
}

#[test]
fn errors_tell_place_expectation_and_nearest_word() {
    insta::assert_snapshot!(
        Traffic::compile(
            &scenario(vec![
                event("a", &[], template("{\n  \"m\": {{merchnat}},\n  \"n\": \"{{merchant.nam}}\",\n  \"s\": \"{{session}}\"\n}")),
                event("b", &[], template("{\"a\": {{int 5 1}}, \"b\": {{uid}}}")),
            ]),
            RUN
        )
        .err()
        .unwrap()
        .to_string());
}

#[test]
fn thirty_mistakes() {
    let cases = [
        "{\"a\": {{merchant}}",
        "{\"a\": {{product.title}}}",
        "[1]",
        "17",
        "",
        "{\"a\": 1,}",
        "{\"a\": \"b\nc\"}",
        "{\"_hw\": 1}",
        "{\"a\": {{}}}",
        "{\"a\": {{merchant}",
        "{\"a\": \"{{choice \"x 1}}\"}",
        "{\"a\": \"{{choice x}}\"}",
        "{\"a\": \"{{choice x -1}}\"}",
        "{\"a\": \"{{choice x 0}}\"}",
        "{\"a\": \"{{choice}}\"}",
        "{\"a\": {{int 1}}}",
        "{\"a\": {{int 1 b}}}",
        "{\"a\": {{decimal 1 1e20}}}",
        "{\"a\": {{decimal 2 1}}}",
        "{\"a\": \"{{pad}}\"}",
        "{\"a\": \"{{pad -1}}\"}",
        "{\"a\": \"{{pad 99999999}}\"}",
        "{\"a\": {{pad 10}}}",
        "{\"a\": [{{#lines 2}} 1 ]}",
        "{\"a\": [ 1 {{/lines}} ]}",
        "{\"a\": [{{#lines 2}}[{{#lines 2}}1{{/lines}}]{{/lines}}]}",
        "{\"a\": [{{#lines 0.5}} 1 {{/lines}}]}",
        "{\"a\": \"{{#lines 2}} 1 {{/lines}}\"}",
        "{\"a\": {{#lines 2}} 1 {{/lines}}}",
        "{\"a\": \"{{device}} {{batch}}\"}",
        "{\"a\": {{now_ms 1}}, \"b\": {{merchant 3}}, \"c\": {{shop.name}}}",
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|text| {
            let said = said(text);
            assert!(!said.is_empty(), "{text} is taken");
            format!("{}\n    {}", text.replace('\n', "\\n"), said.join("\n    "))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn values_that_cannot_hold_a_stamp() {
    let bytes = Value::Bytes {
        size: 43,
        compressible: 1.0,
    };
    let found = problems(event("e", &[], bytes.clone()));
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .to_string()
            .starts_with("event.e: a value of 43 bytes")
    );
    let mut unstamped = event("e", &[], bytes);
    unstamped.stamp = StampPlace::None;
    assert_eq!(problems(unstamped), []);
    let mut named = event("e", &[], template("{}"));
    named.stamp = StampPlace::Header;
    let text = TemplateText {
        name: "h".into(),
        text: "{{#lines 2}}x{{/lines}}".into(),
    };
    named.headers = vec![(stamp::HEADER.into(), text)];
    assert_eq!(problems(named).len(), 2, "the lines and the name");
}

fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "{", "}", "[", "]", "\"", ":", ",", "\\", " ", "\n", "{{", "}}", "1", "\"a\"", "é",
            "{{merchant}}", "{{merchant.name}}", "{{product.odd}}", "{{uuid}}", "{{now}}", "{{int 1 5}}",
            "{{decimal -1 1}}", "{{choice a 1 b 2}}", "{{choice \"", "{{pad 5}}", "{{#lines 2}}",
            "{{/lines}}", "{{session}}", "{{#lines", "{{int -9223372036854775808 9223372036854775807}}",
            "\"a\":", "{\"a\":", "\"x\":\"{{product.odd}}\"",
        ])
        .prop_map(str::to_owned),
        1 => ".{0,6}",
    ]
}

thread_local! {
    static BASE: Scenario = scenario(vec![event("e", &[0], template("{}"))]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, rng_seed: prop::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    /// Whatever a template is, it compiles and every event is JSON with a good stamp, or every problem can be shown.
    #[test]
    fn templates_never_panic(tokens in prop::collection::vec(token(), 0..12), braced in any::<bool>()) {
        let mut text = tokens.concat();
        if braced {
            text = format!("{{\"k\":\"{text}\"}}");
        }
        let source = TemplateText { name: "t".into(), text };
        let mut scenario = BASE.with(Scenario::clone);
        scenario.pools.truncate(2);
        for pool in &mut scenario.pools {
            pool.count = 50;
        }
        scenario.events[0].value = Value::Template(source);
        match Traffic::compile(&scenario, RUN) {
            Ok(traffic) => {
                let mut renderer = Renderer::new(Arc::new(traffic));
                for ordinal in 0..20 {
                    let (rendered, buffer) = render(&mut renderer, ordinal);
                    let bytes = &buffer[rendered.value.unwrap()];
                    prop_assert!(serde_json::from_slice::<Json>(bytes).is_ok());
                    let key = &buffer[rendered.key.unwrap()];
                    let ours = matches!(check(RUN, Some(key), Some(bytes), None), Checked::Ours(_));
                    prop_assert!(ours);
                }
            }
            Err(error) => prop_assert!(error.to_string().contains('^')),
        }
        // And as a header, which may be any text.
        let Value::Template(source) = std::mem::replace(&mut scenario.events[0].value, template("{}")) else {
            return Ok(());
        };
        scenario.events[0].headers = vec![("h".into(), source)];
        match Traffic::compile(&scenario, RUN) {
            Ok(traffic) => {
                let (rendered, buffer) = render(&mut Renderer::new(Arc::new(traffic)), 1);
                prop_assert_eq!(headers(&buffer[rendered.headers]).count(), 1);
            }
            Err(error) => prop_assert!(error.to_string().contains('^')),
        }
    }
}
