//! What actions cost, and how long the run took to get over them. Pure.

use crate::measure::action::{ActionResult, Cost, SloCost};
use crate::scenario::{After, Limit, Metric, Scenario, Subject};

use super::course::{Course, Second};
use super::judge::metric_name;
use super::recovery::{Settled, Spell, drain, recovery};
use super::slo::{Figure, Question, limit_words};

const SECOND_US: u64 = 1_000_000;

/// Fills in what each action cost.
pub fn fill_in(scenario: &Scenario, course: &Course, actions: &mut [ActionResult]) {
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
        if let Some(spell) = spell_of(action) {
            cost.recovery_us = course
                .all_held()
                .and_then(|held| within(recovery(&held, spell.ended_us)));
            cost.drain_us = drained(scenario, course, spell);
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
