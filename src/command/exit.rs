//! Exit codes: what each error means to a script.

use anyhow::Error;

use super::confirm::Declined;
use crate::drive::run::RunError;
use crate::measure::calibration::CalibrationError;
use crate::measure::folder::FolderError;
use crate::measure::line::ReadError;
use crate::report::data::LoadError;
use crate::scenario::ScenarioErrors;
use crate::target::TargetError;
use crate::target::kafka::errors::KafkaError;
use crate::traffic::TrafficError;

/// Usage or scenario error: nothing was sent.
pub const USAGE: u8 = 2;
/// Invalid, inconclusive or interrupted.
pub const INVALID: u8 = 3;
/// The cluster could not be used.
pub const CLUSTER: u8 = 4;

/// A mistake in what was asked, without a type of its own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The exit code of an error that ended a command before it had a verdict.
pub fn code_of(error: &Error) -> u8 {
    error
        .chain()
        .find_map(|cause| {
            if let Some(error) = cause.downcast_ref::<KafkaError>() {
                return Some(if error.is_usage() { USAGE } else { CLUSTER });
            }
            if let Some(error) = cause.downcast_ref::<TargetError>() {
                return Some(of_target(error));
            }
            if let Some(error) = cause.downcast_ref::<RunError>() {
                return Some(of_run(error));
            }
            let usage = cause.is::<ScenarioErrors>()
                || cause.is::<TrafficError>()
                || cause.is::<FolderError>()
                || cause.is::<CalibrationError>()
                || cause.is::<LoadError>()
                || cause.is::<ReadError>()
                || cause.is::<Declined>()
                || cause.is::<Usage>();
            usage.then_some(USAGE)
        })
        .unwrap_or(INVALID)
}

fn of_target(error: &TargetError) -> u8 {
    match error {
        TargetError::Usage(_) => USAGE,
        TargetError::Unusable(_) => CLUSTER,
    }
}

fn of_run(error: &RunError) -> u8 {
    match error {
        RunError::Target(error) => of_target(error),
        RunError::Collect(_) => USAGE,
        RunError::Thread(_) | RunError::Interrupted => INVALID,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn every_error_has_its_code_through_any_context() {
        let cases: Vec<(Error, u8)> = vec![
            (Usage("no".into()).into(), 2),
            (Error::from(Usage("no".into())).context("outer"), 2),
            (TargetError::Unusable("gone".into()).into(), 4),
            (Declined("no".into()).into(), 2),
            (LoadError::Missing("runs/x".into()).into(), 2),
            (RunError::Interrupted.into(), 3),
            (RunError::Target(TargetError::Usage("x".into())).into(), 2),
            (anyhow!("anything else"), 3),
        ];
        for (error, code) in cases {
            assert_eq!(code_of(&error), code, "{error:#}");
        }
    }
}
