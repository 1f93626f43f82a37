//! The run file, from what the driver left behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::prepare::Prepared;
use crate::capacity::gather::Gatherer;
use crate::capacity::judge::{self, Circumstances};
use crate::capacity::verdict;
use crate::clock::NS_PER_S;
use crate::drive::plan::{Ground, partition_shares};
use crate::drive::run::{Ran, Stopped};
use crate::measure::account::GroupAccount;
use crate::measure::machine::Machine;
use crate::measure::run::{
    FORMAT, FlowResult, Generator, GroupResult, Plan, RunFile, Spread, Tool, Verdict,
};
use crate::measure::shape::RunShape;
use crate::scenario::hash::{plan_hash, setup_hash};
use crate::schedule::FlowSchedule;
use crate::target::kafka::librdkafka_version;

/// Most points of the curve that are kept.
const POINTS: usize = 2_000;

/// The judged run file and the exit code.
pub(super) fn assemble(prepared: &Prepared, ran: &Ran, gathered: &Gatherer) -> (RunFile, u8) {
    let scenario = &prepared.scenario;
    let shape = RunShape::of(scenario);
    let names = &ran.collected.failures;
    let flows: BTreeMap<String, FlowResult> = ran
        .collected
        .flows
        .iter()
        .map(|totals| {
            let name = shape.flows[totals.flow].name.clone();
            (name, FlowResult::new(totals, &shape, ran.load_ns, names))
        })
        .collect();
    let mut file = RunFile {
        format: FORMAT,
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            librdkafka: librdkafka_version(),
        },
        id: prepared.run_id.clone(),
        // To the millisecond: nobody starts a run to the nanosecond.
        started: ran.started.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        elapsed_us: ran.load_ns / 1_000,
        plan: plan(prepared),
        machine: Machine::this(),
        target: prepared.info.clone(),
        verdict: Verdict::Invalid,
        reasons: Vec::new(),
        slos: Vec::new(),
        events: ran.collected.events(&shape),
        consume: groups(prepared, ran),
        partitions: ran.collected.partitions(&shape),
        actions: ran.actions.clone(),
        watched: ran.watched.clone(),
        generator: Generator {
            realtime: ran.realtime,
            ..ran.collected.generator(&flows)
        },
        flows,
    };
    file.generator.calibration = prepared.calibration.clone();
    let circumstances = Circumstances {
        unusable: unusable(&file, ran),
        complaints: ran.collected.health.reasons.clone(),
        stopped: ran
            .stopped
            .as_ref()
            .and_then(|stopped| stopped_of(stopped, prepared, ran)),
        incomplete: incomplete(ran),
        missing: ran.missing.clone(),
        broken: file.broken(Some(&ran.collected.sums)),
    };
    let exit = judge::judge(scenario, &mut file, gathered, circumstances);
    (file, exit as u8)
}

fn plan(prepared: &Prepared) -> Plan {
    let scenario = &prepared.scenario;
    let brokers: Vec<String> = prepared
        .info
        .brokers
        .iter()
        .map(|broker| format!("{} {}", broker.id, broker.address))
        .collect();
    Plan {
        hash: plan_hash(scenario),
        setup_hash: setup_hash(scenario, &brokers),
        scenario: scenario.effective.clone(),
        seed: scenario.seed,
        curve: curve(&prepared.schedules),
        spread: spread(prepared),
    }
}

/// How the topics' load was to spread. Worked out when the load is over: it takes a second or two of a core where events are many, and
/// nothing needs it before.
fn spread(prepared: &Prepared) -> BTreeMap<String, Spread> {
    let ground = Ground {
        scenario: &prepared.scenario,
        traffic: &prepared.traffic,
        schedules: &prepared.schedules,
    };
    // To a millionth: more would be noise.
    let rounded = |share: f64| (share * 1e6).round() / 1e6;
    partition_shares(&ground)
        .into_iter()
        .map(|(topic, shares, hottest)| {
            let shares = shares.into_iter().map(rounded).collect();
            let hottest = rounded(hottest);
            (topic, Spread { shares, hottest })
        })
        .collect()
}

/// The rate of all flows together: (seconds since the start of the load, events per second).
pub(super) fn curve(schedules: &[Arc<FlowSchedule>]) -> Vec<(f64, f64)> {
    let run_s = schedules
        .iter()
        .map(|schedule| schedule.run_ns() as f64 / NS_PER_S as f64)
        .fold(0.0, f64::max);
    let mut instants: Vec<f64> = schedules
        .iter()
        .flat_map(|schedule| schedule.curve().points())
        .map(|(at, _)| at)
        .collect();
    instants.sort_by(f64::total_cmp);
    instants.dedup();
    if instants.len() > POINTS {
        instants = (0..=POINTS)
            .map(|i| run_s * i as f64 / POINTS as f64)
            .collect();
    }
    let rate = |at: f64| schedules.iter().map(|s| s.curve().rate(at)).sum();
    instants.into_iter().map(|at| (at, rate(at))).collect()
}

fn groups(prepared: &Prepared, ran: &Ran) -> BTreeMap<String, GroupResult> {
    let groups = prepared.scenario.consumers.iter().zip(&ran.groups);
    groups
        .enumerate()
        .map(|(index, (consume, counts))| {
            let totals = &ran.collected.groups[index];
            let lag = ran.collected.lag_records_max[index];
            let unseen = counts.missing + counts.expired + counts.unread;
            let end_to_end = totals.all().summary(unseen);
            let result = GroupResult::new(&GroupAccount::from(*counts), end_to_end, lag);
            (consume.name.clone(), result)
        })
        .collect()
}

/// Why the cluster could not be used, if nothing was ever acknowledged though something was sent.
fn unusable(file: &RunFile, ran: &Ran) -> Option<String> {
    let sum = |of: fn(&FlowResult) -> u64| file.flows.values().map(of).sum::<u64>();
    let sent = sum(|flow| flow.account.sent);
    if sent == 0 || sum(|flow| flow.account.acknowledged) > 0 || ran.stopped.is_some() {
        return None;
    }
    Some(match ran.last_errors.first() {
        Some((_, error)) => {
            format!("none of {sent} events sent was acknowledged; the client's last error: {error}")
        }
        None => format!("none of {sent} events sent was acknowledged"),
    })
}

/// What the verdict says of a stop. That a run could not be recorded is told as a part that is missing.
fn stopped_of(stopped: &Stopped, prepared: &Prepared, ran: &Ran) -> Option<verdict::Stopped> {
    match stopped {
        Stopped::Interrupted => Some(verdict::Stopped::Interrupted {
            after_s: ran.load_ns / NS_PER_S,
            of_s: prepared.scenario.time.run_ns() / NS_PER_S,
        }),
        Stopped::Aborted(reason) => Some(verdict::Stopped::Aborted(reason.clone())),
        Stopped::Unrecorded | Stopped::ActionFailed(_) => None,
    }
}

fn incomplete(ran: &Ran) -> Vec<String> {
    let mut incomplete = ran.incomplete.clone();
    incomplete.extend(ran.collected.error.as_ref().map(ToString::to_string));
    incomplete
}
