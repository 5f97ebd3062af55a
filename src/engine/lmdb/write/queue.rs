//! The queue of threads of which one, the leader, does the work of all.
//!
//! The first thread to enter leads. Those that enter meanwhile wait, each at a condition of its own; the leader takes some
//! along, answers each, and wakes the next in line when it ends. Until that is awake, a thread that enters may lead, and
//! takes it along: where the work is short, waiting for a thread to wake up would take longer. What the work is, the queue
//! does not know.
//!
//! `crates/model` compiles this file with a model checker's locks, and runs it through every order of steps.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use crate::platform::sync::{Condvar, Mutex, MutexGuard};

/// The threads that wait for a leader or for their turn to lead.
pub(crate) struct Queue<J, A>(Mutex<Line<J, A>>);

struct Line<J, A> {
    is_led: bool,
    waiting: VecDeque<Waiting<J, A>>,
}

/// A thread that waits, and its job.
pub(crate) struct Waiting<J, A> {
    job: J,
    place: Arc<Ticket<A>>,
}

/// Where a thread waits.
struct Ticket<A> {
    state: Mutex<State<A>>,
    changed: Condvar,
}

/// What a waiting thread finds.
pub(crate) enum State<A> {
    Waits,
    /// It is the first in line, and there was no leader.
    MayLead,
    Answered(A),
}

/// What became of a thread that entered.
#[derive(Debug)]
pub(crate) enum Entered<J, A> {
    /// It leads, and calls [`hand_over`](Queue::hand_over) when it ends.
    Leads(J),
    /// A leader has done its job.
    Answered(A),
}

impl<J, A> Default for Queue<J, A> {
    fn default() -> Self {
        Queue(Mutex::new(Line { is_led: false, waiting: VecDeque::new() }))
    }
}

impl<J, A> Queue<J, A> {
    /// Enters with a job, and waits until it was done or this thread leads.
    ///
    /// `wait` waits once at the condition. If it fails, and no leader has taken the job, the job is withdrawn and the error
    /// is returned; if one has, the answer comes soon, and the error is dropped. `no_room` makes the error for a queue that
    /// finds no memory to grow.
    pub(crate) fn enter<E>(
        &self,
        job: J,
        mut wait: impl FnMut(&Condvar, &mut MutexGuard<'_, State<A>>) -> Result<(), E>,
        no_room: impl FnOnce(usize) -> E,
    ) -> Result<Entered<J, A>, E> {
        let mut line = self.0.lock();
        if !line.is_led {
            line.is_led = true;
            return Ok(Entered::Leads(job));
        }
        if line.waiting.try_reserve(1).is_err() {
            return Err(no_room((line.waiting.len() + 1) * size_of::<Waiting<J, A>>()));
        }
        let place = Arc::new(Ticket { state: Mutex::new(State::Waits), changed: Condvar::default() });
        line.waiting.push_back(Waiting { job, place: Arc::clone(&place) });
        drop(line);
        let mut state = place.state.lock();
        loop {
            match mem::replace(&mut *state, State::Waits) {
                State::Answered(answer) => return Ok(Entered::Answered(answer)),
                State::MayLead => {
                    drop(state);
                    if let Some(job) = self.lead(&place) {
                        return Ok(Entered::Leads(job));
                    }
                    state = place.state.lock();
                    continue;
                }
                State::Waits => {}
            }
            if let Err(error) = wait(&place.changed, &mut state) {
                drop(state);
                if self.withdraw(&place) {
                    return Err(error);
                }
                state = place.state.lock();
            }
        }
    }

    /// Makes a waiting thread the leader, unless there is one. Returns its job.
    fn lead(&self, place: &Arc<Ticket<A>>) -> Option<J> {
        let mut line = self.0.lock();
        if line.is_led {
            return None;
        }
        let job = line.remove(place)?;
        line.is_led = true;
        Some(job)
    }

    /// Takes a job out of the line. Returns `false` if a leader has it.
    fn withdraw(&self, place: &Arc<Ticket<A>>) -> bool {
        let mut line = self.0.lock();
        let is_withdrawn = line.remove(place).is_some();
        // It may have been the one to lead next.
        let next = line.next_to_lead();
        drop(line);
        Ticket::wake(next);
        is_withdrawn
    }

    /// Takes along the next thread in line, if its job is `wanted`. For the leader, which answers it.
    pub(crate) fn take(&self, wanted: impl FnOnce(&J) -> bool) -> Option<Waiting<J, A>> {
        let mut line = self.0.lock();
        if wanted(&line.waiting.front()?.job) { line.waiting.pop_front() } else { None }
    }

    #[cfg(test)]
    #[allow(dead_code)] // in a build with the engine in memory, without the tests that look
    pub(crate) fn has_waiting(&self, threads: usize) -> bool {
        self.0.lock().waiting.len() == threads
    }

    /// Ends the calling thread's lead, and wakes the next thread in line.
    pub(crate) fn hand_over(&self) {
        let mut line = self.0.lock();
        line.is_led = false;
        let next = line.next_to_lead();
        drop(line);
        Ticket::wake(next);
    }
}

impl<J, A> Line<J, A> {
    fn remove(&mut self, place: &Arc<Ticket<A>>) -> Option<J> {
        let at = self.waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.place, place))?;
        self.waiting.remove(at).map(|waiting| waiting.job)
    }

    /// Where the thread waits that is to lead; `None` if there is a leader, or nobody waits.
    fn next_to_lead(&self) -> Option<Arc<Ticket<A>>> {
        self.waiting.front().filter(|_| !self.is_led).map(|next| Arc::clone(&next.place))
    }
}

impl<J, A> Waiting<J, A> {
    /// Answers the thread, which goes on with it.
    pub(crate) fn answer(self, answer: A) {
        self.place.tell(State::Answered(answer));
    }
}

impl<A> Ticket<A> {
    fn tell(&self, state: State<A>) {
        *self.state.lock() = state;
        self.changed.notify_one();
    }

    fn wake(next: Option<Arc<Ticket<A>>>) {
        let Some(place) = next else { return };
        let mut state = place.state.lock();
        // A leader that came in between may have answered it.
        if matches!(*state, State::Waits) {
            *state = State::MayLead;
            drop(state);
            place.changed.notify_one();
        }
    }
}
