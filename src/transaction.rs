//! Transactions: beginning them in an environment, and ending them.

use std::marker::PhantomData;

use crate::engine::{Access, Wait};
use crate::environment::Environment;
use crate::error::{Error, Result, Status, calls_to_repeat};
use crate::store::stack::TxnRef;

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
    pub fn begin_snapshot(&self) -> Result<Transaction> {
        Transaction::begin(self, Access::Read, Wait::Default)
    }

    /// [`Environment::begin_snapshot`] under the name that it had first.
    #[deprecated(note = "use `begin_snapshot`")]
    pub fn begin_read(&self) -> Result<Transaction> {
        self.begin_snapshot()
    }

    /// Begins a transaction of any kind, and says how long to wait for the write lock; [`Status::Busy`] if it is not free by
    /// then. A snapshot does not wait.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use std::time::Duration;
    /// # use persistent_collections::{Access, Dict, Environment, Options, Wait};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let stock = Dict::<String, i64>::open(&env, "stock")?;
    /// let txn = env.begin(Access::Write, Wait::For(Duration::from_millis(20)))?;
    /// stock.put("apples", &3)?;
    /// txn.commit()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin(&self, access: Access, wait: Wait) -> Result<Transaction> {
        Transaction::begin(self, access, wait)
    }

    /// Runs `f` in a write transaction: committed if `f` succeeds, undone if it fails or panics.
    ///
    /// `f` is run again where its transaction outgrew the memory map ([`Status::MapFull`]) or met another process's change
    /// ([`Status::Conflict`]), whatever error it made of that.
    ///
    /// The error may be any type that is made from [`Error`]: one of your own, `Box<dyn Error>` or `anyhow::Error`. Where
    /// nothing else tells the compiler which, the closure's last line does: `Ok::<_, Error>(())`.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let stock = Dict::<String, i64>::open(&env, "stock")?;
    /// let orders = Dict::<u64, String>::open(&env, "orders")?;
    /// let outcome = env.transaction(|| -> anyhow::Result<()> {
    ///     orders.put(&7, "apples")?;
    ///     anyhow::ensure!(stock.increment("apples", -1)? >= 0, "no apples are left");
    ///     Ok(())
    /// });
    /// assert_eq!(outcome.unwrap_err().to_string(), "no apples are left");
    /// assert!(orders.is_empty()? && stock.is_empty()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transaction<R, E>(&self, mut f: impl FnMut() -> Result<R, E>) -> Result<R, E>
    where
        E: From<Error>,
    {
        /// Each run with a map twice as large, so that this is never reached.
        const AT_MOST: usize = 64;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let txn = self.begin_write()?;
            let before = calls_to_repeat();
            let outcome = f().and_then(|result| Ok(txn.commit().map(|()| result)?));
            // A full map has grown since; if it could not, the next beginning says why.
            let is_asked = calls_to_repeat() != before;
            if outcome.is_ok() || !is_asked || attempt == AT_MOST || self.in_transaction()? {
                return outcome;
            }
        }
    }

    fn in_transaction(&self) -> Result<bool> {
        Ok(TxnRef::current(self.shared())?.is_some())
    }

    /// Runs `f` in a snapshot. Its error may be any type that is made from [`Error`], as in [`Environment::transaction`].
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # use persistent_collections::{Dict, Environment, Error, Options};
    /// # let env = Environment::open(dir.path().join("data"), &Options::default())?;
    /// let stock = Dict::<String, i64>::open(&env, "stock")?;
    /// stock.put("apples", &3)?;
    /// let (count, sum) = env.snapshot(|| {
    ///     let mut sum = 0;
    ///     for number in stock.values()? {
    ///         sum += number?;
    ///     }
    ///     Ok::<_, Error>((stock.len()?, sum))
    /// })?;
    /// assert_eq!((count, sum), (1, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot<R, E>(&self, f: impl FnOnce() -> Result<R, E>) -> Result<R, E>
    where
        E: From<Error>,
    {
        let txn = self.begin_snapshot()?;
        let result = f()?;
        txn.commit()?;
        Ok(result)
    }
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
