//! What the schedule costs: nanoseconds per arrival, and per bin of a flow that is nearly asleep.
//!
//! `cargo bench --bench arrivals`. One thread, all 256 shards; divan's item counter gives arrivals per second.

use std::hint::black_box;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use highwater::scenario::{
    Abort, Arrivals, Batch, Defects, Fixes, Flow, Height, Length, Periodic, Scenario, Shape, Time,
    Times,
};
use highwater::schedule::{Bin, FlowSchedule, Shards};

fn main() {
    divan::main();
}

const KINDS: [Arrivals; 3] = [Arrivals::Even, Arrivals::Poisson, Arrivals::PoissonExact];

/// Ten minutes of a wave, so that segments are as short as in a real day.
fn schedule(arrivals: &Arrivals, mean: f64) -> FlowSchedule {
    let span = Duration::from_secs(600);
    let starts = "2026-11-30T00:00:00-05:00[-05:00]".parse();
    let flow = Flow {
        name: "flow".into(),
        mix: vec![(0, 1.0)],
        arrivals: arrivals.clone(),
        height: Some(Height {
            fixes: Fixes::Mean,
            value: mean,
            of: Vec::new(),
        }),
        shape: vec![Shape::Sine {
            period: 600.0,
            low: 0.5,
            high: 1.5,
            top_at: 300.0,
        }],
        spikes: Vec::new(),
        journey: None,
        defects: Defects::default(),
        producers: 1,
        client: Vec::new(),
    };
    let scenario = Scenario {
        journeys: Vec::new(),
        name: "bench".into(),
        why: String::new(),
        seed: 1,
        folder: None,
        effective: String::new(),
        time: Time {
            starts: starts.expect("a valid instant"),
            span,
            play: (Duration::ZERO, span),
            compress: 1.0,
            warmup: Duration::ZERO,
            history: Duration::ZERO,
            settle: Duration::ZERO,
            catch_up: Duration::ZERO,
        },
        shards: 256,
        scale: 1.0,
        pools: Vec::new(),
        topics: Vec::new(),
        events: Vec::new(),
        flows: vec![flow],
        client: Vec::new(),
        consumers: Vec::new(),
        actions: vec![],
        watched: vec![],
        slos: Vec::new(),
        abort: Abort::default(),
    };
    FlowSchedule::compile(&scenario, 0)
}

/// Reads `seconds` of the schedule's middle in each iteration.
fn read(bencher: Bencher, arrivals: &Arrivals, mean: f64, seconds: u32) {
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
fn ten_seconds_at_1_per_s(bencher: Bencher, arrivals: &Arrivals) {
    read(bencher, arrivals, 1.0, 10);
}

#[divan::bench(args = KINDS)]
fn one_second_at_1k_per_s(bencher: Bencher, arrivals: &Arrivals) {
    read(bencher, arrivals, 1e3, 1);
}

#[divan::bench(args = KINDS)]
fn one_second_at_100k_per_s(bencher: Bencher, arrivals: &Arrivals) {
    read(bencher, arrivals, 1e5, 1);
}

#[divan::bench(args = KINDS)]
fn one_second_at_1m_per_s(bencher: Bencher, arrivals: &Arrivals) {
    read(bencher, arrivals, 1e6, 1);
}

/// The kinds that say where an arrival comes from, or are drawn for a flow as a whole.
const OTHERS: [&str; 6] = [
    "bursty",
    "batches of 10,000 within a minute",
    "batches of 100 within a minute",
    "one batch",
    "devices, each 10 s",
    "devices, each 10 s ± 3 s",
];

/// Arrivals of the kind, about so many a second.
fn other(kind: &str, per_s: f64) -> Arrivals {
    let batch = |size: f64, seconds: f64, at: &[f64]| {
        Arrivals::Batch(Batch {
            size: Times::Fixed(size),
            within: Length {
                seconds,
                real: false,
            },
            at: at.to_vec(),
            keeps: Vec::new(),
        })
    };
    let devices = |jitter_s: u64| {
        Arrivals::Periodic(Periodic {
            devices: (per_s * 10.0) as u64,
            pool: None,
            every: Duration::from_secs(10),
            jitter: Duration::from_secs(jitter_s),
            aligned: false,
        })
    };
    match kind {
        "bursty" => Arrivals::Bursty { cv: 2.0 },
        "batches of 10,000 within a minute" => batch(1e4, 60.0, &[]),
        "batches of 100 within a minute" => batch(1e2, 60.0, &[]),
        "one batch" => batch(per_s * 600.0, 600.0, &[0.0]),
        "devices, each 10 s" => devices(0),
        _ => devices(3),
    }
}

/// Reads a second of the schedule in each iteration, one after the other: these kinds are made to be read forwards. A minute near the
/// top of the wave, again and again.
fn read_on(bencher: Bencher, kind: &str, per_s: f64) {
    let schedule = schedule(&other(kind, per_s), per_s);
    let mut cells = schedule.cells(Shards::all(256));
    let mut out = Bin::default();
    let mut count = 0;
    for bin in 3000..3600 {
        cells.bin(bin, &mut out);
        count += out.arrivals.len();
    }
    let mut seconds = (0..60).cycle();
    bencher
        .counter(ItemsCount::new(count / 60))
        .bench_local(|| {
            let first = 3000 + seconds.next().unwrap_or(0) * 10;
            for bin in first..first + 10 {
                cells.bin(bin, &mut out);
                black_box(&out);
            }
        });
}

#[divan::bench(args = OTHERS)]
fn one_second_at_1k_per_s_of_other_kinds(bencher: Bencher, kind: &str) {
    read_on(bencher, kind, 1e3);
}

#[divan::bench(args = OTHERS)]
fn one_second_at_100k_per_s_of_other_kinds(bencher: Bencher, kind: &str) {
    read_on(bencher, kind, 1e5);
}

/// One of four producers of a flow: what splitting a flow costs in all is four times this.
#[divan::bench(args = KINDS)]
fn a_quarter_of_the_shards_at_1m_per_s(bencher: Bencher, arrivals: &Arrivals) {
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
