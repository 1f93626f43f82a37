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

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Follow, Lag, Next, Times};
    use super::*;

    /// A state that sends these events and goes on by these ways.
    pub fn state(emits: &[usize], next: &[(usize, f64)]) -> State {
        let way = |&(to, p): &(usize, f64)| Next { to, p, after: None };
        State {
            emits: emits.to_vec(),
            next: next.iter().map(way).collect(),
            ..State::default()
        }
    }

    pub fn follow(on: usize, emits: &[usize], p: f64, times: Times) -> Follow {
        Follow {
            on,
            emits: emits.to_vec(),
            p,
            times,
            after: Lag::default(),
        }
    }

    pub fn journey(states: Vec<State>, follows: Vec<Follow>) -> Journey {
        Journey {
            at_most: 500,
            states,
            follows,
            ..Journey::default()
        }
    }

    /// Views and carts, as of a shop: `add` is the way from a view to the cart.
    fn shop(add: f64) -> Journey {
        let states = vec![
            state(&[7], &[(0, 0.86), (1, add)]),
            state(&[3], &[(0, 0.5), (2, 0.3)]),
            state(&[5], &[]),
        ];
        let mut journey = journey(states, vec![follow(5, &[9, 3], 0.5, Times::Fixed(4.0))]);
        journey.states[1].times = Times::Fixed(2.0);
        journey
    }

    #[test]
    fn visits_and_events_are_those_of_the_closed_form() {
        let shop = shop(0.087);
        // v = 1 + 0.86 v + 0.5 a, a = 0.087 v, and each stay in the cart is two visits.
        let view = 1.0 / (1.0 - 0.86 - 0.5 * 0.087);
        let expected = [view, 2.0 * 0.087 * view, 0.3 * 0.087 * view];
        let visits = visits(&shop, 0);
        for (found, expected) in visits.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{visits:?}");
        }
        let kinds = kinds(&shop);
        assert_eq!(kinds, [3, 5, 7, 9]);
        let order = expected[2];
        let of_events = [expected[1] + 2.0 * order, order, view, 2.0 * order];
        let sent = sent(&shop, &kinds, &visits);
        for (found, expected) in sent.iter().zip(of_events) {
            assert!((found - expected).abs() < 1e-12, "{sent:?}");
        }
        assert_eq!(busiest(&shop, &visits).0, 0);
    }

    #[test]
    fn another_chain_or_start_comes_to_something_else() {
        let right = visits(&shop(0.087), 0);
        let wrong = visits(&shop(0.077), 0);
        assert!((right[2] - wrong[2]).abs() > 0.01, "{right:?} {wrong:?}");
        assert_eq!(visits(&shop(0.087), 2), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn follow_ups_of_follow_ups_add_up() {
        // A payment is tried again with 0.3: a geometric series.
        let retry = journey(
            vec![state(&[0], &[])],
            vec![
                follow(0, &[1], 1.0, Times::Fixed(1.0)),
                follow(1, &[1], 0.3, Times::Fixed(1.0)),
                follow(1, &[2], 0.7, Times::Fixed(1.0)),
            ],
        );
        let sent = sent(&retry, &[0, 1, 2], &visits(&retry, 0));
        let tried = 1.0 / 0.7;
        for (found, expected) in sent.iter().zip([1.0, tried, 0.7 * tried]) {
            assert!((found - expected).abs() < 1e-12, "{sent:?}");
        }
        assert_eq!(endless_follows(&retry), None);
    }

    #[test]
    fn what_never_ends_is_found() {
        let round = journey(
            vec![
                state(&[0], &[(1, 0.4)]),
                state(&[0], &[(2, 1.0)]),
                state(&[], &[(3, 0.5), (1, 0.5)]),
                state(&[0], &[(2, 1.0)]),
            ],
            Vec::new(),
        );
        let found = endless_states(&round).unwrap();
        assert!(found.contains(&2) && !found.contains(&0), "{found:?}");
        // Not quite: a way out of a thousandth is one.
        let mut nearly = round;
        nearly.states[3].next[0].p = 0.999;
        assert_eq!(endless_states(&nearly), None);
        assert!(visits(&nearly, 1)[2] > 1000.0);
    }

    #[test]
    fn breeding_follow_ups_are_found_and_others_are_not() {
        let bred = |p, times| {
            let follows = vec![
                follow(0, &[4], 1.0, Times::Fixed(1.0)),
                follow(4, &[8], p, Times::Fixed(times)),
                follow(8, &[4], 1.0, Times::Fixed(1.0)),
            ];
            endless_follows(&journey(vec![state(&[0], &[])], follows))
        };
        assert_eq!(bred(0.49, 2.0), None);
        let circle = bred(0.5, 2.0).unwrap();
        assert!(circle == [4, 8] || circle == [8, 4], "{circle:?}");
    }
}
