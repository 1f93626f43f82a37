//! Writing numbers, uuids and instants as text, straight into the event's buffer.
//!
//! Every function here copies a fixed number of bytes and then cuts the buffer to what is wanted: a copy of known size is two
//! instructions, one of unknown size is a call.

/// How many readable bytes must follow every piece that [`put`] copies.
pub(super) const SLACK: usize = 32;

/// Appends `arena[start..start + len]`. The arena has [`SLACK`] more bytes after its last piece.
#[inline(always)]
pub(super) fn put(out: &mut Vec<u8>, arena: &[u8], start: usize, len: usize) {
    if len <= SLACK {
        let end = out.len() + len;
        out.extend_from_slice(&arena[start..start + SLACK]);
        out.truncate(end);
    } else {
        out.extend_from_slice(&arena[start..start + len]);
    }
}

const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

/// Appends a number in decimal.
#[inline]
pub(super) fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut text = [0; 20];
    let mut at = digits;
    while number >= 100 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&TWO_DIGITS[(number % 100) as usize]);
        number /= 100;
    }
    if number >= 10 {
        text[..2].copy_from_slice(&TWO_DIGITS[number as usize]);
    } else {
        text[0] = b'0' + number as u8;
    }
    let end = out.len() + digits;
    out.extend_from_slice(&text);
    out.truncate(end);
}

/// Appends a number in decimal, with its sign.
#[inline]
pub(super) fn put_i64(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    put_u64(out, number.unsigned_abs());
}

/// Appends a number of hundredths as a number with two decimals.
#[inline]
pub(super) fn put_hundredths(out: &mut Vec<u8>, hundredths: i64) {
    if hundredths < 0 {
        out.push(b'-');
    }
    let size = hundredths.unsigned_abs();
    put_u64(out, size / 100);
    let [tens, ones] = TWO_DIGITS[(size % 100) as usize];
    out.extend_from_slice(&[b'.', tens, ones]);
}

/// Appends a random (version 4) uuid made of these bits.
#[inline]
pub(super) fn put_uuid(out: &mut Vec<u8>, high: u64, low: u64) {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & (u64::MAX >> 2)) | 1 << 63;
    let (a, b) = (hex8((high >> 32) as u32), hex8(high as u32));
    let (c, d) = (hex8((low >> 32) as u32), hex8(low as u32));
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&a);
    text[9..13].copy_from_slice(&b[..4]);
    text[14..18].copy_from_slice(&b[4..]);
    text[19..23].copy_from_slice(&c[..4]);
    text[24..28].copy_from_slice(&c[4..]);
    text[28..].copy_from_slice(&d);
    out.extend_from_slice(&text);
}

/// Eight hexadecimal digits at once.
#[inline(always)]
fn hex8(number: u32) -> [u8; 8] {
    // Spread the nibbles over the bytes of a word, then turn all of them into characters together.
    let mut x = u64::from(number);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    const ONES: u64 = 0x0101_0101_0101_0101;
    let letters = ((x + 6 * ONES) >> 4) & ONES;
    (x + u64::from(b'0') * ONES + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

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
    text: [u8; 30],
}

impl Default for Second {
    fn default() -> Second {
        Second {
            number: i64::MIN,
            text: [0; 30],
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

    /// Appends the simulated instant as RFC 3339 with milliseconds: `2026-11-30T12:01:00.250-05:00`.
    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>, due_ns: u64, last: &mut Second) {
        let millis = self.millis(due_ns);
        let (second, thousandths) = (millis.div_euclid(1000), millis.rem_euclid(1000));
        if last.number != second {
            last.number = second;
            self.write(second, &mut last.text);
        }
        last.text[20] = b'0' + (thousandths / 100) as u8;
        last.text[21..23].copy_from_slice(&TWO_DIGITS[(thousandths % 100) as usize]);
        let end = out.len() + 23 + self.suffix.1;
        out.extend_from_slice(&last.text);
        out.truncate(end);
    }

    #[cold]
    fn write(&self, second: i64, text: &mut [u8; 30]) {
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

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"|".to_vec();
        write(&mut out);
        String::from_utf8(out).unwrap()[1..].to_owned()
    }

    #[test]
    fn numbers_are_as_the_standard_library_writes_them() {
        let mut numbers = vec![0, u64::MAX, u64::MAX - 1];
        for power in 0..20 {
            let ten = 10u64.pow(power);
            numbers.extend([ten - 1, ten, ten + 1, ten * 7 / 3]);
        }
        for number in numbers {
            assert_eq!(text(|out| put_u64(out, number)), number.to_string());
            let signed = number as i64;
            assert_eq!(text(|out| put_i64(out, signed)), signed.to_string());
        }
    }

    #[test]
    fn hundredths() {
        for (number, written) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (12_345, "123.45"),
            (-100, "-1.00"),
        ] {
            assert_eq!(text(|out| put_hundredths(out, number)), written);
        }
    }

    #[test]
    fn uuids() {
        let written = text(|out| put_uuid(out, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210));
        assert_eq!(written, "01234567-89ab-4def-bedc-ba9876543210");
        assert_eq!(
            text(|out| put_uuid(out, 0, 0)),
            "00000000-0000-4000-8000-000000000000"
        );
    }

    #[test]
    fn pieces_short_and_long() {
        let arena: Vec<u8> = (0..200).collect();
        for len in [0, 1, 31, 32, 33, 150] {
            let mut out = vec![9; 3];
            put(&mut out, &arena, 10, len);
            assert_eq!(out[3..], arena[10..10 + len]);
        }
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
                let written = text(|out| calendar.put(out, due_ns, &mut second));
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
            settle: Duration::ZERO,
            catch_up: Duration::ZERO,
        };
        let write = |time: &Time| {
            text(|out| Calendar::new(time).put(out, 250_000_000, &mut Second::default()))
        };
        assert_eq!(write(&time), "2026-11-30T12:01:00.250-05:00");
        time.starts = "2026-11-30T00:00:00+00:00[UTC]".parse().unwrap();
        assert_eq!(write(&time), "2026-11-30T12:01:00.250Z");
    }
}
