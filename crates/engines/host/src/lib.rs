//! Measures the process and the machine through `/proc` and the file system's own counts (Linux).

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base::{Error, Result};
use ports::measure::{Host, Machine, Process};

/// Measures this process, and the file system a directory is on.
pub fn open(data_dir: &Path) -> Arc<dyn Host> {
    Arc::new(Proc { data_dir: data_dir.to_owned() })
}

struct Proc {
    data_dir: PathBuf,
}

impl Host for Proc {
    fn process(&self) -> Result<Process> {
        let stat = Stat::of(&read("/proc/self/stat")?).ok_or_else(|| not_measured("/proc/self/stat"))?;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let uptime = read("/proc/uptime")?;
        let machine_s = first(&uptime).ok_or_else(|| not_measured("/proc/uptime"))?;
        let open_files = fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64);
        Ok(Process {
            uptime_s: (machine_s - stat.started as f64 / ticks).max(0.0),
            cpu_s: stat.ticks as f64 / ticks,
            memory_bytes: stat.resident_pages * rustix::param::page_size() as u64,
            threads: stat.threads,
            open_files,
        })
    }

    fn machine(&self) -> Result<Machine> {
        let memory = read("/proc/meminfo")?;
        let load = read("/proc/loadavg")?;
        let disk = rustix::fs::statvfs(&self.data_dir)
            .map_err(|error| not_measured(&self.data_dir.display().to_string()).because(error))?;
        Ok(Machine {
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
            load: first(&load).ok_or_else(|| not_measured("/proc/loadavg"))?,
            memory_bytes: kibibytes(&memory, "MemTotal:"),
            memory_free_bytes: kibibytes(&memory, "MemAvailable:"),
            disk_bytes: disk.f_blocks * disk.f_frsize,
            disk_free_bytes: disk.f_bavail * disk.f_frsize,
        })
    }
}

/// What `/proc/self/stat` tells (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    ticks: u64,
    threads: u64,
    started: u64,
    resident_pages: u64,
}

impl Stat {
    fn of(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may hold anything.
        let rest: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| rest.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started: field(22)?,
            resident_pages: field(24)?,
        })
    }
}

fn first(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(first).unwrap_or(0.0) as u64 * 1024
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|error| not_measured(path).because(error))
}

fn not_measured(what: &str) -> Error {
    Error::unavailable("not-measured", format!("the system does not tell `{what}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_be_called_anything() {
        let text = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 4242 999 1234 0\n";
        let stat = Stat { ticks: 300, threads: 7, started: 4242, resident_pages: 1234 };
        assert_eq!(Stat::of(text), Some(stat));
        assert_eq!(Stat::of("12 (cut"), None);
    }

    #[test]
    fn this_process_is_measured() {
        let host = open(Path::new("/"));
        let before = host.process().unwrap();
        assert!(before.memory_bytes > 100_000 && before.threads > 0 && before.open_files > 2, "{before:?}");
        let mut sum = 0_u64;
        while host.process().unwrap().cpu_s - before.cpu_s < 0.02 {
            sum = (0..1_000_000_u64).fold(sum, u64::wrapping_add);
        }
        assert!(sum > 0);
        let machine = host.machine().unwrap();
        assert!(machine.memory_bytes >= machine.memory_free_bytes && machine.disk_bytes > 0, "{machine:?}");
    }
}
