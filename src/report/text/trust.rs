//! How far the numbers of a run can be trusted: its account, the generator, the client. Pure.

use std::collections::BTreeMap;

use crate::capacity::verdict::Weight;
use crate::measure::account::Account;
use crate::measure::client_stats::ClientFigures;
use crate::measure::run::RunFile;
use crate::measure::units;

use super::super::table::wrap;
use super::super::term::Paint;
use super::{Context, WIDTH, weight};

/// Where the text of a labelled line begins.
const INDENT: usize = 11;

/// librdkafka's own view of a whole run: the figures of its intervals taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTotals {
    /// Requests sent again.
    pub retries: u64,
    /// Requests never answered in time.
    pub timeouts: u64,
    /// The longest throttling a broker asked for, in microseconds.
    pub throttle_max_us: u64,
    /// The largest p99 of the round trip to a broker in an interval, in microseconds.
    pub rtt_p99_max_us: Option<u64>,
}

impl ClientTotals {
    /// Takes the next interval of all clients.
    pub fn add(&mut self, figures: &ClientFigures) {
        let brokers = || figures.brokers.values();
        // Counts only grow, so the last are the run's.
        self.retries = brokers()
            .map(|broker| broker.retries)
            .sum::<u64>()
            .max(self.retries);
        self.timeouts = brokers()
            .map(|broker| broker.timeouts)
            .sum::<u64>()
            .max(self.timeouts);
        let throttle = brokers().map(|broker| broker.throttle_max_us).max();
        self.throttle_max_us = self.throttle_max_us.max(throttle.unwrap_or(0));
        let rtt = brokers().filter_map(|broker| broker.rtt_p99_max_us).max();
        self.rtt_p99_max_us = self.rtt_p99_max_us.max(rtt);
    }
}

/// How far the numbers can be trusted, and where they all are.
pub(super) fn trust(run: &RunFile, context: &Context<'_>, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |label: &str, text: &str, colour: fn(Paint, &str) -> String| {
        for (i, line) in wrap(text, WIDTH - INDENT).iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            lines.push(format!(
                "{}{}",
                paint.dim(format!("{label:<INDENT$}")),
                colour(paint, line)
            ));
        }
    };
    let plain = |_: Paint, text: &str| text.to_owned();
    let yellow = |paint: Paint, text: &str| paint.yellow(text);
    account(run, &mut say);
    if let Some(errors) = errors(run) {
        say("errors", &errors, yellow);
    }
    say(
        "generator",
        &generator(run),
        if run.generator.healthy { plain } else { yellow },
    );
    if let Some(client) = context.client {
        say("client", &client_line(run, &client), plain);
    }
    match run.target.kind.as_str() {
        "embedded" => say(
            "embedded",
            "the built-in cluster is for learning the tool: these numbers say nothing about Kafka",
            yellow,
        ),
        "null" => say(
            "null",
            "there was no cluster: these numbers are the generator's own",
            yellow,
        ),
        _ => {}
    }
    for note in run
        .reasons
        .iter()
        .filter(|reason| weight(reason) == Weight::Note)
        .take(3)
    {
        say("note", &note.text, yellow);
    }
    if let Some(folder) = context.folder {
        say("files", &folder.display().to_string(), plain);
    }
    lines
}

/// The account of all flows together.
fn account(run: &RunFile, say: &mut impl FnMut(&str, &str, fn(Paint, &str) -> String)) {
    let mut all = Account::default();
    run.flows.values().for_each(|flow| all += flow.account);
    let Account {
        planned,
        sent,
        unsent,
        lost,
        acknowledged,
        failed,
        unresolved,
    } = all;
    let n = units::count;
    let colour: fn(Paint, &str) -> String = match all.check() {
        Ok(()) => |_, text| text.to_owned(),
        Err(_) => |paint, text| paint.red(format!("{text}  DOES NOT CLOSE")),
    };
    let planned = format!(
        "planned {} = sent {} + unsent {} + lost {}",
        n(planned),
        n(sent),
        n(unsent),
        n(lost)
    );
    say("account", &planned, colour);
    let (acknowledged, failed, unresolved) = (n(acknowledged), n(failed), n(unresolved));
    let sent = format!(
        "sent {} = acknowledged {acknowledged} + failed {failed} + unresolved {unresolved}",
        n(sent)
    );
    say("", &sent, colour);
    let refused: u64 = run.flows.values().map(|flow| flow.refused).sum();
    if refused > 0 {
        let text = format!(
            "of the failed, {} were oversized on purpose and refused for their size: no limit counts them",
            n(refused)
        );
        say("", &text, |_, text| text.to_owned());
    }
}

/// The commonest errors of all flows.
fn errors(run: &RunFile) -> Option<String> {
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

fn generator(run: &RunFile) -> String {
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

fn client_line(run: &RunFile, client: &ClientTotals) -> String {
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
