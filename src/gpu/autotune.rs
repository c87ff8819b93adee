//! The autotuner: picks a variant of a kernel by calculation, or by a benchmark on the real shape that is kept on disk.
//!
//! All candidates of a kernel give the same bits, so that a choice, and a cache that is lost, change only the time.

use std::fmt::Debug;

use super::context::Gpu;
use super::plan::Plan;
use super::tune_cache::{Choice, TunePolicy};
use crate::error::Result;

/// Candidates that are timed at most: the most promising by calculation.
const MAX_TIMED: usize = 6;
/// Runs of a candidate; the shortest counts.
const RUNS: usize = 4;

impl Gpu {
    /// Builds one of `candidates`, which come with the most promising first. All must give the same result. `key` names
    /// kernel and shape: what the time depends on. `compiled` tells of a candidate whether its kernel is compiled; `plan` gives the
    /// dispatches that are timed, which run on whatever their buffers hold.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn choose<C: Debug, B>(
        &self,
        key: &str,
        candidates: &[C],
        compiled: impl Fn(&C) -> bool,
        mut build: impl FnMut(&C) -> Result<B>,
        plan: impl Fn(&B) -> &Plan,
    ) -> Result<B> {
        let ready = candidates.iter().find(|c| self.prefers_compiled() && compiled(c));
        if let Some(candidate) = ready {
            return build(candidate);
        }
        let cached = cache_key(key, candidates);
        let policy = self.tune_policy();
        if let TunePolicy::Fixed(n) = policy {
            return build(&candidates[n % candidates.len()]);
        }
        if policy != TunePolicy::Heuristic {
            let known = self.tuned.borrow().fastest(&cached).cloned();
            let known = known.and_then(|picked| candidates.iter().find(|c| format!("{c:?}") == picked));
            if let Some(candidate) = known {
                let picked = format!("{candidate:?}");
                let choice = Choice { key: key.to_owned(), tried: Vec::new(), picked, known: true };
                self.tuned.borrow_mut().keep(&cached, choice);
                return build(candidate);
            }
        }
        if policy != TunePolicy::Benchmark {
            return build(&candidates[0]);
        }
        let timed = &candidates[..candidates.len().min(MAX_TIMED)];
        let (built, choice) = self.benchmark(key, timed, build, plan)?;
        self.tuned.borrow_mut().keep(&cached, choice);
        Ok(built)
    }

    /// Times candidates; returns the fastest.
    fn benchmark<C: Debug, B>(
        &self,
        key: &str,
        candidates: &[C],
        mut build: impl FnMut(&C) -> Result<B>,
        plan: impl Fn(&B) -> &Plan,
    ) -> Result<(B, Choice)> {
        let mut best: Option<(f64, usize, B)> = None;
        let mut tried = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let built = build(candidate)?;
            let run = |_| plan(&built).time(self).iter().map(|span| span.time_ms).sum::<f64>();
            run(0);
            let time_ms = (0..RUNS).map(run).fold(f64::INFINITY, f64::min);
            tried.push((format!("{candidate:?}"), time_ms));
            if best.as_ref().is_none_or(|(before, ..)| time_ms < *before) {
                best = Some((time_ms, index, built));
            }
        }
        let (_, index, built) = best.expect("there is a candidate");
        let picked = tried[index].0.clone();
        Ok((built, Choice { key: key.to_owned(), tried, picked, known: false }))
    }

    /// The choices made since the last call that were known or timed.
    pub fn take_choices(&self) -> Vec<Choice> {
        self.tuned.borrow_mut().take_choices()
    }

    /// Forgets what was fastest before, here and on disk at the next benchmark.
    pub fn forget_choices(&self) {
        self.tuned.borrow_mut().forget();
    }
}

/// Kernel and shape, with a checksum of the candidates: other candidates want another benchmark.
fn cache_key<C: Debug>(key: &str, candidates: &[C]) -> String {
    let checksum = blake3::hash(format!("{candidates:?}").as_bytes()).to_hex();
    format!("{key} {}", &checksum[..8])
}

#[cfg(test)]
mod tests {
    use super::cache_key;

    #[test]
    fn other_candidates_have_another_key() {
        assert_eq!(cache_key("conv", &[1, 2]), cache_key("conv", &[1, 2]));
        assert_ne!(cache_key("conv", &[1, 2]), cache_key("conv", &[1, 3]));
        assert_ne!(cache_key("conv", &[1, 2]), cache_key("dense", &[1, 2]));
    }
}
