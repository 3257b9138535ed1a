//! How much memory the process may use, and whether state keeps to its share.
//!
//! State is counted as the machine does: of a vector that only grows the items, since the room behind them takes no
//! memory before it is written to; of what shrinks too the room, which has been.

use std::collections::HashMap;
use std::fs;
use std::sync::OnceLock;

use crate::error::{Error, Place, Result};
use crate::show;

/// Refuses a state that has outgrown its limit.
///
/// # Errors
/// [`Error::Limit`].
pub(crate) fn check(bytes: u64, limit: u64) -> Result<()> {
    if bytes <= limit {
        return Ok(());
    }
    let (held, allowed) = match (show::bytes(bytes), show::bytes(limit)) {
        (held, allowed) if held == allowed => (format!("{bytes} B"), format!("{limit} B")),
        differing => differing,
    };
    let message = format!(
        "the windows or groups hold {held}, more than the {allowed} of max_state_bytes; raise it, \
         use fewer keys, shorter windows or less lateness"
    );
    Err(Error::Limit { argument: "max_state_bytes", limit, message, place: Place::default() })
}

/// How much memory a map takes, but for what its entries own: its table is at most seven eighths full.
pub(crate) fn of_map<K, V>(map: &HashMap<K, V>) -> usize {
    map.capacity() / 7 * 8 * (size_of::<(K, V)>() + 1)
}

/// How much memory a small piece of so many bytes takes: allocators deal in blocks.
pub(crate) fn block(bytes: usize) -> usize {
    bytes.next_multiple_of(16)
}

/// Half of the memory that this process may use: of the machine, or of its control group.
pub(crate) fn default_limit() -> u64 {
    static LIMIT: OnceLock<u64> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        let number = |path: &&str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
        groups.iter().filter_map(number).chain(machine).min().unwrap_or(u64::MAX) / 2
    })
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_found_and_kept() {
        assert!(default_limit() > 1 << 20);
        assert_eq!(total("MemTotal:       1024 kB\n"), Some(1 << 20));
        assert!(check(2 << 20, 1 << 20).is_err() && check(1, 1).is_ok());
    }

    #[test]
    fn the_error_shows_sizes_that_differ() {
        let message = |bytes, limit| check(bytes, limit).expect_err("too much").to_string();
        assert!(message(300, 0).contains("hold 300 B, more than the 0 B of"));
        assert!(message(5 << 20, 1 << 10).contains("hold 5 MiB, more than the 1 KiB of"));
        assert!(message(1_000_001, 1_000_000).contains("hold 1000001 B, more than the 1000000 B of"));
    }
}
