//! Opens handles, looks up their objects, and retires them with their children.
//!
//! In the steady state, a look-up reads only the thread's own cache (`cache.rs`) and the handle's word in the table
//! (`table.rs`): it takes no lock and does not write to shared memory. The thread's own reference count keeps an object
//! alive during a call, even if another thread closes the handle meanwhile.

mod cache;
mod global;
pub(super) mod object;
pub(super) mod structs;
mod table;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use crate::environment::Environment;
use crate::error::{Error, Result, Status};
use crate::platform::sync::Mutex;
use crate::store::collection::Collection;
use crate::store::stack::TxnRef;
use cache::Cache;
use global::{TABLE, watch_forks};
use object::{IterPlace, IterSlot, IterState, Object, ObjectKind};
pub(super) use structs::{pc_dict, pc_env, pc_iter, pc_set, pc_txn};
use table::{Refusal, Retired};

thread_local! {
    static CACHE: RefCell<Cache<Object>> = const { RefCell::new(Cache::new()) };
}

/// Releases the objects of closed handles that the calling thread remembers; until then a collection stays in memory.
pub(super) fn forget_closed() {
    let closed = CACHE.try_with(|cache| cache.borrow_mut().take_closed(&TABLE));
    // Dropped outside of the borrow, since dropping an object may be slow.
    drop(closed);
}

/// Returns the object of a handle. The object lives as long as the result.
#[inline]
fn find(id: u64, kind: ObjectKind) -> Result<Rc<Object>> {
    if table::kind_of(id) == kind as u8 {
        let remembered = CACHE.try_with(|cache| cache.borrow().get(&TABLE, id));
        if let Ok(Some(object)) = remembered {
            return Ok(object);
        }
    }
    find_in_table(id, kind)
}

#[cold]
fn find_in_table(id: u64, kind: ObjectKind) -> Result<Rc<Object>> {
    // A thread increments the shared count of an object once, and then only its own.
    let object = Rc::new(shared(id, kind)?);
    remember(id, Rc::clone(&object));
    Ok(object)
}

/// Remembers a handle for the calling thread. A thread that is ending has no cache any more.
fn remember(id: u64, object: Rc<Object>) {
    let forgotten = CACHE.try_with(|cache| cache.borrow_mut().remember(&TABLE, id, object));
    // Dropped outside of the borrow, since dropping an object may be slow.
    drop(forgotten);
}

fn check_kind(id: u64, kind: ObjectKind) -> Result<()> {
    match ObjectKind::of(id) {
        Some(other) if other != kind && id != 0 => Err(Error::new(
            Status::BadHandle,
            format!(
                "handle {id:#x} is of another kind ({}): this call needs a handle of kind {}",
                other.name(),
                kind.name()
            ),
        )),
        None => Err(Refusal::Unknown(id).into()),
        _ => Ok(()),
    }
}

fn shared(id: u64, kind: ObjectKind) -> Result<Object> {
    check_kind(id, kind)?;
    let found = TABLE.lock().get(id).cloned();
    if found.is_err() {
        // Another thread may have closed the environment of a write transaction that only this thread can abort.
        crate::engine::leave_closed_seats();
    }
    Ok(found?)
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
    /// Borrows an environment during a call.
    EnvRef, Env, Environment
);
reference!(
    /// Borrows a dict or set during a call.
    CollectionRef, Collection, Collection
);
reference!(
    /// Borrows an iterator during a call.
    IterRef, Iter, IterSlot
);

pub(super) fn env(env: pc_env) -> Result<EnvRef> {
    find(env.id, ObjectKind::Env).map(EnvRef)
}

/// Returns an environment, even if the parent of this process opened it before the fork.
pub(super) fn env_or_inherited(env: pc_env) -> Result<Arc<Environment>> {
    check_kind(env.id, ObjectKind::Env)?;
    match TABLE.lock().get_or_inherited(env.id)? {
        Object::Env(environment) => Ok(Arc::clone(environment)),
        _ => unreachable!("the kind is part of the id and was compared"),
    }
}

#[inline]
pub(super) fn dict(dict: pc_dict) -> Result<CollectionRef> {
    find(dict.id, ObjectKind::Dict).map(CollectionRef)
}

#[inline]
pub(super) fn set(set: pc_set) -> Result<CollectionRef> {
    find(set.id, ObjectKind::Set).map(CollectionRef)
}

#[inline]
pub(super) fn iter(iter: pc_iter) -> Result<IterRef> {
    find(iter.id, ObjectKind::Iter).map(IterRef)
}

/// Returns a transaction. Threads do not cache transactions: they are short, and are looked up only to end them or to
/// make them current.
pub(super) fn txn(txn: pc_txn) -> Result<TxnRef> {
    match shared(txn.id, ObjectKind::Txn)? {
        Object::Txn(txn) => Ok(txn),
        _ => unreachable!("the kind is part of the id and was compared"),
    }
}

/// Returns the handle of a transaction with a number of the Rust API, or zero if the transaction was not begun through
/// C.
pub(super) fn txn_of_number(number: Option<u64>) -> pc_txn {
    pc_txn { id: number.and_then(|number| TABLE.lock().numbered(number)).unwrap_or(0) }
}

fn insert(kind: ObjectKind, object: Object, parents: [u64; 2]) -> Result<u64> {
    let outcome = match watch_forks() {
        Ok(()) => {
            let number = object.transaction();
            let inserted = TABLE.lock().insert(kind as u8, object, number, parents);
            inserted.map_err(|(refusal, object)| (refusal.into(), object))
        }
        Err(error) => Err((error, object)),
    };
    outcome.map_err(|(error, object)| {
        // The object has no handle: release it, and report the reason.
        match release(vec![(0, object)], Reading::Over) {
            Ok(()) => error,
            Err(second) => {
                Error::new(error.status(), format!("{}; then: {}", error.message(), second.message()))
            }
        }
    })
}

pub(super) fn insert_env(env: Environment) -> Result<pc_env> {
    Ok(pc_env { id: insert(ObjectKind::Env, Object::Env(Arc::new(env)), [0, 0])? })
}

pub(super) fn insert_dict(env: pc_env, dict: Collection) -> Result<pc_dict> {
    Ok(pc_dict { id: insert(ObjectKind::Dict, Object::Collection(dict), [env.id, 0])? })
}

pub(super) fn insert_set(env: pc_env, set: Collection) -> Result<pc_set> {
    Ok(pc_set { id: insert(ObjectKind::Set, Object::Collection(set), [env.id, 0])? })
}

/// Creates a handle for a transaction. `outer` is the number of the enclosing transaction.
pub(super) fn insert_txn(env: pc_env, outer: Option<u64>, txn: TxnRef) -> Result<pc_txn> {
    let outer = txn_of_number(outer);
    Ok(pc_txn { id: insert(ObjectKind::Txn, Object::Txn(txn), [env.id, outer.id])? })
}

/// Creates a handle for an iterator over a collection. `txn` is the number of the iterator's transaction.
pub(super) fn insert_iter(collection: u64, txn: Option<u64>, state: IterState) -> Result<pc_iter> {
    let txn = txn_of_number(txn);
    let slot = Arc::new(Mutex::new(IterPlace::Open(state)));
    let id = insert(ObjectKind::Iter, Object::Iter(Arc::clone(&slot)), [collection, txn.id])?;
    // The thread that opens it most likely uses it next.
    remember(id, Rc::new(Object::Iter(slot)));
    Ok(pc_iter { id })
}

fn close(id: u64, kind: ObjectKind) -> Result<()> {
    check_kind(id, kind)?;
    let reading = if kind == ObjectKind::Iter { Reading::Over } else { Reading::Perhaps };
    let alone = TABLE.lock().retire_childless(id)?;
    if let Some(object) = alone {
        return release_one(object, reading);
    }
    let retired = TABLE.lock().retire(id);
    release(retired?, reading)
}

/// Retires the environment's handle and those of its children, aborts its transactions, then closes it.
pub(super) fn close_env(env: pc_env) -> Result<()> {
    close(env.id, ObjectKind::Env)
}

/// Retires the dict's handle and those of its iterators.
pub(super) fn close_dict(dict: pc_dict) -> Result<()> {
    close(dict.id, ObjectKind::Dict)
}

/// Retires the set's handle and those of its iterators.
pub(super) fn close_set(set: pc_set) -> Result<()> {
    close(set.id, ObjectKind::Set)
}

/// Retires the iterator's handle.
pub(super) fn close_iter(iter: pc_iter) -> Result<()> {
    close(iter.id, ObjectKind::Iter)
}

/// Ends a transaction. Retires its handle, and those of its iterators and nested transactions, unless `end` fails and
/// the transaction continues.
pub(super) fn end_txn(txn: pc_txn, end: impl FnOnce(&TxnRef) -> Result<()>) -> Result<()> {
    let outcome = end(&self::txn(txn)?);
    let goes_on =
        |error: &Error| matches!(error.status(), Status::WrongThread | Status::NotInnermost | Status::Forked);
    if outcome.as_ref().is_err_and(goes_on) {
        return outcome;
    }
    let alone = TABLE.lock().retire_childless(txn.id);
    if let Ok(Some(_ended)) = alone {
        return outcome;
    }
    let retired = TABLE.lock().retire(txn.id);
    match retired {
        Ok(mut retired) => {
            // The transaction itself, which comes last, has already ended.
            retired.pop();
            outcome.and(release(retired, Reading::Over))
        }
        // Another thread has retired the handle by closing the environment. The outcome of `end` is still valid.
        Err(_) => outcome,
    }
}

/// States whether a thread may still be reading the entry that an iterator returned last.
#[derive(Clone, Copy)]
enum Reading {
    Perhaps,
    Over,
}

/// Releases the objects of retired handles: first iterators, then transactions from the innermost outwards, then
/// collections, then environments. Continues after a failure, and reports the first one.
fn release(mut retired: Vec<Retired<Object>>, reading: Reading) -> Result<()> {
    let mut outcome = Ok(());
    // Sorted in place, so that closing needs no memory.
    retired.sort_unstable_by_key(|(_, object)| match object {
        Object::Iter(_) => (0, 0),
        Object::Txn(txn) => (1, u64::MAX - txn.id()),
        Object::Collection(_) => (2, 0),
        Object::Env(_) => (3, 0),
    });
    for (_, object) in retired {
        outcome = outcome.and(release_one(object, reading));
    }
    outcome
}

fn release_one(object: Object, reading: Reading) -> Result<()> {
    match object {
        Object::Iter(slot) => {
            // Released outside of the slot's lock.
            let place = std::mem::replace(&mut *slot.lock(), IterPlace::Closed);
            if let (IterPlace::Open(state), Reading::Perhaps) = (place, reading) {
                let given = state.into_given();
                *slot.lock() = IterPlace::Retired(given);
            }
        }
        Object::Txn(txn) => match txn.abort() {
            // It ended with the enclosing transaction.
            Err(error) if error.status() == Status::BadHandle => {}
            other => return other,
        },
        Object::Env(env) => env.close(),
        Object::Collection(_) => {}
    }
    Ok(())
}

impl From<Refusal> for Error {
    #[cold]
    fn from(refusal: Refusal) -> Error {
        let (status, message) = match refusal {
            Refusal::Unknown(0) => (
                Status::BadHandle,
                "the handle is zero: it was never opened, or its opening failed".to_owned(),
            ),
            Refusal::Unknown(id) => (Status::BadHandle, format!("{id:#x} is not a handle of this library")),
            Refusal::Closed(id) => {
                let how = match ObjectKind::of(id) {
                    Some(ObjectKind::Env) => "the environment is closed",
                    Some(ObjectKind::Dict) => "the dict is closed, itself or with its environment",
                    Some(ObjectKind::Set) => "the set is closed, itself or with its environment",
                    Some(ObjectKind::Iter) => {
                        "the iterator is closed, itself or with its collection or transaction"
                    }
                    Some(ObjectKind::Txn) => "the transaction has ended, by itself or with its environment",
                    None => "it is closed",
                };
                (Status::BadHandle, format!("{how} (handle {id:#x})"))
            }
            Refusal::Inherited(id) => {
                let name = ObjectKind::of(id).map_or("handle", ObjectKind::name);
                let message =
                    format!("the {name} was opened before fork (handle {id:#x}); reopen it in the child");
                (Status::Forked, message)
            }
            Refusal::Full(open) => {
                (Status::NoMemory, format!("{open} handles are open; close those that are no longer used"))
            }
            Refusal::NoMemory(none) => return none.into(),
        };
        Error::new(status, message)
    }
}
