//! Re-exaggeration: when the divergence has risen 3 % after new rows, attraction is doubled for 30 iterations so that points can
//! leave a local minimum.
//!
//! Measured against a plain continuation on digits that drift: 0.794 against 0.816, with points moving by a hundredth of the span;
//! a stronger attraction moves more and gains nothing.

use crate::embed::{Settings, State};

/// Rise of the divergence above its minimum, as a share.
const RISE: f32 = 0.03;
/// Factor of the attraction, and iterations with it.
const EXAGGERATION: f32 = 2.0;
const ITERATIONS: u32 = 30;
/// Iterations after it before the divergence is judged again.
const REST: u32 = 120;

/// Watch on a layout's divergence.
pub(super) struct Reexaggeration {
    /// Iterations recorded since the layout began.
    iterations: u32,
    /// Minimum of the divergence from iteration `judged_from` on.
    least: f32,
    judged_from: u32,
    rows_changed: bool,
    wanted: bool,
    times: u32,
}

impl Reexaggeration {
    /// Of a layout that begins.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            iterations: 0,
            least: f32::INFINITY,
            judged_from: settings.exaggeration_iterations as u32 + REST,
            rows_changed: false,
            wanted: false,
            times: 0,
        }
    }

    /// Number of times that it happened.
    pub(super) fn times(&self) -> u32 {
        self.times
    }

    /// Iterations recorded since the layout began.
    pub(super) fn iterations(&self) -> u32 {
        self.iterations
    }

    /// New affinities: because the `rows_changed`, or of another perplexity, whose divergences do not compare.
    pub(super) fn refreshed(&mut self, rows_changed: bool) {
        if rows_changed {
            self.rows_changed = true;
        } else {
            self.least = f32::INFINITY;
            self.judged_from = self.judged_from.max(self.iterations + REST);
        }
    }

    /// Takes in the layout's state of a few frames ago.
    pub(super) fn observe(&mut self, state: &State) {
        if state.iteration < self.judged_from || !state.divergence.is_finite() {
            return;
        }
        self.least = self.least.min(state.divergence);
        self.wanted |= self.rows_changed && state.divergence > (1.0 + RISE) * self.least;
    }

    /// Counts the iterations that follow; returns the settings for them, where they change.
    pub(super) fn before_iterations(&mut self, iterations: u32, settings: &Settings) -> Option<Settings> {
        let changed = self.wanted.then(|| {
            (self.wanted, self.rows_changed, self.least) = (false, false, f32::INFINITY);
            self.times += 1;
            let end = self.iterations + ITERATIONS;
            self.judged_from = end + REST;
            Settings { exaggeration: EXAGGERATION, exaggeration_iterations: end as f32, ..*settings }
        });
        self.iterations += iterations;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(iteration: u32, divergence: f32) -> State {
        State { iteration, divergence, ..State::default() }
    }

    #[test]
    fn a_rise_after_the_rows_changed_doubles_the_attraction_once() {
        let usual = Settings::DEFAULT;
        let mut watch = Reexaggeration::new(&usual);
        assert_eq!(watch.before_iterations(400, &usual), None);
        watch.observe(&state(300, 1.0));
        // A rise without another reading of the rows is the optimizer's own.
        watch.observe(&state(320, 1.1));
        assert_eq!(watch.before_iterations(10, &usual), None);
        watch.refreshed(true);
        watch.observe(&state(330, 1.02));
        assert_eq!(watch.before_iterations(10, &usual), None, "2 % are little");
        watch.observe(&state(340, 1.04));
        let found = watch.before_iterations(10, &usual).unwrap();
        assert_eq!((found.exaggeration, found.exaggeration_iterations), (2.0, 450.0));
        assert_eq!(found.momentum, usual.momentum);
        // What comes from before it is done does not count, and the minimum begins again.
        watch.refreshed(true);
        watch.observe(&state(440, 3.0));
        watch.observe(&state(571, 1.2));
        assert_eq!(watch.before_iterations(10, &usual), None);
        assert_eq!(watch.times(), 1);
        // Another perplexity has another divergence.
        watch.refreshed(false);
        watch.observe(&state(580, 1.5));
        assert_eq!(watch.before_iterations(10, &usual), None);
    }

    #[test]
    fn the_first_iterations_and_what_is_no_number_do_not_count() {
        let usual = Settings::DEFAULT;
        let mut watch = Reexaggeration::new(&usual);
        watch.refreshed(true);
        watch.observe(&state(60, 0.1));
        watch.observe(&state(200, 2.0));
        watch.observe(&state(210, f32::NAN));
        assert_eq!(watch.before_iterations(10, &usual), None);
    }
}
