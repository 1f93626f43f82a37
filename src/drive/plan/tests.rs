//! Plans of small scenarios, against what they must be by arithmetic, or by rendering every event.

use std::collections::HashMap;
use std::path::PathBuf;

use super::events::each;
use super::*;
use crate::scenario::{self, Overrides, Source};

/// A topic of 8 partitions with one event of 200 B keyed by a pool, and more lines.
fn loaded(pool: &str, flow: &str, more: &str) -> Scenario {
    let text = format!(
        r#"
[time]
span = "100s"
[pool.merchant]
{pool}
[topic.orders]
partitions = 8
[event.order]
topic = "orders"
key = "merchant"
value = {{ bytes = "200B", compressible = 3 }}
[flow.f]
event = "order"
{flow}
{more}
"#
    );
    let source = Source::Text {
        name: "plan.toml".into(),
        text,
        folder: PathBuf::from("scenarios"),
    };
    match scenario::load(&source, &Overrides::default()) {
        Ok(loaded) => loaded.scenario,
        Err(errors) => panic!("{errors}"),
    }
}

struct Whole {
    scenario: Scenario,
    traffic: Arc<Traffic>,
    schedules: Vec<Arc<FlowSchedule>>,
}

impl Whole {
    fn new(scenario: Scenario) -> Whole {
        Whole {
            traffic: Arc::new(Traffic::compile(&scenario, 0).unwrap_or_else(|e| panic!("{e}"))),
            schedules: (0..scenario.flows.len())
                .map(|flow| Arc::new(FlowSchedule::compile(&scenario, flow)))
                .collect(),
            scenario,
        }
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            scenario: &self.scenario,
            traffic: &self.traffic,
            schedules: &self.schedules,
        }
    }

    fn plan(&self) -> Plan {
        plan(&self.ground())
    }

    /// Records of each partition of the first topic, by rendering everything.
    fn counted(&self) -> Vec<u64> {
        let mut counts = vec![0; self.scenario.topics[0].partitions as usize];
        let mut last = 0;
        each(&self.ground(), |event| {
            assert!(event.due_ns >= last, "ordered by due");
            last = event.due_ns;
            counts[event.partition as usize] += 1;
            Ok::<bool, ()>(true)
        })
        .unwrap();
        counts
    }
}

fn close(a: f64, b: f64, within: f64) {
    assert!((a / b - 1.0).abs() <= within, "{a} is not {b}");
}

const EVEN: &str = "arrivals = \"even\"\nmean = \"1000/s\"";

#[test]
fn loads_are_the_curves_and_the_bytes() {
    let whole = Whole::new(loaded("count = 1000", EVEN, ""));
    let plan = whole.plan();
    // 1,000 a second for 100 s; a value of 200 B and a key of 1 to 4 digits (2.893 on average over 1 to 1000).
    close(plan.load.events, 100_000.0, 1e-9);
    close(plan.load.mean_per_s, 1000.0, 1e-9);
    close(plan.load.peak_per_s, 1000.0, 1e-6);
    close(plan.load.bytes, 100_000.0 * 202.893, 1e-3);
    close(plan.topics[0].disk_bytes, 100_000.0 * 214.893, 1e-3);
    close(plan.events[0].value_bytes, 200.0, 1e-9);
    assert_eq!((plan.run_us, plan.samples.len()), (100_000_000, 1));
    assert_eq!(whole.counted().iter().sum::<u64>(), 100_000);
}

#[test]
fn a_spike_tops_the_peak_and_not_what_is_without_it() {
    let flow = "mean = \"500/s\"\nspikes = [{ flash = { at = \"00:00:40\", height = 3, attack = \"5s\", hold = \"10s\" } }]";
    let plan = Whole::new(loaded("count = 1000", flow, "")).plan();
    close(plan.flows[0].load.peak_per_s, 1500.0, 1e-3);
    close(
        plan.flows[0].peak_without_spikes_per_s.unwrap(),
        500.0,
        1e-9,
    );
    let top = plan.curve.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    close(top, 1500.0, 1e-3);
}

#[test]
fn the_hottest_partition_is_what_rendering_everything_finds() {
    // 100,000 events: a partition of share p has them within sqrt((1-p) / (100,000 p)), at most 1 % for p of 1/12 and more;
    // 4 of these.
    for pool in [
        "count = 1",
        "count = 3",
        "count = 10_000\nskew = { lognormal = 2.5 }",
        "count = 1_800_000\nskew = { zipf = 1.1 }",
        "count = 5_000\nskew = { hot = { share = 0.8, of = 0.001 } }",
        "count = 100_000\nflash = { id = 77, share = 0.5, at = \"00:00:20\", for = \"30s\" }",
    ] {
        let whole = Whole::new(loaded(pool, EVEN, ""));
        let plan = whole.plan();
        let counts = whole.counted();
        let most = counts.iter().max().copied().unwrap();
        let seen = most as f64 * 8.0 / 100_000.0;
        close(plan.topics[0].hottest.unwrap(), seen, 0.04);
        if let Some(at) = plan.topics[0].hottest_partition {
            assert_eq!(counts[at as usize], most, "{pool}");
        }
    }
    // And it can be wrong: even keys are not those of a law.
    let even = Whole::new(loaded("count = 10_000", EVEN, "")).plan();
    assert!(even.topics[0].hottest.unwrap() < 1.1);
}

/// A small flow is rendered whole, and a hundredth of a large one: the small one's only key is no more of the topic for that.
#[test]
fn flows_weigh_what_they_send() {
    let small = "arrivals = \"even\"\nmean = \"100/s\"\n[flow.large]\nevent = \"rest\"\narrivals = \"even\"\nmean = \"20k/s\"";
    let more = "[pool.seller]\ncount = 1\n[event.rest]\ntopic = \"orders\"\nkey = [\"merchant\", \"seller\"]\nvalue = { bytes = \"200B\" }\n[flow.late]\nevent = \"rest\"\narrivals = { batch = { size = 5_000, within = \"10s\", keeps = \"merchant\" } }\nmean = \"100/s\"";
    let plan = Whole::new(loaded("count = 100_000", small, more)).plan();
    // The key of a batch is 5,000 of 2 M events, and a sixth of those that are rendered.
    let top = plan.topics[0].top_key.as_ref();
    assert!(top.is_none_or(|(_, share)| *share < 0.01), "{top:?}");
    close(plan.topics[0].hottest.unwrap(), 1.0, 0.03);
}

#[test]
fn the_commonest_key_is_named() {
    let plan = Whole::new(loaded("count = 4\nskew = { zipf = 1 }", EVEN, "")).plan();
    // 1 / (1 + 1/2 + 1/3 + 1/4)
    let (key, share) = plan.topics[0].top_key.clone().unwrap();
    assert_eq!(key, "1");
    close(share, 0.48, 0.01);
    assert!(
        plan.doubts.iter().any(|doubt| doubt.contains("key `1`")),
        "{:?}",
        plan.doubts
    );
}

#[test]
fn groups_are_measured_by_their_limit() {
    let group = "[consume.g]\ntopics = [\"orders\"]\nmembers = 2\nwork = \"1500us\"\n[consume.idle]\ntopics = [\"orders\"]\nmembers = 9";
    let plan = Whole::new(loaded("count = 100_000", EVEN, group)).plan();
    // Two members of 667/s each, 1,000/s to do.
    close(plan.groups[0].limit_per_s.unwrap(), 1333.3, 1e-3);
    close(plan.groups[0].load.unwrap(), 0.75, 1e-3);
    close(plan.groups[0].hottest_member_load.unwrap(), 0.75, 0.03);
    assert_eq!(
        (plan.groups[1].idle_members, plan.groups[1].load),
        (1, None)
    );
    let slow = group.replace("1500us", "3ms");
    let plan = Whole::new(loaded("count = 100_000", EVEN, &slow)).plan();
    assert!(
        plan.doubts
            .iter()
            .any(|doubt| doubt.contains("can't keep up")),
        "{:?}",
        plan.doubts
    );
}

#[test]
fn retention_bounds_the_disk() {
    let mut scenario = loaded("count = 1000", EVEN, "");
    scenario.topics[0].config = vec![("retention.ms".into(), "10000".into())];
    let plan = Whole::new(scenario.clone()).plan();
    // A tenth of the run.
    close(plan.topics[0].disk_bytes, 10_000.0 * 214.893, 2e-3);
    scenario.topics[0].config = vec![("retention.bytes".into(), "100000".into())];
    close(
        Whole::new(scenario).plan().topics[0].disk_bytes,
        800_000.0,
        1e-9,
    );
}

#[test]
fn what_nothing_feeds_or_few_is_doubted() {
    let slo = "[[slo]]\nmetric = \"response\"\nquantile = 0.9999\nbelow = \"1s\"\nflow = \"f\"";
    let doubts = Whole::new(loaded("count = 1000", "mean = \"10/s\"", slo))
        .plan()
        .doubts;
    // 1,000 events, of which 0.1 lie beyond.
    assert!(
        doubts.iter().any(|doubt| doubt.contains("0.1 events")),
        "{doubts:?}"
    );
    assert_eq!(
        Whole::new(loaded("count = 1000", EVEN, "")).plan().doubts,
        [""; 0]
    );
}

#[test]
fn the_events_are_the_schedules_each_once() {
    let whole = Whole::new(loaded("count = 50", "mean = \"100/s\"", ""));
    let mut keys: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut first = 0;
    each(&whole.ground(), |event| {
        first += 1;
        *keys.entry(event.key.unwrap().to_vec()).or_default() += 1;
        Ok::<bool, ()>(first < 500)
    })
    .unwrap();
    assert_eq!(first, 500, "it ends when it is told to");
    assert!(keys.len() > 40);
}
