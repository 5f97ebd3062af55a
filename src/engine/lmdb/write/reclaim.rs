//! Frees the resources of dropped names: their entries in the file, and their numbers in this process.
//!
//! A drop only empties a named database and marks it in the catalog, since its number may be in use. This module runs
//! with the write lock held and every call of the process stopped, so no thread uses a number. It removes marked names
//! from the file, and closes the numbers of names that this process or another has removed, except for those that a
//! live snapshot has used.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::Wait;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::sys::{Code, Go, RwTxn};
use crate::engine::lmdb::txn::foreign::is_name;
use crate::engine::lmdb::txn::numbers::Numbers;
use crate::engine::lmdb::txn::spaces::Db;
use crate::engine::lmdb::write::turn::WriteLock;
use crate::engine::lmdb::write::working_set::used_numbers;
use crate::engine::schema::{SEQUENCE, encode_sequence, is_dropped};
use crate::error::{Error, Result, Status};
use crate::memory::{self, TryGrow};

/// The number of drops after which the whole catalog is searched, with all calls stopped.
const MANY: u32 = 64;

impl Engine {
    /// Returns true if it is time to remove dropped names from the file.
    pub(crate) fn has_dropped_many(&self) -> bool {
        self.names_gone.load(Ordering::Relaxed) || self.dropped.load(Ordering::Relaxed) >= MANY
    }

    /// Notes that this process has dropped a collection.
    pub(crate) fn has_dropped_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a name which is open here is not in the file any more.
    pub(crate) fn names_are_gone(&self) {
        self.names_gone.store(true, Ordering::Relaxed);
    }

    /// Removes dropped names. Must not run inside a call or a transaction of the thread.
    pub(crate) fn reclaim(self: &Arc<Self>, wait: Wait) -> Result<()> {
        if self.settings.read_only {
            return Ok(());
        }
        let write_lock = WriteLock::take(self, wait)?;
        // Runs before the calls are stopped, since growth stops them too.
        self.follow_growth_under(write_lock.turn())?;
        self.dropped.store(0, Ordering::Relaxed);
        self.seats.stop_calls(|stopped| {
            let used = used_numbers(stopped)?;
            match self.remove_dropped(&used) {
                // The map grows before the next write; the remaining names are removed later.
                Err(error) if error.status() == Status::MapFull => {}
                outcome => outcome?,
            }
            self.close_gone(&used)?;
            self.names_gone.store(false, Ordering::Relaxed);
            Ok(())
        })
    }

    fn remove_dropped(&self, used: &Numbers) -> Result<()> {
        let failed = |code: Code| self.write_failed(code, "removing dropped collections");
        let Some(catalog) = self.spaces.catalog().db(u32::MAX) else { return Ok(()) };
        let mut txn = RwTxn::begin(&self.env, true).map_err(failed)?;
        let dropped = dropped_names(&txn, catalog).map_err(failed)?;
        if dropped.is_empty() {
            return Ok(());
        }
        for name in &dropped {
            let Ok(space) = self.spaces.named(name) else { continue };
            // Its number may have gone to another name since it was used.
            let dbi = match space.db(u32::MAX) {
                Some(db) => Some(db.dbi),
                None => match txn.open_dbi(space.name(), 0) {
                    // All numbers are in use: a later search removes it.
                    Err(Code(lmdb_sys::MDB_DBS_FULL)) => continue,
                    opened => opened.map_err(failed)?,
                },
            };
            if let Some(dbi) = dbi {
                // A live snapshot reads it, or another program has filled it again.
                if used.has(dbi) || txn.entries(dbi).map_err(failed)? > 0 {
                    continue;
                }
                self.spaces.forget(&space);
                txn.remove_database(dbi).map_err(failed)?;
            }
            txn.remove(catalog.dbi, name.as_bytes()).map_err(failed)?;
        }
        let sequence =
            crate::engine::lmdb::sequence_number(txn.get(catalog.dbi, SEQUENCE.as_bytes()).map_err(failed)?)?;
        let next = encode_sequence(sequence + 1)?;
        txn.put(catalog.dbi, SEQUENCE.as_bytes(), &next, 0).map_err(failed)?;
        let commit = txn.id();
        txn.commit_level().map_err(|code| self.commit_failed(code))?;
        self.announce(commit);
        Ok(())
    }

    /// Closes the numbers of names that are not in the file any more.
    fn close_gone(&self, used: &Numbers) -> Result<()> {
        let failed = |code: Code| -> Error { code.error("looking for dropped collections") };
        let txn = RwTxn::begin(&self.env, true).map_err(failed)?;
        let mut gone = Vec::new();
        for space in self.spaces.open_ones()? {
            if !is_name(&txn, space.as_str().as_bytes())? {
                gone.try_push(space)?;
            }
        }
        drop(txn);
        for space in gone {
            // A number that a live snapshot uses stays open; it is closed later, or when the working set is full.
            if let Some(db) = space.db(u32::MAX)
                && !used.has(db.dbi)
            {
                self.spaces.forget(&space);
                self.env.close_dbi(db.dbi);
            }
        }
        self.spaces.prune();
        Ok(())
    }
}

/// Returns the names of collections that a catalog marks as dropped.
fn dropped_names(txn: &RwTxn, catalog: Db) -> Result<Vec<String>, Code> {
    let mut names = Vec::new();
    let mut cursor = txn.cursor(catalog.dbi)?;
    let mut go = Go::First;
    while let Some((name, record)) = cursor.go(go)? {
        go = Go::Next;
        if let Ok(name) = std::str::from_utf8(name)
            && name != SEQUENCE
            && is_dropped(record)
        {
            names.try_push(memory::text(name)?)?;
        }
    }
    Ok(names)
}

#[cfg(all(test, not(feature = "memory-engine")))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::lmdb::tests::{call_in, engine_of};
    use crate::engine::lmdb::txn::spaces::CATALOG;
    use crate::{Dict, Durability, Environment, Options};

    fn environment(max_collections: u32) -> (tempfile::TempDir, Environment) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::None, max_collections, ..Options::default() };
        let env = Environment::open(dir.path().join("env"), &options).unwrap();
        (dir, env)
    }

    /// A search for dropped names stops every call of the process, and reads the whole catalog. If it is done too often, each
    /// opening is slow; if never, the file grows. Neither changes a result.
    #[test]
    fn dropped_names_are_looked_for_once_there_are_many() {
        let (_dir, env) = environment(64);
        let engine = engine_of(&env);
        for number in 0..MANY {
            assert!(!engine.has_dropped_many());
            let name = number.to_string();
            Dict::<i64, i64>::open(&env, &name).unwrap();
            env.drop_collection(&name).unwrap();
        }
        assert!(engine.has_dropped_many());
        env.begin_write().unwrap().abort().unwrap();
        assert!(!engine.has_dropped_many());
        assert_eq!(engine.spaces.open_count(), 0);
        // Also those whose numbers went to others meanwhile.
        let names = call_in(&env, |call| call.reader()?.names()).unwrap();
        assert_eq!(names.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), [CATALOG.as_bytes()]);

        engine.names_are_gone();
        assert!(engine.has_dropped_many());
        engine.reclaim(Wait::Forever).unwrap();
        assert!(!engine.has_dropped_many());
    }

    /// Other processes detect by the catalog's sequence number that a name was removed from the file. If it did not rise,
    /// they would still write to the number that they have.
    #[test]
    fn the_sequence_number_rises_where_a_name_is_removed() {
        let (_dir, env) = environment(64);
        for name in ["a", "b"] {
            Dict::<i64, i64>::open(&env, name).unwrap();
        }
        env.drop_collection("a").unwrap();
        let engine = engine_of(&env);
        let sequence = || call_in(&env, |call| call.reader()?.sequence()).unwrap().unwrap();
        let before = sequence();
        assert_eq!(engine.spaces.open_count(), 2);
        for _ in 0..2 {
            engine.reclaim(Wait::Forever).unwrap();
            assert_eq!((engine.spaces.open_count(), sequence()), (1, before + 1));
        }
    }
}
