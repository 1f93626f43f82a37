//! What one producer thread records. No locks, and no allocation per event once warm.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Sample;
use super::account::Account;
use super::histogram::{WindowHistogram, micros};
use super::live::{LiveProducer, Waiting};
use super::ring::Ring;
use super::shape::{RunShape, WINDOW_NS, second_of};
use super::totals::{FlowTotals, Phase};
use super::window::{DueWindow, DuringWindow, Filed, PartitionCount, WindowPart, add_partitions};
use crate::target::Failure;

/// Records the events of one flow that one producer thread handles. All instants are nanoseconds since the start of the load.
///
/// Every event is told of in this order: [`due`](Recorder::due), then either [`unsent`](Recorder::unsent), or
/// [`sent`](Recorder::sent) and one of [`acknowledged`](Recorder::acknowledged), [`failed`](Recorder::failed) and
/// [`unresolved`](Recorder::unresolved).
///
/// For a flow that is not of the open model nothing is due: pass the instant of sending as due. Response time and send delay are then not recorded.
pub struct Recorder {
    flow: usize,
    /// True in the open model.
    has_due: bool,
    /// For each event of the scenario, its place among those of the flow.
    event_places: Vec<u16>,
    partition_starts: Vec<usize>,
    warm_from_ns: u64,
    load_end_ns: u64,
    /// Warm-up and the rest.
    phases: [Phase; 2],
    acknowledged_during: [u64; 3],
    /// Of the windows handed over.
    partitions: Vec<PartitionCount>,
    errors: BTreeMap<Failure, u64>,
    due: Ring<DueWindow>,
    during: Ring<DuringWindow>,
    /// Response times since the last [`Recorder::live`].
    recent: WindowHistogram,
    closed_through: u32,
}

impl Recorder {
    /// A recorder for a producer thread of flow number `flow`.
    pub fn new(shape: Arc<RunShape>, flow: usize) -> Recorder {
        let of = &shape.flows[flow];
        let mut event_places = vec![0; shape.events.len()];
        for (place, event) in of.events.iter().enumerate() {
            event_places[usize::from(*event)] = place as u16;
        }
        let events = of.events.len();
        let (partition_starts, partitions) = shape.partition_starts();
        Recorder {
            flow,
            has_due: of.model.has_due(),
            event_places,
            partition_starts,
            warm_from_ns: shape.warm_from_ns(),
            load_end_ns: shape.run_ns,
            phases: [Phase::new(events), Phase::new(events)],
            acknowledged_during: [0; 3],
            partitions: vec![PartitionCount::default(); partitions],
            errors: BTreeMap::new(),
            due: Ring::new(DueWindow::new(events)),
            during: Ring::new(DuringWindow::new(events, partitions)),
            recent: WindowHistogram::new(),
            closed_through: 0,
        }
    }

    #[inline]
    fn phase(&mut self, due_ns: u64) -> &mut Phase {
        &mut self.phases[usize::from(due_ns >= self.warm_from_ns)]
    }

    /// An event came due. Called once for each, in due order, when it is rendered or counted as unsent.
    #[inline]
    pub fn due(&mut self, due_ns: u64) {
        self.phase(due_ns).offered.planned += 1;
        self.due.at(second_of(due_ns)).offered.planned += 1;
    }

    /// The client took it.
    #[inline]
    pub fn sent(&mut self, due_ns: u64, sent_ns: u64) {
        let delay_us = micros(sent_ns.saturating_sub(due_ns));
        let has_due = self.has_due;
        let phase = self.phase(due_ns);
        phase.offered.sent += 1;
        if has_due {
            phase.send_delay.record_us(delay_us);
        }
        let window = self.due.at(second_of(due_ns));
        window.offered.sent += 1;
        if has_due {
            window.send_delay.record_us(delay_us);
        }
        self.during.at(second_of(sent_ns)).sent += 1;
    }

    /// It was acknowledged. `event` is one of the flow's, `topic` and `partition` are the scenario's.
    #[inline]
    pub fn acknowledged(
        &mut self,
        event: u16,
        topic: u16,
        partition: u32,
        key_bytes: u32,
        value_bytes: u32,
        sample: Sample,
    ) {
        let place = usize::from(self.event_places[usize::from(event)]);
        let (key_bytes, value_bytes) = (u64::from(key_bytes), u64::from(value_bytes));
        let service_us = micros(sample.service_ns());
        let response_us = micros(sample.response_ns());
        let has_due = self.has_due;

        let phase = self.phase(sample.due_ns);
        phase.service.record_us(service_us);
        let total = &mut phase.events[place];
        total.acknowledged += 1;
        total.bytes += value_bytes;
        total.key_bytes += key_bytes;
        if has_due {
            total.response.record_us(response_us);
        }

        let window = self.due.at(second_of(sample.due_ns));
        window.service.record_us(service_us);
        let of_event = &mut window.events[place];
        of_event.acknowledged += 1;
        if has_due {
            of_event.response.record_us(response_us);
        }
        self.recent
            .record_us(if has_due { response_us } else { service_us });

        let during = if sample.acked_ns >= self.load_end_ns {
            2
        } else {
            usize::from(sample.acked_ns >= self.warm_from_ns)
        };
        self.acknowledged_during[during] += 1;

        let index = self.partition_starts[usize::from(topic)] + partition as usize;
        let window = self.during.at(second_of(sample.acked_ns));
        let of_event = &mut window.events[place];
        of_event.acknowledged += 1;
        of_event.bytes += value_bytes;
        of_event.key_bytes += key_bytes;
        let of_partition = &mut window.partitions[index];
        of_partition.records += 1;
        of_partition.bytes += value_bytes;
    }

    /// It was refused for its size, which was made too large on purpose: told of beside [`failed`](Recorder::failed).
    pub fn refused(&mut self, event: u16, due_ns: u64) {
        let place = usize::from(self.event_places[usize::from(event)]);
        self.phase(due_ns).events[place].refused += 1;
        self.due.at(second_of(due_ns)).events[place].refused += 1;
    }

    /// It was refused or timed out.
    pub fn failed(&mut self, event: u16, due_ns: u64, at_ns: u64, failure: Failure) {
        let place = usize::from(self.event_places[usize::from(event)]);
        self.phase(due_ns).events[place].failed += 1;
        self.due.at(second_of(due_ns)).events[place].failed += 1;
        let window = self.during.at(second_of(at_ns));
        window.failed += 1;
        *window.errors.entry(failure).or_default() += 1;
        *self.errors.entry(failure).or_default() += 1;
    }

    /// It was given up on at the end, without an answer.
    pub fn unresolved(&mut self, event: u16, due_ns: u64) {
        let place = usize::from(self.event_places[usize::from(event)]);
        self.phase(due_ns).events[place].unresolved += 1;
        self.due.at(second_of(due_ns)).events[place].unresolved += 1;
    }

    /// It was due, and never offered by the time the run stopped.
    pub fn unsent(&mut self, due_ns: u64) {
        self.phase(due_ns).offered.unsent += 1;
        self.due.at(second_of(due_ns)).offered.unsent += 1;
    }

    /// The client's queue was full at `now_ns`, and what came due since `from_due_ns` waits for room: the send delay of those
    /// seconds says nothing about us.
    pub fn queue_full(&mut self, from_due_ns: u64, now_ns: u64) {
        for second in second_of(from_due_ns)..=second_of(now_ns) {
            self.due.at(second).queue_full = true;
        }
    }

    /// The load ended early: what is acknowledged from here on came after it.
    pub fn stop(&mut self, at_ns: u64) {
        self.load_end_ns = self.load_end_ns.min(at_ns);
    }

    /// What became of the events so far.
    pub fn account(&self) -> Account {
        let mut account = self.phases[0].account();
        account += self.phases[1].account();
        account
    }

    /// Tells the live figures; about five times a second.
    pub fn live(&mut self, now_ns: u64, to: &LiveProducer, waiting: Waiting) {
        let refused = self.phases[0].refused() + self.phases[1].refused();
        to.tell(now_ns, (&self.account(), refused), waiting, &self.recent);
        self.recent.clear();
    }

    /// Hands over every window that is past and in which nothing is open: `now_ns` is the present, and nothing will come due
    /// before `next_due_ns` any more (`u64::MAX` when the schedule is at its end). Cheap when called more than once a second.
    pub fn close(&mut self, now_ns: u64, next_due_ns: u64, sink: &mut dyn FnMut(WindowPart)) {
        let now = second_of(now_ns);
        if now == self.closed_through {
            return;
        }
        self.closed_through = now;
        let due_end = (next_due_ns / WINDOW_NS).min(u64::from(now)) as u32;
        self.hand_over(due_end, now, |window| window.account().open() == 0, sink);
    }

    /// Hands over the windows that are left, whatever is open in them, and yields the totals.
    pub fn finish(mut self, sink: &mut dyn FnMut(WindowPart)) -> FlowTotals {
        let ended = (self.due.end(), self.during.end());
        self.hand_over(ended.0, ended.1, |_| true, sink);
        let [warmup, warm] = self.phases;
        FlowTotals {
            flow: self.flow,
            warmup,
            warm,
            acknowledged_during: self.acknowledged_during,
            partitions: self.partitions,
            errors: self.errors,
            ended,
        }
    }

    fn hand_over(
        &mut self,
        due_end: u32,
        during_end: u32,
        done: impl Fn(&DueWindow) -> bool,
        sink: &mut dyn FnMut(WindowPart),
    ) {
        let flow = self.flow;
        self.due.hand_over(due_end, done, |second, window| {
            sink(WindowPart {
                flow,
                second,
                filed: Filed::Due(window),
            });
        });
        let partitions = &mut self.partitions;
        self.during.hand_over(
            during_end,
            |_| true,
            |second, window| {
                add_partitions(partitions, &window.partitions);
                sink(WindowPart {
                    flow,
                    second,
                    filed: Filed::During(window),
                });
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NS_PER_S;
    use crate::measure::live::Live;
    use crate::measure::shape::{FlowShape, Model, TopicShape};
    use crate::rng::{Purpose, stream};
    use rand::RngExt as _;

    fn shape() -> Arc<RunShape> {
        Arc::new(RunShape {
            flows: vec![
                FlowShape {
                    name: "shoppers".into(),
                    events: vec![2, 0],
                    model: Model::Open,
                },
                FlowShape {
                    name: "flood".into(),
                    events: vec![1],
                    model: Model::Unthrottled,
                },
            ],
            events: vec!["view".into(), "bulk".into(), "order".into()],
            topics: vec![
                TopicShape {
                    name: "a".into(),
                    partitions: 2,
                },
                TopicShape {
                    name: "b".into(),
                    partitions: 3,
                },
            ],
            groups: vec![],
            warmup_ns: 2 * NS_PER_S,
            run_ns: 10 * NS_PER_S,
        })
    }

    fn sample(due_ns: u64, sent_ns: u64, acked_ns: u64) -> Sample {
        Sample {
            due_ns,
            sent_ns,
            acked_ns,
        }
    }

    /// One simulated life of a thread: what it recorded, and the parts it handed over.
    fn simulate(seed: u64) -> (FlowTotals, Vec<WindowPart>, Account, u64) {
        let mut rng = stream(seed, Purpose::Test, 0, 0);
        let mut recorder = Recorder::new(shape(), 0);
        let mut parts = Vec::new();
        let mut open: Vec<(u64, u64, u64)> = Vec::new(); // (ends, due, sent)
        let (mut truth, mut bytes) = (Account::default(), 0_u64);
        let mut due = 0;
        while due < 10 * NS_PER_S {
            recorder.due(due);
            truth.planned += 1;
            if rng.random_bool(0.01) {
                recorder.unsent(due);
                truth.unsent += 1;
            } else {
                let sent = due + rng.random_range(0..2_000_000);
                recorder.sent(due, sent);
                truth.sent += 1;
                // Most within 50 ms, some after seconds.
                let most = if rng.random_bool(0.02) {
                    4 * NS_PER_S
                } else {
                    50_000_000
                };
                open.push((sent + rng.random_range(0..most), due, sent));
            }
            due += rng.random_range(1..2_000_000);
            let now = due;
            open.retain(|&(ends, due, sent)| {
                if ends > now {
                    return true;
                }
                end(
                    &mut recorder,
                    &mut rng,
                    &mut truth,
                    &mut bytes,
                    sample(due, sent, ends),
                );
                false
            });
            recorder.close(now, due, &mut |part| parts.push(part));
        }
        for (ends, due, sent) in open {
            end(
                &mut recorder,
                &mut rng,
                &mut truth,
                &mut bytes,
                sample(due, sent, ends),
            );
        }
        recorder.close(20 * NS_PER_S, u64::MAX, &mut |part| parts.push(part));
        assert_eq!(recorder.account(), truth);
        let totals = recorder.finish(&mut |part| parts.push(part));
        (totals, parts, truth, bytes)
    }

    fn end(
        recorder: &mut Recorder,
        rng: &mut crate::rng::Stream,
        truth: &mut Account,
        bytes: &mut u64,
        s: Sample,
    ) {
        let event = if rng.random_bool(0.3) { 0 } else { 2 };
        match rng.random_range(0..100) {
            0 => {
                recorder.failed(event, s.due_ns, s.acked_ns, Failure(7));
                truth.failed += 1;
            }
            1 => {
                recorder.unresolved(event, s.due_ns);
                truth.unresolved += 1;
            }
            n => {
                recorder.acknowledged(event, 1, n % 3, 5, 100, s);
                truth.acknowledged += 1;
                *bytes += 100;
            }
        }
    }

    #[test]
    fn windows_add_up_to_totals_and_to_the_truth() {
        for seed in 0..5 {
            let (totals, parts, truth, bytes) = simulate(seed);
            let (mut due, mut during) = (DueWindow::default(), DuringWindow::default());
            let (mut due_seconds, mut during_seconds) = (Vec::new(), Vec::new());
            for part in &parts {
                match &part.filed {
                    Filed::Due(w) => {
                        assert_eq!(
                            w.account().check(),
                            Ok(()),
                            "a window that is handed over is closed"
                        );
                        due.merge(w);
                        due_seconds.push(part.second);
                    }
                    Filed::During(w) => {
                        during.merge(w);
                        during_seconds.push(part.second);
                    }
                }
            }
            let all = totals.all();
            assert_eq!(truth.check(), Ok(()));
            assert_eq!(all.account(), truth);
            assert_eq!(due.account(), truth);
            assert_eq!(due.response().count(), truth.acknowledged);
            assert_eq!(all.response().count, truth.acknowledged);
            assert_eq!(all.response().beyond, truth.planned - truth.acknowledged);
            assert_eq!(due.service.count(), truth.acknowledged);
            assert_eq!(due.send_delay.count(), truth.sent);
            assert_eq!(all.send_delay().beyond, truth.unsent);
            assert_eq!((during.sent, during.failed), (truth.sent, truth.failed));
            assert_eq!(during.errors, totals.errors);
            assert_eq!(during.all().acknowledged, truth.acknowledged);
            assert_eq!(during.all().bytes, bytes);
            assert_eq!(all.bytes(), (bytes, truth.acknowledged * 5));
            assert_eq!(
                totals.acknowledged_during.iter().sum::<u64>(),
                truth.acknowledged
            );
            assert_eq!(totals.partitions, during.partitions);
            assert_eq!(
                totals.partitions.iter().map(|p| p.records).sum::<u64>(),
                truth.acknowledged
            );
            assert_eq!(
                totals.errors.get(&Failure(7)).copied().unwrap_or(0),
                truth.failed
            );
            // Every second once, of either kind.
            for seconds in [&mut due_seconds, &mut during_seconds] {
                seconds.sort_unstable();
                assert_eq!(*seconds, (0..20).collect::<Vec<u32>>());
            }
        }
    }

    #[test]
    fn latency_is_filed_by_due_and_throughput_by_completion() {
        let mut r = Recorder::new(shape(), 0);
        r.due(1_200_000_000);
        r.sent(1_200_000_000, 3_000_000_000);
        r.acknowledged(
            2,
            0,
            1,
            4,
            10,
            sample(1_200_000_000, 3_000_000_000, 5_700_000_000),
        );
        let mut parts = Vec::new();
        let totals = r.finish(&mut |part| parts.push(part));
        for part in parts {
            match (part.second, part.filed) {
                (1, Filed::Due(w)) => {
                    assert_eq!(
                        w.response().quantile_us(1.0, 0),
                        Some(4_521_983),
                        "4.5 s to 2 digits"
                    );
                    assert_eq!(w.events[0].acknowledged, 1, "event 2 is the flow's first");
                    assert_eq!(w.service.max_us(), Some(2_703_359), "2.7 s");
                    assert_eq!(w.send_delay.max_us(), Some(1_802_239), "1.8 s");
                }
                (3, Filed::During(w)) => assert_eq!((w.sent, w.all().acknowledged), (1, 0)),
                (5, Filed::During(w)) => {
                    assert_eq!((w.sent, w.all().acknowledged, w.all().bytes), (0, 1, 10));
                    assert_eq!(w.partitions[1].records, 1);
                }
                (_, Filed::Due(w)) => assert_eq!(w, DueWindow::new(2)),
                (_, Filed::During(w)) => assert_eq!(w.all(), Default::default()),
            }
        }
        // Due in the warm-up (2 s), acknowledged after it.
        assert_eq!(totals.warmup.account().acknowledged, 1);
        assert_eq!(totals.warm.account(), Account::default());
        assert_eq!(totals.acknowledged_during, [0, 1, 0]);
    }

    #[test]
    fn an_open_event_holds_its_own_window_only() {
        let mut r = Recorder::new(shape(), 0);
        let mut seconds = Vec::new();
        r.due(0);
        r.sent(0, 0);
        for second in 1..100_u64 {
            let due = second * NS_PER_S;
            r.due(due);
            r.sent(due, due);
            r.acknowledged(0, 0, 0, 0, 1, sample(due, due, due + 1_000));
            r.close(due + NS_PER_S, due + NS_PER_S, &mut |part| {
                if matches!(part.filed, Filed::Due(_)) {
                    seconds.push(part.second);
                }
            });
        }
        assert_eq!(seconds, (1..100).collect::<Vec<u32>>());
        assert!(r.due.allocated() <= 3, "{} windows", r.due.allocated());
        assert!(
            r.during.allocated() <= 3,
            "{} windows",
            r.during.allocated()
        );
        r.unresolved(0, 0);
        r.close(101 * NS_PER_S, u64::MAX, &mut |part| {
            if matches!(part.filed, Filed::Due(_)) {
                seconds.push(part.second);
            }
        });
        assert_eq!(seconds[99..], [0, 100]);
    }

    #[test]
    fn a_window_stays_open_while_more_may_come_due_in_it() {
        let mut r = Recorder::new(shape(), 0);
        let mut due = 0;
        let mut count = |part: WindowPart| due += u32::from(matches!(part.filed, Filed::Due(_)));
        // The thread is late: it is at 0.5 s of the schedule when the clock says 5 s.
        r.close(5 * NS_PER_S, NS_PER_S / 2, &mut count);
        assert_eq!(due, 0);
    }

    #[test]
    fn unthrottled_flows_have_service_time_only() {
        let mut r = Recorder::new(shape(), 1);
        r.due(5);
        r.sent(5, 5);
        r.acknowledged(1, 0, 0, 0, 8, sample(5, 5, 3_000_005));
        let live = Live::new(&shape());
        r.live(1_000, &live.producer(1), Waiting::default());
        assert!(
            live.quantile_us(1_000, Some(1), 0.5)
                .is_some_and(|us| us >= 3_000)
        );
        let totals = r.finish(&mut |_| {});
        let all = totals.all();
        assert_eq!(
            (
                all.response().count,
                all.send_delay().count,
                all.service().count
            ),
            (0, 0, 1)
        );
        assert_eq!(all.account().check(), Ok(()));
    }

    #[test]
    fn threads_merge_to_their_sum() {
        let (a, _, truth_a, _) = simulate(11);
        let (b, _, truth_b, _) = simulate(12);
        let mut sum = a.clone();
        sum.merge(&b);
        let mut other_way = b;
        other_way.merge(&a);
        assert_eq!(sum, other_way);
        let mut truth = truth_a;
        truth += truth_b;
        assert_eq!(sum.all().account(), truth);
    }

    #[test]
    fn a_full_queue_marks_the_seconds_that_waited() {
        let mut r = Recorder::new(shape(), 0);
        r.queue_full(2 * NS_PER_S + 1, 4 * NS_PER_S);
        r.due(9 * NS_PER_S);
        let mut full = Vec::new();
        r.finish(&mut |part| {
            if let Filed::Due(w) = part.filed
                && w.queue_full
            {
                full.push(part.second);
            }
        });
        assert_eq!(full, [2, 3, 4]);
    }
}
