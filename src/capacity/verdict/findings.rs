//! What was found, a sentence each.

use super::{Evidence, Group, Kind, Reason, Stopped};
use crate::capacity::slo::{Figure, Row};
use crate::capacity::steady::Backlog;
use crate::measure::action::{ActionResult, Outcome};
use crate::measure::units;
use crate::scenario::{Metric, Subject};

fn say(reasons: &mut Vec<Reason>, kind: Kind, text: String) {
    reasons.push(Reason { kind, text });
}

pub(super) fn cluster(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    if let Some(why) = &evidence.unusable {
        say(
            reasons,
            Kind::ClusterUnusable,
            format!("the cluster could not be used: {why}"),
        );
        return;
    }
    let totals = &evidence.totals;
    if totals.sent == 0 || totals.acknowledged > 0 {
        return;
    }
    let commonest = match &totals.commonest_error {
        Some((name, count)) => format!(", {} of them with {name}", units::count(*count)),
        None => String::new(),
    };
    say(
        reasons,
        Kind::NothingAcknowledged,
        format!(
            "nothing was ever acknowledged: of {} sent, {} failed{commonest}, and {} got no answer. Check that the brokers are up, \
             that min.insync.replicas can be met, and that this client may write to the topics",
            units::counted(totals.sent, "events"),
            units::count(totals.failed),
            units::count(totals.unresolved),
        ),
    );
}

/// Missing, corrupt and reordered records. Where the scenario has a limit for them, that decides; otherwise none may be.
pub(in crate::capacity) fn losses(slos: &[Row], groups: &[Group]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for row in slos
        .iter()
        .filter(|row| !row.held && row.measured != Figure::Nothing)
    {
        if let Some(kind) = loss_of(row.question.metric) {
            say(&mut reasons, kind, row.sentence());
        }
    }
    for (index, group) in groups.iter().enumerate() {
        let counts = [
            (
                Metric::Missing,
                group.missing,
                "acknowledged, but never reached it",
            ),
            (
                Metric::Corrupt,
                group.corrupt,
                "came back other than they were sent",
            ),
            (Metric::Reordered, group.reordered, "came back out of order"),
        ];
        for (metric, count, what) in counts {
            let judged = slos.iter().any(|row| {
                row.question.metric == metric
                    && row.question.subject == Some(Subject::Consume(index))
            });
            if let Some(kind) = loss_of(metric).filter(|_| count > 0 && !judged) {
                let records = units::counted(count, "records");
                say(
                    &mut reasons,
                    kind,
                    format!("group {}: {records} {what}", group.name),
                );
            }
        }
    }
    reasons
}

/// The finding a missed limit on this metric is, where it is a loss.
fn loss_of(metric: Metric) -> Option<Kind> {
    match metric {
        Metric::Missing => Some(Kind::Missing),
        Metric::Corrupt => Some(Kind::Corrupt),
        Metric::Reordered => Some(Kind::Reordered),
        _ => None,
    }
}

pub(super) fn validity(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    if let Some(Stopped::Interrupted { after_s, of_s }) = evidence.stopped {
        let (after, of) = (units::clock_s(after_s), units::clock_s(of_s));
        say(
            reasons,
            Kind::Interrupted,
            format!("interrupted after {after} of {of}"),
        );
    }
    for action in &evidence.actions {
        if action.outcome.is_failure() && action.stops {
            say(reasons, Kind::Action, failure(action));
        }
    }
    for complaint in &evidence.complaints {
        match evidence.shares_process {
            false => say(
                reasons,
                Kind::Generator,
                format!("the generator, not the cluster, was the limit: {complaint}"),
            ),
            true => say(
                reasons,
                Kind::GeneratorWarning,
                format!(
                    "the generator was at its limit, and the embedded cluster shares its process: {complaint}"
                ),
            ),
        }
    }
    for fault in &evidence.account_faults {
        say(
            reasons,
            Kind::Account,
            format!(
                "the account does not close: {fault}. This is a fault in highwater; please report it with the run folder"
            ),
        );
    }
    for part in &evidence.incomplete {
        say(
            reasons,
            Kind::Incomplete,
            format!("the run is incomplete: {part}"),
        );
    }
    let totals = &evidence.totals;
    if totals.lost > 0 {
        let events = units::counted(totals.lost, "events");
        say(
            reasons,
            Kind::Lost,
            format!("of {events} it is not known whether they were sent"),
        );
    }
    if totals.sent == 0 && evidence.unusable.is_none() {
        let text = match totals.planned {
            0 => "nothing was due, so nothing was sent and nothing could be measured".to_owned(),
            n => format!("{} due, but nothing was sent", was_were(n)),
        };
        say(reasons, Kind::NoSamples, text);
    }
}

/// How an action failed.
fn failure(action: &ActionResult) -> String {
    let why = action.reason.as_deref().unwrap_or("no reason is given");
    format!("the action {} failed: {why}", action.name)
}

fn was_were(events: u64) -> String {
    let verb = if events == 1 { "was" } else { "were" };
    format!("{} {verb}", units::counted(events, "events"))
}

/// Limits on times, rates and counts that are no loss.
pub(super) fn limits(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    let nothing_sent = evidence.totals.sent == 0;
    for row in evidence.slos.iter().filter(|row| !row.held) {
        if row.measured == Figure::Nothing {
            // Said once already, for all of them.
            if !nothing_sent {
                say(reasons, Kind::NoSamples, row.sentence());
            }
        } else if loss_of(row.question.metric).is_none() {
            say(reasons, Kind::Slo, row.sentence());
        }
    }
    if let Some(Stopped::Aborted(why)) = &evidence.stopped {
        say(
            reasons,
            Kind::Aborted,
            format!("stopped early by [abort]: {why}"),
        );
    }
    if let Some(backlog) = evidence.backlog.filter(Backlog::unsteady) {
        say(
            reasons,
            Kind::NoSteadyState,
            format!(
                "no steady state: when the load ended the backlog was {} of load ({}) and growing by {}; \
                 a longer run would show longer response times",
                units::time_us((backlog.load_s * 1e6) as u64),
                units::counted(backlog.events, "events"),
                units::rate(backlog.growth_per_s),
            ),
        );
    }
}

pub(super) fn notes(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    for action in &evidence.actions {
        if action.outcome.is_failure() && !action.stops {
            say(reasons, Kind::ActionNote, failure(action));
        } else if action.outcome == Outcome::Skipped {
            let why = action
                .reason
                .as_deref()
                .unwrap_or("the run did not come to it");
            let text = format!("the action {} did not take place: {why}", action.name);
            say(reasons, Kind::ActionNote, text);
        }
    }
    for group in &evidence.unwatched {
        say(reasons, Kind::Unwatched, group.clone());
    }
    let totals = &evidence.totals;
    if totals.unsent > 0 {
        let text = format!(
            "{} due but could not be offered before the run ended",
            was_were(totals.unsent)
        );
        say(reasons, Kind::Unsent, text);
    }
    if totals.unresolved > 0 && totals.acknowledged > 0 {
        let text = format!(
            "{} never answered; they may be in the log all the same",
            was_were(totals.unresolved)
        );
        say(reasons, Kind::Unresolved, text);
    }
    for group in &evidence.groups {
        if group.unread > 0 {
            let text = format!(
                "group {} was {} behind when the run ended; they were not checked (a longer [time] catch_up would)",
                group.name,
                units::counted(group.unread, "records"),
            );
            say(reasons, Kind::Unread, text);
        }
        if group.expired > 0 {
            let text = format!(
                "group {}: {} left the log before they were read, and were not checked",
                group.name,
                units::counted(group.expired, "records"),
            );
            say(reasons, Kind::Expired, text);
        }
    }
}
