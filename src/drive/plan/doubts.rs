//! What is legal in a plan and hardly meant, or can't work.

use super::{GroupPlan, Plan, TopicPlan};
use crate::measure::units;
use crate::scenario::{Arrivals, Metric, Scenario, Shape, Slo, Subject};

/// A partition with more than this many times the mean limits its topic.
const HOT: f64 = 2.0;
/// A key with more than this share of a topic dominates it.
const DOMINANT: f64 = 0.1;
/// So many events must lie beyond a quantile for it to say something.
const BEYOND: f64 = 10.0;
/// What happens within less real time is over before a window has ended, and before a cluster feels it as a change.
const SHORT_S: f64 = 1.0;
/// Groups above this load have nothing in hand for catching up.
const BUSY: f64 = 0.9;

/// All doubts, a sentence each.
pub(super) fn doubts(scenario: &Scenario, plan: &Plan) -> Vec<String> {
    let keys = dominant_keys(&plan.topics);
    let topics = plan.topics.iter().filter_map(of_topic);
    let groups = plan.groups.iter().flat_map(of_group);
    let slos = scenario
        .slos
        .iter()
        .filter_map(|slo| of_slo(scenario, plan, slo));
    let flows = (0..scenario.flows.len()).flat_map(|flow| of_flow(scenario, flow));
    let warmup = (plan.warmup_us >= plan.run_us).then(|| {
        "the whole run is warm-up: nothing of it would be judged; shorten `warmup` or lengthen the run".to_owned()
    });
    let mut doubts: Vec<String> = keys
        .chain(topics)
        .chain(groups)
        .chain(slos)
        .chain(flows)
        .chain(warmup)
        .collect();
    doubts.dedup();
    doubts
}

/// Keys that carry much of a topic: those that carry as much of several are told once.
fn dominant_keys(topics: &[TopicPlan]) -> impl Iterator<Item = String> {
    let mut told: Vec<((&str, String), Vec<String>)> = Vec::new();
    for topic in topics.iter().filter(|topic| topic.load.events > 0.0) {
        let Some((key, share)) = &topic.top_key else {
            continue;
        };
        if *share < DOMINANT {
            continue;
        }
        let (what, name) = (
            (key.as_str(), units::share(*share)),
            format!("`{}`", topic.name),
        );
        match told.iter_mut().find(|(known, _)| *known == what) {
            Some((_, names)) => names.push(name),
            None => told.push((what, vec![name])),
        }
    }
    told.into_iter()
        .map(|((key, share), names)| {
            let of = match names.as_slice() {
                [name] => format!("topic {name}"),
                names => format!("each of the topics {}", names.join(", ")),
            };
            format!("the key `{key}` takes {share} of {of}: one partition, and one consumer, carries all of it")
        })
}

fn of_topic(topic: &TopicPlan) -> Option<String> {
    let hottest = topic.hottest.filter(|hottest| *hottest >= HOT)?;
    let name = &topic.name;
    (topic.load.events > 0.0).then(|| {
        format!(
            "the hottest partition of topic `{name}` gets {hottest:.1} times the mean: it is full when the topic is at {}",
            units::share(1.0 / hottest)
        )
    })
}

fn of_group(group: &GroupPlan) -> Vec<String> {
    let mut doubts = Vec::new();
    let name = &group.name;
    let member = group.hottest_member_load.unwrap_or(0.0);
    match group.load {
        Some(load) if load > 1.0 => doubts.push(format!(
            "group `{name}` can't keep up at the peak: {} of its limit; add members, or lower `work`",
            units::share(load)
        )),
        Some(_) if member > 1.0 => doubts.push(format!(
            "a member of group `{name}` can't keep up at the peak: its partitions bring {} of what one member can do",
            units::share(member)
        )),
        Some(load) if load > BUSY => doubts.push(format!(
            "group `{name}` is at {} of its limit at the peak: it has little in hand for catching up",
            units::share(load)
        )),
        _ => {}
    }
    if group.idle_members > 0 {
        doubts.push(format!(
            "{} of group `{name}` have no partition to read: a topic's partition goes to one member",
            units::counted(u64::from(group.idle_members), "members")
        ));
    }
    doubts
}

fn of_slo(scenario: &Scenario, plan: &Plan, slo: &Slo) -> Option<String> {
    if slo.implied {
        return None;
    }
    let (what, events) = match slo.subject? {
        Subject::Flow(flow) => {
            let flow = &plan.flows[flow];
            // What it sends is not known beforehand.
            if !flow.planned {
                return None;
            }
            (format!("flow `{}`", flow.name), flow.load.events)
        }
        Subject::Event(event) => {
            let event = &plan.events[event];
            (format!("event `{}`", event.name), event.load.events)
        }
        Subject::Consume(group) => {
            let group = &scenario.consumers[group];
            let topics = group
                .topics
                .iter()
                .map(|&topic| plan.topics[topic].load.events);
            (format!("group `{}`", group.name), topics.sum())
        }
    };
    if events < 1.0 {
        return Some(format!(
            "nothing feeds the SLO on {what}: less than one event is expected in the run"
        ));
    }
    let quantile = slo.quantile.filter(|_| {
        matches!(
            slo.metric,
            Metric::Response | Metric::Service | Metric::EndToEnd | Metric::SendDelay
        )
    })?;
    let beyond = events * (1.0 - quantile);
    (beyond < BEYOND).then(|| {
        format!(
            "{} of {what} would rest on {beyond:.1} events; a longer run or a lower quantile says more",
            units::quantile(quantile)
        )
    })
}

/// Times that compression makes shorter than anything a cluster feels.
fn of_flow(scenario: &Scenario, flow: usize) -> Vec<String> {
    let (time, flow) = (&scenario.time, &scenario.flows[flow]);
    let real = |seconds: f64| seconds / time.compress;
    let mut doubts = Vec::new();
    let squeezed = |what: &str, seconds: f64| {
        format!(
            "{what} of flow `{}` lasts {} in this run (compress {}): shorter than a cluster takes to feel it; lower `compress`, or `play` the part of the day that matters",
            flow.name,
            units::time_us((real(seconds) * 1e6) as u64),
            time.compress
        )
    };
    if time.compress > 1.0 {
        for spike in &flow.spikes {
            if let Shape::Flash {
                attack,
                hold,
                decay,
                ..
            } = spike
                && real(attack + hold + decay) < SHORT_S
            {
                doubts.push(squeezed("a flash", attack + hold + decay));
            }
        }
        if let Arrivals::Batch(batch) = &flow.arrivals
            && !batch.within.real
            && real(batch.within.seconds) < SHORT_S
        {
            doubts.push(squeezed("a batch", batch.within.seconds));
        }
    }
    doubts
}
