//! How often the disk makes 4 KiB durable, one after the other.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

/// Appends and fsyncs for a while, then counts.
pub fn fsyncs_per_second(directory: &Path, lasting: Duration) -> f64 {
    let run = || -> std::io::Result<f64> {
        let mut file = File::create(directory.join("fsync.probe"))?;
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed() < lasting {
            file.write_all(&[7; 4096])?;
            file.sync_all()?;
            count += 1;
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    };
    run().unwrap_or(f64::NAN)
}
