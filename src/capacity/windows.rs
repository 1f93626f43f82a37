//! SLOs with `every`: figures window by window, gathered while the run goes on. Pure.
//!
//! The run's seconds come in as they close, each part of a second once. A judged window is reduced to its figure as soon as
//! its last second is in, so that a run of a day holds a number a window and not a histogram.

use std::collections::BTreeMap;

use crate::measure::histogram::{MergedHistogram, WindowHistogram};
use crate::measure::shape::RunShape;
use crate::measure::window::{DueWindow, DuringWindow, EventDue};
use crate::scenario::{Metric, Scenario, Subject};

use super::slo::{Figure, Question, questions};

/// What a consumer group did in a second.
#[derive(Clone, Copy, Debug)]
pub struct GroupSecond<'a> {
    /// End-to-end times of the records it received.
    pub end_to_end: &'a WindowHistogram,
    /// The most records it was behind.
    pub lag_records: u64,
    /// The most it was behind as a time, in microseconds.
    pub lag_us: u64,
}

/// Gathers the figures of the questions with `every`.
#[derive(Clone, Debug)]
pub struct SloWindows {
    shape: RunShape,
    asked: Vec<Asked>,
}

/// One question and its windows.
#[derive(Clone, Debug)]
struct Asked {
    question: Question,
    /// The first second that is judged.
    first: u32,
    /// How many seconds a window has.
    length: u32,
    /// How many parts a second has: two for `achieved`, which sets what came in against what was due.
    parts: u32,
    open: BTreeMap<u32, Gathered>,
    closed: BTreeMap<u32, Figure>,
}

/// What a window has gathered so far.
#[derive(Clone, Debug, Default)]
struct Gathered {
    parts: u32,
    times: MergedHistogram,
    /// Events without a time.
    beyond: u64,
    /// Of a share: how many did it, of how many.
    of: (u64, u64),
    /// The most of something that is a level.
    most: Option<u64>,
}

impl SloWindows {
    /// Nothing gathered yet.
    pub fn new(scenario: &Scenario) -> SloWindows {
        let shape = RunShape::of(scenario);
        let warm_second = (shape.warm_from_ns() / crate::measure::shape::WINDOW_NS) as u32;
        let asked = questions(scenario)
            .into_iter()
            .filter_map(|question| {
                let every = question.every?;
                Some(Asked {
                    first: if question.all { 0 } else { warm_second },
                    length: u32::try_from(every.window.as_secs())
                        .unwrap_or(u32::MAX)
                        .max(1),
                    parts: if question.metric == Metric::Achieved {
                        2
                    } else {
                        1
                    },
                    question,
                    open: BTreeMap::new(),
                    closed: BTreeMap::new(),
                })
            })
            .collect();
        SloWindows { shape, asked }
    }

    /// Whether any SLO is judged window by window: otherwise there is no need to feed it.
    pub fn is_needed(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Takes what became of the events of `flow` that came due in `second`, all producers together.
    pub fn due(&mut self, flow: usize, second: u32, window: &DueWindow) {
        let events = self.shape.flows[flow].events.clone();
        self.gather(second, |question, gathered| {
            let account = window.account();
            match (question.metric, question.subject) {
                (_, Some(Subject::Event(event))) => {
                    let place = events.iter().position(|&e| usize::from(e) == event)?;
                    gathered.event(question.metric, window.events.get(place)?)
                }
                (_, subject) if subject != Some(Subject::Flow(flow)) => None,
                (Metric::Response, _) => {
                    let beyond = account.planned.saturating_sub(account.acknowledged);
                    gathered.times(&window.response(), beyond)
                }
                (Metric::Service, _) => gathered.times(
                    &window.service,
                    account.sent.saturating_sub(account.acknowledged),
                ),
                (Metric::SendDelay, _) => gathered.times(
                    &window.send_delay,
                    account.planned.saturating_sub(account.sent),
                ),
                (Metric::Failed, _) => gathered.share(account.failed, account.sent),
                (Metric::Achieved, _) => gathered.share(0, account.planned),
                _ => None,
            }
        });
    }

    /// Takes what happened to `flow` in `second`, all producers together.
    pub fn during(&mut self, flow: usize, second: u32, window: &DuringWindow) {
        self.gather(second, |question, gathered| {
            if question.metric != Metric::Achieved || question.subject != Some(Subject::Flow(flow))
            {
                return None;
            }
            gathered.share(window.all().acknowledged, 0)
        });
    }

    /// Takes what `group` did in `second`, all members together.
    pub fn group(&mut self, group: usize, second: u32, did: GroupSecond<'_>) {
        self.gather(second, |question, gathered| {
            if question.subject != Some(Subject::Consume(group)) {
                return None;
            }
            match question.metric {
                Metric::EndToEnd => gathered.times(did.end_to_end, 0),
                Metric::LagRecords => gathered.level(did.lag_records),
                Metric::LagTime => gathered.level(did.lag_us),
                _ => None,
            }
        });
    }

    /// The figures of a question's windows in order of time, those of unfinished windows included: the last of a run is
    /// often cut short.
    pub fn figures(&self, question: &Question) -> Vec<Figure> {
        let Some(asked) = self.asked.iter().find(|asked| asked.question == *question) else {
            return Vec::new();
        };
        let mut figures = asked.closed.clone();
        for (&index, gathered) in &asked.open {
            figures.insert(index, gathered.figure(question));
        }
        figures.into_values().collect()
    }

    /// Offers a second to every question it concerns; `add` returns `None` where it does not.
    fn gather(&mut self, second: u32, mut add: impl FnMut(&Question, &mut Gathered) -> Option<()>) {
        if !self.shape.has_load(second) {
            return;
        }
        for asked in self.asked.iter_mut().filter(|asked| second >= asked.first) {
            let index = (second - asked.first) / asked.length;
            let mut gathered = asked.open.remove(&index).unwrap_or_default();
            if add(&asked.question, &mut gathered).is_some() {
                gathered.parts += 1;
            }
            if gathered.parts >= asked.length.saturating_mul(asked.parts) {
                asked.closed.insert(index, gathered.figure(&asked.question));
            } else if gathered.parts > 0 {
                asked.open.insert(index, gathered);
            }
        }
    }
}

impl Gathered {
    fn times(&mut self, times: &WindowHistogram, beyond: u64) -> Option<()> {
        self.times.merge(times);
        self.beyond += beyond;
        Some(())
    }

    fn share(&mut self, did: u64, of: u64) -> Option<()> {
        self.of = (self.of.0 + did, self.of.1 + of);
        Some(())
    }

    fn level(&mut self, level: u64) -> Option<()> {
        self.most = Some(self.most.unwrap_or(0).max(level));
        Some(())
    }

    fn event(&mut self, metric: Metric, event: &EventDue) -> Option<()> {
        let lost = event.failed + event.unresolved;
        match metric {
            Metric::Response => self.times(&event.response, lost),
            Metric::Failed => self.share(event.failed, event.acknowledged + lost),
            _ => None,
        }
    }

    fn figure(&self, question: &Question) -> Figure {
        match question.metric {
            Metric::LagRecords => self.most.map_or(Figure::Nothing, Figure::Count),
            Metric::LagTime => self.most.map_or(Figure::Nothing, Figure::Time),
            Metric::Failed | Metric::Achieved => ratio(question, self.of),
            // A window is short: without a quantile of its own the largest of its times is what is limited.
            _ => quantile(&self.times, question.quantile.unwrap_or(1.0), self.beyond),
        }
    }
}

/// A share, or its numerator where a count is wanted.
pub(super) fn ratio(question: &Question, (did, of): (u64, u64)) -> Figure {
    if !question.wants_share() {
        return Figure::Count(did);
    }
    match of {
        0 => Figure::Nothing,
        of => Figure::Share(did as f64 / of as f64),
    }
}

fn quantile(times: &MergedHistogram, q: f64, beyond: u64) -> Figure {
    match times.quantile_us(q, beyond) {
        Some(us) => Figure::Time(us),
        None if beyond > 0 => Figure::Beyond(times.max_us().unwrap_or(0)),
        None => Figure::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capacity::tests::scenario;
    use crate::scenario::{Every, Limit, Slo};

    const WINDOW_S: u64 = 10;

    fn windows(
        metric: Metric,
        subject: Subject,
        limit: Limit,
        all: bool,
    ) -> (SloWindows, Question) {
        let mut scenario = scenario();
        scenario.slos = vec![Slo {
            metric,
            subject: Some(subject),
            quantile: Some(0.5),
            limit,
            every: Some(Every {
                window: Duration::from_secs(WINDOW_S),
                allow: 0,
            }),
            all,
            implied: false,
        }];
        let question = questions(&scenario).remove(0);
        (SloWindows::new(&scenario), question)
    }

    fn answered(us: u64, failed: u64) -> DueWindow {
        let mut window = DueWindow::default();
        let mut event = EventDue {
            acknowledged: 10,
            failed,
            ..EventDue::default()
        };
        event.response.record_many(us, 10);
        window.events.push(event);
        window
    }

    const TIME: Limit = Limit::BelowTime(Duration::from_millis(1));

    #[test]
    fn windows_begin_with_the_warm_time_and_skip_what_is_not_load() {
        // 60 s of load, 5 s of them warm-up: windows of 5-14, 15-24, ... 55-59.
        let (mut windows, question) = windows(Metric::Response, Subject::Flow(0), TIME, false);
        for second in 0..90 {
            windows.due(0, second, &answered(u64::from(second), 0));
        }
        let figures = windows.figures(&question);
        // The middle of each window's seconds; times below 256 µs are exact at two digits.
        let middles = [9, 19, 29, 39, 49, 57].map(Figure::Time);
        assert_eq!(figures, middles);
        assert_eq!(
            windows.asked[0].open.len(),
            1,
            "only the last, short one is still open"
        );
    }

    #[test]
    fn from_all_begins_at_the_start() {
        let (mut windows, question) = windows(Metric::Response, Subject::Flow(0), TIME, true);
        for second in 0..60 {
            windows.due(0, second, &answered(u64::from(second), 0));
        }
        assert_eq!(windows.figures(&question).len(), 6);
        assert_eq!(windows.figures(&question)[0], Figure::Time(4));
    }

    #[test]
    fn other_flows_do_not_count() {
        let (mut windows, question) = windows(Metric::Response, Subject::Flow(0), TIME, true);
        windows.due(1, 0, &answered(77, 0));
        assert_eq!(windows.figures(&question), []);
    }

    #[test]
    fn seconds_may_close_in_any_order() {
        let (mut windows, question) = windows(Metric::Response, Subject::Event(0), TIME, true);
        for second in (0..60).rev() {
            windows.due(0, second, &answered(u64::from(second), 0));
        }
        assert_eq!(windows.figures(&question)[..2], [4, 14].map(Figure::Time));
    }

    #[test]
    fn events_without_an_answer_lie_beyond() {
        let (mut windows, question) = windows(Metric::Response, Subject::Event(0), TIME, true);
        windows.due(0, 0, &answered(120, 11));
        assert_eq!(windows.figures(&question), [Figure::Beyond(120)]);
    }

    #[test]
    fn achieved_sets_what_came_in_against_what_was_due() {
        let (mut windows, question) = windows(
            Metric::Achieved,
            Subject::Flow(0),
            Limit::AtLeastShare(0.9),
            true,
        );
        // `answered` has no planned events of its own: the recorder alone counts them, so the ratio is taken directly here.
        let mut gathered = Gathered::default();
        gathered.share(0, 200);
        gathered.share(150, 0);
        assert_eq!(gathered.figure(&question), Figure::Share(0.75));
        for second in 0..10 {
            windows.due(0, second, &DueWindow::default());
        }
        assert_eq!(
            windows.asked[0].open.len(),
            1,
            "what came in is still missing"
        );
        for second in 0..10 {
            windows.during(0, second, &DuringWindow::default());
        }
        assert_eq!(windows.asked[0].open.len(), 0);
        assert_eq!(
            windows.figures(&question),
            [Figure::Nothing],
            "nothing was due"
        );
    }

    #[test]
    fn failures_are_counted_or_shared() {
        let event = Subject::Event(0);
        let (mut counts, count) = windows(Metric::Failed, event, Limit::AtMostCount(0), true);
        let (mut shares, share) = windows(Metric::Failed, event, Limit::AtMostShare(0.1), true);
        for second in 0..10 {
            counts.due(0, second, &answered(1, 2));
            shares.due(0, second, &answered(1, 2));
        }
        assert_eq!(counts.figures(&count), [Figure::Count(20)]);
        // 2 of 12.
        assert_eq!(shares.figures(&share), [Figure::Share(20.0 / 120.0)]);
    }

    #[test]
    fn lag_is_the_worst_second() {
        let group = Subject::Consume(1);
        let (mut windows, question) =
            windows(Metric::LagRecords, group, Limit::AtMostCount(5), true);
        let empty = WindowHistogram::new();
        for second in 0..10 {
            windows.group(
                1,
                second,
                GroupSecond {
                    end_to_end: &empty,
                    lag_records: u64::from(second * 7 % 10),
                    lag_us: 0,
                },
            );
        }
        assert_eq!(windows.figures(&question), [Figure::Count(9)]);
    }

    #[test]
    fn end_to_end_times_are_merged() {
        let group = Subject::Consume(0);
        let (mut windows, question) = windows(Metric::EndToEnd, group, TIME, true);
        for us in [10, 20, 30] {
            let mut end_to_end = WindowHistogram::new();
            end_to_end.record_us(us);
            windows.group(
                0,
                us as u32 / 10,
                GroupSecond {
                    end_to_end: &end_to_end,
                    lag_records: 0,
                    lag_us: 0,
                },
            );
        }
        assert_eq!(windows.figures(&question), [Figure::Time(20)]);
    }
}
