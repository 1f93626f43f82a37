//! What the schedule costs: nanoseconds per arrival, and per bin of a flow that is nearly asleep.
//!
//! `cargo bench --bench arrivals`. One thread, all 256 shards; divan's item counter gives arrivals per second.

use std::hint::black_box;
use std::path::PathBuf;

use divan::Bencher;
use divan::counter::ItemsCount;
use highwater::scenario::{Overrides, Source, load};
use highwater::schedule::{Bin, FlowSchedule, Shards};

fn main() {
    divan::main();
}

const KINDS: [&str; 3] = ["even", "poisson", "poisson_exact"];

/// Ten minutes of a wave, so that segments are as short as in a real day.
fn schedule(arrivals: &str, mean: f64) -> FlowSchedule {
    let text = format!(
        r#"
name = "bench"
why  = "What does the schedule cost?"
seed = 1
[time]
starts = "2026-11-30T00:00:00-05:00"
span   = "10m"
[topic.orders]
partitions = 1
[event.order]
topic = "orders"
value = {{ bytes = "100B", compressible = 1 }}
[flow.orders]
event    = "order"
arrivals = "{arrivals}"
mean     = "{mean}/s"
shape    = [ {{ sine = {{ period = "10m", low = 0.5, high = 1.5, top_at = "+5m" }} }} ]
"#
    );
    let source = Source::Text {
        name: "bench".to_owned(),
        text,
        folder: PathBuf::new(),
    };
    match load(&source, &Overrides::default()) {
        Ok(loaded) => FlowSchedule::compile(&loaded.scenario, 0),
        Err(errors) => panic!("{errors}"),
    }
}

/// Reads `seconds` of the schedule's middle in each iteration.
fn read(bencher: Bencher, arrivals: &str, mean: f64, seconds: u32) {
    let schedule = schedule(arrivals, mean);
    let mut cells = schedule.cells(Shards::all(256));
    let mut out = Bin::default();
    let bins = 3000..3000 + seconds * 10;
    let mut count = 0;
    for bin in bins.clone() {
        cells.bin(bin, &mut out);
        count += out.arrivals.len();
    }
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        for bin in bins.clone() {
            cells.bin(bin, &mut out);
            black_box(&out);
        }
    });
}

/// Ten seconds at 1/s: 25,600 cells, of which about 10 have an event.
#[divan::bench(args = KINDS)]
fn ten_seconds_at_1_per_s(bencher: Bencher, arrivals: &str) {
    read(bencher, arrivals, 1.0, 10);
}

#[divan::bench(args = KINDS)]
fn one_second_at_1k_per_s(bencher: Bencher, arrivals: &str) {
    read(bencher, arrivals, 1e3, 1);
}

#[divan::bench(args = KINDS)]
fn one_second_at_100k_per_s(bencher: Bencher, arrivals: &str) {
    read(bencher, arrivals, 1e5, 1);
}

#[divan::bench(args = KINDS)]
fn one_second_at_1m_per_s(bencher: Bencher, arrivals: &str) {
    read(bencher, arrivals, 1e6, 1);
}

/// One of four producers of a flow: what splitting a flow costs in all is four times this.
#[divan::bench(args = KINDS)]
fn a_quarter_of_the_shards_at_1m_per_s(bencher: Bencher, arrivals: &str) {
    let schedule = schedule(arrivals, 1e6);
    let quarter = Shards {
        first: 1,
        step: 4,
        end: 256,
    };
    let mut cells = schedule.cells(quarter);
    let mut out = Bin::default();
    cells.bin(3000, &mut out);
    let count = out.arrivals.len();
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        cells.bin(3000, &mut out);
        black_box(&out);
    });
}
