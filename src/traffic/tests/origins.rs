//! What events have in common that come from one journey, batch or device.

use super::*;
use crate::scenario::{Batch, FlowJourney, Journey, Length, Periodic, PickFlash, State, Times};
use crate::schedule::{Draw, Step};

const VIEW: &str = r#"{"m": {{merchant}}, "p": {{product}}, "c": {{customer}}, "t": "{{product.title}}", "u": "{{uuid}}"}"#;
const CART: &str = r#"{"c": {{customer}}, "lines": [{{#lines 3}} {{product}} {{/lines}}], "m": {{merchant}}, "n": {{int 1 1000000}}}"#;
const MERCHANT: &str = r#"{"m": {{merchant}}, "s": "{{session}}"}"#;

/// Products belong to merchants. A journey that keeps `keeps`, with a state that keeps on `keep_on`, sends these events.
fn journeys(events: &[&str], keeps: &[usize], keep_on: &[usize]) -> Scenario {
    let events = events.iter().map(|text| event("e", &[0], template(text)));
    let mut scenario = scenario(events.collect());
    scenario.pools[1].of = Some(0);
    scenario.journeys = vec![Journey {
        name: "shopper".into(),
        keeps: keeps.to_vec(),
        states: vec![State {
            keep_on: keep_on.to_vec(),
            ..State::default()
        }],
        ..Journey::default()
    }];
    scenario.flows[0].journey = Some(FlowJourney {
        journey: 0,
        start: 0,
        visits: Vec::new(),
    });
    scenario
}

fn step(session: u64, serial: u32, nth: u16) -> Step {
    Step {
        session,
        nth,
        visit: Draw { serial, at_ms: 0 },
        ..Step::default()
    }
}

/// What an event says, and its key.
fn says(renderer: &mut Renderer, event: u16, ordinal: u32, origin: &Origin) -> (Json, String) {
    let (rendered, buffer) = render_of(renderer, event, ordinal, origin);
    let key = String::from_utf8(buffer[rendered.key.unwrap()].to_vec()).unwrap();
    let mut value: Json = serde_json::from_slice(&buffer[rendered.value.unwrap()]).unwrap();
    value.as_object_mut().unwrap().remove("_hw");
    (value, key)
}

fn number(value: &Json, field: &str) -> u64 {
    value[field].as_u64().unwrap()
}

/// A step says the same under any identity; and what it shares with other steps is what the journey says it shares.
#[test]
fn events_of_a_journey_agree() {
    let mut renderer = compiled(&journeys(&[VIEW, CART], &[2, 0], &[]));
    let (mut same_visit, mut products, mut sessions) = (0, HashMap::new(), HashMap::new());
    for session in 0..50 {
        for serial in 0..4 {
            let at = |nth| Origin::Step(step(session, serial, nth));
            let (view, key) = says(&mut renderer, 0, 7, &at(0));
            assert_eq!(
                says(&mut renderer, 0, 90_000, &at(0)),
                (view.clone(), key.clone())
            );
            let (again, other_key) = says(&mut renderer, 0, 8, &at(1));
            assert_eq!(
                (&view["p"], &view["t"]),
                (&again["p"], &again["t"]),
                "one visit"
            );
            assert_ne!(view["u"], again["u"], "drawn for each event");
            assert_eq!((key.parse(), other_key), (Ok(number(&view, "m")), key));
            let (cart, _) = says(&mut renderer, 1, 9, &at(2));
            assert_eq!((&view["c"], &view["m"]), (&cart["c"], &cart["m"]));
            let kept = (number(&view, "c"), number(&view, "m"));
            assert_eq!(
                *sessions.entry(session).or_insert(kept),
                kept,
                "one journey"
            );
            same_visit +=
                u32::from(products.insert(session, number(&view, "p")) == view["p"].as_u64());
        }
    }
    // Small merchants have few products, so that some are drawn again; not all.
    assert!(same_visit < 75, "{same_visit} of 150");
    let customers: std::collections::HashSet<u64> = sessions.values().map(|kept| kept.0).collect();
    assert!(customers.len() > 45, "{customers:?}");
}

#[test]
fn what_is_kept_on_stays_until_it_is_drawn_anew() {
    let mut renderer = compiled(&journeys(&[VIEW], &[2], &[1]));
    let mut changed = 0;
    for session in 0..100 {
        let mut held = |serial, held| {
            let mut step = step(session, serial, 0);
            step.held[0] = Draw {
                serial: held,
                at_ms: 0,
            };
            let (value, _) = says(&mut renderer, 0, serial, &Origin::Step(step));
            (number(&value, "m"), number(&value, "p"))
        };
        let (first, kept, drawn) = (held(3, 3), held(4, 3), held(5, 5));
        assert_eq!(first, kept, "its merchant stays with it");
        changed += u32::from(first != drawn);
    }
    assert!(changed > 90, "{changed}");
}

#[test]
fn products_are_their_merchants() {
    let by_name = r#"{"m": {{merchant}}, "p": {{product}}}"#;
    let lines = r#"{"m": {{merchant}}, "p": 0, "lines": [{{#lines 3}} {{product}} {{/lines}}]}"#;
    let hidden = r#"{"p": {{product}}, "lines": [{{#lines 3}} {{product}} {{/lines}}]}"#;
    let sellers =
        r#"{"p": 0, "lines": [{{#lines 3}} {"m": {{merchant}}, "p": {{product}}} {{/lines}}]}"#;
    let kept = journeys(&[by_name, lines, hidden, sellers], &[0], &[]);
    let mut alone = kept.clone();
    alone.flows[0].journey = None;
    for (scenario, journey) in [(&alone, false), (&kept, true)] {
        let traffic = Arc::new(Traffic::compile(scenario, RUN).unwrap());
        let owner = |product: u64| traffic.kit.pools.owner(1, product, 0).unwrap();
        let mut renderer = Renderer::new(Arc::clone(&traffic));
        for ordinal in 0..300u32 {
            let origin = match journey {
                true => Origin::Step(step(u64::from(ordinal) / 3, ordinal % 3, 0)),
                false => Origin::Alone,
            };
            for event in 0..4 {
                let (value, key) = says(&mut renderer, event, ordinal, &origin);
                // The key is the merchant, also where nothing else names one.
                let merchant: u64 = key.parse().unwrap();
                if let Some(named) = value["m"].as_u64() {
                    assert_eq!(named, merchant);
                }
                let product = number(&value, "p");
                assert!(product == 0 || owner(product) == merchant);
                for line in value["lines"].as_array().unwrap_or(&Vec::new()) {
                    match line.as_u64() {
                        Some(product) => assert_eq!(owner(product), merchant),
                        None => assert_eq!(owner(number(line, "p")), number(line, "m")),
                    }
                }
            }
        }
    }
}

#[test]
fn a_parent_with_too_many_ids_is_an_error() {
    let mut scenario = journeys(&[VIEW], &[], &[]);
    scenario.pools[1].count = 9_999;
    let error = Traffic::compile(&scenario, RUN).err().unwrap().to_string();
    assert!(error.starts_with("pool.product: 9999 ids"), "{error}");
}

/// One product takes a tenth of the picks from 12:00:10 to 12:00:20 of simulated time; play starts at 12:00, in real time.
fn with_flash(scenario: &mut Scenario) {
    scenario.time.compress = 1.0;
    scenario.pools[1].flash = Some(PickFlash {
        id: 1_234_567,
        share: 0.1,
        at: 43_210.0,
        lasting: 10.0,
    });
}

/// How many of `n` events show the flash's product.
fn hits(scenario: &Scenario, n: u32, origin: impl Fn(u32) -> (u64, Origin)) -> u32 {
    let traffic = Arc::new(Traffic::compile(scenario, RUN).unwrap());
    let mut renderer = Renderer::new(Arc::clone(&traffic));
    let owner = traffic.kit.pools.owner(1, 1_234_567, 0).unwrap();
    let mut hits = 0;
    for ordinal in 0..n {
        let (due_ns, origin) = origin(ordinal);
        let mut buffer = Vec::new();
        let rendered = renderer.render(0, id(ordinal), due_ns, &origin, &mut buffer);
        let value: Json = serde_json::from_slice(&buffer[rendered.value.unwrap()]).unwrap();
        if value["p"] == 1_234_567 {
            assert_eq!(value["m"].as_u64(), Some(owner), "the merchant matches");
            hits += 1;
        }
    }
    hits
}

#[test]
fn a_flash_takes_its_share() {
    let mut alone = journeys(&[VIEW], &[0], &[]);
    with_flash(&mut alone);
    let kept = alone.clone();
    alone.flows[0].journey = None;
    let mut free = kept.clone();
    free.journeys[0].keeps = vec![];
    const N: u32 = 20_000;
    // Binomial: 2,000 ± 42; 5 sd.
    let is_share = |hits: u32| hits.abs_diff(2_000) < 213;
    let s = |s: f64| (s * 1e9) as u64;
    let at = |s: f64| move |_| ((s * 1e9) as u64, Origin::Alone);
    assert!(is_share(hits(&alone, N, at(10.0))));
    assert!(is_share(hits(&alone, N, at(19.99))));
    assert!(hits(&alone, N, at(9.99)) < 10);
    assert!(hits(&alone, N, at(20.0)) < 10);
    // A visit counts at its own instant, whenever its follow-ups are due.
    let visit = |started_ms, at_ms| {
        move |n| {
            let mut step = step(u64::from(n), 0, 0);
            (step.started_ms, step.visit.at_ms) = (started_ms, at_ms);
            (s(25.0), Origin::Step(step))
        }
    };
    assert!(is_share(hits(&free, N, visit(0, 12_000))));
    assert!(hits(&free, N, visit(12_000, 20_000)) < 10);
    // Who keeps a merchant came for the product, or did not: it takes effect for those who began during the flash.
    assert!(is_share(hits(&kept, N, visit(12_000, 13_000))));
    assert!(hits(&kept, N, visit(9_000, 13_000)) < 10);
    // Later they still are at its merchant's, whose most popular product has a fifth of the picks at most.
    assert!(hits(&kept, N, visit(12_000, 20_000)) < 600);
}

/// All events of those who came for a flash agree, whichever pools they name.
#[test]
fn a_flash_hits_all_events_of_a_visit() {
    let mut scenario = journeys(&[VIEW, MERCHANT, CART], &[0], &[]);
    with_flash(&mut scenario);
    let mut renderer = compiled(&scenario);
    let mut hit = 0;
    for session in 0..2_000 {
        let mut step = step(session, 0, 0);
        (step.started_ms, step.visit.at_ms) = (12_000, 12_000);
        let origin = Origin::Step(step);
        let (view, _) = says(&mut renderer, 0, 1, &origin);
        let (merchant, _) = says(&mut renderer, 1, 2, &origin);
        let (cart, _) = says(&mut renderer, 2, 3, &origin);
        assert_eq!((&view["m"], &view["m"]), (&merchant["m"], &cart["m"]));
        if view["p"] == 1_234_567 {
            hit += 1;
            let lines = cart["lines"].as_array().unwrap();
            assert!(lines.iter().all(|line| *line == 1_234_567));
        }
        // Whoever came for it stays at its merchant's when it is over.
        (step.visit.serial, step.visit.at_ms) = (1, 21_000);
        let (later, _) = says(&mut renderer, 0, 4, &Origin::Step(step));
        assert_eq!(later["m"], view["m"]);
    }
    // Binomial: 200 ± 13.4; 5 sd.
    assert!((133..267).contains(&hit), "{hit}");
}

#[test]
fn blanks_name_journeys_devices_and_batches() {
    let mut scenario = journeys(&[MERCHANT], &[], &[]);
    scenario.events[0].key.parts = vec![KeyPart::Session, KeyPart::Pool(0)];
    let mut renderer = compiled(&scenario);
    let origin = Origin::Step(step(0x00ab_cdef_0123_4567, 0, 0));
    let (value, key) = says(&mut renderer, 0, 1, &origin);
    assert_eq!(value["s"], "00abcdef01234567");
    assert_eq!(key, format!("00abcdef01234567:{}", value["m"]));

    let mut mail = super::scenario(vec![event(
        "mail",
        &[2],
        template(r#"{"b": {{batch}}, "c": {{customer}}, "m": {{merchant}}}"#),
    )]);
    mail.flows[0].arrivals = Arrivals::Batch(Batch {
        size: Times::Fixed(10.0),
        within: Length::default(),
        at: Vec::new(),
        keeps: vec![0],
    });
    let mut renderer = compiled(&mail);
    let mut merchants = Vec::new();
    for batch in 0..50 {
        let at = |at_ms| Origin::Batch { batch, at_ms };
        let (one, _) = says(&mut renderer, 0, 1, &at(5));
        let (other, _) = says(&mut renderer, 0, 2, &at(5));
        assert_eq!((&one["b"], &one["m"]), (&Json::from(batch), &other["m"]));
        assert_ne!(one["c"], other["c"], "recipients differ");
        merchants.push(number(&one, "m"));
    }
    merchants.sort_unstable();
    merchants.dedup();
    assert!(merchants.len() > 20, "{merchants:?}");
}

#[test]
fn a_device_is_an_id_of_its_pool() {
    let text =
        r#"{"d": {{device}}, "p": {{product}}, "m": {{merchant}}, "t": "{{product.title}}"}"#;
    let mut scenario = journeys(&[text], &[], &[]);
    scenario.flows[0].journey = None;
    scenario.flows[0].arrivals = Arrivals::Periodic(Periodic {
        devices: 2_000_000,
        pool: Some(1),
        every: Duration::from_secs(1),
        jitter: Duration::ZERO,
        aligned: false,
    });
    scenario.events[0].key.parts = vec![KeyPart::Device];
    let traffic = Arc::new(Traffic::compile(&scenario, RUN).unwrap());
    let mut renderer = Renderer::new(Arc::clone(&traffic));
    for device in [1, 17, 1_800_000] {
        let (value, key) = says(&mut renderer, 0, 1, &Origin::Device { device });
        assert_eq!((number(&value, "d"), number(&value, "p")), (device, device));
        assert_eq!(traffic.kit.pools.owner(1, device, 0), value["m"].as_u64());
        assert_eq!(key, device.to_string());
    }
    // More devices than ids: they begin again.
    let (value, _) = says(&mut renderer, 0, 1, &Origin::Device { device: 1_800_001 });
    assert_eq!(number(&value, "p"), 1);
}

#[test]
fn a_blank_that_a_flow_cannot_fill_is_an_error_that_names_it() {
    let mut scenario = journeys(&[MERCHANT], &[], &[]);
    let mut robots = scenario.flows[0].clone();
    (robots.name, robots.journey) = ("robots".into(), None);
    scenario.flows.push(robots);
    scenario.events[0].key.parts = vec![KeyPart::Session, KeyPart::Device];
    let error = Traffic::compile(&scenario, RUN).err().unwrap();
    insta::assert_snapshot!(error.to_string());
    scenario.flows.pop();
    scenario.events[0].key.parts.pop();
    assert!(Traffic::compile(&scenario, RUN).is_ok());
}
