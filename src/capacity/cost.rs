//! What actions cost, and how long the run took to get over them. Pure.

use std::collections::BTreeMap;

use crate::measure::action::{ActionResult, Cost, SloCost};
use crate::scenario::{After, Limit, Metric, Scenario, Subject};

use super::course::{Course, Second};
use super::judge::metric_name;
use super::recovery::{Settled, Spell, drain, recovery};
use super::slo::{Figure, Question, limit_words};

const SECOND_US: u64 = 1_000_000;

/// Fills in what each action cost. `missing`: what the groups miss, by the second it was due in; `None`: not known.
pub fn fill_in(
    scenario: &Scenario,
    course: &Course,
    missing: Option<&BTreeMap<u64, u64>>,
    actions: &mut [ActionResult],
) {
    let seconds = course.seconds().len();
    let begins: Vec<Option<usize>> = actions
        .iter()
        .map(|action| Some((action.began_us? / SECOND_US) as usize))
        .collect();
    for (index, action) in actions.iter_mut().enumerate() {
        let Some(from) = begins[index] else {
            continue;
        };
        // To the next that begins later: those that begin together share what they cost.
        let later = begins.iter().flatten().filter(|begin| **begin > from);
        let to = later.min().map_or(seconds, |next| (*next).min(seconds));
        let mut cost = counted(course, from.min(to), to);
        cost.missing = missing.map(|seconds| {
            let of = seconds.range(from.min(to) as u64..to as u64);
            of.map(|(_, count)| count).sum()
        });
        if to == seconds {
            let (duplicated, reordered) = course.late();
            cost.duplicated += duplicated;
            cost.reordered += reordered;
        }
        if let Some(spell) = spell_of(action) {
            cost.recovery_us = course
                .all_held()
                .and_then(|held| within(recovery(&held, spell.ended_us)));
            let paused = action.pause.as_ref();
            let group = paused.and_then(|name| {
                let groups = &scenario.consumers;
                groups.iter().position(|group| group.name == *name)
            });
            cost.drain_us = match group {
                Some(group) => within(drain(&course.level(Subject::Consume(group)), spell)),
                None => drained(scenario, course, spell),
            };
        }
        action.cost = Some(cost);
    }
}

/// What happened in these seconds.
fn counted(course: &Course, from: usize, to: usize) -> Cost {
    let seconds = &course.seconds()[from..to];
    let mut cost = Cost {
        from_us: from as u64 * SECOND_US,
        to_us: to as u64 * SECOND_US,
        ..Cost::default()
    };
    for (place, asked) in course.asked().iter().enumerate() {
        let judged = || seconds.iter().map(|second| second.judged[place]);
        let missed = judged().filter(|judged| judged.held == Some(false)).count();
        let question = &asked.question;
        let has_events =
            question.quantile.is_some() && matches!(question.limit, Limit::BelowTime(_));
        if asked.is_slo {
            cost.slos.push(SloCost {
                metric: metric_name(question.metric).to_owned(),
                of: asked.name.clone(),
                quantile: question.quantile,
                limit: limit_words(question),
                seconds: missed as u64,
                events: has_events.then(|| judged().map(|judged| judged.above).sum()),
            });
        }
    }
    for second in seconds {
        cost.response_max_us = cost.response_max_us.max(second.response_max_us);
        cost.unanswered += second.unanswered;
        for (name, count) in &second.errors {
            *cost.errors.entry(name.clone()).or_default() += count;
        }
        cost.backlog_max = cost.backlog_max.max(second.backlog.iter().sum());
        let lag = second.lag_records.iter().flatten().max();
        cost.lag_records_max = cost.lag_records_max.max(lag.copied().unwrap_or(0));
        cost.lag_us_max = cost.lag_us_max.max(second.lag_us);
        for (name, of) in &second.watched {
            let most = cost.watched.entry(name.clone()).or_default();
            most.lag_records = most.lag_records.max(of.lag_records);
            most.lag_us = most.lag_us.max(of.lag_us);
        }
        cost.duplicated += second.duplicated;
        cost.reordered += second.reordered;
    }
    cost
}

/// Until every backlog and every lag is back; `None`: not all within the load.
fn drained(scenario: &Scenario, course: &Course, spell: Spell) -> Option<u64> {
    let flows = (0..scenario.flows.len()).map(Subject::Flow);
    let groups = (0..scenario.consumers.len()).map(Subject::Consume);
    flows
        .chain(groups)
        .map(|of| within(drain(&course.level(of), spell)))
        .try_fold(0, |longest, us| Some(us?.max(longest)))
}

fn within(settled: Settled) -> Option<u64> {
    match settled {
        Settled::After(us) => Some(us),
        Settled::NotWithin(_) | Settled::Unknown => None,
    }
}

/// When an action was done; `None`: it was not.
fn spell_of(action: &ActionResult) -> Option<Spell> {
    Some(Spell {
        began_us: action.began_us?,
        ended_us: action.ended_us?,
    })
}

/// The answer to a question about drain, recovery or time above.
pub(super) fn figure(
    scenario: &Scenario,
    course: &Course,
    actions: &[ActionResult],
    question: &Question,
) -> Figure {
    let spell = question.after.map(|after| spell(scenario, actions, after));
    if question.metric == Metric::TimeAbove {
        let from = match spell {
            None => 0,
            Some(None) => return Figure::Nothing,
            Some(Some(spell)) => (spell.began_us / SECOND_US) as usize,
        };
        return time_above(course, question, from);
    }
    let Some(spell) = spell.flatten() else {
        return Figure::Nothing;
    };
    let settled = match (question.metric, question.subject) {
        (Metric::Drain, Some(of)) => drain(&course.level(of), spell),
        _ => recovery(&course.held(question), spell.ended_us),
    };
    match settled {
        Settled::After(us) => Figure::Time(us),
        Settled::NotWithin(us) => Figure::Beyond(us),
        Settled::Unknown => Figure::Nothing,
    }
}

/// The seconds that missed what is compared with.
fn time_above(course: &Course, question: &Question, from: usize) -> Figure {
    let held = course.held(question);
    let counts = |second: &Second| question.all || second.is_warm;
    let seconds = held.iter().zip(course.seconds()).skip(from);
    let judged: Vec<bool> = seconds
        .filter(|(_, second)| counts(second))
        .filter_map(|(held, _)| *held)
        .collect();
    if judged.is_empty() {
        return Figure::Nothing;
    }
    let missed = judged.iter().filter(|held| !**held).count();
    Figure::Time(missed as u64 * SECOND_US)
}

/// When what something is counted after was; `None`: it did not take place.
fn spell(scenario: &Scenario, actions: &[ActionResult], after: After) -> Option<Spell> {
    let spikes = || {
        let (begin, end) = scenario.spikes()?;
        let us = |at: std::time::Duration| u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        Some(Spell {
            began_us: us(begin),
            ended_us: us(end),
        })
    };
    match after {
        After::Action(index) => actions.get(index).and_then(spell_of),
        After::Spikes => spikes(),
        After::Last => {
            let all = actions.iter().filter_map(spell_of).chain(spikes());
            all.max_by_key(|spell| spell.ended_us)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capacity::gather::Gatherer;
    use crate::capacity::slo::questions;
    use crate::capacity::tests::scenario;
    use crate::measure::action::Outcome;
    use crate::measure::histogram::WindowHistogram;
    use crate::measure::line::{FlowDuring, FlowLine, GroupLine, WatchedLine, WindowLine};
    use crate::scenario::{Action, Deed, Pause, Shape, Slo};

    const MS: u64 = 1_000;

    fn slo(metric: Metric, subject: Subject, below_ms: u64) -> Slo {
        Slo {
            metric,
            subject: Some(subject),
            quantile: None,
            limit: Limit::BelowTime(Duration::from_millis(below_ms)),
            every: None,
            above: None,
            after: None,
            all: true,
            implied: false,
        }
    }

    /// An action from 20 to 25 s of a minute, and limits of all kinds. The response of both flows is 2 ms, and 400 ms from 20 to 31 s;
    /// `analytics` falls behind by 100 records a second from 20 to 25 s and catches up at 50 a second.
    fn run() -> (Scenario, Gatherer, Vec<ActionResult>) {
        let mut scenario = scenario();
        let pause = Pause {
            group: 0,
            lasting: Some(Duration::from_secs(5)),
            until_lag_records: None,
        };
        scenario.actions = vec![Action {
            name: "outage".to_owned(),
            at: Duration::from_secs(20),
            follows: None,
            deed: Deed::Pause(pause),
        }];
        let flow = Subject::Flow(0);
        let compares = |metric| Slo {
            quantile: Some(0.99),
            above: Some(Duration::from_millis(100)),
            ..slo(metric, flow, 30_000)
        };
        scenario.slos = vec![
            Slo {
                quantile: Some(0.99),
                ..slo(Metric::Response, flow, 50)
            },
            Slo {
                after: Some(After::Action(0)),
                ..compares(Metric::Recovery)
            },
            compares(Metric::TimeAbove),
            Slo {
                after: Some(After::Last),
                ..slo(Metric::Drain, Subject::Consume(0), 60_000)
            },
        ];
        let mut gatherer = Gatherer::new(&scenario);
        for second in 0..70 {
            gatherer.line(&line(second));
        }
        let action = ActionResult {
            name: "outage".to_owned(),
            began_us: Some(20_000 * MS),
            ended_us: Some(25_000 * MS),
            outcome: Outcome::Done,
            ..ActionResult::default()
        };
        (scenario, gatherer, vec![action])
    }

    fn line(second: u64) -> WindowLine {
        let slow = (20..31).contains(&second);
        let mut times = WindowHistogram::new();
        times.record_many(if slow { 400 * MS } else { 2 * MS }, 10);
        let flow = FlowLine {
            planned: 10,
            sent: 10,
            acknowledged: 10,
            during: FlowDuring {
                acknowledged: 10,
                ..FlowDuring::default()
            },
            errors: if second == 22 {
                [("REQUEST_TIMED_OUT".to_owned(), 3)].into()
            } else {
                Default::default()
            },
            response: Some(times),
            ..FlowLine::default()
        };
        let behind = match second + 1 {
            ..=20 => 0,
            end @ 21..=25 => (end - 20) * 100,
            end => 500_u64.saturating_sub((end - 25) * 50),
        };
        let group = GroupLine {
            lag_records: Some(behind),
            lag_us: Some(behind * MS),
            // One more is found when the load is over.
            duplicated: u64::from(second == 26 || second == 65),
            ..GroupLine::default()
        };
        let theirs = WatchedLine {
            lag_records: second,
            lag_us: 1_000 - second,
        };
        WindowLine {
            at_us: second * 1_000 * MS,
            warm: second >= 5,
            flows: ["shoppers", "robots"]
                .map(|name| (name.to_owned(), flow.clone()))
                .into(),
            consume: [("analytics".to_owned(), group)].into(),
            watched: [("theirs".to_owned(), theirs)].into(),
            ..WindowLine::default()
        }
    }

    #[test]
    fn an_action_costs_what_happened_from_its_beginning() {
        let (scenario, gatherer, mut actions) = run();
        // Of what is missing, some was due before it.
        let missing = [(19, 100), (20, 3), (59, 4)].into();
        fill_in(&scenario, gatherer.course(), Some(&missing), &mut actions);
        let cost = actions[0].cost.clone().expect("it began");
        assert_eq!((cost.from_us, cost.to_us), (20_000 * MS, 60_000 * MS));
        let slo = &cost.slos[0];
        assert_eq!(
            (slo.metric.as_str(), slo.seconds, slo.events),
            ("response", 11, Some(110))
        );
        assert_eq!(cost.errors, [("REQUEST_TIMED_OUT".to_owned(), 6)].into());
        assert_eq!((cost.lag_records_max, cost.lag_us_max), (500, 500 * MS));
        assert_eq!((cost.missing, cost.duplicated), (Some(7), 2));
        assert_eq!(cost.unanswered, 0);
        let theirs = WatchedLine {
            lag_records: 59,
            lag_us: 980,
        };
        assert_eq!(cost.watched, [("theirs".to_owned(), theirs)].into());
        // Two digits: 400 ms lie in a bucket that ends just above.
        assert!(
            cost.response_max_us
                .is_some_and(|us| (400 * MS..410 * MS).contains(&us))
        );
        // Good from 31 s on; caught up at 35 s.
        assert_eq!(
            (cost.recovery_us, cost.drain_us),
            (Some(6_000 * MS), Some(10_000 * MS))
        );
    }

    #[test]
    fn limits_after_an_action_are_answered() {
        let (scenario, gatherer, actions) = run();
        let asked = questions(&scenario);
        let answer = |index: usize| figure(&scenario, gatherer.course(), &actions, &asked[index]);
        assert_eq!(answer(1), Figure::Time(6_000 * MS));
        assert_eq!(answer(2), Figure::Time(11_000 * MS));
        assert_eq!(answer(3), Figure::Time(10_000 * MS));
    }

    #[test]
    fn what_did_not_take_place_has_no_answer() {
        let (scenario, gatherer, mut actions) = run();
        actions[0].ended_us = None;
        let asked = questions(&scenario);
        let answer = |index: usize| figure(&scenario, gatherer.course(), &actions, &asked[index]);
        assert_eq!((answer(1), answer(3)), (Figure::Nothing, Figure::Nothing));
        assert_eq!(answer(2), Figure::Time(11_000 * MS));
    }

    #[test]
    fn actions_share_their_cost_only_when_they_begin_together() {
        let (scenario, gatherer, mut actions) = run();
        let at = |us: u64| ActionResult {
            began_us: Some(us),
            ended_us: Some(us),
            ..ActionResult::default()
        };
        actions.push(at(20_400 * MS));
        actions.push(at(28_000 * MS));
        fill_in(&scenario, gatherer.course(), None, &mut actions);
        assert!(actions.iter().all(|action| {
            action
                .cost
                .as_ref()
                .is_some_and(|cost| cost.missing.is_none())
        }));
        let found = |index: usize| actions[index].cost.as_ref().map(|cost| cost.duplicated);
        // What is found in its time, and the last also what is found after the load.
        assert_eq!([found(0), found(1), found(2)], [Some(1), Some(1), Some(1)]);
        let spans: Vec<(u64, u64)> = actions
            .iter()
            .filter_map(|action| action.cost.as_ref())
            .map(|cost| (cost.from_us / 1_000 / MS, cost.to_us / 1_000 / MS))
            .collect();
        assert_eq!(spans, [(20, 28), (20, 28), (28, 60)]);
    }

    #[test]
    fn the_later_of_spikes_and_actions_is_the_last() {
        let (mut scenario, gatherer, actions) = run();
        scenario.flows[0].spikes = vec![Shape::Flash {
            at: 10.0,
            height: 2.0,
            base: 1.0,
            attack: 5.0,
            hold: 18.0,
            decay: 0.0,
        }];
        let question = questions(&scenario)
            .into_iter()
            .find(|question| question.after == Some(After::Last))
            .expect("the drain");
        // Over at 33 s, with the level before 10 s: back at 35 s.
        let figure = figure(&scenario, gatherer.course(), &actions, &question);
        assert_eq!(figure, Figure::Time(2_000 * MS));
    }

    #[test]
    fn a_run_without_either_keeps_no_course() {
        let scenario = scenario();
        let mut gatherer = Gatherer::new(&scenario);
        gatherer.line(&line(0));
        assert!(gatherer.course().seconds().is_empty());
    }
}
