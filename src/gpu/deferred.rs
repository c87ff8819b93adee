//! A value that is made by whoever comes first: a thread in the background, or the one that needs it.

use std::sync::{Mutex, OnceLock, PoisonError};

type Make<T> = Box<dyn FnOnce() -> T + Send>;

/// A value that is made once, by the first thread that begins to or needs it; others that need it wait for that thread.
pub(super) struct Deferred<T> {
    /// Its making, until a thread has begun.
    make: Mutex<Option<Make<T>>>,
    value: OnceLock<T>,
}

impl<T> Deferred<T> {
    /// A value that `make` makes, which must not panic: others would wait for ever.
    pub(super) fn new(make: impl FnOnce() -> T + Send + 'static) -> Self {
        Self { make: Mutex::new(Some(Box::new(make))), value: OnceLock::new() }
    }

    /// Makes it on this thread, unless one has begun to; does not wait for that one.
    pub(super) fn begin(&self) {
        let make = self.make.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(make) = make {
            let made = self.value.set(make());
            debug_assert!(made.is_ok(), "it was made twice");
        }
    }

    /// The value; makes it or waits for the thread that does.
    pub(super) fn get(&self) -> &T {
        self.begin();
        self.value.wait()
    }

    /// The value, where it is made.
    pub(super) fn peek(&self) -> Option<&T> {
        self.value.get()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn a_value_is_made_once_whoever_comes_first() {
        for _ in 0..50 {
            let (made, start) = (Arc::new(AtomicU32::new(0)), Barrier::new(4));
            let count = Arc::clone(&made);
            let value = Deferred::new(move || {
                std::thread::yield_now();
                count.fetch_add(1, Ordering::SeqCst) + 7
            });
            assert_eq!(value.peek(), None, "nobody has asked for it");
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let (value, start) = (&value, &start);
                    scope.spawn(move || {
                        start.wait();
                        if thread % 2 == 0 {
                            value.begin();
                        }
                        assert_eq!(*value.get(), 7);
                    });
                }
            });
            assert_eq!((made.load(Ordering::SeqCst), value.peek()), (1, Some(&7)));
        }
    }
}
