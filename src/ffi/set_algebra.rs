//! Set algebra.

use super::argument::Out;
use super::boundary::boundary;
use super::handle::{self, pc_set};
use super::status::{PC_OK, pc_status};
use crate::error::Result;
use crate::store::algebra::{self, Operation};

/// Makes `into` the union of two sets: the elements that are in either.
///
/// It replaces the elements of `into`, which may be `a` or `b`; those may be the same. The library walks the sets in
/// order, some elements at a time, and writes only the differences to `into`: its use of memory does not depend on the
/// sizes of the sets.
///
/// The elements must be of one type, and either all three sets are raw or none is. `a` and `b` may be in other
/// environments than `into`; they are read in the thread's transaction there, or else in one snapshot for each
/// environment.
///
/// May be called from any thread. The call is one write, done as a whole or not at all. Inside a transaction, it is
/// part of it; outside of transactions, it returns when it is durable. It holds the write lock of the environment of
/// `into`.
///
/// Statuses: those of writes, for `into`, and of reads; `PC_ERR_TYPE_MISMATCH`: the types differ, or one set is raw and
/// another is not; `PC_ERR_UNSUPPORTED`: a raw set with its own order.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_union(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::Union, a, b, into) })
}

/// Makes `into` the intersection of two sets: the elements that are in both. Otherwise like `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_intersection(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::Intersection, a, b, into) })
}

/// Makes `into` the difference of two sets: the elements of `a` that are not in `b`. Otherwise like `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_difference(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::Difference, a, b, into) })
}

/// Makes `into` the symmetric difference of two sets: the elements that are in exactly one of them. Otherwise like
/// `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_symmetric_difference(a: pc_set, b: pc_set, into: pc_set) -> pc_status {
    boundary!({ combine(Operation::SymmetricDifference, a, b, into) })
}

/// Checks whether each element of `a` is in `b`. Stops at the first that is not.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may be in two environments. May be called from any thread. Outside of transactions, each environment is
/// read in one snapshot.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_TYPE_MISMATCH`: the types differ, or one set is raw and
/// the other is not; `PC_ERR_UNSUPPORTED`: a raw set with its own order.
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

/// Checks whether the two sets have no common element. Stops at the first one.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may be in two environments. May be called from any thread. Outside of transactions, each environment is
/// read in one snapshot.
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
