//! A gate or a comparison as JUnit XML: a suite, a case for each figure.
//!
//! A figure that is worse fails; one that is too noisy errs. So does the case `enough known`, when the result is invalid for another
//! reason. `no loss` fails when records were lost, damaged or reordered.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::capacity::effect::Finding;
use crate::capacity::paired::{FigureResult, PairedFile};
use crate::capacity::verdict::{Kind, Weight};
use crate::measure::run::Verdict;
use crate::measure::units;

use super::super::junit::status;
use super::super::term::inert;
use super::{changed, finding, interval, value};

/// The result as XML.
///
/// # Errors
/// When the XML can't be built.
pub fn junit(file: &PairedFile) -> Result<String, SerializeError> {
    let mut report = Report::new("highwater");
    let name = inert(&format!("{} {}", file.kind, file.scenario)).into_owned();
    let mut suite = TestSuite::new(name.as_str());
    suite
        .extra
        .insert("timestamp".into(), file.started.as_str().into());
    for (property, text) in [("id", &file.id), ("plan hash", &file.plan_hash)] {
        suite.add_property((property, inert(text).as_ref()));
    }
    let mut cases = vec![known(file), loss(file)];
    cases.extend(
        file.figures
            .iter()
            .map(|figure| case(figure, file.sides.len() > 2)),
    );
    for case in &mut cases {
        case.set_classname(name.as_str());
    }
    suite.add_test_cases(cases);
    report.add_test_suite(suite);
    report.to_string()
}

fn is_loss(kind: &str) -> bool {
    Kind::from_name(kind).map(Kind::weight) == Some(Weight::Loss)
}

fn known(file: &PairedFile) -> TestCase {
    let is_told = |kind: &str| is_loss(kind) || ["regression", "too_noisy"].contains(&kind);
    let mut untold = file.reasons.iter().filter(|reason| !is_told(&reason.kind));
    let is_pass = file.verdict == Some(Verdict::Pass);
    let status = match untold.next() {
        Some(reason) if !is_pass => status(NonSuccessKind::Error, &reason.kind, &reason.text),
        // Too noisy with no figure to say so.
        None if file.figures.is_empty() && !is_pass => {
            status(NonSuccessKind::Error, "invalid", "nothing was compared")
        }
        _ => TestCaseStatus::success(),
    };
    TestCase::new("enough known", status)
}

fn loss(file: &PairedFile) -> TestCase {
    let lost = file.reasons.iter().find(|reason| is_loss(&reason.kind));
    let status = match lost {
        Some(reason) => status(NonSuccessKind::Failure, &reason.kind, &reason.text),
        None => TestCaseStatus::success(),
    };
    TestCase::new("no loss", status)
}

fn case(figure: &FigureResult, is_one_of_many: bool) -> TestCase {
    let name = match is_one_of_many {
        true => format!("{} of {}", figure.name, figure.side),
        false => figure.name.clone(),
    };
    let text = format!(
        "{}: {} against {}, {} (95 % interval {}); {} matters",
        finding(figure),
        value(figure, figure.candidate),
        value(figure, figure.baseline),
        changed(figure.ratio),
        interval(figure),
        units::share(figure.min_effect)
    );
    let name = inert(&name).into_owned();
    match Finding::from_name(&figure.finding) {
        Some(Finding::Worse) => TestCase::new(
            name.as_str(),
            status(NonSuccessKind::Failure, "regression", &text),
        ),
        Some(Finding::TooNoisy) => TestCase::new(
            name.as_str(),
            status(NonSuccessKind::Error, "too_noisy", &text),
        ),
        _ => {
            let mut case = TestCase::new(name.as_str(), TestCaseStatus::success());
            case.set_system_out(inert(&text).as_ref());
            case
        }
    }
}
