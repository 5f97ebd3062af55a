//! Group commit: autocommitted writes of several threads that arrive together share a transaction and its syncs.
//!
//! The first to arrive leads: it waits for the write lock, takes along whoever has arrived meanwhile, and writes for
//! all. Those who arrive while it commits wait, and one of them leads next. Each caller returns when its own write
//! is committed. Where something fails that may be one member's doing, each is written alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::engine::interrupt::Interrupt;
use crate::engine::lmdb::Engine;
use crate::engine::lmdb::txn::WriteTxn;
use crate::engine::lmdb::txn::reader::Reader;
use crate::engine::lmdb::write::turn::Lease;
use crate::engine::{Op, Outcome, Wait};
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, TryGrow};
use crate::platform::sync::{Condvar, Mutex};

/// What became of a member's operations; `None`: the catalog has changed since they were made up.
pub(crate) type Answer = Result<Option<Vec<Outcome>>>;

/// The writers of a process that wait to be written.
#[derive(Default)]
pub(crate) struct Group {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    is_led: bool,
    next: u64,
    waiting: VecDeque<Member>,
    answers: Vec<(u64, Answer)>,
    /// The threads that wait to be written or for their answers: for so many there is room above.
    threads: usize,
}

impl Queue {
    /// Puts a thread's operations in line, with room for its answer.
    fn enter(&mut self, sequence: u64, ops: &[Op<'_>]) -> Result<u64, NoMemory> {
        self.answers.try_room(self.threads + 1 - self.answers.len())?;
        let none = |_| NoMemory { bytes: (self.threads + 1) * size_of::<Member>() };
        self.waiting.try_reserve(1).map_err(none)?;
        let id = self.next;
        self.next += 1;
        self.threads += 1;
        self.waiting.push_back(Member::new(id, sequence, ops));
        Ok(id)
    }

    fn take_answer(&mut self, id: u64) -> Option<Answer> {
        let at = self.answers.iter().position(|(member, _)| *member == id)?;
        self.threads -= 1;
        Some(self.answers.swap_remove(at).1)
    }
}

/// One thread's operations. The thread waits, so that they stay, until it has its answer or leads itself.
struct Member {
    id: u64,
    sequence: u64,
    ops: *const Op<'static>,
    count: usize,
}

// SAFETY: operations are borrowed bytes and shared spaces, which any thread may read.
unsafe impl Send for Member {}

impl Member {
    fn new(id: u64, sequence: u64, ops: &[Op<'_>]) -> Member {
        Member { id, sequence, ops: ops.as_ptr().cast::<Op<'static>>(), count: ops.len() }
    }

    fn ops(&self) -> &[Op<'_>] {
        // SAFETY: borrowed from a thread that does not return before this member is answered and dropped.
        unsafe { std::slice::from_raw_parts(self.ops, self.count) }
    }
}

/// No more than this many operations share a transaction, so that the first does not wait for too many others.
const AT_MOST: usize = 1024;

impl Engine {
    /// Writes some operations in a transaction of their own or with those of other threads, if the catalog still
    /// has the sequence number under which they were made up. `Ok(None)`: it has not, and nothing was written.
    ///
    /// An operation that fails alone (an overflow, say) is its own outcome; a failure of the engine undoes all.
    pub(crate) fn autocommit(self: &Arc<Self>, sequence: u64, ops: &[Op<'_>]) -> Answer {
        // A thread whose own transaction has the lock must not wait behind others for it.
        self.writer.check_not_own()?;
        // Every member's patience is the environment's, so that who leads waits as long as any of them would.
        let deadline = self.deadline(Wait::Default);
        let mut queue = self.group.queue.lock();
        let member = if queue.is_led {
            let id = queue.enter(sequence, ops)?;
            let interrupt = Interrupt::of_thread();
            loop {
                let waited = interrupt.wait(&self.group.changed, &mut queue, None);
                if let Some(answer) = queue.take_answer(id) {
                    return answer;
                }
                if let Err(interrupted) = waited {
                    // Whoever writes for this thread has borrowed its operations: then the answer comes soon.
                    if let Some(at) = queue.waiting.iter().position(|member| member.id == id) {
                        queue.waiting.remove(at);
                        queue.threads -= 1;
                        // It may have been the next to lead.
                        self.group.changed.notify_all();
                        return Err(interrupted);
                    }
                }
                if !queue.is_led && queue.waiting.front().is_some_and(|first| first.id == id) {
                    break;
                }
            }
            queue.threads -= 1;
            queue.waiting.pop_front()
        } else {
            None
        };
        queue.is_led = true;
        drop(queue);
        let member = member.unwrap_or_else(|| Member::new(u64::MAX, sequence, ops));
        self.lead(member, deadline)
    }

    /// Writes a member's operations, and those of whoever has arrived by the time that the lock is had.
    fn lead(self: &Arc<Self>, own: Member, deadline: Option<Instant>) -> Answer {
        let mut led = Led { group: &self.group, members: vec![own], answers: Vec::new() };
        let lease = Arc::new(Lease::take_until(self, deadline)?);
        led.gather();
        let Led { members, answers, .. } = &mut led;
        match self.write_all(&lease, members, deadline) {
            // Perhaps the doing of one of them: each alone then.
            Err(error) if members.len() > 1 && is_undone(&error) => {
                answers.extend(members.iter().map(|member| {
                    let mut answers = self.write_all(&lease, std::slice::from_ref(member), deadline)?;
                    answers.pop().unwrap_or(Ok(None))
                }));
            }
            Err(error) => answers.extend(members.iter().map(|_| Err(error.clone()))),
            Ok(written) => *answers = written,
        }
        // Others may write while the answers are given out.
        drop(lease);
        led.answer()
    }

    /// Writes some members in one transaction; it is run again where the map was full.
    fn write_all(
        self: &Arc<Self>,
        lease: &Arc<Lease>,
        members: &[Member],
        deadline: Option<Instant>,
    ) -> Result<Vec<Answer>> {
        loop {
            self.grow_ahead(lease.turn(), deadline)?;
            match self.attempt(lease, members) {
                // Undone; the map grows before the next attempt.
                Err(error) if error.status() == Status::MapFull => {
                    self.want_more(members.iter().flat_map(Member::ops).map(Op::size).sum());
                }
                outcome => return outcome,
            }
        }
    }

    fn attempt(&self, lease: &Arc<Lease>, members: &[Member]) -> Result<Vec<Answer>> {
        let mut txn = WriteTxn::begin(lease, true)?;
        let mut answers = memory::room_for(members.len())?;
        for member in members {
            if Reader::of_write(self, &mut txn).sequence()? != Some(member.sequence) {
                answers.push(Ok(None));
                continue;
            }
            // One operation fails before it writes; several must be undone without the other members'.
            let answer = if members.len() == 1 || member.ops().len() == 1 {
                apply(&mut txn, member)
            } else {
                txn.begin_savepoint()?;
                let answer = apply(&mut txn, member);
                if answer.is_ok() {
                    txn.commit_savepoint()?;
                } else {
                    txn.abort_savepoint();
                }
                answer
            };
            if let Err(error) = &answer
                && txn.check_usable().is_err()
            {
                return Err(error.clone());
            }
            answers.push(answer.map(Some));
        }
        let changed =
            answers.iter().any(|answer| matches!(answer, Ok(Some(all)) if all.iter().any(Outcome::changed)));
        if changed {
            txn.commit()?;
        }
        Ok(answers)
    }
}

fn apply(txn: &mut WriteTxn, member: &Member) -> Result<Vec<Outcome>> {
    member.ops().iter().map(|op| txn.apply(op)).collect()
}

/// Whether nothing was written, so that it can be tried again.
fn is_undone(error: &Error) -> bool {
    !matches!(error.status(), Status::CommitUnknown | Status::EnvFailed | Status::Replaced)
}

/// The members that a thread writes for, itself first.
struct Led<'g> {
    group: &'g Group,
    members: Vec<Member>,
    /// Those of the members, in their order.
    answers: Vec<Answer>,
}

impl Led<'_> {
    /// Takes along those who have arrived.
    fn gather(&mut self) {
        let mut queue = self.group.queue.lock();
        let mut ops = self.members.iter().map(|member| member.ops().len()).sum::<usize>();
        while let Some(next) = queue.waiting.front()
            && ops + next.ops().len() <= AT_MOST
        {
            // Without memory for it, it is written next.
            let more = self.members.len() + 1 - self.answers.len();
            if self.members.try_room(1).is_err() || self.answers.try_room(more).is_err() {
                break;
            }
            ops += next.ops().len();
            self.members.extend(queue.waiting.pop_front());
        }
    }

    /// Gives the others their answers, for which they have made room. Gives the own one.
    fn answer(&mut self) -> Answer {
        let mut answers = self.answers.drain(..);
        let own = answers.next();
        let mut queue = self.group.queue.lock();
        queue.answers.extend(self.members.drain(1..).map(|member| member.id).zip(answers));
        own.unwrap_or(Ok(None))
    }
}

impl Drop for Led<'_> {
    fn drop(&mut self) {
        let mut queue = self.group.queue.lock();
        // None is left without an answer, whatever happened.
        for member in self.members.drain(1..) {
            let error =
                Error::new(Status::Panic, "the thread that wrote for this one did not come to an end");
            queue.answers.push((member.id, Err(error)));
        }
        queue.is_led = false;
        drop(queue);
        self.group.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::interrupt::set_interrupt;
    use crate::{Dict, Durability, Environment, Options, Type};

    /// An environment with an empty dict of integers, and the sequence number under which it can be written.
    fn numbers() -> (tempfile::TempDir, Environment, Dict<String, i64>, u64) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::None, ..Options::default() };
        let env = Environment::open(dir.path().join("env"), &options).unwrap();
        let dict = Dict::open(&env, "numbers").unwrap();
        let sequence = env.shared().call(|call| call.reader()?.sequence()).unwrap().unwrap();
        (dir, env, dict, sequence)
    }

    #[test]
    fn operations_that_fail_are_undone_without_those_of_others() {
        let (_dir, env, dict, sequence) = numbers();
        dict.put("full", &i64::MAX).unwrap();
        let engine = env.shared().engine().unwrap();
        let space = &engine.space("numbers").unwrap();
        let add = |key, by| Op::Add { space, key, kind: &Type::I64, by };
        let (bad, good) = ([add(b"a", 1), add(b"full", 1)], [add(b"b", 1), add(b"c", 1)]);
        let members = [Member::new(1, sequence, &bad), Member::new(2, sequence, &good)];
        let lease = Arc::new(Lease::take(&engine, Wait::Forever).unwrap());
        let answers = engine.write_all(&lease, &members, None).unwrap();
        drop(lease);
        assert_eq!(answers[0].as_ref().unwrap_err().status(), Status::Overflow);
        assert_eq!(answers[1], Ok(Some(vec![Outcome::Sum(1), Outcome::Sum(1)])));
        assert_eq!(dict.get("a").unwrap(), None);
        assert_eq!((dict.get("b").unwrap(), dict.get("c").unwrap()), (Some(1), Some(1)));
    }

    #[test]
    fn what_dooms_the_common_transaction_fails_alone() {
        let (_dir, env, dict, sequence) = numbers();
        let engine = env.shared().engine().unwrap();
        let space = &engine.space("numbers").unwrap();
        let put = |key| Op::Put { space, key, value: &[0; 8], fresh: false };
        // Longer than any key that is let through to LMDB.
        let (good, bad) = ([put(b"good")], [put(&[b'k'; 4000])]);
        let id = engine.group.queue.lock().enter(sequence, &bad).unwrap();
        let answer = engine.lead(Member::new(u64::MAX, sequence, &good), None);
        assert_eq!(answer, Ok(Some(vec![Outcome::Done])));
        let other = engine.group.queue.lock().take_answer(id).unwrap();
        assert_eq!(other.unwrap_err().status(), Status::Io);
        assert_eq!(dict.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>(), [("good".to_owned(), 0)]);
    }

    /// Threads that write at once share a transaction. Without a limit, the first one would wait for the writes of
    /// all the others; a limit that counts wrong changes no result, so only this test notices it.
    #[test]
    fn no_more_than_so_many_operations_are_taken_along() {
        let (_dir, env, _dict, sequence) = numbers();
        let engine = env.shared().engine().unwrap();
        let space = &engine.space("numbers").unwrap();
        let ops: Vec<_> = (0..AT_MOST).map(|_| Op::Remove { space, key: b"absent" }).collect();
        let mut led = Led {
            group: &engine.group,
            members: vec![Member::new(0, sequence, &ops[..10])],
            answers: Vec::new(),
        };
        // Together as many as are allowed, but for the last.
        for (id, count) in (1..).zip([200, 800, AT_MOST - 1010, 1]) {
            engine.group.queue.lock().waiting.push_back(Member::new(id, sequence, &ops[..count]));
        }
        led.gather();
        let ids: Vec<_> = led.members.iter().map(|member| member.id).collect();
        assert_eq!(ids, [0, 1, 2, 3]);
        assert_eq!(engine.group.queue.lock().waiting.front().map(|next| next.id), Some(4));
    }

    /// A thread that is interrupted takes its own write out of the line. If it took the one before, that thread would
    /// wait for an answer for ever, and the interrupted write would be done all the same.
    #[test]
    fn an_interrupted_write_leaves_the_others_in_line() {
        let (_dir, env, dict, sequence) = numbers();
        let engine = env.shared().engine().unwrap();
        let space = &engine.space("numbers").unwrap();
        let put = |key| Op::Put { space, key, value: &[0; 8], fresh: false };
        let (other, own) = ([put(b"other")], [put(b"own")]);
        let mut queue = engine.group.queue.lock();
        queue.is_led = true;
        queue.waiting.push_back(Member::new(u64::MAX - 1, sequence, &other));
        drop(queue);
        set_interrupt(Some(Box::new(|| true)));
        let answer = engine.autocommit(sequence, &own);
        set_interrupt(None);
        assert_eq!(answer.unwrap_err().status(), Status::Interrupted);
        let mut queue = engine.group.queue.lock();
        let waiting = queue.waiting.pop_front().unwrap();
        assert_eq!((waiting.id, queue.waiting.len()), (u64::MAX - 1, 0));
        // As the thread that leads does when it has written.
        queue.is_led = false;
        drop(queue);
        assert_eq!(engine.lead(waiting, None), Ok(Some(vec![Outcome::Done])));
        assert_eq!((dict.get("own").unwrap(), dict.get("other").unwrap()), (None, Some(0)));
    }

    /// After a commit whose outcome is unknown, or in an environment that has failed, writing again could write twice.
    #[test]
    fn only_what_was_undone_is_tried_again() {
        for status in [Status::CommitUnknown, Status::EnvFailed] {
            assert!(!is_undone(&Error::new(status, "")));
        }
        for status in [Status::DiskFull, Status::MapBusy, Status::Io] {
            assert!(is_undone(&Error::new(status, "")));
        }
    }
}
