//! What recording costs: one event from due to acknowledged, and the parts of it.

use std::sync::Arc;

use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use highwater::measure::Sample;
use highwater::measure::histogram::{TotalHistogram, WindowHistogram};
use highwater::measure::recorder::Recorder;
use highwater::measure::shape::{FlowShape, Model, RunShape, TopicShape};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Times spread like a real broker's: around 2 ms, with a tail to 200 ms.
fn times_us() -> Vec<u64> {
    let mut state = 42_u64;
    (0..4_096)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let u = (state >> 11) as f64 / (1_u64 << 53) as f64;
            (2_000.0 * (1.0 / (1.0 - u * 0.999)).powf(0.7)) as u64
        })
        .collect()
}

#[divan::bench]
fn histogram_3_digits(bencher: Bencher) {
    let times = times_us();
    let mut h = TotalHistogram::new();
    bencher
        .counter(ItemsCount::new(times.len()))
        .bench_local(|| times.iter().for_each(|us| h.record_us(black_box(*us))));
}

#[divan::bench]
fn histogram_2_digits(bencher: Bencher) {
    let times = times_us();
    let mut h = WindowHistogram::new();
    bencher
        .counter(ItemsCount::new(times.len()))
        .bench_local(|| times.iter().for_each(|us| h.record_us(black_box(*us))));
}

#[divan::bench]
fn hdrhistogram_crate_3_digits(bencher: Bencher) {
    let times = times_us();
    let mut h =
        hdrhistogram::Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).expect("legal bounds");
    bencher
        .counter(ItemsCount::new(times.len()))
        .bench_local(|| {
            times
                .iter()
                .for_each(|us| h.saturating_record(black_box(*us)))
        });
}

/// A second of 100,000 events after another: due and sent, then acknowledged with the times above; windows closed as a run does.
#[divan::bench]
fn event_due_sent_acknowledged(bencher: Bencher) {
    const EVENTS: u64 = 100_000;
    let shape = Arc::new(RunShape {
        flows: vec![FlowShape {
            name: "f".into(),
            events: vec![0, 1, 2],
            model: Model::Open,
        }],
        events: vec!["a".into(), "b".into(), "c".into()],
        topics: vec![TopicShape {
            name: "t".into(),
            partitions: 12,
        }],
        groups: vec![],
        warmup_ns: 0,
        run_ns: u64::MAX,
    });
    let times = times_us();
    let mut recorder = Recorder::new(shape, 0);
    let mut second = 0_u64;
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let start = second * 1_000_000_000;
        for i in 0..EVENTS {
            let due = start + i * 10_000;
            recorder.due(black_box(due));
            recorder.sent(due, due + 30_000 + (i & 1_023));
        }
        for i in 0..EVENTS {
            let due_ns = start + i * 10_000;
            let sample = Sample {
                due_ns,
                sent_ns: due_ns + 30_000,
                acked_ns: due_ns + times[i as usize & 4_095] * 1_000,
            };
            recorder.acknowledged(
                (i % 3) as u16,
                0,
                (i % 12) as u32,
                8,
                500,
                black_box(sample),
            );
        }
        second += 1;
        let now = second * 1_000_000_000;
        recorder.close(now, now, &mut |part| drop(black_box(part)));
    });
}

#[divan::bench]
fn window_to_base64(bencher: Bencher) {
    let mut h = WindowHistogram::new();
    times_us().iter().for_each(|us| h.record_us(*us));
    bencher.bench_local(|| black_box(&h).to_base64());
}
