//! The events of a scenario, compiled.

use std::collections::BTreeSet;

use super::belonging::Pools;
use super::blanks::{Refused, refused, refused_key};
use super::calendar::Calendar;
use super::compile::{Compiled, compile, with_parents};
use super::defect::{self, Chances};
use super::field::Field;
use super::filler::{Filler, Opaque};
use super::pool::Pool;
use super::problem::{Problem, TrafficError};
use super::proof::prove;
use super::samples::Samples;
use super::scope::FlowDraws;
use super::stamp;
use super::syntax::Mode;
use super::template::{Draw, Kit, Template};
use crate::scenario::{Event, KeyPart, Scenario, StampPlace, TemplateText, Value};

/// Everything that is sent, ready to render. Shared by all threads.
pub struct Traffic {
    pub(super) seed: u64,
    pub(super) run_tag: u64,
    pub(super) kit: Kit,
    pub(super) events: Vec<EventPlan>,
    pub(super) flows: Vec<FlowPlan>,
}

/// What a flow changes in the events it sends.
pub(super) struct FlowPlan {
    pub draws: FlowDraws,
    /// By event, what may be wrong with it.
    pub chances: Vec<Chances>,
}

/// One kind of event.
pub(super) struct EventPlan {
    pub topic: u16,
    pub partitions: u32,
    pub key: Vec<KeyPart>,
    /// The pools that are drawn once for the event, for key, value and headers.
    pub draws: Vec<Draw>,
    pub value: ValuePlan,
    /// Names and values.
    pub headers: Vec<(String, Template)>,
    pub stamp: StampPlace,
}

impl EventPlan {
    /// How many plain bytes a value of usually `usual` has without its stamp when it is to have `size` with it.
    #[inline]
    pub(super) fn plain_bytes(&self, usual: usize, size: usize) -> usize {
        let stamp = match self.stamp {
            StampPlace::Payload => stamp::TEXT_LEN,
            StampPlace::Header | StampPlace::None => 0,
        };
        usual.max(size.saturating_sub(stamp))
    }
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
        let pools = scenario.pools.iter();
        let pools = pools.map(|pool| (Pool::new(pool.count, pool.skew), pool.of));
        let kit = Kit {
            pools: Pools::new(pools.collect()),
            fields: fields(scenario),
            filler: Filler::new(scenario.seed),
            calendar: Calendar::new(&scenario.time),
        };
        let mut problems = too_few(scenario);
        let events: Vec<EventPlan> = (0..scenario.events.len())
            .filter_map(|event| plan(event, scenario, &kit, &mut problems))
            .collect();
        if !problems.is_empty() {
            return Err(TrafficError { problems });
        }
        let flows = (0..scenario.flows.len()).map(|flow| FlowPlan {
            draws: FlowDraws::new(scenario, flow, &kit.pools, &drawn(scenario, flow, &events)),
            chances: scenario
                .events
                .iter()
                .map(|event| defect::chances(&scenario.flows[flow].defects, &event.defects))
                .collect(),
        });
        Ok(Traffic {
            seed: scenario.seed,
            run_tag,
            flows: flows.collect(),
            kit,
            events,
        })
    }

    /// The share of the picks of a pool (an index into the scenario's) that an id is expected to get; flashes left aside.
    pub fn share(&self, pool: usize, id: u64) -> f64 {
        self.kit.pools.share(pool, id)
    }
}

/// Pools with fewer ids than the pool they are of: not all of its ids could have one.
fn too_few(scenario: &Scenario) -> Vec<Problem> {
    let pools = scenario.pools.iter();
    let few = pools.filter_map(|pool| {
        let parent = &scenario.pools[pool.of?];
        (pool.count < parent.count).then(|| Problem {
            source: format!("pool.{}", pool.name),
            place: None,
            message: format!(
                "{} ids of `{}` belong to {} of `{}`, and each of these needs one; raise `count` to {} or leave `of` out",
                pool.count, pool.name, parent.count, parent.name, parent.count
            ),
            nearest: None,
        })
    });
    few.collect()
}

/// By pool, whether some event of a flow draws it.
fn drawn(scenario: &Scenario, flow: usize, events: &[EventPlan]) -> Vec<bool> {
    let mut drawn = vec![false; scenario.pools.len()];
    for (event, _) in &scenario.flows[flow].mix {
        let plan = &events[*event];
        let lines = match &plan.value {
            ValuePlan::Template(template) => template.lines.as_slice(),
            ValuePlan::Samples(_) | ValuePlan::Bytes { .. } => &[],
        };
        let in_lines = lines.iter().flat_map(|lines| &lines.draws);
        for draw in plan.draws.iter().chain(in_lines) {
            drawn[draw.pool] = true;
        }
    }
    drawn
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
    number: usize,
    scenario: &Scenario,
    kit: &Kit,
    problems: &mut Vec<Problem>,
) -> Option<EventPlan> {
    let event = &scenario.events[number];
    // All is compiled before anything may end it: all problems at once.
    let refused = refused(scenario, number);
    problems.extend(refused_key(scenario, number, &refused));
    let context = (scenario, kit, refused.as_slice());
    let value = value(event, context, problems);
    let headers: Vec<Option<(String, Template)>> = event
        .headers
        .iter()
        .map(|(name, text)| header(event, (name, text), context, problems))
        .collect();
    let (value, headers) = (value?, headers.into_iter().collect::<Option<Vec<_>>>()?);
    let pools = event.key.parts.iter().filter_map(|part| match part {
        KeyPart::Pool(pool) => Some(*pool),
        KeyPart::Session | KeyPart::Device => None,
    });
    let mut draws: BTreeSet<Draw> = with_parents(pools, kit).into_iter().collect();
    if let ValuePlan::Template(template) = &value {
        draws.extend(&template.draws);
    }
    for (_, template) in &headers {
        draws.extend(&template.draws);
    }
    Some(EventPlan {
        topic: event.topic as u16,
        partitions: scenario.topics[event.topic].partitions,
        key: event.key.parts.clone(),
        draws: draws.into_iter().collect(),
        value,
        headers,
        stamp: event.stamp,
    })
}

/// What events are compiled in: the scenario, what its templates share, and the blanks that the event at hand can't have.
type Context<'a> = (&'a Scenario, &'a Kit, &'a [Refused]);

fn value(
    event: &Event,
    (scenario, kit, refused): Context<'_>,
    problems: &mut Vec<Problem>,
) -> Option<ValuePlan> {
    match &event.value {
        Value::Template(text) => {
            let compiled = compile(text, Mode::Json, (&scenario.pools, kit, refused), problems)?;
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
    (scenario, kit, refused): Context<'_>,
    problems: &mut Vec<Problem>,
) -> Option<(String, Template)> {
    let compiled = compile(text, Mode::Plain, (&scenario.pools, kit, refused), problems);
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
