//! Set algebra: what two sets have in common and what not.

use super::argument::Out;
use super::boundary::boundary;
use super::error::{PC_OK, pc_status};
use super::handle;
use super::handles::pc_set;
use crate::error::Result;
use crate::store::algebra::{self, Operation};

/// Makes `into` the union of two sets: the elements that are in either.
///
/// What `into` held before is replaced. It may be `a` or `b`, and those may be the same. The sets are walked in order,
/// some elements at a time, and of `into` only what differs is written: the library needs the same memory however large
/// they are.
///
/// The elements must be of one type, and all three sets raw or none. `a` and `b` may lie in other environments than
/// `into`; they are read in the thread's transaction there, or else in one snapshot for each environment.
///
/// May be called from any thread. It is one write: inside a transaction a part of it, done as a whole or not at all;
/// outside of transactions it returns when it is durable. It holds the write lock of the environment of `into`.
///
/// Statuses: those of writes, for `into`, and of reads; `PC_ERR_TYPE_MISMATCH`: other types, or one is raw and another is
/// not; `PC_ERR_UNSUPPORTED`: a raw set with an order of its own.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_union(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::Union, a, b, into) })
}

/// Makes `into` the intersection of two sets: the elements that are in both. In all else as `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_intersection(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::Intersection, a, b, into) })
}

/// Makes `into` the difference of two sets: the elements of `a` that are not in `b`. In all else as `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_difference(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::Difference, a, b, into) })
}

/// Makes `into` the symmetric difference of two sets: the elements that are in one of them and not in the other. In all
/// else as `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_symmetric_difference(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::SymmetricDifference, a, b, into) })
}

/// Tells whether each element of `a` is in `b`. Looks no further than the first that is not.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may lie in two environments. May be called from any thread; outside of transactions each environment is read
/// in one snapshot.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_TYPE_MISMATCH`: other types, or one is raw and the other
/// is not; `PC_ERR_UNSUPPORTED`: a raw set with an order of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_is_subset(a: pc_set, b: pc_set, out: *mut bool) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        let answer = algebra::is_subset(&*handle::set(a)?, &*handle::set(b)?)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(answer) };
        Ok(PC_OK)
    })
}

/// Tells whether no element is in both sets. Looks no further than the first that is.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may lie in two environments. May be called from any thread; outside of transactions each environment is read
/// in one snapshot.
///
/// Statuses: as for `pc_set_is_subset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_is_disjoint(a: pc_set, b: pc_set, out: *mut bool) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        let answer = algebra::is_disjoint(&*handle::set(a)?, &*handle::set(b)?)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(answer) };
        Ok(PC_OK)
    })
}

fn combine(operation: Operation, a: pc_set, b: pc_set, into: pc_set) -> Result<pc_status> {
    let (a, b, into) = (handle::set(a)?, handle::set(b)?, handle::set(into)?);
    algebra::combine(operation, &a, &b, &into)?;
    Ok(PC_OK)
}
