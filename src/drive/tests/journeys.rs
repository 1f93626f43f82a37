//! Journeys as they reach a cluster's logs.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value as Json;

use super::rig::{RUN_TAG, Rig, cluster, parse, partitions};
use crate::scenario::{Scenario, TemplateText, Value};
use crate::traffic::stamp::{self, Checked};

/// Shoppers who view and buy, whose orders are paid for later; some events are sent twice, some are tombstones.
fn scenario(producers: u32) -> Scenario {
    parse(&format!(
        r#"
seed = 42
[time]
span = "20s"
history = "20s"
settle = "30s"
[load]
shards = 16
[pool.merchant]
count = 50
skew = {{ lognormal = 2 }}
[pool.product]
count = 1000
of = "merchant"
skew = {{ lognormal = 1.9 }}
[pool.customer]
count = 100000
[topic.orders]
partitions = 3
[topic.views]
partitions = 2
[event.view]
topic = "views"
key = "session"
value = {{ bytes = "100B" }}
[event.order]
topic = "orders"
key = "merchant"
value = {{ bytes = "100B" }}
[event.payment]
topic = "orders"
key = ["merchant", "customer"]
value = {{ bytes = "100B" }}
defects = {{ tombstone = {{ share = 0.05 }} }}
[journey.shopper]
start = "view"
keeps = ["customer", "merchant"]
[journey.shopper.state.view]
emits = "view"
next = {{ view = 0.6, order = 0.2 }}
after = {{ exponential = "2s" }}
[journey.shopper.state.order]
emits = "order"
keep_on = ["product"]
[[journey.shopper.follow]]
on = "order"
emits = "payment"
p = 0.9
after = {{ lognormal = {{ median = "2s", sigma = 0.8, max = "10s" }} }}
[flow.f]
journey = "shopper"
arrivals = "poisson"
mean = "50/s"
producers = {producers}
defects = {{ duplicate = {{ share = 0.03 }}, late = {{ share = 0.1, by = "1h" }} }}
[consume.g]
topics = ["orders", "views"]
"#
    ))
}

/// The text of all events: what a journey keeps, what a visit draws, what each event draws.
const TEXT: &str = r#"{ "session": "{{session}}", "at": "{{now}}", "customer": {{customer}}, "merchant": {{merchant}}, "product": {{product}},
  "lines": [ {{#lines 2}} { "sku": {{product}}, "qty": {{int 1 5}} } {{/lines}} ], "id": "{{uuid}}" }"#;

/// The logs of all producers together: topic, partition, key, value, due.
type Records = Vec<(u16, u32, Vec<u8>, Option<Vec<u8>>, u64)>;

fn records(producers: u32) -> Records {
    let mut all = Vec::new();
    for index in 0..producers {
        let mut scenario = scenario(producers);
        for event in &mut scenario.events {
            event.value = Value::Template(TemplateText {
                name: event.name.clone(),
                text: TEXT.to_owned(),
            });
        }
        let mut rig = Rig::new(scenario, cluster());
        rig.index = index;
        let sim = rig.sim.clone();
        let ran = rig.run();
        ran.adds_up();
        assert_eq!((ran.group.missing, ran.group.duplicated), (0, 0));
        assert_eq!((ran.group.reordered, ran.group.corrupt), (0, 0));
        for (topic, partition) in partitions() {
            for (_, record) in sim.log(topic, partition) {
                let header = crate::traffic::headers(&record.headers)
                    .find(|(name, _)| *name == stamp::HEADER)
                    .map(|(_, value)| value.to_vec());
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                let checked = stamp::check(RUN_TAG, key, value, header.as_deref());
                let Checked::Ours(stamp) = checked else {
                    panic!("{checked:?}");
                };
                let key = key.map(<[u8]>::to_vec).unwrap_or_default();
                let value = value.map(<[u8]>::to_vec);
                all.push((topic, partition, key, value, stamp.due_ns));
            }
        }
    }
    all.sort_unstable();
    all
}

fn hash(records: &Records) -> u64 {
    let mut hasher = DefaultHasher::new();
    records.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn any_number_of_producers_sends_the_same_journeys() {
    let one = records(1);
    assert!(one.len() > 2_000, "{}", one.len());
    for producers in [2, 3, 7] {
        assert_eq!(
            hash(&records(producers)),
            hash(&one),
            "{producers} producers"
        );
    }
    // One record less, or another due, is another hash.
    let mut other = one.clone();
    other[7].4 += 1;
    assert_ne!(hash(&other), hash(&one));
}

/// What stands in the logs is journeys: one customer and merchant each, and keys that say so.
#[test]
fn the_logs_hold_whole_journeys() {
    let mut journeys: BTreeMap<String, (u64, u64, u32)> = BTreeMap::new();
    for (topic, _, key, value, _) in records(1) {
        let Some(value) = value else {
            continue;
        };
        let value: Json = serde_json::from_slice(&value).unwrap();
        let session = value["session"].as_str().unwrap().to_owned();
        let [customer, merchant] =
            ["customer", "merchant"].map(|field| value[field].as_u64().unwrap());
        let key = String::from_utf8(key).unwrap();
        match topic {
            1 => assert_eq!(key, session),
            _ => assert!([merchant.to_string(), format!("{merchant}:{customer}")].contains(&key)),
        }
        let seen = journeys.entry(session).or_insert((customer, merchant, 0));
        assert_eq!((seen.0, seen.1), (customer, merchant));
        seen.2 += 1;
    }
    // 50 starts a second for 20 s, and those under way: 1,000 ± 32 and about 150.
    assert!(
        (1_000..1_400).contains(&journeys.len()),
        "{}",
        journeys.len()
    );
    let events: u32 = journeys.values().map(|journey| journey.2).sum();
    assert!(f64::from(events) / journeys.len() as f64 > 1.8, "{events}");
}
