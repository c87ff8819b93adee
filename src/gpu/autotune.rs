//! The autotuner: picks a variant of a kernel by calculation, or by a benchmark on the real shape that is kept on disk.
//!
//! All candidates of a kernel give the same bits, so that a choice, and a cache that is lost, change only the time.

use std::fmt::Debug;

use super::context::Gpu;
use super::kernel_cache::{KernelState, KernelVariant};
use super::plan::Plan;
use super::roofline::MultiplyAdds;
use super::timer::Span;
use super::tune_cache::{Choice, Tried, TunePolicy};
use super::turns::{self, Measured};
use crate::error::{Error, Result};

/// Candidates that are timed at most: the most promising by calculation.
const MAX_TIMED: usize = 6;
/// Milliseconds of the fixed kernel before each timing, about.
const FIXED_MS: f64 = 2.0;
/// Chains of the fixed kernel.
const FIXED_CHAINS: u32 = 6;
/// Rounds of the fixed kernel that tell how many take so long.
const FIRST_ROUNDS: u32 = 8;

impl Gpu {
    /// Builds one of `candidates`, which come with the most promising first. All must give the same result. `key` names
    /// kernel and shape: what the time depends on. `variant` names a candidate's kernel, so that it can be compiled before it is timed; none where it has no kernel of its own. `plan` gives the dispatches that are timed, which run on whatever their
    /// buffers hold.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn choose<C: Debug, B>(
        &self,
        key: &str,
        candidates: &[C],
        variant: impl Fn(&C) -> Option<KernelVariant>,
        mut build: impl FnMut(&C) -> Result<B>,
        plan: impl Fn(&B) -> &Plan,
    ) -> Result<B> {
        let state = |c: &C| variant(c).map_or(KernelState::Compiled, |variant| self.kernel_state(&variant));
        let in_state = |wanted| candidates.iter().find(|c| state(c) == wanted);
        let known = || in_state(KernelState::Compiled).or_else(|| in_state(KernelState::Compiling));
        if let Some(candidate) = self.prefers_compiled().then(known).flatten() {
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
                let choice =
                    Choice { key: key.to_owned(), tried: Vec::new(), picked, known: true, decided: true };
                self.tuned.borrow_mut().keep(&cached, choice);
                return build(candidate);
            }
        }
        let timed = &candidates[..candidates.len().min(MAX_TIMED)];
        let variants: Vec<KernelVariant> = timed.iter().filter_map(variant).collect();
        if !self.times_now(candidates.len(), &variants) {
            return build(&candidates[0]);
        }
        // All of them at once, before any is needed.
        variants.iter().for_each(|variant| self.compile_ahead(variant));
        let (built, choice) = self.benchmark(key, timed, build, plan)?;
        self.tuned.borrow_mut().keep(&cached, choice);
        Ok(built)
    }

    /// Times candidates, but those that the driver refuses; returns the fastest.
    ///
    /// # Errors
    /// When one cannot be built, or all are refused.
    fn benchmark<C: Debug, B>(
        &self,
        key: &str,
        candidates: &[C],
        build: impl FnMut(&C) -> Result<B>,
        plan: impl Fn(&B) -> &Plan,
    ) -> Result<(B, Choice)> {
        // Compiled all before any is timed: meanwhile the GPU would fall asleep.
        let all = candidates.iter().map(build).collect::<Result<Vec<B>>>()?;
        let refusals: Vec<Option<Error>> =
            all.iter().map(|built| plan(built).wait_compiled().err()).collect();
        let refused = refusals.iter().flatten().next().cloned();
        let kept: Vec<(&C, B)> = candidates
            .iter()
            .zip(all)
            .zip(refusals)
            .filter(|(_, no)| no.is_none())
            .map(|(of, _)| of)
            .collect();
        let (candidates, mut built): (Vec<&C>, Vec<B>) = kept.into_iter().unzip();
        if let Some(refused) = refused.filter(|_| built.is_empty()) {
            return Err(refused);
        }
        let fixed = self.fixed_plan()?;
        let time_ms = |plan: &Plan| plan.time(self).iter().map(|span| span.time_ms).sum::<f64>();
        turns::warm_up(|| time_ms(&fixed));
        let both: Vec<Plan> = built.iter().map(|built| fixed.clone().followed_by(plan(built))).collect();
        let timings = turns::take_turns(candidates.len(), |candidate| {
            let spans = both[candidate].time(self);
            let ms = |spans: &[Span]| spans.iter().map(|span| span.time_ms).sum();
            let (first, rest) = spans.split_at(fixed.len().min(spans.len()));
            Measured { fixed_ms: ms(first), time_ms: ms(rest) }
        });
        let (index, decided) = turns::fastest(&timings);
        let named = candidates.iter().zip(&timings).map(|(candidate, timing)| Tried {
            candidate: format!("{candidate:?}"),
            time_ms: timing.least_ms,
            spread_ms: timing.spread_ms,
        });
        let tried: Vec<Tried> = named.collect();
        let picked = tried[index].candidate.clone();
        let choice = Choice { key: key.to_owned(), tried, picked, known: false, decided };
        Ok((built.swap_remove(index), choice))
    }

    /// Multiply-adds of about [`FIXED_MS`].
    fn fixed_plan(&self) -> Result<Plan> {
        let multiply_adds = MultiplyAdds::new(self, FIXED_CHAINS)?;
        let first = multiply_adds.plan(self, FIRST_ROUNDS)?;
        let took_ms: f64 = first.time(self).iter().map(|span| span.time_ms).sum();
        let rounds = f64::from(FIRST_ROUNDS) * FIXED_MS / took_ms.max(1e-3);
        multiply_adds.plan(self, (rounds as u32).max(1))
    }

    /// The choices made since the last call that were known or timed.
    pub fn take_choices(&self) -> Vec<Choice> {
        self.tuned.borrow_mut().take_choices()
    }

    /// Forgets what was fastest before, and keeps what is found from now on in this process alone.
    pub fn keep_choices_in_memory(&self) {
        self.tuned.borrow_mut().leave_file();
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
    use super::{KernelVariant, cache_key};
    use crate::error::Result;
    use crate::gpu::testing::FILL;
    use crate::gpu::{AdapterChoice, Buffer, Gpu, Plan, PlanBuilder, TunePolicy};

    /// Threads of the candidate that is picked.
    fn pick(gpu: &Gpu, key: &str, threads: &[u32]) -> Result<u32> {
        let y = Buffer::<u32>::zeroed(gpu, "y", 256);
        let built = gpu.choose(
            key,
            threads,
            |threads| Some(KernelVariant::new(&FILL, "fill", &[("THREADS", *threads)])),
            |threads| {
                let mut plan = PlanBuilder::new(gpu);
                let kernel = gpu.kernel(&FILL, "fill", &[("THREADS", *threads)])?;
                plan.dispatch("fill", &kernel).bind("y", y.range()).threads([256, 1, 1])?;
                Ok((*threads, plan.finish()))
            },
            |(_, plan): &(u32, Plan)| plan,
        );
        built.map(|(threads, _)| threads)
    }

    #[test]
    fn candidates_that_the_driver_refuses_are_not_taken() {
        let mut gpu = Gpu::open(&AdapterChoice::Best).unwrap();
        gpu.keep_choices_in_memory();
        gpu.set_tune_policy(TunePolicy::Benchmark);
        // No adapter has 16 000 threads in a workgroup.
        assert_eq!(pick(&gpu, "one", &[16_000, 32, 15_000]).unwrap(), 32);
        assert_eq!(pick(&gpu, "two", &[64, 16_000]).unwrap(), 64);
        assert!(pick(&gpu, "none", &[16_000, 15_000]).unwrap_err().what().contains("refused"));
        // Nor after an edit, which takes what is compiled.
        assert_eq!(pick(&gpu.preferring_compiled(), "edit", &[16_000, 48, 32]).unwrap(), 32);
    }

    #[test]
    fn other_candidates_have_another_key() {
        assert_eq!(cache_key("conv", &[1, 2]), cache_key("conv", &[1, 2]));
        assert_ne!(cache_key("conv", &[1, 2]), cache_key("conv", &[1, 3]));
        assert_ne!(cache_key("conv", &[1, 2]), cache_key("dense", &[1, 2]));
    }
}
