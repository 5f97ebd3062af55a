//! Refuses network file systems: LMDB needs locks and shared memory that all its processes see.
//!
//! - Refused by type (`statfs`): file systems whose clients are other machines, including cluster file systems. Each
//!   machine has its own memory, so the locks and reader slots of one machine do not affect another.
//! - FUSE and 9P are transports for a file system, not file systems. Virtual machines and containers access their
//!   host's directories by 9P or virtiofs (which reports FUSE), and some local file systems (NTFS, encrypted, merged)
//!   use FUSE. These are allowed; where they cannot share memory, opening the files fails anyway. Only the FUSE file
//!   systems that the mount table names as network file systems are refused.
//! - An `immutable` environment, to which no process writes, needs neither locks nor shared memory, and is allowed.
//!
//! Sources: the numbers in Linux's `include/uapi/linux/magic.h` and in `statfs(2)`; for file systems outside of the
//! kernel tree, the types that GNU coreutils' `stat` and `tail` treat as remote; `proc_pid_mountinfo(5)`.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result, Status};

/// The types of `statfs`, and their names.
const OF_THE_NETWORK: &[(u32, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x1983_0326, "BeeGFS"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0xaad7_aaea, "PanFS"),
    (0x6163_6673, "ACFS"),
    (0xbeef_dead, "SNFS"),
];

const FUSE: u32 = 0x6573_5546;

/// The suffixes after `fuse.` in the mount table.
const FUSE_OF_THE_NETWORK: &[&str] = &[
    "sshfs",
    "rclone",
    "s3fs",
    "s3ql",
    "goofys",
    "gcsfuse",
    "blobfuse",
    "blobfuse2",
    "mount-s3",
    "glusterfs",
    "ceph",
    "ceph-fuse",
    "juicefs",
    "seaweedfs",
    "mfs",
    "lizardfs",
    "davfs",
    "curlftpfs",
    "smbnetfs",
    "nfs",
    "fuse-nfs",
    "gvfsd-fuse",
    "beegfs",
    "quobyte",
];

/// Refuses a directory on a network file system.
pub(crate) fn check(directory: &Path) -> Result<()> {
    let Ok(path) = CString::new(directory.as_os_str().as_bytes()) else {
        return Err(Error::new(Status::InvalidArgument, "a path cannot contain a NUL character"));
    };
    let mut system = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path is NUL-terminated, and `system` is a valid destination that a successful call fills.
    let found = unsafe {
        (libc::statfs(path.as_ptr(), system.as_mut_ptr()) == 0).then(|| system.assume_init().f_type)
    };
    // If the call fails, opening the files reports the reason.
    let Some(found) = found else { return Ok(()) };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // a magic number of 32 bits in a wider type
    let kind = found as u32;
    let name = OF_THE_NETWORK.iter().find(|(number, _)| *number == kind).map(|(_, name)| (*name).to_owned());
    let name = match name {
        None if kind == FUSE => mounted_as(directory).and_then(|mount| network_fuse(&mount)),
        name => name,
    };
    name.map_or(Ok(()), |name| {
        Err(Error::new(
            Status::NetworkFs,
            format!(
                "{} lies on a network file system ({name}), which cannot share locks and memory between machines; \
                 move it to a local disk, or open it immutable if nobody writes it",
                directory.display()
            ),
        ))
    })
}

/// Returns the mount table's type for a directory's file system, such as `fuse.sshfs`.
fn mounted_as(directory: &Path) -> Option<String> {
    let device = std::fs::metadata(directory).ok()?.dev();
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    type_of(&table, &format!("{}:{}", libc::major(device), libc::minor(device))).map(str::to_owned)
}

/// Returns the type of a device in a mount table: the third field is the device, the type follows a field `-`.
fn type_of<'t>(table: &'t str, device: &str) -> Option<&'t str> {
    table
        .lines()
        .filter(|line| line.split_whitespace().nth(2) == Some(device))
        .find_map(|line| line.split_once(" - ")?.1.split_whitespace().next())
}

/// Returns the name of a FUSE file system that accesses a network, or `None` for other types.
fn network_fuse(mount: &str) -> Option<String> {
    let kind = mount.strip_prefix("fuse.")?;
    FUSE_OF_THE_NETWORK.contains(&kind).then(|| mount.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fuse_is_recognised_by_the_table_of_mounts() {
        let table = "36 35 98:0 / /mnt1 rw,noatime master:1 - ext3 /dev/root rw\n\
                     45 35 0:41 / /home/a\\040b rw,nosuid shared:9 - fuse.sshfs host:/x rw,user_id=0\n\
                     46 35 0:42 / /photos rw - fuse.mergerfs a:b rw\n";
        assert_eq!(type_of(table, "0:41"), Some("fuse.sshfs"));
        assert_eq!(network_fuse("fuse.sshfs").unwrap(), "fuse.sshfs");
        assert_eq!(type_of(table, "0:42").and_then(network_fuse), None);
        assert_eq!(type_of(table, "98:0").and_then(network_fuse), None);
        assert_eq!(type_of(table, "0:4"), None);
    }

    #[test]
    fn local_file_systems_are_not_in_the_table() {
        // ext4, xfs, btrfs, tmpfs, overlayfs, zfs, f2fs, FUSE, 9P
        for local in [
            0xef53,
            0x5846_5342,
            0x9123_683e,
            0x0102_1994,
            0x794c_7630,
            0x2fc1_2fc1,
            0xf2f5_2010,
            FUSE,
            0x0102_1997,
        ] {
            assert!(OF_THE_NETWORK.iter().all(|(number, _)| *number != local), "{local:x}");
        }
    }

    #[test]
    fn this_machine_has_local_disks() {
        check(&std::env::temp_dir()).unwrap();
    }
}
