//! Each job is done once, by one leader, and no thread waits for ever, in whatever order the threads run.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use crate::queue::{Entered, Queue};

/// The queue, how often each job was done, and whether a thread leads.
#[derive(Default)]
struct Model {
    queue: Queue<usize, usize>,
    done: [AtomicUsize; 3],
    is_led: AtomicBool,
}

/// A thread that does not wait any more.
#[derive(Debug)]
struct Gone;

impl Model {
    /// Does a job; the answer is its square.
    fn work(&self, job: usize) -> usize {
        self.done[job].fetch_add(1, Ordering::Relaxed);
        job * job
    }

    /// Enters with a job as a thread of the group commit does. `hand_over_first`: the next one leads while the answers are
    /// given. `leaves`: the thread tries to leave in place of its first wait.
    fn run(&self, job: usize, hand_over_first: bool, leaves: bool) -> Result<usize, Gone> {
        let mut waits = 0;
        let entered = self.queue.enter(
            job,
            |changed, state| {
                waits += 1;
                if leaves && waits == 1 {
                    return Err(Gone);
                }
                changed.wait(state);
                Ok(())
            },
            |_| Gone,
        )?;
        let own = match entered {
            Entered::Answered(answer) => return Ok(answer),
            Entered::Leads(job) => job,
        };
        assert!(!self.is_led.swap(true, Ordering::AcqRel), "two threads lead");
        let mut others = 0;
        let taken = self.queue.take(|job| {
            others = *job;
            true
        });
        let answer = self.work(own);
        let other = taken.map(|taken| (self.work(others), taken));
        self.is_led.store(false, Ordering::Release);
        if hand_over_first {
            self.queue.hand_over();
        }
        if let Some((answer, taken)) = other {
            taken.answer(answer);
        }
        if !hand_over_first {
            self.queue.hand_over();
        }
        Ok(answer)
    }

    fn done(&self, job: usize) -> usize {
        self.done[job].load(Ordering::Relaxed)
    }
}

/// Runs through the orders of steps in which threads are interrupted at most so often.
fn check(interruptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.check(model);
}

fn three_threads(hand_over_first: bool) {
    check(2, move || {
        let model = Arc::new(Model::default());
        let threads: Vec<_> = (1..3)
            .map(|job| {
                let model = Arc::clone(&model);
                thread::spawn(move || assert_eq!(model.run(job, hand_over_first, false).unwrap(), job * job))
            })
            .collect();
        assert_eq!(model.run(0, hand_over_first, false).unwrap(), 0);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!([0, 1, 2].map(|job| model.done(job)), [1; 3]);
        assert!(model.queue.has_waiting(0));
    });
}

#[test]
fn each_job_is_done_once_and_each_thread_has_its_answer() {
    three_threads(false);
}

#[test]
fn the_next_thread_may_lead_while_answers_are_given() {
    three_threads(true);
}

#[test]
fn a_thread_that_leaves_takes_its_job_with_it_and_keeps_no_other_waiting() {
    check(3, || {
        let model = Arc::new(Model::default());
        let threads: Vec<_> = (1..3)
            .map(|job| {
                let model = Arc::clone(&model);
                thread::spawn(move || (job, model.run(job, false, job == 1)))
            })
            .collect();
        model.run(0, false, false).unwrap();
        for thread in threads {
            let (job, answer) = thread.join().unwrap();
            assert_eq!(model.done(job), usize::from(answer.is_ok()), "{job}: {answer:?}");
            assert!(answer.is_ok() || job == 1);
        }
    });
}

#[test]
fn a_leader_that_waits_for_others_is_woken_when_they_are_there() {
    check(3, || {
        let model = Arc::new(Model::default());
        let entered = model.queue.enter(0, |_, _| Err(Gone), |_| Gone).unwrap();
        assert!(matches!(entered, Entered::Leads(0)));
        let others: Vec<_> = (1..3)
            .map(|job| {
                let model = Arc::clone(&model);
                thread::spawn(move || assert_eq!(model.run(job, false, false).unwrap(), job * job))
            })
            .collect();
        // Without a limit: it would wait for ever for a thread that came unnoticed.
        model.queue.wait_for(2, |arrived, line| {
            arrived.wait(line);
            true
        });
        for _ in 0..2 {
            let mut job = 0;
            let taken = model.queue.take(|next| {
                job = *next;
                true
            });
            taken.unwrap().answer(model.work(job));
        }
        model.queue.hand_over();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!([1, 2].map(|job| model.done(job)), [1; 2]);
    });
}
