//! Server-sent events from the client's side (WHATWG HTML, section 9.2): the data of events, however their bytes are cut.

/// The longest event that is put together.
const LONGEST: usize = 1 << 20;

/// Reads events from bytes as they come.
#[derive(Default)]
pub struct Events {
    line: Vec<u8>,
    data: String,
    has_data: bool,
    ended_by_return: bool,
}

/// An event is longer than anybody should send.
#[derive(Debug, PartialEq)]
pub struct TooLong;

impl Events {
    /// Takes bytes; answers the data of the events that they complete.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            // A line ends with a line feed, a carriage return, or both.
            let is_second = byte == b'\n' && self.ended_by_return;
            self.ended_by_return = byte == b'\r';
            match byte {
                _ if is_second => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ if self.line.len() + self.data.len() < LONGEST => self.line.push(byte),
                _ => return Err(TooLong),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return std::mem::take(&mut self.has_data).then(|| std::mem::take(&mut self.data));
        }
        let text = String::from_utf8_lossy(&line);
        // Other fields and comments say nothing here.
        let rest = text.strip_prefix("data")?;
        let value = if rest.is_empty() { rest } else { rest.strip_prefix(':')? };
        if self.has_data {
            self.data.push('\n');
        }
        self.has_data = true;
        self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All events of a text that comes in pieces of some length.
    fn read(text: &str, piece: usize) -> Vec<String> {
        let mut events = Events::default();
        text.as_bytes().chunks(piece).flat_map(|bytes| events.take(bytes).unwrap()).collect()
    }

    #[test]
    fn events_are_the_same_however_their_bytes_are_cut() {
        let text = ": a comment\r\ndata: {\"é\": 1}\r\n\r\nid: 7\ndata:one\ndata: two\n\nevent: x\n\ndata\n\ndata: left over";
        for piece in 1..text.len() {
            assert_eq!(read(text, piece), ["{\"é\": 1}", "one\ntwo", ""], "{piece}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_not_put_together_for_ever() {
        let mut events = Events::default();
        let part = vec![b'x'; 1 << 16];
        assert!((0..17).any(|_| events.take(&part) == Err(TooLong)));
    }
}
