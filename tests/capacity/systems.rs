//! Systems whose capacity is known, second by second in virtual time.
//!
//! All but M/M/c are fluid: in each tenth of a second events come in (Poisson, by its normal approximation), wait for what the system
//! serves in order, and are late when their wait, or their service alone, passes the limit.

use highwater::rng::{Purpose, Stream, stream};
use rand_distr::{Distribution, Exp1, StandardNormal};

/// Length of a turn, in seconds.
pub const TURN_S: f64 = 0.1;

/// What came of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    /// Events that were due in it.
    pub due: f64,
    /// Those of them that will be late.
    pub late: f64,
    /// What waits at its end.
    pub backlog: f64,
    /// The system asked its client to wait.
    pub throttled: bool,
    /// Records that its readers found twice.
    pub duplicated: f64,
}

/// A system under test.
pub trait System {
    /// One turn at this rate.
    fn turn(&mut self, per_s: f64) -> Turn;
}

fn normal(rng: &mut Stream) -> f64 {
    StandardNormal.sample(rng)
}

/// A count of this mean.
fn poisson(rng: &mut Stream, mean: f64) -> f64 {
    (mean + mean.sqrt() * normal(rng)).round().max(0.0)
}

/// How many of `n` for each of which the probability is `p`.
fn binomial(rng: &mut Stream, n: f64, p: f64) -> f64 {
    let mean = n * p;
    if mean < 30.0 {
        // Few of many: Poisson, drawn by its gaps.
        let mut sum: f64 = Exp1.sample(rng);
        let mut count = 0.0;
        while sum < mean {
            count += 1.0;
            sum += Distribution::<f64>::sample(&Exp1, rng);
        }
        return f64::min(count, n);
    }
    (mean + (mean * (1.0 - p)).sqrt() * normal(rng))
        .round()
        .clamp(0.0, n)
}

/// Noise that forgets: AR(1) by turn, stationary, of mean 0.
#[derive(Clone, Copy, Debug)]
pub struct Drifting {
    pub sd: f64,
    /// Correlation from one second to the next.
    pub memory: f64,
    value: f64,
}

impl Drifting {
    pub fn new(sd: f64, memory: f64) -> Drifting {
        let value = 0.0;
        Drifting { sd, memory, value }
    }

    fn next(&mut self, rng: &mut Stream) -> f64 {
        let memory = self.memory.powf(TURN_S);
        let fresh = self.sd * (1.0 - memory * memory).sqrt();
        self.value = memory * self.value + fresh * normal(rng);
        self.value
    }
}

/// How the capacity changes over time.
#[derive(Clone, Copy, Debug)]
pub enum Course {
    Steady,
    /// By this share every second.
    Drift(f64),
    /// Once over two seconds of load wait, this share of the capacity is left, until the load is below half of it.
    Hysteresis(f64),
}

/// Serves in order at a capacity; the share that is late for other reasons grows towards it.
#[derive(Clone, Debug)]
pub struct Queue {
    pub capacity: f64,
    /// The longest wait that is not late, in seconds.
    pub limit_s: f64,
    /// Of a knee: the share that is late at rate r is 1 % at `knee.0` and grows with its exp(`knee.1` (r / `knee.0` - 1)).
    pub knee: Option<(f64, f64)>,
    pub speed: Drifting,
    pub lateness: Drifting,
    pub course: Course,
    pub credit: Credit,
    waiting: f64,
    degraded: bool,
    at_s: f64,
    rng: Stream,
}

/// What a system lets pass beyond its capacity for a while.
#[derive(Clone, Debug)]
pub enum Credit {
    None,
    /// Tokens come at the capacity; so many seconds of them are kept.
    Bucket {
        kept_s: f64,
        tokens: f64,
        told: bool,
    },
    /// Kafka's client quota: samples of a second, of which the last 11 are averaged. Whoever is above has to wait until the average
    /// is what it may be.
    Window {
        samples: Vec<f64>,
        muted_until_s: f64,
    },
}

impl Credit {
    pub fn bucket(kept_s: f64, told: bool) -> Credit {
        let tokens = f64::INFINITY;
        Credit::Bucket {
            kept_s,
            tokens,
            told,
        }
    }

    pub fn window() -> Credit {
        Credit::Window {
            samples: vec![0.0; 11],
            muted_until_s: 0.0,
        }
    }
}

impl Queue {
    pub fn new(seed: u64, capacity: f64) -> Queue {
        Queue {
            capacity,
            limit_s: 0.1,
            knee: None,
            speed: Drifting::new(0.0, 0.5),
            lateness: Drifting::new(0.0, 0.5),
            course: Course::Steady,
            credit: Credit::None,
            waiting: 0.0,
            degraded: false,
            at_s: 0.0,
            rng: stream(seed, Purpose::Test, 1, 0),
        }
    }

    /// What it would serve now, without credit.
    pub fn carries(&self) -> f64 {
        match self.course {
            Course::Steady => self.capacity,
            Course::Drift(by) => self.capacity * (1.0 + by * self.at_s),
            Course::Hysteresis(left) if self.degraded => self.capacity * left,
            Course::Hysteresis(_) => self.capacity,
        }
    }

    /// What it serves in this turn at most, and whether it tells that it holds back.
    fn serves(&mut self) -> (f64, bool) {
        let per_s = self.carries() * (1.0 + self.speed.next(&mut self.rng)).max(0.1);
        let turn = per_s * TURN_S;
        match &mut self.credit {
            Credit::None => (turn, false),
            Credit::Bucket {
                kept_s,
                tokens,
                told,
            } => {
                *tokens = (*tokens + turn).min(*kept_s * per_s);
                let served = tokens.min(6.0 * turn).min(self.waiting);
                *tokens -= served;
                (served, *told && served < self.waiting && *tokens < turn)
            }
            Credit::Window {
                samples,
                muted_until_s,
            } => {
                let second = self.at_s as usize;
                let fresh = (self.at_s.fract()) < TURN_S / 2.0;
                if fresh {
                    samples[second % 11] = 0.0;
                }
                if self.at_s < *muted_until_s {
                    return (0.0, true);
                }
                let served = (6.0 * turn).min(self.waiting);
                samples[second % 11] += served;
                let seconds = 10.0 + self.at_s.fract();
                let rate = samples.iter().sum::<f64>() / seconds;
                if rate > per_s {
                    *muted_until_s = self.at_s + (rate - per_s) / per_s * seconds;
                }
                (served, rate > per_s)
            }
        }
    }
}

impl System for Queue {
    fn turn(&mut self, per_s: f64) -> Turn {
        let due = poisson(&mut self.rng, per_s * TURN_S);
        let before = self.waiting;
        self.waiting += due;
        let (serves, throttled) = self.serves();
        self.waiting = (self.waiting - serves).max(0.0);
        self.at_s = ((self.at_s + TURN_S) * 10.0).round() / 10.0;
        if let Course::Hysteresis(left) = self.course {
            self.degraded |= self.waiting > 2.0 * self.capacity;
            self.degraded &= per_s > 0.5 * left * self.capacity || self.waiting > 0.0;
        }
        // What came in this turn waits behind what was there.
        let wait_s = (before + self.waiting) / 2.0 / self.carries();
        let held = throttled && self.waiting > due;
        let late = if wait_s > self.limit_s || held {
            due
        } else {
            let noise = self.lateness.next(&mut self.rng);
            // exp of a normal has the mean exp(sd²/2).
            let noise = (noise - self.lateness.sd.powi(2) / 2.0).exp();
            let share = self.knee.map_or(0.001, |(at, steep)| {
                (0.01 * (steep * (per_s / at - 1.0)).exp() * noise).min(1.0)
            });
            binomial(&mut self.rng, due, share)
        };
        Turn {
            due,
            late,
            backlog: self.waiting + 0.002 * per_s,
            throttled,
            duplicated: 0.0,
        }
    }
}

/// A system that writes a record twice every two seconds, once the rate is above this.
#[derive(Clone, Debug)]
pub struct Repeating {
    pub queue: Queue,
    pub above_per_s: f64,
    turns: u32,
}

impl Repeating {
    pub fn new(queue: Queue, above_per_s: f64) -> Repeating {
        Repeating {
            queue,
            above_per_s,
            turns: 0,
        }
    }
}

impl System for Repeating {
    fn turn(&mut self, per_s: f64) -> Turn {
        self.turns += 1;
        let repeats = per_s > self.above_per_s && self.turns.is_multiple_of(20);
        Turn {
            duplicated: f64::from(u8::from(repeats)),
            ..self.queue.turn(per_s)
        }
    }
}

/// A system that halts for a second every twenty, at any rate: a garbage collection.
#[derive(Clone, Debug)]
pub struct Halting {
    pub queue: Queue,
    turns: u32,
}

impl Halting {
    pub fn new(queue: Queue) -> Halting {
        Halting { queue, turns: 0 }
    }
}

impl System for Halting {
    fn turn(&mut self, per_s: f64) -> Turn {
        let halts = self.turns % 200 < 10;
        self.turns += 1;
        let turn = self.queue.turn(per_s);
        Turn {
            late: if halts { turn.due } else { turn.late },
            ..turn
        }
    }
}

/// M/M/c, event by event (Kiefer and Wolfowitz 1955).
#[derive(Clone, Debug)]
pub struct Servers {
    /// Each serves so many a second.
    pub each_per_s: f64,
    pub limit_s: f64,
    /// When each is free again.
    free_s: Vec<f64>,
    /// When each event that has come is answered, of those that are not.
    open_s: Vec<f64>,
    next_s: f64,
    at_s: f64,
    rng: Stream,
}

impl Servers {
    pub fn new(seed: u64, servers: usize, each_per_s: f64, limit_s: f64) -> Servers {
        Servers {
            each_per_s,
            limit_s,
            free_s: vec![0.0; servers],
            open_s: Vec::new(),
            next_s: 0.0,
            at_s: 0.0,
            rng: stream(seed, Purpose::Test, 2, 0),
        }
    }

    /// The highest rate at which at most this share of the responses is above the limit. A response is a wait, exponential at rate
    /// d = cμ - λ with Erlang's probability C and else none, and a service of rate μ:
    /// P(T > t) = (1 - C) e^(-μt) + C (μ e^(-dt) - d e^(-μt)) / (μ - d).
    pub fn capacity(&self, share: f64) -> f64 {
        let (mu, c) = (self.each_per_s, self.free_s.len() as f64);
        let above = |rate: f64| {
            let a = rate / mu;
            let mut term = 1.0;
            let mut sum = 0.0;
            for k in 0..self.free_s.len() {
                sum += term;
                term *= a / (k as f64 + 1.0);
            }
            let last = term * c / (c - a);
            let erlang = last / (sum + last);
            let (d, t) = (c * mu - rate, self.limit_s);
            let served = (-mu * t).exp();
            (1.0 - erlang) * served + erlang * (mu * (-d * t).exp() - d * served) / (mu - d)
        };
        let (mut low, mut high) = (0.0, c * mu);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if above(middle) > share {
                high = middle;
            } else {
                low = middle;
            }
        }
        low
    }
}

impl System for Servers {
    fn turn(&mut self, per_s: f64) -> Turn {
        let end_s = self.at_s + TURN_S;
        // Poisson arrivals forget: a new rate begins with a new gap.
        let gap = |rng: &mut Stream| -> f64 { Distribution::<f64>::sample(&Exp1, rng) / per_s };
        self.next_s = self.at_s + gap(&mut self.rng);
        let mut turn = Turn::default();
        while self.next_s < end_s {
            let first = self
                .free_s
                .iter_mut()
                .min_by(|a, b| a.total_cmp(b))
                .expect("there is a server");
            let service: f64 = Exp1.sample(&mut self.rng);
            let answered = first.max(self.next_s) + service / self.each_per_s;
            *first = answered;
            self.open_s.push(answered);
            turn.due += 1.0;
            turn.late += f64::from(u8::from(answered - self.next_s > self.limit_s));
            self.next_s += gap(&mut self.rng);
        }
        self.at_s = end_s;
        self.open_s.retain(|answered| *answered > end_s);
        turn.backlog = self.open_s.len() as f64;
        turn
    }
}
