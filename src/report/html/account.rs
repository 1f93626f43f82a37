//! The account: what became of every event, as a balance that closes.

use maud::{Markup, html};

use crate::measure::account::Account;
use crate::measure::run::{GroupResult, RunFile};
use crate::measure::units;

use super::Shown;
use super::number::{count, name};

/// The balance of the flows, then that of the groups.
pub(super) fn account(runs: &[Shown<'_>]) -> Markup {
    let known: Vec<(Shown<'_>, &RunFile)> = runs
        .iter()
        .filter_map(|run| Some((*run, run.run()?)))
        .collect();
    html! {
        @if !known.is_empty() {
            section {
                h2 { "The account" }
                p { "Every event that came due is in exactly one place, and so is every acknowledged record for each group." }
                @for (run, file) in &known {
                    (expected(run, file))
                    (flows(run, file))
                    (groups(run, file))
                }
            }
        }
    }
}

/// What the curve promised, beside what came due.
fn expected(run: &Shown<'_>, file: &RunFile) -> Markup {
    let due: u64 = file.flows.values().map(|flow| flow.account.planned).sum();
    let promised = area(&file.plan.curve, file.elapsed_us as f64 / 1e6);
    html! {
        @if promised > 0.0 {
            p.small.dim {
                (run.chip()) "The planned curve predicts " (units::count(promised.round() as u64)) " events in this time; " (units::count(due)) " came due ("
                (format!("{:+.2} %", (due as f64 / promised - 1.0) * 100.0).replace('-', "−")) ")."
            }
        }
    }
}

/// The integral of a piecewise linear curve up to an instant: the sum of its trapezia.
fn area(curve: &[(f64, f64)], until: f64) -> f64 {
    let mut sum = 0.0;
    for pair in curve.windows(2) {
        let ((from, rate), (to, then)) = (pair[0], pair[1]);
        let end = to.min(until);
        if end <= from {
            continue;
        }
        let last = rate + (then - rate) * (end - from) / (to - from);
        sum += (rate + last) / 2.0 * (end - from);
    }
    if let Some((at, rate)) = curve.last()
        && *at < until
    {
        sum += rate * (until - at);
    }
    sum
}

fn op(sign: &str) -> Markup {
    html! { td.op { (sign) } }
}

fn closes(ok: bool) -> Markup {
    html! { td.(if ok { "held" } else { "missed" }) { (if ok { "closes" } else { "DOES NOT CLOSE" }) } }
}

fn flows(run: &Shown<'_>, file: &RunFile) -> Markup {
    let mut all = Account::default();
    file.flows.values().for_each(|flow| all += flow.account);
    html! {
        div.scroll { table {
            thead { tr { th { (run.chip()) "flow" } th.n { "planned" } th {} th.n { "sent" } th {} th.n { "unsent" } th {} th.n { "lost" }
                th {} th.n { "sent" } th {} th.n { "acknowledged" } th {} th.n { "failed" } th {} th.n { "unresolved" } th {} } }
            tbody {
                @for (flow, result) in &file.flows {
                    @let show = |field: &str, n: u64| count(run, &["flows", flow, "account", field], n);
                    tr { td.name { (name(flow)) } (balance(&result.account, &show)) }
                }
                @if file.flows.len() > 1 {
                    tr.sum { td { "all" } (balance(&all, &|_, n| html! { (units::count(n)) })) }
                }
            }
        } }
    }
}

fn balance(account: &Account, show: &dyn Fn(&str, u64) -> Markup) -> Markup {
    html! {
        td.n { (show("planned", account.planned)) } (op("=")) td.n { (show("sent", account.sent)) } (op("+"))
        td.n { (show("unsent", account.unsent)) } (op("+")) td.n { (show("lost", account.lost)) } (op(","))
        td.n { (show("sent", account.sent)) } (op("=")) td.n { (show("acknowledged", account.acknowledged)) } (op("+"))
        td.n { (show("failed", account.failed)) } (op("+")) td.n { (show("unresolved", account.unresolved)) }
        (closes(account.check().is_ok()))
    }
}

fn groups(run: &Shown<'_>, file: &RunFile) -> Markup {
    html! {
        @if !file.consume.is_empty() {
            div.scroll { table {
                thead { tr { th { (run.chip()) "group" } th.n { "acknowledged" } th {} th.n { "consumed" } th {} th.n { "missing" } th {} th.n { "expired" } th {} th.n { "unread" } th {}
                    th.n { "seen, never acknowledged" } } }
                tbody { @for (group, result) in &file.consume { tr { td.name { (name(group)) } (group_balance(run, group, result)) } } }
            } }
        }
    }
}

fn group_balance(run: &Shown<'_>, group: &str, result: &GroupResult) -> Markup {
    let show = |field: &str, n: u64| count(run, &["consume", group, field], n);
    html! {
        td.n { (show("acknowledged", result.acknowledged)) } (op("=")) td.n { (show("consumed", result.consumed)) } (op("+"))
        td.n.loss[result.missing > 0] { (show("missing", result.missing)) } (op("+")) td.n { (show("expired", result.expired)) } (op("+"))
        td.n { (show("unread", result.unread)) } (closes(result.account().check().is_ok()))
        td.n { (show("consumed_unacknowledged", result.consumed_unacknowledged)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_a_curve() {
        let curve = [(0.0, 0.0), (10.0, 100.0), (20.0, 100.0)];
        // A triangle of 500 and a rectangle of 1,000; half way up the ramp a quarter of the triangle.
        assert!((area(&curve, 20.0) - 1_500.0).abs() < 1e-9);
        assert!((area(&curve, 5.0) - 125.0).abs() < 1e-9);
        assert!(
            (area(&curve, 25.0) - 2_000.0).abs() < 1e-9,
            "the last rate holds"
        );
        assert_eq!(area(&[], 5.0), 0.0);
        assert!((area(&[(0.0, 7.0)], 2.0) - 14.0).abs() < 1e-9);
    }
}
