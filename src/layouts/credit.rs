//! GPU time that a layout may use: a share of what the run takes, whatever the adapter's speed.
//!
//! What is recorded is charged by its estimate, and what it really took is charged instead once it was measured. So a wrong first guess of
//! an adapter's speed moves the share for a few encoders only.

/// Share of the time that layouts take together while the network trains.
const SHARE: f64 = 0.03;
/// Time of those that begin, beyond that, as a share of the training's: they leave it half of the GPU.
const SHARE_AT_FIRST: f64 = 1.0 - SHARE;
/// Share of all while the network does not train.
const SHARE_AT_REST: f64 = 0.5;
/// Most GPU time that a layout may save, as a multiple of what a frame grants it.
const MAX_SAVED: f64 = 8.0;
/// Most iterations recorded at once.
pub(super) const MAX_ITERATIONS: u32 = 50;
/// Shortest submit in milliseconds, below which the CPU's part counts too much, and the longest while a layout begins: until the first times
/// are back its costs are guesses.
const SUBMIT_MS: [f64; 2] = [2.0, 25.0];

/// Share of one of `awake` layouts in the time of the run, which is training or not; where it is one of `beginning`, a larger one.
pub(super) fn share(training: bool, awake: usize, beginning: Option<usize>) -> f64 {
    let of_first = beginning.map_or(0.0, |count| SHARE_AT_FIRST / count.max(1) as f64);
    let shares = if training { SHARE } else { SHARE_AT_REST };
    shares / awake.max(1) as f64 + if training { of_first } else { 0.0 }
}

/// Milliseconds of a submit in which the share of a layout that begins is no more than it can use: iterations of `iteration_ms` each.
pub(super) fn submit_ms(iteration_ms: f64, share: f64) -> f64 {
    (f64::from(MAX_ITERATIONS) * iteration_ms / share).clamp(SUBMIT_MS[0], SUBMIT_MS[1])
}

/// Milliseconds that a layout may still use; below 0 where it used too many.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Credit {
    pub ms: f64,
}

impl Credit {
    /// Grants `more_ms` of the frame's `frame_ms`; unused time is saved for a few frames.
    pub(super) fn grant(&mut self, more_ms: f64, frame_ms: f64) {
        let most_ms = (MAX_SAVED * more_ms).min(frame_ms);
        self.ms = (self.ms + more_ms).min(most_ms);
    }

    /// Charges a piece by its estimate.
    pub(super) fn charge(&mut self, estimated_ms: f64) {
        self.ms -= estimated_ms;
    }

    /// Charges what a piece took in place of its estimate.
    pub(super) fn settle(&mut self, estimated_ms: f64, time_ms: f64) {
        if time_ms.is_finite() {
            self.ms += estimated_ms - time_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layout of 60 dispatches and 1000 iterations beside training, on an adapter of any speed, with estimates that begin anywhere.
    struct Simulated {
        /// Milliseconds that a dispatch of the refresh, and an iteration, really take.
        real_ms: [f64; 2],
        estimated_ms: [f64; 2],
        measured: [bool; 2],
        settles: bool,
        /// The submit's milliseconds, where they are not those of its layouts.
        submit_ms: Option<f64>,
    }

    impl Simulated {
        /// The times of training and of the layout until it is laid out, in milliseconds.
        fn run(self) -> [f64; 2] {
            self.run_counted().0
        }

        /// As [`Simulated::run`], and the submits that it took.
        fn run_counted(mut self) -> ([f64; 2], usize) {
            let (mut training_ms, mut layout_ms, mut count) = (0.0, 0.0, 0);
            let mut credit = Credit::default();
            let (mut dispatches, mut iterations) = (60, 1000);
            // What is on its way: a piece of which kind, of how many runs, and its estimate.
            let mut submits: Vec<Vec<(usize, u32, f64)>> = Vec::new();
            while iterations > 0 {
                let share = share(true, 1, Some(1));
                let budget_ms = self.submit_ms.unwrap_or_else(|| submit_ms(self.estimated_ms[1], share));
                training_ms += budget_ms;
                count += 1;
                credit.grant(share * budget_ms, budget_ms);
                let mut pieces = Vec::new();
                while dispatches > 0 && credit.ms > 0.0 {
                    pieces.push((0, 1, self.estimated_ms[0]));
                    credit.charge(self.estimated_ms[0]);
                    dispatches -= 1;
                }
                if dispatches == 0 && credit.ms > 0.0 {
                    let fitting = (credit.ms / self.estimated_ms[1]) as u32;
                    let runs = fitting.clamp(1, MAX_ITERATIONS).min(iterations);
                    pieces.push((1, runs, f64::from(runs) * self.estimated_ms[1]));
                    credit.charge(f64::from(runs) * self.estimated_ms[1]);
                    iterations -= runs;
                }
                layout_ms +=
                    pieces.iter().map(|(kind, runs, _)| f64::from(*runs) * self.real_ms[*kind]).sum::<f64>();
                submits.push(pieces);
                // Times come back two submits later.
                for (kind, runs, estimated_ms) in
                    if submits.len() > 2 { submits.remove(0) } else { Vec::new() }
                {
                    let time_ms = f64::from(runs) * self.real_ms[kind];
                    if self.settles {
                        credit.settle(estimated_ms, time_ms);
                    }
                    // As in src/gpu/work.rs.
                    let ratio = self.real_ms[kind] / self.estimated_ms[kind];
                    let guessed = !std::mem::replace(&mut self.measured[kind], true);
                    self.estimated_ms[kind] *=
                        if guessed && ratio < 1.0 { ratio } else { ratio.clamp(0.25, 4.0).sqrt() };
                }
            }
            ([training_ms, layout_ms], count)
        }
    }

    fn simulated(speed: f64, error: f64) -> Simulated {
        let real_ms = [0.5, 0.4].map(|time_ms| time_ms / speed);
        Simulated {
            real_ms,
            estimated_ms: real_ms.map(|ms| ms * error),
            measured: [false; 2],
            settles: true,
            submit_ms: None,
        }
    }

    #[test]
    fn a_layout_that_begins_has_half_of_the_gpu_at_any_speed() {
        for speed in [0.1, 1.0, 4.0] {
            for error in [0.05, 1.0, 30.0] {
                let [training_ms, layout_ms] = simulated(speed, error).run();
                let told =
                    format!("{training_ms} and {layout_ms} ms at {speed}, estimates {error} times the time");
                assert!(layout_ms < 1.2 * training_ms, "training keeps half: {told}");
                // But for the few submits until the first times are back.
                assert!(training_ms < 1.15 * layout_ms + 10.0 * SUBMIT_MS[1], "the layout has half: {told}");
            }
        }
        // As an H100: iterations of 0.3 ms, half of the training rate, within 3 s.
        let total_ms: f64 = simulated(1.3, 40.0).run().iter().sum();
        assert!(total_ms < 3000.0, "{total_ms}");
    }

    #[test]
    fn a_layout_is_fed_no_crumbs_a_frame_of_the_window() {
        let is_fed = |simulated: Simulated| {
            let ([_, layout_ms], frames) = Simulated { submit_ms: Some(15.0), ..simulated }.run_counted();
            // Each frame of 15 ms holds as much again, or as many iterations as one may; but for those until times are back.
            let least = (layout_ms / 15.0).max(1000.0 / f64::from(MAX_ITERATIONS));
            (frames as f64 <= 1.1 * least + 12.0, format!("{frames} frames, {least} would do"))
        };
        // From a slow adapter to one that is as fast as can be.
        for speed in [0.5, 1.3, 20.0, 1000.0] {
            for error in [0.05, 1.0, 300.0] {
                let (fed, told) = is_fed(simulated(speed, error));
                assert!(fed, "{told} at {speed}, estimates {error} times the time");
            }
        }
        assert!(!is_fed(Simulated { settles: false, ..simulated(0.5, 300.0) }).0, "the control");
    }

    #[test]
    fn without_measured_charges_or_short_submits_it_has_less() {
        let share = |simulated: Simulated| {
            let [training_ms, layout_ms] = simulated.run();
            layout_ms / (training_ms + layout_ms)
        };
        assert!(share(Simulated { settles: false, ..simulated(1.0, 300.0) }) < 0.42);
        assert!(share(Simulated { submit_ms: Some(100.0), ..simulated(4.0, 1.0) }) < 0.1);
    }

    #[test]
    fn shares_add_up() {
        let all = share(true, 4, Some(2)) * 2.0 + share(true, 4, None) * 2.0;
        assert!((all - 1.0).abs() < 1e-12, "{all}");
        assert!((share(false, 5, Some(5)) * 5.0 - SHARE_AT_REST).abs() < 1e-12);
        // A frame that grants little saves little, and none more than it lasts.
        let mut credit = Credit::default();
        (0..100).for_each(|_| credit.grant(1.0, 5.0));
        assert_eq!(credit.ms, 5.0);
        credit.settle(1.0, f64::NAN);
        assert_eq!(credit.ms, 5.0);
    }
}
