//! A run in virtual time on one thread: a producer loop to its end, then a member's loop, on a simulated cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::clock::{Clock, NS_PER_S, Tick, Virtual};
use crate::drive::action::Pauses;
use crate::drive::consumer::{Assignments, ConsumerLoop, ConsumerParts};
use crate::drive::control::Control;
use crate::drive::ladder::Ladder;
use crate::drive::producer::{ProducerLoop, ProducerParts};
use crate::drive::run::oversized;
use crate::drive::source::Source;
use crate::measure::account::Account;
use crate::measure::collect::Report;
use crate::measure::consumer_recorder::ConsumerRecorder;
use crate::measure::ledger::{GroupCounts, Ledger, LedgerSpec, LogBounds};
use crate::measure::live::Live;
use crate::measure::recorder::Recorder;
use crate::measure::second::FailureNames;
use crate::measure::shape::RunShape;
use crate::measure::totals::{FlowTotals, GroupTotals, Phase};
use crate::measure::window::{DueWindow, DuringWindow, Filed};
use crate::scenario::{self, Overrides, Scenario, StampPlace};
use crate::schedule::{FlowSchedule, Identity};
use crate::target::sim::{Record, Service, Sim, SimProducer, SimSpec};
use crate::target::{Ack, Failure, Outgoing, Producer};
use crate::traffic::stamp::{self, Checked};
use crate::traffic::{self, Renderer, Traffic};

pub const RUN_TAG: u64 = 0x5EED_0FF5;
pub const MS: u64 = 1_000_000;
/// After any run here.
pub const FOREVER: Tick = Tick::from_ns(1_000 * NS_PER_S);

pub fn at_ms(ms: u64) -> Tick {
    Tick::from_ns(ms * MS)
}

/// One flow onto two topics of 3 and 2 partitions, one event with a key and one without, a group that reads both. `flow` are
/// lines of the flow: its arrivals and height. Four shards, so that neighbours in a partition are often of one shard.
pub fn scenario(span: &str, flow: &str) -> Scenario {
    let text = format!(
        r#"
seed = 42
[time]
span = "{span}"
settle = "30s"
[load]
shards = 4
[pool.customer]
count = 1000
[topic.orders]
partitions = 3
[topic.views]
partitions = 2
[event.order]
topic = "orders"
key = "customer"
value = {{ bytes = "120B" }}
[event.view]
topic = "views"
value = {{ bytes = "80B" }}
[flow.f]
event = {{ order = 3, view = 2 }}
{flow}
[consume.g]
topics = ["orders", "views"]
"#
    );
    parse(&text)
}

/// A scenario with these topics and this group, of another text.
pub fn parse(text: &str) -> Scenario {
    let source = scenario::Source::Text {
        name: "drive.toml".into(),
        text: text.to_owned(),
        folder: PathBuf::from("scenarios"),
    };
    match scenario::load(&source, &Overrides::default()) {
        Ok(loaded) => loaded.scenario,
        Err(errors) => panic!("{errors}"),
    }
}

/// A cluster that serves a record in a microsecond and answers a millisecond later.
pub fn cluster() -> SimSpec {
    SimSpec {
        clock: Virtual::default(),
        seed: 1,
        partitions: vec![3, 2],
        service: Service::Constant(1_000),
        round_trip_ns: MS,
        queue: 1 << 30,
        largest: usize::MAX,
        pauses: Vec::new(),
        faults: Vec::new(),
    }
}

/// The group's partitions.
pub fn partitions() -> Vec<(u16, u32)> {
    vec![(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
}

/// Sees the clock whenever the loop rests.
pub type OnWait = Box<dyn FnMut(Tick) + Send>;

/// A simulated producer that can be watched, and whose purge can be made to give nothing back.
struct Client {
    sim: SimProducer,
    clock: Virtual,
    on_wait: OnWait,
    purges: bool,
}

impl Producer for Client {
    fn send(&mut self, topic: u16, partition: u32, buffer: &[u8], records: &[Outgoing]) -> usize {
        self.sim.send(topic, partition, buffer, records)
    }
    fn poll(&mut self, acks: &mut Vec<Ack>) {
        self.sim.poll(acks);
    }
    fn wait(&mut self, deadline: Tick) {
        (self.on_wait)(self.clock.now());
        self.sim.wait(deadline);
    }
    fn purge(&mut self) {
        if self.purges {
            self.sim.purge();
        }
    }
    fn failure_name(&self, failure: Failure) -> String {
        self.sim.failure_name(failure)
    }
    fn is_too_large(&self, failure: Failure) -> bool {
        self.sim.is_too_large(failure)
    }
}

/// What one producer of a run is made of, to be changed before it runs.
pub struct Rig {
    pub scenario: Scenario,
    pub index: u32,
    pub clock: Virtual,
    pub sim: Sim,
    pub control: Control,
    pub on_wait: OnWait,
    pub purges: bool,
    pub settle_ns: u64,
    pub ladder: Option<Ladder>,
}

/// What is left of a run.
pub struct Ran {
    pub totals: FlowTotals,
    pub all: Phase,
    pub account: Account,
    pub failures: FailureNames,
    /// All windows together, by due and by instant.
    pub due: DueWindow,
    pub during: DuringWindow,
    /// The seconds in which the client's queue was full.
    pub full: Vec<u32>,
    /// The last second with something planned.
    pub last_planned: u32,
    pub group: GroupCounts,
    pub received: GroupTotals,
    pub live: Live,
    /// When the producer was done.
    pub done_at: Tick,
    pub settled_ns: Option<u64>,
}

impl Rig {
    pub fn new(scenario: Scenario, spec: SimSpec) -> Rig {
        Rig {
            settle_ns: scenario.time.settle.as_nanos() as u64,
            scenario,
            index: 0,
            clock: spec.clock.clone(),
            sim: Sim::new(spec),
            control: Control::default(),
            on_wait: Box::new(|_| {}),
            purges: true,
            ladder: None,
        }
    }

    fn source(&self) -> Source {
        let schedule = Arc::new(FlowSchedule::compile(&self.scenario, 0));
        let mut source = Source::new(&self.scenario, 0, self.index, &schedule);
        let ladder = self.ladder.as_ref();
        if let Some(inbox) = ladder.and_then(|ladder| ladder.inbox(0, self.index)) {
            source.heed(inbox);
        }
        source
    }

    /// Runs the producer to its end, and lets the group read everything then.
    pub fn run(self) -> Ran {
        let scenario = &self.scenario;
        let run_ns = scenario.time.run_ns();
        let shape = Arc::new(RunShape::of(scenario));
        let live = Live::new(&shape);
        let ledger = Arc::new(Ledger::new(LedgerSpec {
            shards: scenario.shards,
            producers: vec![scenario.flows[0].producers],
            partitions: scenario.topics.iter().map(|t| t.partitions).collect(),
            groups: vec![vec![0, 1]],
        }));
        let traffic = Traffic::compile(scenario, RUN_TAG).unwrap_or_else(|e| panic!("{e}"));
        let (reports, inbox) = channel();
        let parts = ProducerParts {
            flow: 0,
            index: self.index,
            source: self.source(),
            client: Box::new(Client {
                sim: self.sim.producer(),
                clock: self.clock.clone(),
                on_wait: self.on_wait,
                purges: self.purges,
            }),
            renderer: Renderer::new(Arc::new(traffic)),
            recorder: Recorder::new(Arc::clone(&shape), 0),
            live: live.producer(0),
            ledger: Some(ledger.producer(0, self.index as u16)),
            partitions: scenario.topics.iter().map(|t| t.partitions).collect(),
            stamped: scenario
                .events
                .iter()
                .map(|e| e.stamp != StampPlace::None)
                .collect(),
            oversized: oversized(scenario, 0),
            reports: reports.clone(),
            news: channel().0,
        };
        let mut member = ConsumerLoop::new(
            self.clock.clone(),
            self.control.clone(),
            ConsumerParts {
                group: 0,
                member: 0,
                client: Box::new(self.sim.consumer(&partitions())),
                ledger: ledger.consumer(0),
                recorder: ConsumerRecorder::new(&shape, 0, 0),
                live: live.member(0),
                timed: Arc::new([scenario.flows[0].arrivals.has_due()]),
                run_tag: RUN_TAG,
                work_ns: scenario.consumers[0].work.as_nanos() as u64,
                assignments: Assignments::new(&[1]),
                pauses: Pauses::new(1),
                reports: reports.clone(),
                news: channel().0,
            },
        );
        drop(reports);
        let start = self.clock.now();
        let producer = ProducerLoop::new(self.clock.clone(), self.control.clone(), start, parts);
        producer.run(run_ns, self.settle_ns);
        let done_at = self.clock.now();
        let records = partitions()
            .iter()
            .map(|(topic, partition)| self.sim.log(*topic, *partition).len() as u64)
            .sum();
        while live.lag(0).records < records {
            member.turn();
        }
        member.finish();
        let timed = [scenario.flows[0].arrivals.has_due()];
        ledger.settled_ns(0, &timed);
        let settled_ns = ledger.settled_ns(0, &timed);
        let group = ledger.account(0, &bounds(&self.sim));
        gather(inbox, live, group, done_at, settled_ns)
    }
}

fn bounds(sim: &Sim) -> Vec<LogBounds> {
    let end = |(topic, partition): (u16, u32)| LogBounds {
        topic,
        partition,
        start: 0,
        end: Some(
            sim.log(topic, partition)
                .last()
                .map_or(0, |(offset, _)| offset + 1),
        ),
    };
    partitions().into_iter().map(end).collect()
}

fn gather(
    inbox: Receiver<Report>,
    live: Live,
    group: GroupCounts,
    done_at: Tick,
    settled_ns: Option<u64>,
) -> Ran {
    let (mut due, mut during) = (DueWindow::default(), DuringWindow::default());
    let (mut full, mut last_planned) = (Vec::new(), 0);
    let (mut totals, mut received) = (None, None);
    let mut failures = FailureNames::new();
    for report in inbox {
        match report {
            Report::Window(part) => match part.filed {
                Filed::Due(window) => {
                    assert_eq!(window.account().check(), Ok(()), "second {}", part.second);
                    full.extend(window.queue_full.then_some(part.second));
                    if window.account().planned > 0 {
                        last_planned = last_planned.max(part.second);
                    }
                    due.merge(&window);
                }
                Filed::During(window) => during.merge(&window),
            },
            Report::ProducerDone(of) => totals = Some(*of),
            Report::MemberDone(of) => received = Some(*of),
            Report::Failure(failure, name) => {
                failures.insert(failure, name);
            }
            Report::Member(_) | Report::Second(_) | Report::Mark { .. } => {}
        }
    }
    full.sort_unstable();
    let totals = totals.expect("the producer reported");
    let all = totals.all();
    Ran {
        account: all.account(),
        all,
        totals,
        failures,
        due,
        during,
        full,
        last_planned,
        group,
        received: received.expect("the member reported"),
        live,
        done_at,
        settled_ns,
    }
}

impl Ran {
    /// What must hold of every run: the account closes, nothing is dropped, windows add up to totals, the group's equation holds.
    pub fn adds_up(&self) {
        assert_eq!(self.account.check(), Ok(()));
        assert_eq!(self.account.open(), 0);
        assert_eq!(self.due.account(), self.account);
        assert_eq!(
            self.due.response().count(),
            self.all.response().count,
            "response times"
        );
        assert_eq!(self.due.service.count(), self.all.service().count);
        assert_eq!(self.due.send_delay.count(), self.all.send_delay().count);
        let during = self.during.all();
        assert_eq!(self.during.sent, self.account.sent);
        assert_eq!(self.during.failed, self.account.failed);
        assert_eq!(during.acknowledged, self.account.acknowledged);
        assert_eq!((during.bytes, during.key_bytes), self.all.bytes());
        assert_eq!(self.during.partitions, self.totals.partitions);
        let during: u64 = self.totals.acknowledged_during.iter().sum();
        assert_eq!(during, self.account.acknowledged);
        assert_eq!(self.during.errors, self.totals.errors);
        assert_eq!(
            self.totals.errors.values().sum::<u64>(),
            self.account.failed
        );
        let of = &self.group;
        assert_eq!(of.acknowledged, self.account.acknowledged);
        assert_eq!(
            of.acknowledged,
            of.consumed + of.missing + of.expired + of.unread
        );
        let (got, end_to_end) = (&self.received.received, self.received.all());
        assert_eq!(got.again, of.duplicated + of.reread);
        assert_eq!((got.corrupt, got.foreign), (of.corrupt, of.foreign));
        assert_eq!(
            end_to_end.times.count(),
            of.consumed + of.consumed_unacknowledged
        );
        assert_eq!(end_to_end.negative, 0);
    }

    /// The share of planned events whose response is above so many milliseconds, in per cent.
    pub fn response_above(&self, ms: u64) -> f64 {
        let above = |event: &crate::measure::totals::EventTotals| {
            event.response.count_above_us(ms * 1_000) as f64
        };
        100.0 * self.all.events.iter().map(above).sum::<f64>() / self.account.planned as f64
    }
}

/// What a partition holds of ours: offset, identity, record. Damaged records are left out.
pub fn ours(sim: &Sim, topic: u16, partition: u32) -> Vec<(i64, Identity, Arc<Record>)> {
    let log = sim.log(topic, partition).into_iter();
    log.filter_map(|(offset, record)| {
        let header = traffic::headers(&record.headers)
            .find(|(name, _)| *name == stamp::HEADER)
            .map(|(_, value)| value.to_vec());
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        match stamp::check(RUN_TAG, key, value, header.as_deref()) {
            Checked::Ours(stamp) => Some((offset, stamp.id, record)),
            Checked::Corrupt | Checked::Foreign => None,
        }
    })
    .collect()
}
