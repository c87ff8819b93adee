//! Resumable work: a plan recorded in pieces that fit a budget of GPU time, with costs learned from timestamps.

use std::ops::Range;

use super::plan::Plan;

/// Estimated cost of a dispatch before any was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CostModel {
    /// Milliseconds of an empty dispatch.
    pub dispatch_ms: f64,
    /// Floating-point operations per millisecond.
    pub flops_per_ms: f64,
}

impl CostModel {
    /// A slow software adapter: 0.3 ms a dispatch, 5 GFLOP/s.
    pub const SOFTWARE: Self = Self { dispatch_ms: 0.3, flops_per_ms: 5e6 };

    /// The model of an adapter that takes `factor` times as long.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { dispatch_ms: self.dispatch_ms * factor, flops_per_ms: self.flops_per_ms / factor }
    }

    fn cost_ms(&self, flops: u64) -> f64 {
        self.dispatch_ms + flops as f64 / self.flops_per_ms
    }
}

/// A recorded piece of a [`Work`].
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Number of the plan, which a work counts: a measurement may arrive when it has another one.
    pub plan: u32,
    /// The dispatches.
    pub range: Range<usize>,
    /// Number of times that they were recorded.
    pub runs: u32,
    /// Estimated GPU time of all runs in milliseconds.
    pub time_ms: f64,
    /// The work is at its end with it.
    pub ends: bool,
}

impl Cost {
    /// Adds the piece that follows where both are whole runs of the same plan; returns whether they are.
    pub fn join(&mut self, next: &Self) -> bool {
        let is_whole = |piece: &Self| piece.range.start == 0 && piece.ends;
        let joins = self.plan == next.plan && self.range == next.range && is_whole(self) && is_whole(next);
        if joins {
            self.runs += next.runs;
            self.time_ms += next.time_ms;
        }
        joins
    }
}

/// A plan that is recorded again and again, in pieces as large as a budget allows; the unit is the dispatch.
#[derive(Clone)]
pub struct Work {
    plan: Plan,
    model: CostModel,
    costs: Costs,
}

impl Work {
    /// Work that is not under way.
    pub fn new(plan: Plan, model: CostModel) -> Self {
        let costs = Costs::new(&plan, model);
        Self { plan, model, costs }
    }

    /// Keeps the first `count` dispatches in one piece.
    pub fn keep_together(&mut self, count: usize) {
        self.costs.undivided = count;
    }

    /// The dispatches.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes another plan; a run under way is dropped. What was learned of the adapter's speed stays, and the costs of all
    /// dispatches where these do the same amount of work.
    pub fn replace(&mut self, plan: Plan) {
        let flops = |plan: &Plan| plan.dispatches.iter().map(|dispatch| dispatch.flops).collect::<Vec<_>>();
        if flops(&plan) == flops(&self.plan) {
            self.costs.stop();
        } else {
            let guessed = Costs::new(&self.plan, self.model).total_ms();
            let learned = if guessed > 0.0 { self.costs.total_ms() / guessed } else { 1.0 };
            let costs = Costs::new(&plan, self.model.scaled(learned));
            self.costs = Costs { plan: self.costs.plan + 1, ..costs };
        }
        self.plan = plan;
    }

    /// Puts a run of the first `len` dispatches under way, from the first on.
    pub fn begin(&mut self, len: usize) {
        (self.costs.next, self.costs.len) = (Some(0), len);
    }

    /// Drops a run under way.
    pub fn stop(&mut self) {
        self.costs.stop();
    }

    /// True between the beginning and the end of a run.
    pub fn is_under_way(&self) -> bool {
        self.costs.next.is_some()
    }

    /// Recorded dispatches of the run under way; none where none is.
    pub fn recorded(&self) -> Option<usize> {
        self.costs.next
    }

    /// Recorded share of the run under way by cost, 0 to 1.
    pub fn progress(&self) -> Option<f64> {
        let next = self.costs.next?;
        Some(self.cost_ms(0..next) / self.cost_ms(0..self.costs.len).max(1e-9))
    }

    /// Estimated milliseconds of some dispatches.
    pub fn cost_ms(&self, range: Range<usize>) -> f64 {
        self.costs.of(range)
    }

    /// Estimated milliseconds of the whole plan.
    pub fn total_ms(&self) -> f64 {
        self.costs.total_ms()
    }

    /// Records the next dispatches that fit `budget_ms`, at least one; begins a run where none is under way.
    pub fn record(&mut self, pass: &mut wgpu::ComputePass<'_>, budget_ms: f64) -> Cost {
        self.record_runs(pass, budget_ms, 1)
    }

    /// The next piece as [`Work::record`] has it, but no dispatch from `end` on. It counts as recorded: see [`Work::record_piece`].
    pub fn take_until(&mut self, budget_ms: f64, end: Option<usize>) -> Cost {
        self.costs.take_until(budget_ms, end.unwrap_or(usize::MAX))
    }

    /// Records a piece that was taken.
    pub fn record_piece(&self, pass: &mut wgpu::ComputePass<'_>, piece: &Cost) {
        (0..piece.runs).for_each(|_| self.plan.record(pass, piece.range.clone()));
    }

    /// As [`Work::record`], but up to `max_runs` whole runs where no run is under way and they fit.
    pub fn record_runs(&mut self, pass: &mut wgpu::ComputePass<'_>, budget_ms: f64, max_runs: u32) -> Cost {
        let cost = self.costs.take(budget_ms, max_runs);
        self.record_piece(pass, &cost);
        cost
    }

    /// A recorded piece was measured to take `time_ms`: its estimates move towards it, and those that were never measured with them. A piece
    /// of a plan that was replaced says nothing of this one.
    pub fn learn(&mut self, piece: &Cost, time_ms: f64) {
        self.costs.learn_of(piece, time_ms);
    }
}

/// Estimated costs of a plan's dispatches, and the position in it.
#[derive(Clone)]
struct Costs {
    /// Number of the plan.
    plan: u32,
    ms: Vec<f64>,
    measured: Vec<bool>,
    /// First dispatch of the run under way that is not recorded.
    next: Option<usize>,
    /// Dispatches of the run.
    len: usize,
    /// Dispatches from the first on that are recorded in one piece.
    undivided: usize,
}

impl Costs {
    fn new(plan: &Plan, model: CostModel) -> Self {
        Self::from_ms(plan.dispatches.iter().map(|dispatch| model.cost_ms(dispatch.flops)).collect())
    }

    fn from_ms(ms: Vec<f64>) -> Self {
        let len = ms.len();
        Self { plan: 0, ms, measured: vec![false; len], next: None, len, undivided: 0 }
    }

    fn stop(&mut self) {
        (self.next, self.len) = (None, self.ms.len());
    }

    fn of(&self, range: Range<usize>) -> f64 {
        self.ms.get(range).map_or(0.0, |costs| costs.iter().sum())
    }

    fn total_ms(&self) -> f64 {
        self.ms.iter().sum()
    }

    /// The next piece; it counts as recorded.
    fn take(&mut self, budget_ms: f64, max_runs: u32) -> Cost {
        let from = self.next.unwrap_or(0);
        let whole_ms = self.of(0..self.len);
        let fitting = (budget_ms / whole_ms) as u32;
        if from == 0 && max_runs > 1 && fitting > 0 {
            let runs = fitting.min(max_runs);
            self.stop();
            let time_ms = f64::from(runs) * whole_ms;
            return Cost { plan: self.plan, range: 0..self.len, runs, time_ms, ends: true };
        }
        self.take_until(budget_ms, usize::MAX)
    }

    /// The next piece of a run, before the dispatch `until` where that is yet to come; it counts as recorded.
    fn take_until(&mut self, budget_ms: f64, until: usize) -> Cost {
        let from = self.next.unwrap_or(0);
        let last = if until > from { until.min(self.len) } else { self.len };
        let least = if from == 0 { self.undivided.max(1) } else { from + 1 };
        let (mut end, mut time_ms) = (from, 0.0);
        while end < last && (end < least || time_ms + self.ms[end] <= budget_ms) {
            time_ms += self.ms[end];
            end += 1;
        }
        let ends = end == self.len;
        if ends {
            self.stop();
        } else {
            self.next = Some(end);
        }
        Cost { plan: self.plan, range: from..end, runs: 1, time_ms, ends }
    }

    fn learn_of(&mut self, piece: &Cost, time_ms: f64) {
        if piece.plan == self.plan {
            self.learn(piece.range.clone(), time_ms / f64::from(piece.runs.max(1)));
        }
    }

    fn learn(&mut self, range: Range<usize>, time_ms: f64) {
        let estimated = self.of(range.clone());
        if estimated <= 0.0 || !time_ms.is_finite() {
            return;
        }
        let ratio = time_ms / estimated;
        let guessed = range.clone().all(|index| self.measured.get(index) != Some(&true));
        // A guess gives way at once to a shorter time: on a fast GPU it may be a hundred times too long. Else half way, within a factor of 4:
        // one disturbed measurement must not spoil the next frame.
        let factor = if guessed && ratio < 1.0 { ratio } else { ratio.clamp(0.25, 4.0).sqrt() };
        // That others take less, too, is said by a piece as far as it has share in the plan: the first dispatches are the cheapest.
        let share = if factor < 1.0 { estimated / self.total_ms() } else { 1.0 };
        let of_others = factor.powf(share);
        for index in 0..self.ms.len() {
            let factor = match (range.contains(&index), self.measured[index]) {
                (true, _) => factor,
                (false, false) => of_others,
                (false, true) => continue,
            };
            self.ms[index] = (self.ms[index] * factor).max(1e-6);
        }
        self.measured[range].fill(true);
    }
}

#[cfg(test)]
mod tests {
    use super::{Cost, Costs};

    fn piece(range: std::ops::Range<usize>, time_ms: f64, ends: bool) -> Cost {
        Cost { plan: 0, range, runs: 1, time_ms, ends }
    }

    #[test]
    fn pieces_fit_are_never_empty_and_follow_each_other() {
        let mut costs = Costs::from_ms(vec![5.0, 1.0, 2.0, 9.0]);
        assert_eq!(costs.take(0.1, 1), piece(0..1, 5.0, false));
        assert_eq!(costs.next, Some(1));
        assert_eq!(costs.take(3.5, 1), piece(1..3, 3.0, false));
        assert_eq!(costs.take(100.0, 1), piece(3..4, 9.0, true));
        assert_eq!(costs.next, None);
        assert_eq!(costs.take(8.0, 1), piece(0..3, 8.0, false));
    }

    #[test]
    fn a_piece_ends_at_a_bound_and_the_budget_holds_before_it() {
        let mut costs = Costs::from_ms(vec![5.0, 1.0, 2.0, 9.0]);
        assert_eq!(costs.take_until(100.0, 2), piece(0..2, 6.0, false));
        assert_eq!(costs.take_until(1.0, 4), piece(2..3, 2.0, false));
        // A bound that lies behind is none.
        assert_eq!(costs.take_until(100.0, 3), piece(3..4, 9.0, true));
        assert_eq!(costs.take_until(5.5, 3), piece(0..1, 5.0, false));
    }

    #[test]
    fn what_must_stay_together_is_one_piece_and_a_run_may_be_shorter_than_the_plan() {
        let mut costs = Costs::from_ms(vec![5.0, 1.0, 2.0, 9.0, 1.0]);
        costs.undivided = 2;
        (costs.next, costs.len) = (Some(0), 4);
        assert_eq!(costs.take(0.1, 1), piece(0..2, 6.0, false));
        assert_eq!(costs.take(0.1, 1), piece(2..3, 2.0, false));
        assert_eq!(costs.take(100.0, 1), piece(3..4, 9.0, true));
        // The next run is of the whole plan again.
        assert_eq!(costs.take(100.0, 1), piece(0..5, 18.0, true));
    }

    #[test]
    fn whole_runs_are_recorded_as_often_as_they_fit() {
        let mut costs = Costs::from_ms(vec![3.0, 1.0]);
        assert_eq!(costs.take(13.0, 50), Cost { plan: 0, range: 0..2, runs: 3, time_ms: 12.0, ends: true });
        assert_eq!(costs.take(100.0, 5), Cost { plan: 0, range: 0..2, runs: 5, time_ms: 20.0, ends: true });
        // A part of one where it does not fit, and then its rest.
        assert_eq!(costs.take(3.5, 50), piece(0..1, 3.0, false));
        assert_eq!(costs.take(100.0, 50), piece(1..2, 1.0, true));
    }

    #[test]
    fn whole_runs_that_follow_each_other_are_one_piece() {
        let mut costs = Costs::from_ms(vec![3.0, 1.0]);
        let mut first = costs.take(4.0, 1);
        assert!(first.join(&costs.take(4.0, 1)));
        assert!(first.join(&costs.take(8.0, 2)));
        assert_eq!(first, Cost { plan: 0, range: 0..2, runs: 4, time_ms: 16.0, ends: true });
        // Parts of a run, and runs of another plan or of another number of dispatches.
        let [begun, rest] = [costs.take(3.0, 1), costs.take(3.0, 1)];
        for other in [begun.clone(), rest.clone(), Cost { plan: 1, ..first.clone() }, piece(0..1, 3.0, true)]
        {
            assert!(!first.join(&other) && !other.clone().join(&first), "{other:?}");
        }
        assert!(!begun.clone().join(&rest));
        assert_eq!(first.runs, 4);
        // A run of the four takes a quarter of their time.
        costs.learn_of(&first, 8.0);
        assert!((costs.total_ms() - 4.0 / 2.0_f64).abs() < 1e-9, "{:?}", costs.ms);
    }

    #[test]
    fn a_guess_that_is_far_too_long_is_corrected_by_the_first_measurement() {
        let mut costs = Costs::from_ms(vec![50.0, 10.0, 20.0]);
        costs.learn(0..2, 0.6);
        // The others by the share of the piece: 0.01 to the power of 3/4.
        assert!((costs.of(0..2) - 0.6).abs() < 1e-9, "{:?}", costs.ms);
        assert!((costs.of(2..3) - 20.0 * 0.01_f64.powf(0.75)).abs() < 1e-9, "{:?}", costs.ms);
        // What was measured once is no guess: one short time moves it half way.
        costs.learn(0..2, 0.15);
        assert!((costs.of(0..2) - 0.3).abs() < 1e-9, "{:?}", costs.ms);
        // Nor does a long one, as the first after a compilation, move a guess further.
        let before = costs.of(2..3);
        costs.learn(2..3, 200.0);
        assert!((costs.of(2..3) - 2.0 * before).abs() < 1e-9, "{:?}", costs.ms);
    }

    #[test]
    fn a_small_piece_that_takes_nothing_says_little_of_the_rest() {
        // Before the convolutions come dispatches that are guessed like all others, and take next to nothing.
        let mut costs = Costs::from_ms(vec![5.0, 5.0, 50.0, 40.0]);
        costs.learn(0..2, 0.1);
        assert!((costs.of(0..2) - 0.1).abs() < 1e-9 && costs.of(2..4) > 50.0, "{:?}", costs.ms);
        assert!(costs.of(2..4) < 90.0, "the control: it says something: {:?}", costs.ms);
    }

    #[test]
    fn what_was_measured_of_another_plan_is_no_measurement_of_this_one() {
        // The piece is of two dispatches that took little; those at its place now take much.
        let former = piece(0..2, 2.0, false);
        let mut costs = Costs { plan: 1, ..Costs::from_ms(vec![50.0, 10.0, 20.0]) };
        costs.learn_of(&former, 0.1);
        assert_eq!(costs.ms, [50.0, 10.0, 20.0]);
        costs.learn_of(&Cost { plan: 1, ..former }, 0.1);
        assert!(costs.total_ms() < 1.0, "the control: {:?}", costs.ms);
    }

    #[test]
    fn estimates_approach_what_is_measured_and_take_along_what_never_was() {
        let mut costs = Costs::from_ms(vec![5.0, 1.0, 2.0]);
        for _ in 0..12 {
            costs.learn(0..2, 60.0);
        }
        assert!((costs.of(0..2) - 60.0).abs() < 1.0, "{}", costs.of(0..2));
        assert!((costs.of(2..3) - 20.0).abs() < 0.5, "{}", costs.of(2..3));
        // Once each was measured they are learned apart.
        costs.learn(2..3, 20.0);
        let before = costs.of(2..3);
        costs.learn(0..2, 6.0);
        assert!(costs.of(0..2) < 40.0 && costs.of(2..3) == before);
        costs.learn(1..9, 1.0);
        costs.learn(0..1, f64::NAN);
        assert!(costs.total_ms().is_finite());
    }
}
