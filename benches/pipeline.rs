//! The whole pipeline on the null target: schedule, events, stamps, outbox, records; everything but a client and a network.
//!
//! Prints events per second of processor time, which is what one core can do, and what an event of a journey costs beside the same
//! event of a plain flow. Not a divan bench: the unit is a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use highwater::drive::Phase;
use highwater::drive::control::Control;
use highwater::drive::run::{Job, Observer, producer_thread, run};
use highwater::measure::health::Judge;
use highwater::measure::live::Live;
use highwater::scenario::{Overrides, Scenario, Source, TemplateText, Value, load};
use highwater::schedule::FlowSchedule;
use highwater::target::null::NullTarget;
use highwater::traffic::Traffic;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const RUNS: usize = 5;

/// What an event of a journey may cost beside one of a plain flow.
const MOST: f64 = 1.6;

struct Nobody;

impl Observer for Nobody {
    fn look(&mut self, _: Phase, _: u64, _: &Live) {}
}

fn main() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/ci"));
    let bench = scenario(&Source::Path(folder.join("bench.toml")));
    let (rate, per_core) = median((0..RUNS).map(|_| cost(&bench)).collect());
    println!(
        "null target, median of {RUNS}: {:.2} M events/s, {:.2} M per second of processor time",
        rate / 1e6,
        per_core / 1e6
    );
    // In turn, so that what else the machine does is felt by both.
    let (plain, journeys) = (shoppers(PLAIN), shoppers(JOURNEYS));
    let both = (0..RUNS).map(|_| (cost(&plain), cost(&journeys)));
    let (plain, journeys): (Vec<_>, Vec<_>) = both.unzip();
    let ((_, plain), (rate, journeys)) = (median(plain), median(journeys));
    println!(
        "the same at {:.2} M/s: {:.0} ns of processor time for an event of a plain flow, {:.0} ns for one of a journey: {:.2} times (at most {MOST})",
        rate / 1e6,
        1e9 / plain,
        1e9 / journeys,
        plain / journeys
    );
}

/// Events per second, and per second of processor time.
fn cost(scenario: &Arc<Scenario>) -> (f64, f64) {
    let out = tempfile::tempdir().expect("a folder for the run");
    let traffic = Traffic::compile(scenario, 1).unwrap_or_else(|error| panic!("{error}"));
    let job = Job {
        schedules: vec![Arc::new(FlowSchedule::compile(scenario, 0))],
        traffic: Arc::new(traffic),
        run_tag: 1,
        target: Arc::new(NullTarget),
        readable: false,
        control: Control::default(),
        folder: out.path().to_owned(),
        environment: Vec::new(),
        judge: Judge::new(1_000_000, vec![producer_thread(0, 0)]),
        realtime: false,
        watcher: None,
        ladder: None,
        scenario: Arc::clone(scenario),
    };
    let ran = run(job, &mut Nobody).unwrap_or_else(|error| panic!("{error}"));
    let events = ran.collected.flows[0].all().account().acknowledged as f64;
    let rate = events / (ran.load_ns as f64 / 1e9);
    (rate, rate / ran.collected.health.cpu_cores)
}

/// By what a core can do.
fn median(mut figures: Vec<(f64, f64)>) -> (f64, f64) {
    figures.sort_by(|a, b| a.1.total_cmp(&b.1));
    figures[figures.len() / 2]
}

fn scenario(source: &Source) -> Arc<Scenario> {
    let overrides = Overrides {
        duration: Some(Duration::from_secs(3)),
        ..Overrides::default()
    };
    match load(source, &overrides) {
        Ok(loaded) => Arc::new(loaded.scenario),
        Err(errors) => panic!("{errors}"),
    }
}

/// The events of a shop, by themselves and in journeys, equally many of each.
const PLAIN: &str = r#"event = { page_view = 10.362694, cart_updated = 0.901554, order_placed = 0.270466, payment_authorised = 0.262352 }
mean = "500000/s""#;
const JOURNEYS: &str = r#"journey = "shopper"
mean = "500000/s"
of = "all""#;

fn shoppers(flow: &str) -> Arc<Scenario> {
    let source = Source::Text {
        name: "shoppers.toml".to_owned(),
        text: format!("{SHOP}[flow.shoppers]\n{flow}\n"),
        folder: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios")),
    };
    let mut shop = Arc::unwrap_or_clone(scenario(&source));
    for event in &mut shop.events {
        event.value = Value::Template(TemplateText {
            name: event.name.clone(),
            text: EVENT.to_owned(),
        });
    }
    Arc::new(shop)
}

/// 11.8 events a journey; the day plays 144 times as fast.
const SHOP: &str = r#"
seed = 1
[time]
span = "1h"
compress = 144
history = "10s"
[pool.merchant]
count = "10k"
skew = { lognormal = 2.5 }
fields = { name = "company", country = "country_code" }
[pool.product]
count = "1.8M"
of = "merchant"
skew = { lognormal = 1.9 }
fields = { title = "product", price = { decimal = [5, 250] } }
[pool.customer]
count = "5M"
fields = { email = "email", city = "city" }
[topic.page_views]
partitions = 12
[topic.carts]
partitions = 12
[topic.orders]
partitions = 12
[event.page_view]
topic = "page_views"
key = "customer"
value = { bytes = "400B" }
[event.cart_updated]
topic = "carts"
key = "customer"
value = { bytes = "400B" }
[event.order_placed]
topic = "orders"
key = "merchant"
value = { bytes = "400B" }
[event.payment_authorised]
topic = "orders"
key = "merchant"
value = { bytes = "400B" }
[journey.shopper]
start = "view"
keeps = ["customer", "merchant"]
[journey.shopper.state.view]
emits = "page_view"
next = { view = 0.86, add = 0.087 }
after = { lognormal = { median = "22s", sigma = 1.2, max = "30m" } }
[journey.shopper.state.add]
emits = "cart_updated"
next = { view = 0.5, order = { p = 0.3, after = "2m" } }
after = { exponential = "40s" }
[journey.shopper.state.order]
emits = "order_placed"
[[journey.shopper.follow]]
on = "order_placed"
emits = "payment_authorised"
p = 0.97
after = { lognormal = { median = "1.2s", sigma = 0.6, max = "30s" } }
"#;

/// What every event says: both kinds render the same text.
const EVENT: &str = r#"{
  "id": "{{uuid}}", "at": "{{now}}",
  "merchant": { "id": {{merchant}}, "name": "{{merchant.name}}", "country": "{{merchant.country}}" },
  "customer": { "id": {{customer}}, "email": "{{customer.email}}", "city": "{{customer.city}}" },
  "product": { "sku": {{product}}, "title": "{{product.title}}", "price": {{product.price}} },
  "device": "{{choice mobile 65 desktop 32 tablet 3}}", "currency": "{{choice USD 70 EUR 20 GBP 10}}", "qty": {{int 1 5}},
  "note": "{{pad 64}}"
}"#;
