//! `highwater plan`: what would be sent, without a cluster.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::value::RawValue;

use super::run::tag_of;
use crate::cli::{Many, OutputArgs, PlanArgs};
use crate::drive::plan::events::{Planned, each};
use crate::drive::plan::{Ground, plan};
use crate::report;
use crate::report::term::Paint;
use crate::scenario::{self, Scenario, Source};
use crate::schedule::FlowSchedule;
use crate::traffic::Traffic;

/// Plans a scenario, and prints the plan or its events.
///
/// # Errors
/// All that is wrong with the scenario.
pub fn run(args: &PlanArgs, output: &OutputArgs) -> Result<()> {
    let source = Source::named(&args.scenario.name)?;
    let loaded = scenario::load(&source, &args.scenario.overrides())?;
    for warning in &loaded.warnings {
        eprintln!("{warning}");
    }
    let scenario = loaded.scenario;
    let tag = args.run_id.as_deref().map_or(0, tag_of);
    let traffic = Arc::new(Traffic::compile(&scenario, tag)?);
    let schedules: Vec<Arc<FlowSchedule>> = (0..scenario.flows.len())
        .map(|flow| Arc::new(FlowSchedule::compile(&scenario, flow)))
        .collect();
    let ground = Ground {
        scenario: &scenario,
        traffic: &traffic,
        schedules: &schedules,
    };
    if let Some(many) = args.events {
        return events(&ground, many);
    }
    let plan = plan(&ground);
    if args.json {
        let text = serde_json::to_string_pretty(&plan).context("writing the plan as JSON")?;
        return super::print(&(text + "\n"));
    }
    super::print(&report::plan::text(
        &plan,
        Paint::stdout(super::color(output)),
    ))
}

/// A line of `--events`.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: u32,
    key: Option<&'a str>,
    due_us: u64,
    value: Value<'a>,
}

/// A JSON object as it is, anything else as text.
#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Object(&'a RawValue),
    Text(Option<std::borrow::Cow<'a, str>>),
}

/// Prints the events themselves, a line each, in the order they are due. Whoever closes standard output has read enough.
fn events(ground: &Ground<'_>, many: Many) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut left = match many {
        Many::All => u64::MAX,
        Many::First(count) => count,
    };
    let mut written = || {
        each(ground, |event| {
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            write_line(&mut out, ground.scenario, event)?;
            Ok::<bool, io::Error>(true)
        })?;
        out.flush()
    };
    match written() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("writing events to standard output")
        }
        _ => Ok(()),
    }
}

fn write_line(out: &mut impl Write, scenario: &Scenario, event: &Planned<'_>) -> io::Result<()> {
    let key = event.key.map(String::from_utf8_lossy);
    let text = event.value.map(String::from_utf8_lossy);
    let object = text
        .as_deref()
        .filter(|text| text.starts_with('{'))
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    let line = Line {
        topic: &scenario.topics[event.topic].name,
        partition: event.partition,
        key: key.as_deref(),
        due_us: event.due_ns / 1000,
        value: match object {
            Some(object) => Value::Object(object),
            None => Value::Text(text.clone()),
        },
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
