//! The collector: merges what all threads hand over, writes `windows.jsonl` as seconds complete, keeps totals.
//!
//! A second is complete when every producer thread has handed over its parts, every member has said that nothing more will come
//! for it, and the sampler has been there. Lines are written in order. What comes for a line that is written already goes to the
//! earliest that is not, so that windows always add up to totals, and is counted as late.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::consumer_recorder::{MemberPart, MemberWindow};
use super::health::{Health, Judge};
use super::line::WindowLine;
use super::run::WINDOWS_FILE;
use super::second::{FailureNames, Second, SecondSample, line_of};
use super::shape::{RunShape, WINDOW_NS, second_of};
use super::sums::WindowSums;
use super::totals::{FlowTotals, GroupTotals};
use super::window::{DueWindow, DuringWindow, Filed, PartitionCount, WindowPart, add_partitions};
use crate::target::Failure;

/// What the threads of a run tell the collector.
#[derive(Clone, Debug)]
pub enum Report {
    /// A producer thread closed a window.
    Window(WindowPart),
    /// A producer thread is done: it hands over nothing more.
    ProducerDone(Box<FlowTotals>),
    /// A member tells what it saw.
    Member(MemberPart),
    /// A member is done.
    MemberDone(Box<GroupTotals>),
    /// The sampler looked at a second that ended.
    Second(Box<SecondSample>),
    /// A failure occurred for the first time: what the target calls it. Comes before the windows that count it.
    Failure(Failure, String),
    /// Something happened to the run.
    Mark {
        /// When, since the start of the load.
        at_ns: u64,
        /// What, in words.
        text: String,
    },
}

/// `windows.jsonl` can't be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "can't write {path}: {source}; the run can't be recorded. Free some space, or choose another folder with --out"
)]
pub struct CollectError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// What a run adds up to.
#[derive(Debug)]
pub struct Collected {
    /// By flow, all producer threads together.
    pub flows: Vec<FlowTotals>,
    /// By group, all members together.
    pub groups: Vec<GroupTotals>,
    /// By group, the most records it was behind at the end of a second.
    pub lag_records_max: Vec<u64>,
    /// Acknowledgements by partition of all topics (`RunShape::partition_starts`).
    pub partitions: Vec<PartitionCount>,
    /// What the lines add up to.
    pub sums: WindowSums,
    /// Whether we were the limit.
    pub health: Health,
    /// The target's names of the failures that occurred.
    pub failures: FailureNames,
    /// Parts that came after their line was written and are counted in a later one.
    pub late: u64,
    /// The first error in writing `windows.jsonl`: lines are missing from there on, totals are complete.
    pub error: Option<CollectError>,
}

/// Sees each second as it completes.
pub type Watcher = Box<dyn FnMut(&WindowLine) + Send>;

/// Collects a run. Used by one thread; the others send it [`Report`]s.
pub struct Collector {
    shape: Arc<RunShape>,
    path: PathBuf,
    /// `None` once writing failed.
    file: Option<File>,
    /// Bytes of the lines that are in the file.
    written: u64,
    error: Option<CollectError>,
    failed: Arc<AtomicBool>,
    /// Seconds that are not complete, from `first`.
    seconds: VecDeque<Second>,
    first: u32,
    producers: usize,
    /// Where the windows of the producer threads that are done end: by due, and by instant.
    ended: Vec<(u32, u32)>,
    /// By member: nothing comes for seconds before this one.
    settled: Vec<u32>,
    /// The end of the seconds the sampler has been to.
    sampled: u32,
    flows: Vec<FlowTotals>,
    groups: Vec<GroupTotals>,
    lag_records_max: Vec<u64>,
    sums: WindowSums,
    judge: Judge,
    failures: FailureNames,
    late: u64,
    watcher: Option<Watcher>,
}

impl Collector {
    /// Begins `windows.jsonl` in `folder`, for so many producer threads and members of groups.
    ///
    /// # Errors
    /// When the file can't be made, or is there already.
    pub fn new(
        shape: Arc<RunShape>,
        folder: &Path,
        producers: usize,
        members: usize,
        judge: Judge,
    ) -> Result<Collector, CollectError> {
        let path = folder.join(WINDOWS_FILE);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| CollectError {
                path: path.clone(),
                source,
            })?;
        let flows = (0..shape.flows.len()).map(|flow| FlowTotals {
            flow,
            ..FlowTotals::default()
        });
        let groups = (0..shape.groups.len()).map(|group| GroupTotals {
            group,
            ..GroupTotals::default()
        });
        Ok(Collector {
            path,
            file: Some(file),
            written: 0,
            error: None,
            failed: Arc::default(),
            seconds: VecDeque::new(),
            first: 0,
            producers,
            ended: Vec::new(),
            settled: vec![0; members],
            sampled: 0,
            flows: flows.collect(),
            groups: groups.collect(),
            lag_records_max: vec![0; shape.groups.len()],
            sums: WindowSums::default(),
            judge,
            failures: FailureNames::new(),
            late: 0,
            watcher: None,
            shape,
        })
    }

    /// Shows each second to `watcher` as it completes.
    pub fn watch(&mut self, watcher: Watcher) {
        self.watcher = Some(watcher);
    }

    /// Turns true when `windows.jsonl` can't be written any more: a run that can't be recorded should stop.
    /// [`Collected::error`] says why.
    pub fn failed(&self) -> Arc<AtomicBool> {
        self.failed.clone()
    }

    /// Takes what a thread tells, and writes the seconds that are complete by that.
    pub fn receive(&mut self, report: Report) {
        match report {
            Report::Window(part) => self.window(part),
            Report::ProducerDone(totals) => {
                self.ended.push(totals.ended);
                self.flows[totals.flow].merge(&totals);
            }
            Report::Member(part) => self.member(part),
            Report::MemberDone(totals) => self.groups[totals.group].merge(&totals),
            Report::Second(sample) => self.sample(*sample),
            Report::Failure(failure, name) => {
                self.failures.insert(failure, name);
            }
            Report::Mark { at_ns, text } => self.second(second_of(at_ns)).marks.push(text),
        }
        while self.front_is_complete() {
            self.write_front();
        }
    }

    /// Writes to another file from here on.
    #[cfg(test)]
    pub(super) fn redirect(&mut self, file: File) {
        self.file = Some(file);
    }

    fn window(&mut self, part: WindowPart) {
        let late = part.second < self.first;
        let second = self.second(part.second);
        match part.filed {
            Filed::Due(window) => {
                if !window.queue_full {
                    second.with_room.merge(&window.send_delay);
                }
                second.due[part.flow].merge(&window);
                second.due_parts += usize::from(!late);
            }
            Filed::During(window) => {
                second.during[part.flow].merge(&window);
                second.during_parts += usize::from(!late);
            }
        }
    }

    fn member(&mut self, part: MemberPart) {
        for (second, window) in &part.windows {
            self.second(*second).groups[part.group].merge(window);
        }
        if let Some(settled) = self.settled.get_mut(part.member) {
            *settled = part.settled.max(*settled);
        }
    }

    fn sample(&mut self, sample: SecondSample) {
        let second = sample.second;
        self.sampled = self.sampled.max(second + 1);
        let judged = self.is_judged(second);
        self.judge.observe(second, judged, &sample.used);
        for (most, lag) in self.lag_records_max.iter_mut().zip(&sample.lag) {
            *most = lag.lag_records.max(*most);
        }
        self.second(second).sample = Some(sample);
    }

    /// Warm, and wholly within the load: the last second of a run is often cut short.
    fn is_judged(&self, second: u32) -> bool {
        self.shape.is_warm(second)
            && (u64::from(second) + 1).saturating_mul(WINDOW_NS) <= self.shape.run_ns
    }

    /// The second, or the earliest that is not written yet.
    fn second(&mut self, second: u32) -> &mut Second {
        if second < self.first {
            self.late += 1;
        }
        let index = second.saturating_sub(self.first) as usize;
        while self.seconds.len() <= index {
            let next = self.first + self.seconds.len() as u32;
            self.seconds.push_back(Second {
                second: next,
                due: vec![DueWindow::default(); self.shape.flows.len()],
                during: vec![DuringWindow::default(); self.shape.flows.len()],
                groups: vec![MemberWindow::default(); self.shape.groups.len()],
                ..Second::default()
            });
        }
        &mut self.seconds[index]
    }

    fn front_is_complete(&self) -> bool {
        let Some(front) = self.seconds.front() else {
            return false;
        };
        let ended = |of: fn(&(u32, u32)) -> u32| {
            self.ended
                .iter()
                .filter(|end| of(end) <= front.second)
                .count()
        };
        front.due_parts + ended(|end| end.0) >= self.producers
            && front.during_parts + ended(|end| end.1) >= self.producers
            && self.settled.iter().all(|settled| *settled > front.second)
            && self.sampled > front.second
    }

    fn write_front(&mut self) {
        let Some(second) = self.seconds.pop_front() else {
            return;
        };
        self.first = second.second + 1;
        if self.is_judged(second.second) {
            self.judge.send_delays(second.second, &second.with_room);
        }
        let line = line_of(&self.shape, &self.failures, second);
        if let Some(watcher) = &mut self.watcher {
            watcher(&line);
        }
        self.sums.add(&line);
        let Some(file) = &mut self.file else {
            return;
        };
        let written = serde_json::to_string(&line)
            .map_err(std::io::Error::from)
            .and_then(|mut text| {
                text.push('\n');
                file.write_all(text.as_bytes())?;
                Ok(text.len() as u64)
            });
        match written {
            Ok(bytes) => self.written += bytes,
            Err(source) => {
                // A full disk takes a part of the line: whole lines stay. Best effort, the error at hand is the one to tell.
                let _ = file.set_len(self.written);
                self.fail(source);
            }
        }
    }

    fn fail(&mut self, source: std::io::Error) {
        self.file = None;
        self.error = Some(CollectError {
            path: self.path.clone(),
            source,
        });
        self.failed.store(true, Ordering::Release);
    }

    /// Writes what is left, complete or not, and yields the totals.
    pub fn finish(mut self) -> Collected {
        while !self.seconds.is_empty() {
            self.write_front();
        }
        if let Some(Err(source)) = self.file.as_ref().map(File::sync_all) {
            self.fail(source);
        }
        let mut partitions = Vec::new();
        self.flows
            .iter()
            .for_each(|flow| add_partitions(&mut partitions, &flow.partitions));
        partitions.resize(self.shape.partition_starts().1, PartitionCount::default());
        Collected {
            flows: self.flows,
            groups: self.groups,
            lag_records_max: self.lag_records_max,
            partitions,
            sums: self.sums,
            health: self.judge.finish(),
            failures: self.failures,
            late: self.late,
            error: self.error,
        }
    }
}
