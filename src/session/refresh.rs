//! A refresh of a layout in pieces: its rows are read, their neighbours sought and their affinities made, as much as a budget
//! allows at a time, and the layout begins anew after it where it must.

use std::ops::Range;

use crate::embed::Tsne;
use crate::gpu::{Gpu, Plan};

/// Before anything was measured, on the software adapter: milliseconds of a dispatch, and operations of a millisecond.
const DISPATCH_MS: f64 = 0.05;
const FLOPS_A_MS: f64 = 5e6;
/// How much faster a GPU is thought to be then.
const GPU_FACTOR: f64 = 0.02;

/// A layout's refresh, and what beginning anew adds to it.
pub(super) struct Refresh {
    plan: Plan,
    /// Dispatches that read the rows, which must not be parted.
    reading: usize,
    /// Dispatches without those that begin anew.
    without_begin: usize,
    /// Estimated cost of each dispatch, but for the factor.
    costs: Vec<f64>,
    factor: f64,
    /// The first dispatch that is still to be recorded, where one is under way.
    next: Option<usize>,
    begins: bool,
}

impl Refresh {
    pub fn new(gpu: &Gpu, tsne: &Tsne) -> Self {
        let mut refresh = Self {
            plan: Plan::default(),
            reading: 0,
            without_begin: 0,
            costs: Vec::new(),
            factor: if gpu.is_software() { 1.0 } else { GPU_FACTOR },
            next: None,
            begins: false,
        };
        refresh.take(tsne);
        refresh
    }

    /// The layout has other plans now; what is under way is dropped.
    pub fn take(&mut self, tsne: &Tsne) {
        self.plan = tsne.refresh_plan().clone();
        (self.reading, self.without_begin) = (tsne.reading_len(), self.plan.len());
        self.plan.extend(tsne.begin_plan());
        self.costs = self.plan.dispatches.iter().map(|d| DISPATCH_MS + d.flops as f64 / FLOPS_A_MS).collect();
        self.next = None;
    }

    /// Begins a refresh; after it the layout begins anew if it `begins`.
    pub fn start(&mut self, begins: bool) {
        (self.next, self.begins) = (Some(0), begins);
    }

    /// Whether one is under way.
    pub fn under_way(&self) -> bool {
        self.next.is_some()
    }

    /// The share that is recorded of one under way, by what it costs.
    pub fn done(&self) -> Option<f64> {
        let next = self.next?;
        Some(self.cost_ms(0..next) / self.total_ms().max(1e-9))
    }

    fn cost_ms(&self, range: Range<usize>) -> f64 {
        self.factor * self.costs.get(range).map_or(0.0, |costs| costs.iter().sum())
    }

    /// Estimated milliseconds of a refresh.
    pub fn total_ms(&self) -> f64 {
        self.cost_ms(0..self.without_begin)
    }

    /// The plan, the dispatches that fit `budget_ms` and come next, and their estimated cost; they count as recorded.
    pub fn next_piece(&mut self, budget_ms: f64) -> (&Plan, Range<usize>, f64) {
        let from = self.next.unwrap_or(0);
        let whole = if self.begins { self.plan.len() } else { self.without_begin };
        let least = if from == 0 { self.reading } else { from + 1 };
        let mut end = from;
        let mut sum = 0.0;
        while end < whole && (end < least || sum + self.factor * self.costs[end] <= budget_ms) {
            sum += self.factor * self.costs[end];
            end += 1;
        }
        self.next = (end < whole).then_some(end);
        (&self.plan, from..end, sum)
    }

    /// A piece was measured to take `time_ms`: the estimates move half way towards it, by a factor of 2 at most.
    pub fn learn(&mut self, range: Range<usize>, time_ms: f64) {
        let estimated = self.cost_ms(range);
        if estimated > 0.0 && time_ms.is_finite() {
            self.factor = (self.factor * (time_ms / estimated).clamp(0.25, 4.0).sqrt()).max(1e-6);
        }
    }
}
