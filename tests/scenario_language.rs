//! The whole language, read from files as users write them. Errors are in `scenario_errors.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use highwater::scenario::{
    Arrivals, Batch, Fixes, FlowJourney, KeyPart, Lag, Length, Loaded, Overrides, Periodic,
    PickFlash, Problem, Scenario, ScenarioErrors, Shape, Source, StampPlace, Times, TracePiece,
    load,
};

fn simulated(seconds: f64) -> Length {
    Length {
        seconds,
        real: false,
    }
}

fn language() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/language")
}

fn peak_day(sets: &[&str]) -> Loaded {
    let source = Source::Path(language().join("peak-day.toml"));
    let overrides = Overrides {
        set: sets.iter().map(|&s| s.to_owned()).collect(),
        ..Overrides::default()
    };
    load(&source, &overrides).unwrap_or_else(|errors| panic!("{errors}"))
}

fn load_in(folder: &Path, text: &str, overrides: &Overrides) -> Result<Loaded, ScenarioErrors> {
    let source = Source::Text {
        name: "case.toml".into(),
        text: text.into(),
        folder: folder.to_owned(),
    };
    load(&source, overrides)
}

#[track_caller]
fn loaded(text: &str, overrides: &Overrides) -> Loaded {
    load_in(&language(), text, overrides).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_peak_day_loads_without_a_warning() {
    let Loaded { scenario, warnings } = peak_day(&[]);
    assert_eq!(warnings, []);
    let product = scenario.pools.iter().find(|p| p.name == "product").unwrap();
    assert_eq!(scenario.pools[product.of.unwrap()].name, "merchant");
    assert_eq!(scenario.events[0].key.parts, [KeyPart::Session]);
    let flow = &scenario.flows[0];
    let FlowJourney {
        journey, visits, ..
    } = flow.journey.as_ref().unwrap();
    let journey = &scenario.journeys[*journey];
    let Lag::LogNormal { median, max, .. } = journey.follows[0].after else {
        panic!("{:?}", journey.follows)
    };
    let real = |seconds| Length {
        seconds,
        real: true,
    };
    assert_eq!((median, max), (real(1.2), Some(real(30.0))));
    // Views: v = 1 + 0.86 v + 0.5 a, and carts a = 0.087 v.
    let view = 1.0 / (1.0 - 0.86 - 0.5 * 0.087);
    let add = 0.087 * view;
    let expected = [view, add, 0.3 * add, 0.3 * add * 0.97];
    assert_eq!(visits.len(), expected.len());
    for ((_, number), expected) in visits.iter().zip(expected) {
        assert!((number - expected).abs() < 1e-9, "{visits:?}");
    }
    let height = flow.height.as_ref().unwrap();
    assert_eq!((height.fixes, height.value), (Fixes::Total, 1.6e9));
    assert_eq!(height.of, [0, 1, 2, 3]);
    let all: f64 = flow.mix.iter().map(|(_, share)| share).sum();
    assert!((all - 1.0).abs() < 1e-12);
}

#[test]
fn a_flow_may_begin_at_another_state() {
    let Loaded { scenario, .. } = peak_day(&[
        "flow.shoppers.start=order",
        "flow.shoppers.of=payment_authorised",
    ]);
    let flow = &scenario.flows[0];
    let begun = flow.journey.as_ref().unwrap();
    assert_eq!(begun.start, 2);
    assert_eq!(begun.visits, [(2, 1.0), (3, 0.97)]);
    assert_eq!(flow.height.as_ref().unwrap().of, [3]);
}

#[test]
fn what_is_effective_loads_as_the_same_journeys() {
    let before =
        peak_day(&["journey.shopper.state.view.after={ at = \"22:00\", within = \"4h\" }"]);
    let again = loaded(&before.scenario.effective, &Overrides::default());
    assert_eq!(again.scenario.journeys, before.scenario.journeys);
    assert_eq!(
        again.scenario.flows[0].journey,
        before.scenario.flows[0].journey
    );
    assert_eq!(again.scenario.effective, before.scenario.effective);
}

/// Everything that a shop's day has beside journeys. A child pool stands before its parent.
const REST: &str = r#"
[time]
span    = "24h"
history = "5m"
[pool.robot]
count = 1_000
of    = "hall"
[pool.hall]
count = 4
flash = { id = 2, share = 0.7, at = "12:00", for = "30m" }
[topic.t]
partitions = 3
[event.ping]
topic = "t"
key   = "device"
value = { bytes = "300B" }
[event.mail]
topic   = "t"
key     = ["hall", "robot"]
value   = { bytes = "300B" }
defects = { tombstone = { share = 0.02 } }
[flow.robots]
event    = "ping"
arrivals = { periodic = { devices = "robot", every = "10s", jitter = "500ms", phase = "aligned" } }
shape    = [ { square = { every = "24h", on = "8h", height = 1, base = 0.2 } } ]
[flow.news]
event    = "mail"
arrivals = { batch = { size = "25M", within = "20m", at = ["10:00", "09:00"], keeps = "hall" } }
[flow.mails]
event    = "mail"
mean     = "100/s"
arrivals = { batch = { size = { lognormal = { median = "60k", sigma = 1.2, max = "1M" } }, within = "4m real" } }
[flow.feed]
event    = "mail"
mean     = "5/s"
arrivals = { bursty = { cv = 2 } }
defects  = { late = { share = 0.1, by = "1h" } }
[flow.desk]
event    = "mail"
arrivals = { closed = { users = 40, think = { exponential = "5s" } } }
defects  = { duplicate = { share = 0 } }
"#;

fn rest(change: impl FnOnce(&mut Overrides)) -> Scenario {
    let mut overrides = Overrides::default();
    change(&mut overrides);
    loaded(REST, &overrides).scenario
}

#[test]
fn campaigns_devices_users_and_defects_are_read() {
    let scenario = rest(|_| {});
    assert_eq!(scenario.time.history, Duration::from_secs(300));
    // Parents first.
    let names: Vec<&str> = scenario.pools.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["hall", "robot"]);
    assert_eq!(scenario.pools[1].of, Some(0));
    assert_eq!(
        scenario.pools[0].flash,
        Some(PickFlash {
            id: 2,
            share: 0.7,
            at: 43_200.0,
            lasting: 1800.0
        })
    );
    assert_eq!(scenario.events[0].key.parts, [KeyPart::Device]);
    let mail = &scenario.events[1];
    assert_eq!(mail.key.parts, [KeyPart::Pool(0), KeyPart::Pool(1)]);
    // A tombstone has no value for a stamp; and a share of nothing is no defect.
    assert_eq!(mail.stamp, StampPlace::Header);
    assert_eq!(scenario.events[0].stamp, StampPlace::Payload);
    assert_eq!(
        (mail.defects.tombstone, mail.defects.duplicate),
        (Some(0.02), None)
    );
    let arrivals: Vec<&Arrivals> = scenario.flows.iter().map(|f| &f.arrivals).collect();
    assert_eq!(
        arrivals[0],
        &Arrivals::Periodic(Periodic {
            devices: 1000,
            pool: Some(1),
            every: Duration::from_secs(10),
            jitter: Duration::from_millis(500),
            aligned: true,
        })
    );
    assert_eq!(
        arrivals[1],
        &Arrivals::Batch(Batch {
            size: Times::Fixed(25e6),
            within: simulated(1200.0),
            at: vec![32_400.0, 36_000.0],
            keeps: vec![0],
        })
    );
    let Arrivals::Batch(mails) = arrivals[2] else {
        panic!("{:?}", arrivals[2])
    };
    assert!(mails.at.is_empty() && mails.within.real);
    assert_eq!(arrivals[3], &Arrivals::Bursty { cv: 2.0 });
    let think = Lag::Exponential {
        mean: simulated(5.0),
    };
    assert_eq!(arrivals[4], &Arrivals::Closed { users: 40, think });
    let heights: Vec<bool> = scenario.flows.iter().map(|f| f.height.is_some()).collect();
    assert_eq!(heights, [false, false, true, true, false]);
    let late = scenario.flows[3].defects.late.unwrap();
    assert_eq!(late.by, Duration::from_secs(3600));
}

#[test]
fn scale_and_shrink_reach_devices_and_users() {
    let populations = |scenario: &Scenario| {
        let of = |flow: usize| match &scenario.flows[flow].arrivals {
            Arrivals::Periodic(periodic) => periodic.devices,
            Arrivals::Closed { users, .. } => *users,
            other => panic!("{other:?}"),
        };
        (of(0), of(4))
    };
    let twice = rest(|o| o.scale = Some(2.0));
    assert_eq!(populations(&twice), (2000, 80));
    // There are as many ids as devices.
    assert_eq!(twice.pools[1].count, 2000);
    let small = rest(|o| o.shrink = Some(100.0));
    assert_eq!(populations(&small), (10, 1), "there is always one");
    assert_eq!(small.pools[1].count, 1000);
    assert_eq!(small.flows[2].height.as_ref().unwrap().value, 1.0);
}

#[test]
fn new_words_are_overridden_like_old_ones() {
    let sets = |o: &mut Overrides| {
        o.set = [
            "flow.desk.arrivals.closed.think=2s",
            "flow.robots.arrivals.periodic.every=1m",
            "flow.news.arrivals.batch.at.0=11:00",
            "pool.hall.flash.share=0.5",
            "event.mail.defects.tombstone.share=0",
        ]
        .map(str::to_owned)
        .to_vec();
    };
    let scenario = rest(sets);
    let Arrivals::Closed { think, .. } = &scenario.flows[4].arrivals else {
        panic!()
    };
    assert_eq!(*think, Lag::Fixed(simulated(2.0)));
    let Arrivals::Batch(news) = &scenario.flows[1].arrivals else {
        panic!()
    };
    assert_eq!(news.at, [32_400.0, 39_600.0]);
    assert_eq!(scenario.pools[0].flash.unwrap().share, 0.5);
    assert_eq!(scenario.events[1].stamp, StampPlace::Payload);
    let wrong = load_in(
        &language(),
        REST,
        &Overrides {
            set: vec!["journey.shopper.at_most=5".into()],
            ..Overrides::default()
        },
    );
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains("no journey `shopper`")
    );
}

fn messages(loaded: &Loaded) -> Vec<&str> {
    loaded.warnings.iter().map(|w| w.message.as_str()).collect()
}

#[test]
fn what_is_suspicious_in_the_rest_is_a_warning() {
    let late = "nothing in [event.mail] tells the time";
    let unfelt = "nothing feels the flash of [pool.hall]";
    assert_eq!(messages(&loaded(REST, &Overrides::default())), [late]);
    let played = Overrides {
        set: vec!["time.play=[\"06:00\", \"08:00\"]".into()],
        ..Overrides::default()
    };
    let batches = "no batch is in the part that is played";
    assert_eq!(messages(&loaded(REST, &played)), [unfelt, batches, late]);
    let unkeyed = Overrides {
        set: vec!["event.mail.key=robot".into()],
        ..Overrides::default()
    };
    assert_eq!(messages(&loaded(REST, &unkeyed)), [unfelt, late]);
}

#[test]
fn what_is_suspicious_in_a_journey_is_a_warning() {
    let warnings = |sets: &[&str]| -> Vec<String> {
        let loaded = peak_day(sets);
        loaded.warnings.iter().map(|w| w.message.clone()).collect()
    };
    let only = |sets: &[&str], says: &[&str]| {
        let found = warnings(sets);
        assert_eq!(found.len(), 1, "{found:?}");
        for word in says {
            assert!(found[0].contains(word), "`{word}` is not in {found:?}");
        }
    };
    // The merchant of a page view is another than that of the order.
    let anew = warnings(&["journey.shopper.keeps=customer"]);
    assert_eq!(anew.len(), 2, "{anew:?}");
    assert!(
        anew[0].contains("another merchant at every visit")
            && anew[0].contains("[event.order_placed]")
    );
    assert!(anew[1].contains("[event.payment_authorised]"));
    // Held on to from the view to the order, and so in all but the first state.
    let held = [
        "journey.shopper.keeps=customer",
        "journey.shopper.state.view.keep_on=merchant",
        "journey.shopper.state.add.keep_on=merchant",
        "journey.shopper.state.order.keep_on=merchant",
    ];
    assert_eq!(warnings(&held), [""; 0]);
    only(
        &["event.page_view.key=product"],
        &["another product", "[event.page_view]"],
    );
    only(
        &["journey.shopper.state.order.after=5s"],
        &["nothing comes after the state `order`"],
    );
    only(
        &["journey.shopper.state.order.keep_on=customer"],
        &["keeps `customer` throughout"],
    );
    // Nobody comes back to the view or the cart.
    let never = warnings(&["flow.shoppers.start=order"]);
    assert!(
        never.contains(&"no journey comes to the state `view`".to_owned()),
        "{never:?}"
    );
    let idle = warnings(&[
        "flow.shoppers={ event = \"order_placed\", mean = \"5/s\" }",
        "event.page_view.key=merchant",
    ]);
    assert!(
        idle.contains(&"no flow begins [journey.shopper]".to_owned()),
        "{idle:?}"
    );
}

/// A scenario whose flow follows a trace, which stands in a folder of its own.
fn traced(csv: &[u8], words: &str) -> Result<Loaded, ScenarioErrors> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("day.csv"), csv).unwrap();
    let text = format!(
        "[time]\nspan = \"20m\"\n[topic.t]\npartitions = 1\n[event.e]\ntopic = \"t\"\nvalue = {{ bytes = 300 }}\n\
         [flow.f]\nevent = \"e\"\ntotal = 100\nshape = [ {{ trace = {{ file = \"day.csv\", {words} }} }} ]\n"
    );
    load_in(folder.path(), &text, &Overrides::default())
}

#[track_caller]
fn pieces(csv: &[u8], words: &str) -> Vec<(f64, f64, f64, f64)> {
    let loaded = traced(csv, words).unwrap_or_else(|errors| panic!("{errors}"));
    let Shape::Trace(pieces) = &loaded.scenario.flows[0].shape[0] else {
        panic!("{:?}", loaded.scenario.flows[0].shape)
    };
    let of = |p: &TracePiece| (p.from, p.to, p.rate_from, p.rate_to);
    pieces.iter().map(of).collect()
}

const RATES: &str = "time = \"time\", rate = \"rate\"";
const COUNTS: &str = "time = \"time\", count = \"n\"";

#[test]
fn traces_read_as_monitoring_systems_write_them() {
    let straight = [(0.0, 600.0, 5.0, 7.0), (600.0, 1200.0, 7.0, 7.0)];
    for csv in [
        "time,rate\n2025-11-28T00:00:00Z,5\n2025-11-28T00:10:00Z,7\n",
        "time,rate\n2025-11-28T00:00:00+01:00,5\n2025-11-28T00:10:00+01:00,7\n",
        // Grafana: quotes, a blank for the T and no offset; a byte order mark, Windows' line ends.
        "\u{feff}\"time\",\"rate\"\r\n\"2025-11-28 00:00:00\",\"5\"\r\n\"2025-11-28 00:10:00\",\"7\"\r\n",
        "time,rate\n1764288000,5\n1764288600,7",
        "time,rate\n1764288000000,5.0\n1764288600000,7.0\n",
        "time,rate\n1764288000.000,5\n1764288600.000,7\n",
        // Another column with quotes, commas and line ends in it; empty columns; empty lines.
        "host,,time,rate\n\"a, \"\"b\"\"\nc\",,1764288000,5\n\n,,1764288600,7\n\n",
        "time;rate\n1764288000;5\n1764288600;7\n",
        "time\trate\n1764288000\t5\n1764288600\t7\n",
    ] {
        assert_eq!(pieces(csv.as_bytes(), RATES), straight, "{csv}");
    }
    // A count is spread over its interval, also when that is a little longer than the others.
    let counts = "time,n\n0,600\n600,1200\n1200,60\n1950,0\n2550,300\n";
    assert_eq!(
        pieces(counts.as_bytes(), COUNTS),
        [
            (0.0, 600.0, 1.0, 1.0),
            (600.0, 1200.0, 2.0, 2.0),
            (1200.0, 1950.0, 0.08, 0.08),
            (1950.0, 2550.0, 0.0, 0.0),
            (2550.0, 3150.0, 0.5, 0.5),
        ]
    );
}

#[test]
fn what_is_wrong_in_a_trace_is_bridged_when_asked() {
    let bridge = |words: &str| format!("{words}, gaps = \"bridge\"");
    // A gap of half an hour, a bad row, one without a value, two of a time, and one out of order.
    let rates =
        "time,rate\n0,1\n600,2\n1200,NaN\n1200,\n1200,3\n3000,5\n3600,1\n3600,9\n4800,4\n4200,2\n";
    assert_eq!(
        pieces(rates.as_bytes(), &bridge(RATES)),
        [
            (0.0, 600.0, 1.0, 2.0),
            (600.0, 1200.0, 2.0, 3.0),
            (1200.0, 3000.0, 3.0, 5.0),
            (3000.0, 3600.0, 5.0, 1.0),
            (3600.0, 4200.0, 1.0, 2.0),
            (4200.0, 4800.0, 2.0, 4.0),
            (4800.0, 5400.0, 4.0, 4.0),
        ]
    );
    let loaded = traced(rates.as_bytes(), &bridge(RATES)).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    let says = &loaded.warnings[0].message;
    assert!(says.contains("was bridged at 5 rows"), "{says}");
    // A count's own interval, then a straight line to the next.
    let counts = "time,n\n0,600\n600,600\n1800,1200\n2400,600\n";
    assert_eq!(
        pieces(counts.as_bytes(), &bridge(COUNTS)),
        [
            (0.0, 600.0, 1.0, 1.0),
            (600.0, 1200.0, 1.0, 1.0),
            (1200.0, 1800.0, 1.0, 2.0),
            (1800.0, 2400.0, 2.0, 2.0),
            (2400.0, 3000.0, 1.0, 1.0),
        ]
    );
}

#[test]
fn a_trace_that_is_over_early_is_a_warning() {
    let loaded = traced(b"time,rate\n0,1\n60,2\n", RATES).unwrap();
    assert_eq!(
        messages(&loaded),
        ["the trace is over 18m before the span is"]
    );
}

/// The errors of a trace, each as file, line and what is marked.
fn trace_errors(csv: &str, words: &str) -> Vec<(String, usize, String, String)> {
    let errors = traced(csv.as_bytes(), words).map(|_| ()).unwrap_err();
    let of = |problem: &Problem| {
        let place = problem.place.as_ref().expect("a place");
        let file = place.file.rsplit('/').next().unwrap().to_owned();
        let marked = place.text[place.marked.clone()].to_owned();
        (file, place.line, marked, problem.render(false))
    };
    errors.problems.iter().map(of).collect()
}

#[test]
fn errors_of_a_trace_have_their_line() {
    let csv = "time,rate\r\n0,1\r\n600,two\r\n\"soon\",3\r\n1200,-4\r\n1800,\r\n2400,5,6\r\n3000,1\r\n2900,1\r\n\
               2900,1\r\n3600,1\r\n6000,1\r\n1e17,4\r\n";
    let found = trace_errors(csv, RATES);
    let expected = [
        (3, "two", "`two` is not a number of events"),
        (4, "soon", "`soon` is not a time"),
        (5, "-4", "`-4` is not a number of events"),
        (6, "1800,", "this row has no value"),
        (7, "2400,5,6", "no row for 40m before this one"),
        (9, "2900,1", "earlier than the one before"),
        (10, "2900,1", "has the time of the one before"),
        (12, "6000,1", "no row for 40m before this one"),
        (13, "1e17", "`1e17` is not a time"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((file, line, marked, shown), (at, mark, says)) in found.iter().zip(expected) {
        assert_eq!(
            (file.as_str(), *line, marked.as_str()),
            ("day.csv", at, mark),
            "{shown}"
        );
        assert!(shown.contains(says), "{shown}");
    }
}

#[test]
fn many_errors_of_a_trace_are_counted() {
    let csv = format!("time,rate\n{}", "x,1\n".repeat(500));
    let found = trace_errors(&csv, RATES);
    assert_eq!(found.len(), 20);
    assert!(
        found[19].3.contains("and 480 more in this file"),
        "{}",
        found[19].3
    );
}

#[test]
fn a_trace_that_does_not_fit_its_words_is_an_error() {
    for (csv, words, marked, says) in [
        (
            "time,rate\n0,1\n",
            RATES,
            "\"day.csv\"",
            "fewer than two rows",
        ),
        ("", RATES, "\"day.csv\"", "is empty"),
        (
            "tiem,rate\n0,1\n",
            RATES,
            "\"time\"",
            "did you mean `tiem`?",
        ),
        (
            "time,rate\n0,1\n",
            COUNTS,
            "\"n\"",
            "its columns: time, rate",
        ),
        (
            "time,rate\n0,1\n",
            "time = \"time\"",
            "\"day.csv\"",
            "needs `rate` or `count`",
        ),
        (
            "time,rate\n0,1\n",
            "time = \"time\", rate = \"rate\", count = \"rate\"",
            "\"rate\"",
            "`count` beside `rate`",
        ),
        ("time,rate\n0,0\n600,0\n", RATES, "", "0 throughout"),
        (
            "time,rate\n0,1\n600,1\n",
            "time = \"time\", rate = \"rate\", gaps = \"brige\"",
            "\"brige\"",
            "did you mean `bridge`?",
        ),
    ] {
        let found = trace_errors(csv, words);
        assert_eq!(found.len(), 1, "{found:?}");
        let (file, _, mark, shown) = &found[0];
        assert_eq!(file, "case.toml");
        assert!(marked.is_empty() || mark == marked, "{shown}");
        assert!(shown.contains(says), "{shown}");
    }
    let missing = "[time]\nspan = \"20m\"\n[topic.t]\npartitions = 1\n[event.e]\ntopic = \"t\"\nvalue = { bytes = 300 }\n\
        [flow.f]\nevent = \"e\"\ntotal = 100\nshape = [ { trace = { file = \"no.csv\", time = \"t\", rate = \"r\" } } ]\n";
    let errors = load_in(&language(), missing, &Overrides::default()).unwrap_err();
    assert!(
        errors.to_string().contains("a CSV file is expected there"),
        "{errors}"
    );
}

/// E-mails of campaigns, each with a life of its own.
const CAMPAIGN: &str = r#"
[time]
span = "1h"
[pool.account]
count = 100
flash = { id = 2, share = 0.5, at = "+10m", for = "10m" }
[pool.list]
count = 1_000
of    = "account"
[topic.mail]
partitions = 3
[event.sent]
topic = "mail"
key   = "account"
value = { bytes = "300B" }
[journey.mail]
start = "send"
[journey.mail.state.send]
emits = "sent"
[flow.campaigns]
journey  = "mail"
mean     = "10/s"
arrivals = { batch = { size = "3k", within = "5m", keeps = "list" } }
"#;

#[test]
fn a_flash_that_a_batch_of_journeys_cannot_show_is_a_warning() {
    let with = |sets: &[&str]| -> Vec<String> {
        let overrides = Overrides {
            set: sets.iter().map(|&set| set.to_owned()).collect(),
            ..Overrides::default()
        };
        let warnings = loaded(CAMPAIGN, &overrides).warnings;
        warnings.into_iter().map(|w| w.message).collect()
    };
    // Who keeps a list keeps its account.
    assert_eq!(
        with(&[]),
        ["the flash of [pool.account] passes by flow `campaigns`"]
    );
    let kept_in_the_journey = [
        "flow.campaigns.arrivals={ batch = { size = \"3k\", within = \"5m\" } }",
        "journey.mail.keeps=list",
    ];
    assert_eq!(with(&kept_in_the_journey), [""; 0]);
}
