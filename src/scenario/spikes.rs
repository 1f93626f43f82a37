//! When the flows' spikes begin and end.
//!
//! A spike is over when it adds less than a twentieth to what the curve is without it: an exponential fall never ends. Only shapes that
//! do end are spikes in this sense: flashes, bells, and squares, of which the last one counts.

use std::time::Duration;

use super::{Flow, Shape, Time};

/// Of what the curve is without it, how much a spike that is over may still add.
const OVER: f64 = 0.05;

/// From the beginning of the first spike to the end of the last, in real time since the start of the load; `None` without spikes that
/// begin in the part that is played.
pub(super) fn spell<'a>(
    time: &Time,
    flows: impl Iterator<Item = &'a Flow>,
) -> Option<(Duration, Duration)> {
    let (from, to) = (time.play.0.as_secs_f64(), time.play.1.as_secs_f64());
    let spells = flows
        .flat_map(|flow| &flow.spikes)
        .filter_map(|shape| of_shape(shape, (from, to)))
        .filter(|(begin, end)| *begin < to && *end > from);
    let (begin, end) = spells.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let real = |at: f64| Duration::try_from_secs_f64((at - from).max(0.0) / time.compress).ok();
    Some((real(begin)?, real(end)?))
}

/// Beginning and end in seconds of simulated time since the start of the span.
fn of_shape(shape: &Shape, play: (f64, f64)) -> Option<(f64, f64)> {
    match *shape {
        Shape::Flash {
            at,
            height,
            base,
            attack,
            hold,
            decay,
        } => {
            let fall = decay * excess(height, base)?.ln().max(0.0);
            Some((at, at + attack + hold + fall))
        }
        Shape::Gaussian {
            at,
            sd,
            height,
            base,
        } => {
            let reach = sd * (2.0 * excess(height, base)?.ln().max(0.0)).sqrt();
            Some((at - reach, at + reach))
        }
        Shape::Square {
            every,
            on,
            height,
            base,
        } => {
            excess(height, base)?;
            // The first and the last that begin in the part that is played.
            let first = (play.0 / every).ceil() * every;
            let last = (play.1 / every).ceil() * every - every;
            (last >= first).then_some((first, last + on))
        }
        _ => None,
    }
}

/// How many times as high as the limit of [`OVER`] the top stands; `None` for what is no rise.
fn excess(height: f64, base: f64) -> Option<f64> {
    let without = if base > 0.0 { base } else { height };
    let excess = (height - base) / (OVER * without);
    (height > base && excess.is_finite()).then_some(excess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_is_over_when_a_twentieth_is_left_of_the_base() {
        let flash = Shape::Flash {
            at: 100.0,
            height: 3.0,
            base: 1.0,
            attack: 5.0,
            hold: 10.0,
            decay: 20.0,
        };
        let (begin, end) = of_shape(&flash, (0.0, 1_000.0)).unwrap();
        assert_eq!(begin, 100.0);
        // 2 e^(-t/20) = 0.05, so t = 20 ln 40.
        assert!((end - (115.0 + 20.0 * 40_f64.ln())).abs() < 1e-9);
    }

    #[test]
    fn the_last_square_that_begins_counts() {
        let square = Shape::Square {
            every: 60.0,
            on: 10.0,
            height: 2.0,
            base: 1.0,
        };
        assert_eq!(of_shape(&square, (30.0, 185.0)), Some((60.0, 190.0)));
        assert_eq!(of_shape(&square, (61.0, 119.0)), None);
    }

    #[test]
    fn a_dip_is_no_spike() {
        let dip = Shape::Gaussian {
            at: 10.0,
            sd: 1.0,
            height: 0.5,
            base: 1.0,
        };
        assert_eq!(of_shape(&dip, (0.0, 100.0)), None);
    }
}
