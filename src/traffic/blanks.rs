//! Blanks that only some flows can fill: the id of a journey, of a device, of a batch.

use super::problem::Problem;
use crate::scenario::{Arrivals, Flow, KeyPart, Scenario};

/// A blank that an event can't have, and why not.
pub(super) type Refused = (&'static str, String);

/// Name, what it is, what a flow that can't fill it does, and whether a flow can.
type Rule = (&'static str, &'static str, &'static str, fn(&Flow) -> bool);

const RULES: [Rule; 3] = [
    (
        "session",
        "the id of a journey",
        "outside journeys",
        |flow| flow.journey.is_some(),
    ),
    ("device", "the id of a device", "without devices", |flow| {
        flow.journey.is_none() && matches!(flow.arrivals, Arrivals::Periodic(_))
    }),
    (
        "batch",
        "the number of a batch",
        "without batches",
        |flow| matches!(flow.arrivals, Arrivals::Batch(_)),
    ),
];

/// The blanks that some flow which sends an event can't fill.
pub(super) fn refused(scenario: &Scenario, event: usize) -> Vec<Refused> {
    let sends = |flow: &&Flow| flow.mix.iter().any(|(sent, _)| *sent == event);
    let refused = RULES.iter().filter_map(|(name, what, outside, can)| {
        let mut flows = scenario.flows.iter().filter(sends);
        let flow = flows.find(|flow| !can(flow))?;
        let why = format!(
            "`{name}` is {what}, and flow `{}` sends this event {outside}; leave it out, or give that flow an event of its own",
            flow.name
        );
        Some((*name, why))
    });
    refused.collect()
}

/// The parts of an event's key that are refused.
pub(super) fn refused_key(scenario: &Scenario, event: usize, refused: &[Refused]) -> Vec<Problem> {
    let event = &scenario.events[event];
    let wrong = event.key.parts.iter().filter_map(|part| {
        let name = match part {
            KeyPart::Pool(_) => return None,
            KeyPart::Session => "session",
            KeyPart::Device => "device",
        };
        let (_, why) = refused.iter().find(|(refused, _)| *refused == name)?;
        Some(Problem {
            source: format!("event.{}, its key", event.name),
            place: None,
            message: why.clone(),
            nearest: None,
        })
    });
    wrong.collect()
}
