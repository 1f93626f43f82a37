//! What the run's own thread sees while the others work: the load, `[abort]`, each second as it ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Phase;
use super::abort::{AbortWatch, Reading};
use super::control::SETTLE_AFTER_STOP_NS;
use super::producer::ProducerNews;
use super::run::{Job, Observer, Stage, Stopped};
use crate::clock::{Clock, Monotonic, NS_PER_S, Tick};
use crate::measure::client_stats::ClientFigures;
use crate::measure::collect::Report;
use crate::measure::lag::LagClock;
use crate::measure::ledger::Faults;
use crate::measure::live::{GroupLag, LiveFigures};
use crate::measure::sampler::Sampler;
use crate::measure::second::SecondSample;

/// Time between looks at the run.
const LOOK: Duration = Duration::from_millis(200);

/// What the run's own thread sees while the others work.
pub(super) struct Watch {
    start: Tick,
    sampler: Sampler,
    abort: AbortWatch,
    /// The last statistics of each client.
    clients: BTreeMap<(usize, u32), ClientFigures>,
    pub(super) client: Option<ClientFigures>,
    next_second: u32,
    /// By group, the ends of its logs.
    lag_clocks: Vec<LagClock<(u16, u32)>>,
    /// By group, what was found at the last look, and of it what has been told.
    found: Vec<[Faults; 2]>,
    /// Failed and ended events at earlier looks, for the share of errors in the last seconds.
    ended: VecDeque<(u64, u64)>,
    pub(super) backlog: Vec<(f64, u64)>,
    pub(super) stopped: Option<Stopped>,
    pub(super) incomplete: Vec<String>,
}

impl Watch {
    pub(super) fn new(job: &Job, start: Tick) -> Watch {
        let groups = job.scenario.consumers.len();
        Watch {
            start,
            sampler: Sampler::new(Monotonic.now()),
            abort: AbortWatch::new(job.scenario.abort),
            clients: BTreeMap::new(),
            client: None,
            next_second: 0,
            lag_clocks: vec![LagClock::default(); groups],
            found: vec![[Faults::default(); 2]; groups],
            ended: VecDeque::new(),
            backlog: Vec::new(),
            stopped: None,
            incomplete: Vec::new(),
        }
    }

    pub(super) fn until_producers_are_done(
        &mut self,
        job: &Job,
        stage: &mut Stage,
        observer: &mut dyn Observer,
    ) {
        let run_ns = job.scenario.time.run_ns();
        while stage.producers.iter().any(|thread| !thread.is_finished()) {
            let now_ns = self.look(stage);
            let over = now_ns >= run_ns || job.control.stopped_ns().is_some();
            let phase = if over { Phase::Settling } else { Phase::Load };
            observer.look(phase, now_ns, &stage.live);
            if !over {
                self.watch_load(job, stage, now_ns);
            }
            std::thread::sleep(LOOK);
        }
        self.look(stage);
        self.heed_interrupt(job);
    }

    /// Waits for commands that still run: they have until the end of settling.
    pub(super) fn until_actions_are_over(
        &mut self,
        stage: &mut Stage,
        observer: &mut dyn Observer,
    ) {
        while !stage.actions.are_over() {
            let now_ns = self.look(stage);
            observer.look(Phase::Settling, now_ns, &stage.live);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Notes an interrupt, unless the load was stopped for another reason before.
    fn heed_interrupt(&mut self, job: &Job) {
        if job.control.interrupted().is_some() && self.stopped.is_none() {
            self.stopped = Some(Stopped::Interrupted);
        }
    }

    /// Backlog, `[abort]`, a run folder that can't be written.
    fn watch_load(&mut self, job: &Job, stage: &Stage, now_ns: u64) {
        let figures = stage.live.figures(now_ns, None);
        self.backlog
            .push((now_ns as f64 / NS_PER_S as f64, figures.backlog()));
        let reading = Reading {
            response_ns: self
                .abort
                .quantile()
                .and_then(|q| stage.live.quantile_us(now_ns, None, q))
                .map(|us| us * 1_000),
            oldest_ns: figures.oldest_wait_ns,
            errors: self.error_share(&figures),
            backlog: figures.backlog(),
        };
        if let Some(reason) = self.abort.feed(now_ns, &reading) {
            self.stopped = Some(Stopped::Aborted(reason));
            job.control.stop_at(now_ns);
        }
        if stage.collector_failed.load(Ordering::Relaxed) && self.stopped.is_none() {
            self.stopped = Some(Stopped::Unrecorded);
            job.control.stop_at(now_ns);
        }
        if let Some(name) = stage.actions.stopped()
            && self.stopped.is_none()
        {
            self.stopped = Some(Stopped::ActionFailed(name.to_owned()));
        }
        self.heed_interrupt(job);
    }

    /// The share of failed events among those that ended in the last five seconds.
    fn error_share(&mut self, figures: &LiveFigures) -> Option<f64> {
        let looks = (Duration::from_secs(5).as_millis() / LOOK.as_millis()) as usize;
        let failed = figures.account.failed - figures.refused.min(figures.account.failed);
        let now = (failed, failed + figures.account.acknowledged);
        self.ended.push_back(now);
        if self.ended.len() > looks {
            self.ended.pop_front();
        }
        let then = *self.ended.front()?;
        (now.1 > then.1).then(|| (now.0 - then.0) as f64 / (now.1 - then.1) as f64)
    }

    pub(super) fn until_groups_caught_up(
        &mut self,
        job: &Job,
        stage: &mut Stage,
        observer: &mut dyn Observer,
    ) {
        let Some(ledger) = stage.ledger.clone() else {
            return;
        };
        let limit_ns = job.scenario.time.catch_up.as_nanos() as u64;
        let end = Monotonic.now().plus_ns(limit_ns);
        // Who interrupts does not want to wait: settling and reading on have ten seconds together.
        let deadline = || match job.control.interrupted() {
            Some(at) => end.min(at.plus_ns(SETTLE_AFTER_STOP_NS)),
            None => end,
        };
        let groups = 0..job.scenario.consumers.len();
        while groups.clone().any(|group| !ledger.caught_up(group)) && Monotonic.now() < deadline() {
            let now_ns = self.look(stage);
            let unread = groups.clone().map(|group| ledger.lag(group)).sum();
            observer.look(Phase::CatchingUp { unread }, now_ns, &stage.live);
            std::thread::sleep(Duration::from_millis(20));
        }
        self.heed_interrupt(job);
    }

    /// Takes in what the threads told, and samples each second as it ends. Returns the run time.
    fn look(&mut self, stage: &mut Stage) -> u64 {
        while let Ok(news) = stage.producer_news.1.try_recv() {
            match news {
                ProducerNews::Statistics {
                    flow,
                    producer,
                    json,
                } => match ClientFigures::parse(&json) {
                    Ok(figures) => {
                        self.clients.insert((flow, producer), figures);
                    }
                    Err(error) => tracing::debug!("the client's statistics: {error}"),
                },
                ProducerNews::Fatal { flow, reason } => {
                    let flow = &stage.shape.flows[flow].name;
                    let text = format!("the client of flow {flow} can't go on: {reason}");
                    self.incomplete.push(text);
                }
            }
        }
        while let Ok(lost) = stage.member_news.1.try_recv() {
            let group = &stage.shape.groups[lost.group];
            let text = format!("a member of group {group} can't read on: {}", lost.reason);
            self.incomplete.push(text);
        }
        let now = Monotonic.now();
        let now_ns = now.since(self.start);
        let second = (now_ns / NS_PER_S) as u32;
        if second > self.next_second {
            self.sample(stage, second - 1, now);
            self.next_second = second;
        }
        now_ns
    }

    fn sample(&mut self, stage: &mut Stage, second: u32, now: Tick) {
        self.client = self.clients.values().cloned().reduce(|mut all, one| {
            all.merge(&one);
            all
        });
        let used = self.sampler.sample(now);
        let sample = SecondSample {
            second,
            used,
            client: self.client.clone(),
            lag: self.lags(stage, now),
            found: self.newly_found(stage),
            watched: stage.watched.sample(second),
        };
        // Nobody listens any more only when the collector crashed, which joining it tells.
        let _ = stage.reports.send(Report::Second(Box::new(sample)));
    }

    /// How far the groups are behind, by what is known to be in the logs: what their fetches saw, and what was acknowledged to us. A group
    /// that is paused or busy fetches nothing, and would look as if it were not.
    fn lags(&mut self, stage: &Stage, now: Tick) -> Vec<GroupLag> {
        let now_ns = now.since(self.start);
        let clocks = self.lag_clocks.iter_mut().enumerate();
        let lag = |(group, clock): (usize, &mut LagClock<(u16, u32)>)| {
            let mut lag = stage.live.lag(group);
            if let Some(ledger) = &stage.ledger {
                let stands = ledger.stands(group).into_iter();
                let behind = clock.look(now_ns, stands.map(|(t, p, at, end)| ((t, p), at, end)));
                lag.lag_records = lag.lag_records.max(behind.records);
                lag.lag_ns = behind.ns;
            }
            lag
        };
        clocks.take(stage.shape.groups.len()).map(lag).collect()
    }

    /// By group, what was found since the last look. A gap counts when it has lasted a second: by then it is known whether the log has
    /// dropped what was in it, or another member has read it.
    fn newly_found(&mut self, stage: &Stage) -> Vec<Faults> {
        let Some(ledger) = &stage.ledger else {
            return Vec::new();
        };
        let before = self.found.iter_mut().enumerate();
        let new = |(group, [last, told]): (usize, &mut [Faults; 2])| {
            let now = ledger.found(group);
            let lasting = Faults {
                missing: now.missing.min(last.missing).max(told.missing),
                ..now
            };
            let new = Faults {
                duplicated: lasting.duplicated - told.duplicated,
                reordered: lasting.reordered - told.reordered,
                missing: lasting.missing - told.missing,
            };
            (*last, *told) = (now, lasting);
            new
        };
        before.take(stage.shape.groups.len()).map(new).collect()
    }
}
