//! heed, a typed wrapper of LMDB.

use std::path::Path;

use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{CommitOrAbort, CompactionOption, Database, Env, EnvFlags, EnvOpenOptions, PutFlags};

use super::{Reader, Store, seen};

pub struct Heed {
    env: Env,
    data: Database<'static, U64<BigEndian>, Bytes>,
}

impl Heed {
    pub fn open(path: &Path, durable: bool) -> Heed {
        std::fs::create_dir_all(path).unwrap();
        let mut options = EnvOpenOptions::new();
        options.map_size(1 << 36).max_dbs(1);
        // SAFETY: no other opening in this process has this folder, and losing writes is what the caller chose.
        let env = unsafe {
            if !durable {
                options.flags(EnvFlags::NO_SYNC);
            }
            options.open(path).unwrap()
        };
        let txn = env.write_txn().unwrap();
        let data = env
            .create_databases_and_commit(txn, |creator, txn| {
                creator.create_database(txn, Some("data")).map(CommitOrAbort::<_, ()>::Commit)
            })
            .unwrap()
            .unwrap_commit();
        Heed { env, data }
    }
}

impl Store for Heed {
    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(self)
    }

    fn put(&self, key: u64, value: &[u8]) {
        let mut txn = self.env.write_txn().unwrap();
        self.data.put(&mut txn, &key, value).unwrap();
        txn.commit().unwrap();
    }

    fn load(&self, keys: &[u64], value: &dyn Fn(u64) -> &'static [u8], sorted: bool) {
        let flags = if sorted { PutFlags::APPEND } else { PutFlags::empty() };
        let mut txn = self.env.write_txn().unwrap();
        for key in keys {
            self.data.put_with_flags(&mut txn, flags, key, value(*key)).unwrap();
        }
        txn.commit().unwrap();
    }

    fn compact(&mut self, to: &Path) -> bool {
        self.env.copy_to_path(to, CompactionOption::Enabled).unwrap();
        true
    }

    fn check(&mut self) -> bool {
        false
    }
}

impl Reader for &Heed {
    fn get(&mut self, key: u64) -> Vec<u8> {
        let txn = self.env.read_txn().unwrap();
        self.data.get(&txn, &key).unwrap().unwrap().to_vec()
    }

    fn get_many(&mut self, keys: &[u64]) -> usize {
        let txn = self.env.read_txn().unwrap();
        let values: Vec<_> =
            keys.iter().map(|key| self.data.get(&txn, key).unwrap().unwrap().to_vec()).collect();
        values.iter().map(|value| seen(value)).sum()
    }

    fn range(&mut self, from: u64, to: u64) -> usize {
        let txn = self.env.read_txn().unwrap();
        self.data.range(&txn, &(from..to)).unwrap().map(|entry| seen(entry.unwrap().1)).sum()
    }
}
