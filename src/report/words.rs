//! What is known of a run in words: said once, for the terminal, Markdown, JUnit and the one line alike. Pure.

use std::collections::BTreeMap;

use crate::capacity::verdict::{Kind, Weight};
use crate::measure::account::Account;
use crate::measure::run::{FlowResult, Reason, RunFile, SloResult, Verdict};
use crate::measure::shape::Model;
use crate::measure::summary::Summary;
use crate::measure::units;

use super::over_time::ClientTotals;

/// What the embedded cluster's numbers are worth.
pub const EMBEDDED: &str =
    "the built-in cluster is for learning the tool: these numbers say nothing about Kafka";
/// What numbers without a cluster are worth.
pub const NULL: &str = "there was no cluster: these numbers are the generator's own";

/// The verdict.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Invalid => "INVALID",
    }
}

/// The sentence that goes with the verdict.
pub fn reason(run: &RunFile) -> &str {
    match run.reasons.first() {
        _ if run.verdict == Verdict::Pass => "every limit held",
        Some(first) if !first.text.trim().is_empty() => &first.text,
        _ => "no reason is given",
    }
}

/// How much a reason weighs.
pub fn weight(reason: &Reason) -> Weight {
    // A kind of a later version: it is not for us to weigh, but it is to be read.
    Kind::from_name(&reason.kind).map_or(Weight::Inconclusive, Kind::weight)
}

/// The other reasons that weigh something. Limits that were missed are counted, since they stand in a table of their own, and so
/// does the lack of a steady state.
pub fn further(run: &RunFile) -> Vec<String> {
    const SHOWN: usize = 3;
    let others: Vec<&Reason> = run
        .reasons
        .iter()
        .skip(usize::from(run.verdict != Verdict::Pass))
        .filter(|reason| weight(reason) < Weight::Note)
        .collect();
    let is_shown_below =
        |reason: &&&Reason| ["slo", "no_steady_state"].contains(&reason.kind.as_str());
    let missed = others.iter().filter(|reason| reason.kind == "slo").count() as u64;
    let mut texts: Vec<String> = others
        .iter()
        .filter(|reason| !is_shown_below(reason))
        .map(|reason| format!("also: {}", reason.text))
        .collect();
    if texts.len() > SHOWN {
        let more = texts.len() - SHOWN;
        texts.truncate(SHOWN);
        texts.push(format!("and {more} more reasons in run.json"));
    }
    if missed > 0 {
        texts.push(format!(
            "{} missed, see below",
            units::counted(missed, "more limits").replace("1 more limit", "one more limit")
        ));
    }
    texts
}

/// Why the quantiles must not be believed; where it is the first reason it is said already.
pub fn unsteady(run: &RunFile) -> Option<&str> {
    let mut others = run.reasons.iter().skip(1);
    let found = others.find(|reason| reason.kind == "no_steady_state")?;
    Some(&found.text)
}

/// Where the load went.
pub fn place(run: &RunFile) -> String {
    match run.target.kind.as_str() {
        "" => "on a cluster that is not recorded".to_owned(),
        "embedded" => "on the embedded cluster".to_owned(),
        "null" => "on no cluster".to_owned(),
        _ => format!(
            "on {} ({})",
            run.target.bootstrap.join(","),
            units::counted(run.target.brokers.len() as u64, "brokers"),
        ),
    }
}

/// The releases of Kafka whose protocol the brokers speak, each with its brokers where they differ.
pub fn releases(run: &RunFile) -> String {
    let mut releases: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for broker in &run.target.brokers {
        let release = broker.version.as_deref().unwrap_or("unknown");
        releases
            .entry(release)
            .or_default()
            .push(broker.id.to_string());
    }
    match releases.len() {
        // Neither a simulated cluster nor none has one.
        _ if run.target.kind != "kafka" => "none".to_owned(),
        0 => "unknown".to_owned(),
        1 => releases.into_keys().collect(),
        _ => {
            let each = releases
                .into_iter()
                .map(|(release, ids)| format!("{release} (broker {})", ids.join(", ")));
            each.collect::<Vec<String>>().join("; ")
        }
    }
}

/// What the numbers of this target are worth, where that is little.
pub fn caveat(run: &RunFile) -> Option<&'static str> {
    match run.target.kind.as_str() {
        "embedded" => Some(EMBEDDED),
        "null" => Some(NULL),
        _ => None,
    }
}

/// How long the load lasted, as a clock shows it.
pub fn length(run: &RunFile) -> String {
    units::clock_s(run.elapsed_us / 1_000_000)
}

/// Response, service and send delay without the warm-up.
pub fn warm(flow: &FlowResult) -> (Option<&Summary>, &Summary, Option<&Summary>) {
    match &flow.warm {
        Some(warm) => (
            warm.response.as_ref(),
            &warm.service,
            warm.send_delay.as_ref(),
        ),
        None => (
            flow.response.as_ref(),
            &flow.service,
            flow.send_delay.as_ref(),
        ),
    }
}

/// What to know of a flow whose events are not due; `None` in the open model.
pub fn model(flow: &FlowResult) -> Option<&'static str> {
    match flow.model {
        Model::Open => None,
        Model::Closed => Some(
            "users wait for each answer (a closed model): a slow cluster is offered less; nothing is due, so there is only service time",
        ),
        Model::Unthrottled => Some(
            "unthrottled: as fast as the cluster takes events; nothing is due, so there is only service time",
        ),
    }
}

/// A quantile; `> longest` where it falls among events without a time.
pub fn time(of: &Summary, quantile: Option<u64>) -> String {
    match quantile {
        Some(us) => units::time_us(us),
        None if of.beyond > 0 => of
            .histogram
            .max_us()
            .map_or("never".to_owned(), |us| format!("> {}", units::time_us(us))),
        None => "-".to_owned(),
    }
}

/// An SLO and how it came out.
pub struct SloWords {
    /// Metric and quantile.
    pub what: String,
    /// The flow, event or group it is about; `None`: of no one by itself.
    pub whom: Option<String>,
    /// The limit with its sign.
    pub limit: String,
    /// What was measured.
    pub measured: String,
    /// Measured ÷ limit.
    pub ratio: Option<f64>,
    /// How many of its windows missed the limit, and how many may.
    pub windows: Option<String>,
}

impl SloWords {
    /// Of this SLO.
    pub fn of(slo: &SloResult) -> SloWords {
        let (limit, measured, ratio) = figures(slo);
        SloWords {
            what: match slo.quantile {
                Some(q) => format!("{} {}", slo.metric, units::quantile(q)),
                None => slo.metric.clone(),
            },
            whom: [&slo.flow, &slo.event, &slo.consume]
                .into_iter()
                .flatten()
                .next()
                .cloned(),
            limit,
            measured,
            ratio,
            windows: slo.windows.map(|windows| {
                let every = units::time_us(windows.every_us);
                format!(
                    "{} of {} × {every}, {} may",
                    windows.missed, windows.judged, windows.allow
                )
            }),
        }
    }

    /// Metric and whom it is about.
    pub fn name(&self) -> String {
        match &self.whom {
            Some(whom) => format!("{} of {whom}", self.what),
            None => self.what.clone(),
        }
    }

    /// The ratio in percent.
    pub fn percent(&self) -> Option<String> {
        Some(format!("{} %", (self.ratio? * 100.0).round()))
    }
}

/// A limit of zero that held.
pub fn is_quiet(slo: &SloResult) -> bool {
    slo.held && slo.limit == Some(0.0) && slo.windows.is_none()
}

/// The limits of zero that held, in one sentence: `nothing missing, corrupt`. `None` where there are none.
pub fn quiet(slos: &[SloResult]) -> Option<String> {
    let mut metrics: Vec<&str> = Vec::new();
    for slo in slos.iter().filter(|slo| is_quiet(slo)) {
        if !metrics.contains(&slo.metric.as_str()) {
            metrics.push(&slo.metric);
        }
    }
    (!metrics.is_empty()).then(|| format!("nothing {}", metrics.join(", ")))
}

/// Limit and figure in their unit, and their ratio.
pub fn figures(slo: &SloResult) -> (String, String, Option<f64>) {
    if let Some(limit) = slo.limit_us {
        let measured = slo.measured_us.map_or("unknown".to_owned(), units::time_us);
        let ratio = slo
            .measured_us
            .filter(|_| limit > 0)
            .map(|us| us as f64 / limit as f64);
        return (format!("< {}", units::time_us(limit)), measured, ratio);
    }
    let limit = slo.limit.unwrap_or(0.0);
    // The file does not say whether a number is a share; counts have no fractions.
    let is_share = slo.metric == "achieved"
        || [Some(limit), slo.measured]
            .into_iter()
            .flatten()
            .any(|x| x.fract() != 0.0);
    let show = |x: f64| {
        if is_share {
            units::share(x)
        } else {
            units::count(x as u64)
        }
    };
    let sign = match slo.metric.as_str() {
        "achieved" => "≥",
        _ if limit == 0.0 => "=",
        _ => "≤",
    };
    let measured = slo.measured.map_or("unknown".to_owned(), show);
    let ratio = slo.measured.filter(|_| limit > 0.0).map(|x| x / limit);
    (format!("{sign} {}", show(limit)), measured, ratio)
}

/// The account of all flows together.
pub fn account(run: &RunFile) -> Account {
    let mut all = Account::default();
    run.flows.values().for_each(|flow| all += flow.account);
    all
}

/// Refusals that were asked for, if there were any.
pub fn refused(run: &RunFile) -> Option<String> {
    let refused: u64 = run.flows.values().map(|flow| flow.refused).sum();
    (refused > 0).then(|| {
        format!(
            "of the failed, {} were oversized on purpose and refused for their size: no limit counts them",
            units::count(refused)
        )
    })
}

/// An account as two equations.
pub fn equations(account: &Account) -> [String; 2] {
    let Account {
        planned,
        sent,
        unsent,
        lost,
        acknowledged,
        failed,
        unresolved,
    } = account;
    let n = |count: &u64| units::count(*count);
    [
        format!(
            "planned {} = sent {} + unsent {} + lost {}",
            n(planned),
            n(sent),
            n(unsent),
            n(lost)
        ),
        format!(
            "sent {} = acknowledged {} + failed {} + unresolved {}",
            n(sent),
            n(acknowledged),
            n(failed),
            n(unresolved)
        ),
    ]
}

/// The commonest errors of all flows.
pub fn errors(run: &RunFile) -> Option<String> {
    const SHOWN: usize = 3;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in run.flows.values().flat_map(|flow| &flow.errors) {
        *counts.entry(name).or_default() += count;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = counts.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = counts
        .iter()
        .take(SHOWN)
        .map(|(name, count)| format!("{} {name}", units::count(*count)))
        .collect();
    if more > 0 {
        shown.push(format!("{more} other kinds"));
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// How the generator fared.
pub fn generator(run: &RunFile) -> String {
    let generator = &run.generator;
    let word = if generator.healthy {
        "healthy"
    } else {
        "NOT HEALTHY"
    };
    let delay = generator
        .send_delay_p99_us
        .map_or("unknown".to_owned(), units::time_us);
    format!(
        "{word} · {:.2} of {} · send delay p99 {delay} · run-queue delay {} · {}",
        generator.cpu_cores,
        units::counted(u64::from(run.machine.cores), "cores"),
        units::share(generator.run_queue_delay),
        units::bytes(generator.rss_max_bytes),
    )
}

/// What the clients told of the whole run.
pub fn client(run: &RunFile, client: &ClientTotals) -> String {
    let throttled = match client.throttle_max_us {
        0 => "never throttled".to_owned(),
        us => format!("throttled up to {}", units::time_us(us)),
    };
    let rtt = client
        .rtt_p99_max_us
        .map_or("unknown".to_owned(), units::time_us);
    format!(
        "librdkafka {} · {} retries · {} time-outs · {throttled} · round trip p99 ≤ {rtt}",
        run.tool.librdkafka,
        units::count(client.retries),
        units::count(client.timeouts),
    )
}
