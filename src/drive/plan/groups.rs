//! What consumer groups will have to do, beside what they can.

use serde::Serialize;

use super::Ground;
use super::partitions::Spread;
use super::rates::Rates;

/// A consumer group's part.
#[derive(Clone, Debug, Serialize)]
pub struct GroupPlan {
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: u32,
    /// Members without a partition.
    pub idle_members: u32,
    /// The highest rate of what it reads.
    pub peak_per_s: f64,
    /// What its working members can do; `None`: they need no time.
    pub limit_per_s: Option<f64>,
    /// Highest rate ÷ limit.
    pub load: Option<f64>,
    /// The same of the member with the hottest partitions.
    pub hottest_member_load: Option<f64>,
}

/// The plan of every group.
pub(super) fn groups(ground: &Ground<'_>, rates: &Rates, spread: &[Spread]) -> Vec<GroupPlan> {
    let scenario = ground.scenario;
    let plan = |group: &crate::scenario::Consume| {
        let read = |event: usize| group.topics.contains(&scenario.events[event].topic);
        let peak = rates.load(|cell| read(cell.event)).peak_per_s;
        let mut members = vec![0.0; group.members as usize];
        for &topic in &group.topics {
            let peak = rates
                .load(|cell| scenario.events[cell.event].topic == topic)
                .peak_per_s;
            deal(&spread[topic].shares, peak, &mut members);
        }
        let most = group
            .topics
            .iter()
            .map(|&topic| scenario.topics[topic].partitions);
        let working = most.max().unwrap_or(0).min(group.members);
        let work = group.work.as_secs_f64();
        let limit = (work > 0.0).then(|| f64::from(working) / work);
        let hottest = members.iter().copied().fold(0.0, f64::max);
        GroupPlan {
            name: group.name.clone(),
            members: group.members,
            idle_members: group.members - working,
            peak_per_s: peak,
            limit_per_s: limit,
            load: limit.map(|limit| peak / limit),
            hottest_member_load: limit.map(|_| hottest * work),
        }
    };
    scenario.consumers.iter().map(plan).collect()
}

/// Deals a topic's partitions to members as Kafka's range assignor does: runs of neighbours, the first members one more.
fn deal(shares: &[f64], rate: f64, members: &mut [f64]) {
    let (each, more) = (shares.len() / members.len(), shares.len() % members.len());
    let mut next = 0;
    for (index, member) in members.iter_mut().enumerate() {
        let count = each + usize::from(index < more);
        *member += rate * shares[next..next + count].iter().sum::<f64>();
        next += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_members_get_one_more() {
        let mut members = [0.0; 3];
        deal(&[0.1, 0.2, 0.3, 0.4], 10.0, &mut members);
        assert_eq!(members.map(|m: f64| m.round()), [3.0, 3.0, 4.0]);
        let mut members = [0.0; 3];
        deal(&[0.5, 0.5], 10.0, &mut members);
        assert_eq!(members, [5.0, 5.0, 0.0]);
    }
}
