//! What a proxy has used: read from `/proc`, of all its processes and threads.

use std::fs;
use std::io;

use crate::daemon::failure;

/// Caches of the kernel's that belong to files, not to sockets: others fill them while we measure.
const OF_FILES: [&str; 6] = ["ext4_", "btrfs_", "xfs_", "buffer_head", "radix_tree_node", "inode"];

/// A proxy's processes.
#[derive(Clone, Copy, Debug)]
pub struct Meter(pub u32);

impl Meter {
    /// Its processes: the one that was started, and all below it that first threads have started.
    pub fn processes(self) -> Vec<u32> {
        let mut found = vec![self.0];
        let mut next = 0;
        while let Some(process) = found.get(next) {
            // A process that has ended since has none.
            let path = format!("/proc/{process}/task/{process}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            next += 1;
        }
        found
    }

    /// The CPU time that its threads have had, in seconds: by the scheduler's own clock, which counts in
    /// nanoseconds (`/proc/PID/task/TID/schedstat`), not in ticks.
    ///
    /// # Errors
    ///
    /// If it has ended, or the kernel keeps no such books.
    pub fn cpu(self) -> io::Result<f64> {
        let mut nanoseconds = 0;
        for process in self.processes() {
            for task in entries(&format!("/proc/{process}/task")) {
                let path = format!("/proc/{process}/task/{task}/schedstat");
                let text = fs::read_to_string(&path)
                    .map_err(|error| failure(format!("{path}: {error}")))?;
                let first =
                    text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
                nanoseconds += first.ok_or_else(|| failure(format!("{path}: {text:?}")))?;
            }
        }
        Ok(nanoseconds as f64 / 1e9)
    }

    /// Its private memory that is no file's, in bytes: heap, stacks, and what it has mapped.
    ///
    /// # Errors
    ///
    /// If it has ended, or belongs to somebody else.
    pub fn anonymous(self) -> io::Result<f64> {
        let of = |process| {
            let path = format!("/proc/{process}/smaps_rollup");
            kibibytes(&path, "Anonymous:")
        };
        self.processes().into_iter().map(of).sum::<io::Result<f64>>()
    }
}

/// What the kernel holds for sockets, threads and their like, in bytes, on the whole machine.
///
/// # Errors
///
/// If we may not read its caches: `/proc/slabinfo` is root's.
pub fn kernel() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/slabinfo")
        .map_err(|error| failure(format!("/proc/slabinfo: {error}: run it as root")))?;
    let cache = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let active: f64 = words.next()?.parse().ok()?;
        let size: f64 = words.nth(1)?.parse().ok()?;
        let of_files =
            name != "sock_inode_cache" && OF_FILES.iter().any(|part| name.contains(part));
        (!of_files).then_some(active * size)
    };
    let caches: f64 = text.lines().filter_map(cache).sum();
    let stacks = kibibytes("/proc/meminfo", "KernelStack:")?;
    let tables = kibibytes("/proc/meminfo", "PageTables:")?;
    Ok(caches + stacks + tables + buffers()?)
}

/// What is in the buffers of all TCP sockets, in bytes.
fn buffers() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/net/sockstat")?;
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let pages = line.split_whitespace().skip_while(|word| *word != "mem").nth(1);
    let pages: Option<f64> = pages.and_then(|pages| pages.parse().ok());
    pages.map(|pages| pages * 4096.0).ok_or_else(|| failure(format!("sockstat: {line:?}")))
}

/// Bytes that wait in the sockets of this machine that have those ports, ours first: those that were
/// written but not taken by the other end yet, and those that came but were not read.
///
/// # Errors
///
/// If the system does not say.
pub fn queued(local: Option<u16>, remote: Option<u16>) -> io::Result<[u64; 2]> {
    let port = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
    let mut sum = [0; 2];
    for line in fs::read_to_string("/proc/net/tcp")?.lines().skip(1) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, ours, theirs, _, queues, ..] = words[..] else { continue };
        let fits = |wanted: Option<u16>, address| wanted.is_none() || wanted == port(address);
        if let Some((sent, came)) = queues.split_once(':')
            && fits(local, ours)
            && fits(remote, theirs)
        {
            let sizes = [sent, came].map(|digits| u64::from_str_radix(digits, 16).unwrap_or(0));
            sum = [sum[0] + sizes[0], sum[1] + sizes[1]];
        }
    }
    Ok(sum)
}

fn kibibytes(path: &str, name: &str) -> io::Result<f64> {
    let text = fs::read_to_string(path).map_err(|error| failure(format!("{path}: {error}")))?;
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let value = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    value.map(|value| value * 1024.0).ok_or_else(|| failure(format!("{path}: no {name}")))
}

/// The names in a folder; none if it is gone.
fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This process itself is looked at, whose other tests need less than this.
    #[test]
    fn memory_counts_once_it_is_used() -> io::Result<()> {
        const BYTES: usize = 256 << 20;
        let meter = Meter(std::process::id());
        let before = meter.anonymous()?;
        let used = std::hint::black_box(vec![1_u8; BYTES]);
        let grown = meter.anonymous()? - before;
        assert!(grown > 0.9 * used.len() as f64, "{grown}");
        Ok(())
    }
}
