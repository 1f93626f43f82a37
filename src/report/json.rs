//! A report as JSON: `run.json` as it is, for several runs a list of them. Pure.

use serde::Serialize;
use serde_json::Value;

use crate::measure::run::RunFile;

use super::data::RunData;
use super::unfinished::judged;

/// What an unfinished run does not know.
const UNKNOWN: [&str; 9] = [
    "tool",
    "started",
    "plan",
    "machine",
    "target",
    "events",
    "consume",
    "partitions",
    "generator",
];

/// A run as it is told.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Whole(&'a RunFile),
    Part(Value),
}

/// The report, without a line's end.
///
/// # Errors
/// When a number has no form in JSON.
pub fn report(runs: &[RunData]) -> Result<String, serde_json::Error> {
    let told = runs.iter().map(told).collect::<Result<Vec<_>, _>>()?;
    match told.as_slice() {
        [run] => serde_json::to_string_pretty(run),
        runs => serde_json::to_string_pretty(runs),
    }
}

fn told(data: &RunData) -> Result<Told<'_>, serde_json::Error> {
    if let Some(run) = &data.run {
        return Ok(Told::Whole(run));
    }
    let mut value = serde_json::to_value(judged(data).as_ref())?;
    if let Value::Object(fields) = &mut value {
        for name in UNKNOWN {
            fields.remove(name);
        }
    }
    Ok(Told::Part(value))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn one_run_is_its_run_file_and_several_are_a_list() {
        for (kind, data) in fixtures::kinds() {
            let text = report(std::slice::from_ref(&data)).expect("JSON");
            match &data.run {
                Some(run) => {
                    let read: RunFile = serde_json::from_str(&text).expect("a run file");
                    assert_eq!(&read, run, "{kind}");
                }
                None => {
                    let read: Value = serde_json::from_str(&text).expect("JSON");
                    assert_eq!(read["verdict"], "invalid", "{kind}");
                    assert_eq!(read["reasons"][0]["kind"], "incomplete", "{kind}");
                    assert!(read.get("generator").is_none(), "{kind}");
                }
            }
        }
        let both = [
            fixtures::of(fixtures::good()),
            fixtures::of(fixtures::fail()),
        ];
        let read: Value = serde_json::from_str(&report(&both).expect("JSON")).expect("JSON");
        assert_eq!(read[1]["verdict"], "fail");
    }
}
