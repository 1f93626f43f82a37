//! What customers do one thing after the other: chains of states with events, and what follows from an event.

/// How many pools may keep their last draw from visit to visit (`keep_on`) in one journey.
pub const HELD: usize = 3;

/// A semi-Markov chain of states, each of which may send events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journey {
    /// Its name.
    pub name: String,
    /// Where it begins unless its flow says otherwise: index into [`Journey::states`].
    pub start: usize,
    /// Pools drawn once a journey: indices into the scenario's pools. Any other is drawn once a visit of a state.
    pub keeps: Vec<usize>,
    /// The most events of one journey, follow-ups counted; it ends with the last of these.
    pub at_most: u32,
    /// What it can be in.
    pub states: Vec<State>,
    /// What follows from its events.
    pub follows: Vec<Follow>,
}

/// A state of a journey.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Its name.
    pub name: String,
    /// The events that entering it sends, all at once: indices into the scenario's events. None: a silent state.
    pub emits: Vec<usize>,
    /// How often it is visited in a row, [`State::after`] between any two, before it is left. Each is a visit of its own.
    pub times: Times,
    /// Where to, by probability; what is left to 1 ends the journey.
    pub next: Vec<Next>,
    /// How long until the next visit, of this state or another.
    pub after: Lag,
    /// Pools whose last draw stays in this state: indices into the scenario's pools.
    pub keep_on: Vec<usize>,
}

/// A way out of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Next {
    /// Index into [`Journey::states`].
    pub to: usize,
    /// Its probability, above 0.
    pub p: f64,
    /// How long it takes, in place of the state's [`State::after`].
    pub after: Option<Lag>,
}

/// What follows from an event, independently of the chain and of other follow-ups.
#[derive(Clone, Debug, PartialEq)]
pub struct Follow {
    /// The event it follows: index into the scenario's events. Also that of another follow-up.
    pub on: usize,
    /// What it sends: indices into the scenario's events.
    pub emits: Vec<usize>,
    /// How likely it is, in (0, 1].
    pub p: f64,
    /// How often, each a lag behind the one before.
    pub times: Times,
    /// How long after.
    pub after: Lag,
}

/// A length of time in a journey.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Length {
    /// Seconds.
    pub seconds: f64,
    /// Real time, which `compress` leaves alone; else simulated.
    pub real: bool,
}

/// A length of time that is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lag {
    /// Always this.
    Fixed(Length),
    /// Evenly between these.
    Uniform(Length, Length),
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: Length,
    },
    /// Log-normal.
    LogNormal {
        /// Its median.
        median: Length,
        /// Standard deviation of the logarithm.
        sigma: f64,
        /// Longer ones are drawn anew: the law is cut off here.
        max: Option<Length>,
    },
    /// Gamma.
    Gamma {
        /// Its mean.
        mean: Length,
        /// Its standard deviation over its mean.
        cv: f64,
    },
    /// Until the next time the simulated clock shows this, and evenly within some time after it.
    At {
        /// Seconds since midnight.
        clock: f64,
        /// Simulated seconds.
        within: f64,
    },
}

impl Default for Lag {
    fn default() -> Lag {
        Lag::Fixed(Length::default())
    }
}

/// A number that is drawn: how often, or how many. Rounded to the nearest whole number, at least 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Times {
    /// Always this.
    Fixed(f64),
    /// Evenly between these, ends included.
    Uniform(f64, f64),
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: f64,
    },
    /// Log-normal.
    LogNormal {
        /// Its median.
        median: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
        /// Larger ones are drawn anew: the law is cut off here.
        max: Option<f64>,
    },
    /// Gamma.
    Gamma {
        /// Its mean.
        mean: f64,
        /// Its standard deviation over its mean.
        cv: f64,
    },
}

impl Default for Times {
    fn default() -> Times {
        Times::Fixed(1.0)
    }
}
