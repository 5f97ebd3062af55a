//! fjall, a log-structured merge tree in Rust.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};

use super::{Reader, Store, seen};

/// Records that are written together: a batch of all of them would be a second copy in memory.
const BATCH: usize = 10_000;

pub struct Fjall {
    db: Database,
    data: Keyspace,
    durable: bool,
}

impl Fjall {
    pub fn open(path: &Path, durable: bool) -> Fjall {
        let mut builder = Database::builder(path);
        if let Some(bytes) = std::env::var("PC_BENCH_CACHE").ok().and_then(|bytes| bytes.parse().ok()) {
            builder = builder.cache_size(bytes);
        }
        let db = builder.open().unwrap();
        let data = db.keyspace("data", KeyspaceCreateOptions::default).unwrap();
        Fjall { db, data, durable }
    }

    fn persist(&self) {
        if self.durable {
            // As LMDB, whose commits call fdatasync.
            self.db.persist(PersistMode::SyncData).unwrap();
        }
    }
}

impl Store for Fjall {
    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(self)
    }

    fn put(&self, key: u64, value: &[u8]) {
        self.data.insert(key.to_be_bytes(), value).unwrap();
        self.persist();
    }

    fn load(&self, keys: &[u64], value: &dyn Fn(u64) -> &'static [u8], _: bool) {
        for part in keys.chunks(BATCH) {
            let mut batch = self.db.batch();
            for key in part {
                batch.insert(&self.data, key.to_be_bytes(), value(*key));
            }
            batch.commit().unwrap();
        }
        self.persist();
    }

    fn compact(&mut self, _: &Path) -> bool {
        self.data.major_compact().unwrap();
        true
    }

    fn check(&mut self) -> bool {
        false
    }
}

impl Reader for &Fjall {
    fn get(&mut self, key: u64) -> Vec<u8> {
        self.data.get(key.to_be_bytes()).unwrap().unwrap().to_vec()
    }

    fn get_many(&mut self, keys: &[u64]) -> usize {
        let snapshot = self.db.snapshot();
        let get = |key: &u64| snapshot.get(&self.data, key.to_be_bytes()).unwrap().unwrap().to_vec();
        let values: Vec<_> = keys.iter().map(get).collect();
        values.iter().map(|value| seen(value)).sum()
    }

    fn range(&mut self, from: u64, to: u64) -> usize {
        let range = from.to_be_bytes()..to.to_be_bytes();
        self.data.range(range).map(|entry| seen(&entry.into_inner().unwrap().1)).sum()
    }
}
