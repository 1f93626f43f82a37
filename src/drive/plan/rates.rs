//! How many of each event each flow sends, over the run.

use super::sample::{Sampled, Size};
use super::{Ground, Load};

/// How many instants of the run curves are added up at. A run of ten minutes is looked at every 0.15 s.
const GRID: usize = 4096;
/// How many points of the sum are kept to be drawn.
const DRAWN: usize = 240;

/// An event of a flow.
pub(super) struct Cell {
    /// Index of the flow.
    pub flow: usize,
    /// Index of the event.
    pub event: usize,
    /// How many are expected in the run.
    pub total: f64,
    /// Bytes of one.
    size: Size,
    /// Length of the run.
    seconds: f64,
    /// Its rate at the middle of each step of the grid.
    rates: Vec<f32>,
}

impl Cell {
    /// The share of its total that is due between two instants, in seconds of the run.
    pub(super) fn share_within(&self, from: f64, to: f64) -> f64 {
        let step = self.seconds / GRID as f64;
        let inside = |i: usize| (from..to).contains(&((i as f64 + 0.5) * step));
        let (mut within, mut all) = (0.0, 0.0);
        for (i, rate) in self.rates.iter().enumerate() {
            all += f64::from(*rate);
            within += if inside(i) { f64::from(*rate) } else { 0.0 };
        }
        if all > 0.0 { within / all } else { 0.0 }
    }
}

/// The rates of all events of all flows that are planned.
pub(super) struct Rates {
    /// Length of the run.
    pub seconds: f64,
    pub cells: Vec<Cell>,
}

impl Rates {
    pub(super) fn new(ground: &Ground<'_>, sampled: &Sampled) -> Rates {
        let scenario = ground.scenario;
        let seconds = scenario.time.run_ns() as f64 / 1e9;
        let step = seconds / GRID as f64;
        let mut cells = Vec::new();
        for (flow, schedule) in ground.schedules.iter().enumerate() {
            if !scenario.flows[flow].arrivals.has_due() {
                continue;
            }
            for &(event, _) in &scenario.flows[flow].mix {
                let curve = schedule.event_curve(event);
                let rate = |i| curve.rate((i as f64 + 0.5) * step) as f32;
                cells.push(Cell {
                    flow,
                    event,
                    total: curve.total(),
                    size: sampled.sizes[event],
                    seconds,
                    rates: (0..GRID).map(rate).collect(),
                });
            }
        }
        Rates { seconds, cells }
    }

    /// The load of some of the cells together.
    pub(super) fn load(&self, mut wanted: impl FnMut(&Cell) -> bool) -> Load {
        let mut load = Load::default();
        let (mut events, mut bytes) = (vec![0.0f64; GRID], vec![0.0f64; GRID]);
        for cell in self.cells.iter().filter(|cell| wanted(cell)) {
            let size = cell.size.key + cell.size.value;
            load.events += cell.total;
            load.bytes += cell.total * size;
            for ((rate, events), bytes) in cell.rates.iter().zip(&mut events).zip(&mut bytes) {
                *events += f64::from(*rate);
                *bytes += f64::from(*rate) * size;
            }
        }
        let top = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
        Load {
            mean_per_s: load.events / self.seconds,
            peak_per_s: top(&events),
            mean_bytes_per_s: load.bytes / self.seconds,
            peak_bytes_per_s: top(&bytes),
            ..load
        }
    }

    /// The rate of everything, to be drawn: the highest of each stretch, so that no spike is lost.
    pub(super) fn curve(&self) -> Vec<(f64, f64)> {
        let mut sum = vec![0.0f64; GRID];
        for cell in &self.cells {
            for (rate, sum) in cell.rates.iter().zip(&mut sum) {
                *sum += f64::from(*rate);
            }
        }
        let wide = GRID.div_ceil(DRAWN);
        let point = |(i, stretch): (usize, &[f64])| {
            let at = (i * wide) as f64 / GRID as f64 * self.seconds;
            (at, stretch.iter().copied().fold(0.0, f64::max))
        };
        sum.chunks(wide).enumerate().map(point).collect()
    }
}
