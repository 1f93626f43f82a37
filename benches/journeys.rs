//! What the schedule of journeys costs: nanoseconds per event, and what compiling a flow takes.
//!
//! `cargo bench --bench journeys`. One thread, all 256 shards, in the steady state of a shopper's journey (11.8 events, lags of
//! some 40 s); divan's item counter gives events per second.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use highwater::schedule::{Bin, FlowSchedule, Shards};

#[allow(dead_code, reason = "others use more of it")]
mod shop;
#[path = "shop/journeys.rs"]
#[allow(dead_code, reason = "others use more of it")]
mod shop_journeys;

fn main() {
    divan::main();
}

/// One bin after the other, so that every iteration is a bin that was not walked through yet.
#[divan::bench(args = [2e3, 2e4, 2e5], sample_count = 100, sample_size = 10)]
fn a_bin_of_shoppers(bencher: Bencher, events_per_s: f64) {
    let scenario = shop_journeys::shoppers(events_per_s, 3600.0);
    let schedule = FlowSchedule::compile(&scenario, 0);
    let mut cells = schedule.cells(Shards::all(256));
    let mut out = Bin::default();
    // Warm: eight times the mean lag.
    let mut bin = 3000;
    cells.bin(bin, &mut out);
    let per_bin = ItemsCount::new((events_per_s / 10.0) as usize);
    bencher.counter(per_bin).bench_local(|| {
        bin += 1;
        cells.bin(bin, &mut out);
        black_box(&out);
    });
}

/// Walking journeys to know their lags, and convolving the curves.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn compiling_shoppers(bencher: Bencher) {
    let scenario = shop_journeys::shoppers(2e4, 3600.0);
    bencher.bench_local(|| black_box(FlowSchedule::compile(&scenario, 0)));
}
