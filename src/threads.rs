//! Work shared by the cores, in parts that are known beforehand.

use std::thread;

/// Number of items of a part, when `count` items are shared by all cores and fewer than `least` are not worth a thread; at least 1.
pub fn share(count: usize, least: usize) -> usize {
    count.div_ceil(cores()).max(least).max(1)
}

/// Number of threads that run at once.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Results of `work` on each of `parts`, in their order. Each part has a thread of its own, the first one the caller's.
pub fn each<P: Send, R: Send>(parts: impl IntoIterator<Item = P>, work: impl Fn(P) -> R + Sync) -> Vec<R> {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Vec::new() };
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let own = work(first);
        let joined = others.into_iter().map(|other| match other.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(own).chain(joined).collect()
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
