//! Implements group commit: concurrent autocommitted writes of several threads share a transaction and its syncs.
//!
//! The first thread to arrive is the leader: it waits for the write lock, takes the jobs of the threads that have
//! arrived meanwhile, and writes for all. Threads that arrive while it commits wait, and one of them leads next. Each
//! caller returns when its own write is committed. After a failure that one member may have caused, each member is
//! written alone.
//!
//! Where a commit waits for the disk, the threads that were answered enter again while the next leader begins. So a
//! leader waits for them, for a small part of the time that a commit takes.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::SpaceOp;
use crate::engine::lmdb::txn::WriteTxn;
use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::write::queue::{Entered, Queue, Waiting};
use crate::engine::lmdb::write::turn::WriteLock;
use crate::engine::{Durability, Outcome, Wait};
use crate::error::{Error, Result, Status};
use crate::memory::{NoMemory, TryGrow};

/// The outcome of a member's last operation; `None` if the catalog has changed since they were prepared.
pub(crate) type Answer = Result<Option<Outcome>>;

/// The writers of a process that wait for a leader.
pub(crate) type Group = Queue<Member, Answer>;

/// One thread's operations. The thread waits, so that they stay valid, until it has its answer or leads itself.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    sequence: u64,
    ops: *const SpaceOp<'static>,
    count: usize,
}

// SAFETY: operations are borrowed bytes and shared spaces, which any thread may read.
unsafe impl Send for Member {}

impl Member {
    fn new(sequence: u64, ops: &[SpaceOp<'_>]) -> Member {
        Member { sequence, ops: ops.as_ptr().cast::<SpaceOp<'static>>(), count: ops.len() }
    }

    fn ops(&self) -> &[SpaceOp<'_>] {
        // SAFETY: borrowed from a thread that does not return before this member is answered; copies are used only
        // until then.
        unsafe { std::slice::from_raw_parts(self.ops, self.count) }
    }
}

/// The writers at the end of the last commit that waited for stable storage, and how long it took.
#[derive(Default)]
pub(crate) struct Pace {
    /// The threads that it wrote for, and those that arrived meanwhile.
    threads: AtomicUsize,
    nanos: AtomicU64,
}

/// The part of a commit's time for which a leader waits for others, and the longest wait.
const PART: u64 = 10;
const LONGEST_WAIT: Duration = Duration::from_micros(500);

/// The maximum number of operations that share a transaction, so that the first does not wait for too many others.
const AT_MOST: usize = 1024;

impl Engine {
    /// Writes operations in their own transaction or together with those of other threads, if the catalog still has the
    /// sequence number under which they were prepared. Otherwise returns `Ok(None)`, and writes nothing.
    ///
    /// An operation that fails alone (an overflow, say) has its own outcome; a failure of the engine undoes all.
    pub(crate) fn autocommit(self: &Arc<Self>, sequence: u64, ops: &[SpaceOp<'_>]) -> Answer {
        // A thread whose own transaction has the lock must not wait behind other threads for it.
        self.turns.check_not_own()?;
        // Every member uses the environment's timeout, so that any leader waits as long as each member would.
        let deadline = self.deadline(Wait::Default);
        let interrupt = OnceCell::new();
        let entered = self.group.enter(
            Member::new(sequence, ops),
            |changed, state| {
                // The wait for the lock began, though a leader waits for it.
                deadline.moment();
                interrupt.get_or_init(Interrupt::of_thread).wait(changed, state, None).map(drop)
            },
            |bytes| NoMemory { bytes }.into(),
        )?;
        match entered {
            Entered::Leads(member) => self.lead(member, &deadline),
            Entered::Answered(answer) => answer,
        }
    }

    /// Writes a member's operations, and those of the threads that have arrived when the lock is taken.
    fn lead(self: &Arc<Self>, own: Member, deadline: &Deadline) -> Answer {
        let mut led = Led { group: Some(&self.group), own, others: VecDeque::new() };
        let mut answers = Answers::default();
        let is_durable = self.settings.durability == Durability::Full;
        if is_durable {
            self.wait_for_others();
        }
        let write_lock = Arc::new(WriteLock::take_until(self, deadline)?);
        led.gather(&mut answers);
        let begun = is_durable.then(Instant::now);
        let members = led.members();
        match self.write_all(&write_lock, members, &mut answers, deadline) {
            // One of the members may have caused it, so each is written alone.
            Err(error) if !members.are_one() && is_undone(&error) => {
                answers.clear();
                for member in members.iter() {
                    let mut answer = Answers::default();
                    let written = self.write_all(&write_lock, Members::one(member), &mut answer, deadline);
                    answers.add(written.and_then(|()| answer.own()));
                }
            }
            Err(error) => {
                answers.clear();
                members.iter().for_each(|_| answers.add(Err(error.clone())));
            }
            Ok(()) => {}
        }
        drop(write_lock);
        if let Some(begun) = begun {
            self.pace.threads.store(1 + led.others.len() + self.group.waiting(), Ordering::Relaxed);
            let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.pace.nanos.store(nanos, Ordering::Relaxed);
        }
        // If commits are fast, the next leader writes while the answers are given. If they wait for the disk, the
        // answered threads have time to enter again, and more writes share the next commit.
        if self.settings.durability == Durability::None {
            led.hand_over();
        }
        led.answer(answers)
    }

    /// Waits a little for the threads that wrote last, if others than this one did.
    fn wait_for_others(&self) {
        let others = self.pace.threads.load(Ordering::Relaxed).saturating_sub(1);
        if others == 0 {
            return;
        }
        let patience = Duration::from_nanos(self.pace.nanos.load(Ordering::Relaxed) / PART).min(LONGEST_WAIT);
        let until = Instant::now() + patience;
        self.group.wait_for(others, |arrived, line| !arrived.wait_until(line, until).timed_out());
    }

    /// Writes some members in one transaction, and retries if the map was full. There is room for their answers.
    fn write_all(
        self: &Arc<Self>,
        write_lock: &Arc<WriteLock>,
        members: Members<'_>,
        answers: &mut Answers,
        deadline: &Deadline,
    ) -> Result<()> {
        loop {
            self.grow_ahead(write_lock.turn(), deadline)?;
            self.make_room(write_lock.turn())?;
            answers.clear();
            match self.attempt(write_lock, members, answers) {
                // The transaction is undone; the map grows before the next attempt.
                Err(error) if error.status() == Status::MapFull => {
                    let sizes = |member: Member| member.ops().iter().map(SpaceOp::size).sum::<u64>();
                    self.want_more(members.iter().map(sizes).sum());
                }
                outcome => return outcome,
            }
        }
    }

    fn attempt(
        &self,
        write_lock: &Arc<WriteLock>,
        members: Members<'_>,
        answers: &mut Answers,
    ) -> Result<()> {
        let mut txn = WriteTxn::begin(write_lock, true)?.of_group();
        let mut has_changed = false;
        for member in members.iter() {
            if Reader::of_write(self, &mut txn).sequence()? != Some(member.sequence) {
                answers.add(Ok(None));
                continue;
            }
            // A single operation fails before it writes; several must be undone without the other members'.
            let answer = if members.are_one() || member.count == 1 {
                apply(&mut txn, &member, &mut has_changed)
            } else {
                txn.begin_savepoint()?;
                let answer = apply(&mut txn, &member, &mut has_changed);
                if answer.is_ok() {
                    txn.commit_savepoint()?;
                } else {
                    txn.abort_savepoint();
                }
                answer
            };
            // Together they may need more numbers than exist, or one member may have doomed the transaction.
            if let Err(error) = &answer
                && (txn.check_usable().is_err()
                    || (!members.are_one() && error.status() == Status::CollectionsFull))
            {
                return Err(error.clone());
            }
            answers.add(answer);
        }
        if has_changed { txn.commit() } else { Ok(()) }
    }
}

/// Applies a member's operations, and sets `has_changed` if one of them has written.
fn apply(txn: &mut WriteTxn, member: &Member, has_changed: &mut bool) -> Answer {
    let (mut last, mut changed) = (None, false);
    for op in member.ops() {
        let outcome = txn.apply(op)?;
        changed |= outcome.changed();
        last = Some(outcome);
    }
    *has_changed |= changed;
    Ok(last)
}

/// The members that are written together.
#[derive(Clone, Copy)]
struct Members<'a> {
    own: Member,
    others: Option<&'a VecDeque<Waiting<Member, Answer>>>,
}

impl<'a> Members<'a> {
    fn one(own: Member) -> Members<'a> {
        Members { own, others: None }
    }

    fn are_one(self) -> bool {
        self.others.is_none()
    }

    fn iter(self) -> impl Iterator<Item = Member> {
        std::iter::once(self.own).chain(self.others.into_iter().flatten().map(|other| other.job))
    }
}

/// The answers to the members, in their order. A member that writes alone needs no memory.
#[derive(Default)]
struct Answers {
    own: Option<Answer>,
    others: Vec<Answer>,
}

impl Answers {
    fn clear(&mut self) {
        self.own = None;
        self.others.clear();
    }

    fn add(&mut self, answer: Answer) {
        if self.own.is_none() {
            self.own = Some(answer);
        } else {
            self.others.push(answer);
        }
    }

    fn own(self) -> Answer {
        self.own.unwrap_or(Ok(None))
    }
}

/// Returns true if nothing was written, so that the write can be retried.
fn is_undone(error: &Error) -> bool {
    !matches!(error.status(), Status::CommitUnknown | Status::EnvFailed | Status::Replaced)
}

/// The members that a thread writes for, starting with itself.
struct Led<'g> {
    /// `None` after another thread may lead.
    group: Option<&'g Group>,
    own: Member,
    /// The members that wait.
    others: VecDeque<Waiting<Member, Answer>>,
}

impl Led<'_> {
    fn members(&self) -> Members<'_> {
        Members { own: self.own, others: Some(&self.others).filter(|others| !others.is_empty()) }
    }

    /// Takes the jobs of the threads that have arrived, and reserves space for their answers.
    fn gather(&mut self, answers: &mut Answers) {
        let mut ops = self.own.count;
        let Self { group: Some(group), others, .. } = self else { return };
        while let Some(next) = group.take(|next| {
            ops += next.count;
            // If memory runs out, the next leader writes it.
            ops <= AT_MOST
                && others.try_reserve(1).is_ok()
                && answers.others.try_room(others.len() + 1).is_ok()
        }) {
            others.push_back(next);
        }
    }

    /// Gives the other members their answers, which are in the order of the members. Returns its own.
    fn answer(&mut self, answers: Answers) -> Answer {
        let Answers { own, others } = answers;
        for answer in others {
            if let Some(other) = self.others.pop_front() {
                other.answer(answer);
            }
        }
        own.unwrap_or(Ok(None))
    }

    fn hand_over(&mut self) {
        if let Some(group) = self.group.take() {
            group.hand_over();
        }
    }
}

impl Drop for Led<'_> {
    fn drop(&mut self) {
        // Every member gets an answer, whatever happened.
        while let Some(other) = self.others.pop_front() {
            other.answer(Err(Error::new(Status::Panic, "the leader of the group commit panicked")));
        }
        self.hand_over();
    }
}

#[cfg(all(test, not(feature = "memory-engine")))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::Op;
    use crate::engine::interrupt::set_interrupt;
    use crate::engine::lmdb::tests::{call_in, engine_of};
    use crate::{Dict, Durability, Environment, Options, Type};

    /// An environment with an empty dict of integers, and the sequence number under which it can be written.
    fn numbers() -> (tempfile::TempDir, Environment, Dict<String, i64>, u64) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::None, ..Options::default() };
        let env = Environment::open(dir.path().join("env"), &options).unwrap();
        let dict = Dict::open(&env, "numbers").unwrap();
        let sequence = call_in(&env, |call| call.reader()?.sequence()).unwrap().unwrap();
        (dir, env, dict, sequence)
    }

    /// Makes the calling thread the leader.
    fn leading(engine: &Engine, sequence: u64, ops: &[SpaceOp<'_>]) -> Member {
        let entered = engine.group.enter(Member::new(sequence, ops), |_, _| Err(()), |_| ()).unwrap();
        let Entered::Leads(member) = entered else { panic!("nobody led") };
        member
    }

    #[test]
    fn operations_that_fail_are_undone_without_those_of_others() {
        let (_dir, env, dict, sequence) = numbers();
        dict.put("full", &i64::MAX).unwrap();
        let engine = engine_of(&env);
        let space = &engine.space("numbers").unwrap();
        let add = |key, by| SpaceOp::In(space, Op::Add { key, kind: &Type::I64, by });
        let (bad, good) = ([add(b"a", 1), add(b"full", 1)], [add(b"b", 1), add(b"c", 1)]);
        let own = leading(&engine, sequence, &good);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| engine.autocommit(sequence, &bad));
            while !engine.group.has_waiting(1) {
                std::thread::yield_now();
            }
            assert_eq!(engine.lead(own, &Deadline::after(None)), Ok(Some(Outcome::Sum(1))));
            assert_eq!(other.join().unwrap().unwrap_err().status(), Status::Overflow);
        });
        assert_eq!(dict.get("a").unwrap(), None);
        assert_eq!((dict.get("b").unwrap(), dict.get("c").unwrap()), (Some(1), Some(1)));
    }

    #[test]
    fn an_operation_that_dooms_the_common_transaction_fails_alone() {
        let (_dir, env, dict, sequence) = numbers();
        let engine = engine_of(&env);
        let space = &engine.space("numbers").unwrap();
        let put = |key| SpaceOp::In(space, Op::Put { key, value: &[0; 8], fresh: false });
        // Longer than any key that the library passes to LMDB.
        let (good, bad) = ([put(b"good")], [put(&[b'k'; 4000])]);
        let own = leading(&engine, sequence, &good);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| engine.autocommit(sequence, &bad));
            while !engine.group.has_waiting(1) {
                std::thread::yield_now();
            }
            assert_eq!(engine.lead(own, &Deadline::after(None)), Ok(Some(Outcome::Done)));
            assert_eq!(other.join().unwrap().unwrap_err().status(), Status::Io);
        });
        assert_eq!(dict.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [("good".to_owned(), 0)]);
    }

    /// Threads that write at once share a transaction. Without a limit, the first one would wait for the writes of
    /// all the others. A wrong limit does not change a result, so only this test detects it.
    #[test]
    fn a_leader_takes_a_limited_number_of_operations() {
        let (_dir, env, _dict, sequence) = numbers();
        let engine = engine_of(&env);
        let space = &engine.space("numbers").unwrap();
        let ops: Vec<_> = (0..AT_MOST).map(|_| SpaceOp::In(space, Op::Remove { key: b"absent" })).collect();
        let own = leading(&engine, sequence, &ops[..10]);
        let mut led = Led { group: Some(&engine.group), own, others: VecDeque::new() };
        std::thread::scope(|scope| {
            // Together they are as many as the limit, except for the last.
            for (before, count) in [200, 800, AT_MOST - 1010, 1].into_iter().enumerate() {
                let (engine, ops) = (&engine, &ops[..count]);
                scope.spawn(move || engine.autocommit(sequence, ops).unwrap());
                while !engine.group.has_waiting(before + 1) {
                    std::thread::yield_now();
                }
            }
            led.gather(&mut Answers::default());
            let counts: Vec<_> = led.members().iter().map(|member| member.count).collect();
            assert_eq!(counts, [10, 200, 800, AT_MOST - 1010]);
            assert!(engine.group.has_waiting(1));
            let mut answers = Answers::default();
            (0..4).for_each(|_| answers.add(Ok(None)));
            led.answer(answers).unwrap();
            drop(led);
        });
    }

    /// A thread that is interrupted removes its own write from the queue. If it removed the one before, that thread would
    /// wait for its result for ever, and the interrupted write would still be done.
    #[test]
    fn an_interrupted_write_leaves_the_others_in_line() {
        let (_dir, env, dict, sequence) = numbers();
        let engine = engine_of(&env);
        let space = &engine.space("numbers").unwrap();
        let put = |key| SpaceOp::In(space, Op::Put { key, value: &[0; 8], fresh: false });
        let (other, own) = ([put(b"other")], [put(b"own")]);
        let leader = leading(&engine, sequence, &[]);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| engine.autocommit(sequence, &other));
            while !engine.group.has_waiting(1) {
                std::thread::yield_now();
            }
            set_interrupt(Some(Box::new(|| true)));
            let answer = engine.autocommit(sequence, &own);
            set_interrupt(None);
            assert_eq!(answer.unwrap_err().status(), Status::Interrupted);
            assert!(engine.group.has_waiting(1));
            assert_eq!(engine.lead(leader, &Deadline::after(None)), Ok(None));
            assert_eq!(waiting.join().unwrap(), Ok(Some(Outcome::Done)));
        });
        assert_eq!((dict.get("own").unwrap(), dict.get("other").unwrap()), (None, Some(0)));
    }

    /// A leader began with the threads that were there, which was half of them: the others had just been answered, and
    /// came when it had begun.
    #[test]
    fn a_leader_waits_for_the_threads_that_wrote_last() {
        let (_dir, env, _dict, sequence) = numbers();
        let engine = engine_of(&env);
        let space = &engine.space("numbers").unwrap();
        let ops = [SpaceOp::In(space, Op::Remove { key: b"absent" })];
        let leader = leading(&engine, sequence, &ops);
        // Two threads wrote last, in a commit that took so long that the test does not depend on the wait's end.
        engine.pace.threads.store(2, Ordering::Relaxed);
        engine.pace.nanos.store(u64::MAX, Ordering::Relaxed);
        let begun = Instant::now();
        engine.wait_for_others();
        assert!(begun.elapsed() >= LONGEST_WAIT, "it came too early");
        std::thread::scope(|scope| {
            let other = scope.spawn(|| engine.autocommit(sequence, &ops));
            while !engine.group.has_waiting(1) {
                std::thread::yield_now();
            }
            // As many as it waits for are there.
            let waits = std::cell::Cell::new(0);
            engine.group.wait_for(1, |_, _| {
                waits.set(waits.get() + 1);
                false
            });
            assert_eq!(waits.get(), 0);
            assert_eq!(engine.lead(leader, &Deadline::after(None)), Ok(Some(Outcome::Missing)));
            other.join().unwrap().unwrap();
        });
    }

    /// After a commit whose outcome is unknown, or in an environment that has failed, writing again could write twice.
    #[test]
    fn only_undone_operations_are_tried_again() {
        for status in [Status::CommitUnknown, Status::EnvFailed] {
            assert!(!is_undone(&Error::new(status, "")));
        }
        for status in [Status::DiskFull, Status::MapBusy, Status::Io] {
            assert!(is_undone(&Error::new(status, "")));
        }
    }
}
