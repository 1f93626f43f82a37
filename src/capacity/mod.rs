//! What it means: SLOs and the verdict, comparison and gate. Pure.

pub mod cost;
pub mod course;
pub mod effect;
pub mod gate;
pub mod gather;
pub mod judge;
pub mod paired;
pub mod recovery;
pub mod same_load;
pub mod search;
pub mod signed_rank;
pub mod slo;
pub mod steady;
pub mod verdict;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use crate::measure::account::{Account, GroupAccount};
    use crate::measure::histogram::TotalHistogram;
    use crate::measure::machine::Machine;
    use crate::measure::run::{
        FlowResult, Generator, GroupResult, Plan, RunFile, Target, Tool, Verdict,
    };
    use crate::measure::summary::Summary;
    use crate::scenario::{
        Abort, Arrivals, Consume, Event, Flow, Key, Scenario, StampPlace, Time, Topic, Value,
    };

    /// Two flows and two groups, no SLO.
    pub(super) fn scenario() -> Scenario {
        Scenario {
            journeys: Vec::new(),
            name: "cyber-day".to_owned(),
            why: String::new(),
            seed: 1,
            folder: None,
            effective: String::new(),
            time: Time {
                history: std::time::Duration::ZERO,
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
                defects: Default::default(),
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
            actions: vec![],
            watched: vec![],
            slos: vec![],
            abort: Abort::default(),
        }
    }

    fn flow(name: &str) -> Flow {
        Flow {
            journey: None,
            defects: Default::default(),
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

    /// What became of it: 1,000 events of each flow, all of them acknowledged within a millisecond and seen by both groups.
    pub(super) fn run_file() -> RunFile {
        RunFile {
            format: 1,
            tool: Tool::default(),
            id: "test".to_owned(),
            started: "2026-11-27T08:00:00.000Z".to_owned(),
            elapsed_us: 60_000_000,
            plan: Plan::default(),
            machine: Machine::default(),
            target: Target {
                kind: "kafka".to_owned(),
                ..Target::default()
            },
            verdict: Verdict::Invalid,
            reasons: vec![],
            slos: vec![],
            flows: ["shoppers", "robots"]
                .map(|name| (name.to_owned(), flow_result()))
                .into(),
            events: BTreeMap::new(),
            consume: ["analytics", "audit"]
                .map(|name| (name.to_owned(), group_result()))
                .into(),
            partitions: BTreeMap::new(),
            actions: vec![],
            watched: BTreeMap::new(),
            generator: Generator::default(),
        }
    }

    fn thousand() -> Summary {
        let mut times = TotalHistogram::new();
        (0..1_000).for_each(|us| times.record_us(us));
        Summary::new(times, 0)
    }

    fn flow_result() -> FlowResult {
        FlowResult {
            account: Account {
                planned: 1_000,
                sent: 1_000,
                acknowledged: 1_000,
                ..Account::default()
            },
            response: Some(thousand()),
            service: thousand(),
            send_delay: Some(thousand()),
            ..FlowResult::default()
        }
    }

    fn group_result() -> GroupResult {
        let account = GroupAccount {
            acknowledged: 2_000,
            consumed: 2_000,
            ..GroupAccount::default()
        };
        GroupResult::new(&account, thousand(), 0)
    }
}
