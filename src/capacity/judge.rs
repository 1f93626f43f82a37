//! A run judged: its file and its windows in, verdict, reasons and SLO rows out. Pure.

use std::collections::BTreeMap;

use crate::measure::account::{Account, Broken, GroupAccount};
use crate::measure::run::{self, FlowResult, GroupResult, RunFile, SloResult, SloWindowsResult};
use crate::measure::summary::Summary;
use crate::scenario::{Limit, Metric, Scenario, Subject};

use super::cost;
use super::course::is_of_the_course;
use super::gather::{Gatherer, ratio};
use super::slo::{self, Answers, Figure, Question, Row};
use super::verdict::{self, Evidence, Exit, Group, Stopped, Totals};

/// What the run's file does not say.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Why the cluster could not be used at all; the end of a sentence.
    pub unusable: Option<String>,
    /// Where the generator itself was the limit, a clause each; empty: healthy.
    pub complaints: Vec<String>,
    /// Why the run ended early.
    pub stopped: Option<Stopped>,
    /// Parts of the run that are missing for another reason, a clause each.
    pub incomplete: Vec<String>,
    /// What the groups miss, by the second of the load it was due in; `None`: not known.
    pub missing: Option<BTreeMap<u64, u64>>,
    /// What does not add up ([`RunFile::broken`]).
    pub broken: Vec<Broken>,
}

/// Judges a run: fills in the file's SLOs, verdict and reasons, and says how the process ends.
pub fn judge(
    scenario: &Scenario,
    run: &mut RunFile,
    gathered: &Gatherer,
    circumstances: Circumstances,
) -> Exit {
    let missing = circumstances.missing.as_ref();
    cost::fill_in(scenario, gathered.course(), missing, &mut run.actions);
    let rows = slo::judge(
        scenario,
        &Findings {
            scenario,
            run,
            gathered,
        },
    );
    run.slos = rows.iter().map(Row::result).collect();
    let judgement = verdict::judge(&evidence(scenario, run, gathered, rows, circumstances));
    run.verdict = judgement.verdict;
    run.reasons = judgement.reasons.iter().map(run::Reason::from).collect();
    judgement.exit
}

fn evidence(
    scenario: &Scenario,
    run: &RunFile,
    gathered: &Gatherer,
    slos: Vec<Row>,
    circumstances: Circumstances,
) -> Evidence {
    let groups = scenario.consumers.iter().map(|consume| {
        let found = run
            .consume
            .get(&consume.name)
            .map(GroupResult::account)
            .unwrap_or_default();
        group(&consume.name, &found)
    });
    Evidence {
        unusable: circumstances.unusable,
        totals: totals(run),
        account_faults: circumstances.broken.iter().map(Broken::to_string).collect(),
        slos,
        actions: run.actions.clone(),
        unwatched: unwatched(run),
        groups: groups.collect(),
        complaints: circumstances.complaints,
        shares_process: run.target.kind == "embedded",
        stopped: circumstances.stopped,
        incomplete: circumstances.incomplete,
        backlog: gathered.backlog(),
    }
}

/// The user's groups that the cluster told nothing of, and why.
fn unwatched(run: &RunFile) -> Vec<String> {
    let unseen = run.watched.iter().filter(|(_, of)| of.seconds == 0);
    unseen
        .map(|(name, of)| {
            let why = of.reason.as_deref().unwrap_or("the run was over too soon");
            format!("the lag of group {name} was not recorded: {why}")
        })
        .collect()
}

fn totals(run: &RunFile) -> Totals {
    let mut account = Account::default();
    let mut errors = BTreeMap::new();
    for flow in run.flows.values() {
        account += flow.account;
        for (name, count) in &flow.errors {
            *errors.entry(name.clone()).or_insert(0) += count;
        }
    }
    Totals {
        planned: account.planned,
        sent: account.sent,
        unsent: account.unsent,
        lost: account.lost,
        acknowledged: account.acknowledged,
        failed: account.failed,
        unresolved: account.unresolved,
        commonest_error: errors.into_iter().max_by_key(|(_, count)| *count),
    }
}

/// The answers: from the totals where they have them, with their three digits; from the windows where they do not.
struct Findings<'a> {
    scenario: &'a Scenario,
    run: &'a RunFile,
    gathered: &'a Gatherer,
}

impl Answers for Findings<'_> {
    fn whole(&self, question: &Question) -> Figure {
        if is_of_the_course(question.metric) {
            let course = self.gathered.course();
            return cost::figure(self.scenario, course, &self.run.actions, question);
        }
        let name = slo::subject_name(self.scenario, question.subject);
        let answer = match question.subject {
            Some(Subject::Flow(_)) => self
                .run
                .flows
                .get(name)
                .and_then(|flow| of_flow(question, flow)),
            Some(Subject::Event(_)) if self.is_all(question) => {
                let event = self
                    .run
                    .events
                    .get(name)
                    .and_then(|event| event.response.as_ref());
                event
                    .filter(|_| question.metric == Metric::Response)
                    .map(|times| quantile(question, times))
            }
            Some(Subject::Consume(_)) => self
                .run
                .consume
                .get(name)
                .and_then(|group| self.of_group(question, group)),
            _ => None,
        };
        answer.unwrap_or_else(|| self.gathered.whole(question, 0))
    }

    fn windows(&self, question: &Question) -> Vec<Figure> {
        self.gathered.figures(question)
    }
}

impl Findings<'_> {
    /// Whether a question is about the whole run: because it says so, or because there was no warm-up.
    fn is_all(&self, question: &Question) -> bool {
        question.all || self.scenario.time.warmup.is_zero()
    }

    /// What the totals of a group say; `None` where they say nothing. Losses are of the whole run: an acknowledged record
    /// is a promise in the warm-up too.
    fn of_group(&self, question: &Question, group: &GroupResult) -> Option<Figure> {
        match question.metric {
            Metric::EndToEnd if self.is_all(question) => {
                Some(quantile(question, &group.end_to_end))
            }
            Metric::EndToEnd => Some(self.gathered.whole(question, group.end_to_end.beyond)),
            _ => found(question, &group.account()),
        }
    }
}

/// What a group found of its records, over all of them; `None` for metrics of another kind.
fn found(question: &Question, group: &GroupAccount) -> Option<Figure> {
    let of_consumed = |count| Some(ratio(question, (count, group.consumed)));
    match question.metric {
        Metric::Missing => Some(ratio(question, (group.missing, group.acknowledged))),
        Metric::Corrupt => Some(ratio(
            question,
            (group.corrupt, group.consumed + group.corrupt),
        )),
        Metric::Duplicated => of_consumed(group.duplicated),
        Metric::Reordered => of_consumed(group.reordered),
        _ => None,
    }
}

/// Losses among what the scenario's groups found, by index, a sentence each: limits on missing, corrupt and reordered records that were
/// missed, and such records where no limit is stated.
pub fn losses(scenario: &Scenario, groups: &[GroupAccount]) -> Vec<String> {
    struct Found<'a>(&'a [GroupAccount]);
    impl Answers for Found<'_> {
        fn whole(&self, question: &Question) -> Figure {
            let Some(Subject::Consume(group)) = question.subject else {
                return Figure::Nothing;
            };
            let group = self.0.get(group);
            group
                .and_then(|group| found(question, group))
                .unwrap_or(Figure::Nothing)
        }

        fn windows(&self, _: &Question) -> Vec<Figure> {
            Vec::new()
        }
    }
    let rows = slo::judge(scenario, &Found(groups));
    let groups: Vec<Group> = scenario
        .consumers
        .iter()
        .zip(groups)
        .map(|(consume, account)| group(&consume.name, account))
        .collect();
    let losses = verdict::losses(&rows, &groups);
    losses.into_iter().map(|reason| reason.text).collect()
}

fn group(name: &str, found: &GroupAccount) -> Group {
    Group {
        name: name.to_owned(),
        missing: found.missing,
        corrupt: found.corrupt,
        reordered: found.reordered,
        unread: found.unread,
        expired: found.expired,
    }
}

/// What the totals of a flow say; `None` where they say nothing.
fn of_flow(question: &Question, flow: &FlowResult) -> Option<Figure> {
    let warm = flow.warm.as_ref().filter(|_| !question.all);
    let account = warm.map_or(&flow.account, |warm| &warm.account);
    let refused = warm.map_or(flow.refused, |warm| warm.refused);
    let (response, service, send_delay) = match warm {
        Some(warm) => (&warm.response, &warm.service, &warm.send_delay),
        None => (&flow.response, &flow.service, &flow.send_delay),
    };
    let figure =
        |times: Option<&Summary>| times.map_or(Figure::Nothing, |times| quantile(question, times));
    match question.metric {
        Metric::Response => Some(figure(response.as_ref())),
        Metric::Service => Some(figure(Some(service))),
        Metric::SendDelay => Some(figure(send_delay.as_ref())),
        // What is oversized on purpose may be refused.
        Metric::Failed => {
            let minus = |count: u64| count.saturating_sub(refused);
            Some(ratio(
                question,
                (minus(account.failed), minus(account.sent)),
            ))
        }
        _ => None,
    }
}

/// The quantile that is limited; without one, the largest.
fn quantile(question: &Question, times: &Summary) -> Figure {
    match times.quantile_us(question.quantile.unwrap_or(1.0)) {
        Some(us) => Figure::Time(us),
        None if times.beyond > 0 => Figure::Beyond(times.histogram.max_us().unwrap_or(0)),
        None => Figure::Nothing,
    }
}

impl From<&verdict::Reason> for run::Reason {
    fn from(reason: &verdict::Reason) -> run::Reason {
        run::Reason {
            kind: reason.kind.name().to_owned(),
            text: reason.text.clone(),
        }
    }
}

impl Row {
    /// The row as `run.json` has it.
    pub fn result(&self) -> SloResult {
        let of = |is_it: bool| is_it.then(|| self.name.clone());
        let question = &self.question;
        let (limit_us, limit) = match question.limit {
            Limit::BelowTime(limit) => (Some(limit.as_micros() as u64), None),
            Limit::AtMostCount(limit) => (None, Some(limit as f64)),
            Limit::AtMostShare(limit) | Limit::AtLeastShare(limit) => (None, Some(limit)),
        };
        let (measured_us, measured) = match self.measured {
            Figure::Time(us) => (Some(us), None),
            Figure::Count(count) => (None, Some(count as f64)),
            Figure::Share(share) => (None, Some(share)),
            Figure::Beyond(_) | Figure::Nothing => (None, None),
        };
        SloResult {
            metric: metric_name(question.metric).to_owned(),
            flow: of(matches!(question.subject, Some(Subject::Flow(_)))),
            event: of(matches!(question.subject, Some(Subject::Event(_)))),
            consume: of(matches!(question.subject, Some(Subject::Consume(_)))),
            quantile: question.quantile,
            above_us: question.above.map(|above| above.as_micros() as u64),
            after: self.after.clone(),
            from: if question.all { "all" } else { "warm" }.to_owned(),
            limit_us,
            limit,
            measured_us,
            measured,
            windows: self.windows.map(|windows| SloWindowsResult {
                every_us: windows.every.window.as_micros() as u64,
                allow: windows.every.allow,
                judged: windows.judged,
                missed: windows.missed,
            }),
            held: self.held,
        }
    }
}

/// A metric as scenario files spell it.
pub(super) fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Response => "response",
        Metric::Service => "service",
        Metric::EndToEnd => "end_to_end",
        Metric::SendDelay => "send_delay",
        Metric::LagRecords => "lag_records",
        Metric::LagTime => "lag_time",
        Metric::Failed => "failed",
        Metric::Missing => "missing",
        Metric::Corrupt => "corrupt",
        Metric::Duplicated => "duplicated",
        Metric::Reordered => "reordered",
        Metric::Achieved => "achieved",
        Metric::Drain => "drain",
        Metric::Recovery => "recovery",
        Metric::TimeAbove => "time_above",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capacity::tests::{run_file, scenario};
    use crate::measure::run::{Verdict, WarmResult};
    use crate::scenario::Slo;

    fn slo(metric: Metric, limit: Limit) -> Slo {
        Slo {
            metric,
            subject: None,
            quantile: matches!(limit, Limit::BelowTime(_)).then_some(0.99),
            limit,
            every: None,
            above: None,
            after: None,
            all: false,
            implied: false,
        }
    }

    const BELOW_10_MS: Limit = Limit::BelowTime(Duration::from_millis(10));

    fn judged(slos: Vec<Slo>, change: impl FnOnce(&mut RunFile)) -> (RunFile, Exit) {
        let mut scenario = scenario();
        scenario.slos = slos;
        let mut run = run_file();
        change(&mut run);
        let exit = judge(
            &scenario,
            &mut run,
            &Gatherer::new(&scenario),
            Circumstances::default(),
        );
        (run, exit)
    }

    #[test]
    fn a_good_run_passes() {
        let zero = Limit::AtMostCount(0);
        let metrics = [
            Metric::Failed,
            Metric::Missing,
            Metric::Corrupt,
            Metric::Reordered,
        ];
        let mut slos = vec![slo(Metric::Response, BELOW_10_MS)];
        slos.extend(metrics.map(|metric| slo(metric, zero)));
        let (run, exit) = judged(slos, |_| {});
        assert_eq!((run.verdict, exit), (Verdict::Pass, Exit::Held));
        assert_eq!(run.reasons, []);
        // Two flows for response and failed, two groups for the other three.
        assert_eq!(run.slos.len(), 2 * 2 + 2 * 3);
        let first = &run.slos[0];
        assert_eq!(
            (first.metric.as_str(), first.flow.as_deref()),
            ("response", Some("shoppers"))
        );
        assert_eq!((first.limit_us, first.held), (Some(10_000), true));
        assert!(first.measured_us.is_some_and(|us| us == 989), "{first:?}");
    }

    /// What is oversized on purpose may be refused; one failure more may not be.
    #[test]
    fn refusals_that_were_asked_for_break_nothing() {
        let slos = || {
            vec![
                slo(Metric::Failed, Limit::AtMostCount(0)),
                slo(Metric::Response, BELOW_10_MS),
            ]
        };
        let refuse = |refused| {
            move |run: &mut RunFile| {
                let flow = run.flows.get_mut("robots").expect("it is there");
                flow.account.acknowledged -= 100;
                (flow.account.failed, flow.refused) = (100, refused);
            }
        };
        let (run, exit) = judged(slos(), refuse(100));
        assert_eq!((run.verdict, exit), (Verdict::Pass, Exit::Held));
        let (run, exit) = judged(slos(), refuse(99));
        assert_eq!((run.verdict, exit), (Verdict::Fail, Exit::Missed));
        assert_eq!(
            run.reasons[0].text,
            "1 event of flow robots failed; none may"
        );
    }

    #[test]
    fn the_warm_part_is_what_counts() {
        let slow_at_first = |run: &mut RunFile| {
            let flow = run.flows.get_mut("shoppers").expect("it is there");
            let fast = flow.response.clone();
            flow.warm = Some(WarmResult {
                response: fast,
                ..WarmResult::default()
            });
            let mut slow = crate::measure::histogram::TotalHistogram::new();
            slow.record_many(5_000_000, 1_000);
            flow.response = Some(Summary::new(slow, 0));
        };
        let (run, _) = judged(vec![slo(Metric::Response, BELOW_10_MS)], slow_at_first);
        assert!(run.slos[0].held);
        let all = Slo {
            all: true,
            ..slo(Metric::Response, BELOW_10_MS)
        };
        let (run, exit) = judged(vec![all], slow_at_first);
        assert!(!run.slos[0].held);
        assert_eq!((run.verdict, exit), (Verdict::Fail, Exit::Missed));
        assert_eq!(run.reasons[0].kind, "slo");
    }

    #[test]
    fn unanswered_events_above_the_quantile_miss_it() {
        let (run, _) = judged(vec![slo(Metric::Response, BELOW_10_MS)], |run| {
            let flow = run.flows.get_mut("robots").expect("it is there");
            let histogram = flow.response.take().expect("it is there").histogram;
            flow.response = Some(Summary::new(histogram, 500));
        });
        assert_eq!(run.slos[1].measured_us, None);
        assert!(!run.slos[1].held);
        assert!(
            run.reasons[0]
                .text
                .contains("is unknown but longer than 999 µs"),
            "{}",
            run.reasons[0].text
        );
    }

    #[test]
    fn losses_are_losses() {
        let (run, exit) = judged(vec![slo(Metric::Missing, Limit::AtMostCount(0))], |run| {
            run.consume.get_mut("audit").expect("it is there").missing = 2;
        });
        assert_eq!((run.verdict, exit), (Verdict::Fail, Exit::Missed));
        assert_eq!(run.reasons[0].kind, "missing");
        let share = judged(
            vec![slo(Metric::Missing, Limit::AtMostShare(0.01))],
            |run| {
                run.consume.get_mut("audit").expect("it is there").missing = 2;
            },
        );
        assert_eq!(share.0.slos[1].measured, Some(0.001));
        assert!(share.0.slos[1].held);
    }

    #[test]
    fn what_does_not_add_up_is_invalid() {
        let scenario = scenario();
        let mut run = run_file();
        run.flows
            .get_mut("robots")
            .expect("it is there")
            .account
            .sent += 1;
        let circumstances = Circumstances {
            broken: run.broken(None),
            ..Circumstances::default()
        };
        let exit = judge(
            &scenario,
            &mut run,
            &Gatherer::new(&scenario),
            circumstances,
        );
        assert_eq!((run.verdict, exit), (Verdict::Invalid, Exit::Invalid));
        assert!(
            run.reasons[0].text.contains("flow robots: planned is 1000"),
            "{}",
            run.reasons[0].text
        );
    }

    #[test]
    fn errors_are_named_when_nothing_is_acknowledged() {
        let (run, exit) = judged(vec![], |run| {
            for flow in run.flows.values_mut() {
                flow.account.failed = flow.account.acknowledged;
                flow.account.acknowledged = 0;
                flow.errors = BTreeMap::from([
                    ("_MSG_TIMED_OUT".to_owned(), 900),
                    ("_TRANSPORT".to_owned(), 100),
                ]);
            }
        });
        assert_eq!((run.verdict, exit), (Verdict::Invalid, Exit::Cluster));
        assert!(
            run.reasons[0]
                .text
                .contains("1,800 of them with _MSG_TIMED_OUT"),
            "{}",
            run.reasons[0].text
        );
    }
}
