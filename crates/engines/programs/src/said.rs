//! What a program printed last.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    sync::{Mutex, PoisonError},
};

/// How many lines are kept.
const LINES: usize = 50;
/// The longest line in bytes; the rest of it is the next one.
const LONGEST: u64 = 4_096;
/// The most characters of a line that are kept.
const KEPT: usize = 500;

/// The last lines that say anything.
#[derive(Default)]
pub struct Said(Mutex<VecDeque<String>>);

impl Said {
    /// Reads lines until there are no more.
    pub fn listen(&self, stream: impl Read) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while (&mut stream).take(LONGEST).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text: String = String::from_utf8_lossy(&line).trim_end().chars().take(KEPT).collect();
            line.clear();
            if text.trim().is_empty() {
                continue;
            }
            tracing::debug!(text, "a program says");
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(text);
        }
    }

    /// The lines, the oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
