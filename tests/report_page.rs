//! The report page: what it says equals `run.json`, it fits every screen, and nothing that others wrote can harm who opens it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use highwater::report::{data, html, plot};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use support::browser::{Window, complaints, look};
use support::run::{Done, Highwater};

/// Two flows, a group, a clock and limits: every part of the page has something to show.
const SCENARIO: &str = r#"
name = "shop"
why  = "does the page show it"
seed = 5
[time]
starts   = "2026-11-27T00:00:00Z"
span     = "24h"
compress = 14400
warmup   = "1s"
settle   = "5s"
catch_up = "10s"
[client]
linger.ms = 5
[topic.orders]
partitions = 4
[event.order]
topic = "orders"
value = { bytes = "200B", compressible = 2 }
[event.payment]
topic = "orders"
value = { bytes = "100B", compressible = 2 }
[flow.shoppers]
event = { order = 3, payment = 1 }
mean  = "300/s"
shape = [ { sine = { period = "24h", low = 0.5, high = 1.5, top_at = "12:00" } } ]
[flow.stock]
event = "order"
mean  = "50/s"
[consume.readers]
topics = ["orders"]
[[slo]]
metric   = "response"
quantile = 0.99
below    = "5s"
[[slo]]
metric   = "end_to_end"
quantile = 0.99
below    = "5s"
"#;

/// One real run that all tests share.
static RUN: LazyLock<Done> = LazyLock::new(|| {
    let done = Highwater::new(SCENARIO).spawn().wait();
    assert!(
        done.code == 0 || done.code == 3,
        "{}\n{}",
        done.stdout,
        done.stderr
    );
    done
});

fn folder_of(done: &Done) -> PathBuf {
    done.folder.path().join("out")
}

/// A copy of the run, changed: its `run.json` and each line of its `windows.jsonl`.
fn changed(edit: impl Fn(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RUN.json.clone();
    edit(&mut run);
    if !run.is_null() {
        fs::write(folder.path().join("run.json"), run.to_string()).unwrap();
    }
    let lines: String = RUN
        .windows
        .iter()
        .map(|line| {
            let mut line = line.clone();
            edit(&mut line);
            // An edit that takes the run away leaves the windows.
            let line = if line.is_null() {
                &RUN.windows[0]
            } else {
                &line
            };
            format!("{line}\n")
        })
        .collect();
    fs::write(folder.path().join("windows.jsonl"), lines).unwrap();
    folder
}

fn page_of(folders: &[&Path]) -> String {
    let runs: Vec<data::RunData> = folders.iter().map(|f| data::load(f).unwrap()).collect();
    html::page(&runs)
}

/// The numbers on a page: (run, place in `run.json`, value, text).
fn numbers(page: &str) -> Vec<(usize, String, String, String)> {
    let unescaped = |text: &str| {
        text.replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    };
    let attribute = |tag: &str, name: &str| {
        let start = tag.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
        unescaped(&tag[start..start + tag[start..].find('"').unwrap()])
    };
    page.split("<data ")
        .skip(1)
        .map(|rest| {
            let (tag, after) = rest.split_once('>').unwrap();
            let text = after.split_once("</data>").unwrap().0;
            let run = attribute(tag, "data-run").parse().unwrap();
            (
                run,
                attribute(tag, "data-of"),
                attribute(tag, "value"),
                unescaped(text),
            )
        })
        .collect()
}

/// The significant digits that a text begins with, to compare with a value's.
fn starts_like(text: &str, value: f64) -> bool {
    let digits: String = text
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let Ok(shown) = digits.parse::<f64>() else {
        return false;
    };
    // Half of the last digit that is shown. Units are powers of ten, or of sixty from two minutes up, which no figure here reaches.
    let decimals = digits.split_once('.').map_or(0, |(_, rest)| rest.len());
    let half = 0.51 * 10_f64.powi(-(decimals as i32));
    (-12..=12).any(|e| {
        let unit = 10_f64.powi(e);
        (shown * unit - value).abs() <= half * unit && value.abs() >= half * unit
    })
}

#[test]
fn numbers_on_the_page_equal_those_of_run_json() {
    let page = fs::read_to_string(folder_of(&RUN).join("report.html")).unwrap();
    let numbers = numbers(&page);
    assert!(numbers.len() > 80, "only {} numbers", numbers.len());
    for (_, place, value, text) in &numbers {
        let found = RUN
            .json
            .pointer(place)
            .unwrap_or_else(|| panic!("no {place} in run.json"));
        match found.as_f64() {
            Some(found) => {
                assert_eq!(value.parse::<f64>().unwrap(), found, "{place}");
                let exact = text.replace(',', "") == *value;
                assert!(
                    exact
                        || found == 0.0
                        || starts_like(text, found)
                        || starts_like(text, found * 100.0),
                    "{place}: {text} for {found}"
                );
            }
            None => assert!(
                found.is_null() && value == "null",
                "{place}: {found} is not {value}"
            ),
        }
    }
    for place in [
        "/flows/shoppers/account/planned",
        "/flows/stock/account/unresolved",
        "/flows/shoppers/offered_per_s",
        "/flows/shoppers/warm/response/p9999_us",
        "/events/payment/acknowledged",
        "/consume/readers/missing",
        "/consume/readers/end_to_end/p99_us",
        "/partitions/orders/3/bytes",
        "/plan/spread/orders/hottest",
        "/plan/spread/orders/shares/3",
        "/generator/cpu_cores",
        "/slos/0/limit_us",
        "/slos/0/measured_us",
    ] {
        assert!(
            numbers.iter().any(|(_, of, ..)| of == place),
            "{place} is not on the page"
        );
    }
}

#[test]
fn a_wrong_number_would_be_found() {
    assert!(starts_like("4.1 ms", 4_100.0) && starts_like("18.5k/s", 18_518.5));
    assert!(!starts_like("4.1 ms", 4_200.0) && !starts_like("unknown", 1.0));
    let folder = changed(|value| {
        if value.get("format").is_some() {
            value["verdict"] = "fail".into();
            value["flows"]["stock"]["bytes"] = 123_456_789.into();
        }
    });
    let page = page_of(&[folder.path()]);
    let bytes = |page: &str| {
        let all = numbers(page);
        all.into_iter()
            .find(|(_, of, ..)| of == "/flows/stock/bytes")
            .unwrap()
            .3
    };
    assert_eq!(bytes(&page), "123 MB");
    assert!(
        page.contains("do not add up"),
        "and the page says that the files were changed"
    );
}

/// Asserts on what the browser made of the page.
fn assert_well_shown(page: &str, window: Window) {
    let seen = look(page, window);
    let told = |key: &str| seen[key].as_array().unwrap().clone();
    assert_eq!(
        seen["width"], window.width,
        "{window:?}: the window has the width that was asked for"
    );
    assert!(
        seen["page"].as_u64().unwrap() <= u64::from(window.width),
        "{window:?}: wider than the window: {}",
        seen["page"]
    );
    assert_eq!(
        told("over"),
        Vec::<Value>::new(),
        "{window:?}: something overflows"
    );
    assert_eq!(
        (&seen["harmed"], &seen["foreign"]),
        (&json!(false), &json!(0)),
        "{window:?}"
    );
    let plots = told("plots");
    assert!(plots.len() >= 10, "{} plots", plots.len());
    for plot in &plots {
        assert_eq!(plot["drawings"], 1, "{window:?}: {plot}");
        assert!(
            plot["width"].as_f64().unwrap() >= 300.0 && plot["height"].as_f64().unwrap() >= 120.0,
            "{window:?}: {plot}"
        );
        assert!(
            plot["label"].as_str().unwrap().len() > 20,
            "no text alternative: {plot}"
        );
        assert_eq!(plot["collisions"], json!([]), "{window:?}: {plot}");
    }
    let dark = brightness(seen["ground"].as_str().unwrap())
        < brightness(seen["letters"].as_str().unwrap());
    assert_eq!(dark, window.dark, "{}", seen["ground"]);
    let strokes: Vec<&str> = plots.iter().filter_map(|p| p["stroke"].as_str()).collect();
    let blue = if window.dark {
        "rgb(88, 176, 232)"
    } else {
        "rgb(0, 114, 178)"
    };
    assert!(strokes.contains(&blue), "{window:?}: lines are {strokes:?}");
}

/// The sum of the channels of `rgb(r, g, b)`.
fn brightness(colour: &str) -> u32 {
    let numbers = colour.split(|c: char| !c.is_ascii_digit());
    numbers.filter_map(|n| n.parse::<u32>().ok()).sum()
}

#[test]
fn the_page_fits_every_screen_by_day_and_by_night() {
    let page = page_of(&[&folder_of(&RUN)]);
    for width in [400, 1200, 2000] {
        for dark in [false, true] {
            assert_well_shown(&page, Window { width, dark });
        }
    }
    let quiet = complaints(&folder_of(&RUN).join("report.html"));
    assert_eq!(quiet, Vec::<String>::new(), "the browser complains");
}

#[test]
fn two_runs_fit_as_well_and_other_plans_are_warned_of() {
    let folder = folder_of(&RUN);
    let same = page_of(&[&folder, &folder]);
    assert!(same.contains("The plan hashes are equal") && !same.contains("The plans differ"));
    assert_well_shown(
        &same,
        Window {
            width: 400,
            dark: false,
        },
    );
    assert_well_shown(
        &same,
        Window {
            width: 1200,
            dark: true,
        },
    );
    let other = changed(|value| {
        if value.get("plan").is_some() {
            value["plan"]["hash"] = "blake3:other".into();
        }
    });
    let differ = page_of(&[&folder, other.path()]);
    assert!(differ.contains("The plans differ"));
}

/// What a scenario's author might write, in up to 200 characters.
fn hostile(tail: &str) -> String {
    let text = format!(
        "<img src=x onerror=\"window.harmed=1\"></title></style></pre></svg><script>window.harmed=1</script>\u{202E}\u{1}\u{7}]]>&amp;'\"`متجر{tail}"
    );
    let rest = 200 - text.chars().count();
    format!("{text}{}", "W".repeat(rest))
}

/// Renames every key and every text that names something.
fn renamed(value: &mut Value, names: &[(&str, String)]) {
    let new = |text: &str| {
        names
            .iter()
            .find(|(old, _)| *old == text)
            .map(|(_, new)| new.clone())
    };
    match value {
        Value::Object(fields) => {
            let all: Map<String, Value> = std::mem::take(fields)
                .into_iter()
                .map(|(key, mut field)| {
                    renamed(&mut field, names);
                    (new(&key).unwrap_or(key), field)
                })
                .collect();
            *fields = all;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| renamed(item, names)),
        Value::String(text) => {
            if let Some(new) = new(text) {
                *text = new;
            }
        }
        _ => {}
    }
}

#[test]
fn hostile_names_are_inert() {
    let names: Vec<(&str, String)> = ["shoppers", "stock", "order", "payment", "orders", "readers"]
        .into_iter()
        .map(|old| (old, hostile(old)))
        .collect();
    let folder = changed(|value| {
        renamed(value, &names);
        if value.get("marks").is_some() {
            value["marks"] = json!([hostile("mark")]);
            value["flows"][names[0].1.clone()]["errors"] = json!({hostile("error"): 3});
        }
        if value.get("format").is_some() {
            let name = toml::Value::String(hostile("name"));
            value["plan"]["scenario"] = format!("name = {name}\n# {}\n", hostile("comment")).into();
            value["machine"]["cpu"] = hostile("cpu").into();
            value["target"]["bootstrap"] = json!([hostile("bootstrap")]);
            value["target"]["kind"] = "kafka".into();
            value["target"]["brokers"] =
                json!([{"id": 1, "address": hostile("address"), "version": hostile("version")}]);
            value["reasons"] = json!([{"kind": "slo", "text": hostile("reason")}]);
            value["verdict"] = "fail".into();
            value["flows"][names[0].1.clone()]["errors"] = json!({hostile("error"): 3});
        }
    });
    let page = page_of(&[folder.path()]);
    assert!(
        !page.contains("<img") && !page.contains("<script"),
        "markup came through"
    );
    assert!(
        !page.contains('\u{202E}') && !page.contains('\u{1}'),
        "controls came through"
    );
    assert!(page.contains("متجر"), "letters stay");
    assert_well_shown(
        &page,
        Window {
            width: 400,
            dark: false,
        },
    );
    assert_well_shown(
        &page,
        Window {
            width: 1200,
            dark: false,
        },
    );
    let written = plot::files(
        &[data::load(folder.path()).unwrap()],
        &folder.path().join("plots"),
    )
    .unwrap();
    for file in written
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "svg"))
    {
        let text = fs::read_to_string(file).unwrap();
        assert!(
            !text.contains("<img") && !text.contains("<script") && !text.contains('\u{1}'),
            "{}",
            file.display()
        );
    }
}

#[test]
fn plots_are_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [data::load(&folder_of(&RUN)).unwrap()];
    let written = plot::files(&runs, &folder.path().join("a/plots")).unwrap();
    assert!(written.len() >= 20, "{written:?}");
    for file in &written {
        let bytes = fs::read(file).unwrap();
        if file.extension().is_some_and(|e| e == "png") {
            assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n", "{}", file.display());
            let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            assert!(side(16) >= 1_000 && side(20) >= 500, "{}", file.display());
        } else {
            let text = String::from_utf8(bytes).unwrap();
            assert!(
                text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"),
                "{}",
                file.display()
            );
            assert!(text.contains("<text"), "{}", file.display());
        }
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = plot::files(&runs, &file)
        .expect_err("not a folder")
        .to_string();
    assert!(error.contains("--plots"), "{error}");
}

/// A kind of run, what is changed to get it, and what its page must say.
type Kind = (&'static str, fn(&mut Value), &'static str);

/// Takes every acknowledgement away from a flow of `run.json`.
fn unanswered(flow: &mut Value) {
    let planned = flow["account"]["planned"].as_u64().unwrap();
    flow["account"]["acknowledged"] = 0.into();
    flow["account"]["failed"] = planned.into();
    flow["errors"] = json!({"MessageTimedOut": planned});
    let empty = serde_json::to_value(highwater::measure::summary::Summary::new(
        Default::default(),
        planned,
    ))
    .unwrap();
    for times in ["response", "service"] {
        flow[times] = empty.clone();
        flow["warm"][times] = empty.clone();
    }
}

const KINDS: [Kind; 8] = [
    (
        "failed",
        |v| {
            failed(
                v,
                "slo",
                "response p99 of flow shoppers was 9 s, the limit is < 5 s",
            )
        },
        "FAIL",
    ),
    (
        "interrupted",
        |v| {
            failed(v, "interrupted", "interrupted after 2 s of 6 s");
            judged(v, "invalid");
        },
        "Interrupted after 2 s of 6 s",
    ),
    (
        "without groups",
        |v| {
            v["consume"] = json!({});
            judged(v, "fail");
        },
        "Offered, sent and acknowledged",
    ),
    (
        "of one flow",
        |v| {
            v["flows"].as_object_mut().unwrap().remove("stock");
            judged(v, "fail");
        },
        "shoppers",
    ),
    (
        "of twelve flows",
        |v| {
            let flow = v["flows"]["stock"].clone();
            for i in 0..10 {
                v["flows"][format!("a-flow-with-a-long-name-{i}")] = flow.clone();
            }
            judged(v, "fail");
        },
        "5 more flows stand in the table below",
    ),
    (
        "of errors only",
        |v| {
            if v.get("format").is_some() {
                unanswered(&mut v["flows"]["shoppers"]);
                unanswered(&mut v["flows"]["stock"]);
                failed(
                    v,
                    "nothing_acknowledged",
                    "none of 2000 events sent was acknowledged",
                );
            } else {
                for flow in ["shoppers", "stock"] {
                    let empty = v["flows"][flow]["planned"].clone();
                    v["flows"][flow]["errors"] = json!({"MessageTimedOut": empty});
                    v["flows"][flow]["during"]["failed"] = empty;
                    v["flows"][flow]["during"]["acknowledged"] = 0.into();
                    v["flows"][flow]["acknowledged"] = 0.into();
                    v["flows"][flow]["response"] = no_times();
                }
            }
        },
        "MessageTimedOut",
    ),
    (
        "with actions and watched groups",
        |v| {
            if v.get("format").is_some() {
                v["actions"] = json!([
                    acted("restart of broker 1", 1),
                    acted("restart of broker 2", 3)
                ]);
                v["watched"] = json!({"warehouse-of-yours": {"seconds": 6, "lag_records_max": 1_200_000,
                    "lag_us_max": 61_000_000, "lag_records_end": 12}});
            } else {
                let at = v["at_us"].as_u64().unwrap();
                v["watched"] =
                    json!({"warehouse-of-yours": {"lag_records": at / 10, "lag_us": at}});
                if at % 2_000_000 == 1_000_000 {
                    v["marks"] =
                        json!([format!("restart of broker {} begins", at / 2_000_000 + 1)]);
                }
            }
        },
        "group warehouse-of-yours at most 1,700 records behind (2.1 s)",
    ),
    (
        "that never got its run.json",
        |v| {
            if v.get("format").is_some() {
                *v = Value::Null;
            }
        },
        "INCOMPLETE",
    ),
];

/// An action that began in this second, with all that can be told of one.
fn acted(name: &str, second: u64) -> Value {
    json!({"name": name, "run": ["ci/kafka", "restart", "1"], "began_us": second * 1_000_000, "ended_us": second * 1_000_000 + 900_000,
        "outcome": "failed", "reason": "ended with code 1; what it wrote is in actions/01.log", "exit_code": 1,
        "output": "actions/01.log", "output_bytes": 300,
        "cost": {"from_us": second * 1_000_000, "to_us": second * 1_000_000 + 2_000_000,
            "slos": [{"metric": "response", "of": "shoppers", "quantile": 0.99, "limit": "< 100 ms", "seconds": 4, "events": 1_234}],
            "response_max_us": 23_000_000, "unanswered": 3, "errors": {"REQUEST_TIMED_OUT": 3}, "backlog_max": 81_200,
            "lag_records_max": 95_000, "lag_us_max": 1_100_000, "missing": 2, "duplicated": 5, "reordered": 1,
            "watched": {"warehouse-of-yours": {"lag_records": 1_700, "lag_us": 2_100_000}},
            "recovery_us": 1_490_000, "drain_us": null}})
}

fn no_times() -> Value {
    serde_json::to_value(highwater::measure::histogram::WindowHistogram::new()).unwrap()
}

fn judged(value: &mut Value, verdict: &str) {
    if value.get("format").is_some() {
        value["verdict"] = verdict.into();
    }
}

fn failed(value: &mut Value, kind: &str, text: &str) {
    judged(value, "fail");
    if value.get("format").is_some() {
        value["reasons"] = json!([{"kind": kind, "text": text}]);
    }
}

#[test]
fn every_kind_of_run_has_its_page() {
    for (kind, edit, says) in KINDS {
        let folder = changed(edit);
        let page = page_of(&[folder.path()]);
        assert!(
            page.contains(says),
            "the page of a run {kind} does not say {says}"
        );
        assert!(!page.contains("NaN") && !page.contains("inf "), "{kind}");
        let keep = std::env::var_os("HIGHWATER_KEEP_PAGES");
        if let Some(keep) = keep {
            fs::write(
                Path::new(&keep).join(format!("{}.html", kind.replace(' ', "-"))),
                &page,
            )
            .unwrap();
        }
        if [
            "of twelve flows",
            "of errors only",
            "with actions and watched groups",
            "that never got its run.json",
        ]
        .contains(&kind)
        {
            let seen = look(
                &page,
                Window {
                    width: 400,
                    dark: false,
                },
            );
            assert_eq!(seen["over"], json!([]), "{kind}");
            for plot in seen["plots"].as_array().unwrap() {
                assert_eq!(
                    (&plot["drawings"], &plot["collisions"]),
                    (&json!(1), &json!([])),
                    "{kind}: {plot}"
                );
            }
        }
    }
}

#[test]
fn a_day_of_windows_makes_a_small_page() {
    // A day and a second, so that the last window is a short one; the same second again and again.
    let folder = tempfile::tempdir().unwrap();
    let mut line = RUN.windows[2].clone();
    let mut text = String::new();
    for second in 0..20_001_u64 {
        line["at_us"] = (second * 1_000_000).into();
        text.push_str(&format!("{line}\n"));
    }
    fs::write(folder.path().join("windows.jsonl"), text).unwrap();
    let data = data::load(folder.path()).unwrap();
    assert_eq!(data.window_us, 30_000_000);
    assert_eq!(data.windows.len(), 667);
    let planned = |line: &Value| line["flows"]["shoppers"]["planned"].as_u64().unwrap();
    assert_eq!(
        data.windows[5].flows["shoppers"].planned,
        30 * planned(&line)
    );
    let page = html::page(&[data]);
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    assert!(page.contains("each point over time is 30 seconds"));
}
