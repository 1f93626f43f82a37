//! What the consumer groups saw, once the load is over.

use std::collections::BTreeMap;

use super::run::Job;
use crate::measure::ledger::{GroupCounts, Ledger, LogBounds};
use crate::scenario::Scenario;

/// What each group saw, held against where the logs begin and end now.
pub(super) fn counts(job: &Job, ledger: &Ledger, incomplete: &mut Vec<String>) -> Vec<GroupCounts> {
    let bounds: Vec<LogBounds> = match job.target.logs() {
        Ok(logs) => logs
            .iter()
            .map(|log| LogBounds {
                topic: log.topic,
                partition: log.partition,
                start: log.start,
                end: Some(log.end),
            })
            .collect(),
        Err(error) => {
            incomplete.push(format!("where the logs end could not be asked: {error}"));
            Vec::new()
        }
    };
    (0..job.scenario.consumers.len())
        .map(|group| ledger.account(group, &bounds))
        .collect()
}

/// By flow, whether its bins are lengths of time.
pub(super) fn timed(scenario: &Scenario) -> Vec<bool> {
    let flows = scenario.flows.iter();
    flows.map(|flow| flow.arrivals.has_due()).collect()
}

/// What the groups miss, over all of them, by the second it was due in.
pub(super) fn missing_by_second(
    scenario: &Scenario,
    ledger: &Ledger,
    groups: &[GroupCounts],
) -> Option<BTreeMap<u64, u64>> {
    let mut all = BTreeMap::new();
    for (group, counts) in groups.iter().enumerate() {
        // What a group has not seen is of three kinds. Which of them an event is of is known where there is but one.
        if counts.missing == 0 {
            continue;
        }
        let unseen = ledger.unseen_by_second(group, &timed(scenario));
        if unseen.values().sum::<u64>() != counts.missing {
            return None;
        }
        for (second, count) in unseen {
            *all.entry(second).or_default() += count;
        }
    }
    Some(all)
}
