//! This library, by its Rust interface.

use std::path::Path;

use persistent_collections::{Dict, Durability, Environment, Options};

use super::{Reader, Store, seen};

pub struct Ours {
    env: Environment,
    dict: Dict<u64, Vec<u8>>,
}

impl Ours {
    pub fn open(path: &Path, durable: bool) -> Ours {
        let durability = if durable { Durability::Full } else { Durability::None };
        let env = Environment::open(path, &Options::new().durability(durability)).unwrap();
        let dict = Dict::open(&env, "data").unwrap();
        Ours { env, dict }
    }
}

impl Store for Ours {
    fn reader(&self) -> Box<dyn Reader + '_> {
        Box::new(&self.dict)
    }

    fn put(&self, key: u64, value: &[u8]) {
        self.dict.put(&key, value).unwrap();
    }

    fn load(&self, keys: &[u64], value: &dyn Fn(u64) -> &'static [u8], _: bool) {
        self.dict.put_many(keys.iter().map(|key| (key, value(*key)))).unwrap();
    }

    fn compact(&mut self, to: &Path) -> bool {
        self.env.copy_to(to, true).unwrap()
    }

    fn check(&mut self) -> bool {
        self.env.check().unwrap();
        true
    }
}

impl Reader for &Dict<u64, Vec<u8>> {
    fn get(&mut self, key: u64) -> Vec<u8> {
        Dict::get(self, &key).unwrap().unwrap()
    }

    fn get_many(&mut self, keys: &[u64]) -> usize {
        let values = Dict::get_many(self, keys).unwrap();
        values.iter().map(|value| seen(value.as_ref().unwrap())).sum()
    }

    fn range(&mut self, from: u64, to: u64) -> usize {
        Dict::range(self, &from..&to).unwrap().map(|entry| seen(&entry.unwrap().1)).sum()
    }
}
