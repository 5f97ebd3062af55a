//! The stores that are compared, behind one trait: numbers as keys, bytes as values.

mod bare;
mod fjall;
mod heed;
mod ours;
mod redb;

use std::path::Path;

/// A kind of store, by the name that figures have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ours,
    Bare,
    /// LMDB with `MDB_NORDAHEAD`, which its manual proposes for data that is larger than the memory.
    NoReadAhead,
    Heed,
    Redb,
    Fjall,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Ours, Kind::Bare, Kind::Heed, Kind::Redb, Kind::Fjall];

    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ours => "ours",
            Kind::Bare => "LMDB",
            Kind::NoReadAhead => "LMDB, no read-ahead",
            Kind::Heed => "heed",
            Kind::Redb => "redb",
            Kind::Fjall => "fjall",
        }
    }

    /// Opens or creates a store; `durable` says whether a write is on stable storage when it returns.
    pub fn open(self, path: &Path, durable: bool) -> Box<dyn Store> {
        match self {
            Kind::Ours => Box::new(ours::Ours::open(path, durable)),
            Kind::Bare => Box::new(bare::Lmdb::open(path, durable, true)),
            Kind::NoReadAhead => Box::new(bare::Lmdb::open(path, durable, false)),
            Kind::Heed => Box::new(heed::Heed::open(path, durable)),
            Kind::Redb => Box::new(redb::Redb::open(path, durable)),
            Kind::Fjall => Box::new(fjall::Fjall::open(path, durable)),
        }
    }

    /// Threads of its own do part of its work, so that the time of the calling thread is not the whole cost.
    pub const fn works_in_background(self) -> bool {
        matches!(self, Kind::Fjall)
    }

    /// How a range is read, where the records are not copied for the caller.
    pub const fn note_on_ranges(self) -> Option<&'static str> {
        match self {
            Kind::Ours => None,
            _ => Some("lends the records; this library copies them"),
        }
    }

    /// What writing without durability leaves to do in this store, where that differs from LMDB.
    pub const fn note_on_writes(self) -> Option<&'static str> {
        match self {
            Kind::Redb => Some("writes without durability stay in its own cache until a durable commit"),
            Kind::Fjall => {
                Some("processor time of its background threads counts; a load is batches of 10,000")
            }
            _ => None,
        }
    }
}

/// The operations of a store. Each is what its own documentation proposes for the purpose.
pub trait Store: Sync {
    /// What one thread reads with.
    fn reader(&self) -> Box<dyn Reader + '_>;

    /// Puts one record and commits.
    fn put(&self, key: u64, value: &[u8]);

    /// Puts many records as one write. The store may know that they are sorted and that it is empty.
    fn load(&self, keys: &[u64], value: &dyn Fn(u64) -> &'static [u8], sorted: bool);

    /// Makes a compacted copy, or compacts in place. `false` if the store cannot.
    fn compact(&mut self, to: &Path) -> bool;

    /// Checks the structure of all data. `false` if the store cannot.
    fn check(&mut self) -> bool;
}

/// What one thread reads with. Sums are of what was read, so that no read is left out.
pub trait Reader {
    /// Reads one value in a snapshot of its own, as bytes that the caller owns.
    fn get(&mut self, key: u64) -> Vec<u8>;

    /// Reads many values in one snapshot, as bytes that the caller owns.
    fn get_many(&mut self, keys: &[u64]) -> usize;

    /// Reads the records from one key up to another, which is left out.
    fn range(&mut self, from: u64, to: u64) -> usize;
}

/// A number that depends on a record.
fn seen(value: &[u8]) -> usize {
    value.len() + usize::from(value[0])
}
