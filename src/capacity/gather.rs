//! What SLOs and the verdict need to know of a run's course: gathered from its windows, one line after the other. Pure.
//!
//! The lines may come while the run goes on or from its `windows.jsonl` afterwards; the outcome is the same. A judged window
//! is reduced to its figure when the next one begins, so that the run of a day holds a number a window and not a histogram.

use std::collections::VecDeque;

use crate::measure::histogram::{MergedHistogram, WindowHistogram};
use crate::measure::line::{EventLine, FlowLine, GroupLine, WindowLine};
use crate::scenario::{Metric, Scenario, Subject};

use super::course::Course;
use super::slo::{Figure, Question, questions, subject_name};
use super::steady::{Backlog, LAST_S};

/// Gathers the lines of a run.
#[derive(Clone, Debug)]
pub struct Gatherer {
    run_us: u64,
    asked: Vec<Asked>,
    course: Course,
    /// The flows whose events have a due instant.
    scheduled: Vec<String>,
    /// Events due and not yet ended, now.
    open: i64,
    /// Of the last seconds of load: seconds since its start, backlog, events that came due.
    last: VecDeque<(f64, u64, u64)>,
}

/// One question and its windows.
#[derive(Clone, Debug)]
struct Asked {
    question: Question,
    name: String,
    /// How many seconds a window has; all of them where the SLO is judged on the whole run.
    length: u32,
    seconds: u32,
    open: Gathered,
    figures: Vec<Figure>,
}

/// What a window has gathered so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    /// Times, or levels second by second.
    values: MergedHistogram,
    /// Events without a time.
    beyond: u64,
    /// Of a share: how many did it, of how many.
    of: (u64, u64),
    /// The highest level, exactly.
    most: Option<u64>,
}

impl Gatherer {
    /// Nothing gathered yet.
    pub fn new(scenario: &Scenario) -> Gatherer {
        let asked = questions(scenario).into_iter().map(|question| Asked {
            name: subject_name(scenario, question.subject).to_owned(),
            length: question.every.map_or(u32::MAX, |every| {
                u32::try_from(every.window.as_secs())
                    .unwrap_or(u32::MAX)
                    .max(1)
            }),
            question,
            seconds: 0,
            open: Gathered::default(),
            figures: Vec::new(),
        });
        let scheduled = scenario.flows.iter().filter(|flow| flow.arrivals.has_due());
        Gatherer {
            run_us: scenario.time.run_ns() / 1_000,
            asked: asked.collect(),
            course: Course::new(scenario),
            scheduled: scheduled.map(|flow| flow.name.clone()).collect(),
            open: 0,
            last: VecDeque::new(),
        }
    }

    /// Takes the next second. What comes after the load (settling, catching up) is no part of any window.
    pub fn line(&mut self, line: &WindowLine) {
        if line.at_us >= self.run_us {
            self.course.after_load(line);
            return;
        }
        self.backlog_of(line);
        self.course.line(line);
        for asked in &mut self.asked {
            if line.warm || asked.question.all {
                asked.take(line);
            }
        }
    }

    fn backlog_of(&mut self, line: &WindowLine) {
        let mut due = 0;
        for flow in self
            .scheduled
            .iter()
            .filter_map(|name| line.flows.get(name))
        {
            due += flow.planned;
            self.open -= (flow.during.acknowledged + flow.during.failed) as i64;
        }
        self.open += due as i64;
        // The backlog as the second ended.
        let at = line.at_us as f64 / 1e6 + 1.0;
        self.last
            .push_back((at, u64::try_from(self.open).unwrap_or(0), due));
        while self
            .last
            .front()
            .is_some_and(|(first, ..)| *first < at - LAST_S)
        {
            self.last.pop_front();
        }
    }

    /// The course of the run, second by second; empty where neither an action nor an SLO needs it.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// The backlog when the load ended; `None` when too little was seen for a slope.
    pub fn backlog(&self) -> Option<Backlog> {
        let due: u64 = self.last.iter().map(|(.., due)| due).sum();
        let readings: Vec<(f64, u64)> =
            self.last.iter().map(|(at, open, _)| (*at, *open)).collect();
        Backlog::at_end(&readings, due as f64 / readings.len().max(1) as f64)
    }

    /// The figures of a question's windows in order of time, the last one included where the run's end cut it short. One
    /// figure for the whole run where it has no `every`.
    pub fn figures(&self, question: &Question) -> Vec<Figure> {
        let Some(asked) = self.asked.iter().find(|asked| asked.question == *question) else {
            return Vec::new();
        };
        let mut figures = asked.figures.clone();
        if asked.seconds > 0 {
            figures.push(asked.open.figure(question, 0));
        }
        figures
    }

    /// The figure of a question over all its seconds, where `beyond` more events lie above every time.
    pub(super) fn whole(&self, question: &Question, beyond: u64) -> Figure {
        self.asked
            .iter()
            .find(|asked| asked.question == *question)
            .map_or(Figure::Nothing, |asked| asked.open.figure(question, beyond))
    }
}

impl Asked {
    fn take(&mut self, line: &WindowLine) {
        self.open.take(&self.question, &self.name, line);
        self.seconds += 1;
        if self.seconds == self.length {
            let done = std::mem::take(&mut self.open);
            self.figures.push(done.figure(&self.question, 0));
            self.seconds = 0;
        }
    }
}

impl Gathered {
    /// Takes a second of what a question is about, which goes by this name.
    pub(super) fn take(&mut self, question: &Question, name: &str, line: &WindowLine) {
        let metric = question.metric;
        match question.subject {
            Some(Subject::Flow(_)) => {
                if let Some(flow) = line.flows.get(name) {
                    self.flow(metric, flow);
                }
            }
            Some(Subject::Event(_)) => {
                if let Some(event) = line.events.get(name) {
                    self.event(metric, event);
                }
            }
            Some(Subject::Consume(_)) => {
                if let Some(group) = line.consume.get(name) {
                    self.group(metric, group);
                }
            }
            None => {}
        }
    }

    /// How many took this long or longer, those without a time included.
    pub(super) fn count_from_us(&self, us: u64) -> u64 {
        self.values.count_above_us(us.saturating_sub(1)) + self.beyond
    }

    fn flow(&mut self, metric: Metric, flow: &FlowLine) {
        // What is oversized on purpose may be refused.
        let minus = |count: u64| count.saturating_sub(flow.refused);
        match metric {
            Metric::Response => {
                self.times(flow.response.as_ref(), flow.beyond_response());
            }
            Metric::Service => {
                self.times(Some(&flow.service), flow.beyond_service());
            }
            Metric::SendDelay => {
                self.times(flow.send_delay.as_ref(), flow.beyond_send_delay());
            }
            Metric::Failed => self.share(minus(flow.failed), minus(flow.sent)),
            Metric::Achieved => {
                self.share(flow.during.acknowledged, minus(flow.planned));
            }
            _ => {}
        }
    }

    fn event(&mut self, metric: Metric, event: &EventLine) {
        let failed = event.failed.saturating_sub(event.refused);
        let unanswered = event.beyond_response();
        match metric {
            Metric::Response => self.times(Some(&event.response), unanswered),
            Metric::Failed => {
                self.share(failed, event.acknowledged + unanswered);
            }
            _ => {}
        }
    }

    fn group(&mut self, metric: Metric, group: &GroupLine) {
        match metric {
            Metric::EndToEnd => self.times(Some(&group.end_to_end), 0),
            Metric::LagRecords => self.level(group.lag_records),
            Metric::LagTime => self.level(group.lag_us),
            _ => {}
        }
    }

    fn times(&mut self, times: Option<&WindowHistogram>, beyond: u64) {
        if let Some(times) = times {
            self.values.merge(times);
        }
        self.beyond += beyond;
    }

    fn share(&mut self, did: u64, of: u64) {
        self.of = (self.of.0 + did, self.of.1 + of);
    }

    fn level(&mut self, level: Option<u64>) {
        if let Some(level) = level {
            self.values.record_many(level, 1);
            self.most = Some(self.most.unwrap_or(0).max(level));
        }
    }

    pub(super) fn figure(&self, question: &Question, more_beyond: u64) -> Figure {
        match question.metric {
            Metric::LagRecords => self
                .highest(question)
                .map_or(Figure::Nothing, Figure::Count),
            Metric::LagTime => self.highest(question).map_or(Figure::Nothing, Figure::Time),
            Metric::Failed | Metric::Achieved => ratio(question, self.of),
            _ => {
                let beyond = self.beyond + more_beyond;
                // Without a quantile the largest of the times is what is limited.
                match self
                    .values
                    .quantile_us(question.quantile.unwrap_or(1.0), beyond)
                {
                    Some(us) => Figure::Time(us),
                    None if beyond > 0 => Figure::Beyond(self.values.max_us().unwrap_or(0)),
                    None => Figure::Nothing,
                }
            }
        }
    }

    /// A level's quantile over the seconds, or its maximum, which is exact.
    fn highest(&self, question: &Question) -> Option<u64> {
        match question.quantile {
            Some(q) => self.values.quantile_us(q, 0),
            None => self.most,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capacity::tests::scenario;
    use crate::measure::line::FlowDuring;
    use crate::scenario::{Every, Limit, Slo};

    const TIME: Limit = Limit::BelowTime(Duration::from_millis(1));

    /// A gatherer for one SLO, judged in windows of `every_s` seconds, or on the whole run.
    fn gatherer(
        metric: Metric,
        subject: Subject,
        limit: Limit,
        every_s: Option<u64>,
    ) -> (Gatherer, Question) {
        let mut scenario = scenario();
        scenario.slos = vec![Slo {
            metric,
            subject: Some(subject),
            quantile: (limit == TIME).then_some(0.5),
            limit,
            every: every_s.map(|s| Every {
                window: Duration::from_secs(s),
                allow: 0,
            }),
            above: None,
            after: None,
            all: false,
            implied: false,
        }];
        let question = questions(&scenario).remove(0);
        (Gatherer::new(&scenario), question)
    }

    /// 60 s of load of which 5 are warm-up, then 30 s of settling.
    fn feed(gatherer: &mut Gatherer, mut fill: impl FnMut(u32, &mut WindowLine)) {
        for second in 0..90 {
            let mut line = WindowLine {
                at_us: u64::from(second) * 1_000_000,
                warm: second >= 5,
                ..WindowLine::default()
            };
            fill(second, &mut line);
            gatherer.line(&line);
        }
    }

    fn times(us: u64, n: u64) -> WindowHistogram {
        let mut times = WindowHistogram::new();
        times.record_many(us, n);
        times
    }

    fn answered(us: u64) -> FlowLine {
        FlowLine {
            planned: 10,
            sent: 10,
            acknowledged: 10,
            response: Some(times(us, 10)),
            service: times(us / 2, 10),
            ..FlowLine::default()
        }
    }

    #[test]
    fn windows_begin_with_the_warm_time_and_end_with_the_load() {
        let (mut gatherer, question) = gatherer(Metric::Response, Subject::Flow(0), TIME, Some(10));
        feed(&mut gatherer, |second, line| {
            line.flows
                .insert("shoppers".to_owned(), answered(u64::from(second)));
            line.flows.insert("robots".to_owned(), answered(999));
        });
        // Windows of 5-14, 15-24, ..., 55-59; the median of each. Times below 256 µs are exact at two digits.
        assert_eq!(
            gatherer.figures(&question),
            [9, 19, 29, 39, 49, 57].map(Figure::Time)
        );
    }

    #[test]
    fn without_windows_there_is_one_figure() {
        let (mut gatherer, question) = gatherer(Metric::Service, Subject::Flow(1), TIME, None);
        feed(&mut gatherer, |second, line| {
            line.flows
                .insert("robots".to_owned(), answered(u64::from(second * 2)));
        });
        // Seconds 5 to 59, halved again: 5 to 59.
        assert_eq!(gatherer.figures(&question), [Figure::Time(32)]);
        assert_eq!(gatherer.whole(&question, 0), Figure::Time(32));
        assert_eq!(gatherer.whole(&question, 10_000), Figure::Beyond(59));
    }

    #[test]
    fn events_without_an_answer_lie_beyond() {
        let (mut gatherer, question) =
            gatherer(Metric::Response, Subject::Event(0), TIME, Some(55));
        feed(&mut gatherer, |_, line| {
            let event = EventLine {
                acknowledged: 10,
                failed: 6,
                unresolved: 5,
                response: times(120, 10),
                ..EventLine::default()
            };
            line.events.insert("order_placed".to_owned(), event);
        });
        assert_eq!(gatherer.figures(&question), [Figure::Beyond(120)]);
    }

    #[test]
    fn a_quiet_window_has_nothing_to_say() {
        let (mut gatherer, question) = gatherer(Metric::Response, Subject::Flow(0), TIME, Some(55));
        feed(&mut gatherer, |_, _| {});
        assert_eq!(gatherer.figures(&question), [Figure::Nothing]);
    }

    #[test]
    fn achieved_sets_what_came_in_against_what_was_due() {
        let limit = Limit::AtLeastShare(0.9);
        let (mut gatherer, question) =
            gatherer(Metric::Achieved, Subject::Flow(0), limit, Some(55));
        feed(&mut gatherer, |_, line| {
            let mut flow = answered(1);
            flow.planned = 200;
            flow.during.acknowledged = 150;
            line.flows.insert("shoppers".to_owned(), flow);
        });
        assert_eq!(gatherer.figures(&question), [Figure::Share(0.75)]);
    }

    #[test]
    fn failures_are_counted_or_shared() {
        for (limit, figure) in [
            (Limit::AtMostCount(0), Figure::Count(110)),
            (Limit::AtMostShare(0.1), Figure::Share(0.2)),
        ] {
            let (mut gatherer, question) = gatherer(Metric::Failed, Subject::Flow(0), limit, None);
            feed(&mut gatherer, |_, line| {
                let flow = FlowLine {
                    failed: 2,
                    ..answered(1)
                };
                line.flows.insert("shoppers".to_owned(), flow);
            });
            // 2 of 10 in each of 55 warm seconds.
            assert_eq!(gatherer.figures(&question), [figure]);
        }
    }

    #[test]
    fn lag_is_the_worst_second_or_its_quantile() {
        let group = Subject::Consume(1);
        let lag = |second: u32, line: &mut WindowLine| {
            let group = GroupLine {
                lag_records: Some(u64::from(second) * 1_000),
                lag_us: second.is_multiple_of(2).then_some(u64::from(second)),
                ..GroupLine::default()
            };
            line.consume.insert("audit".to_owned(), group);
        };
        let (mut records, question) =
            gatherer(Metric::LagRecords, group, Limit::AtMostCount(5), None);
        feed(&mut records, lag);
        assert_eq!(records.whole(&question, 0), Figure::Count(59_000));
        let (mut time, question) = gatherer(Metric::LagTime, group, TIME, None);
        feed(&mut time, lag);
        // The even seconds from 6 to 58: 27 of them, the 14th is 32.
        assert_eq!(time.whole(&question, 0), Figure::Time(32));
    }

    #[test]
    fn end_to_end_times_are_merged() {
        let (mut gatherer, question) = gatherer(Metric::EndToEnd, Subject::Consume(0), TIME, None);
        feed(&mut gatherer, |second, line| {
            let group = GroupLine {
                end_to_end: times(u64::from(second), 3),
                ..GroupLine::default()
            };
            line.consume.insert("analytics".to_owned(), group);
        });
        assert_eq!(gatherer.whole(&question, 0), Figure::Time(32));
    }

    #[test]
    fn the_backlog_is_what_is_due_and_not_yet_over() {
        let (mut gatherer, _) = gatherer(Metric::Response, Subject::Flow(0), TIME, None);
        feed(&mut gatherer, |second, line| {
            let during = FlowDuring {
                acknowledged: 890,
                failed: 10,
                ..FlowDuring::default()
            };
            let flow = FlowLine {
                planned: 1_000,
                during,
                ..FlowLine::default()
            };
            line.flows.insert("shoppers".to_owned(), flow);
            // Settling works it off, which is not what the load left behind.
            assert!(second < 60 || line.at_us >= 60_000_000);
        });
        let backlog = gatherer.backlog().expect("60 lines");
        assert_eq!(backlog.events, 6_000);
        assert!((backlog.growth_per_s - 100.0).abs() < 1e-6);
        assert!((backlog.load_s - 6.0).abs() < 1e-9);
        assert!(backlog.unsteady());
    }

    #[test]
    fn unthrottled_flows_have_no_backlog() {
        let mut scenario = scenario();
        for flow in &mut scenario.flows {
            flow.arrivals = crate::scenario::Arrivals::Unthrottled;
        }
        let mut gatherer = Gatherer::new(&scenario);
        feed(&mut gatherer, |_, line| {
            line.flows.insert("shoppers".to_owned(), answered(1));
        });
        assert!(
            gatherer
                .backlog()
                .is_some_and(|backlog| !backlog.unsteady())
        );
    }
}
