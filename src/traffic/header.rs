//! Record headers as they lie in an event's buffer: for each, the length of its name (2 bytes, little-endian), of its value (4), name,
//! value.

/// The headers of an event, from where [`super::Rendered::headers`] says they lie. What is not whole ends them.
pub fn headers(encoded: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    let mut rest = encoded;
    std::iter::from_fn(move || {
        let (name_len, after) = rest.split_first_chunk::<2>()?;
        let (value_len, after) = after.split_first_chunk::<4>()?;
        let (name, after) = after.split_at_checked(u16::from_le_bytes(*name_len).into())?;
        let value_len = usize::try_from(u32::from_le_bytes(*value_len)).ok()?;
        let (value, after) = after.split_at_checked(value_len)?;
        rest = after;
        Some((std::str::from_utf8(name).ok()?, value))
    })
}

/// Appends a header whose value `write` appends. The name has at most 65,535 bytes.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&(name.len() as u16).to_le_bytes());
    let len_at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(name.as_bytes());
    let start = out.len();
    write(out);
    let len = (out.len() - start) as u32;
    out[len_at..len_at + 4].copy_from_slice(&len.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let mut out = Vec::new();
        put(&mut out, "source", |out| out.extend_from_slice(b"app"));
        put(&mut out, "", |_| ());
        put(&mut out, "größe", |out| out.extend_from_slice(&[0; 300]));
        let got: Vec<(&str, &[u8])> = headers(&out).collect();
        let ought: [(&str, &[u8]); 3] = [("source", b"app"), ("", b""), ("größe", &[0; 300])];
        assert_eq!(got, ought);
        for len in 0..out.len() {
            assert!(headers(&out[..len]).count() < 3);
        }
    }
}
