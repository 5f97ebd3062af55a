//! Implements the content of a seat, and its release.

use std::sync::Arc;

use crate::engine::threads::root::{Root, RootKind};
use crate::engine::threads::{Seated, Snapshot, WriteTxn};
use crate::error::{Error, Status};

/// The content of a seat, behind its lock.
pub(crate) struct Guarded<E: Seated> {
    /// `None` after the environment was closed.
    pub(super) engine: Option<Arc<E>>,
    /// The thread's read transaction, which has no snapshot between calls.
    pub(crate) pooled: Option<E::Snapshot>,
    pub(crate) roots: Vec<Root<E>>,
    /// The root that the thread's calls are part of.
    pub(crate) current: Option<u64>,
}

#[cold]
pub(super) fn closed() -> Error {
    Error::new(Status::BadHandle, "the environment was closed; open it again")
}

/// The reason for releasing the content of a seat, and whether the seat's own thread does it.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    Closed {
        own_thread: bool,
    },
    Failed {
        own_thread: bool,
    },
    /// The thread ends. Addresses that its snapshot has lent stay valid until a caller ends the snapshot.
    Thread,
}

impl Ending {
    pub(super) fn of(failed: bool, own_thread: bool) -> Ending {
        if failed { Ending::Failed { own_thread } } else { Ending::Closed { own_thread } }
    }

    /// Returns true if a root stays. A write transaction stays unless its own thread ends it: an engine's write lock
    /// can be released only there. When the environment fails, no caller has asked for the end, so lent addresses stay
    /// valid.
    fn leaves<E: Seated>(self, kind: &RootKind<E>) -> bool {
        match (self, kind) {
            (Ending::Closed { own_thread } | Ending::Failed { own_thread }, RootKind::Write(_)) => {
                !own_thread
            }
            (Ending::Thread, RootKind::Write(_)) | (Ending::Closed { .. }, RootKind::Snapshot(_)) => false,
            (Ending::Failed { .. } | Ending::Thread, RootKind::Snapshot(snapshot)) => snapshot.is_pinned(),
        }
    }
}

impl<E: Seated> Guarded<E> {
    /// Returns true if one of its snapshots has lent addresses.
    pub(crate) fn is_pinned(&self) -> bool {
        self.roots.iter().any(|root| matches!(&root.kind, RootKind::Snapshot(s) if s.is_pinned()))
    }

    /// Returns the snapshots of its transactions.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &E::Snapshot> {
        self.roots.iter().filter_map(|root| match &root.kind {
            RootKind::Snapshot(snapshot) => Some(snapshot),
            RootKind::Write(_) => None,
        })
    }

    /// Ends a snapshot of the thread, and keeps it for the next read if the seat has no pooled snapshot.
    pub(super) fn give_back(&mut self, mut snapshot: E::Snapshot) {
        if self.engine.is_some() && self.pooled.is_none() {
            snapshot.recycle();
            self.pooled = Some(snapshot);
        }
    }

    /// Ends all transactions that may end, and releases the environment.
    pub(crate) fn release(&mut self, ending: Ending) {
        self.pooled = None;
        self.current = None;
        self.roots.retain(|root| ending.leaves(&root.kind));
        if self.roots.is_empty() {
            self.engine = None;
        }
    }

    /// Undoes levels that another thread has marked, and those begun inside them.
    pub(crate) fn undo(&mut self, marks: &[u64], own_thread: bool) {
        for mark in marks {
            let Some(at) = self.roots.iter().position(|root| root.levels.iter().any(|l| l.id == *mark))
            else {
                continue;
            };
            if !own_thread && matches!(self.roots[at].kind, RootKind::Write(_)) {
                continue;
            }
            let root = &mut self.roots[at];
            while let Some(level) = root.levels.pop() {
                if let RootKind::Write(txn) = &mut root.kind
                    && level.write
                    && !root.levels.is_empty()
                {
                    txn.abort_savepoint();
                }
                if level.id == *mark {
                    break;
                }
            }
            if self.roots[at].levels.is_empty() {
                let root = self.roots.swap_remove(at);
                if self.current == Some(root.id) {
                    self.current = None;
                }
            }
        }
    }
}
