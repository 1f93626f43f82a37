//! The verdict: everything a run found out about the cluster and about itself, weighed. Pure.
//!
//! A finding has a [`Kind`], a kind has a [`Weight`], and the heaviest weight decides both verdict and exit code. So the
//! precedence (unusable cluster, loss, invalid, missed) stands in one place: the order of [`Weight`]'s variants.

mod findings;
mod kind;

pub(super) use findings::losses;
pub use kind::{Kind, Weight};

use crate::measure::action::ActionResult;
use crate::measure::run::Verdict;

use findings::{cluster, limits, notes, validity};

use super::slo::Row;
use super::steady::Backlog;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: every SLO held.
    Held,
    /// 1: an SLO missed, records lost or corrupt.
    Missed,
    /// 2: usage or scenario error; nothing was sent.
    Usage,
    /// 3: invalid, inconclusive or interrupted.
    Invalid,
    /// 4: the cluster could not be used.
    Cluster,
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Held => 0,
            Exit::Missed => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::Cluster => 4,
        }
    }
}

/// A finding in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What was found.
    pub kind: Kind,
    /// The sentence, without a full stop.
    pub text: String,
}

/// Why a run ended before its schedule did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// By the user, after so many seconds of load.
    Interrupted {
        /// Seconds of load that were run.
        after_s: u64,
        /// Seconds of load that were asked for.
        of_s: u64,
    },
    /// By `[abort]`, with its reason.
    Aborted(String),
}

/// What became of the run's events, all flows together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events due by the instant the run stopped.
    pub planned: u64,
    /// Events handed to the client.
    pub sent: u64,
    /// Events due and never offered.
    pub unsent: u64,
    /// Events of which it is not known whether they were sent.
    pub lost: u64,
    /// Events acknowledged.
    pub acknowledged: u64,
    /// Events refused or timed out.
    pub failed: u64,
    /// Events never answered.
    pub unresolved: u64,
    /// The commonest error by name, with its count.
    pub commonest_error: Option<(String, u64)>,
}

/// What a consumer group found, in records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Acknowledged and never got.
    pub missing: u64,
    /// Came back other than they were sent.
    pub corrupt: u64,
    /// Came in another order.
    pub reordered: u64,
    /// Not reached at the end.
    pub unread: u64,
    /// Gone from the log before they were reached.
    pub expired: u64,
}

/// Everything the verdict is made of.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Why the cluster could not be used at all; the end of a sentence.
    pub unusable: Option<String>,
    /// What became of the events.
    pub totals: Totals,
    /// Invariants of the account that do not hold, a clause each.
    pub account_faults: Vec<String>,
    /// The SLOs, judged.
    pub slos: Vec<Row>,
    /// What was done while the load ran.
    pub actions: Vec<ActionResult>,
    /// Groups of the user's whose lag could not be recorded, a sentence each.
    pub unwatched: Vec<String>,
    /// What the consumer groups found, by index in the scenario.
    pub groups: Vec<Group>,
    /// Where the generator itself was the limit, a clause each; empty: healthy.
    pub complaints: Vec<String>,
    /// The cluster shares our process (the embedded one), so that its work is counted as the generator's.
    pub shares_process: bool,
    /// Why the run ended early.
    pub stopped: Option<Stopped>,
    /// Parts of the run that are missing for another reason, a clause each.
    pub incomplete: Vec<String>,
    /// The backlog when the load ended.
    pub backlog: Option<Backlog>,
}

/// The verdict and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, the heaviest first.
    pub reasons: Vec<Reason>,
    /// The exit code.
    pub exit: Exit,
}

/// Weighs the evidence.
pub fn judge(evidence: &Evidence) -> Judgement {
    let mut reasons = Vec::new();
    cluster(evidence, &mut reasons);
    reasons.extend(losses(&evidence.slos, &evidence.groups));
    validity(evidence, &mut reasons);
    limits(evidence, &mut reasons);
    notes(evidence, &mut reasons);
    // Stable: findings of one weight stay in the order they were made.
    reasons.sort_by_key(|reason| reason.kind.weight());
    let (verdict, exit) = decide(&reasons);
    Judgement {
        verdict,
        reasons,
        exit,
    }
}

/// The heaviest finding decides. A loss makes any run a failed one, whatever else is wrong with it.
fn decide(reasons: &[Reason]) -> (Verdict, Exit) {
    let has_loss = reasons
        .iter()
        .any(|reason| reason.kind.weight() == Weight::Loss);
    let heaviest = reasons.iter().map(|reason| reason.kind.weight()).min();
    match heaviest {
        Some(Weight::Cluster) if has_loss => (Verdict::Fail, Exit::Cluster),
        Some(Weight::Cluster) => (Verdict::Invalid, Exit::Cluster),
        Some(Weight::Loss | Weight::Missed) => (Verdict::Fail, Exit::Missed),
        Some(Weight::Invalid | Weight::Inconclusive) => (Verdict::Invalid, Exit::Invalid),
        Some(Weight::Note) | None => (Verdict::Pass, Exit::Held),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capacity::slo::{Figure, Question};
    use crate::scenario::{Limit, Metric, Subject};

    /// A run in which everything went well.
    fn good() -> Evidence {
        Evidence {
            totals: Totals {
                planned: 1_000,
                sent: 1_000,
                acknowledged: 1_000,
                ..Totals::default()
            },
            slos: vec![
                response(Figure::Time(4_100), true),
                losses_row(Metric::Missing, 0, 0),
            ],
            groups: vec![Group {
                name: "audit".to_owned(),
                ..Group::default()
            }],
            ..Evidence::default()
        }
    }

    fn response(measured: Figure, held: bool) -> Row {
        Row {
            question: Question {
                metric: Metric::Response,
                subject: Some(Subject::Flow(0)),
                quantile: Some(0.99),
                limit: Limit::BelowTime(Duration::from_millis(100)),
                every: None,
                above: None,
                after: None,
                all: false,
                implied: false,
            },
            name: "shoppers".to_owned(),
            after: None,
            measured,
            windows: None,
            held,
        }
    }

    fn losses_row(metric: Metric, count: u64, limit: u64) -> Row {
        let mut row = response(Figure::Count(count), count <= limit);
        row.question.metric = metric;
        row.question.subject = Some(Subject::Consume(0));
        row.question.quantile = None;
        row.question.limit = Limit::AtMostCount(limit);
        row.name = "audit".to_owned();
        row
    }

    /// Something that may be found, and how to put it into the evidence.
    type Finding = (Kind, fn(&mut Evidence));

    const FINDINGS: [Finding; 15] = [
        (Kind::ClusterUnusable, |e| {
            e.unusable = Some("no broker answered".to_owned())
        }),
        (Kind::NothingAcknowledged, |e| {
            e.totals.acknowledged = 0;
            e.totals.failed = e.totals.sent;
        }),
        (Kind::Missing, |e| {
            e.slos[1] = losses_row(Metric::Missing, 3, 0)
        }),
        (Kind::Corrupt, |e| e.groups[0].corrupt = 1),
        (Kind::Reordered, |e| e.groups[0].reordered = 1),
        (Kind::Interrupted, |e| {
            e.stopped = Some(Stopped::Interrupted {
                after_s: 83,
                of_s: 600,
            })
        }),
        (Kind::Generator, |e| {
            e.complaints = vec!["thread producer-0 was busy for 12 % of the time".to_owned()]
        }),
        (Kind::Account, |e| {
            e.account_faults = vec!["planned 3, sent 2".to_owned()]
        }),
        (Kind::Incomplete, |e| {
            e.incomplete = vec!["the disk is full".to_owned()]
        }),
        (Kind::Lost, |e| e.totals.lost = 7),
        (Kind::NoSamples, |e| {
            e.slos.push(response(Figure::Nothing, false))
        }),
        (Kind::Slo, |e| {
            e.slos[0] = response(Figure::Time(412_000), false)
        }),
        (Kind::Aborted, |e| {
            // Together with an interrupt, the interrupt is what is kept: it is what ended the run.
            e.stopped
                .get_or_insert(Stopped::Aborted("backlog".to_owned()));
        }),
        (Kind::NoSteadyState, |e| e.backlog = Some(growing())),
        (Kind::Unread, |e| e.groups[0].unread = 9),
    ];

    fn growing() -> Backlog {
        Backlog {
            events: 32_000,
            load_s: 3.2,
            growth_per_s: 1_200.0,
            error_per_s: 10.0,
        }
    }

    fn judged(change: impl FnOnce(&mut Evidence)) -> Judgement {
        let mut evidence = good();
        change(&mut evidence);
        judge(&evidence)
    }

    #[test]
    fn a_good_run_passes_without_a_word() {
        let judgement = judge(&good());
        assert_eq!(
            (judgement.verdict, judgement.exit),
            (Verdict::Pass, Exit::Held)
        );
        assert_eq!(judgement.reasons, []);
    }

    #[test]
    fn each_finding_alone() {
        let expected = [
            (Kind::ClusterUnusable, Verdict::Invalid, 4),
            (Kind::NothingAcknowledged, Verdict::Invalid, 4),
            (Kind::Missing, Verdict::Fail, 1),
            (Kind::Corrupt, Verdict::Fail, 1),
            (Kind::Reordered, Verdict::Fail, 1),
            (Kind::Interrupted, Verdict::Invalid, 3),
            (Kind::Generator, Verdict::Invalid, 3),
            (Kind::Account, Verdict::Invalid, 3),
            (Kind::Incomplete, Verdict::Invalid, 3),
            (Kind::Lost, Verdict::Invalid, 3),
            (Kind::NoSamples, Verdict::Invalid, 3),
            (Kind::Slo, Verdict::Fail, 1),
            (Kind::Aborted, Verdict::Fail, 1),
            (Kind::NoSteadyState, Verdict::Invalid, 3),
            (Kind::Unread, Verdict::Pass, 0),
        ];
        for ((kind, change), (expected_kind, verdict, code)) in FINDINGS.into_iter().zip(expected) {
            assert_eq!(kind, expected_kind);
            let judgement = judged(change);
            assert_eq!(
                judgement.reasons.len(),
                1,
                "{kind:?}: {:?}",
                judgement.reasons
            );
            assert_eq!(judgement.reasons[0].kind, kind);
            assert_eq!(
                (judgement.verdict, judgement.exit.code()),
                (verdict, code),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn every_combination_follows_the_precedence() {
        // All 2^15 sets of findings, against the rule as INTERFACE states it: 4, 1 for loss, 3, 1, 0.
        for set in 0..1_u32 << FINDINGS.len() {
            let chosen: Vec<Finding> = FINDINGS
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| set >> bit & 1 == 1)
                .map(|(_, finding)| finding)
                .collect();
            let has = |kinds: &[Kind]| chosen.iter().any(|(kind, _)| kinds.contains(kind));
            let loss = has(&[Kind::Missing, Kind::Corrupt, Kind::Reordered]);
            let invalid = has(&[
                Kind::Interrupted,
                Kind::Generator,
                Kind::Account,
                Kind::Incomplete,
                Kind::Lost,
                Kind::NoSamples,
            ]);
            let missed = has(&[Kind::Slo, Kind::Aborted]);
            let expected = if has(&[Kind::ClusterUnusable, Kind::NothingAcknowledged]) {
                (
                    if loss {
                        Verdict::Fail
                    } else {
                        Verdict::Invalid
                    },
                    4,
                )
            } else if loss {
                (Verdict::Fail, 1)
            } else if invalid {
                (Verdict::Invalid, 3)
            } else if missed {
                (Verdict::Fail, 1)
            } else if has(&[Kind::NoSteadyState]) {
                (Verdict::Invalid, 3)
            } else {
                (Verdict::Pass, 0)
            };
            let judgement =
                judged(|evidence| chosen.iter().for_each(|(_, change)| change(evidence)));
            assert_eq!(
                (judgement.verdict, judgement.exit.code()),
                expected,
                "{chosen:?}"
            );
            assert!(
                judgement
                    .reasons
                    .is_sorted_by_key(|reason| reason.kind.weight())
            );
        }
    }

    #[test]
    fn a_limit_of_ones_own_decides_about_losses() {
        let tolerated = judged(|e| {
            e.groups[0].missing = 3;
            e.slos[1] = losses_row(Metric::Missing, 3, 5);
        });
        assert_eq!(tolerated.verdict, Verdict::Pass);
        let reordered = judged(|e| {
            e.groups[0].reordered = 3;
            e.slos.push(losses_row(Metric::Reordered, 3, 5));
        });
        assert_eq!(reordered.verdict, Verdict::Pass);
        // A limit for another group says nothing about this one.
        let other = judged(|e| {
            e.groups.push(Group {
                name: "analytics".to_owned(),
                missing: 1,
                ..Group::default()
            });
        });
        assert_eq!((other.verdict, other.exit), (Verdict::Fail, Exit::Missed));
        assert_eq!(
            other.reasons[0].text,
            "group analytics: 1 record acknowledged, but never reached it"
        );
    }

    #[test]
    fn on_the_embedded_cluster_health_is_a_warning() {
        let judgement = judged(|e| {
            e.shares_process = true;
            e.complaints = vec!["thread producer-0 was busy".to_owned()];
        });
        assert_eq!(
            (judgement.verdict, judgement.exit),
            (Verdict::Pass, Exit::Held)
        );
        assert_eq!(judgement.reasons[0].kind, Kind::GeneratorWarning);
    }

    #[test]
    fn an_empty_run_says_it_once() {
        let judgement = judge(&Evidence {
            slos: vec![
                response(Figure::Nothing, false),
                response(Figure::Nothing, false),
            ],
            ..Evidence::default()
        });
        assert_eq!(judgement.exit, Exit::Invalid);
        assert_eq!(judgement.reasons.len(), 1);
        let unreachable = judge(&Evidence {
            unusable: Some("localhost:9 did not answer within 10 s".to_owned()),
            ..Evidence::default()
        });
        assert_eq!(unreachable.reasons.len(), 1);
    }

    #[test]
    fn sentences() {
        let text = |change: fn(&mut Evidence)| judged(change).reasons[0].text.clone();
        assert_eq!(
            text(|e| {
                e.totals.acknowledged = 0;
                e.totals.failed = 990;
                e.totals.unresolved = 10;
                e.totals.commonest_error = Some(("_MSG_TIMED_OUT".to_owned(), 985));
            }),
            "nothing was ever acknowledged: of 1,000 events sent, 990 failed, 985 of them with _MSG_TIMED_OUT, and 10 got no answer. \
             Check that the brokers are up, that min.insync.replicas can be met, and that this client may write to the topics"
        );
        assert_eq!(
            text(|e| e.backlog = Some(growing())),
            "no steady state: when the load ended the backlog was 3.2 s of load (32,000 events) and growing by 1.2k/s; \
             a longer run would show longer response times"
        );
        assert_eq!(
            text(|e| e.stopped = Some(Stopped::Interrupted {
                after_s: 83,
                of_s: 600
            })),
            "interrupted after 1:23 of 10:00"
        );
        assert_eq!(
            text(|e| e.groups[0].unread = 1_200),
            "group audit was 1,200 records behind when the run ended; they were not checked (a longer [time] catch_up would)"
        );
    }

    #[test]
    fn names_read_back() {
        for (kind, name, _) in Kind::ALL {
            assert_eq!(kind.name(), name);
            assert_eq!(Kind::from_name(name), Some(kind));
        }
        assert_eq!(Kind::from_name("of a later version"), None);
    }
}
