//! How much of a plan fits a frame: the cost of every dispatch, learned from timestamps.

use std::ops::Range;

use crate::gpu::Plan;

/// Estimated GPU time of each dispatch of one plan.
pub(super) struct Budget {
    cost_ms: Vec<f64>,
}

impl Budget {
    /// Before anything was measured: 5 GFLOP/s and 0.3 ms a dispatch, a slow software adapter's.
    pub fn new(plan: &Plan) -> Self {
        Self { cost_ms: plan.dispatches.iter().map(|d| 0.3 + d.flops as f64 / 5e6).collect() }
    }

    /// The same where everything is thought to take `factor` times as long.
    pub fn scaled(plan: &Plan, factor: f64) -> Self {
        let mut budget = Self::new(plan);
        budget.cost_ms.iter_mut().for_each(|cost| *cost *= factor);
        budget
    }

    /// Another plan takes the place of this one; where it has as many dispatches, they are thought to cost the same.
    pub fn take(&mut self, plan: &Plan) {
        if plan.len() != self.cost_ms.len() {
            let (new, old) = (Self::new(plan), self.total_ms());
            let factor = old / new.total_ms().max(1e-9);
            self.cost_ms = new.cost_ms.iter().map(|cost| cost * factor).collect();
        }
    }

    /// Estimated milliseconds of the whole plan.
    pub fn total_ms(&self) -> f64 {
        self.cost_ms.iter().sum()
    }

    /// Number of dispatches.
    pub fn len(&self) -> usize {
        self.cost_ms.len()
    }

    /// The dispatches from `from` that fit `budget_ms`, at least one; and what they are estimated to cost.
    pub fn fit(&self, from: usize, budget_ms: f64) -> (Range<usize>, f64) {
        let mut end = from;
        let mut sum = 0.0;
        while end < self.cost_ms.len() && (end == from || sum + self.cost_ms[end] <= budget_ms) {
            sum += self.cost_ms[end];
            end += 1;
        }
        (from..end, sum)
    }

    /// A range of dispatches was measured to take `time_ms` together: their estimates move towards it.
    pub fn learn(&mut self, range: Range<usize>, time_ms: f64) {
        let Some(costs) = self.cost_ms.get_mut(range) else { return };
        let estimated: f64 = costs.iter().sum();
        if estimated <= 0.0 || !time_ms.is_finite() {
            return;
        }
        // Half way at once, within a factor of 4: one disturbed measurement must not spoil the next frame.
        let factor = (time_ms / estimated).clamp(0.25, 4.0).sqrt();
        costs.iter_mut().for_each(|c| *c = (*c * factor).max(1e-4));
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn a_range_fits_and_is_never_empty() {
        let budget = Budget { cost_ms: vec![5.0, 1.0, 2.0, 9.0] };
        assert_eq!(budget.fit(0, 0.1), (0..1, 5.0));
        assert_eq!(budget.fit(0, 8.0), (0..3, 8.0));
        assert_eq!(budget.fit(3, 100.0), (3..4, 9.0));
    }

    #[test]
    fn estimates_approach_what_is_measured() {
        let mut budget = Budget { cost_ms: vec![5.0, 1.0] };
        for _ in 0..12 {
            budget.learn(0..2, 60.0);
        }
        let (_, sum) = budget.fit(0, 1e9);
        assert!((sum - 60.0).abs() < 1.0, "{sum}");
    }
}
