//! A run that never got to write its `run.json`: what its windows say, as a run file whose verdict is invalid. Pure.
//!
//! So every form tells an unfinished run as it tells any other. Its times have the windows' 2 digits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::measure::account::Account;
use crate::measure::histogram::TotalHistogram;
use crate::measure::histogram::WindowHistogram;
use crate::measure::line::{FlowLine, WindowLine};
use crate::measure::machine::Machine;
use crate::measure::run::{
    FORMAT, FlowResult, Generator, Plan, Reason, RunFile, Target, Tool, Verdict,
};
use crate::measure::shape::Model;
use crate::measure::summary::Summary;

use super::data::RunData;

/// The run's file, or what stands for it.
pub fn judged(data: &RunData) -> Cow<'_, RunFile> {
    match &data.run {
        Some(run) => Cow::Borrowed(run),
        None => Cow::Owned(from_windows(data)),
    }
}

fn from_windows(data: &RunData) -> RunFile {
    let mut flows: BTreeMap<&str, Sums> = BTreeMap::new();
    for WindowLine { flows: line, .. } in &data.windows {
        for (name, flow) in line {
            flows.entry(name).or_default().add(flow);
        }
    }
    let elapsed_s = data.elapsed_s();
    let text = match &data.note {
        Some(note) => note.clone(),
        None => "the run ended before it could be judged".to_owned(),
    };
    RunFile {
        format: FORMAT,
        tool: Tool::default(),
        id: data.name(),
        started: String::new(),
        elapsed_us: (elapsed_s * 1e6) as u64,
        plan: Plan::default(),
        machine: Machine::default(),
        target: Target::default(),
        verdict: Verdict::Invalid,
        reasons: vec![Reason {
            kind: "incomplete".to_owned(),
            text,
        }],
        slos: Vec::new(),
        flows: flows
            .into_iter()
            .map(|(name, sums)| (name.to_owned(), sums.result(elapsed_s)))
            .collect(),
        events: BTreeMap::new(),
        consume: BTreeMap::new(),
        partitions: BTreeMap::new(),
        actions: Vec::new(),
        watched: BTreeMap::new(),
        generator: Generator::default(),
    }
}

/// A flow's windows together.
#[derive(Default)]
struct Sums {
    account: Account,
    refused: u64,
    acknowledged_during: u64,
    bytes: u64,
    key_bytes: u64,
    response: Option<TotalHistogram>,
    service: TotalHistogram,
    send_delay: Option<TotalHistogram>,
}

impl Sums {
    fn add(&mut self, line: &FlowLine) {
        self.account += Account {
            planned: line.planned,
            sent: line.sent,
            unsent: line.unsent,
            lost: line.lost,
            acknowledged: line.acknowledged,
            failed: line.failed,
            unresolved: line.unresolved,
        };
        self.refused += line.refused;
        self.acknowledged_during += line.during.acknowledged;
        self.bytes += line.during.bytes;
        self.key_bytes += line.during.key_bytes;
        if let Some(times) = &line.response {
            pour(times, self.response.get_or_insert_default());
        }
        pour(&line.service, &mut self.service);
        if let Some(times) = &line.send_delay {
            pour(times, self.send_delay.get_or_insert_default());
        }
    }

    fn result(self, elapsed_s: f64) -> FlowResult {
        let account = self.account;
        let (planned, sent) = (account.planned, account.sent);
        // Events refused on purpose lie nowhere.
        let answered = account.acknowledged + self.refused;
        let per_s = |n: u64| n as f64 / elapsed_s.max(1e-6);
        let summary = |times, of: u64, all: u64| Summary::new(times, all.saturating_sub(of));
        FlowResult {
            // The windows only tell whether there was something to be due.
            model: Model::default(),
            account,
            refused: self.refused,
            offered_per_s: per_s(planned),
            achieved_per_s: per_s(self.acknowledged_during),
            bytes: self.bytes,
            key_bytes: self.key_bytes,
            response: self.response.map(|t| summary(t, answered, planned)),
            service: summary(self.service, answered, sent),
            send_delay: self.send_delay.map(|t| summary(t, sent, planned)),
            warm: None,
            errors: BTreeMap::new(),
        }
    }
}

/// Adds a window's times to a finer histogram, each at the upper end of its bucket, as quantiles are given.
fn pour(times: &WindowHistogram, into: &mut TotalHistogram) {
    for (_, high, count) in times.recorded() {
        into.record_many(high, count);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn the_windows_totals_are_the_runs() {
        let data = fixtures::unfinished();
        let run = judged(&data);
        assert_eq!(run.verdict, Verdict::Invalid);
        assert!(run.reasons[0].text.contains("run.json is missing"));
        let planned: u64 = data
            .windows
            .iter()
            .map(|w| w.flows["shoppers"].planned)
            .sum();
        let flow = &run.flows["shoppers"];
        assert_eq!(flow.account.planned, planned);
        assert_eq!(account_of(flow), Ok(()));
        let response = flow.response.as_ref().expect("shoppers are due");
        assert_eq!(response.count, flow.account.acknowledged);
        let mut merged = crate::measure::histogram::MergedHistogram::new();
        for window in &data.windows {
            let times = window.flows["shoppers"].response.as_ref();
            merged.merge(times.expect("shoppers are due"));
        }
        // Within a bucket of the finer kind.
        let (coarse, fine) = (merged.quantile_us(0.5, 0), response.p50_us);
        let (coarse, fine) = (coarse.expect("times"), fine.expect("times"));
        assert!(fine >= coarse && fine <= coarse + coarse / 1_000 + 1);
    }

    fn account_of(flow: &FlowResult) -> Result<(), crate::measure::account::Broken> {
        flow.account.check()
    }
}
