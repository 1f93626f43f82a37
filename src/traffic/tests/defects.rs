//! What is wrong with events on purpose.

use super::*;
use crate::scenario::{Delay, Oversized};

const N: u32 = 20_000;

fn with(of_event: Defects, of_flow: Defects, value: Value, stamp: StampPlace) -> Renderer {
    let mut event = event("e", &[0], value);
    event.defects = of_event;
    event.stamp = stamp;
    let mut scenario = scenario(vec![event]);
    scenario.flows[0].defects = of_flow;
    compiled(&scenario)
}

fn tombstones(share: f64) -> Defects {
    Defects {
        tombstone: Some(share),
        ..Defects::default()
    }
}

/// Checks a record's stamp as a consumer does.
fn checked(rendered: &Rendered, buffer: &[u8]) -> Checked {
    let stamp = headers(&buffer[rendered.headers.clone()])
        .find(|(name, _)| *name == stamp::HEADER)
        .map(|(_, value)| value);
    let piece = |range: &Option<Range<usize>>| range.clone().map(|range| &buffer[range]);
    check(RUN, piece(&rendered.key), piece(&rendered.value), stamp)
}

fn is_ours(rendered: &Rendered, buffer: &[u8], ordinal: u32) -> bool {
    matches!(checked(rendered, buffer), Checked::Ours(stamp) if stamp.id == id(ordinal))
}

#[test]
fn tombstones_keep_their_key_and_stamp() {
    let mut whole = with(
        Defects::default(),
        Defects::default(),
        template(ORDER),
        StampPlace::Payload,
    );
    let mut renderer = with(
        tombstones(0.1),
        tombstones(0.2),
        template(ORDER),
        StampPlace::Payload,
    );
    let mut found = 0;
    for ordinal in 0..N {
        let (rendered, buffer) = render(&mut renderer, ordinal);
        let (ought, ought_buffer) = render(&mut whole, ordinal);
        assert_eq!(
            buffer[rendered.key.clone().unwrap()],
            ought_buffer[ought.key.unwrap()]
        );
        assert_eq!(rendered.partition, ought.partition);
        assert!(is_ours(&rendered, &buffer, ordinal));
        match rendered.value {
            None => found += 1,
            Some(value) => assert_eq!(buffer[value], ought_buffer[ought.value.unwrap()]),
        }
    }
    // 1 - 0.9 · 0.8 = 0.28: binomial, 5,600 ± 63.5; 5 sd. Shares that were simply added would make 6,000.
    assert!((5_283..5_917).contains(&found), "{found}");
}

#[test]
fn an_event_without_stamp_has_none_as_a_tombstone() {
    let mut renderer = with(
        tombstones(1.0),
        Defects::default(),
        template("{}"),
        StampPlace::None,
    );
    let (rendered, buffer) = render(&mut renderer, 1);
    assert_eq!((rendered.value.clone(), rendered.headers.len()), (None, 0));
    assert_eq!(checked(&rendered, &buffer), Checked::Foreign);
}

#[test]
fn late_events_tell_of_the_past() {
    let delay = |share, s| {
        Some(Delay {
            share,
            by: Duration::from_secs(s),
        })
    };
    let late = Defects {
        late: delay(0.25, 3_600),
        ..Defects::default()
    };
    let disordered = Defects {
        out_of_order: delay(0.5, 60),
        ..Defects::default()
    };
    let text = template(r#"{"at": "{{now}}", "ms": {{now_ms}}}"#);
    let mut renderer = with(late, disordered, text, StampPlace::Payload);
    let start = renderer.traffic.kit.calendar.millis(0);
    let (mut hours, mut disorder, mut sum) = (0, 0, 0);
    for ordinal in 0..N {
        let told = value(&mut renderer, ordinal);
        let ms = told["ms"].as_i64().unwrap();
        let at: jiff::Timestamp = told["at"].as_str().unwrap().parse().unwrap();
        assert_eq!(at.as_millisecond(), ms, "both tell the same");
        let due = start + (due(id(ordinal)) as f64 * 144.0 / 1e6) as i64;
        let before = due - ms;
        let rest = before % 3_600_000;
        assert!(
            (0..=60_000).contains(&rest) && before < 7_200_000,
            "{before}"
        );
        hours += before / 3_600_000;
        disorder += i64::from(rest > 0);
        sum += rest;
    }
    // Binomials: 5,000 ± 61 and 10,000 ± 71; 5 sd. Uniform up to 60,000: mean 30,000, of 10,000 ± 173; 5 sd.
    assert!((hours - 5_000).abs() < 307, "{hours}");
    assert!((disorder - 10_000).abs() < 354, "{disorder}");
    assert!((sum / disorder - 30_000).abs() < 870, "{}", sum / disorder);
}

#[test]
fn oversized_values_have_the_size_asked() {
    let large = Defects {
        oversized: Some(Oversized {
            share: 0.1,
            size: 5_000,
        }),
        ..Defects::default()
    };
    let bytes = Value::Bytes {
        size: 300,
        compressible: 3.0,
    };
    let lines = |line: &str| Value::Lines {
        name: "s".into(),
        lines: vec![line.into()],
    };
    for (value, stamp, is_json) in [
        (template(ORDER), StampPlace::Payload, true),
        (template(ORDER), StampPlace::Header, true),
        (template("{}"), StampPlace::None, true),
        (lines("{\"a\": 1}"), StampPlace::Payload, true),
        (lines("a;b"), StampPlace::Header, false),
        (bytes.clone(), StampPlace::Payload, false),
        (bytes, StampPlace::Header, false),
    ] {
        let mut renderer = with(large, Defects::default(), value, stamp);
        let mut found = 0;
        for ordinal in 0..1_000 {
            let (rendered, buffer) = render(&mut renderer, ordinal);
            assert!(stamp == StampPlace::None || is_ours(&rendered, &buffer, ordinal));
            let value = &buffer[rendered.value.unwrap()];
            found += u32::from(value.len() == 5_000);
            assert!(value.len() <= 5_000);
            if is_json {
                serde_json::from_slice::<Json>(value).unwrap();
            }
        }
        // Binomial: 100 ± 9.5; 5 sd.
        assert!((53..147).contains(&found), "{found}");
    }
}

#[test]
fn a_copy_differs_in_its_stamp_only() {
    let all = Defects {
        tombstone: Some(0.2),
        late: Some(Delay {
            share: 0.5,
            by: Duration::from_secs(9),
        }),
        oversized: Some(Oversized {
            share: 0.2,
            size: 2_000,
        }),
        ..Defects::default()
    };
    let mut keyless = event("e", &[], template(ORDER));
    keyless.defects = all;
    let lines = Value::Lines {
        name: "s".into(),
        lines: vec!["{\"a\": 1}".into(), "{\"a\": 2}".into()],
    };
    let mut renderer = compiled(&scenario(vec![keyless, event("l", &[0], lines)]));
    for ordinal in 0..500 {
        let original = id(ordinal * 3);
        let copy = Identity {
            ordinal: original.ordinal + 1,
            ..original
        };
        for event in 0..2 {
            let (mut one, mut two) = (Vec::new(), Vec::new());
            let due = due(original);
            let first = renderer.render(event, original, due, &Origin::Alone, &mut one);
            let second =
                renderer.render_copy(event, copy, original.ordinal, due, &Origin::Alone, &mut two);
            assert_eq!(
                (first.partition, &first.key),
                (second.partition, &second.key)
            );
            assert!(matches!(checked(&second, &two), Checked::Ours(stamp) if stamp.id == copy));
            let (Some(a), Some(b)) = (first.value, second.value.clone()) else {
                assert_eq!(second.value, None);
                continue;
            };
            let end = a.len() - 46;
            assert_eq!(one[..a.start + end], two[..b.start + end]);
            assert_ne!(one[a], two[b], "but for the stamp");
        }
    }
}
