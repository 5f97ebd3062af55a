//! redb, a copy-on-write B-tree in Rust.

use std::path::Path;

use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use super::{Reader, Store, seen};

const DATA: TableDefinition<u64, &[u8]> = TableDefinition::new("data");

pub struct Redb {
    db: Database,
    durability: Durability,
}

impl Redb {
    pub fn open(path: &Path, durable: bool) -> Redb {
        std::fs::create_dir_all(path).unwrap();
        let mut builder = Database::builder();
        // Its own cache is memory of the process, so a small machine wants a small one.
        if let Some(bytes) = std::env::var("PC_BENCH_CACHE").ok().and_then(|bytes| bytes.parse().ok()) {
            builder.set_cache_size(bytes);
        }
        let db = builder.create(path.join("data.redb")).unwrap();
        let durability = if durable { Durability::Immediate } else { Durability::None };
        let store = Redb { db, durability };
        store.write(|_| ());
        store
    }

    fn write(&self, f: impl FnOnce(&mut redb::Table<u64, &'static [u8]>)) {
        let mut txn = self.db.begin_write().unwrap();
        txn.set_durability(self.durability).unwrap();
        f(&mut txn.open_table(DATA).unwrap());
        txn.commit().unwrap();
    }

    fn table(&self) -> redb::ReadOnlyTable<u64, &'static [u8]> {
        self.db.begin_read().unwrap().open_table(DATA).unwrap()
    }
}

impl Store for Redb {
    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(self)
    }

    fn put(&self, key: u64, value: &[u8]) {
        self.write(|table| {
            table.insert(key, value).unwrap();
        });
    }

    fn load(&self, keys: &[u64], value: &dyn Fn(u64) -> &'static [u8], _: bool) {
        self.write(|table| {
            for key in keys {
                table.insert(*key, value(*key)).unwrap();
            }
        });
    }

    fn compact(&mut self, _: &Path) -> bool {
        self.db.compact().unwrap();
        true
    }

    fn check(&mut self) -> bool {
        assert!(self.db.check_integrity().unwrap());
        true
    }
}

impl Reader for &Redb {
    fn get(&mut self, key: u64) -> Vec<u8> {
        self.table().get(key).unwrap().unwrap().value().to_vec()
    }

    fn get_many(&mut self, keys: &[u64]) -> usize {
        let table = self.table();
        let values: Vec<_> =
            keys.iter().map(|key| table.get(*key).unwrap().unwrap().value().to_vec()).collect();
        values.iter().map(|value| seen(value)).sum()
    }

    fn range(&mut self, from: u64, to: u64) -> usize {
        self.table().range(from..to).unwrap().map(|entry| seen(entry.unwrap().1.value())).sum()
    }
}
