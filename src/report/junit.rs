//! A report as JUnit XML, which CI systems show beside the tests: a suite for each run, a case for each SLO. Pure.
//!
//! Two cases come before the SLOs. `valid run` errs when the run proves nothing; `no loss` fails when records were lost, damaged or
//! reordered and no SLO says so already. So a run whose verdict is not `pass` always has a case that is not green.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::capacity::verdict::Weight;
use crate::measure::run::{Reason, RunFile, SloResult, Verdict};

use super::data::{RunData, name_of};
use super::term::inert;
use super::unfinished::judged;
use super::words::{self, SloWords};

/// The report as XML.
///
/// # Errors
/// When the XML can't be built.
pub fn report(runs: &[RunData]) -> Result<String, SerializeError> {
    let mut report = Report::new("highwater");
    for data in runs {
        report.add_test_suite(suite(&judged(data), &data.folder.display().to_string()));
    }
    report.to_string()
}

fn suite(run: &RunFile, folder: &str) -> TestSuite {
    let name = inert(&name_of(run)).into_owned();
    let mut suite = TestSuite::new(name.as_str());
    suite.set_time(Duration::from_micros(run.elapsed_us));
    if !run.started.is_empty() {
        let started = inert(&run.started).into_owned();
        suite
            .extra
            .insert("timestamp".into(), started.as_str().into());
    }
    let seed = run.plan.seed.to_string();
    for (property, value) in [
        ("verdict", words::verdict(run.verdict)),
        ("run", &run.id),
        ("folder", folder),
        ("plan hash", &run.plan.hash),
        ("set-up hash", &run.plan.setup_hash),
        ("seed", &seed),
        ("target", &words::place(run)),
    ] {
        suite.add_property((property, inert(value).as_ref()));
    }
    let mut cases = vec![
        TestCase::new("valid run", validity(run)),
        TestCase::new("no loss", loss(run)),
    ];
    cases.extend(run.slos.iter().map(slo));
    if run.verdict != Verdict::Pass && cases.iter().all(is_green) {
        // A reason that this version does not know, or none: the verdict holds all the same.
        cases[0].status = status(NonSuccessKind::Error, "verdict", words::reason(run));
    }
    for case in &mut cases {
        case.set_classname(name.as_str());
    }
    suite.add_test_cases(cases);
    suite
}

fn is_green(case: &TestCase) -> bool {
    matches!(case.status, TestCaseStatus::Success { .. })
}

pub(super) fn status(kind: NonSuccessKind, ty: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(inert(ty).as_ref());
    status.set_message(inert(message).as_ref());
    status
}

/// The reasons of these weights in one case; `kind` where there are any.
fn because(
    run: &RunFile,
    is_one: impl Fn(&Reason) -> bool,
    kind: NonSuccessKind,
) -> TestCaseStatus {
    let reasons: Vec<&Reason> = run.reasons.iter().filter(|reason| is_one(reason)).collect();
    let Some(first) = reasons.first() else {
        return TestCaseStatus::success();
    };
    let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
    let mut status = status(kind, &first.kind, &first.text);
    let lines: Vec<String> = texts.iter().map(|text| inert(text).into_owned()).collect();
    status.set_description(lines.join("\n"));
    status
}

fn validity(run: &RunFile) -> TestCaseStatus {
    let is_one = |reason: &Reason| {
        !matches!(words::weight(reason), Weight::Loss | Weight::Note) && reason.kind != "slo"
    };
    let is_abort = run.verdict == Verdict::Fail;
    let kind = if is_abort {
        NonSuccessKind::Failure
    } else {
        NonSuccessKind::Error
    };
    because(run, is_one, kind)
}

fn loss(run: &RunFile) -> TestCaseStatus {
    let is_told = |reason: &Reason| {
        let mut slos = run.slos.iter();
        slos.any(|slo| slo.metric == reason.kind && !slo.held)
    };
    let is_one = |reason: &Reason| words::weight(reason) == Weight::Loss && !is_told(reason);
    because(run, is_one, NonSuccessKind::Failure)
}

fn slo(slo: &SloResult) -> TestCase {
    let words = SloWords::of(slo);
    let name = inert(&format!("{} {}", words.name(), words.limit)).into_owned();
    let mut text = format!("measured {}, limit {}", words.measured, words.limit);
    if let Some(windows) = &words.windows {
        text.push_str(&format!("; windows missed: {windows}"));
    }
    if slo.held {
        let mut case = TestCase::new(name.as_str(), TestCaseStatus::success());
        case.set_system_out(inert(&text).as_ref());
        return case;
    }
    let text = format!("{}: {text}", words.name());
    TestCase::new(name.as_str(), status(NonSuccessKind::Failure, "slo", &text))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use quick_xml::Reader;
    use quick_xml::events::{BytesStart, Event};

    /// A case as another reader of the XML sees it: its name, `ok` or what it is instead, and the message.
    type Seen = (String, String, String);

    fn attribute(start: &BytesStart<'_>, name: &str) -> String {
        let attribute = start.try_get_attribute(name).expect("well-formed");
        attribute.map_or(String::new(), |a| {
            a.normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .expect("well-formed")
                .into_owned()
        })
    }

    fn read(xml: &str) -> Vec<Seen> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let mut cases: Vec<Seen> = Vec::new();
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Start(start) | Event::Empty(start) => match start.name().as_ref() {
                    b"testcase" => {
                        cases.push((attribute(&start, "name"), "ok".to_owned(), String::new()));
                    }
                    tag @ (b"failure" | b"error") => {
                        let case = cases.last_mut().expect("inside a case");
                        case.1 = String::from_utf8_lossy(tag).into_owned();
                        case.2 = attribute(&start, "message");
                    }
                    _ => {}
                },
                Event::Eof => return cases,
                _ => {}
            }
        }
    }

    fn cases(run: RunFile) -> Vec<Seen> {
        read(&report(&[fixtures::of(run)]).expect("XML"))
    }

    #[test]
    fn every_slo_is_a_case_and_only_a_pass_is_all_green() {
        for (kind, data) in fixtures::kinds() {
            let run = judged(&data).into_owned();
            let cases = read(&report(&[data]).expect("XML"));
            assert_eq!(cases.len(), run.slos.len() + 2, "{kind}");
            for (slo, case) in run.slos.iter().zip(&cases[2..]) {
                assert_eq!(slo.held, case.1 == "ok", "{kind}: {case:?}");
            }
            let is_green = cases.iter().all(|case| case.1 == "ok");
            assert_eq!(is_green, run.verdict == Verdict::Pass, "{kind}: {cases:?}");
        }
    }

    #[test]
    fn a_missed_limit_says_what_was_measured() {
        let cases = cases(fixtures::fail());
        let missed = cases
            .iter()
            .find(|c| c.0.starts_with("response p99 of shoppers"));
        let (name, status, message) = missed.expect("it is there");
        assert_eq!(name, "response p99 of shoppers < 100 ms");
        assert_eq!(status, "failure");
        assert_eq!(
            message,
            "response p99 of shoppers: measured 412 ms, limit < 100 ms"
        );
        // Missing records have their SLO, so they are not told twice.
        assert_eq!(cases[1].1, "ok");
    }

    #[test]
    fn an_invalid_run_is_an_error_and_not_a_failure() {
        let cases = cases(fixtures::interrupted());
        assert_eq!(
            cases[0],
            (
                "valid run".to_owned(),
                "error".to_owned(),
                "interrupted after 1:23 of 10:00".to_owned()
            )
        );
    }

    #[test]
    fn a_loss_without_an_slo_and_a_reason_of_tomorrow_are_not_green() {
        let mut run = fixtures::good();
        fixtures::because(
            &mut run,
            Verdict::Fail,
            &[("reordered", "3 records came late")],
        );
        assert_eq!(cases(run)[1].1, "failure");
        let mut run = fixtures::good();
        fixtures::because(&mut run, Verdict::Fail, &[]);
        assert_eq!(cases(run)[0].1, "error");
        let mut run = fixtures::good();
        fixtures::because(&mut run, Verdict::Invalid, &[("of_tomorrow", "who knows")]);
        assert_eq!(cases(run)[0].2, "who knows");
    }

    #[test]
    fn hostile_names_stay_attributes() {
        let names = fixtures::HOSTILE;
        let mut run = fixtures::good();
        run.slos = names
            .map(|name| fixtures::below("response", (Some(name), None), 100, 1))
            .into();
        run.id = names.concat();
        let cases = cases(run);
        assert_eq!(cases.len(), names.len() + 2);
        for (name, case) in names.iter().zip(&cases[2..]) {
            assert!(case.0.contains(inert(name).as_ref()), "{name:?}: {case:?}");
        }
    }
}
