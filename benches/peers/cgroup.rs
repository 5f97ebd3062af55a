//! A group of processes whose memory, page cache included, is limited: cgroups of Linux, version 1 or 2, for root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

/// A group, removed when dropped, after its processes have ended.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes a group that may have so many bytes.
    pub fn new(bytes: u64) -> std::io::Result<Cgroup> {
        let root = Path::new("/sys/fs/cgroup");
        let (parent, limit) = if root.join("memory/memory.limit_in_bytes").exists() {
            (root.join("memory"), "memory.limit_in_bytes")
        } else {
            (root.to_owned(), "memory.max")
        };
        let group = Cgroup(parent.join(format!("persistent-collections-bench-{}", std::process::id())));
        fs::create_dir(&group.0)?;
        fs::write(group.0.join(limit), bytes.to_string())?;
        Ok(group)
    }

    /// Moves a process into the group. What it has used before does not count.
    pub fn take(&self, child: &Child) -> std::io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), child.id().to_string())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}
