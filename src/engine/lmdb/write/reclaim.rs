//! Names that were dropped give their places back: in the file, and among the numbers of this process.
//!
//! A drop only empties a named database and leaves a mark in the catalog, since its number may be in use. Here,
//! with the writer lock held and every call of the process stopped, nobody uses a number: what is marked is
//! removed from the file, and numbers whose names are gone, by this process or another, are closed. Where all places are
//! taken, numbers of collections that nobody in the process has open are closed, too.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::Wait;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::sys::{Code, Go, RwTxn};
use crate::engine::lmdb::threads::seats::Stopped;
use crate::engine::lmdb::txn::foreign::is_name;
use crate::engine::lmdb::txn::spaces::{Db, SEQUENCE};
use crate::engine::lmdb::write::turn::{Lease, Turn, patience};
use crate::error::{Error, Result, Status};
use crate::memory::{self, TryGrow};

impl Engine {
    /// Whether few numbers are left, and enough were given out since the last look to make one worth it.
    pub(crate) fn is_crowded(&self) -> bool {
        let max = self.settings.max_collections;
        let openings = self.spaces.horizon();
        let since = openings.wrapping_sub(self.looked_for_dropped.load(Ordering::Relaxed));
        self.names_gone.load(Ordering::Relaxed)
            || (self.spaces.open_count() >= max - max / 8 && since > max / 16)
    }

    /// Notes that a name which is open here is not in the file any more.
    pub(crate) fn names_are_gone(&self) {
        self.names_gone.store(true, Ordering::Relaxed);
    }

    /// Removes what was dropped. `is_dropped` tells by a catalog's record whether its collection was. In no call
    /// and no transaction of the thread.
    pub(crate) fn reclaim(self: &Arc<Self>, wait: Wait, is_dropped: impl Fn(&[u8]) -> bool) -> Result<()> {
        if self.settings.read_only {
            return Ok(());
        }
        let lease = Lease::take(self, wait)?;
        // Before the calls are stopped, since growing stops them too.
        self.follow_growth_under(lease.turn())?;
        self.looked_for_dropped.store(self.spaces.horizon(), Ordering::Relaxed);
        self.seats.stop_calls(|stopped| {
            match self.remove_dropped(&is_dropped) {
                // The map grows before the next write; what is left is removed another time.
                Err(error) if error.status() == Status::MapFull => {}
                outcome => outcome?,
            }
            self.close_gone(stopped)?;
            self.names_gone.store(false, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Makes places where all are taken: removes what was dropped, and closes the numbers of collections that nobody in
    /// the process has open. Gives whether there are places now. In no call and no transaction of the thread.
    pub(crate) fn make_places(
        self: &Arc<Self>,
        wait: Wait,
        is_dropped: impl Fn(&[u8]) -> bool,
    ) -> Result<bool> {
        self.reclaim(wait, is_dropped)?;
        // No write transaction of the process uses a number meanwhile.
        let _turn = Turn::take(self, patience(wait))?;
        self.seats.stop_calls(|stopped| {
            self.close_unused(stopped)?;
            Ok(self.spaces.open_count() < self.settings.max_collections)
        })
    }

    /// Closes the numbers of names that no collection, iterator or transaction of this process stands on. Who takes such a
    /// name from the table meanwhile finds it closed, and opens it again.
    fn close_unused(&self, _stopped: &Stopped<'_>) -> Result<()> {
        /// The table's, and the list's.
        const HERE: usize = 2;
        for space in self.spaces.open_ones()? {
            if Arc::strong_count(&space) <= HERE
                && let Some(db) = space.db(u32::MAX)
            {
                self.spaces.forget(&space);
                self.raw.close_dbi(db.dbi);
            }
        }
        self.spaces.prune();
        Ok(())
    }

    fn remove_dropped(&self, is_dropped: &impl Fn(&[u8]) -> bool) -> Result<()> {
        let failed = |code: Code| self.write_failed(code, "removing dropped collections");
        let Some(catalog) = self.spaces.catalog().db(u32::MAX) else { return Ok(()) };
        let mut txn = RwTxn::begin(&self.raw, true).map_err(failed)?;
        let dropped = dropped_names(&txn, catalog, is_dropped).map_err(failed)?;
        if dropped.is_empty() {
            return Ok(());
        }
        for name in &dropped {
            // One that is not open here is left to a process that has it open, or to a later look.
            let Ok(space) = self.spaces.named(name) else { continue };
            let Some(db) = space.db(u32::MAX) else { continue };
            if txn.entries(db.dbi).map_err(failed)? > 0 {
                // Another program has filled it again.
                continue;
            }
            self.spaces.forget(&space);
            txn.remove_database(db.dbi).map_err(failed)?;
            txn.remove(catalog.dbi, name.as_bytes()).map_err(failed)?;
        }
        let sequence =
            crate::engine::lmdb::sequence_number(txn.get(catalog.dbi, SEQUENCE.as_bytes()).map_err(failed)?)?;
        let next = minicbor::to_vec(sequence + 1).map_err(|_| failed(Code(libc::ENOMEM)))?;
        txn.put(catalog.dbi, SEQUENCE.as_bytes(), &next, 0).map_err(failed)?;
        txn.commit_level().map_err(|code| self.commit_failed(code))
    }

    /// Closes the numbers of names that are not in the file any more.
    fn close_gone(&self, _stopped: &Stopped<'_>) -> Result<()> {
        let failed = |code: Code| -> Error { code.error("looking for dropped collections") };
        let txn = RwTxn::begin(&self.raw, true).map_err(failed)?;
        let mut gone = Vec::new();
        for space in self.spaces.open_ones()? {
            if !is_name(&txn, space.as_str().as_bytes())? {
                gone.try_push(space)?;
            }
        }
        drop(txn);
        for space in gone {
            if let Some(db) = space.db(u32::MAX) {
                self.spaces.forget(&space);
                self.raw.close_dbi(db.dbi);
            }
        }
        self.spaces.prune();
        Ok(())
    }
}

/// The names of collections that a catalog marks as dropped.
fn dropped_names(txn: &RwTxn, catalog: Db, is_dropped: &impl Fn(&[u8]) -> bool) -> Result<Vec<String>, Code> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::catalog;
    use crate::{Dict, Durability, Environment, Options};

    fn environment(max_collections: u32) -> (tempfile::TempDir, Environment) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::None, max_collections, ..Options::default() };
        let env = Environment::open(dir.path().join("env"), &options).unwrap();
        (dir, env)
    }

    /// Looking for dropped names stops every call of the process. A look that comes too often slows each opening down,
    /// one that never comes lets dropped names fill all places; neither shows in a result.
    #[test]
    fn dropped_names_are_looked_for_where_places_are_few_and_many_were_given_out() {
        let (_dir, env) = environment(64);
        let engine = env.shared().engine().unwrap();
        let mut names = (0..).map(|number| engine.space(&format!("{number}")).unwrap());
        // The count of openings alone matters here: these lead to nothing in the file.
        let mut open = |count| {
            for space in names.by_ref().take(count) {
                engine.spaces.publish(&space, Db { dbi: u32::MAX, flags: 0 });
            }
        };
        open(55);
        assert!(!engine.is_crowded());
        open(1);
        assert!(engine.is_crowded());
        engine.looked_for_dropped.store(engine.spaces.horizon(), Ordering::Relaxed);
        assert!(!engine.is_crowded());
        open(4);
        assert!(!engine.is_crowded());
        open(1);
        assert!(engine.is_crowded());

        let (_dir, env) = environment(64);
        let engine = env.shared().engine().unwrap();
        assert!(!engine.is_crowded());
        engine.names_are_gone();
        assert!(engine.is_crowded());
        engine.reclaim(Wait::Forever, catalog::is_dropped).unwrap();
        assert!(!engine.is_crowded());
    }

    /// Other processes learn by the catalog's sequence number that a name was removed from the file. If it did not rise,
    /// they would go on writing to the number that they have.
    #[test]
    fn the_sequence_number_rises_where_a_name_is_removed() {
        let (_dir, env) = environment(64);
        for name in ["a", "b"] {
            Dict::<i64, i64>::open(&env, name).unwrap();
        }
        env.drop_collection("a").unwrap();
        let engine = env.shared().engine().unwrap();
        let sequence = || env.shared().call(|call| call.reader()?.sequence()).unwrap().unwrap();
        let before = sequence();
        assert_eq!(engine.spaces.open_count(), 2);
        for _ in 0..2 {
            engine.reclaim(Wait::Forever, catalog::is_dropped).unwrap();
            assert_eq!((engine.spaces.open_count(), sequence()), (1, before + 1));
        }
    }
}
