//! Threads that compile kernels in the background, so that several are compiled at once, and only what is needed at once is waited for.
//!
//! They only begin a job early: a thread that needs its result and finds it not begun does the job itself (`deferred`). So no thread has to
//! come, and jobs may be dropped.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Threads at most: a driver that compiles on more than these gains little and takes tens of megabytes for each.
const MAX_THREADS: usize = 8;
/// Bytes of stack of a thread, as the first thread of a program has: compilers recurse.
const STACK: usize = 8 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// Jobs and the threads that do them, which end when no job is left.
pub(super) struct CompilePool {
    jobs: Arc<Mutex<Jobs>>,
    threads: RefCell<Vec<JoinHandle<()>>>,
    /// Threads at most; fewer once the system refuses one.
    max_threads: Cell<usize>,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// Threads that take jobs.
    threads: usize,
}

impl CompilePool {
    /// A pool of as many threads as help an adapter. OpenGL belongs to one thread at a time, and others panic once they have waited for a second:
    /// none. The software adapter does most of its compiling at the first dispatch, on the cores that train: one. Drivers of GPUs: a thread for
    /// each core but that of the window, up to [`MAX_THREADS`].
    pub(super) fn new(adapter: &wgpu::AdapterInfo) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let max_threads = match (adapter.backend, adapter.device_type) {
            (wgpu::Backend::Gl, _) => 0,
            (_, wgpu::DeviceType::Cpu) => 1,
            _ => cores.saturating_sub(1).clamp(1, MAX_THREADS),
        };
        Self::of_threads(max_threads)
    }

    fn of_threads(max_threads: usize) -> Self {
        Self { jobs: Arc::default(), threads: RefCell::default(), max_threads: Cell::new(max_threads) }
    }

    /// True where jobs are done in the background; else nobody does them but who needs the result.
    pub(super) fn has_threads(&self) -> bool {
        self.max_threads.get() > 0
    }

    /// Does a job, which must not panic, in the background, where there are threads for it, before those that wait where it is `urgent`; it may
    /// be dropped.
    pub(super) fn add(&self, urgent: bool, job: impl FnOnce() + Send + 'static) {
        if !self.has_threads() {
            return;
        }
        let mut jobs = lock(&self.jobs);
        if urgent {
            jobs.waiting.push_front(Box::new(job));
        } else {
            jobs.waiting.push_back(Box::new(job));
        }
        if jobs.threads == self.max_threads.get() {
            return;
        }
        jobs.threads += 1;
        drop(jobs);
        let shared = Arc::clone(&self.jobs);
        let builder = thread::Builder::new().name("compiler".to_owned()).stack_size(STACK);
        let mut threads = self.threads.borrow_mut();
        threads.retain(|thread| !thread.is_finished());
        match builder.spawn(move || work(&shared)) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                let mut jobs = lock(&self.jobs);
                jobs.threads -= 1;
                // As many as there are, and none where there are none.
                self.max_threads.set(jobs.threads);
                log::debug!("no thread to compile in the background: {error}");
            }
        }
    }
}

/// Drops the jobs that wait, and waits for those under way: no driver may compile while the program ends.
impl Drop for CompilePool {
    fn drop(&mut self) {
        let dropped = std::mem::take(&mut lock(&self.jobs).waiting);
        drop(dropped);
        for thread in self.threads.take() {
            if thread.join().is_err() {
                log::warn!("a thread that compiles kernels has panicked");
            }
        }
    }
}

fn lock(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does jobs until none is left.
fn work(jobs: &Mutex<Jobs>) {
    while let Some(job) = next(jobs) {
        job();
    }
}

/// The next job; where there is none, the thread counts as ended.
fn next(jobs: &Mutex<Jobs>) -> Option<Job> {
    let mut jobs = lock(jobs);
    let job = jobs.waiting.pop_front();
    jobs.threads -= usize::from(job.is_none());
    job
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_are_done_by_few_threads_and_dropped_with_the_pool() {
        let (done, at_once, most) = <[Arc<AtomicUsize>; 3]>::default().into();
        let pool = CompilePool::of_threads(3);
        let (begin, begun) = mpsc::channel();
        for _ in 0..40 {
            let (done, at_once, most, begin) =
                (Arc::clone(&done), Arc::clone(&at_once), Arc::clone(&most), begin.clone());
            pool.add(false, move || {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                begin.send(()).unwrap();
                thread::yield_now();
                at_once.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        (0..40).for_each(|_| begun.recv().unwrap());
        // After all were done, threads come again.
        pool.add(false, move || begin.send(()).unwrap());
        begun.recv().unwrap();
        let (release, hold) = mpsc::channel::<()>();
        let hold = Arc::new(Mutex::new(hold));
        let (under_way, is_under_way) = mpsc::channel();
        for _ in 0..20 {
            let (hold, done, under_way) = (Arc::clone(&hold), Arc::clone(&done), under_way.clone());
            pool.add(false, move || {
                under_way.send(()).unwrap();
                hold.lock().unwrap().recv().ok();
                done.fetch_add(100, Ordering::SeqCst);
            });
        }
        is_under_way.recv().unwrap();
        let ending = thread::spawn(move || {
            // Not before the pool drops what waits: jobs under way end with this.
            thread::sleep(std::time::Duration::from_millis(50));
            drop(release);
        });
        drop(pool);
        ending.join().unwrap();
        let done = done.load(Ordering::SeqCst);
        assert_eq!(done % 100, 40, "each of the first jobs was done once");
        assert!((100..=300).contains(&(done - 40)), "those under way ended, the others were dropped: {done}");
        assert!(most.load(Ordering::SeqCst) <= 3 && at_once.load(Ordering::SeqCst) == 0);
    }

    #[test]
    fn without_threads_nothing_is_done_in_the_background() {
        let pool = CompilePool::of_threads(0);
        pool.add(true, || panic!("it was done"));
        assert!(
            !pool.has_threads() && pool.threads.borrow().is_empty() && lock(&pool.jobs).waiting.is_empty()
        );
    }
}
