//! A counter of bytes, drawn over and over on one line where a person watches.

use std::io::{self, Read, Write};

/// How many bytes went through.
pub struct Meter {
    verb: &'static str,
    total: Option<u64>,
    done: u64,
    shown: u64,
    live: bool,
}

impl Meter {
    const STEP: u64 = 1 << 20;

    /// A counter at zero; `live` says whether it is drawn.
    pub fn new(verb: &'static str, total: Option<u64>, live: bool) -> Self {
        Self { verb, total, done: 0, shown: 0, live }
    }

    /// Counts some more.
    pub fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        let over = self.total.is_some_and(|total| self.done >= total);
        if self.live && (over || self.done - self.shown >= Self::STEP) {
            self.shown = self.done;
            let (done, total) = (self.done >> 20, self.total.map(|total| total >> 20));
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            // Progress that cannot be drawn is no reason to stop the work.
            let _ = write!(io::stderr(), "\r\u{1b}[K{} {done}{of} MiB", self.verb);
        }
    }

    /// Counts what is read through it.
    pub fn reading<R: Read>(self, reader: R) -> Metered<R> {
        Metered { meter: self, reader }
    }
}

/// A reader with a meter on it.
pub struct Metered<R> {
    meter: Meter,
    reader: R,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.meter.add(read);
        Ok(read)
    }
}
