//! What processes have used, as `/proc` tells it: processor time and memory, of one and of it with all it has started.

use std::{
    fs,
    io::{Error, Result},
};

/// Ticks of `/proc/PID/stat` in a second; Linux tells all programs 100.
const TICKS: f64 = 100.0;

/// The numbers behind a process's name; the name in parentheses may hold anything.
fn fields(pid: u32) -> Result<Vec<f64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(')').ok_or_else(|| Error::other("no such process"))?;
    Ok(fields.split_whitespace().map(|field| field.parse().unwrap_or(f64::NAN)).collect())
}

/// Seconds of processor time a process has used.
pub fn cpu_s(pid: u32) -> Result<f64> {
    Ok(fields(pid)?.iter().skip(11).take(2).sum::<f64>() / TICKS)
}

/// A process's proportional share of memory, in MiB.
pub fn pss_mib(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| Error::other("no memory is told"))
}

/// A process and all that it and they have started and that still run.
pub fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        next += 1;
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    all
}

/// Seconds of processor time of a tree of processes, with those of it that have ended and were waited for.
pub fn tree_cpu_s(root: u32) -> f64 {
    let used = |pid: u32| fields(pid).map(|fields| fields.iter().skip(11).take(4).sum::<f64>() / TICKS);
    // What ends while this is read is counted by its parent next time.
    tree(root).into_iter().filter_map(|pid| used(pid).ok()).sum()
}

/// The memory of a tree of processes, each page counted once, in MiB.
pub fn tree_pss_mib(root: u32) -> f64 {
    tree(root).into_iter().filter_map(|pid| pss_mib(pid).ok()).sum()
}

/// Seconds this thread has been on a processor.
pub fn thread_cpu_s() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    nanos.map(|nanos| nanos / 1e9).ok_or_else(|| Error::other("no time is told"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let me = std::process::id();
        assert!(cpu_s(me).unwrap() >= 0.0 && pss_mib(me).unwrap() > 0.1);
        assert_eq!(tree(me).first(), Some(&me));
        assert!(tree_pss_mib(me) > 0.1 && tree_cpu_s(me) >= 0.0);
    }
}
