//! Simulated instants as text.

use super::pen::{Pen, TWO_DIGITS};

/// The most bytes an instant takes.
pub(super) const INSTANT_LEN: usize = 29;

/// Turns a due instant into the simulated one, as a template shows it.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// The simulated instant at the start of the load: milliseconds since 1970 UTC.
    base_ms: i64,
    /// Simulated nanoseconds in a real one, over a million.
    ms_per_ns: f64,
    /// What local time is ahead of UTC, in seconds.
    offset_s: i64,
    /// The offset as RFC 3339 writes it.
    suffix: ([u8; 6], usize),
}

/// The second a [`Calendar`] wrote last: most events fall into the same one as the event before.
#[derive(Clone, Debug)]
pub(super) struct Second {
    number: i64,
    text: [u8; 32],
}

impl Default for Second {
    fn default() -> Second {
        Second {
            number: i64::MIN,
            text: [0; 32],
        }
    }
}

impl Calendar {
    pub(super) fn new(time: &crate::scenario::Time) -> Calendar {
        let offset_s = i64::from(time.starts.offset().seconds());
        let minutes = offset_s.unsigned_abs() / 60;
        let suffix = if offset_s == 0 {
            (*b"Z     ", 1)
        } else {
            let [h1, h0] = TWO_DIGITS[(minutes / 60 % 100) as usize];
            let [m1, m0] = TWO_DIGITS[(minutes % 60) as usize];
            let sign = if offset_s < 0 { b'-' } else { b'+' };
            ([sign, h1, h0, b':', m1, m0], 6)
        };
        Calendar {
            base_ms: time.starts.timestamp().as_millisecond() + time.play.0.as_millis() as i64,
            ms_per_ns: time.compress / 1e6,
            offset_s,
            suffix,
        }
    }

    /// The simulated instant of a due one: milliseconds since 1970 UTC.
    #[inline]
    pub(super) fn millis(&self, due_ns: u64) -> i64 {
        self.base_ms + (due_ns as f64 * self.ms_per_ns) as i64
    }

    /// Writes a simulated instant, given in milliseconds since 1970, as RFC 3339 with milliseconds: `2026-11-30T12:01:00.250-05:00`.
    #[inline(always)]
    pub(super) fn put(&self, pen: &mut Pen<'_>, millis: i64, last: &mut Second) {
        let (second, thousandths) = (millis.div_euclid(1000), millis.rem_euclid(1000));
        if last.number != second {
            last.number = second;
            self.write(second, &mut last.text);
        }
        last.text[20] = b'0' + (thousandths / 100) as u8;
        last.text[21..23].copy_from_slice(&TWO_DIGITS[(thousandths % 100) as usize]);
        pen.copy(&last.text, 23 + self.suffix.1);
    }

    #[inline(never)]
    fn write(&self, second: i64, text: &mut [u8; 32]) {
        let local = second + self.offset_s;
        let (year, month, day) = date(local.div_euclid(86_400));
        let of_day = local.rem_euclid(86_400);
        let mut pair = |at: usize, number: i64| {
            text[at..at + 2].copy_from_slice(&TWO_DIGITS[number.rem_euclid(100) as usize]);
        };
        pair(0, year / 100);
        pair(2, year);
        pair(5, month);
        pair(8, day);
        pair(11, of_day / 3600);
        pair(14, of_day / 60 % 60);
        pair(17, of_day % 60);
        for (at, mark) in [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (19, b'.'),
        ] {
            text[at] = mark;
        }
        text[23..29].copy_from_slice(&self.suffix.0);
    }
}

/// Year, month and day of a number of days since 1970-01-01 (Hinnant's `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Time;
    use std::time::Duration;

    fn text(write: impl FnOnce(&mut Pen<'_>)) -> String {
        let mut out = Vec::new();
        let mut pen = Pen::new(&mut out, INSTANT_LEN);
        write(&mut pen);
        pen.put_down();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn instants_are_as_jiff_writes_them() {
        for starts in [
            "2026-11-30T00:00:00-05:00[-05:00]",
            "2024-02-28T23:59:58.75+05:30[+05:30]",
            "1969-12-31T23:00:00+00:00[UTC]",
        ] {
            let starts: jiff::Zoned = starts.parse().unwrap();
            let time = Time {
                starts: starts.clone(),
                span: Duration::from_secs(86_400),
                play: (Duration::from_secs(43_260), Duration::from_secs(86_400)),
                compress: 144.0,
                warmup: Duration::ZERO,
                history: Duration::ZERO,
                settle: Duration::ZERO,
                catch_up: Duration::ZERO,
            };
            let calendar = Calendar::new(&time);
            let mut second = Second::default();
            for step in 0..4000u64 {
                let due_ns = step * 312_345_678;
                let at = starts.timestamp().as_millisecond()
                    + 43_260_000
                    + (due_ns as f64 * 144.0 / 1e6) as i64;
                let at = jiff::Timestamp::from_millisecond(at).unwrap();
                let written = text(|pen| calendar.put(pen, calendar.millis(due_ns), &mut second));
                assert_eq!(written.parse::<jiff::Timestamp>().unwrap(), at);
                let local = at.to_zoned(starts.time_zone().clone());
                let ought = local.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string();
                assert!(written.starts_with(&ought), "{written} {ought}");
            }
        }
        let starts: jiff::Zoned = "2026-11-30T00:00:00-05:00[-05:00]".parse().unwrap();
        let mut time = Time {
            starts,
            span: Duration::from_secs(86_400),
            play: (Duration::from_secs(43_260), Duration::from_secs(86_400)),
            compress: 1.0,
            warmup: Duration::ZERO,
            history: Duration::ZERO,
            settle: Duration::ZERO,
            catch_up: Duration::ZERO,
        };
        let write = |time: &Time| {
            let calendar = Calendar::new(time);
            let at = calendar.millis(250_000_000);
            text(|pen| calendar.put(pen, at, &mut Second::default()))
        };
        assert_eq!(write(&time), "2026-11-30T12:01:00.250-05:00");
        time.starts = "2026-11-30T00:00:00+00:00[UTC]".parse().unwrap();
        assert_eq!(write(&time), "2026-11-30T12:01:00.250Z");
    }
}
