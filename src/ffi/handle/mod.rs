//! Handles: looking up what they stand for, opening, and retiring them with their children.
//!
//! A look-up in the steady state reads this thread's own cache and the handle's word in the table (`table.rs`):
//! it takes no lock and writes nothing that threads share. Reference counts of a thread's own keep an object
//! alive during a call, even if another thread closes its handle meanwhile.

pub(super) mod object;
pub(super) mod structs;
mod table;

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use crate::environment::Environment;
use crate::error::{Error, Result, Status};
use crate::platform::sync::Mutex;
use crate::store::collection::Collection;
use crate::store::stack::TxnRef;
use object::{IterPlace, IterSlot, IterState, Kind, Object};
pub(super) use structs::{pc_dict, pc_env, pc_iter, pc_set, pc_txn};
use table::Retired;

/// How many handles a thread remembers. Those whose slots are this far apart take turns.
const REMEMBERED: usize = 64;

/// What a thread remembers of the handles it used.
struct Cache {
    /// The fork that the process came out of when this was filled.
    forks: u64,
    /// One bit for each place that is filled.
    filled: u64,
    places: [Option<(u64, Rc<Object>)>; REMEMBERED],
}

thread_local! {
    static CACHE: RefCell<Cache> =
        const { RefCell::new(Cache { forks: 0, filled: 0, places: [const { None }; REMEMBERED] }) };
}

impl Cache {
    #[inline]
    fn get(&self, id: u64) -> Option<Rc<Object>> {
        let (remembered, object) = self.places[table::slot_of(id) % REMEMBERED].as_ref()?;
        (*remembered == id && table::is_live(id) && self.forks == table::fork_generation())
            .then(|| Rc::clone(object))
    }

    /// Takes out what is no longer used: handles that are closed by now, and whatever stood where `id` goes.
    fn make_room(&mut self, id: u64) -> Vec<Rc<Object>> {
        self.take_closed(Some(table::slot_of(id) % REMEMBERED))
    }

    fn take_closed(&mut self, wanted: Option<usize>) -> Vec<Rc<Object>> {
        if self.forks != table::fork_generation() {
            self.forget();
        }
        let mut out = Vec::new();
        let mut left = self.filled;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            let place = &mut self.places[at];
            if Some(at) == wanted || place.as_ref().is_none_or(|(id, _)| !table::is_live(*id)) {
                out.extend(place.take().map(|(_, object)| object));
                self.filled &= !(1 << at);
            }
        }
        out
    }

    fn remember(&mut self, id: u64, object: Rc<Object>) {
        let at = table::slot_of(id) % REMEMBERED;
        self.places[at] = Some((id, object));
        self.filled |= 1 << at;
    }

    /// Drops what was inherited through `fork` without touching it: it is the parent's.
    fn forget(&mut self) {
        for place in &mut self.places {
            std::mem::forget(place.take());
        }
        self.filled = 0;
        self.forks = table::fork_generation();
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.forks != table::fork_generation() {
            self.forget();
        }
    }
}

/// Lets go what the calling thread remembers of handles that are closed: a collection has its place as long.
pub(super) fn forget_closed() {
    let closed = CACHE.try_with(|cache| cache.borrow_mut().take_closed(None));
    // Only now, since dropping an object may take a while.
    drop(closed);
}

/// What a handle stands for, kept alive as long as the result.
#[inline]
fn find(id: u64, kind: Kind) -> Result<Rc<Object>> {
    if table::kind_of(id) == Some(kind) {
        let remembered = CACHE.try_with(|cache| cache.borrow().get(id));
        if let Ok(Some(object)) = remembered {
            return Ok(object);
        }
    }
    find_in_table(id, kind)
}

#[cold]
fn find_in_table(id: u64, kind: Kind) -> Result<Rc<Object>> {
    // Each thread takes its own count of an object once, and counts on that from then on.
    let object = Rc::new(shared(id, kind)?);
    // While the thread ends its cache is gone: then it takes this way each time.
    let stale = CACHE.try_with(|cache| {
        let mut cache = cache.borrow_mut();
        let stale = cache.make_room(id);
        cache.remember(id, Rc::clone(&object));
        stale
    });
    // Only now, since dropping an object may take a while.
    drop(stale);
    Ok(object)
}

fn check_kind(id: u64, kind: Kind) -> Result<()> {
    match table::kind_of(id) {
        Some(other) if other != kind && id != 0 => Err(Error::new(
            Status::BadHandle,
            format!(
                "handle {id:#x} is of another kind ({}): this call needs a handle of kind {}",
                other.name(),
                kind.name()
            ),
        )),
        None => Err(table::unknown(id)),
        _ => Ok(()),
    }
}

fn shared(id: u64, kind: Kind) -> Result<Object> {
    check_kind(id, kind)?;
    let found = table::lock().get(id).cloned();
    if found.is_err() {
        // Closed from elsewhere, perhaps, with a write transaction of this thread, which only it can undo.
        crate::engine::leave_closed_seats();
    }
    found
}

macro_rules! reference {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $target:ty) => {
        $(#[$doc])*
        pub(super) struct $name(Rc<Object>);

        impl Deref for $name {
            type Target = $target;

            #[inline]
            fn deref(&self) -> &$target {
                match &*self.0 {
                    Object::$variant(object) => object,
                    _ => unreachable!("the kind is part of the id and was compared"),
                }
            }
        }
    };
}

reference!(
    /// An environment in use by this call.
    EnvRef, Env, Environment
);
reference!(
    /// A dict or set in use by this call.
    CollectionRef, Collection, Collection
);
reference!(
    /// An iterator in use by this call.
    IterRef, Iter, IterSlot
);

pub(super) fn env(env: pc_env) -> Result<EnvRef> {
    find(env.id, Kind::Env).map(EnvRef)
}

/// The same, also where it was opened before a fork by the parent of this process.
pub(super) fn env_or_inherited(env: pc_env) -> Result<Arc<Environment>> {
    check_kind(env.id, Kind::Env)?;
    match table::lock().get_or_inherited(env.id)? {
        Object::Env(environment) => Ok(Arc::clone(environment)),
        _ => unreachable!("the kind is part of the id and was compared"),
    }
}

#[inline]
pub(super) fn dict(dict: pc_dict) -> Result<CollectionRef> {
    find(dict.id, Kind::Dict).map(CollectionRef)
}

#[inline]
pub(super) fn set(set: pc_set) -> Result<CollectionRef> {
    find(set.id, Kind::Set).map(CollectionRef)
}

#[inline]
pub(super) fn iter(iter: pc_iter) -> Result<IterRef> {
    find(iter.id, Kind::Iter).map(IterRef)
}

/// A transaction. Threads do not remember them: they are short, and looked up only to end or to change places.
pub(super) fn txn(txn: pc_txn) -> Result<TxnRef> {
    match shared(txn.id, Kind::Txn)? {
        Object::Txn(txn) => Ok(txn),
        _ => unreachable!("the kind is part of the id and was compared"),
    }
}

/// The handle of a transaction that the safe API knows by a number; zero if C never had it.
pub(super) fn txn_of_number(number: Option<u64>) -> pc_txn {
    pc_txn { id: number.and_then(|number| table::lock().transaction(number)).unwrap_or(0) }
}

fn insert(kind: Kind, object: Object, parents: [u64; 2]) -> Result<u64> {
    let outcome = table::lock().insert(kind, object, parents);
    outcome.map_err(|(error, object)| {
        // What was opened has no owner: close it, and report why.
        match release(vec![(0, object)], Reading::Over) {
            Ok(()) => error,
            Err(second) => {
                Error::new(error.status(), format!("{}; then: {}", error.message(), second.message()))
            }
        }
    })
}

pub(super) fn insert_env(env: Environment) -> Result<pc_env> {
    Ok(pc_env { id: insert(Kind::Env, Object::Env(Arc::new(env)), [0, 0])? })
}

pub(super) fn insert_dict(env: pc_env, dict: Collection) -> Result<pc_dict> {
    Ok(pc_dict { id: insert(Kind::Dict, Object::Collection(dict), [env.id, 0])? })
}

pub(super) fn insert_set(env: pc_env, set: Collection) -> Result<pc_set> {
    Ok(pc_set { id: insert(Kind::Set, Object::Collection(set), [env.id, 0])? })
}

/// Gives a transaction a handle; `outer` is the number of the one it was begun inside.
pub(super) fn insert_txn(env: pc_env, outer: Option<u64>, txn: TxnRef) -> Result<pc_txn> {
    let outer = txn_of_number(outer);
    Ok(pc_txn { id: insert(Kind::Txn, Object::Txn(txn), [env.id, outer.id])? })
}

/// Gives an iterator over the collection with this handle a handle; `txn` is the number of the transaction that
/// the iterator belongs to.
pub(super) fn insert_iter(collection: u64, txn: Option<u64>, state: IterState) -> Result<pc_iter> {
    let txn = txn_of_number(txn);
    let object = Object::Iter(Arc::new(Mutex::new(IterPlace::Open(state))));
    Ok(pc_iter { id: insert(Kind::Iter, object, [collection, txn.id])? })
}

fn close(id: u64, kind: Kind) -> Result<()> {
    check_kind(id, kind)?;
    let retired = table::lock().retire(id);
    release(retired?, if kind == Kind::Iter { Reading::Over } else { Reading::Perhaps })
}

/// Retires the environment's handle and its children's, aborts its transactions, then closes it.
pub(super) fn close_env(env: pc_env) -> Result<()> {
    close(env.id, Kind::Env)
}

/// Retires the dict's handle and its iterators'.
pub(super) fn close_dict(dict: pc_dict) -> Result<()> {
    close(dict.id, Kind::Dict)
}

/// Retires the set's handle and its iterators'.
pub(super) fn close_set(set: pc_set) -> Result<()> {
    close(set.id, Kind::Set)
}

/// Retires the iterator's handle.
pub(super) fn close_iter(iter: pc_iter) -> Result<()> {
    close(iter.id, Kind::Iter)
}

/// Ends a transaction. Its handle, those of the transactions inside it and of its iterators are retired, unless
/// `end` says that it goes on.
pub(super) fn end_txn(txn: pc_txn, end: impl FnOnce(&TxnRef) -> Result<()>) -> Result<()> {
    let outcome = end(&self::txn(txn)?);
    let goes_on =
        |error: &Error| matches!(error.status(), Status::WrongThread | Status::NotInnermost | Status::Forked);
    if outcome.as_ref().is_err_and(goes_on) {
        return outcome;
    }
    let retired = table::lock().retire(txn.id);
    match retired {
        Ok(mut retired) => {
            // The transaction itself, which comes last, has ended.
            retired.pop();
            outcome.and(release(retired, Reading::Over))
        }
        // Another thread retired it meanwhile, by closing its environment; what came of the end stands.
        Err(_) => outcome,
    }
}

/// Whether a thread may still be reading what an iterator has given it.
#[derive(Clone, Copy)]
enum Reading {
    Perhaps,
    Over,
}

/// Lets go of what retired handles stood for, in the order that their nature asks for: iterators, transactions
/// from the innermost outwards, collections, environments. Goes through to the end; reports the first failure.
fn release(mut retired: Vec<Retired>, reading: Reading) -> Result<()> {
    let mut outcome = Ok(());
    // In place: closing needs no memory.
    retired.sort_unstable_by_key(|(_, object)| match object {
        Object::Iter(_) => (0, 0),
        Object::Txn(txn) => (1, u64::MAX - txn.id()),
        Object::Collection(_) => (2, 0),
        Object::Env(_) => (3, 0),
    });
    for (_, object) in retired {
        match object {
            Object::Iter(slot) => {
                // Let go after the place's lock.
                let place = std::mem::replace(&mut *slot.lock(), IterPlace::Closed);
                if let (IterPlace::Open(state), Reading::Perhaps) = (place, reading) {
                    let given = state.into_given();
                    *slot.lock() = IterPlace::Retired(given);
                }
            }
            Object::Txn(txn) => match txn.abort() {
                // It ended with the one around it.
                Err(error) if error.status() == Status::BadHandle => {}
                other => outcome = outcome.and(other),
            },
            Object::Env(env) => env.close(),
            Object::Collection(_) => {}
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Weak;

    fn open() -> (u64, Weak<Mutex<IterPlace>>) {
        let slot: IterSlot = Arc::new(Mutex::new(IterPlace::Closed));
        let weak = Arc::downgrade(&slot);
        (insert(Kind::Iter, Object::Iter(slot), [0, 0]).unwrap(), weak)
    }

    #[test]
    fn what_a_thread_remembers_of_closed_handles_goes_with_its_next_miss() {
        let (id, object) = open();
        find(id, Kind::Iter).unwrap();
        assert_eq!(object.strong_count(), 2, "the table's and this thread's");
        // A thread keeps one count, however often it looks.
        find(id, Kind::Iter).unwrap();
        assert_eq!(object.strong_count(), 2);
        close(id, Kind::Iter).unwrap();
        assert_eq!(object.strong_count(), 1, "this thread's");
        assert_eq!(find(id, Kind::Iter).err().unwrap().status(), Status::BadHandle);
        let (other, _) = open();
        find(other, Kind::Iter).unwrap();
        assert_eq!(object.strong_count(), 0);
        close(other, Kind::Iter).unwrap();
    }

    #[test]
    fn a_thread_that_ends_remembers_nothing() {
        let (id, object) = open();
        std::thread::spawn(move || drop(find(id, Kind::Iter).unwrap())).join().unwrap();
        assert_eq!(object.strong_count(), 1);
        close(id, Kind::Iter).unwrap();
        assert_eq!(object.strong_count(), 0);
    }

    #[test]
    fn more_handles_than_are_remembered_take_turns() {
        let all: Vec<_> = (0..3 * REMEMBERED).map(|_| open()).collect();
        for _ in 0..2 {
            for (id, _) in &all {
                find(*id, Kind::Iter).unwrap();
            }
        }
        let remembered = all.iter().filter(|(_, object)| object.strong_count() == 2).count();
        assert!(remembered <= REMEMBERED, "{remembered}");
        for (id, _) in &all {
            close(*id, Kind::Iter).unwrap();
            assert!(find(*id, Kind::Iter).is_err());
        }
    }

    #[test]
    fn a_handle_of_another_kind_is_named() {
        let (id, _) = open();
        let error = find(id, Kind::Dict).err().unwrap();
        assert_eq!(error.status(), Status::BadHandle);
        assert!(error.message().contains("iterator") && error.message().contains("dict"), "{error}");
        close(id, Kind::Iter).unwrap();
    }
}
