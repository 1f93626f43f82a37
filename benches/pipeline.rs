//! The whole pipeline on the null target: schedule, events, stamps, outbox, records; everything but a client and a network.
//!
//! Prints events per second of processor time, which is what one core can do. Not a divan bench: the unit is a run.

use std::path::PathBuf;
use std::sync::Arc;

use highwater::drive::Phase;
use highwater::drive::control::Control;
use highwater::drive::run::{Job, Observer, producer_thread, run};
use highwater::measure::health::Judge;
use highwater::measure::live::Live;
use highwater::scenario::{Overrides, Source, load};
use highwater::schedule::FlowSchedule;
use highwater::target::null::NullTarget;
use highwater::traffic::Traffic;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const RUNS: usize = 5;

struct Nobody;

impl Observer for Nobody {
    fn look(&mut self, _: Phase, _: u64, _: &Live) {}
}

fn main() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/ci"));
    let source = Source::Path(folder.join("bench.toml"));
    let overrides = Overrides {
        duration: Some(std::time::Duration::from_secs(3)),
        ..Overrides::default()
    };
    let scenario = match load(&source, &overrides) {
        Ok(loaded) => Arc::new(loaded.scenario),
        Err(errors) => panic!("{errors}"),
    };
    let traffic = Arc::new(Traffic::compile(&scenario, 1).expect("ci/bench.toml compiles"));
    let mut figures: Vec<(f64, f64)> = (0..RUNS)
        .map(|_| {
            let out = tempfile::tempdir().expect("a folder for the run");
            let job = Job {
                schedules: vec![Arc::new(FlowSchedule::compile(&scenario, 0))],
                traffic: Arc::clone(&traffic),
                run_tag: 1,
                target: Arc::new(NullTarget),
                readable: false,
                control: Control::default(),
                folder: out.path().to_owned(),
                judge: Judge::new(1_000_000, vec![producer_thread(0, 0)]),
                watcher: None,
                scenario: Arc::clone(&scenario),
            };
            let ran = run(job, &mut Nobody).unwrap_or_else(|error| panic!("{error}"));
            let events = ran.collected.flows[0].all().account().acknowledged as f64;
            let seconds = ran.load_ns as f64 / 1e9;
            (
                events / seconds,
                events / seconds / ran.collected.health.cpu_cores,
            )
        })
        .collect();
    figures.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (rate, per_core) = figures[RUNS / 2];
    println!(
        "null target, median of {RUNS}: {:.2} M events/s, {:.2} M per second of processor time",
        rate / 1e6,
        per_core / 1e6
    );
}
