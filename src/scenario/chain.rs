//! What a journey comes to on average: its states are an absorbing Markov chain, its follow-ups a branching process.
//!
//! With the probabilities of the ways between states as the matrix Q, a chain enters its states `start · (I − Q)⁻¹` times on average
//! (Kemeny and Snell, Finite Markov Chains, 3.2). Each time it visits the state `times` times. With M the mean number of events
//! that follow from one event, the events of states and all that follows are `sent · (I − M)⁻¹`.

use super::{Journey, State};

/// Less than this is left to end a state: rounding of what was meant to be all.
const LEFT: f64 = 1e-9;

impl State {
    /// The probability that the journey ends when the state is left.
    pub(super) fn ends(&self) -> f64 {
        let on: f64 = self.next.iter().map(|way| way.p).sum();
        match 1.0 - on {
            left if left < LEFT => 0.0,
            left => left,
        }
    }
}

/// States that are never left for good, in a circle. `None` when every journey ends, wherever it begins.
pub(super) fn endless_states(journey: &Journey) -> Option<Vec<usize>> {
    let states = &journey.states;
    let mut ends: Vec<bool> = states.iter().map(|s| s.ends() > 0.0).collect();
    loop {
        let leads = |s: &State| s.next.iter().any(|way| ends[way.to]);
        let more = (0..states.len()).find(|&s| !ends[s] && leads(&states[s]));
        match more {
            Some(state) => ends[state] = true,
            None => break,
        }
    }
    // A state that never ends leads to such states alone: by any way, one comes round.
    let first = ends.iter().position(|ends| !ends)?;
    let mut path = vec![first];
    loop {
        let next = states[path[path.len() - 1]].next.first()?.to;
        if let Some(at) = path.iter().position(|s| *s == next) {
            return Some(path.split_off(at));
        }
        path.push(next);
    }
}

/// Which states a journey can reach from `start`, that one included.
pub(super) fn reachable(journey: &Journey, start: usize) -> Vec<bool> {
    let mut reached = vec![false; journey.states.len()];
    let mut open = vec![start];
    while let Some(state) = open.pop() {
        if !std::mem::replace(&mut reached[state], true) {
            open.extend(journey.states[state].next.iter().map(|way| way.to));
        }
    }
    reached
}

/// How often a journey that begins at `start` visits each of its states on average. It must not be endless.
pub(super) fn visits(journey: &Journey, start: usize) -> Vec<f64> {
    let size = journey.states.len();
    let mut entered = vec![0.0; size];
    entered[start] = 1.0;
    let reached = reachable(journey, start);
    let mut flow = vec![vec![0.0; size]; size];
    for (from, state) in journey
        .states
        .iter()
        .enumerate()
        .filter(|(s, _)| reached[*s])
    {
        for way in &state.next {
            flow[from][way.to] += way.p;
        }
    }
    let entered = settle(flow, entered).unwrap_or_else(|_| vec![0.0; size]);
    let times = journey.states.iter().map(|state| state.times.mean());
    entered.into_iter().zip(times).map(|(e, t)| e * t).collect()
}

/// The events a journey can send at all, ascending: indices into the scenario's events.
pub(super) fn kinds(journey: &Journey) -> Vec<usize> {
    let of_states = journey.states.iter().flat_map(|s| &s.emits);
    let following = journey.follows.iter().flat_map(|f| &f.emits);
    let mut kinds: Vec<usize> = of_states.chain(following).copied().collect();
    kinds.extend(journey.follows.iter().map(|f| f.on));
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// How many events of each kind the visits of states come to, follow-ups included, in the order of [`kinds`]. The follow-ups must not
/// be endless.
pub(super) fn sent(journey: &Journey, kinds: &[usize], visits: &[f64]) -> Vec<f64> {
    let mut direct = vec![0.0; kinds.len()];
    for (state, visits) in journey.states.iter().zip(visits) {
        for event in &state.emits {
            if let Ok(kind) = kinds.binary_search(event) {
                direct[kind] += visits;
            }
        }
    }
    settle(offspring(journey, kinds), direct).unwrap_or_else(|_| vec![0.0; kinds.len()])
}

/// The state whose visits come to most events, follow-ups included, and how many those are.
pub(super) fn busiest(journey: &Journey, visits: &[f64]) -> (usize, f64) {
    let kinds = kinds(journey);
    let events = |state: usize| {
        let mut alone = vec![0.0; visits.len()];
        alone[state] = visits[state];
        sent(journey, &kinds, &alone).iter().sum::<f64>()
    };
    let states = (0..visits.len()).map(|state| (state, events(state)));
    states.fold(
        (0, 0.0),
        |most, next| if next.1 > most.1 { next } else { most },
    )
}

/// Events that follow from one another and never come to an end, in a circle: indices into the scenario's events. `None` when all
/// end.
pub(super) fn endless_follows(journey: &Journey) -> Option<Vec<usize>> {
    let kinds = kinds(journey);
    let mean = offspring(journey, &kinds);
    let at = settle(mean.clone(), vec![0.0; kinds.len()]).err()?;
    let round = circle(&mean, at)?;
    Some(round.into_iter().map(|kind| kinds[kind]).collect())
}

/// How many events of each kind follow directly from one of each kind.
fn offspring(journey: &Journey, kinds: &[usize]) -> Vec<Vec<f64>> {
    let mut mean = vec![vec![0.0; kinds.len()]; kinds.len()];
    for follow in &journey.follows {
        for event in &follow.emits {
            let place = (kinds.binary_search(&follow.on), kinds.binary_search(event));
            if let (Ok(on), Ok(event)) = place {
                mean[on][event] += follow.p * follow.times.mean();
            }
        }
    }
    mean
}

/// The shortest way from a place back to itself along positive entries, without its end.
fn circle(mean: &[Vec<f64>], at: usize) -> Option<Vec<usize>> {
    let mut paths = std::collections::VecDeque::from([vec![at]]);
    let mut seen = vec![false; mean.len()];
    while let Some(path) = paths.pop_front() {
        for (next, number) in mean[path[path.len() - 1]].iter().enumerate() {
            if *number > 0.0 && next == at {
                return Some(path);
            }
            if *number > 0.0 && !std::mem::replace(&mut seen[next], true) {
                paths.push_back([path.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

/// Solves `x = given + x · flow`: what comes in, and all that it leads to. By elimination without a change of places, which is
/// stable here, and tells at which place the sum has no end: there a pivot is not above zero.
fn settle(flow: Vec<Vec<f64>>, mut given: Vec<f64>) -> Result<Vec<f64>, usize> {
    let size = given.len();
    // Transposed, so that rows are equations: x[i] - Σ flow[j][i] x[j] = given[i].
    let mut rows: Vec<Vec<f64>> = (0..size)
        .map(|i| {
            (0..size)
                .map(|j| f64::from(u8::from(i == j)) - flow[j][i])
                .collect()
        })
        .collect();
    for pivot in 0..size {
        if rows[pivot][pivot] < LEFT / 2.0 {
            return Err(pivot);
        }
        let (above, below) = rows.split_at_mut(pivot + 1);
        let row = &above[pivot];
        for (offset, other) in below.iter_mut().enumerate() {
            let factor = other[pivot] / row[pivot];
            if factor == 0.0 {
                continue;
            }
            for column in pivot..size {
                other[column] -= factor * row[column];
            }
            given[pivot + 1 + offset] -= factor * given[pivot];
        }
    }
    for pivot in (0..size).rev() {
        let known: f64 = (pivot + 1..size).map(|c| rows[pivot][c] * given[c]).sum();
        given[pivot] = (given[pivot] - known) / rows[pivot][pivot];
    }
    Ok(given)
}
