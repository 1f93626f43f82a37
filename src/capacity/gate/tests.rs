//! The gate against simulated pairs: how often it cries wolf, and what it catches.
//!
//! The machine is the one of the literature's simulations: an AR(1) drift (each run keeps 0.9 of the last one's) and white noise
//! besides, both on the logarithm of the figure.

use rand::RngExt;
use rand_distr::StandardNormal;

use super::*;
use crate::capacity::effect::Compared;
use crate::rng::{Purpose, Stream, stream};

/// A machine whose speed drifts.
struct Machine {
    draw: Stream,
    drift: f64,
    drift_sd: f64,
    white_sd: f64,
}

impl Machine {
    fn new(seed: u64, drift_sd: f64, white_sd: f64) -> Machine {
        let mut draw = stream(seed, Purpose::Test, 6, 0);
        let drift = drift_sd * draw.sample::<f64, _>(StandardNormal);
        Machine {
            draw,
            drift,
            drift_sd,
            white_sd,
        }
    }

    /// What a run is off by, as a logarithm.
    fn run(&mut self) -> f64 {
        const KEPT: f64 = 0.9;
        let step = self.drift_sd * (1.0 - KEPT * KEPT).sqrt();
        self.drift = KEPT * self.drift + step * self.draw.sample::<f64, _>(StandardNormal);
        self.drift + self.white_sd * self.draw.sample::<f64, _>(StandardNormal)
    }
}

/// The drift of the research: 5 % slow, 2 % from run to run.
fn research(seed: u64) -> Machine {
    Machine::new(seed, 0.05, 0.02)
}

fn question(of: Compared) -> Question {
    Question {
        of,
        min_effect: of.usual_effect(),
    }
}

fn rules(of: &[Compared]) -> Rules {
    Rules {
        questions: of.iter().copied().map(question).collect(),
        first: FIRST,
        most: MOST,
        retries: RETRIES,
        evidence: Evidence::Pairs,
        same: false,
    }
}

/// Runs a gate on one figure whose candidate is off by `effect` (a ratio). Returns its end and the pairs it took.
fn gate(of: Compared, effect: f64, machine: &mut Machine) -> (Outcome, usize) {
    let mut gate = Gate::new(rules(&[of]));
    let (mut action, mut pairs) = (gate.start(), 0);
    loop {
        let turn = match action {
            Action::Done(outcome) => return (outcome, pairs),
            Action::Pair(turn) => turn,
        };
        pairs += 1;
        let (one, other) = (machine.run(), machine.run());
        let (baseline, candidate) = match turn.first {
            Side::Baseline => (one, other),
            Side::Candidate => (other, one),
        };
        action = gate.next(Observation::Pair(vec![Some(
            candidate + effect.ln() - baseline,
        )]));
    }
}

/// How many of `seeds` gates end so.
fn count(
    seeds: u64,
    decision: Decision,
    of: Compared,
    effect: f64,
    machine: fn(u64) -> Machine,
) -> u64 {
    (0..seeds)
        .filter(|seed| gate(of, effect, &mut machine(*seed)).0.decision == decision)
        .count() as u64
}

#[test]
fn the_same_against_the_same_hardly_ever_fails() {
    // The bar is 1 %, so 40 of 4,000; the true rate is far below, so a count of 40 would be a fault, not chance.
    for (of, machine) in [
        (Compared::Throughput, research as fn(u64) -> Machine),
        (Compared::Response(0.99), research),
        (Compared::Response(0.99), |seed| {
            Machine::new(seed, 0.05, 0.05)
        }),
        // A noisy machine must say that it is one, and not cry wolf either.
        (Compared::Response(0.99), |seed| {
            Machine::new(seed, 0.1, 0.3)
        }),
        (Compared::Throughput, |seed| Machine::new(seed, 0.1, 0.1)),
    ] {
        let alarms = count(4_000, Decision::Failed, of, 1.0, machine);
        assert!(alarms <= 40, "{}: {alarms} of 4,000", of.name());
    }
}

#[test]
fn the_same_against_the_same_passes_where_the_noise_allows() {
    // At 7 standard errors from the margin a response passes almost always: 3 of 2,000 missing would already be many.
    let passed = count(
        2_000,
        Decision::Passed,
        Compared::Response(0.99),
        1.0,
        research,
    );
    assert!(passed >= 1_990, "{passed} of 2,000");
    // Throughput's margin of 3 % is 2.9 standard errors away at 12 pairs: some 95 % pass, the rest say that they can't tell. The count's
    // standard deviation is sqrt(2000 * 0.95 * 0.05) = 9.7, and 1,800 lies 10 of them below.
    let passed = count(2_000, Decision::Passed, Compared::Throughput, 1.0, research);
    assert!(passed >= 1_800, "{passed} of 2,000");
}

#[test]
fn a_response_a_quarter_slower_is_caught() {
    // The bar is 95 %: 1,900 of 2,000. The true rate is above 98 %, whose count has a standard deviation of sqrt(2000 * 0.98 * 0.02) = 6.3:
    // 1,900 lies 9 of them below 1,960. Once with the research's drift, once with 5 % that no interleaving takes away.
    for machine in [research as fn(u64) -> Machine, |seed| {
        Machine::new(seed, 0.0, 0.05)
    }] {
        let caught = count(
            2_000,
            Decision::Failed,
            Compared::Response(0.99),
            1.25,
            machine,
        );
        assert!(caught >= 1_900, "{caught} of 2,000");
    }
}

#[test]
fn a_throughput_8_percent_lower_is_caught() {
    // As above; a pair's deviation is sqrt(2 * (0.05² * 0.1 + 0.02²)) = 3.6 %.
    let caught = count(
        2_000,
        Decision::Failed,
        Compared::Throughput,
        0.92,
        research,
    );
    assert!(caught >= 1_900, "{caught} of 2,000");
}

#[test]
fn what_does_not_matter_is_let_through() {
    // 2 % of throughput and 5 % of a response are there, and below what matters.
    for (of, effect) in [
        (Compared::Throughput, 0.98),
        (Compared::Response(0.5), 1.05),
    ] {
        let failed = count(2_000, Decision::Failed, of, effect, research);
        assert!(failed <= 20, "{}: {failed} of 2,000", of.name());
    }
}

#[test]
fn the_usual_rule_cries_wolf() {
    // Ten runs of the one, then ten of the other, and a change of 5 % of the means: the research counts 13.7 % false alarms.
    let naive = (0..2_000)
        .filter(|seed| {
            let mut machine = research(*seed);
            let mut mean = || (0..10).map(|_| machine.run().exp()).sum::<f64>() / 10.0;
            let (baseline, candidate) = (mean(), mean());
            candidate < baseline * 0.95
        })
        .count();
    assert!(naive >= 200, "{naive} of 2,000");
}

#[test]
fn what_smallest_found_promises_is_kept() {
    // 95 %, as the bound above; the machine's noise is white, so that it is known.
    let of = Compared::Throughput;
    let deviation = 2_f64.sqrt() * 0.03;
    let effect = question(of)
        .smallest_found(deviation, MOST, Evidence::Pairs)
        .expect("known");
    let caught = (0..2_000)
        .filter(|seed| {
            let (outcome, _) = gate(of, 1.0 - effect, &mut Machine::new(*seed, 0.0, 0.03));
            outcome.decision == Decision::Failed
        })
        .count();
    assert!(caught >= 1_860, "{effect}: {caught} of 2,000");
}

#[test]
fn a_quiet_machine_needs_8_pairs_and_a_caught_regression_16() {
    let quiet = |seed| Machine::new(seed, 0.0, 0.005);
    assert_eq!(gate(Compared::Response(0.99), 1.0, &mut quiet(1)).1, 8);
    assert_eq!(gate(Compared::Response(0.99), 1.5, &mut quiet(1)).1, 16);
}

fn turns(gate: &mut Gate, mut observe: impl FnMut(Turn) -> Observation) -> (Vec<Turn>, Outcome) {
    let (mut action, mut turns) = (gate.start(), Vec::new());
    loop {
        match action {
            Action::Done(outcome) => return (turns, outcome),
            Action::Pair(turn) => {
                turns.push(turn);
                action = gate.next(observe(turn));
            }
        }
    }
}

#[test]
fn sides_take_turns() {
    let mut gate = Gate::new(rules(&[Compared::Cpu]));
    let (turns, _) = turns(&mut gate, |_| Observation::Pair(vec![Some(0.0)]));
    let firsts: Vec<Side> = turns.iter().map(|turn| turn.first).collect();
    assert_eq!(
        firsts[..4],
        [
            Side::Baseline,
            Side::Candidate,
            Side::Baseline,
            Side::Candidate
        ]
    );
    let firsts = firsts.iter().filter(|first| **first == Side::Baseline);
    assert_eq!(firsts.count(), 4);
}

#[test]
fn a_pair_that_cannot_count_is_run_again_and_not_for_ever() {
    let mut gate = Gate::new(rules(&[Compared::Cpu]));
    let (run, outcome) = turns(&mut gate, |turn| match (turn.number, turn.again) {
        (3, 0) | (5, 0 | 1) => Observation::Unusable("a thread was full".into()),
        _ => Observation::Pair(vec![Some(0.0)]),
    });
    assert_eq!((run.len(), outcome.decision), (11, Decision::Passed));
    assert_eq!(run[2].first, run[3].first, "in the same order");
    let mut gate = Gate::new(rules(&[Compared::Cpu]));
    let (run, outcome) = turns(&mut gate, |_| {
        Observation::Unusable("a thread was full".into())
    });
    assert_eq!((run.len(), outcome.decision), (3, Decision::Unusable));
    assert_eq!(outcome.unusable.as_deref(), Some("a thread was full"));
}

#[test]
fn a_figure_that_does_not_recur_passes_and_one_that_nobody_has_is_said() {
    let mut gate = Gate::new(rules(&[Compared::Cpu, Compared::Throughput]));
    let (run, outcome) = turns(&mut gate, |turn| {
        let ratio = if turn.look == 1 { 0.5 } else { 0.0 };
        Observation::Pair(vec![Some(ratio + 0.001 * turn.number as f64), None])
    });
    assert_eq!((run.len(), outcome.decision), (16, Decision::Passed));
    let [cpu, throughput] = outcome.answers[..] else {
        panic!()
    };
    assert_eq!(
        (cpu.first.finding, cpu.outcome.finding),
        (Finding::Worse, Finding::Same)
    );
    assert_eq!(throughput.outcome.finding, Finding::Nothing);
}

#[test]
fn noise_beyond_deciding_is_said() {
    let mut gate = Gate::new(rules(&[Compared::Response(0.99)]));
    let (run, outcome) = turns(&mut gate, |turn| {
        Observation::Pair(vec![Some(if turn.number % 2 == 0 { 0.5 } else { -0.5 })])
    });
    assert_eq!((run.len(), outcome.decision), (12, Decision::TooNoisy));
}

#[test]
fn a_stored_run_is_weaker_evidence() {
    let stored = Rules {
        evidence: Evidence::Stored,
        ..rules(&[Compared::Response(0.99)])
    };
    let (mut pairs, mut stored) = (
        Gate::new(rules(&[Compared::Response(0.99)])),
        Gate::new(stored),
    );
    // A quarter slower by pairs that scatter by 7 %.
    let scatter = [
        0.22, 0.32, 0.12, 0.28, 0.16, 0.3, 0.14, 0.24, 0.2, 0.26, 0.18, 0.22,
    ];
    let observe = |turn: Turn| Observation::Pair(vec![Some(scatter[turn.number - 1])]);
    assert_eq!(turns(&mut pairs, observe).1.decision, Decision::Failed);
    let (_, outcome) = turns(&mut stored, observe);
    assert_eq!(outcome.decision, Decision::TooNoisy, "{outcome:?}");
}

#[test]
fn the_same_twice_takes_all_pairs_of_one_look() {
    let mut gate = Gate::new(Rules {
        same: true,
        ..rules(&[Compared::Cpu])
    });
    let (run, outcome) = turns(&mut gate, |_| Observation::Pair(vec![Some(0.5)]));
    assert_eq!(run.len(), 12);
    assert_eq!(outcome.answers[0].second, None);
}
