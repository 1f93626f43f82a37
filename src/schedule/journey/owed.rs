//! What journeys that began before the history still owe: an e-mail is opened hours later, some after weeks.
//!
//! Starts are a Poisson process (however those of the run are spaced); moved by independent lags they are one still (the displacement
//! theorem: Kingman, Poisson Processes, 1993), for each event at the rate of starts older than the history convolved with the event's lags.
//! Each such step stands in the name of a journey of its own, whose start is drawn backwards: at the rate of starts, over the cell of lags
//! that the step came by. A follower of a late step has lags of its own from the start and comes by those, so none is counted twice.

use super::lags::{ClockPath, Lags, Path};
use super::law::At;
use super::past::Past;
use super::session::Sessions;
use crate::rng::{Purpose, Stream, stream};
use crate::schedule::draw::{Poisson, unit};
use crate::schedule::{BIN_NS, Draw, HELD, Shards, Step};

/// Bins that share a table of rates: a second.
const BINS: i64 = 10;
/// Fewer events than this in a second are none in any run.
const NEVER: f64 = 1e-12;
const NS_PER_S: f64 = 1e9;

/// What is needed to know the late steps of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Debts<'a> {
    pub lags: &'a Lags,
    pub past: &'a Past,
    pub sessions: &'a Sessions,
    pub seed: u64,
    pub flow: u16,
    pub shards: u32,
    pub run_ns: u64,
    /// Real seconds.
    pub history: f64,
    /// Real seconds from some midnight of the simulated clock to the start of the run.
    pub midnight: f64,
}

/// Draws the late steps of some shards; holds the rates of the present second.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    /// Which second the table is for.
    block: Option<i64>,
    /// Ascending sums of rates.
    table: Vec<Debt>,
    poisson: Poisson,
}

/// Late steps of one event by one cell of lags.
#[derive(Clone, Copy, Debug)]
struct Debt {
    /// Events per second, of this and all before it in the table.
    sum: f64,
    event: u16,
    /// The starts, by the integral of their rate.
    from: f64,
    to: f64,
    how: How,
}

/// How a start is laid under an instant of the second.
#[derive(Clone, Copy, Debug)]
enum How {
    /// The starts are those of this instant; for another they shift with it.
    Shifted(f64),
    /// They are those of all its instants; for one, those are right from which the lag is between these.
    Between(f64, f64),
    /// Any is right.
    Any,
}

impl Owed {
    pub fn new() -> Owed {
        Owed {
            block: None,
            table: Vec::new(),
            poisson: Poisson::default(),
        }
    }

    /// Tells `send` of every late step due in `bin`: when, in which shard, and all that is known of it.
    pub fn bin(
        &mut self,
        debts: &Debts<'_>,
        bin: i64,
        shards: Shards,
        mut send: impl FnMut(At, u16, Step),
    ) {
        if self.block != Some(bin.div_euclid(BINS)) {
            self.block = Some(bin.div_euclid(BINS));
            self.tabulate(debts, bin.div_euclid(BINS));
        }
        let rate = self.table.last().map_or(0.0, |debt| debt.sum);
        if rate <= NEVER {
            return;
        }
        let from_ns = bin * BIN_NS as i64;
        let to_ns = (from_ns + BIN_NS as i64).min(debts.run_ns as i64);
        let length_ns = (to_ns - from_ns) as f64;
        let expected = rate * length_ns / NS_PER_S;
        self.poisson.set_mean(expected / f64::from(debts.shards));
        let index = (u64::from(debts.flow) << 32) | u64::from(bin as u32);
        for shard in shards.iter() {
            let mut rng = stream(debts.seed, Purpose::Past, index, u64::from(shard));
            for ordinal in 0..self.poisson.sample(&mut rng) {
                let offset = (unit(&mut rng) * length_ns).min(length_ns - 1.0) as i64;
                let at = At(from_ns + offset);
                let Some((event, started_s)) = self.pick(debts, rate, at, &mut rng) else {
                    continue;
                };
                let shard = shard as u16;
                let session = debts.sessions.past(shard, bin, ordinal as u32);
                let batch = debts.past.batch(started_s);
                send(at, shard, step(session, event, at, (started_s, batch)));
            }
        }
    }

    /// Which event, and when its journey began. `None` where that would be within the history, since that one is replayed; and where
    /// the table has more than is due at this instant.
    fn pick(
        &self,
        debts: &Debts<'_>,
        rate: f64,
        At(at_ns): At,
        rng: &mut Stream,
    ) -> Option<(u16, f64)> {
        let picked = unit(rng) * rate;
        let index = self.table.partition_point(|debt| debt.sum <= picked);
        let debt = &self.table[index.min(self.table.len() - 1)];
        let at = at_ns as f64 / NS_PER_S;
        let start = debts
            .past
            .starts
            .inverse(debt.from + (debt.to - debt.from) * unit(rng));
        let (started, fits) = match debt.how {
            How::Shifted(from) => (start + (at - from), true),
            How::Between(low, high) => (start, (low..=high).contains(&(at - start))),
            How::Any => (start, true),
        };
        (fits && started < -debts.history).then_some((debt.event, started))
    }

    /// The rates of second `block`; where a part of a cell is older than the history, those of all its instants together.
    fn tabulate(&mut self, debts: &Debts<'_>, block: i64) {
        self.table.clear();
        let second = BINS as f64 * BIN_NS as f64 / NS_PER_S;
        let from = block as f64 * second;
        for cell in &debts.lags.cells {
            match cell.path {
                Path::After { from: low, to } => {
                    if to >= from + debts.history && to > 0.0 {
                        let (rate, starts, how) = after(debts, (low, to), (from, from + second));
                        self.add(cell.event, cell.weight * rate, starts, how);
                    }
                }
                Path::Clock(path) => {
                    for day in path.days(debts.midnight, from, from + second) {
                        let (rate, starts) = on_day(debts, &path, day, (from, from + second));
                        self.add(cell.event, cell.weight * rate, starts, How::Any);
                    }
                }
            }
        }
    }

    fn add(&mut self, event: u16, rate: f64, (from, to): (f64, f64), how: How) {
        if rate > 0.0 {
            self.table.push(Debt {
                sum: rate + self.table.last().map_or(0.0, |debt| debt.sum),
                event,
                from,
                to,
                how,
            });
        }
    }
}

/// The rate, for one event a journey, of what comes between two lags after starts before the history, in a second; and the starts.
fn after(
    debts: &Debts<'_>,
    (low, high): (f64, f64),
    (from, until): (f64, f64),
) -> (f64, (f64, f64), How) {
    let starts = &debts.past.starts;
    let width = high - low;
    let within_history = low < until + debts.history;
    if within_history && width >= until - from {
        let oldest = starts.cumulative(from - high);
        let newest = starts.cumulative((until - low).min(-debts.history));
        let how = How::Between(low, high);
        return ((newest - oldest) / width, (oldest, newest), how);
    }
    // At the second's middle, or as early as it takes for all of the starts to be before the history.
    let mut at = from.midpoint(until);
    if within_history {
        at = at.min(low - debts.history);
    }
    let range = (starts.cumulative(at - high), starts.cumulative(at - low));
    let rate = if width > 1e-9 {
        (range.1 - range.0) / width
    } else {
        // The rate may jump where the history begins.
        starts.rate_before(at - high)
    };
    (rate, range, How::Shifted(at))
}

/// The rate, for one event a journey, of what comes by way of a clock time of this day after starts before the history, in a second; and
/// the starts.
fn on_day(
    debts: &Debts<'_>,
    path: &ClockPath,
    day: f64,
    (from, until): (f64, f64),
) -> (f64, (f64, f64)) {
    let width = (path.to - path.from).max(until - from);
    let begins = day + path.gap + path.from;
    let within = until.min(begins + width) - from.max(begins);
    let since = day - path.day - path.before;
    let newest = (day - path.before).min(-debts.history);
    if newest <= since || within <= 0.0 {
        return (0.0, (0.0, 0.0));
    }
    let range = (
        debts.past.starts.cumulative(since),
        debts.past.starts.cumulative(newest),
    );
    let rate = (range.1 - range.0) / width * within / (until - from);
    (rate, range)
}

/// A late step. It knows its journey's start; its visit is taken to have been at the same instant.
fn step(session: u64, event: u16, at: At, (started_s, batch): (f64, u32)) -> Step {
    let visit = Draw {
        serial: 0,
        at_ms: at.ms(),
    };
    Step {
        session,
        // The cast saturates, as At::ms does.
        started_ms: (started_s * 1e3).floor() as i32,
        batch,
        event,
        nth: 0,
        visit,
        held: [visit; HELD],
    }
}
