//! The built-in scenarios, generated in full: what a user's first run would send.

use std::sync::Arc;

use highwater::scenario::{Overrides, PRESETS, Scenario, Source, load};
use highwater::schedule::{Bin, FlowSchedule, Identity, Shards};
use highwater::traffic::{Renderer, Traffic};

/// What the embedded cluster keeps of a partition before it frees the oldest.
const KEPT: usize = 5 * 1024 * 1024;

/// What is written of a scenario.
struct Sent {
    /// Events due in each second.
    seconds: Vec<u64>,
    /// Records and value bytes of each event.
    events: Vec<(u64, usize)>,
    /// Key and value bytes of each partition of each topic.
    partitions: Vec<Vec<usize>>,
}

fn send(scenario: &Scenario) -> Sent {
    let traffic = Traffic::compile(scenario, 1).unwrap_or_else(|e| panic!("{e}"));
    let mut renderer = Renderer::new(Arc::new(traffic));
    let seconds = scenario.time.run_ns().div_ceil(1_000_000_000) as usize;
    let topics = scenario.topics.iter();
    let mut sent = Sent {
        seconds: vec![0; seconds],
        events: vec![(0, 0); scenario.events.len()],
        partitions: topics.map(|t| vec![0; t.partitions as usize]).collect(),
    };
    let (mut held, mut buffer) = (Bin::default(), Vec::new());
    for flow in 0..scenario.flows.len() {
        let schedule = FlowSchedule::compile(scenario, flow);
        let mut cells = schedule.cells(Shards::all(scenario.shards));
        for bin in 0..schedule.bins() {
            cells.bin(bin, &mut held);
            for (index, arrival) in held.arrivals.iter().enumerate() {
                let id = Identity {
                    flow: flow as u16,
                    shard: arrival.shard,
                    bin,
                    ordinal: arrival.ordinal,
                };
                buffer.clear();
                let rendered = renderer.render(
                    arrival.event,
                    id,
                    arrival.due_ns,
                    &held.origin(index),
                    &mut buffer,
                );
                let value: serde_json::Value =
                    serde_json::from_slice(&buffer[rendered.value.clone().expect("a value")])
                        .expect("JSON");
                assert!(value.is_object());
                let event = &mut sent.events[usize::from(rendered.event)];
                *event = (
                    event.0 + 1,
                    event.1 + rendered.value.clone().expect("a value").len(),
                );
                let bytes = rendered.value.clone().expect("a value").len()
                    + rendered.key.map_or(0, |k| k.len());
                let topic = &mut sent.partitions[usize::from(rendered.topic)];
                topic[rendered.partition as usize] += bytes;
                sent.seconds[(arrival.due_ns / 1_000_000_000) as usize] += 1;
            }
        }
    }
    sent
}

#[test]
fn presets_fit_the_embedded_cluster() {
    for preset in PRESETS {
        let loaded = load(&Source::Preset(preset), &Overrides::default());
        let scenario = loaded.unwrap_or_else(|e| panic!("{e}")).scenario;
        let sent = send(&scenario);
        // A second of the seed's draws may lie above the curve: 1,000 is a round bound, the curve's top is far below.
        let top = sent.seconds.iter().max().copied().unwrap_or(0);
        assert!(
            (400..1000).contains(&top),
            "{}: {:?}",
            preset.name,
            sent.seconds
        );
        for (event, (records, bytes)) in scenario.events.iter().zip(&sent.events) {
            assert!(
                *records > 100,
                "{}: {records} of {}",
                preset.name,
                event.name
            );
            let mean = bytes / *records as usize;
            assert!((300..1000).contains(&mean), "{}: {mean} B", event.name);
        }
        let (records, bytes) = sent
            .events
            .iter()
            .fold((0, 0), |(r, b), event| (r + event.0, b + event.1));
        let mean = bytes / records as usize;
        assert!((450..650).contains(&mean), "{}: {mean} B", preset.name);
        for (topic, partitions) in scenario.topics.iter().zip(&sent.partitions) {
            let most = partitions.iter().max().copied().unwrap_or(0);
            assert!(most < KEPT / 2, "{}: {most} B in a partition", topic.name);
        }
    }
}
