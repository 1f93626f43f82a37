//! The whole language, read from files as users write them.

use std::path::PathBuf;

use highwater::scenario::{FlowJourney, Lag, Loaded, Overrides, Source, load};

fn language() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/language")
}

fn peak_day() -> Loaded {
    let source = Source::Path(language().join("peak-day.toml"));
    load(&source, &Overrides::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_peak_day_loads_without_a_warning() {
    let Loaded { scenario, warnings } = peak_day();
    assert_eq!(warnings, []);
    let product = scenario.pools.iter().find(|p| p.name == "product").unwrap();
    assert_eq!(scenario.pools[product.of.unwrap()].name, "merchant");
    let flow = &scenario.flows[0];
    let FlowJourney {
        journey, visits, ..
    } = flow.journey.as_ref().unwrap();
    let journey = &scenario.journeys[*journey];
    assert!(matches!(journey.follows[0].after, Lag::LogNormal { median, .. } if median.real));
    // Views: v = 1 + 0.86 v + 0.5 a, and carts a = 0.087 v.
    let view = 1.0 / (1.0 - 0.86 - 0.5 * 0.087);
    let add = 0.087 * view;
    let expected = [view, add, 0.3 * add, 0.3 * add * 0.97];
    for ((_, number), expected) in visits.iter().zip(expected) {
        assert!((number - expected).abs() < 1e-9, "{visits:?}");
    }
    assert_eq!(flow.height.as_ref().unwrap().of, [0, 1, 2, 3]);
    assert_eq!(flow.height.as_ref().unwrap().value, 1.6e9);
    let all: f64 = flow.mix.iter().map(|(_, share)| share).sum();
    assert!((all - 1.0).abs() < 1e-12);
}
