//! Blanks that only some flows can fill: the id of a journey, of a device, of a batch.

use super::compile::Compiled;
use super::problem::{Place, Problem};
use super::template::Op;
use crate::scenario::{Arrivals, Event, Flow, KeyPart, Scenario, TemplateText};

/// A blank that names what an event is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blank {
    Session,
    Device,
    Batch,
}

impl Blank {
    fn of(op: &Op) -> Option<Blank> {
        match op {
            Op::Session => Some(Blank::Session),
            Op::Device => Some(Blank::Device),
            Op::Batch => Some(Blank::Batch),
            _ => None,
        }
    }

    /// Whether the events of a flow can fill it.
    fn is_filled_by(self, flow: &Flow) -> bool {
        match self {
            Blank::Session => flow.journey.is_some(),
            Blank::Device => {
                flow.journey.is_none() && matches!(flow.arrivals, Arrivals::Periodic(_))
            }
            Blank::Batch => matches!(flow.arrivals, Arrivals::Batch(_)),
        }
    }

    /// Its name, what it is, and what a flow that can't fill it does.
    fn words(self) -> [&'static str; 3] {
        match self {
            Blank::Session => ["session", "the id of a journey", "outside journeys"],
            Blank::Device => ["device", "the id of a device", "without devices"],
            Blank::Batch => ["batch", "the number of a batch", "without batches"],
        }
    }

    /// What is wrong with it in an event that this flow sends.
    fn complaint(self, flow: &Flow) -> String {
        let [name, what, outside] = self.words();
        format!(
            "`{name}` is {what}, and flow `{}` sends this event {outside}; leave it out, or give that flow an event of its own",
            flow.name
        )
    }
}

/// The first flow that sends an event and can't fill a blank.
fn culprit(scenario: &Scenario, event: usize, blank: Blank) -> Option<&Flow> {
    let sends = |flow: &&Flow| flow.mix.iter().any(|(sent, _)| *sent == event);
    let mut flows = scenario.flows.iter().filter(sends);
    flows.find(|flow| !blank.is_filled_by(flow))
}

/// The blanks of a template that a flow which sends its event can't fill.
pub(super) fn unfilled(
    scenario: &Scenario,
    event: usize,
    (compiled, source): (&Compiled, &TemplateText),
) -> Vec<Problem> {
    let steps = compiled.template.steps.iter().zip(&compiled.origins.steps);
    let wrong = steps.filter_map(|(step, at)| {
        let blank = Blank::of(&step.op)?;
        let flow = culprit(scenario, event, blank)?;
        Some(Problem {
            source: source.name.clone(),
            place: Some(Place::new(&source.text, at.start, at.len())),
            message: blank.complaint(flow),
            nearest: None,
        })
    });
    wrong.collect()
}

/// The parts of an event's key that a flow which sends it can't fill.
pub(super) fn unfilled_key(scenario: &Scenario, number: usize) -> Vec<Problem> {
    let event: &Event = &scenario.events[number];
    let wrong = event.key.parts.iter().filter_map(|part| {
        let blank = match part {
            KeyPart::Pool(_) => return None,
            KeyPart::Session => Blank::Session,
            KeyPart::Device => Blank::Device,
        };
        let flow = culprit(scenario, number, blank)?;
        Some(Problem {
            source: format!("event.{}, key", event.name),
            place: None,
            message: blank.complaint(flow),
            nearest: None,
        })
    });
    wrong.collect()
}
