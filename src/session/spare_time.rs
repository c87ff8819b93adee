//! GPU time that is used beside a run: a share of what each encoder has, saved while it is not enough for a piece.

/// Milliseconds left; below 0 where a piece took more.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct SpareTime(f64);

impl SpareTime {
    /// Adds the share of an encoder of `budget_ms`: `share` of it beside a run that trains, else all of it, which is also the most that is
    /// saved. Where the encoder finishes a step whatever it takes, there is nothing to spare.
    pub(super) fn grant(&mut self, budget_ms: f64, share: f64, trains: bool) {
        let budget_ms = if budget_ms.is_finite() { budget_ms } else { 0.0 };
        let share = if trains { share } else { 1.0 };
        self.0 = (self.0 + share * budget_ms).min(budget_ms);
    }

    /// Milliseconds that a piece may take; none where nothing is left.
    pub(super) fn left_ms(&self) -> Option<f64> {
        Some(self.0).filter(|left_ms| *left_ms > 0.0)
    }

    /// Takes the time of a piece off.
    pub(super) fn charge(&mut self, time_ms: f64) {
        self.0 -= time_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_saved_up_to_an_encoder_and_paid_back() {
        let mut spare = SpareTime::default();
        assert_eq!(spare.left_ms(), None);
        spare.grant(40.0, 0.25, true);
        assert_eq!(spare.left_ms(), Some(10.0));
        spare.charge(25.0);
        spare.grant(40.0, 0.25, true);
        assert_eq!(spare.left_ms(), None, "5 ms are owed");
        (0..9).for_each(|_| spare.grant(40.0, 0.25, true));
        assert_eq!(spare.left_ms(), Some(40.0));
        let mut at_rest = SpareTime::default();
        at_rest.grant(40.0, 0.25, false);
        assert_eq!(at_rest.left_ms(), Some(40.0));
    }

    #[test]
    fn a_step_that_is_finished_whatever_it_takes_spares_nothing() {
        let mut spare = SpareTime::default();
        spare.grant(40.0, 0.25, true);
        spare.grant(f64::INFINITY, 0.25, true);
        assert_eq!(spare.left_ms(), None);
        spare.grant(40.0, 0.25, true);
        assert_eq!(spare.left_ms(), Some(10.0));
    }
}
