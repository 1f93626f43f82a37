//! The forms of a gate's result.

use std::path::Path;

use super::*;
use crate::capacity::paired::{PairRatio, RunRef};
use crate::measure::run::Reason;
use crate::report::term::Paint;

/// A gate that failed on its response, in a scenario whose author means no good.
fn failed() -> PairedFile {
    let side = |name: &str| SideResult {
        name: name.to_owned(),
        source: "<script>.properties".to_owned(),
        counted: 16,
        disturbed: 3,
        ..SideResult::default()
    };
    let pairs: Vec<PairRatio> = (1..=8)
        .flat_map(|pair| {
            [1, 2].map(|look| PairRatio {
                look,
                pair,
                ratio: 1.2 + 0.01 * f64::from(pair),
            })
        })
        .collect();
    let figure = |name: &str, finding: Finding, ratio: f64| FigureResult {
        name: name.to_owned(),
        side: "candidate".to_owned(),
        more_is_better: name == "throughput",
        min_effect: 0.1,
        baseline: Some(4_200.0),
        candidate: Some(5_300.0),
        ratio: Some(ratio),
        low: Some(ratio - 0.05),
        high: Some(ratio + 0.06),
        finding: finding.name().to_owned(),
        run_to_run: Some(0.034),
        smallest_found: Some(0.19),
        pairs: pairs.clone(),
    };
    PairedFile {
        kind: "gate".to_owned(),
        scenario: "small</title><script>alert(1)</script>|@all".to_owned(),
        started: "2026-11-27T08:00:00.000Z".to_owned(),
        verdict: Some(Verdict::Fail),
        reasons: vec![Reason {
            kind: "regression".to_owned(),
            text: "response p50 is worse: +25 %".to_owned(),
        }],
        notes: vec!["in 6 of 32 runs something else held the generator up".to_owned()],
        sides: vec![side("baseline"), side("candidate")],
        figures: vec![
            figure("response p50", Finding::Worse, 1.25),
            figure("response p99", Finding::TooNoisy, 1.1),
            figure("throughput", Finding::Same, 0.99),
        ],
        runs: vec![RunRef {
            folder: "runs/01-baseline".to_owned(),
            side: "baseline".to_owned(),
            look: 1,
            pair: 1,
            verdict: Some(Verdict::Pass),
            ..RunRef::default()
        }],
        ..PairedFile::default()
    }
}

#[test]
fn the_terminal_has_the_verdict_first_and_no_wide_line() {
    let text = text(&failed(), Path::new("runs/gate"), Paint::PLAIN);
    assert!(
        text.starts_with("FAIL  response p50 is worse: +25 %\n"),
        "{text}"
    );
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 98), "{text}");
    for words in [
        "+20 % to +31 %",
        "WORSE",
        "too noisy to tell",
        "no difference that matters",
        "3.4 %",
        "- in 6 of 32",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn markdown_and_page_do_nothing_that_a_name_asks_for() {
    let file = failed();
    let markdown = markdown(&file);
    assert!(
        !markdown.contains("<script") && !markdown.contains("@all"),
        "{markdown}"
    );
    assert!(
        markdown.contains("| response p50 | 4.2 ms | 5.3 ms | +25 % |"),
        "{markdown}"
    );
    let page = page(&file);
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(page.matches("<svg class=\"strip\"").count(), 3);
    // Eight pairs in two looks, and the estimate.
    assert_eq!(page.matches("<circle").count(), 3 * 17);
}

#[test]
fn junit_has_a_case_for_each_figure() {
    let xml = junit(&failed()).expect("XML");
    let case = |name: &str| {
        let (_, rest) = xml
            .split_once(&format!("<testcase name=\"{name}\""))
            .expect(name);
        rest.split("<testcase")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(case("response p50").contains("<failure"), "{xml}");
    assert!(case("response p99").contains("<error"), "{xml}");
    for green in ["throughput", "enough known", "no loss"] {
        let case = case(green);
        assert!(
            !case.contains("<failure") && !case.contains("<error"),
            "{case}"
        );
    }
    let mut lost = failed();
    lost.verdict = Some(Verdict::Fail);
    lost.reasons[0].kind = "missing".to_owned();
    let xml = junit(&lost).expect("XML");
    assert!(xml.contains("type=\"missing\""), "{xml}");
    let mut early = failed();
    early.verdict = Some(Verdict::Invalid);
    early.reasons[0].kind = "interrupted".to_owned();
    let xml = junit(&early).expect("XML");
    assert!(xml.contains("type=\"interrupted\""), "{xml}");
}

#[test]
fn a_result_without_figures_is_told_too() {
    let file = PairedFile {
        kind: "gate".to_owned(),
        sides: failed().sides,
        ..PairedFile::default()
    };
    assert!(text(&file, Path::new("x"), Paint::PLAIN).starts_with("INVALID"));
    assert!(markdown(&file).starts_with("### INVALID"));
    assert!(page(&file).contains("INVALID"));
    assert!(junit(&file).expect("XML").contains("<error"));
}
