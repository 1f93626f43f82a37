//! The whole way from a text to a checked scenario. Errors are in `tests/scenario_errors.rs`.

use super::*;

const SMALL: &str = r#"
[time]
span = "1h"
[topic.t]
partitions = 3
[event.a]
topic = "t"
value = { bytes = "100B" }
[event.b]
topic = "t"
value = { bytes = "1kB", compressible = 3 }
"#;

fn load_text(text: &str, overrides: &Overrides) -> Result<Loaded, ScenarioErrors> {
    let source = Source::Text {
        name: "test.toml".into(),
        text: text.into(),
        folder: PathBuf::from("scenarios"),
    };
    load(&source, overrides)
}

/// The scenario of the small file with more lines, and overrides.
fn with(more: &str, overrides: &Overrides) -> Scenario {
    match load_text(&format!("{SMALL}{more}"), overrides) {
        Ok(loaded) => loaded.scenario,
        Err(errors) => panic!("{errors}"),
    }
}

fn flow(more: &str) -> Scenario {
    with(
        &format!("[flow.f]\nevent = {{ a = 3, b = 1 }}\n{more}"),
        &Overrides::default(),
    )
}

fn storefront(overrides: &Overrides) -> Scenario {
    let preset = Preset::named("storefront").unwrap();
    match load(&Source::Preset(preset), overrides) {
        Ok(loaded) => loaded.scenario,
        Err(errors) => panic!("{errors}"),
    }
}

fn set(sets: &[&str]) -> Overrides {
    Overrides {
        set: sets.iter().map(|&s| s.to_owned()).collect(),
        ..Overrides::default()
    }
}

fn height(scenario: &Scenario) -> f64 {
    scenario.flows[0].height.as_ref().unwrap().value
}

#[test]
fn presets_load_without_a_warning() {
    for preset in PRESETS {
        let loaded = load(&Source::Preset(preset), &Overrides::default());
        let loaded = loaded.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(loaded.warnings, [], "{}", preset.name);
        assert_eq!(loaded.scenario.name, preset.name);
        assert!(!preset.why().is_empty());
    }
}

#[test]
fn the_storefront_stays_within_the_embedded_cluster() {
    let scenario = storefront(&Overrides::default());
    assert_eq!(scenario.time.run_ns(), 30_000_000_000);
    // Mean times the highest hour over the mean hour, times the newsletter's factor: 430 × 1.5 ÷ 0.97 × 1.4 = 931 at most, and
    // 60 of stock: below 1,000. And 490/s × 30 s × 0.9 kB at the very most is 13 MB, over 30 partitions.
    let hours = match &scenario.flows[0].shape[0] {
        Shape::Hours(hours) => hours,
        other => panic!("{other:?}"),
    };
    let mean: f64 = hours.iter().sum::<f64>() / 24.0;
    let top = hours.iter().fold(0.0, |a: f64, b| a.max(*b)) / mean;
    let rates: Vec<f64> = scenario
        .flows
        .iter()
        .map(|f| f.height.as_ref().unwrap().value)
        .collect();
    assert!(rates[0] * top * 1.4 + rates[1] < 1000.0);
    assert_eq!(scenario.client, [("linger.ms".into(), "5".into())]);
    assert!(
        scenario
            .events
            .iter()
            .all(|e| matches!(&e.value, Value::Template(t) if t.text.len() > 300))
    );
}

#[test]
fn the_order_of_the_file_is_kept() {
    let scenario = storefront(&Overrides::default());
    let topics: Vec<&str> = scenario.topics.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(topics, ["page-views", "carts", "orders", "inventory"]);
}

#[test]
fn defaults_are_those_of_the_manual() {
    let scenario = flow("mean = \"100/s\"");
    assert_eq!(
        (scenario.seed, scenario.shards, scenario.scale),
        (1, 256, 1.0)
    );
    assert_eq!(scenario.name, "test.toml");
    let time = &scenario.time;
    assert_eq!(time.play, (Duration::ZERO, Duration::from_secs(3600)));
    assert_eq!(time.compress, 1.0);
    assert_eq!(time.settle, Duration::from_secs(30));
    assert_eq!(
        (time.warmup, time.catch_up),
        (Duration::ZERO, Duration::ZERO)
    );
    let flow = &scenario.flows[0];
    assert_eq!((&flow.arrivals, flow.producers), (&Arrivals::Poisson, 1));
    assert_eq!(flow.mix, [(0, 0.75), (1, 0.25)]);
    assert_eq!(scenario.events[0].stamp, StampPlace::Payload);
    assert!(scenario.events[0].key.parts.is_empty());
}

#[test]
fn of_counts_the_share_of_the_mix() {
    assert_eq!(height(&flow("mean = \"100/s\"")), 100.0);
    assert_eq!(height(&flow("mean = \"100/s\"\nof = \"all\"")), 100.0);
    // A quarter of the arrivals are b: 100 of them a second need 400 arrivals.
    assert_eq!(height(&flow("mean = \"100/s\"\nof = \"b\"")), 400.0);
    assert_eq!(
        height(&flow("mean = \"100/s\"\nof = [\"a\", \"b\"]")),
        100.0
    );
    let total = flow("total = \"1.8M\"\nof = \"b\"\n[load]\nscale = 2");
    assert_eq!(height(&total), 1.8e6 * 4.0 * 2.0);
    assert_eq!(total.flows[0].height.as_ref().unwrap().fixes, Fixes::Total);
}

#[test]
fn scale_and_shrink_change_heights_and_think_times() {
    let before = storefront(&Overrides::default());
    let overrides = Overrides {
        scale: Some(3.0),
        shrink: Some(2.0),
        set: vec!["load.scale=2".into()],
        ..Overrides::default()
    };
    let after = storefront(&overrides);
    assert_eq!(after.scale, 3.0);
    assert_eq!(height(&after), height(&before) * 3.0);
    assert_eq!(after.consumers[0].work, before.consumers[0].work * 2);
}

#[test]
fn duration_cuts_and_fit_compresses() {
    let cut = storefront(&Overrides {
        duration: Some(Duration::from_secs(5)),
        ..Overrides::default()
    });
    assert_eq!(cut.time.run_ns(), 5_000_000_000);
    assert_eq!(cut.time.compress, 2880.0);
    let longer = storefront(&Overrides {
        duration: Some(Duration::from_secs(500)),
        ..Overrides::default()
    });
    assert_eq!(
        longer.time.run_ns(),
        30_000_000_000,
        "a run is never lengthened"
    );
    let fit = storefront(&Overrides {
        fit: Some(Duration::from_secs(10)),
        ..Overrides::default()
    });
    assert_eq!(fit.time.run_ns(), 10_000_000_000);
    assert_eq!(fit.time.compress, 8640.0);
    let slow = flow_fit("2h");
    assert_eq!(slow.time.compress, 0.5, "slow motion");
}

fn flow_fit(text: &str) -> Scenario {
    let quantity::Lapse(fit) = text.parse().unwrap();
    let overrides = Overrides {
        fit: Some(fit),
        ..Overrides::default()
    };
    with("[flow.f]\nevent = \"a\"\nmean = \"1/s\"", &overrides)
}

#[test]
fn set_reaches_every_field_without_quotes() {
    let scenario = storefront(&set(&[
        "topic.orders.partitions=24",
        "topic.orders.config.min.insync.replicas=2",
        "topic.orders.config.retention.ms=5",
        "time.starts=2026-11-27T00:00:00Z",
        "flow.shoppers.mean=1k/s",
        "flow.shoppers.spikes.0.flash.at=12:01",
        "slo.0.below=1s",
        "why=\"because\"",
    ]));
    assert_eq!(scenario.topics[2].partitions, 24);
    let config: std::collections::BTreeMap<_, _> =
        scenario.topics[2].config.iter().cloned().collect();
    assert_eq!(config["min.insync.replicas"], "2");
    assert_eq!(config["retention.ms"], "5");
    assert_eq!(height(&scenario), 1000.0);
    assert_eq!(
        scenario.time.starts.to_string(),
        "2026-11-27T00:00:00+00:00[UTC]"
    );
    assert_eq!(scenario.why, "because");
    let Shape::Flash { at, .. } = scenario.flows[0].spikes[0] else {
        panic!("{:?}", scenario.flows[0].spikes)
    };
    assert_eq!(at, 43_260.0);
}

#[test]
fn what_is_effective_loads_as_the_same_plan() {
    let overrides = Overrides {
        scale: Some(1.5),
        shrink: Some(3.0),
        duration: Some(Duration::from_millis(1234)),
        seed: Some(99),
        compress: Some(100.0),
        set: vec!["client.acks=1".into(), "client.linger.ms=6".into()],
        ..Overrides::default()
    };
    let before = storefront(&overrides);
    let again = load_text(&before.effective, &Overrides::default());
    let again = again
        .unwrap_or_else(|e| panic!("{e}\n{}", before.effective))
        .scenario;
    assert_eq!(hash::plan_hash(&again), hash::plan_hash(&before));
    assert_eq!(
        hash::setup_hash(&again, &[]),
        hash::setup_hash(&before, &[])
    );
    assert_eq!(again.slos, before.slos);
    assert_eq!(again.effective, before.effective);
    assert!(
        before.effective.contains("\"linger.ms\" = 6"),
        "{}",
        before.effective
    );
}

#[test]
fn three_slos_are_always_there() {
    let implied = |more: &str| {
        let flows =
            "[flow.f]\nevent = \"a\"\nmean = \"1/s\"\n[flow.g]\nevent = \"b\"\nmean = \"1/s\"\n";
        let scenario = with(&format!("{flows}{more}"), &Overrides::default());
        let implied = scenario.slos.into_iter().filter(|s| s.implied);
        implied.map(|s| (s.metric, s.subject)).collect::<Vec<_>>()
    };
    assert_eq!(implied(""), [(Metric::Failed, None)]);
    let group = "[consume.c]\ntopics = \"t\"\n";
    assert_eq!(
        implied(group),
        [
            (Metric::Missing, None),
            (Metric::Corrupt, None),
            (Metric::Failed, None)
        ]
    );
    let stated = format!("{group}[[slo]]\nmetric = \"missing\"\nat_most = 3\n");
    assert_eq!(
        implied(&stated),
        [(Metric::Corrupt, None), (Metric::Failed, None)]
    );
    let one = "[[slo]]\nmetric = \"failed\"\nflow = \"f\"\nat_most = 0.01\n";
    assert_eq!(implied(one), [(Metric::Failed, Some(Subject::Flow(1)))]);
}

#[test]
fn limits_mean_what_they_say() {
    let limit = |words: &str| {
        let flows = "[flow.f]\nevent = \"a\"\nmean = \"1/s\"\n[consume.c]\ntopics = [\"t\"]\n";
        let scenario = with(&format!("{flows}[[slo]]\n{words}"), &Overrides::default());
        scenario.slos[0].limit
    };
    let ms = |n| Limit::BelowTime(Duration::from_millis(n));
    assert_eq!(
        limit("metric = \"response\"\nquantile = 0.5\nbelow = \"9ms\""),
        ms(9)
    );
    assert_eq!(limit("metric = \"lag_time\"\nat_most = \"1s\""), ms(1000));
    assert_eq!(
        limit("metric = \"lag_records\"\nat_most = \"1M\""),
        Limit::AtMostCount(1_000_000)
    );
    assert_eq!(
        limit("metric = \"failed\"\nbelow = 5"),
        Limit::AtMostCount(4)
    );
    assert_eq!(
        limit("metric = \"failed\"\nat_most = 0.001"),
        Limit::AtMostShare(0.001)
    );
    assert_eq!(
        limit("metric = \"achieved\"\nat_least = 0.995"),
        Limit::AtLeastShare(0.995)
    );
}

#[test]
fn clock_times_are_the_first_such() {
    let scenario = with(
        r#"
[flow.f]
event = "a"
mean = "1/s"
spikes = [ { flash = { at = "00:20", height = 3, decay = "1m" } }, { flash = { at = "+90s", height = 2, base = 0, attack = "5s" } } ]
"#,
        &set(&[
            "time.starts=2026-11-27T23:50:00-05:00",
            "time.play=[\"23:55\", \"00:30\"]",
        ]),
    );
    assert_eq!(
        scenario.flows[0].spikes,
        [
            Shape::Flash {
                at: 1800.0,
                height: 3.0,
                base: 1.0,
                attack: 0.0,
                hold: 0.0,
                decay: 60.0
            },
            Shape::Flash {
                at: 90.0,
                height: 2.0,
                base: 0.0,
                attack: 5.0,
                hold: 0.0,
                decay: 0.0
            },
        ]
    );
    let minutes = |n: u64| Duration::from_secs(n * 60);
    assert_eq!(scenario.time.play, (minutes(5), minutes(40)));
}

#[test]
fn properties_may_stand_without_quotes() {
    let scenario = with(
        r#"
[flow.f]
event = "a"
arrivals = "unthrottled"
client = { acks = 1, "linger.ms" = 0 }
[client]
enable.idempotence = false
linger.ms = 5.5
[consume.c]
topics = ["t"]
client = { fetch.wait.max.ms = 10 }
"#,
        &Overrides::default(),
    );
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        scenario.client,
        [
            pair("enable.idempotence", "false"),
            pair("linger.ms", "5.5")
        ]
    );
    assert_eq!(
        scenario.flows[0].client,
        [pair("acks", "1"), pair("linger.ms", "0")]
    );
    assert_eq!(
        scenario.consumers[0].client,
        [pair("fetch.wait.max.ms", "10")]
    );
    assert_eq!(scenario.flows[0].height, None);
}

#[test]
fn what_is_suspicious_is_a_warning() {
    let text =
        format!("{SMALL}[topic.unused]\npartitions = 1\n[flow.f]\nevent = \"a\"\nmean = \"1/s\"\n");
    let overrides = set(&["time.warmup=2h"]);
    let loaded = load_text(&text, &overrides).unwrap();
    let warnings: Vec<&str> = loaded.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        warnings,
        [
            "no flow sends [event.b]",
            "no event is written to [topic.unused]",
            "the run takes 1h and is all warm-up"
        ]
    );
    assert!(
        loaded
            .warnings
            .iter()
            .all(|w| w.severity == Severity::Warning && w.place.is_some())
    );
}
