//! Work on many items by several threads, with a progress bar.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Fewest items for which a bar is shown.
const MIN_SHOWN: usize = 500;

/// The results of `work` on each item, in their order. Every thread has a state of its own, made by `state`.
pub(super) fn map<I: Send, S, O: Send>(
    label: &'static str,
    items: impl ExactSizeIterator<Item = I> + Send,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I) -> O + Sync,
) -> Vec<O> {
    let total = items.len();
    let bar = if total < MIN_SHOWN { ProgressBar::hidden() } else { ProgressBar::new(total as u64) };
    let style = "{msg} {bar:24} {pos} of {len}  {eta} left";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is fixed").progress_chars("━╸ "));
    bar.set_message(label);
    bar.enable_steady_tick(Duration::from_millis(100));
    let items = Mutex::new(items.enumerate());
    let next = || items.lock().expect("no thread panics while it holds the lock").next();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(total.max(1));
    let run = || {
        let mut state = state();
        let mut done = Vec::new();
        while let Some((index, item)) = next() {
            done.push((index, work(&mut state, item)));
            bar.inc(1);
        }
        done
    };
    let mut results: Vec<(usize, O)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        let joined = others.into_iter().flat_map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own.into_iter().chain(joined).collect()
    });
    bar.finish_and_clear();
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_the_order_of_the_items() {
        let squares = super::map(
            "Squaring",
            0..1000_u32,
            || 0,
            |seen, i| {
                *seen += 1;
                i * i
            },
        );
        assert_eq!(squares, (0..1000).map(|i| i * i).collect::<Vec<u32>>());
        assert!(super::map("Nothing", 0..0_u32, || (), |(), i| i).is_empty());
    }
}
