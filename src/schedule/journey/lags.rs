//! How long after its start a journey sends each of its events: the lags that rates are convolved with.
//!
//! Found by walking many journeys with a stream of its own, always the same, so that neither the seed nor the height of a flow
//! moves a curve. Lags are filed in cells a sixteenth of an e-fold wide, as evenly spread between the shortest and the longest seen
//! in the cell; a fixed lag is a cell without width and so exact. The sum over the cells of an event is what the absorbing chain says, so totals
//! have no error of sampling. What is left is in the shape: a rate is off by about (how much the start rate varies over the lags,
//! relative to its mean) / sqrt(events walked), 0.3 % where it varies fully and one event in ten is of that kind.

use std::collections::BTreeMap;

use libm::log;

use super::chain::Chain;
use super::law::{ClockLag, Moment};
use crate::rng::{Purpose, stream};

/// Events to walk, over all journeys.
const EVENTS: u64 = 1 << 20;
/// Journeys at most, should most of them send nothing.
const JOURNEYS: u64 = 1 << 20;
/// Visits at most, of all journeys together.
const VISITS: u64 = 1 << 23;
/// Cells in an e-fold.
const CELLS: f64 = 16.0;
/// Lags below this, in seconds, count as none.
pub(super) const INSTANT_S: f64 = 1e-3;
/// Parts of a day in which waits for a clock time are told apart.
const PARTS: f64 = 96.0;

/// All lags of a journey.
#[derive(Clone, Debug)]
pub(super) struct Lags {
    pub cells: Vec<Cell>,
}

/// Some of an event's lags.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// Index in the scenario.
    pub event: u16,
    /// How many such events a journey has on average.
    pub weight: f64,
    pub path: Path,
}

/// How an event comes out of a start; real seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Path {
    /// Evenly between these.
    After { from: f64, to: f64 },
    /// By way of a clock time.
    Clock(ClockPath),
}

/// By way of a clock time. All starts of one day come together and go on in the same way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ClockPath {
    /// How long after the start the clock is first looked at.
    pub before: f64,
    /// The time of the day that is waited for then, since midnight.
    pub at: f64,
    /// A simulated day.
    pub day: f64,
    /// From then to the last clock time that is waited for.
    pub gap: f64,
    /// Evenly spread from there, over this.
    pub from: f64,
    pub to: f64,
}

impl Cell {
    /// The longest of its lags, in seconds.
    pub fn longest(&self) -> f64 {
        match self.path {
            Path::After { to, .. } => to,
            Path::Clock(path) => path.before + path.day + path.gap + path.to,
        }
    }

    /// Whether the event comes with the start.
    pub fn is_instant(&self) -> bool {
        matches!(self.path, Path::After { to, .. } if to <= INSTANT_S)
    }
}

/// An instant of a walked journey.
#[derive(Clone, Copy, Debug)]
struct Since {
    /// After the start; once a clock was looked at, up to there.
    lag_ns: f64,
    clock: Option<SinceClock>,
}

/// After a clock time.
#[derive(Clone, Copy, Debug)]
struct SinceClock {
    at_ns: f64,
    day_ns: f64,
    gap_ns: f64,
    within_ns: f64,
    /// What was drawn of `within_ns`.
    drawn_ns: f64,
    /// And since.
    lag_ns: f64,
}

impl Moment for Since {
    fn plus(mut self, ns: f64) -> Since {
        match &mut self.clock {
            Some(clock) => clock.lag_ns += ns,
            None => self.lag_ns += ns,
        }
        self
    }

    fn at_clock(mut self, lag: &ClockLag, drawn_ns: f64) -> Since {
        let (at_ns, gap_ns) = match self.clock {
            None => (lag.at_ns, 0.0),
            Some(last) => {
                let since = last.gap_ns + last.drawn_ns + last.lag_ns;
                (last.at_ns, since + lag.wait_ns(last.at_ns + since))
            }
        };
        self.clock = Some(SinceClock {
            at_ns,
            day_ns: lag.day_ns,
            gap_ns,
            within_ns: lag.within_ns,
            drawn_ns,
            lag_ns: 0.0,
        });
        self
    }
}

/// What tells the cells behind a clock time apart; times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    event: u16,
    before: i32,
    at_us: i64,
    gap_us: i64,
    within_us: i64,
    cell: i32,
}

/// The lags behind clock times.
#[derive(Default)]
struct Clocked {
    seen: BTreeMap<Key, Seen>,
}

/// What was seen of a cell behind a clock time.
#[derive(Clone, Copy, Debug)]
struct Seen {
    count: u64,
    /// Since the clock time, without what was drawn within it.
    from_s: f64,
    to_s: f64,
    /// The sum of the lags before it.
    before_s: f64,
    clock: SinceClock,
}

impl Lags {
    /// Walks journeys of `chain`. `visits`: how many of each event one has on average, by the absorbing chain.
    pub fn of(chain: &Chain, visits: &[(usize, f64)]) -> Lags {
        let mut rng = stream(0, Purpose::Journey, u64::MAX, 0);
        let mut clocked = Clocked::default();
        let mut plain = Plain::default();
        let mut queue = Vec::new();
        let (mut journeys, mut visited, mut events) = (0u64, 0u64, 0u64);
        while events < EVENTS && journeys < JOURNEYS && visited < VISITS {
            journeys += 1;
            let mut visit = chain.first(Since {
                lag_ns: 0.0,
                clock: None,
            });
            while visited < VISITS
                && chain.visit(&mut rng, &mut visit, &mut queue, |at, event, _| {
                    events += 1;
                    match at.clock {
                        None => plain.add(event, at.lag_ns * 1e-9),
                        Some(clock) => clocked.add(event, at.lag_ns * 1e-9, clock),
                    }
                    true
                })
            {
                visited += 1;
            }
            visited += 1;
        }
        let mut cells = plain.cells();
        cells.extend(clocked.seen.iter().map(|(key, seen)| seen.cell(key.event)));
        let mut lags = Lags { cells };
        lags.weigh(journeys as f64, visits);
        lags
    }

    /// Turns counts into events of one journey, and makes each event's sum what the chain says. Events so rare that none was seen count as
    /// coming with the start.
    fn weigh(&mut self, journeys: f64, visits: &[(usize, f64)]) {
        let mut sums: BTreeMap<u16, f64> = BTreeMap::new();
        for cell in &self.cells {
            *sums.entry(cell.event).or_default() += cell.weight;
        }
        for cell in &mut self.cells {
            let expected = visits
                .iter()
                .find(|(event, _)| *event == usize::from(cell.event));
            cell.weight /= match expected {
                Some((_, visits)) => sums[&cell.event] / visits,
                None => journeys,
            };
        }
        let unseen = visits
            .iter()
            .filter(|(event, visits)| *visits > 0.0 && !sums.contains_key(&(*event as u16)));
        self.cells.extend(unseen.map(|&(event, weight)| Cell {
            event: event as u16,
            weight,
            path: Path::After { from: 0.0, to: 0.0 },
        }));
    }

    /// The longest of all, in seconds.
    pub fn longest(&self) -> f64 {
        self.cells.iter().map(Cell::longest).fold(0.0, f64::max)
    }

    /// The events that a journey sends, ascending.
    pub fn events(&self) -> Vec<u16> {
        let mut events: Vec<u16> = self.cells.iter().map(|cell| cell.event).collect();
        events.sort_unstable();
        events.dedup();
        events
    }
}

/// The cell of a lag; all below an instant are one.
fn cell_of(seconds: f64) -> i32 {
    (log(seconds.max(INSTANT_S)) * CELLS).floor() as i32
}

/// The lags without clock times, by event and cell.
#[derive(Default)]
struct Plain {
    events: Vec<Vec<Option<(u64, f64, f64)>>>,
}

impl Plain {
    /// The cell of an instant, from which they are counted.
    fn lowest() -> i32 {
        cell_of(INSTANT_S)
    }

    fn add(&mut self, event: u16, seconds: f64) {
        let event = usize::from(event);
        if self.events.len() <= event {
            self.events.resize_with(event + 1, Vec::new);
        }
        let cells = &mut self.events[event];
        let cell = (cell_of(seconds) - Plain::lowest()) as usize;
        if cells.len() <= cell {
            cells.resize(cell + 1, None);
        }
        let (count, from, to) = cells[cell].unwrap_or((0, seconds, seconds));
        cells[cell] = Some((count + 1, from.min(seconds), to.max(seconds)));
    }

    fn cells(&self) -> Vec<Cell> {
        let events = self.events.iter().enumerate();
        let cells = events.flat_map(|(event, cells)| {
            cells.iter().flatten().map(move |&(count, from, to)| Cell {
                event: event as u16,
                weight: count as f64,
                path: Path::After { from, to },
            })
        });
        cells.collect()
    }
}

impl Clocked {
    fn add(&mut self, event: u16, before_s: f64, clock: SinceClock) {
        let us = |ns: f64| (ns / 1e3).round() as i64;
        let part = (before_s * 1e9 / clock.day_ns * PARTS).floor();
        let since_s = clock.lag_ns * 1e-9;
        let key = Key {
            event,
            // Within two days by parts of a day, then as coarsely as any lag.
            before: if part < 2.0 * PARTS {
                part as i32
            } else {
                (2.0 * PARTS) as i32 + cell_of(before_s).max(0)
            },
            at_us: us(clock.at_ns),
            gap_us: us(clock.gap_ns),
            within_us: us(clock.within_ns),
            cell: cell_of(since_s),
        };
        let seen = self.seen.entry(key).or_insert(Seen {
            count: 0,
            from_s: since_s,
            to_s: since_s,
            before_s: 0.0,
            clock,
        });
        seen.count += 1;
        seen.from_s = seen.from_s.min(since_s);
        seen.to_s = seen.to_s.max(since_s);
        seen.before_s += before_s;
    }
}

impl Seen {
    fn cell(&self, event: u16) -> Cell {
        Cell {
            event,
            weight: self.count as f64,
            path: Path::Clock(ClockPath {
                before: self.before_s / self.count as f64,
                at: self.clock.at_ns * 1e-9,
                day: self.clock.day_ns * 1e-9,
                gap: self.clock.gap_ns * 1e-9,
                from: self.from_s,
                to: self.to_s + self.clock.within_ns * 1e-9,
            }),
        }
    }
}
