//! Implements a call inside a seat, and the views that it reads.

use std::sync::Arc;

use crate::engine::threads::guarded::{Guarded, closed};
use crate::engine::threads::root::{Level, Root, RootKind};
use crate::engine::threads::{Begin, Begun, Seated, Snapshot};
use crate::error::Result;
use crate::memory::TryGrow;
use crate::platform::sync::MutexGuard;

/// A call in progress inside a seat.
pub(crate) struct Call<'s, E: Seated> {
    guarded: MutexGuard<'s, Guarded<E>>,
    pooled_in_use: bool,
}

impl<E: Seated> Drop for Call<'_, E> {
    /// Releases the pooled snapshot, even if the call panicked.
    fn drop(&mut self) {
        if self.pooled_in_use
            && let Some(pooled) = &mut self.guarded.pooled
        {
            pooled.reset();
        }
    }
}

impl<'s, E: Seated> Call<'s, E> {
    pub(super) fn new(guarded: MutexGuard<'s, Guarded<E>>) -> Self {
        Self { guarded, pooled_in_use: false }
    }

    /// Returns the engine, or an error if the environment is closed.
    pub(crate) fn engine(&self) -> Result<&Arc<E>> {
        self.guarded.engine.as_ref().ok_or_else(closed)
    }

    /// Returns the content of the seat.
    pub(crate) fn guarded(&mut self) -> &mut Guarded<E> {
        &mut self.guarded
    }

    /// Returns the stack that the thread's calls are part of, or `None` outside of transactions.
    pub(crate) fn current(&mut self) -> Option<&mut Root<E>> {
        let current = self.guarded.current?;
        self.guarded.roots.iter_mut().find(|root| root.id == current)
    }

    /// Returns a reader on the current transaction, or else on the newest snapshot until the call ends.
    #[inline]
    pub(crate) fn reader(&mut self) -> Result<E::Reader<'_>> {
        if self.guarded.current.is_none() && !self.pooled_in_use {
            self.renew()?;
            self.pooled_in_use = true;
        }
        let Guarded { engine, pooled, roots, current } = &mut *self.guarded;
        let engine = engine.as_ref().ok_or_else(closed)?;
        if let Some(current) = current
            && let Some(root) = roots.iter_mut().find(|root| root.id == *current)
        {
            return Ok(root.kind.reader(engine));
        }
        pooled.as_mut().map(|snapshot| engine.reader_of_snapshot(snapshot, false)).ok_or_else(closed)
    }

    /// Makes the pooled snapshot the newest. Leaves the seat temporarily if this is impossible inside a call.
    #[inline]
    fn renew(&mut self) -> Result<()> {
        loop {
            let Guarded { engine, pooled, .. } = &mut *self.guarded;
            let engine = engine.as_ref().ok_or_else(closed)?;
            let why = match engine.renew(pooled) {
                Ok(()) => return Ok(()),
                Err(Begin::Failed(error)) => return Err(error),
                Err(Begin::Outside(why)) => why,
            };
            let engine = Arc::clone(engine);
            let Begun { snapshot, held } =
                MutexGuard::unlocked(&mut self.guarded, || engine.begin_outside(why))?;
            // The environment may have been closed meanwhile.
            self.engine()?;
            if snapshot.is_some() {
                self.guarded.pooled = snapshot;
                drop(held);
                return Ok(());
            }
        }
    }

    /// Returns a reader on the stack that contains a level, or `None` if the level has ended.
    pub(crate) fn reader_of(&mut self, level: u64) -> Result<Option<E::Reader<'_>>> {
        let Guarded { engine, roots, .. } = &mut *self.guarded;
        let engine = engine.as_ref().ok_or_else(closed)?;
        let root = roots.iter_mut().find(|root| root.levels.iter().any(|l| l.id == level));
        Ok(root.map(|root| root.kind.reader(engine)))
    }

    /// Returns a snapshot of the newest commit that outlives the call.
    pub(crate) fn snapshot(&mut self) -> Result<E::Snapshot> {
        if !self.pooled_in_use {
            self.renew()?;
        }
        self.pooled_in_use = false;
        let snapshot = self.guarded.pooled.take().ok_or_else(closed)?;
        self.engine()?.check_before_keeping()?;
        Ok(snapshot)
    }

    /// Adds a stack to the seat, makes it current, and returns its outermost level.
    pub(crate) fn push_root(&mut self, kind: RootKind<E>) -> Result<u64> {
        let id = super::root::next_level();
        let write = matches!(kind, RootKind::Write(_));
        let guarded = self.guarded();
        guarded.roots.try_room(1)?;
        guarded.roots.push(Root { id, kind, levels: vec![Level { id, write }] });
        guarded.current = Some(id);
        Ok(id)
    }

    /// Begins a snapshot as the current transaction and returns its level.
    pub(crate) fn push_snapshot(&mut self) -> Result<u64> {
        let snapshot = self.snapshot()?;
        self.push_root(RootKind::Snapshot(snapshot))
    }
}
