//! Transactions and snapshots: blocks that begin and end here in plain cases.
//!
//! The interpreter handles signals between two steps of Python, and not while a native call runs. So this module records
//! a begun transaction, and forgets an ended one, before an exception can be raised.
//!
//! The plain case is the outermost block of a thread, begun outside of tasks and greenlets. The package does the rest, and
//! takes over an open block when it needs to know more about it.

use std::cell::RefCell;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType, PyWeakrefReference};
use pyo3::{ffi, intern};

use crate::errors::error;
use crate::library::{BAD_HANDLE, FORKED, Handle, NOT_INNERMOST, OK, READ, WRONG_THREAD, library};
use crate::writes::{count_write, make_interruptible};

/// The base of `Environment`.
#[pyclass(frozen, subclass, module = "persistent_collections_python")]
pub(crate) struct HotEnvironment {
    /// Zero if it must not be used directly.
    handle: AtomicU64,
    /// The opening that its snapshots begin in; zero if that must not be used directly.
    lender: AtomicU64,
    /// Makes the exception for a status.
    failure: OnceLock<Py<PyAny>>,
}

#[pymethods]
impl HotEnvironment {
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Self {
        Self { handle: AtomicU64::new(0), lender: AtomicU64::new(0), failure: OnceLock::new() }
    }

    /// Sets the function that makes the exception for a status.
    fn _fail_by(&self, failure: Py<PyAny>) {
        // Set once per object; a second call changes nothing.
        let _ = self.failure.set(failure);
    }

    /// Allows direct use of its handle, until a call with zero.
    fn _heat(&self, handle: u64) {
        self.handle.store(handle, Ordering::Relaxed);
        if handle == 0 {
            self.lender.store(0, Ordering::Relaxed);
        }
    }

    /// Allows direct use of the opening of its snapshots, while its own handle may be used.
    fn _heat_lender(&self, handle: u64) {
        self.lender.store(handle, Ordering::Relaxed);
    }
}

impl HotEnvironment {
    /// Returns its handle, if that may be used directly.
    pub(crate) fn handle(&self) -> Option<Handle> {
        let id = self.handle.load(Ordering::Relaxed);
        (id != 0).then_some(Handle { id })
    }

    /// Whether the thread has no transaction and no snapshot in it.
    pub(crate) fn is_outside(&self) -> bool {
        self.handle()
            .is_some_and(|handle| library().is_ok_and(|library| library.txn_current(handle) == (OK, 0)))
    }

    fn failure(&self, py: Python<'_>, status: i32) -> PyErr {
        match self.failure.get() {
            Some(failure) => match failure.bind(py).call1((status,)) {
                Ok(error) => PyErr::from_value(error),
                Err(error) => error,
            },
            None => error("PanicError", "the environment is not open"),
        }
    }
}

/// The base of `Transaction`: one block, and its handle if it began here.
#[pyclass(frozen, subclass, weakref, module = "persistent_collections_python")]
pub(crate) struct HotBlock {
    environment: Py<HotEnvironment>,
    kind: i32,
    timeout: i64,
    /// Zero if it did not begin here, has ended, or was taken over by the package.
    handle: AtomicU64,
    /// The object of the last look-up of its `__exit__`; null once that is freed.
    leaving: AtomicPtr<ffi::PyObject>,
    /// That object when the block began: the block ends with it.
    held: AtomicPtr<ffi::PyObject>,
}

thread_local! {
    /// The blocks that this thread has begun here, at most one per environment, by the environment's address.
    static OPEN: RefCell<Vec<(usize, Py<PyWeakrefReference>)>> = const { RefCell::new(Vec::new()) };
}

#[pymethods]
impl HotBlock {
    #[new]
    #[pyo3(signature = (environment, kind, timeout, *_arguments))]
    fn new(
        environment: Py<HotEnvironment>,
        kind: i32,
        timeout: i64,
        _arguments: &Bound<'_, PyTuple>,
    ) -> HotBlock {
        HotBlock {
            environment,
            kind,
            timeout,
            handle: AtomicU64::new(0),
            leaving: AtomicPtr::new(ptr::null_mut()),
            held: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.environment)
    }

    #[getter]
    fn _environment(&self, py: Python<'_>) -> Py<HotEnvironment> {
        self.environment.clone_ref(py)
    }

    #[getter]
    fn _kind(&self) -> i32 {
        self.kind
    }

    #[getter]
    fn _timeout(&self) -> i64 {
        self.timeout
    }

    /// Whether it began here and has not ended.
    #[getter(_is_open)]
    fn is_open(&self) -> bool {
        self.handle.load(Ordering::Relaxed) != 0
    }

    /// Returns the object that it ends with: the one that `with` holds, or else itself.
    #[getter]
    fn _holder<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        let block = slf.get();
        let held = if block.is_open() { &block.held } else { &block.leaving }.load(Ordering::Relaxed);
        // SAFETY: it is alive, since its destructor sets the pointer to null first.
        unsafe { Bound::from_borrowed_ptr_or_opt(slf.py(), held) }.unwrap_or_else(|| slf.clone().into_any())
    }

    /// Moves its handle to an address of the package, which ends it from now on.
    fn _hand_over(&self, address: usize) {
        let place = address as *mut u64;
        // SAFETY: the package passes the address of a `c_uint64` that it holds.
        unsafe { place.write(self.handle.load(Ordering::Relaxed)) };
        self.handle.store(0, Ordering::Relaxed);
    }

    /// Ends a block that began here. With `leaves`, always, and without reporting a failure to undo it.
    fn _finish(slf: &Bound<'_, Self>, commits: bool, leaves: bool) -> PyResult<()> {
        end(slf, commits, leaves)
    }

    /// The `__exit__` of the class, for callers that look it up there.
    #[pyo3(signature = (kind, error, trace))]
    fn _leave_by_hand<'py>(
        slf: &Bound<'py, Self>,
        kind: Option<Bound<'py, PyAny>>,
        error: Option<Bound<'py, PyAny>>,
        trace: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        leave(slf, kind, error, trace)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if begin(slf)? {
            return Ok(slf.clone().into_any());
        }
        slf.call_method0(intern!(slf.py(), "_begin"))?;
        Ok(slf.clone().into_any())
    }
}

impl Drop for HotBlock {
    fn drop(&mut self) {
        self.abort();
    }
}

impl HotBlock {
    /// Aborts it, if it began here and has not ended, unless the library refuses.
    fn abort(&self) {
        let handle = self.handle.load(Ordering::Relaxed);
        if handle == 0 {
            return;
        }
        count_write();
        if let Ok(library) = library()
            && !goes_on(library.txn_abort(handle))
        {
            self.handle.store(0, Ordering::Relaxed);
        }
    }
}

/// Whether a transaction stays open after a call to end it.
fn goes_on(status: i32) -> bool {
    matches!(status, WRONG_THREAD | NOT_INNERMOST | FORKED)
}

/// Whether the caller is certainly not a greenlet or task.
fn is_threads_own_code(py: Python<'_>) -> PyResult<bool> {
    // SAFETY: the interpreter returns a dict that it keeps alive.
    let modules =
        unsafe { Bound::from_borrowed_ptr(py, ffi::PyImport_GetModuleDict()) }.cast_into::<PyDict>()?;
    if modules.contains(intern!(py, "greenlet"))? || modules.contains(intern!(py, "curio.meta"))? {
        return Ok(false);
    }
    if let Some(asyncio) = modules.get_item(intern!(py, "asyncio"))? {
        // The module lacks the function while it is being imported.
        let Some(running_loop) = asyncio.getattr_opt(intern!(py, "_get_running_loop"))? else {
            return Ok(false);
        };
        if !running_loop.call0()?.is_none() {
            return Ok(false);
        }
    }
    if let Some(trio) = modules.get_item(intern!(py, "trio"))? {
        let Some(lowlevel) = trio.getattr_opt(intern!(py, "lowlevel"))? else { return Ok(false) };
        // Older versions lack the function.
        let Some(in_run) = lowlevel.getattr_opt(intern!(py, "in_trio_run"))? else { return Ok(false) };
        if in_run.call0()?.is_truthy()? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Begins a block. Returns `false`, without an effect, if the case is not plain.
fn begin(slf: &Bound<'_, HotBlock>) -> PyResult<bool> {
    let (py, block) = (slf.py(), slf.get());
    let (library, environment) = (library()?, block.environment.get());
    let own = environment.handle.load(Ordering::Relaxed);
    let handle = if block.kind == READ { environment.lender.load(Ordering::Relaxed) } else { own };
    if block.handle.load(Ordering::Relaxed) != 0 || own == 0 || handle == 0 || !is_threads_own_code(py)? {
        return Ok(false);
    }
    make_interruptible(py)?;
    let environment_handle = Handle { id: handle };
    if library.txn_current(environment_handle) != (OK, 0) {
        return Ok(false);
    }
    let (key, known) = (key(block), PyWeakrefReference::new(slf)?.unbind());
    let replaced = OPEN.with_borrow_mut(|open| {
        let before = remove(open, key);
        open.push((key, known));
        before
    });
    drop(replaced);
    block.held.store(block.leaving.load(Ordering::Relaxed), Ordering::Relaxed);
    count_write();
    // It may wait for the write lock, whose holder may wait for the interpreter's.
    let (kind, timeout) = (block.kind, block.timeout);
    let (status, begun) = py.detach(|| library.txn_begin(environment_handle, kind, timeout));
    match status {
        OK => {
            block.handle.store(begun, Ordering::Relaxed);
            Ok(true)
        }
        // The package reports a handle that is closed or the parent's.
        BAD_HANDLE | FORKED => Ok(false),
        _ => Err(environment.failure(py, status)),
    }
}

/// Commits or aborts a block that began here. With `leaves`, it aborts a block that cannot be committed, and does not report
/// a failure to abort, since the exception that leaves the block matters more.
fn end(block: &Bound<'_, HotBlock>, commits: bool, leaves: bool) -> PyResult<()> {
    let (py, block) = (block.py(), block.get());
    let (library, handle) = (library()?, block.handle.load(Ordering::Relaxed));
    count_write();
    // A commit may wait for the disk.
    let status = py.detach(|| if commits { library.txn_commit(handle) } else { library.txn_abort(handle) });
    if !goes_on(status) {
        block.handle.store(0, Ordering::Relaxed);
        let removed = OPEN.with_borrow_mut(|open| remove(open, key(block)));
        drop(removed);
    }
    if status >= OK || (leaves && !commits) {
        return Ok(());
    }
    let failure = block.environment.get().failure(py, status);
    if leaves {
        block.abort();
    }
    Err(failure)
}

/// `__exit__`.
fn leave<'py>(
    block: &Bound<'py, HotBlock>,
    kind: Option<Bound<'py, PyAny>>,
    error: Option<Bound<'py, PyAny>>,
    trace: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    if block.get().is_open() {
        return end(block, kind.is_none(), true);
    }
    block.call_method1(intern!(block.py(), "_leave"), (kind, error, trace)).map(|_| ())
}

fn key(block: &HotBlock) -> usize {
    block.environment.as_ptr() as usize
}

fn remove(
    open: &mut Vec<(usize, Py<PyWeakrefReference>)>,
    key: usize,
) -> Option<(usize, Py<PyWeakrefReference>)> {
    let at = open.iter().position(|(environment, _)| *environment == key)?;
    Some(open.swap_remove(at))
}

/// Returns the open block of an environment that the calling thread began here, or None.
#[pyfunction]
pub(crate) fn open_block<'py>(environment: &Bound<'py, HotEnvironment>) -> Option<Bound<'py, PyAny>> {
    let (py, key) = (environment.py(), environment.as_ptr() as usize);
    let known = OPEN.with_borrow(|open| {
        open.iter().find(|(environment, _)| *environment == key).map(|(_, known)| known.clone_ref(py))
    })?;
    let block = known.bind(py).upgrade_as::<HotBlock>().ok()??;
    block.get().is_open().then(|| block.into_any())
}

/// The `__exit__` that `with` finds for a block: an object for each block, which ends the block when it is freed.
///
/// `with` looks `__exit__` up before it calls `__enter__`, and holds the only reference to it until the block is left:
/// also by an exception between these and the block.
#[pyclass(frozen, weakref, module = "persistent_collections_python")]
pub(crate) struct Leaving {
    block: Py<HotBlock>,
    /// The object's own address.
    address: AtomicPtr<ffi::PyObject>,
}

#[pymethods]
impl Leaving {
    #[pyo3(signature = (kind=None, error=None, trace=None))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        kind: Option<Bound<'py, PyAny>>,
        error: Option<Bound<'py, PyAny>>,
        trace: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        leave(slf.get().block.bind(slf.py()), kind, error, trace)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.block)
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let (block, address) = (self.block.get(), self.address.load(Ordering::Relaxed));
        if block.leaving.load(Ordering::Relaxed) == address {
            block.leaving.store(ptr::null_mut(), Ordering::Relaxed);
        }
        if block.held.load(Ordering::Relaxed) == address {
            block.held.store(ptr::null_mut(), Ordering::Relaxed);
            block.abort();
        }
    }
}

/// The descriptor that gives [`Leaving`]s.
#[pyclass(frozen, module = "persistent_collections_python")]
pub(crate) struct Exit;

// Python calls it for an instance.
#[allow(clippy::unused_self)]
#[pymethods]
impl Exit {
    #[new]
    fn new() -> Exit {
        Exit
    }

    /// Returns a [`Leaving`] for an instance, and the method for the class.
    fn __get__<'py>(
        &self,
        block: Option<Bound<'py, HotBlock>>,
        of: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(block) = block else { return of.getattr(intern!(of.py(), "_leave_by_hand")) };
        let address = AtomicPtr::new(ptr::null_mut());
        let leaving = Bound::new(of.py(), Leaving { block: block.clone().unbind(), address })?;
        leaving.get().address.store(leaving.as_ptr(), Ordering::Relaxed);
        block.get().leaving.store(leaving.as_ptr(), Ordering::Relaxed);
        Ok(leaving.into_any())
    }
}
