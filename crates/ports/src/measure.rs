//! What the process and the machine under it are measured to be. Nothing here is estimated.

use base::Result;

/// What this process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Seconds since it started.
    pub uptime_s: f64,
    /// Seconds of processor time it has used, in user and system mode.
    pub cpu_s: f64,
    /// Bytes of memory it has resident.
    pub memory_bytes: u64,
    /// Its threads.
    pub threads: u64,
    /// Its open files and connections.
    pub open_files: u64,
}

/// What the machine has and how much is left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Machine {
    /// Processors the process may run on.
    pub cores: u64,
    /// Processes that ran or waited to run, averaged over a minute.
    pub load: f64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Bytes of memory a process could still have.
    pub memory_free_bytes: u64,
    /// Bytes of the file system the data directory is on.
    pub disk_bytes: u64,
    /// Bytes of it that are free to this process.
    pub disk_free_bytes: u64,
}

/// Measures the process and the machine; quick enough to be asked at every request.
pub trait Host: Send + Sync {
    /// What this process uses now.
    ///
    /// # Errors
    /// `not-measured` (503) where the system does not tell.
    fn process(&self) -> Result<Process>;

    /// What the machine has now.
    ///
    /// # Errors
    /// `not-measured` (503) where the system does not tell.
    fn machine(&self) -> Result<Machine>;
}

/// What was answered since the start, all faces together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests {
    /// Requests answered.
    pub count: u64,
    /// Of them with a status from 400 to 499.
    pub refused: u64,
    /// Of them with a status from 500 on.
    pub failed: u64,
    /// Seconds from request to answer, summed.
    pub seconds: f64,
    /// How many took at most so many seconds, in growing order; each includes those before it.
    pub within: Vec<(f64, u64)>,
}

impl Requests {
    /// What came after an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let within = self.within.iter().enumerate().map(|(at, (limit, count))| {
            let before = earlier.within.get(at).map_or(0, |(_, before)| *before);
            (*limit, count.saturating_sub(before))
        });
        Self {
            count: self.count.saturating_sub(earlier.count),
            refused: self.refused.saturating_sub(earlier.refused),
            failed: self.failed.saturating_sub(earlier.failed),
            seconds: (self.seconds - earlier.seconds).max(0.0),
            within: within.collect(),
        }
    }

    /// The limit within which this share of the requests was answered; none if there were none,
    /// and none if it lies above the largest limit.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let wanted = share * self.count as f64;
        self.within.iter().find(|(_, count)| *count as f64 >= wanted).map(|(limit, _)| *limit)
    }
}

/// Counts what the faces answer.
pub trait Traffic: Send + Sync {
    /// Everything since the start.
    fn requests(&self) -> Requests;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_first_limit_that_holds_enough() {
        let requests =
            Requests { count: 100, within: vec![(0.01, 90), (0.1, 99), (1.0, 99)], ..Requests::default() };
        assert_eq!(requests.quantile(0.5), Some(0.01));
        assert_eq!(requests.quantile(0.99), Some(0.1));
        assert_eq!(requests.quantile(1.0), None);
        assert_eq!(requests.since(&requests).quantile(0.5), None);
    }
}
