//! Reports how much memory there is for this process and the files that it reads.

use std::fs;
use std::path::{Path, PathBuf};

use super::system::page_size;

/// Returns the bytes of memory of the machine, or of the process's control groups if they allow less. Returns `None` if
/// the system does not report it.
pub(crate) fn available() -> Option<u64> {
    // SAFETY: sysconf reads a number of the system.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    let machine = u64::try_from(pages).ok().map(|pages| pages.saturating_mul(page_size() as u64));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = files_of(&groups).into_iter().filter_map(|file| number(&fs::read_to_string(file).ok()?));
    machine.into_iter().chain(limits).min()
}

/// Returns the files with the limits of the control groups that a process is in, and of those around them. In a
/// container, the innermost group may be the one at the root.
///
/// Source: cgroups(7), `/proc/pid/cgroup`: `hierarchy:controllers:path`, where version 2 has no controllers.
fn files_of(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, name) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            files.push(Path::new(root).join(group).join(name));
        }
    }
    files
}

/// Returns a limit, or `None` if it is `max`.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_all_groups_around_a_process_are_looked_at() {
        let named = |files: &[&str]| files.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(
            files_of("0::/user.slice/a\n"),
            named(&[
                "/sys/fs/cgroup/user.slice/a/memory.max",
                "/sys/fs/cgroup/user.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ])
        );
        assert_eq!(
            files_of("9:cpu,memory:/b\n3:pids:/c\nnonsense\n"),
            named(&[
                "/sys/fs/cgroup/memory/b/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ])
        );
        assert_eq!((number("max\n"), number("4096\n")), (None, Some(4096)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_machine_has_memory() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
