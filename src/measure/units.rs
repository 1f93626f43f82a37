//! Measured numbers as people read them: one way everywhere, three significant digits, the unit always there.
//!
//! Counts that belong to an account keep every digit, since they must add up in front of the reader.

/// A time in microseconds: `812 µs`, `4.1 ms`, `1.25 s`, `2 min 5 s`.
pub fn time_us(us: u64) -> String {
    const STEPS: [(f64, &str); 2] = [(1.0, "µs"), (1e3, "ms")];
    for (unit, name) in STEPS {
        let value = us as f64 / unit;
        // 999.5 would be shown as 1000: the next unit says it better.
        if value < 999.5 {
            return format!("{} {name}", significant(value));
        }
    }
    let seconds = us as f64 / 1e6;
    if seconds < 119.5 {
        return format!("{} s", significant(seconds));
    }
    long_time(seconds.round() as u64)
}

/// A time in nanoseconds, as [`time_us`] shows it.
pub fn time_ns(ns: u64) -> String {
    if ns > 0 && ns < 1_000 {
        return format!("{ns} ns");
    }
    time_us(ns / 1_000)
}

/// Whole seconds from two minutes up: `2 min 5 s`, `1 h 2 min`.
fn long_time(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// An instant or a length as a clock shows it: `0:34`, `10:00`, `1:02:05`.
pub fn clock_s(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{minutes}:{rest:02}")
    }
}

/// A rate per second: `820/s`, `18.5k/s`, `1.24M/s`.
pub fn rate(per_s: f64) -> String {
    format!("{}/s", short(per_s))
}

/// A number where its last digits do not matter: `820`, `18.5k`, `1.24M`, `1.6G`.
pub fn short(value: f64) -> String {
    const STEPS: [(f64, &str); 4] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")];
    let size = value.abs();
    let (unit, suffix) = STEPS
        .into_iter()
        .find(|(unit, _)| size / unit < 999.5)
        .unwrap_or((1e9, "G"));
    format!("{}{suffix}", significant(value / unit))
}

/// A count with every digit: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun, which loses its `s` for one: `1 record`, `1,234 records`.
pub fn counted(value: u64, plural: &str) -> String {
    let noun = match value {
        1 => plural.strip_suffix('s').unwrap_or(plural),
        _ => plural,
    };
    format!("{} {noun}", count(value))
}

/// A size in bytes, in powers of ten: `512 B`, `1.2 kB`, `3.4 GB`.
pub fn bytes(value: u64) -> String {
    const STEPS: [(f64, &str); 5] = [
        (1.0, "B"),
        (1e3, "kB"),
        (1e6, "MB"),
        (1e9, "GB"),
        (1e12, "TB"),
    ];
    let size = value as f64;
    let (unit, name) = STEPS
        .into_iter()
        .find(|(unit, _)| size / unit < 999.5)
        .unwrap_or((1e12, "TB"));
    format!("{} {name}", significant(size / unit))
}

/// A share of one: `0.2 %`, `99.5 %`. Never rounds a small share to nothing, nor a large one to all.
pub fn share(value: f64) -> String {
    let percent = value * 100.0;
    if percent > 0.0 && percent < 0.001 {
        return "under 0.001 %".to_owned();
    }
    if percent < 100.0 && percent > 99.9 {
        // Down, not to nearest: 99.9996 is not 100.
        return format!("{:.3} %", (percent * 1e3).floor() / 1e3);
    }
    format!("{} %", significant(percent))
}

/// A quantile's name: `p50`, `p99`, `p99.9`.
pub fn quantile(q: f64) -> String {
    // Rounded to nine places, so that 0.999 * 100 is not shown as 99.90000000000001.
    format!("p{}", (q * 1e11).round() / 1e9)
}

/// Three significant digits, zeros at the end left out.
fn significant(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        s if s >= 99.95 => 0,
        s if s >= 9.995 => 1,
        s if s >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_roll_over_to_the_next_unit() {
        let shown: Vec<String> = [
            0, 1, 999, 1_000, 4_100, 99_960, 999_499, 999_500, 1_254_000, 44_000_000,
        ]
        .into_iter()
        .map(time_us)
        .collect();
        assert_eq!(
            shown,
            [
                "0 µs", "1 µs", "999 µs", "1 ms", "4.1 ms", "100 ms", "999 ms", "1 s", "1.25 s",
                "44 s"
            ]
        );
        assert_eq!(time_us(119_499_999), "119 s");
        assert_eq!(time_us(119_500_000), "2 min");
        assert_eq!(time_us(125_000_000), "2 min 5 s");
        assert_eq!(time_us(3_600_000_000), "1 h");
        assert_eq!(time_us(3_720_000_000), "1 h 2 min");
    }

    #[test]
    fn nanoseconds_below_one_microsecond_stay() {
        assert_eq!(time_ns(0), "0 µs");
        assert_eq!(time_ns(730), "730 ns");
        assert_eq!(time_ns(4_100_000), "4.1 ms");
    }

    #[test]
    fn clocks() {
        assert_eq!(clock_s(0), "0:00");
        assert_eq!(clock_s(34), "0:34");
        assert_eq!(clock_s(600), "10:00");
        assert_eq!(clock_s(3_725), "1:02:05");
    }

    #[test]
    fn rates_and_numbers() {
        assert_eq!(rate(0.0), "0/s");
        assert_eq!(rate(0.5), "0.5/s");
        assert_eq!(rate(820.0), "820/s");
        assert_eq!(rate(999.6), "1k/s");
        assert_eq!(rate(18_518.5), "18.5k/s");
        assert_eq!(rate(1_240_000.0), "1.24M/s");
        assert_eq!(short(-1_530.0), "-1.53k");
        assert_eq!(short(-0.0001), "0");
        assert_eq!(short(5e12), "5000G");
    }

    #[test]
    fn counts_keep_every_digit() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "records"), "1 record");
        assert_eq!(counted(2_000, "records"), "2,000 records");
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_200), "1.2 kB");
        assert_eq!(bytes(1_234_000_000), "1.23 GB");
        assert_eq!(bytes(999_999), "1 MB");
    }

    #[test]
    fn shares_never_round_to_nothing_or_to_all() {
        assert_eq!(share(0.0), "0 %");
        assert_eq!(share(1.0), "100 %");
        assert_eq!(share(0.002), "0.2 %");
        assert_eq!(share(0.000_001), "under 0.001 %");
        assert_eq!(share(0.999_999), "99.999 %");
        assert_eq!(share(0.999_999_99), "99.999 %");
    }

    #[test]
    fn quantile_names() {
        assert_eq!(quantile(0.5), "p50");
        assert_eq!(quantile(0.99), "p99");
        assert_eq!(quantile(0.999), "p99.9");
        assert_eq!(quantile(0.9999), "p99.99");
    }
}
