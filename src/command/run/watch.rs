//! What the driver sees, as the progress shows it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::{Clock, Monotonic, NS_PER_S};
use crate::drive::Phase;
use crate::drive::run::Observer;
use crate::measure::live::{Live, LiveFigures};
use crate::report::progress::{Load, Progress, Stage, simulated};
use crate::scenario::Scenario;

/// Rates are those of this stretch of time before now.
const RATE_NS: u64 = 2 * NS_PER_S;

/// Turns looks at the run into stages of its progress.
pub(super) struct LiveView {
    scenario: Arc<Scenario>,
    progress: Progress,
    looks: VecDeque<(u64, LiveFigures)>,
    settling_from_ns: Option<u64>,
    catching_up_from_ns: Option<u64>,
}

impl LiveView {
    pub(super) fn new(scenario: Arc<Scenario>, progress: Progress) -> LiveView {
        LiveView {
            scenario,
            progress,
            looks: VecDeque::new(),
            settling_from_ns: None,
            catching_up_from_ns: None,
        }
    }

    pub(super) fn show(&mut self, stage: Stage) {
        self.progress.show(Monotonic.now(), stage);
    }

    pub(super) fn finish(self) {
        self.progress.finish();
    }

    fn load(&mut self, now_ns: u64, live: &Live) -> Load {
        let figures = live.figures(now_ns, None);
        self.looks.push_back((now_ns, figures));
        while self.looks.len() > 2 && self.looks[1].0 + RATE_NS <= now_ns {
            self.looks.pop_front();
        }
        let (then_ns, then) = self.looks[0];
        let seconds = (now_ns - then_ns) as f64 / NS_PER_S as f64;
        let rate = |of: fn(&LiveFigures) -> u64| {
            let grown = of(&figures).saturating_sub(of(&then)) as f64;
            if seconds > 0.0 { grown / seconds } else { 0.0 }
        };
        Load {
            elapsed_ns: now_ns,
            total_ns: self.scenario.time.run_ns(),
            simulated: simulated(&self.scenario.time, now_ns),
            offered_per_s: rate(|figures| figures.account.planned),
            acknowledged_per_s: rate(|figures| figures.account.acknowledged),
            backlog: figures.backlog(),
            p99_ns: live.quantile_us(now_ns, None, 0.99).map(|us| us * 1_000),
            oldest_ns: figures.oldest_wait_ns,
            failed: figures.account.failed,
        }
    }
}

impl Observer for LiveView {
    fn look(&mut self, phase: Phase, now_ns: u64, live: &Live) {
        let time = &self.scenario.time;
        let left = |from: u64, lasts: std::time::Duration| {
            (from + lasts.as_nanos() as u64).saturating_sub(now_ns)
        };
        let stage = match phase {
            Phase::GettingReady { ready, of } => Stage::Consumers { ready, of },
            Phase::Load => Stage::Load(self.load(now_ns, live)),
            Phase::Settling => {
                let from = *self.settling_from_ns.get_or_insert(now_ns);
                Stage::Settling {
                    open: live.figures(now_ns, None).backlog(),
                    left_ns: left(from, time.settle),
                }
            }
            Phase::CatchingUp { unread } => {
                let from = *self.catching_up_from_ns.get_or_insert(now_ns);
                Stage::CatchingUp {
                    unread,
                    left_ns: left(from, time.catch_up),
                }
            }
        };
        self.show(stage);
    }
}
