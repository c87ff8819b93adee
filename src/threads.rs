//! Work shared by the cores, in parts that are known beforehand.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Fewest values that a thread is worth.
pub const MIN_VALUES: usize = 1 << 16;

/// Number of items of a part, when `count` items are shared by all cores and fewer than `least` are not worth a thread; at least 1.
pub fn share(count: usize, least: usize) -> usize {
    count.div_ceil(cores()).max(least).max(1)
}

/// Number of threads that run at once.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Results of `work` on each of `parts`, in their order. Each part has a thread of its own, the first one the caller's, who does the part of a
/// thread that the system refuses, too.
pub fn each<P: Send, R: Send>(parts: impl IntoIterator<Item = P>, work: impl Fn(P) -> R + Sync) -> Vec<R> {
    let parts: Vec<Mutex<Option<P>>> = parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
    let take = |part: &Mutex<Option<P>>| part.lock().unwrap_or_else(PoisonError::into_inner).take();
    let result = |part: &Mutex<Option<P>>| take(part).map(&work);
    let Some((first, others)) = parts.split_first() else { return Vec::new() };
    thread::scope(|scope| {
        let begin = |part| thread::Builder::new().spawn_scoped(scope, move || result(part));
        let begun: Vec<_> = others.iter().map(begin).collect();
        let own = result(first);
        let joined =
            begun.into_iter().zip(others).map(|(other, part)| match other.map(|other| other.join()) {
                Ok(Ok(done)) => done,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(_) => result(part),
            });
        std::iter::once(own).chain(joined).flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_parts() {
        let values: Vec<u64> = (0..1000).collect();
        let sums = each(values.chunks(130), |some| some.iter().sum::<u64>());
        let expected: Vec<u64> = values.chunks(130).map(|some| some.iter().sum()).collect();
        assert_eq!((sums.len(), sums), (8, expected));
        assert!(each(Vec::<u64>::new(), |value| value).is_empty());
    }

    #[test]
    fn shares_cover_all_items_and_are_never_empty() {
        for (count, least) in [(0, 0), (1, 0), (7, 3), (1000, 1), (1000, 5000)] {
            let share = share(count, least);
            assert!(share >= 1 && share >= least && count.div_ceil(share) <= cores().max(1));
        }
    }
}
