//! Writing texts, numbers and uuids into the buffer of an event.
//!
//! Most pieces are a few bytes long. A copy of a known size is two instructions where one of an unknown size is a call, so a [`Pen`]
//! copies more than is wanted and moves on by what is wanted. And it writes into room that has been made for the whole event before:
//! the length of a growing `Vec` lies in memory, and every piece would wait until that of the piece before has been stored.

/// How many bytes should follow every piece that [`Pen::piece`] copies, and how much more room is made than is asked for.
pub(super) const SLACK: usize = 64;

/// The most bytes a number takes, with its sign and decimals.
pub(super) const NUMBER_LEN: usize = 24;

/// The bytes of a number in hexadecimal.
pub(super) const HEX_LEN: usize = 16;

/// The bytes of a uuid.
pub(super) const UUID_LEN: usize = 36;

/// Writes into room at the end of a buffer. What it writes counts once it is put down.
pub(super) struct Pen<'a> {
    buffer: &'a mut Vec<u8>,
    at: usize,
}

impl<'a> Pen<'a> {
    /// A pen that appends up to `most` bytes to a buffer.
    #[inline(always)]
    pub(super) fn new(buffer: &'a mut Vec<u8>, most: usize) -> Pen<'a> {
        let at = buffer.len();
        buffer.resize(at + most + SLACK, 0);
        Pen { buffer, at }
    }

    /// Cuts the buffer where the pen stands.
    #[inline(always)]
    pub(super) fn put_down(self) {
        self.buffer.truncate(self.at);
    }

    /// Where in the buffer the next byte goes.
    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Copies `SIZE` bytes, of which `len` count.
    #[inline(always)]
    pub(super) fn copy<const SIZE: usize>(&mut self, bytes: &[u8; SIZE], len: usize) {
        self.buffer[self.at..self.at + SIZE].copy_from_slice(bytes);
        self.at += len;
    }

    /// Writes bytes of any number.
    #[inline(always)]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        self.buffer[self.at..end].copy_from_slice(bytes);
        self.at = end;
    }

    /// Writes `arena[start..start + len]`; fast if the arena has [`SLACK`] more bytes behind its last piece.
    #[inline(always)]
    pub(super) fn piece(&mut self, arena: &[u8], start: usize, len: usize) {
        let Some(from) = arena[start..].first_chunk::<SLACK>() else {
            return self.bytes(&arena[start..start + len]);
        };
        if len <= SLACK / 2 {
            let end = self.at + SLACK / 2;
            self.buffer[self.at..end].copy_from_slice(&from[..SLACK / 2]);
            self.at += len;
        } else if len <= SLACK {
            self.copy(from, len);
        } else {
            self.bytes(&arena[start..start + len]);
        }
    }

    /// Writes one byte.
    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        self.copy(&[byte], 1);
    }

    /// Writes a number in decimal.
    #[inline(always)]
    pub(super) fn unsigned(&mut self, number: u64) {
        if number < 100_000_000 {
            return self.upto_eight(number as u32);
        }
        let (high, low) = (number / 100_000_000, (number % 100_000_000) as u32);
        if high < 100_000_000 {
            self.upto_eight(high as u32);
        } else {
            self.upto_eight((high / 100_000_000) as u32);
            self.eight((high % 100_000_000) as u32);
        }
        self.eight(low);
    }

    /// Writes a number below 10^8 without leading zeros.
    #[inline(always)]
    fn upto_eight(&mut self, number: u32) {
        let digits = eight_digits(number);
        // The last digit stays even if it is zero.
        let zeros = (digits | 1 << 56).trailing_zeros() / 8;
        let text = (digits | ASCII_ZEROS) >> (8 * zeros);
        self.copy(&text.to_le_bytes(), 8 - zeros as usize);
    }

    /// Writes a number below 10^8 with leading zeros.
    #[inline(always)]
    fn eight(&mut self, number: u32) {
        self.copy(&(eight_digits(number) | ASCII_ZEROS).to_le_bytes(), 8);
    }

    /// Writes a number in decimal, with its sign.
    #[inline(always)]
    pub(super) fn signed(&mut self, number: i64) {
        self.copy(b"-", usize::from(number < 0));
        self.unsigned(number.unsigned_abs());
    }

    /// Writes a number of hundredths as a number with two decimals.
    #[inline(always)]
    pub(super) fn hundredths(&mut self, hundredths: i64) {
        self.copy(b"-", usize::from(hundredths < 0));
        let size = hundredths.unsigned_abs();
        self.unsigned(size / 100);
        let [tens, ones] = TWO_DIGITS[(size % 100) as usize];
        self.copy(&[b'.', tens, ones], 3);
    }

    /// Writes a number as 16 hexadecimal digits.
    #[inline(always)]
    pub(super) fn hex(&mut self, number: u64) {
        let mut text = [0; HEX_LEN];
        text[..8].copy_from_slice(&hex8((number >> 32) as u32));
        text[8..].copy_from_slice(&hex8(number as u32));
        self.copy(&text, HEX_LEN);
    }

    /// Writes a random (version 4) uuid made of these bits.
    #[inline(always)]
    pub(super) fn uuid(&mut self, high: u64, low: u64) {
        let high = (high & !0xf000) | 0x4000;
        let low = (low & (u64::MAX >> 2)) | 1 << 63;
        let (a, b) = (hex8((high >> 32) as u32), hex8(high as u32));
        let (c, d) = (hex8((low >> 32) as u32), hex8(low as u32));
        let mut text = [b'-'; UUID_LEN];
        text[..8].copy_from_slice(&a);
        text[9..13].copy_from_slice(&b[..4]);
        text[14..18].copy_from_slice(&b[4..]);
        text[19..23].copy_from_slice(&c[..4]);
        text[24..28].copy_from_slice(&c[4..]);
        text[28..].copy_from_slice(&d);
        self.copy(&text, UUID_LEN);
    }
}

const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight decimal digits of a number below 10^8, one to a byte, the first in the lowest: halves are divided side by side.
#[inline(always)]
fn eight_digits(number: u32) -> u64 {
    let fours = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    // 10486 / 2^20 is 1/100 for numbers below 10,000, and 103 / 2^10 is 1/10 for those below 100.
    let high = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = high | (fours - high * 100) << 16;
    let high = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    high | (twos - high * 10) << 8
}

/// 00 to 99.
pub(super) const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn append(buffer: &mut Vec<u8>, most: usize, write: impl FnOnce(&mut Pen<'_>)) {
        let mut pen = Pen::new(buffer, most);
        write(&mut pen);
        pen.put_down();
    }

    fn text(write: impl FnOnce(&mut Pen<'_>)) -> String {
        let mut out = b"|".to_vec();
        append(&mut out, 100, write);
        String::from_utf8(out).unwrap()[1..].to_owned()
    }

    #[test]
    fn numbers_are_as_the_standard_library_writes_them() {
        let mut numbers = vec![0, u64::MAX, u64::MAX - 1];
        for power in 0..20 {
            let ten = 10u64.pow(power);
            numbers.extend([ten - 1, ten, ten + 1, (ten / 3).wrapping_mul(7)]);
        }
        for number in numbers {
            assert_eq!(text(|pen| pen.unsigned(number)), number.to_string());
            let signed = number as i64;
            assert_eq!(text(|pen| pen.signed(signed)), signed.to_string());
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
            assert_eq!(text(|pen| pen.hundredths(number)), written);
        }
    }

    #[test]
    fn uuids() {
        let written = text(|pen| pen.uuid(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210));
        assert_eq!(written, "01234567-89ab-4def-bedc-ba9876543210");
        assert_eq!(
            text(|pen| pen.uuid(0, 0)),
            "00000000-0000-4000-8000-000000000000"
        );
    }

    #[test]
    fn all_eight_digits() {
        for number in (0..100_000_000).step_by(9973).chain([99_999_999]) {
            let written = text(|pen| pen.eight(number));
            assert_eq!(written, format!("{number:08}"));
        }
        for number in 0..20_000 {
            assert_eq!(text(|pen| pen.unsigned(number)), number.to_string());
        }
    }

    #[test]
    fn pieces_short_and_long() {
        let arena: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for len in [0, 1, 31, 32, 33, 64, 65, 150, 4000] {
            let mut out = vec![9; 3];
            append(&mut out, 100 * len, |pen| {
                for _ in 0..100 {
                    pen.piece(&arena, 10, len);
                }
                assert_eq!(pen.at(), 3 + 100 * len);
            });
            assert_eq!(out[3..], arena[10..10 + len].repeat(100));
        }
    }
}
