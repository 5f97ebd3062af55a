//! Implements a queue of threads in which one thread, the leader, does the work of all.
//!
//! The first thread to enter leads. Threads that enter meanwhile wait, each on its own condition variable. The leader
//! takes some of their jobs, answers each, and wakes the next thread in line when it ends. Until that thread is awake,
//! a thread that enters may lead, and takes its job too: if the work is short, waiting for a thread to wake up would
//! take longer. The queue does not know what the work is.
//!
//! `crates/model` compiles this file with a model checker's locks, and checks every interleaving of its steps.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use crate::platform::sync::{Condvar, Mutex, MutexGuard};

/// The threads that wait for a leader or for their turn to lead.
pub(crate) struct Queue<J, A> {
    line: Mutex<Line<J, A>>,
    /// Notified when as many threads wait as the leader wants.
    arrived: Condvar,
}

/// The waiting threads, in the order of their arrival.
pub(crate) struct Line<J, A> {
    is_led: bool,
    waiting: VecDeque<Waiting<J, A>>,
    /// The number of waiting threads that the leader waits for.
    wanted: usize,
}

/// A waiting thread, and its job.
pub(crate) struct Waiting<J, A> {
    pub(crate) job: J,
    place: Arc<Ticket<A>>,
}

/// The place where a thread waits.
struct Ticket<A> {
    state: Mutex<State<A>>,
    changed: Condvar,
}

/// The state of a waiting thread.
pub(crate) enum State<A> {
    Waits,
    /// The thread is the first in line, and there was no leader.
    MayLead,
    Answered(A),
}

/// The outcome of entering.
#[derive(Debug)]
pub(crate) enum Entered<J, A> {
    /// The thread leads, and must call [`hand_over`](Queue::hand_over) when it ends.
    Leads(J),
    /// A leader has done its job.
    Answered(A),
}

impl<J, A> Default for Queue<J, A> {
    fn default() -> Self {
        let line = Line { is_led: false, waiting: VecDeque::new(), wanted: 0 };
        Queue { line: Mutex::new(line), arrived: Condvar::default() }
    }
}

impl<J, A> Queue<J, A> {
    /// Enters with a job, and waits until the job is done or this thread leads.
    ///
    /// `wait` waits once on the condition. If it fails, and no leader has taken the job, the job is withdrawn and the
    /// error is returned; if a leader has taken it, the answer comes soon, and the error is dropped. `no_room` makes
    /// the error for a queue that cannot allocate memory to grow.
    pub(crate) fn enter<E>(
        &self,
        job: J,
        mut wait: impl FnMut(&Condvar, &mut MutexGuard<'_, State<A>>) -> Result<(), E>,
        no_room: impl FnOnce(usize) -> E,
    ) -> Result<Entered<J, A>, E> {
        let mut line = self.line.lock();
        if !line.is_led {
            line.is_led = true;
            return Ok(Entered::Leads(job));
        }
        if line.waiting.try_reserve(1).is_err() {
            return Err(no_room((line.waiting.len() + 1) * size_of::<Waiting<J, A>>()));
        }
        let place = Arc::new(Ticket { state: Mutex::new(State::Waits), changed: Condvar::default() });
        line.waiting.push_back(Waiting { job, place: Arc::clone(&place) });
        if line.waiting.len() == line.wanted {
            self.arrived.notify_one();
        }
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

    /// Makes a waiting thread the leader, and returns its job. Returns `None` if there is a leader.
    fn lead(&self, place: &Arc<Ticket<A>>) -> Option<J> {
        let mut line = self.line.lock();
        if line.is_led {
            return None;
        }
        let job = line.remove(place)?;
        line.is_led = true;
        Some(job)
    }

    /// Removes a job from the line. Returns `false` if a leader has taken it.
    fn withdraw(&self, place: &Arc<Ticket<A>>) -> bool {
        let mut line = self.line.lock();
        let is_withdrawn = line.remove(place).is_some();
        // The thread may have been the next one to lead.
        let next = line.next_to_lead();
        drop(line);
        Ticket::wake(next);
        is_withdrawn
    }

    /// Takes the job of the next thread in line if it is `wanted`. Only the leader calls this, and must answer the
    /// thread.
    pub(crate) fn take(&self, wanted: impl FnOnce(&J) -> bool) -> Option<Waiting<J, A>> {
        let mut line = self.line.lock();
        if wanted(&line.waiting.front()?.job) { line.waiting.pop_front() } else { None }
    }

    /// Waits until so many threads wait in line. Only the leader calls this. `wait` waits once on the condition, and
    /// returns `false` to wait no longer.
    pub(crate) fn wait_for(
        &self,
        threads: usize,
        mut wait: impl FnMut(&Condvar, &mut MutexGuard<'_, Line<J, A>>) -> bool,
    ) {
        let mut line = self.line.lock();
        line.wanted = threads;
        while line.waiting.len() < threads && wait(&self.arrived, &mut line) {}
        line.wanted = 0;
    }

    /// Returns how many threads wait in line.
    pub(crate) fn waiting(&self) -> usize {
        self.line.lock().waiting.len()
    }

    #[cfg(test)]
    #[allow(dead_code)] // in a build with the engine in memory, without the tests that look
    pub(crate) fn has_waiting(&self, threads: usize) -> bool {
        self.waiting() == threads
    }

    /// Ends the calling thread's lead, and wakes the next thread in line.
    pub(crate) fn hand_over(&self) {
        let mut line = self.line.lock();
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

    /// Returns the place of the thread that must lead next, or `None` if there is a leader or no thread waits.
    fn next_to_lead(&self) -> Option<Arc<Ticket<A>>> {
        self.waiting.front().filter(|_| !self.is_led).map(|next| Arc::clone(&next.place))
    }
}

impl<J, A> Waiting<J, A> {
    /// Answers the thread, which then continues.
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
        // Another leader may have answered it meanwhile.
        if matches!(*state, State::Waits) {
            *state = State::MayLead;
            drop(state);
            place.changed.notify_one();
        }
    }
}
