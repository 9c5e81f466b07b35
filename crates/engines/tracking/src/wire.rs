//! Values as bytes: numbers of variable length, texts behind their length.

/// Whether the bytes were not what they should be: only a damaged disk writes such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

impl From<Damaged> for base::Error {
    fn from(_: Damaged) -> Self {
        Self::internal("a record of the tracking store is damaged")
    }
}

/// The answer of whatever reads.
pub type Read<T> = Result<T, Damaged>;

/// Appends values to bytes.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// A number from 0, seven bits a byte, the lowest first.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number near 0 on either side.
    pub fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A number with a point.
    pub fn real(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A text, or none.
    pub fn maybe(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                self.number(text.len() as u64 + 1);
                self.0.extend_from_slice(text.as_bytes());
            }
            None => self.number(0),
        }
    }
}

/// Takes values off bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// So many bytes.
    pub fn bytes(&mut self, count: u64) -> Read<&'a [u8]> {
        let count = usize::try_from(count).map_err(|_| Damaged)?;
        let (front, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(front)
    }

    /// See [`Writer::number`].
    pub fn number(&mut self) -> Read<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    /// See [`Writer::signed`].
    pub fn signed(&mut self) -> Read<i64> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// See [`Writer::real`].
    pub fn real(&mut self) -> Read<f64> {
        let bytes = self.bytes(8)?.try_into().map_err(|_| Damaged)?;
        Ok(f64::from_bits(u64::from_le_bytes(bytes)))
    }

    /// See [`Writer::text`].
    pub fn text(&mut self) -> Read<&'a str> {
        let length = self.number()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Damaged)
    }

    /// See [`Writer::maybe`].
    pub fn maybe(&mut self) -> Read<Option<&'a str>> {
        match self.number()? {
            0 => Ok(None),
            more => std::str::from_utf8(self.bytes(more - 1)?).map(Some).map_err(|_| Damaged),
        }
    }

    /// How many things follow; never more than there are bytes left, so that nothing is reserved in vain.
    pub fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        if count > self.0.len() { Err(Damaged) } else { Ok(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut to = Writer::default();
        for value in [0, 1, 127, 128, u64::MAX] {
            to.number(value);
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            to.signed(value);
        }
        to.text("é");
        to.maybe(None);
        to.maybe(Some(""));
        to.real(f64::NEG_INFINITY);
        let mut from = Reader(&to.0);
        for value in [0, 1, 127, 128, u64::MAX] {
            assert_eq!(from.number(), Ok(value));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(from.signed(), Ok(value));
        }
        assert_eq!(from.text(), Ok("é"));
        assert_eq!(from.maybe(), Ok(None));
        assert_eq!(from.maybe(), Ok(Some("")));
        assert_eq!(from.real(), Ok(f64::NEG_INFINITY));
        assert_eq!(from.number(), Err(Damaged));
    }

    #[test]
    fn a_length_that_lies_is_damage() {
        assert_eq!(Reader(&[200, 1, 5]).text(), Err(Damaged));
        assert_eq!(Reader(&[255; 11]).number(), Err(Damaged));
        assert_eq!(Reader(&[90]).count(), Err(Damaged));
    }
}
