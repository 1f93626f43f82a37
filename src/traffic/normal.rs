//! The standard normal distribution and its inverse, in arithmetic that is the same on every machine.
//!
//! The system's `exp` and `log` may differ in the last bit between libraries and processors, and what is built from these functions
//! decides bytes that a plan hash promises; `libm` is plain Rust.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// The probability of a value below `z`.
pub(super) fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The value that a share `p` of the distribution lies below. Minus infinity at 0, infinity at 1.
pub(super) fn quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    if p > 0.5 {
        // 1 - p is exact here, and the lower tail is the accurate one.
        return -quantile(1.0 - p);
    }
    let z = first_guess(p);
    // One step of Halley's method brings the guess's 1e-9 to the limit of doubles.
    let error = (below(z) - p) * libm::sqrt(TAU) * libm::exp(z * z / 2.0);
    z - error / (1.0 + z * error / 2.0)
}

/// Acklam's rational approximation for `0 < p <= 0.5`; relative error below 1.15e-9.
fn first_guess(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e+01,
        2.209460984245205e+02,
        -2.759285104469687e+02,
        1.38357751867269e+02,
        -3.066479806614716e+01,
        2.506628277459239e+00,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e+01,
        1.615858368580409e+02,
        -1.556989798598866e+02,
        6.680131188771972e+01,
        -1.328068155288572e+01,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e+00,
        -2.549732539343734e+00,
        4.374664141464968e+00,
        2.938163982698783e+00,
    ];
    const D: [f64; 5] = [
        7.784695709041462e-03,
        3.224671290700398e-01,
        2.445134137142996e+00,
        3.754408661907416e+00,
        1.0,
    ];
    let polynomial = |terms: &[f64], x: f64| terms.iter().fold(0.0, |sum, term| sum * x + term);
    if p < 0.02425 {
        let q = libm::sqrt(-2.0 * libm::log(p));
        polynomial(&C, q) / polynomial(&D, q)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // Tables of the normal distribution.
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-3.0, 0.001_349_898_031_630_094_6),
            (-6.0, 9.865_876_450_376_946e-10),
        ] {
            assert!((below(z) / p - 1.0).abs() < 1e-12, "below {z}");
            assert!((quantile(p) - z).abs() < 1e-9, "quantile {p}");
        }
    }

    #[test]
    fn quantile_is_the_inverse() {
        for step in 1..2000 {
            let z = -7.5 + f64::from(step) * 0.0035;
            assert!(
                (quantile(below(z)) - z).abs() < 1e-11 * (1.0 + z.abs()),
                "{z}"
            );
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
    }
}
