//! The events of a scenario, compiled.

use std::collections::BTreeSet;

use super::calendar::Calendar;
use super::compile::{Compiled, compile};
use super::field::Field;
use super::filler::{Filler, Opaque};
use super::pool::Pool;
use super::problem::{Problem, TrafficError};
use super::proof::prove;
use super::samples::Samples;
use super::stamp;
use super::syntax::Mode;
use super::template::{Kit, Template};
use crate::scenario::{Event, KeyPart, Scenario, StampPlace, TemplateText, Value};

/// Everything that is sent, ready to render. Shared by all threads.
pub struct Traffic {
    pub(super) seed: u64,
    pub(super) run_tag: u64,
    pub(super) kit: Kit,
    pub(super) events: Vec<EventPlan>,
}

/// One kind of event.
pub(super) struct EventPlan {
    pub topic: u16,
    pub partitions: u32,
    /// The pools whose ids make the key.
    pub key: Vec<usize>,
    /// The pools that are drawn once for the event, for key, value and headers, and where their ids go.
    pub draws: Vec<(usize, usize)>,
    pub value: ValuePlan,
    /// Names and values.
    pub headers: Vec<(String, Template)>,
    pub stamp: StampPlace,
}

pub(super) enum ValuePlan {
    Template(Template),
    Samples(Samples),
    Bytes {
        /// Without the stamp.
        size: usize,
        opaque: Opaque,
    },
}

impl Traffic {
    /// Compiles the events of a scenario. `run_tag` tells this run's stamps from another's.
    ///
    /// # Errors
    ///
    /// All that is wrong with the templates and samples of all events, each with its place.
    pub fn compile(scenario: &Scenario, run_tag: u64) -> Result<Traffic, TrafficError> {
        let kit = Kit {
            pools: scenario
                .pools
                .iter()
                .map(|pool| Pool::new(pool.count, pool.skew))
                .collect(),
            fields: fields(scenario),
            filler: Filler::new(scenario.seed),
            calendar: Calendar::new(&scenario.time),
        };
        let mut problems = Vec::new();
        let events: Vec<EventPlan> = scenario
            .events
            .iter()
            .filter_map(|event| plan(event, scenario, &kit, &mut problems))
            .collect();
        if !problems.is_empty() {
            return Err(TrafficError { problems });
        }
        Ok(Traffic {
            seed: scenario.seed,
            run_tag,
            kit,
            events,
        })
    }

    /// The pool of this index in the scenario.
    pub fn pool(&self, index: usize) -> &Pool {
        &self.kit.pools[index]
    }
}

fn fields(scenario: &Scenario) -> Vec<Field> {
    let mut fields = Vec::new();
    for (number, pool) in scenario.pools.iter().enumerate() {
        for field in 0..pool.fields.len() {
            fields.push(Field::new(scenario.seed, (number, field), pool));
        }
    }
    fields
}

fn plan(
    event: &Event,
    scenario: &Scenario,
    kit: &Kit,
    problems: &mut Vec<Problem>,
) -> Option<EventPlan> {
    // Both are compiled before either may end it: all problems at once.
    let value = value(event, scenario, kit, problems);
    let headers: Vec<Option<(String, Template)>> = event
        .headers
        .iter()
        .map(|(name, text)| header(event, (name, text), (scenario, kit), problems))
        .collect();
    let (value, headers) = (value?, headers.into_iter().collect::<Option<Vec<_>>>()?);
    let key: Vec<usize> = event
        .key
        .parts
        .iter()
        .filter_map(|part| match part {
            KeyPart::Pool(pool) => Some(*pool),
            KeyPart::Session | KeyPart::Device => None,
        })
        .collect();
    let mut draws: BTreeSet<(usize, usize)> = key.iter().map(|&pool| (pool, pool)).collect();
    if let ValuePlan::Template(template) = &value {
        draws.extend(&template.draws);
    }
    for (_, template) in &headers {
        draws.extend(&template.draws);
    }
    Some(EventPlan {
        topic: event.topic as u16,
        partitions: scenario.topics[event.topic].partitions,
        key,
        draws: draws.into_iter().collect(),
        value,
        headers,
        stamp: event.stamp,
    })
}

fn value(
    event: &Event,
    scenario: &Scenario,
    kit: &Kit,
    problems: &mut Vec<Problem>,
) -> Option<ValuePlan> {
    match &event.value {
        Value::Template(text) => {
            let compiled = compile(text, Mode::Json, (&scenario.pools, kit), problems)?;
            if let Err(problem) = prove(&compiled, text, event.stamp, kit) {
                problems.push(problem);
                return None;
            }
            Some(ValuePlan::Template(compiled.template))
        }
        Value::Lines { name, lines } => {
            let source = (name.as_str(), lines.as_slice());
            match Samples::new(source, event.stamp, (scenario.seed, scenario.shards)) {
                Ok(samples) => Some(ValuePlan::Samples(samples)),
                Err(found) => {
                    problems.extend(found);
                    None
                }
            }
        }
        Value::Bytes { size, compressible } => {
            let stamp_len = match event.stamp {
                StampPlace::Payload => stamp::TEXT_LEN,
                StampPlace::Header | StampPlace::None => 0,
            };
            let Some(size) = size.checked_sub(stamp_len) else {
                problems.push(about(
                    event,
                    format!(
                        "a value of {size} bytes has no room for the stamp's {stamp_len}; make it larger, or set \
                         `stamp = \"header\"`"
                    ),
                ));
                return None;
            };
            let opaque = Opaque::new(without_stamp(size, stamp_len, *compressible));
            Some(ValuePlan::Bytes { size, opaque })
        }
    }
}

/// What a stamp compresses to in a batch: the run is always the same, the rest is not.
const STAMP_COST: f64 = 32.0;

/// How well `size` bytes must compress so that they do as asked together with a stamp.
fn without_stamp(size: usize, stamp_len: usize, ratio: f64) -> f64 {
    if stamp_len == 0 {
        return ratio;
    }
    let compressed = (size + stamp_len) as f64 / ratio - STAMP_COST;
    size as f64 / compressed.max(1.0)
}

fn header(
    event: &Event,
    (name, text): (&String, &TemplateText),
    (scenario, kit): (&Scenario, &Kit),
    problems: &mut Vec<Problem>,
) -> Option<(String, Template)> {
    let compiled = compile(text, Mode::Plain, (&scenario.pools, kit), problems);
    let wrong = if name.len() > usize::from(u16::MAX) {
        "a header's name has at most 65,535 bytes".to_owned()
    } else if name == stamp::HEADER && event.stamp == StampPlace::Header {
        format!("the header `{name}` is the stamp's; rename yours")
    } else {
        let Compiled { template, .. } = compiled?;
        return Some((name.clone(), template));
    };
    problems.push(about(event, wrong));
    None
}

fn about(event: &Event, message: String) -> Problem {
    Problem {
        source: format!("event.{}", event.name),
        place: None,
        message,
        nearest: None,
    }
}
