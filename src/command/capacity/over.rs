//! The search over the members of consumer groups: a run for each number tried, all groups at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::capacity::search::demand::{Demand, Next, Trial, first_guess, kept_up, next};
use crate::capacity::search::file::SearchFile;
use crate::clock::wall_now;
use crate::command::exit::Usage;
use crate::command::run::{Performed, perform};
use crate::measure::folder;
use crate::measure::line;
use crate::measure::run::{Verdict, WINDOWS_FILE};
use crate::report::progress::Progress;
use crate::report::term::Paint;
use crate::scenario::Scenario;

/// A run lasts this share of the longest the search may take, but at least [`SHORTEST`].
const SHARE: u32 = 10;
/// The shortest run in which a growing lag is seen.
const SHORTEST: Duration = Duration::from_secs(10);
/// At the start of a run, consumers fetch what gathered while they were placed: this share of it is not judged.
const SETTLE: f64 = 0.3;

impl super::Search<'_> {
    /// Searches the least number of members of each group that carries the scenario's highest instant, `scale` counted. Returns what was
    /// found, and where it was written.
    pub(super) fn members(
        &self,
        scale: f64,
        quiet: bool,
        paint: Paint,
    ) -> Result<(SearchFile, PathBuf)> {
        let per_s = self.held.peak_per_s * scale;
        let lasting = (self.args.max_duration / SHARE).max(SHORTEST);
        let base = self.held.at(per_s, lasting, 0);
        if base.consumers.is_empty() {
            let text =
                "--over consumers: the scenario has no consumer group; add one as [consume.NAME]";
            return Err(Usage(text.to_owned()).into());
        }
        let folder = folder::create(self.args.out.as_deref(), &self.scenario.name, wall_now())?;
        let mut file = self.file();
        file.started = wall_now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        file.demand = demands(&base);
        let deadline = self.args.max_duration;
        let mut spent = Duration::ZERO;
        for number in 1.. {
            let groups = file.demand.iter_mut().zip(&base.consumers);
            let wanted: Vec<u32> = groups
                .map(|(demand, group)| decide(demand, group.work.as_secs_f64()))
                .collect();
            if file.demand.iter().all(is_settled) {
                break;
            }
            if spent + lasting > deadline || self.interrupts.interrupted() {
                break;
            }
            let members: Vec<String> = file
                .demand
                .iter()
                .zip(&wanted)
                .map(|(demand, members)| format!("{} {members}", demand.group))
                .collect();
            eprintln!("trial {number}: members {}", members.join(", "));
            let mut scenario = base.clone();
            for (group, members) in scenario.consumers.iter_mut().zip(&wanted) {
                group.members = *members;
            }
            let name = format!("trial-{number}");
            let progress = Progress::stderr(quiet, paint);
            let mut order = self.order(scenario)?;
            // Every run makes its topics anew: nothing of the last one is left to read.
            order.delete_topics = true;
            order.page = true;
            order.tell = number == 1;
            let done = perform(
                &order,
                Some(&folder.join(&name)),
                progress,
                &self.interrupts,
            )?;
            file.target = done.file.target.clone();
            for ((demand, members), group) in
                file.demand.iter_mut().zip(&wanted).zip(&base.consumers)
            {
                if !is_settled(demand) {
                    judge(demand, *members, group.work.as_secs_f64(), &name, &done)?;
                }
            }
            spent += lasting;
            file.elapsed_s = spent.as_secs_f64();
            save(&file, &folder);
        }
        for demand in &mut file.demand {
            if !is_settled(demand) {
                demand.reason =
                    Some("the time was over; allow more with --max-duration".to_owned());
            }
        }
        save(&file, &folder);
        Ok((file, folder))
    }
}

fn save(file: &SearchFile, folder: &Path) {
    if let Err(error) = file.write(folder) {
        eprintln!(
            "warning: can't write the result into {}: {error}",
            folder.display()
        );
    }
}

/// Every group with the load on its topics.
fn demands(scenario: &Scenario) -> Vec<Demand> {
    let run_s = scenario.time.run_ns() as f64 / 1e9;
    let schedules: Vec<crate::schedule::FlowSchedule> = (0..scenario.flows.len())
        .map(|flow| crate::schedule::FlowSchedule::compile(scenario, flow))
        .collect();
    let on_topic = |topic: usize| -> f64 {
        let events = scenario.events.iter().enumerate();
        let events = events.filter(|(_, event)| event.topic == topic);
        events
            .flat_map(|(event, _)| schedules.iter().map(move |s| s.event_curve(event).total()))
            .sum::<f64>()
            / run_s
    };
    scenario
        .consumers
        .iter()
        .map(|group| Demand {
            group: group.name.clone(),
            records_per_s: group.topics.iter().map(|topic| on_topic(*topic)).sum(),
            partitions: group
                .topics
                .iter()
                .map(|t| scenario.topics[*t].partitions)
                .max()
                .unwrap_or(1),
            ..Demand::default()
        })
        .collect()
}

/// How many members are tried next; where it is settled, what was found.
fn decide(demand: &mut Demand, work_s: f64) -> u32 {
    if !is_settled(demand) {
        let guess = first_guess(demand.records_per_s, work_s);
        match next(&demand.trials, guess, demand.partitions) {
            Next::Try(members) => return members,
            Next::Found(members) => demand.members = Some(members),
            Next::TooMuch(members) => {
                demand.reason = Some(format!(
                    "not even {members} members, one for each partition, carry it: give the topics more partitions, or the members less work"
                ));
            }
        }
    }
    demand.members.unwrap_or(demand.partitions)
}

/// Files what a run with so many members says of a group.
fn judge(
    demand: &mut Demand,
    members: u32,
    work_s: f64,
    folder: &str,
    done: &Performed,
) -> Result<()> {
    let mut reason = missed(&demand.group, done);
    let lag = lag(&demand.group, done)?;
    let kept_up = kept_up(&lag, demand.records_per_s);
    if !kept_up {
        reason = "the lag grew without end".to_owned();
    }
    let carried = reason.is_empty();
    let busy = demand.records_per_s * work_s > f64::from(members);
    // Members who have more work than time need no other explanation.
    let valid = carried || busy || done.file.verdict != Verdict::Invalid;
    // Once more: a machine may have been busy with something else for a moment.
    if !valid && demand.trials.last().is_some_and(|last| !last.valid) {
        let why = done.file.reasons.first().map_or("", |reason| &reason.text);
        demand.reason = Some(format!(
            "the run with {members} members proves nothing: {why}"
        ));
    }
    demand.trials.push(Trial {
        members,
        carried,
        valid,
        reason,
        folder: folder.to_owned(),
    });
    Ok(())
}

/// The limits of a group that were missed; empty: none.
fn missed(group: &str, done: &Performed) -> String {
    let slos = done.file.slos.iter();
    let missed = slos.filter(|slo| !slo.held && slo.consume.as_deref() == Some(group));
    let names: Vec<&str> = missed.map(|slo| slo.metric.as_str()).collect();
    names.join(", ")
}

/// The lag of a group over the last part of the load: (seconds, records).
fn lag(group: &str, done: &Performed) -> Result<Vec<(f64, u64)>> {
    let (from_us, to_us) = (
        (done.file.elapsed_us as f64 * SETTLE) as u64,
        done.file.elapsed_us,
    );
    let mut readings = Vec::new();
    for line in line::read(&done.folder.join(WINDOWS_FILE))? {
        let line = line?;
        let lag = line.consume.get(group).and_then(|group| group.lag_records);
        if let Some(lag) = lag.filter(|_| (from_us..to_us).contains(&line.at_us)) {
            readings.push((line.at_us as f64 / 1e6, lag));
        }
    }
    Ok(readings)
}

fn is_settled(demand: &Demand) -> bool {
    demand.members.is_some() || demand.reason.is_some()
}
