//! How an environment is opened.

use std::time::Duration;

use crate::engine::{Durability, Settings};

/// How an environment is opened.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("data");
/// use std::time::Duration;
/// use persistent_collections::{Durability, Environment, Options};
///
/// let options = Options::new().durability(Durability::None).write_timeout(Duration::from_secs(5));
/// let env = Environment::open(path, &options)?;
/// assert_eq!(env.info()?.durability, Durability::None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent choices, named where they are made
#[non_exhaustive]
pub struct Options {
    /// Writes nothing and creates nothing. Default: false.
    pub read_only: bool,
    /// The files do not change while they are open, so no lock file is needed. Implies `read_only`. Default: false.
    pub immutable: bool,
    /// Creates the files and the last directory of the path where they are missing. Default: true.
    pub create: bool,
    /// The path names the data file, not a directory that holds it; the lock files stand beside it, links resolved.
    /// A file called `data.mdb` is its directory's environment, however it is opened. Default: false.
    pub no_subdir: bool,
    /// Permission bits of new files, before the process's mask. Default: `0o644`.
    pub mode: u32,
    /// How many different collections one transaction can use; any number can be open. Default: 1,024.
    pub max_collections: u32,
    /// How many threads and iterators of all processes can read at a time; the first process decides.
    /// Default: 1,024.
    pub max_readers: u32,
    /// Bytes of address space to reserve at the start. Default: 1 TiB, less where many are open, or what the process may
    /// have; the files stay as large as their data.
    pub map_size: Option<u64>,
    /// When a commit is on stable storage. Default: before it returns.
    pub durability: Durability,
    /// How often a background thread flushes what was committed since its last flush, and once more when the environment
    /// closes. If a flush fails there, the next write to begin is refused once, and every
    /// [`Environment::flush`](crate::Environment::flush) fails until the files are reopened; nothing reports a failure of the
    /// last flush, at closing. Full durability leaves it nothing to do. Default: `None`, never.
    pub flush_interval: Option<Duration>,
    /// How long a write waits for other writers, and opening for others that open; `None` waits for ever. Default: 60 s.
    pub write_timeout: Option<Duration>,
    /// Checks the structure of the data file ([`Environment::check`](crate::Environment::check)) before it is used; a
    /// damaged file is [`Status::Corrupted`](crate::Status::Corrupted) and is not left open. Default: false.
    pub check_on_open: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            immutable: false,
            create: true,
            no_subdir: false,
            mode: 0o644,
            max_collections: 1024,
            max_readers: 1024,
            map_size: None,
            durability: Durability::Full,
            flush_interval: None,
            write_timeout: Some(Duration::from_secs(60)),
            check_on_open: false,
        }
    }
}

macro_rules! setters {
    ($($name:ident: $given:ty, $stored:expr;)*) => {
        /// Each method sets the field of its name.
        impl Options {
            $(
                #[doc = concat!("Sets [`", stringify!($name), "`](#structfield.", stringify!($name), ").")]
                #[must_use]
                pub fn $name(mut self, $name: $given) -> Self {
                    self.$name = $stored;
                    self
                }
            )*
        }
    };
}

setters! {
    read_only: bool, read_only;
    immutable: bool, immutable;
    create: bool, create;
    no_subdir: bool, no_subdir;
    mode: u32, mode;
    max_collections: u32, max_collections;
    max_readers: u32, max_readers;
    map_size: u64, Some(map_size);
    durability: Durability, durability;
    flush_interval: impl Into<Option<Duration>>, flush_interval.into();
    write_timeout: impl Into<Option<Duration>>, write_timeout.into();
    check_on_open: bool, check_on_open;
}

impl Options {
    /// [`Options::check_on_open`] under the name that it had first.
    #[deprecated(note = "use `check_on_open`")]
    #[must_use]
    pub fn verify_on_open(self, check: bool) -> Self {
        self.check_on_open(check)
    }

    /// The defaults, to be changed by the methods below.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            read_only: self.read_only || self.immutable,
            immutable: self.immutable,
            no_subdir: self.no_subdir,
            max_collections: self.max_collections,
            max_readers: self.max_readers,
            map_size: self.map_size,
            durability: self.durability,
            flush_interval: self.flush_interval,
            write_timeout: self.write_timeout,
            verify_on_open: self.check_on_open,
        }
    }
}
