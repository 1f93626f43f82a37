//! What it means: SLOs and the verdict. Pure.

pub mod slo;
pub mod steady;
pub mod verdict;
pub mod windows;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::scenario::{
        Abort, Arrivals, Consume, Event, Flow, Key, Scenario, StampPlace, Time, Topic, Value,
    };

    /// Two flows and two groups, no SLO.
    pub(super) fn scenario() -> Scenario {
        Scenario {
            name: "cyber-day".to_owned(),
            why: String::new(),
            seed: 1,
            folder: None,
            effective: String::new(),
            time: Time {
                starts: "2026-11-30T00:00:00-05:00[America/New_York]"
                    .parse()
                    .expect("a legal time"),
                span: Duration::from_secs(60),
                play: (Duration::ZERO, Duration::from_secs(60)),
                compress: 1.0,
                warmup: Duration::from_secs(5),
                settle: Duration::from_secs(30),
                catch_up: Duration::ZERO,
            },
            shards: 256,
            scale: 1.0,
            pools: vec![],
            topics: vec![Topic {
                key: "orders".to_owned(),
                name: "orders".to_owned(),
                partitions: 12,
                replication: None,
                config: vec![],
            }],
            events: vec![Event {
                name: "order_placed".to_owned(),
                topic: 0,
                key: Key::default(),
                value: Value::Bytes {
                    size: 512,
                    compressible: 3.0,
                },
                headers: vec![],
                stamp: StampPlace::Payload,
            }],
            flows: ["shoppers", "robots"].map(flow).to_vec(),
            client: vec![],
            consumers: ["analytics", "audit"].map(group).to_vec(),
            slos: vec![],
            abort: Abort::default(),
        }
    }

    fn flow(name: &str) -> Flow {
        Flow {
            name: name.to_owned(),
            mix: vec![(0, 1.0)],
            arrivals: Arrivals::Poisson,
            height: None,
            shape: vec![],
            spikes: vec![],
            producers: 1,
            client: vec![],
        }
    }

    fn group(name: &str) -> Consume {
        Consume {
            name: name.to_owned(),
            topics: vec![0],
            members: 1,
            work: Duration::ZERO,
            client: vec![],
        }
    }
}
