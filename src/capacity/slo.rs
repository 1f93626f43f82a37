//! SLOs judged: which questions a scenario's limits ask, and a row for each answer. Pure.
//!
//! The judge does not know how a figure is kept. It asks a [`Question`], the measuring side answers with a [`Figure`], and the
//! row says what was asked, what came out and whether it holds. A figure nobody can state (no samples; a quantile among the
//! events that were never acknowledged) is never held.

mod words;

pub(super) use words::{duration, limit_words};

use std::time::Duration;

use crate::scenario::{After, Every, Limit, Metric, Scenario, Slo, Subject};

/// One thing to be measured: an SLO of the scenario, for one flow, event or group.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is measured.
    pub metric: Metric,
    /// Whom it is about; `None` when the scenario has nobody it could be about (an end-to-end limit without a group).
    pub subject: Option<Subject>,
    /// The quantile of a time, in (0, 1).
    pub quantile: Option<f64>,
    /// The limit.
    pub limit: Limit,
    /// Judged window by window.
    pub every: Option<Every>,
    /// What recovery and time above compare the quantile with.
    pub above: Option<Duration>,
    /// What drain, recovery and time above are counted after.
    pub after: Option<After>,
    /// Whether warm-up counts.
    pub all: bool,
    /// True for the three that nobody wrote.
    pub implied: bool,
}

impl Question {
    /// Whether the answer has to be a share of one and not a count.
    pub fn wants_share(&self) -> bool {
        matches!(self.limit, Limit::AtMostShare(_) | Limit::AtLeastShare(_))
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// A time in microseconds.
    Time(u64),
    /// The quantile falls among events that were never acknowledged; the longest wait that was seen, in microseconds.
    Beyond(u64),
    /// A number of events or records.
    Count(u64),
    /// A share of one.
    Share(f64),
    /// There was nothing to measure it on.
    Nothing,
}

/// What a run can say about its questions.
pub trait Answers {
    /// The figure over the whole run or its warm part, as [`Question::all`] says. Where [`Question::every`] is set, it is not asked.
    fn whole(&self, question: &Question) -> Figure;

    /// The figure in each window of [`Question::every`], in order of time. Windows in which nothing happened are [`Figure::Nothing`].
    fn windows(&self, question: &Question) -> Vec<Figure>;
}

/// How an SLO that is judged window by window came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How long a window is, and how many may miss.
    pub every: Every,
    /// Windows with something to judge.
    pub judged: u32,
    /// Those that missed the limit.
    pub missed: u32,
}

/// One SLO, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was asked.
    pub question: Question,
    /// The subject's name in the scenario; empty without a subject.
    pub name: String,
    /// What it is counted after, in words.
    pub after: Option<String>,
    /// What was measured; the worst window's figure where it was judged window by window.
    pub measured: Figure,
    /// How the windows came out.
    pub windows: Option<Windows>,
    /// Whether the limit held.
    pub held: bool,
}

/// The questions a scenario's SLOs ask: one without a subject is asked of each flow, or of each group, by itself.
pub fn questions(scenario: &Scenario) -> Vec<Question> {
    let mut questions = Vec::new();
    for slo in &scenario.slos {
        let ask = |subject| Question {
            metric: slo.metric,
            subject,
            quantile: slo.quantile,
            limit: slo.limit,
            every: slo.every,
            above: slo.above,
            after: slo.after,
            all: slo.all,
            implied: slo.implied,
        };
        let subjects = subjects(scenario, slo);
        if subjects.is_empty() && !slo.implied {
            questions.push(ask(None));
        }
        questions.extend(subjects.into_iter().map(|subject| ask(Some(subject))));
    }
    questions
}

/// Whom an SLO is asked of.
fn subjects(scenario: &Scenario, slo: &Slo) -> Vec<Subject> {
    if let Some(subject) = slo.subject {
        return vec![subject];
    }
    let drains = slo.metric == Metric::Drain && !scenario.consumers.is_empty();
    if drains || of_groups(slo.metric) {
        return (0..scenario.consumers.len())
            .map(Subject::Consume)
            .collect();
    }
    let needs_due = !matches!(slo.metric, Metric::Service | Metric::Failed);
    (0..scenario.flows.len())
        // Unthrottled arrivals have no due instant, so nothing can be late.
        .filter(|&flow| !needs_due || scenario.flows[flow].arrivals.has_due())
        .map(Subject::Flow)
        .collect()
}

/// Whether a metric belongs to consumer groups; the others belong to flows. Both drain.
fn of_groups(metric: Metric) -> bool {
    match metric {
        Metric::EndToEnd
        | Metric::LagRecords
        | Metric::LagTime
        | Metric::Missing
        | Metric::Corrupt
        | Metric::Duplicated
        | Metric::Reordered => true,
        Metric::Response
        | Metric::Service
        | Metric::SendDelay
        | Metric::Failed
        | Metric::Achieved
        | Metric::Drain
        | Metric::Recovery
        | Metric::TimeAbove => false,
    }
}

/// Judges every SLO of the scenario.
pub fn judge(scenario: &Scenario, answers: &impl Answers) -> Vec<Row> {
    questions(scenario)
        .into_iter()
        .map(|question| {
            let name = subject_name(scenario, question.subject).to_owned();
            let mut row = judge_one(question, name, answers);
            row.after = row
                .question
                .after
                .map(|after| after_name(scenario, after).to_owned());
            row
        })
        .collect()
}

fn judge_one(question: Question, name: String, answers: &impl Answers) -> Row {
    let (measured, windows, held) = match question.every {
        _ if question.subject.is_none() => (Figure::Nothing, None, false),
        None => {
            let figure = answers.whole(&question);
            (figure, None, holds(question.limit, figure))
        }
        Some(every) => {
            let figures = answers.windows(&question);
            let (worst, windows) = judge_windows(question.limit, every, &figures);
            let held = windows.judged > 0 && windows.missed <= every.allow;
            (worst, Some(windows), held)
        }
    };
    Row {
        question,
        name,
        after: None,
        measured,
        windows,
        held,
    }
}

/// What something is counted after, in words.
fn after_name(scenario: &Scenario, after: After) -> &str {
    match after {
        After::Action(index) => &scenario.actions[index].name,
        After::Spikes => "the spikes",
        After::Last => "the last action or spike",
    }
}

/// The worst figure and the tally. A window in which nothing happened is neither good nor bad: a quiet night misses no limit.
fn judge_windows(limit: Limit, every: Every, figures: &[Figure]) -> (Figure, Windows) {
    let mut windows = Windows {
        every,
        judged: 0,
        missed: 0,
    };
    let mut worst = Figure::Nothing;
    for &figure in figures {
        if figure == Figure::Nothing {
            continue;
        }
        windows.judged += 1;
        windows.missed += u32::from(!holds(limit, figure));
        if worst == Figure::Nothing || is_worse(limit, figure, worst) {
            worst = figure;
        }
    }
    (worst, windows)
}

/// Whether a figure keeps its limit. A figure of another kind than the limit's is no answer, so it does not.
pub(super) fn holds(limit: Limit, figure: Figure) -> bool {
    match (limit, figure) {
        (Limit::BelowTime(limit), Figure::Time(us)) => u128::from(us) * 1_000 < limit.as_nanos(),
        (Limit::AtMostCount(limit), Figure::Count(count)) => count <= limit,
        (Limit::AtMostShare(limit), Figure::Share(share)) => share <= limit,
        (Limit::AtLeastShare(limit), Figure::Share(share)) => share >= limit,
        _ => false,
    }
}

fn is_worse(limit: Limit, figure: Figure, than: Figure) -> bool {
    // The second number breaks ties: beyond every time lies no time at all.
    let rank = |figure| match figure {
        Figure::Nothing => (0, 0.0),
        Figure::Time(us) => (1, us as f64),
        Figure::Count(count) => (1, count as f64),
        Figure::Share(share) if matches!(limit, Limit::AtLeastShare(_)) => (1, -share),
        Figure::Share(share) => (1, share),
        Figure::Beyond(us) => (2, us as f64),
    };
    rank(figure) > rank(than)
}

pub(super) fn subject_name(scenario: &Scenario, subject: Option<Subject>) -> &str {
    match subject {
        Some(Subject::Flow(i)) => &scenario.flows[i].name,
        Some(Subject::Event(i)) => &scenario.events[i].name,
        Some(Subject::Consume(i)) => &scenario.consumers[i].name,
        None => "",
    }
}

impl Row {
    /// Measured ÷ limit; `None` when there is no figure, or the limit is zero.
    pub fn of_limit(&self) -> Option<f64> {
        let (measured, limit) = match (self.measured, self.question.limit) {
            (Figure::Time(us), Limit::BelowTime(limit)) => {
                (us as f64, limit.as_nanos() as f64 / 1e3)
            }
            (Figure::Count(count), Limit::AtMostCount(limit)) => (count as f64, limit as f64),
            (Figure::Share(share), Limit::AtMostShare(limit) | Limit::AtLeastShare(limit)) => {
                (share, limit)
            }
            _ => return None,
        };
        (limit > 0.0).then(|| measured / limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::tests::scenario;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn slo(metric: Metric, limit: Limit) -> Slo {
        Slo {
            metric,
            subject: None,
            quantile: None,
            limit,
            every: None,
            above: None,
            after: None,
            all: false,
            implied: false,
        }
    }

    fn response(below_ms: u64) -> Slo {
        Slo {
            quantile: Some(0.99),
            ..slo(Metric::Response, Limit::BelowTime(MS(below_ms)))
        }
    }

    /// Answers every question alike.
    struct Always(Figure, Vec<Figure>);

    impl Answers for Always {
        fn whole(&self, _: &Question) -> Figure {
            self.0
        }
        fn windows(&self, _: &Question) -> Vec<Figure> {
            self.1.clone()
        }
    }

    fn row(slo: Slo, figure: Figure) -> Row {
        let mut scenario = scenario();
        scenario.slos = vec![slo];
        judge(&scenario, &Always(figure, vec![])).remove(0)
    }

    fn windowed(limit_ms: u64, allow: u32, figures: &[Figure]) -> Row {
        let mut scenario = scenario();
        scenario.slos = vec![Slo {
            every: Some(Every {
                window: Duration::from_secs(10),
                allow,
            }),
            ..response(limit_ms)
        }];
        judge(&scenario, &Always(Figure::Nothing, figures.to_vec())).remove(0)
    }

    #[test]
    fn one_without_a_subject_is_asked_of_each_by_itself() {
        let mut scenario = scenario();
        scenario.slos = vec![response(100), slo(Metric::Missing, Limit::AtMostCount(0))];
        let asked: Vec<_> = questions(&scenario)
            .iter()
            .map(|q| (q.metric, q.subject))
            .collect();
        assert_eq!(
            asked,
            [
                (Metric::Response, Some(Subject::Flow(0))),
                (Metric::Response, Some(Subject::Flow(1))),
                (Metric::Missing, Some(Subject::Consume(0))),
                (Metric::Missing, Some(Subject::Consume(1))),
            ]
        );
        scenario.slos = vec![Slo {
            subject: Some(Subject::Flow(1)),
            ..response(100)
        }];
        assert_eq!(questions(&scenario).len(), 1);
    }

    #[test]
    fn unthrottled_flows_have_no_response_but_may_fail() {
        let mut scenario = scenario();
        scenario.flows[0].arrivals = crate::scenario::Arrivals::Unthrottled;
        scenario.slos = vec![response(100), slo(Metric::Failed, Limit::AtMostCount(0))];
        let asked: Vec<_> = questions(&scenario)
            .iter()
            .map(|q| (q.metric, q.subject))
            .collect();
        assert_eq!(
            asked,
            [
                (Metric::Response, Some(Subject::Flow(1))),
                (Metric::Failed, Some(Subject::Flow(0))),
                (Metric::Failed, Some(Subject::Flow(1))),
            ]
        );
    }

    #[test]
    fn without_groups_only_what_somebody_wrote_is_asked() {
        let mut scenario = scenario();
        scenario.consumers.clear();
        let stated = slo(Metric::EndToEnd, Limit::BelowTime(MS(5)));
        let implied = Slo {
            implied: true,
            ..slo(Metric::Missing, Limit::AtMostCount(0))
        };
        scenario.slos = vec![stated, implied];
        let rows = judge(&scenario, &Always(Figure::Time(1), vec![]));
        assert_eq!(rows.len(), 1);
        assert!(!rows[0].held);
        assert_eq!(
            rows[0].sentence(),
            "end-to-end has a limit, but the scenario has no flow or group to measure it on"
        );
    }

    #[test]
    fn limits_hold_up_to_their_edge() {
        use Figure::{Beyond, Count, Nothing, Share, Time};
        let time = Limit::BelowTime(MS(100));
        let cases = [
            (time, Time(99_999), true),
            (time, Time(100_000), false),
            (time, Beyond(1), false),
            (time, Nothing, false),
            (time, Count(0), false),
            (Limit::BelowTime(Duration::from_nanos(1_500)), Time(1), true),
            (Limit::AtMostCount(0), Count(0), true),
            (Limit::AtMostCount(0), Count(1), false),
            (Limit::AtMostCount(0), Nothing, false),
            (Limit::AtMostShare(0.01), Share(0.01), true),
            (Limit::AtMostShare(0.01), Share(0.0101), false),
            (Limit::AtLeastShare(0.995), Share(0.995), true),
            (Limit::AtLeastShare(0.995), Share(0.9949), false),
            (Limit::AtLeastShare(0.995), Share(f64::NAN), false),
            (Limit::AtMostShare(0.995), Share(f64::NAN), false),
        ];
        for (limit, figure, held) in cases {
            assert_eq!(
                row(slo(Metric::Response, limit), figure).held,
                held,
                "{limit:?} {figure:?}"
            );
        }
    }

    #[test]
    fn windows_may_miss_as_often_as_allowed() {
        use Figure::{Nothing, Time};
        let figures = [
            Time(50_000),
            Time(120_000),
            Nothing,
            Time(300_000),
            Time(99_000),
        ];
        let two = windowed(100, 2, &figures);
        assert!(two.held);
        assert_eq!(two.measured, Time(300_000));
        assert_eq!(two.windows.map(|w| (w.judged, w.missed)), Some((4, 2)));
        let one = windowed(100, 1, &figures);
        assert!(!one.held);
        assert_eq!(
            one.sentence(),
            "response p99 of flow shoppers missed < 100 ms in 2 of 4 windows of 10 s, 1 may; the worst was 300 ms"
        );
    }

    #[test]
    fn windows_without_anything_to_judge_are_not_held() {
        assert!(!windowed(100, 5, &[]).held);
        assert!(!windowed(100, 5, &[Figure::Nothing; 3]).held);
    }

    #[test]
    fn the_worst_window_is_the_one_with_no_answer() {
        use Figure::{Beyond, Share, Time};
        let row = windowed(100, 0, &[Time(900_000), Beyond(5_000), Time(950_000)]);
        assert_eq!(row.measured, Beyond(5_000));
        let at_least = Limit::AtLeastShare(0.9);
        assert!(is_worse(at_least, Share(0.1), Share(0.2)));
        assert!(is_worse(Limit::AtMostShare(0.9), Share(0.2), Share(0.1)));
    }

    #[test]
    fn sentences() {
        use Figure::{Beyond, Count, Nothing, Share, Time};
        let count = |metric, n| row(slo(metric, Limit::AtMostCount(0)), Count(n)).sentence();
        assert_eq!(
            row(response(100), Time(412_000)).sentence(),
            "response p99 of flow shoppers was 412 ms, the limit is < 100 ms: 4.12 times as much"
        );
        assert_eq!(
            row(response(100), Time(104_000)).sentence(),
            "response p99 of flow shoppers was 104 ms, the limit is < 100 ms"
        );
        assert_eq!(
            row(response(100), Beyond(30_000_000)).sentence(),
            "response p99 of flow shoppers is unknown but longer than 30 s: too many events were never acknowledged; \
             the limit is < 100 ms"
        );
        assert_eq!(
            row(response(100), Nothing).sentence(),
            "response p99 of flow shoppers could not be judged: there was nothing to measure it on"
        );
        assert_eq!(
            count(Metric::Missing, 12),
            "12 records of group analytics are missing; none may"
        );
        assert_eq!(
            count(Metric::Reordered, 1),
            "1 record of group analytics is out of order; none may"
        );
        assert_eq!(
            count(Metric::Failed, 1_200),
            "1,200 events of flow shoppers failed; none may"
        );
        assert_eq!(
            row(
                slo(Metric::Achieved, Limit::AtLeastShare(0.995)),
                Share(0.91)
            )
            .sentence(),
            "achieved of flow shoppers was 91 %, the limit is ≥ 99.5 %"
        );
    }

    #[test]
    fn how_far_off() {
        use Figure::{Beyond, Count, Time};
        assert_eq!(row(response(100), Time(25_000)).of_limit(), Some(0.25));
        assert_eq!(row(response(100), Beyond(1)).of_limit(), None);
        assert_eq!(
            row(slo(Metric::Missing, Limit::AtMostCount(0)), Count(3)).of_limit(),
            None
        );
        assert_eq!(
            row(slo(Metric::Missing, Limit::AtMostCount(6)), Count(3)).of_limit(),
            Some(0.5)
        );
    }
}
