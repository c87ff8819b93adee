//! Timings that the GPU's clock does not decide: candidates take turns, and before each a fixed kernel runs that tells how fast the clock is.
//!
//! An idle GPU stands at a fraction of its clock and takes tens of milliseconds of load to rise. Whatever is timed first is slower then
//! than what is timed last, by several times. Only timings beside the fixed kernel at its fastest count.

/// Timings of each candidate that must count.
const ROUNDS: usize = 5;
/// Rounds at most, where the clock does not come to rest, and milliseconds after which no more than [`ROUNDS`] are made.
const MAX_ROUNDS: usize = 40;
const LONG_MS: f64 = 500.0;
/// Runs of the fixed kernel that must agree before the first round, and at most.
const STEADY_RUNS: usize = 4;
const MAX_WARM_UP: usize = 100;
/// Factor above the fixed kernel's least time that is still its full speed.
const FULL_SPEED: f64 = 1.05;

/// Milliseconds of the fixed kernel, and of what ran after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub fixed_ms: f64,
    pub time_ms: f64,
}

/// Time of a candidate at full speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timing {
    /// The least, in milliseconds.
    pub least_ms: f64,
    /// Median less the least, in milliseconds.
    pub spread_ms: f64,
}

impl Timing {
    /// Of timings, at least one.
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self { least_ms: times[0], spread_ms: times[times.len() / 2] - times[0] }
    }
}

/// Runs the fixed kernel until its time is steady.
pub(super) fn warm_up(mut fixed_ms: impl FnMut() -> f64) {
    let mut times = Vec::new();
    for _ in 0..MAX_WARM_UP {
        times.push(fixed_ms());
        let last = &times[times.len().saturating_sub(STEADY_RUNS)..];
        let [least, most] = [f64::min, f64::max].map(|f| last.iter().copied().reduce(f).unwrap_or(0.0));
        if last.len() == STEADY_RUNS && most <= FULL_SPEED * least {
            return;
        }
    }
}

/// Times `count` candidates in turns: `measure` runs the fixed kernel and then a candidate.
pub(super) fn take_turns(count: usize, mut measure: impl FnMut(usize) -> Measured) -> Vec<Timing> {
    let mut all: Vec<Vec<Measured>> = vec![Vec::new(); count];
    let mut least_fixed = f64::INFINITY;
    let (mut rounds, mut spent_ms) = (0, 0.0);
    loop {
        for (candidate, measured) in all.iter_mut().enumerate() {
            let made = measure(candidate);
            least_fixed = least_fixed.min(made.fixed_ms);
            spent_ms += made.fixed_ms + made.time_ms;
            measured.push(made);
        }
        rounds += 1;
        let counting = |of: &Vec<Measured>| -> Vec<f64> {
            of.iter().filter(|m| m.fixed_ms <= FULL_SPEED * least_fixed).map(|m| m.time_ms).collect()
        };
        let counted: Vec<Vec<f64>> = all.iter().map(counting).collect();
        let most = if spent_ms > LONG_MS { ROUNDS } else { MAX_ROUNDS };
        if rounds >= most || counted.iter().all(|times| times.len() >= ROUNDS) {
            let every = |of: &Vec<Measured>| of.iter().map(|m| m.time_ms).collect();
            let times = counted.into_iter().zip(&all);
            return times
                .map(|(times, of)| Timing::of(if times.is_empty() { every(of) } else { times }))
                .collect();
        }
    }
}

/// Index of the fastest, and whether its lead over each other is more than the spread of the two.
pub(super) fn fastest(timings: &[Timing]) -> (usize, bool) {
    let by_time = |a: &usize, b: &usize| timings[*a].least_ms.total_cmp(&timings[*b].least_ms);
    let best = (0..timings.len()).min_by(by_time).unwrap_or(0);
    let leads = |other: &Timing| {
        other.least_ms - timings[best].least_ms > timings[best].spread_ms.max(other.spread_ms)
    };
    (best, timings.iter().enumerate().all(|(i, other)| i == best || leads(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A GPU whose clock stays low for a while under load, then rises, and falls again when idle; times have noise.
    struct SleepingGpu {
        /// Share of the full clock.
        clock: f64,
        /// Milliseconds of load until it rises.
        asleep_ms: f64,
        noise: f64,
        random: u64,
        runs: usize,
    }

    impl SleepingGpu {
        fn new(noise: f64) -> Self {
            Self { clock: 0.17, asleep_ms: 10.0, noise, random: 1, runs: 0 }
        }

        fn idle(&mut self, time_ms: f64) {
            self.clock = 0.17 + (self.clock - 0.17) * (-time_ms / 50.0).exp();
        }

        /// Milliseconds of a kernel that takes `full_ms` at the full clock.
        fn run(&mut self, full_ms: f64) -> f64 {
            self.runs += 1;
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = 1.0 + self.noise * (self.random >> 40) as f64 / (1_u64 << 24) as f64;
            let time_ms = full_ms * noise / self.clock;
            self.asleep_ms -= time_ms;
            if self.asleep_ms <= 0.0 {
                self.clock = 1.0 + (self.clock - 1.0) * (-time_ms / 20.0).exp();
            }
            time_ms
        }

        /// After the CPU compiled the candidates.
        fn time(&mut self, candidates: &[f64]) -> Vec<Timing> {
            self.idle(300.0);
            warm_up(|| self.run(1.0));
            take_turns(candidates.len(), |candidate| {
                self.idle(0.1);
                Measured { fixed_ms: self.run(1.0), time_ms: self.run(candidates[candidate]) }
            })
        }
    }

    #[test]
    fn the_fastest_is_found_on_a_gpu_that_was_asleep() {
        for candidates in [[0.02_f64, 0.03, 0.04, 0.06], [0.06, 0.04, 0.03, 0.02], [0.4, 0.5, 0.31, 0.3]] {
            let wanted = (0..4).min_by(|a, b| candidates[*a].total_cmp(&candidates[*b])).unwrap();
            let timings = SleepingGpu::new(0.01).time(&candidates);
            assert_eq!(fastest(&timings), (wanted, true), "{timings:?}");
            for (timing, full_ms) in timings.iter().zip(candidates) {
                assert!((timing.least_ms / full_ms - 1.0).abs() < 0.06, "{timing:?} of {full_ms}");
            }
        }
        // One after another from the cold, each four times, the last is always the fastest: the model can tell the two ways apart.
        let mut gpu = SleepingGpu::new(0.01);
        let candidates = [2.0, 2.1, 2.2, 2.3];
        let least = candidates.map(|full_ms| (0..4).map(|_| gpu.run(full_ms)).fold(f64::INFINITY, f64::min));
        assert!(least[3] < least[0], "{least:?}");
        assert_eq!(fastest(&SleepingGpu::new(0.01).time(&candidates)), (0, true));
    }

    #[test]
    fn a_lead_within_the_spread_decides_nothing() {
        let mut gpu = SleepingGpu::new(0.2);
        let timings = gpu.time(&[0.301, 0.3, 0.302]);
        assert!(!fastest(&timings).1, "{timings:?}");
        assert!(timings.iter().all(|timing| timing.spread_ms > 0.0), "{timings:?}");
        let timings = gpu.time(&[0.3, 0.5]);
        assert_eq!(fastest(&timings), (0, true), "{timings:?}");
        // Equal times, as where there are no timestamps.
        let none = Timing { least_ms: 0.0, spread_ms: 0.0 };
        assert_eq!(fastest(&[none; 3]), (0, false));
        assert_eq!(fastest(&[none]), (0, true));
    }

    #[test]
    fn a_clock_that_never_rests_ends_it_too() {
        let mut gpu = SleepingGpu::new(30.0);
        let timings = gpu.time(&[1.0, 2.0]);
        assert_eq!(timings.len(), 2);
        assert!(gpu.runs <= MAX_WARM_UP + 2 * 2 * MAX_ROUNDS, "{} runs", gpu.runs);
    }
}
