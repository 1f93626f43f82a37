//! What one event costs: rendered, stamped and keyed; and its parts.

#![allow(missing_docs, reason = "a bench has no readers but its output")]

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use highwater::rng::{Purpose, stream};
use highwater::scenario::{Event, Skew, StampPlace, TemplateText, Value};
use highwater::schedule::{Identity, Origin};
use highwater::traffic::{Pool, Renderer, Traffic, partition, stamp};

mod shop;
use shop::{ORDER, event, shop, template};

const RUN: u64 = 7;
const EVENTS: u32 = 1000;

fn main() {
    divan::main();
}

fn identity(round: u32, ordinal: u32) -> Identity {
    Identity {
        flow: 0,
        shard: (ordinal % 256) as u16,
        bin: round,
        ordinal: ordinal / 256,
    }
}

/// Renders [`EVENTS`] of an event over and over; the time printed is theirs together, so its microseconds are
/// nanoseconds of one.
fn render(bencher: Bencher, events: Vec<Event>) {
    let kinds = events.len() as u32;
    let traffic = Traffic::compile(&shop(events), RUN).unwrap();
    let mut renderer = Renderer::new(Arc::new(traffic));
    let mut buffer = Vec::with_capacity(16 << 20);
    let mut round = 0;
    let mut bytes = 0;
    for ordinal in 0..EVENTS {
        bytes += renderer
            .render(
                (ordinal % kinds) as u16,
                identity(0, ordinal),
                0,
                &Origin::Alone,
                &mut buffer,
            )
            .value
            .map_or(0, |value| value.len());
    }
    bencher
        .counter(ItemsCount::new(EVENTS))
        .counter(BytesCount::new(bytes))
        .bench_local(|| {
            buffer.clear();
            round += 1;
            for ordinal in 0..EVENTS {
                let due_ns = u64::from(round) * 100_000_000 + u64::from(ordinal) * 10_000;
                black_box(renderer.render(
                    (ordinal % kinds) as u16,
                    identity(round, ordinal),
                    due_ns,
                    &Origin::Alone,
                    &mut buffer,
                ));
            }
        });
}

/// 512 bytes on average, with everything a template can have.
#[divan::bench]
fn order(bencher: Bencher) {
    let mut renderer = Renderer::new(Arc::new(
        Traffic::compile(&shop(vec![event("order", template(ORDER))]), RUN).unwrap(),
    ));
    let mean = renderer.mean_bytes(0);
    assert!((500.0..540.0).contains(&mean), "{mean} bytes");
    render(bencher, vec![event("order", template(ORDER))]);
}

#[divan::bench]
fn order_without_stamp(bencher: Bencher) {
    let mut order = event("order", template(ORDER));
    order.stamp = StampPlace::None;
    render(bencher, vec![order]);
}

#[divan::bench]
fn order_stamp_in_header(bencher: Bencher) {
    let mut order = event("order", template(ORDER));
    order.stamp = StampPlace::Header;
    order.headers = vec![(
        "source".to_owned(),
        TemplateText {
            name: "h".to_owned(),
            text: "shop-{{merchant}}".to_owned(),
        },
    )];
    render(bencher, vec![order]);
}

/// 512 bytes, of which most are filler.
#[divan::bench]
fn padded(bencher: Bencher) {
    let text = r#"{"merchant": {{merchant}}, "product": {{product}}, "pad": "{{pad 414}}"}"#;
    render(bencher, vec![event("padded", template(text))]);
}

#[divan::bench]
fn page_view(bencher: Bencher) {
    let text = r#"{"at": "{{now}}", "merchant": {{merchant}}, "product": {{product}}, "customer": {{customer}}, "device": "{{choice mobile 65 desktop 32}}"}"#;
    render(bencher, vec![event("page_view", template(text))]);
}

#[divan::bench(args = [1.0, 3.0])]
fn bytes(bencher: Bencher, compressible: f64) {
    let value = Value::Bytes {
        size: 512,
        compressible,
    };
    render(bencher, vec![event("bytes", value)]);
}

#[divan::bench(args = ["uniform", "zipf", "lognormal", "hot"])]
fn pick(bencher: Bencher, skew: &str) {
    let skew = match skew {
        "zipf" => Skew::Zipf(0.99),
        "lognormal" => Skew::LogNormal(1.9),
        "hot" => Skew::Hot {
            share: 0.8,
            of: 0.2,
        },
        _ => Skew::Uniform,
    };
    let pool = Pool::new(5_000_000, skew);
    let mut rng = stream(1, Purpose::Test, 0, 0);
    bencher.counter(ItemsCount::new(1000u32)).bench_local(|| {
        for _ in 0..1000 {
            black_box(pool.pick(&mut rng));
        }
    });
}

#[divan::bench]
fn check_stamp(bencher: Bencher) {
    let traffic = Traffic::compile(&shop(vec![event("order", template(ORDER))]), RUN).unwrap();
    let mut buffer = Vec::new();
    let rendered =
        Renderer::new(Arc::new(traffic)).render(0, identity(1, 1), 5, &Origin::Alone, &mut buffer);
    let key = &buffer[rendered.key.unwrap()];
    let value = &buffer[rendered.value.unwrap()];
    bencher.bench_local(|| stamp::check(RUN, Some(black_box(key)), Some(black_box(value)), None));
}

#[divan::bench]
fn partition_of_key(bencher: Bencher) {
    bencher.bench_local(|| partition::of_key(black_box(b"1234567"), black_box(12)));
}
