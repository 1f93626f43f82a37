//! One run, from ready clients to counted totals.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Phase;
use super::action::{Actions, Means, Pauses};
use super::consumer::{Assignments, ConsumerLoop, ConsumerParts, MemberLost};
use super::control::Control;
use super::ladder::Ladder;
use super::producer::{ProducerLoop, ProducerNews, ProducerParts, ProducerReport};
use super::source::Source;
use super::threads::{self, Rank};
use super::watch::Watch;
use super::watched::WatchedGroups;
use crate::clock::{Clock, Monotonic, NS_PER_S, wall_now};
use crate::measure::action::{ActionResult, WatchedResult};
use crate::measure::client_stats::ClientFigures;
use crate::measure::collect::{CollectError, Collected, Collector, Report, Watcher};
use crate::measure::consumer_recorder::ConsumerRecorder;
use crate::measure::health::Judge;
use crate::measure::ledger::{GroupCounts, Ledger, LedgerSpec, LogBounds};
use crate::measure::live::Live;
use crate::measure::recorder::Recorder;
use crate::measure::shape::RunShape;
use crate::scenario::{Scenario, StampPlace};
use crate::schedule::FlowSchedule;
use crate::target::{Target, TargetError};
use crate::traffic::{Renderer, Traffic};

/// Time from ready clients to the first bin: every thread is waiting at the gate by then.
const LEAD_NS: u64 = 100_000_000;
/// How long the members of all groups may take to get their partitions.
const ASSIGNMENT_NS: u64 = 60 * NS_PER_S;

/// What a run is made of.
pub struct Job {
    /// The checked scenario.
    pub scenario: Arc<Scenario>,
    /// Its compiled events.
    pub traffic: Arc<Traffic>,
    /// Its schedules, one for each flow.
    pub schedules: Vec<Arc<FlowSchedule>>,
    /// What marks the records of this run.
    pub run_tag: u64,
    /// Where the load goes.
    pub target: Arc<dyn Target>,
    /// Whether the target has logs to read: without, consumer groups are left out.
    pub readable: bool,
    /// The run's switch.
    pub control: Control,
    /// The run folder; it exists.
    pub folder: PathBuf,
    /// What commands of the scenario find in their environment.
    pub environment: Vec<(String, String)>,
    /// Judges the generator.
    pub judge: Judge,
    /// Whether the threads that send and read may go before those of other programs.
    pub realtime: bool,
    /// Sees each second as it completes.
    pub watcher: Option<Watcher>,
    /// Where schedules come from that take over from these while the run goes on.
    pub ladder: Option<Ladder>,
}

/// Sees the run as it goes.
pub trait Observer {
    /// A few times a second. `now_ns` is run time; zero before the load.
    fn look(&mut self, phase: Phase, now_ns: u64, live: &Live);
}

/// What a run leaves behind.
pub struct Ran {
    /// Totals of flows and groups, the generator's health.
    pub collected: Collected,
    /// By group, what it saw of the acknowledged events.
    pub groups: Vec<GroupCounts>,
    /// When the load began.
    pub started: jiff::Timestamp,
    /// How long the load lasted, in nanoseconds.
    pub load_ns: u64,
    /// Why the load ended before its time.
    pub stopped: Option<Stopped>,
    /// Backlog over the load: (seconds since its start, events).
    pub backlog: Vec<(f64, u64)>,
    /// The last figures of the clients, all together.
    pub client: Option<ClientFigures>,
    /// The clients' last errors, by flow; what to show when nothing was ever acknowledged.
    pub last_errors: Vec<(usize, String)>,
    /// What was done while the load ran, in the order of the scenario.
    pub actions: Vec<ActionResult>,
    /// The user's own groups that were watched, by name.
    pub watched: BTreeMap<String, WatchedResult>,
    /// Parts of the run that are missing, a clause each.
    pub incomplete: Vec<String>,
    /// Whether the threads that send and read were scheduled in real time.
    pub realtime: bool,
}

/// Why a load ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The user interrupted it.
    Interrupted,
    /// `[abort]` did, and why.
    Aborted(String),
    /// It could not be recorded any more; [`Collected::error`] says why.
    Unrecorded,
    /// An action of this name failed whose failure matters; [`Ran::actions`] says how.
    ActionFailed(String),
}

/// A run that could not take place.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The target could not be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The run could not be recorded.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// A thread could not be started.
    #[error("starting a thread: {0}; see the limit of processes (ulimit -u)")]
    Thread(#[from] io::Error),
    /// Interrupted before the load began.
    #[error("interrupted before the load began: nothing was sent")]
    Interrupted,
}

/// Runs the job. Blocks until everything is counted.
///
/// # Errors
/// Nothing was sent then.
pub fn run(mut job: Job, observer: &mut dyn Observer) -> Result<Ran, RunError> {
    let watcher = job.watcher.take();
    let mut stage = Stage::new(&job, watcher)?;
    let outcome = stage.get_ready(&job, observer);
    if let Err(error) = outcome {
        job.control.cancel();
        stage.dismiss();
        return Err(error);
    }
    let started = wall_now();
    let start = Monotonic.now().plus_ns(LEAD_NS);
    job.control.open(start);
    let mut watch = Watch::new(&job, start);
    watch.until_producers_are_done(&job, &mut stage, observer);
    watch.until_actions_are_over(&mut stage, observer);
    watch.until_groups_caught_up(&job, &mut stage, observer);
    job.control.end_reading();
    Ok(stage.finish(&job, watch, started))
}

/// The threads of a run and what they share.
pub(super) struct Stage {
    pub(super) shape: Arc<RunShape>,
    pub(super) live: Arc<Live>,
    pub(super) ledger: Option<Arc<Ledger>>,
    assignments: Assignments,
    pauses: Pauses,
    pub(super) actions: Actions,
    pub(super) watched: WatchedGroups,
    pub(super) producers: Vec<JoinHandle<Option<ProducerReport>>>,
    members: Vec<JoinHandle<()>>,
    collector: JoinHandle<Collected>,
    pub(super) collector_failed: Arc<AtomicBool>,
    pub(super) reports: Sender<Report>,
    pub(super) producer_news: (Sender<ProducerNews>, Receiver<ProducerNews>),
    pub(super) member_news: (Sender<MemberLost>, Receiver<MemberLost>),
    realtime: bool,
}

impl Stage {
    fn new(job: &Job, watcher: Option<Watcher>) -> Result<Stage, RunError> {
        let scenario = &job.scenario;
        let shape = Arc::new(RunShape::of(scenario));
        let groups = if job.readable {
            scenario.consumers.as_slice()
        } else {
            &[]
        };
        let members: Vec<u32> = groups.iter().map(|group| group.members).collect();
        let ledger = (!groups.is_empty()).then(|| {
            Arc::new(Ledger::new(LedgerSpec {
                shards: scenario.shards,
                producers: scenario.flows.iter().map(|flow| flow.producers).collect(),
                partitions: scenario.topics.iter().map(|t| t.partitions).collect(),
                groups: groups
                    .iter()
                    .map(|group| group.topics.iter().map(|topic| *topic as u16).collect())
                    .collect(),
            }))
        });
        let producers: u32 = scenario.flows.iter().map(|flow| flow.producers).sum();
        let mut collector = Collector::new(
            Arc::clone(&shape),
            &job.folder,
            producers as usize,
            members.iter().sum::<u32>() as usize,
            job.judge.clone(),
        )?;
        if let Some(watcher) = watcher {
            collector.watch(watcher);
        }
        let collector_failed = collector.failed();
        let (reports, inbox) = channel();
        let collector = threads::spawn("hw-collect".to_owned(), move || {
            inbox.iter().for_each(|report| collector.receive(report));
            collector.finish()
        })?;
        let pauses = Pauses::new(groups.len());
        Ok(Stage {
            live: Arc::new(Live::new(&shape)),
            shape,
            ledger: ledger.clone(),
            assignments: Assignments::new(&members),
            actions: Actions::start(Means {
                scenario: Arc::clone(scenario),
                control: job.control.clone(),
                ledger,
                pauses: pauses.clone(),
                folder: job.folder.clone(),
                environment: job.environment.clone(),
                reports: reports.clone(),
            })?,
            watched: WatchedGroups::start(
                &scenario.watched,
                Arc::clone(&job.target),
                job.control.clone(),
            )?,
            pauses,
            producers: Vec::new(),
            members: Vec::new(),
            collector,
            collector_failed,
            reports,
            producer_news: channel(),
            member_news: channel(),
            // As fast as possible in real time would leave nothing to anybody else on this machine.
            realtime: job.realtime
                && scenario.flows.iter().all(|flow| flow.arrivals.has_due())
                && threads::may_be_in_real_time(),
        })
    }

    /// Makes all clients and waits until every member holds its partitions.
    fn get_ready(&mut self, job: &Job, observer: &mut dyn Observer) -> Result<(), RunError> {
        if let Some(ledger) = self.ledger.clone() {
            self.start_members(job, &ledger)?;
        }
        self.start_producers(job)?;
        let wanted: Vec<Vec<(u16, u32)>> = match &self.ledger {
            Some(ledger) => (0..job.scenario.consumers.len())
                .map(|group| {
                    let held = ledger.positions(group);
                    held.iter()
                        .map(|(topic, part, _)| (*topic, *part))
                        .collect()
                })
                .collect(),
            None => Vec::new(),
        };
        let deadline = Monotonic.now().plus_ns(ASSIGNMENT_NS);
        loop {
            let lacking = self.assignments.lacking(&wanted);
            if job.control.interrupted().is_some() {
                return Err(RunError::Interrupted);
            }
            if let Ok(lost) = self.member_news.1.try_recv() {
                let group = &job.scenario.consumers[lost.group].name;
                let text = format!("consumer group {group} can't read: {}", lost.reason);
                return Err(TargetError::Unusable(text).into());
            }
            let Some(first) = lacking.first() else {
                return Ok(());
            };
            if Monotonic.now() > deadline {
                let group = &job.scenario.consumers[*first].name;
                return Err(TargetError::Unusable(format!(
                    "consumer group {group}: not every member had its partitions after {} s; \
                     see whether the group coordinator is up and the user may read with this group",
                    ASSIGNMENT_NS / NS_PER_S
                ))
                .into());
            }
            let (ready, of) = self.assignments.ready();
            observer.look(Phase::GettingReady { ready, of }, 0, &self.live);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn start_members(&mut self, job: &Job, ledger: &Arc<Ledger>) -> Result<(), RunError> {
        let logs = job.target.logs()?;
        for group in 0..job.scenario.consumers.len() {
            for log in &logs {
                ledger.set_start(group, log.topic, log.partition, log.end);
            }
        }
        let flows = job.scenario.flows.iter();
        let timed: Arc<[bool]> = flows.map(|flow| flow.arrivals.has_due()).collect();
        let mut number = 0;
        for (group, consume) in job.scenario.consumers.iter().enumerate() {
            for member in 0..consume.members {
                let position = {
                    let ledger = Arc::clone(ledger);
                    Arc::new(move |topic, partition| ledger.position(group, topic, partition))
                };
                let parts = ConsumerParts {
                    group,
                    member,
                    client: job.target.consumer(group, member, position)?,
                    ledger: ledger.consumer(group),
                    recorder: ConsumerRecorder::new(&self.shape, group, number),
                    live: self.live.member(group),
                    timed: Arc::clone(&timed),
                    run_tag: job.run_tag,
                    work_ns: consume.work.as_nanos() as u64,
                    assignments: self.assignments.clone(),
                    pauses: self.pauses.clone(),
                    reports: self.reports.clone(),
                    news: self.member_news.0.clone(),
                };
                number += 1;
                let member = ConsumerLoop::new(Monotonic, job.control.clone(), parts);
                let name = format!("hw-c-{group}-{}", number - 1);
                let thread = self.start_thread(Rank::Reads, name, move || member.run())?;
                self.members.push(thread);
            }
        }
        Ok(())
    }

    fn start_producers(&mut self, job: &Job) -> Result<(), RunError> {
        let scenario = &job.scenario;
        let (run_ns, settle_ns) = (
            scenario.time.run_ns(),
            scenario.time.settle.as_nanos() as u64,
        );
        for (flow, of) in scenario.flows.iter().enumerate() {
            for index in 0..of.producers {
                let mut source = Source::new(scenario, flow, index, &job.schedules[flow]);
                let ladder = job.ladder.as_ref();
                if let Some(inbox) = ladder.and_then(|ladder| ladder.inbox(flow, index)) {
                    source.heed(inbox);
                }
                let parts = ProducerParts {
                    flow,
                    index,
                    client: job.target.producer(flow, index)?,
                    source,
                    renderer: Renderer::new(Arc::clone(&job.traffic)),
                    recorder: Recorder::new(Arc::clone(&self.shape), flow),
                    live: self.live.producer(flow),
                    ledger: self
                        .ledger
                        .as_ref()
                        .map(|ledger| ledger.producer(flow as u16, index as u16)),
                    partitions: scenario.topics.iter().map(|t| t.partitions).collect(),
                    stamped: scenario
                        .events
                        .iter()
                        .map(|event| event.stamp != StampPlace::None)
                        .collect(),
                    oversized: oversized(scenario, flow),
                    reports: self.reports.clone(),
                    news: self.producer_news.0.clone(),
                };
                let control = job.control.clone();
                let work = move || {
                    let start = control.wait_for_start()?;
                    let producer = ProducerLoop::new(Monotonic, control, start, parts);
                    Some(producer.run(run_ns, settle_ns))
                };
                let thread = self.start_thread(Rank::Sends, producer_thread(flow, index), work)?;
                self.producers.push(thread);
            }
        }
        Ok(())
    }

    fn start_thread<T: Send + 'static>(
        &self,
        rank: Rank,
        name: String,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        match self.realtime {
            true => threads::spawn_in_real_time(rank, name, work),
            false => threads::spawn(name, work),
        }
    }

    /// Waits for the threads of a run that does not take place.
    fn dismiss(self) {
        for member in self.members {
            let _ = member.join();
        }
        for producer in self.producers {
            let _ = producer.join();
        }
        self.actions.finish();
        self.watched.finish();
        drop(self.reports);
        let _ = self.collector.join();
    }

    fn finish(self, job: &Job, watch: Watch, started: jiff::Timestamp) -> Ran {
        let mut incomplete = watch.incomplete;
        for member in self.members {
            if member.join().is_err() {
                incomplete.push("a consumer thread crashed".to_owned());
            }
        }
        let mut last_errors = Vec::new();
        for producer in self.producers {
            match producer.join() {
                Ok(Some(report)) => {
                    last_errors.extend(report.last_error.map(|error| (report.flow, error)));
                }
                Ok(None) => {}
                Err(_) => incomplete.push("a producer thread crashed".to_owned()),
            }
        }
        let groups = self.ledger.as_ref().map_or_else(Vec::new, |ledger| {
            count_groups(job, ledger, &mut incomplete)
        });
        let actions = self.actions.finish().unwrap_or_else(|| {
            incomplete.push("the thread of the actions crashed".to_owned());
            Vec::new()
        });
        let watched = self.watched.finish();
        drop(self.reports);
        let collected = self
            .collector
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let planned_ns = job.scenario.time.run_ns();
        Ran {
            collected,
            groups,
            started,
            load_ns: job
                .control
                .stopped_ns()
                .unwrap_or(planned_ns)
                .min(planned_ns),
            stopped: watch.stopped,
            backlog: watch.backlog,
            client: watch.client,
            last_errors,
            actions,
            watched,
            incomplete,
            realtime: self.realtime,
        }
    }
}

/// By event, how large the values are that a flow makes oversized on purpose, at least.
pub(super) fn oversized(scenario: &Scenario, flow: usize) -> Vec<Option<usize>> {
    let of_flow = scenario.flows[flow].defects.oversized;
    let sizes = scenario.events.iter().map(|event| {
        let both = [of_flow, event.defects.oversized].into_iter().flatten();
        both.map(|oversized| oversized.size).min()
    });
    sizes.collect()
}

/// The name of a producer thread; the health judge exempts threads by it.
pub fn producer_thread(flow: usize, index: u32) -> String {
    format!("hw-p-{flow}-{index}")
}

/// What each group saw, held against where the logs begin and end now.
fn count_groups(job: &Job, ledger: &Ledger, incomplete: &mut Vec<String>) -> Vec<GroupCounts> {
    let bounds: Vec<LogBounds> = match job.target.logs() {
        Ok(logs) => logs
            .iter()
            .map(|log| LogBounds {
                topic: log.topic,
                partition: log.partition,
                start: log.start,
                end: Some(log.end),
            })
            .collect(),
        Err(error) => {
            incomplete.push(format!("where the logs end could not be asked: {error}"));
            Vec::new()
        }
    };
    (0..job.scenario.consumers.len())
        .map(|group| ledger.account(group, &bounds))
        .collect()
}
