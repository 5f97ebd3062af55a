//! Transactions: beginning them in an environment, and ending them.

use std::marker::PhantomData;

use crate::engine::Wait;
use crate::environment::Environment;
use crate::error::{Error, Result, Status};
use crate::store::stack::{Access, TxnRef};

/// A begun transaction of the calling thread. Dropping it aborts.
///
/// Every call of the thread on the environment's collections is part of it until it ends. It cannot leave its
/// thread.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # use persistent_collections::{Dict, Environment, Options};
/// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
/// let stock = Dict::<String, i64>::open(&env, "stock")?;
/// let txn = env.begin_write()?;
/// stock.put("apples", &3)?;
/// txn.abort()?;
/// assert_eq!(stock.get("apples")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a transaction that is dropped is aborted"]
pub struct Transaction {
    txn: TxnRef,
    env: Environment,
    ended: bool,
    not_send: PhantomData<*const ()>,
}

impl Transaction {
    pub(crate) fn begin(env: &Environment, access: Access, wait: Wait) -> Result<Transaction> {
        let txn = TxnRef::begin(env.shared(), access, wait)?;
        Ok(Transaction { txn, env: env.clone(), ended: false, not_send: PhantomData })
    }

    /// Commits: what was written is there for everybody, and durable as the environment's durability says.
    /// The transaction is over whatever the outcome: if another was begun inside and has not ended
    /// ([`Status::NotInnermost`]), both are undone.
    pub fn commit(mut self) -> Result<()> {
        self.ended = true;
        self.txn.commit().inspect_err(|_| self.txn.undo())
    }

    /// Undoes what was written, also by transactions that were begun inside and have not ended.
    pub fn abort(mut self) -> Result<()> {
        self.ended = true;
        match self.txn.abort() {
            Err(error) if error.status() == Status::NotInnermost => {
                self.txn.undo();
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// The environment that it is of.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.env
    }
}

impl Environment {
    /// Begins a write transaction that the calling thread's next calls are part of, until it is committed,
    /// aborted or dropped (which aborts). Inside another it is a savepoint.
    pub fn begin_write(&self) -> Result<Transaction> {
        Transaction::begin(self, Access::Write, Wait::Default)
    }

    /// Begins a write transaction whose commit does not wait for stable storage, whatever the environment's
    /// durability is: a crash of the system may lose or damage what was committed since the last flush or durable
    /// commit, a crash of the process loses nothing. Inside another write transaction it is a savepoint like any.
    ///
    /// # Errors
    ///
    /// As [`Environment::begin_write`].
    pub fn begin_unsynced(&self) -> Result<Transaction> {
        Transaction::begin(self, Access::WriteUnsynced, Wait::Default)
    }

    /// Begins a snapshot: the calling thread's reads see one state until it ends.
    pub fn begin_read(&self) -> Result<Transaction> {
        Transaction::begin(self, Access::Read, Wait::Default)
    }

    /// Runs `f` in a write transaction: committed if `f` succeeds, undone if it fails.
    ///
    /// `f` is run again where the engine asks for it ([`Status::MapFull`], [`Status::Conflict`]).
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let from = Dict::<String, i64>::open(&env, "from")?;
    /// let to = Dict::<String, i64>::open(&env, "to")?;
    /// env.transaction(|| {
    ///     from.add("Ada", -5)?;
    ///     to.add("Ada", 5)
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transaction<R>(&self, mut f: impl FnMut() -> Result<R>) -> Result<R> {
        /// Each run with a map twice as large, so that this is never reached.
        const AT_MOST: usize = 64;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let txn = self.begin_write()?;
            let outcome = f().and_then(|result| txn.commit().map(|()| result));
            match outcome {
                Err(error) if again(&error) && attempt < AT_MOST && !self.in_transaction()? => {}
                outcome => return outcome,
            }
        }
    }

    fn in_transaction(&self) -> Result<bool> {
        Ok(TxnRef::current(self.shared())?.is_some())
    }

    /// Runs `f` in a snapshot.
    pub fn snapshot<R>(&self, f: impl FnOnce() -> Result<R>) -> Result<R> {
        let txn = self.begin_read()?;
        let result = f()?;
        txn.commit()?;
        Ok(result)
    }
}

fn again(error: &Error) -> bool {
    // A full map has grown since; if it could not, the next beginning says why.
    matches!(error.status(), Status::Conflict | Status::MapFull)
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.ended && self.txn.abort().is_err() {
            // It is over already, with the environment or an outer transaction, or others inside have not ended.
            self.txn.undo();
        }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction({})", self.txn.id())
    }
}
