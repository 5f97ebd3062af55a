//! Transactions and snapshots: blocks that begin and end here, where all is plain.
//!
//! The interpreter looks for signals between two steps of Python, and not while a native call runs. So what the library
//! has begun is recorded before anything can be raised, and what it has ended is forgotten before that.
//!
//! Plain is the outermost block of a thread, begun by the thread's own code and by no task or greenlet. All else, and what
//! is to be known of a block that is open, is the package's: it takes the block over then.

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
    /// Zero where it may not be used as it is.
    handle: AtomicU64,
    /// The opening that its snapshots are begun in; zero where that may not be used as it is.
    lender: AtomicU64,
    /// Gives the exception for a status.
    failure: OnceLock<Py<PyAny>>,
}

#[pymethods]
impl HotEnvironment {
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Self {
        Self { handle: AtomicU64::new(0), lender: AtomicU64::new(0), failure: OnceLock::new() }
    }

    /// What gives the exception for a status.
    fn _fail_by(&self, failure: Py<PyAny>) {
        // Once an object; again changes nothing.
        let _ = self.failure.set(failure);
    }

    /// Its handle may be used as it is, until it is taken away by a zero.
    fn _heat(&self, handle: u64) {
        self.handle.store(handle, Ordering::Relaxed);
        if handle == 0 {
            self.lender.store(0, Ordering::Relaxed);
        }
    }

    /// So may the opening of its snapshots, as long as its own handle may.
    fn _heat_lender(&self, handle: u64) {
        self.lender.store(handle, Ordering::Relaxed);
    }
}

impl HotEnvironment {
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

/// The base of `Transaction`: one block, and its handle where it was begun here.
#[pyclass(frozen, subclass, weakref, module = "persistent_collections_python")]
pub(crate) struct HotBlock {
    environment: Py<HotEnvironment>,
    kind: i32,
    timeout: i64,
    /// Zero: it was not begun here, or is over, or the package has taken it over.
    handle: AtomicU64,
    /// What was looked up last as its `__exit__`; null once that is gone.
    leaving: AtomicPtr<ffi::PyObject>,
    /// The same, when it was begun: it ends with that.
    held: AtomicPtr<ffi::PyObject>,
}

thread_local! {
    /// The blocks that this thread has begun here, at most one for each environment, by its address.
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

    /// Whether it was begun here and goes on.
    #[getter(_is_open)]
    fn is_open(&self) -> bool {
        self.handle.load(Ordering::Relaxed) != 0
    }

    /// The object that it ends with: what `with` holds, or else itself.
    #[getter]
    fn _holder<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        let block = slf.get();
        let held = if block.is_open() { &block.held } else { &block.leaving }.load(Ordering::Relaxed);
        // SAFETY: it is alive, since the first that happens when it ends is that the pointer becomes null.
        unsafe { Bound::from_borrowed_ptr_or_opt(slf.py(), held) }.unwrap_or_else(|| slf.clone().into_any())
    }

    /// Gives its handle away, to the place at an address: the package ends it from now on.
    fn _hand_over(&self, address: usize) {
        let place = address as *mut u64;
        // SAFETY: the package passes the address of a `c_uint64` that it holds.
        unsafe { place.write(self.handle.load(Ordering::Relaxed)) };
        self.handle.store(0, Ordering::Relaxed);
    }

    /// Ends what was begun here. `leaves`: in any case; and undone in silence.
    fn _finish(slf: &Bound<'_, Self>, commits: bool, leaves: bool) -> PyResult<()> {
        end(slf, commits, leaves)
    }

    /// `__exit__` as the class has it, for those who look it up there.
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
    /// Undoes it, if it was begun here and goes on, unless the library refuses that.
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

/// Whether a transaction that was to be ended goes on.
fn goes_on(status: i32) -> bool {
    matches!(status, WRONG_THREAD | NOT_INNERMOST | FORKED)
}

/// Whether no greenlet and no task can be the caller.
fn is_threads_own_code(py: Python<'_>) -> PyResult<bool> {
    // SAFETY: the interpreter gives a dict that it holds.
    let modules =
        unsafe { Bound::from_borrowed_ptr(py, ffi::PyImport_GetModuleDict()) }.cast_into::<PyDict>()?;
    if modules.contains(intern!(py, "greenlet"))? || modules.contains(intern!(py, "curio.meta"))? {
        return Ok(false);
    }
    if let Some(asyncio) = modules.get_item(intern!(py, "asyncio"))? {
        // It has no such function while it is imported.
        let Some(running_loop) = asyncio.getattr_opt(intern!(py, "_get_running_loop"))? else {
            return Ok(false);
        };
        if !running_loop.call0()?.is_none() {
            return Ok(false);
        }
    }
    if let Some(trio) = modules.get_item(intern!(py, "trio"))? {
        let Some(lowlevel) = trio.getattr_opt(intern!(py, "lowlevel"))? else { return Ok(false) };
        // Older ones have no such function.
        let Some(in_run) = lowlevel.getattr_opt(intern!(py, "in_trio_run"))? else { return Ok(false) };
        if in_run.call0()?.is_truthy()? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Begins a block. `false`: it is not plain, and nothing was done.
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
        // The package knows what a handle that is closed or the parent's means.
        BAD_HANDLE | FORKED => Ok(false),
        _ => Err(environment.failure(py, status)),
    }
}

/// Commits or undoes a block that was begun here. `leaves`: undone where it cannot be committed, and no failure to undo it
/// is reported, since the exception that leaves the block matters more.
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

/// The block that the calling thread has begun here in an environment, and that goes on; None if there is none.
#[pyfunction]
pub(crate) fn open_block<'py>(environment: &Bound<'py, HotEnvironment>) -> Option<Bound<'py, PyAny>> {
    let (py, key) = (environment.py(), environment.as_ptr() as usize);
    let known = OPEN.with_borrow(|open| {
        open.iter().find(|(environment, _)| *environment == key).map(|(_, known)| known.clone_ref(py))
    })?;
    let block = known.bind(py).upgrade_as::<HotBlock>().ok()??;
    block.get().is_open().then(|| block.into_any())
}

/// What `with` finds as the `__exit__` of a block: one object for each block, whose end is the block's end.
///
/// `with` looks `__exit__` up before it calls `__enter__`, and is alone to hold what it has found, until the block is
/// left, in whichever way: by an exception between the two and the block as well.
#[pyclass(frozen, weakref, module = "persistent_collections_python")]
pub(crate) struct Leaving {
    block: Py<HotBlock>,
    /// Its own address.
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

// Python calls it on an object.
#[allow(clippy::unused_self)]
#[pymethods]
impl Exit {
    #[new]
    fn new() -> Exit {
        Exit
    }

    /// For the class alone, its method.
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
