//! The driver on the embedded cluster with a known round trip: service time is what was injected.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use highwater::drive::Phase;
use highwater::drive::control::Control;
use highwater::drive::run::{Job, Observer, run};
use highwater::measure::health::Judge;
use highwater::measure::live::Live;
use highwater::scenario::{Overrides, Scenario, Source, load};
use highwater::schedule::FlowSchedule;
use highwater::target::kafka::admin::Admin;
use highwater::target::kafka::config::ClientOptions;
use highwater::target::kafka::embedded::Embedded;
use highwater::target::kafka::system::KafkaTarget;
use highwater::target::kafka::topics::Wanted;
use highwater::traffic::Traffic;

const LINGER_MS: u64 = 5;
const ROUND_TRIP_MS: u64 = 50;

struct Nobody;

impl Observer for Nobody {
    fn look(&mut self, _: Phase, _: u64, _: &Live) {}
}

fn scenario() -> Arc<Scenario> {
    let text = format!(
        r#"
name = "round-trip"
why  = "is service time what the wire takes?"
[time]
span = "6s"
[client]
linger.ms = {LINGER_MS}
[topic.orders]
partitions = 4
[event.order]
topic = "orders"
value = {{ bytes = "200B", compressible = 2 }}
[flow.orders]
event    = "order"
arrivals = "even"
mean     = "200/s"
"#
    );
    let source = Source::Text {
        name: "round-trip".to_owned(),
        text,
        folder: PathBuf::new(),
    };
    Arc::new(load(&source, &Overrides::default()).unwrap().scenario)
}

#[test]
fn an_injected_round_trip_is_what_service_time_shows() {
    let scenario = scenario();
    let embedded = Embedded::start().unwrap();
    let wanted = Wanted {
        name: "highwater.orders".to_owned(),
        partitions: 4,
        replication: None,
        config: Vec::new(),
        fullest: None,
    };
    embedded.create_topics(&[wanted]).unwrap();
    let mut options = ClientOptions::default();
    options.use_embedded(&embedded.bootstrap());
    let admin = Arc::new(Admin::connect(&options.admin().unwrap()).unwrap());
    let target = KafkaTarget::new(
        Arc::clone(&scenario),
        options,
        admin,
        vec!["highwater.orders".to_owned()],
        "highwater.test.".to_owned(),
    );
    embedded
        .set_round_trip(None, Duration::from_millis(ROUND_TRIP_MS))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let job = Job {
        traffic: Arc::new(Traffic::compile(&scenario, 1).unwrap()),
        schedules: vec![Arc::new(FlowSchedule::compile(&scenario, 0))],
        run_tag: 1,
        target: Arc::new(target),
        readable: true,
        control: Control::default(),
        folder: folder.path().to_owned(),
        judge: Judge::new(1_000_000, Vec::new()),
        environment: Vec::new(),
        realtime: true,
        watcher: None,
        ladder: None,
        scenario,
    };
    let ran = run(job, &mut Nobody).unwrap();
    let flow = ran.collected.flows[0].all();
    assert_eq!(flow.account().acknowledged, 1_200);
    let p50_us = flow.service().p50_us.unwrap();
    // 50 ms on the wire, up to the linger before it, and 10 % for the machine.
    let most_us = (ROUND_TRIP_MS + LINGER_MS) * 1_100;
    assert!(
        (ROUND_TRIP_MS * 1_000..=most_us).contains(&p50_us),
        "service p50 is {p50_us} us"
    );
}
