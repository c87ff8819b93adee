//! Turns of a layout: how much GPU time it may use, and the pieces of refreshes and iterations that it uses it for.

use super::credit::Credit;
use super::layout::Layout;
use super::progress::Due;
use super::reexaggeration::Reexaggeration;
use crate::gpu::{Cost, Gpu};

impl Layout {
    pub(super) fn has_credit(&self) -> bool {
        self.credit.ms > 0.0
    }

    /// Grants `more_ms` of the frame's `frame_ms`; unused time is saved for a few frames.
    pub(super) fn grant(&mut self, more_ms: f64, frame_ms: f64) {
        if self.rests() {
            self.credit = Credit::default();
        } else {
            self.credit.grant(more_ms, frame_ms);
        }
    }

    /// True if a piece of a refresh may be recorded now; begins one where it may. Tensors of the run are `readable` only at the
    /// end of a step, rows of its own at any time.
    pub(super) fn refreshes(&mut self, readable: bool) -> bool {
        if self.refresh.is_under_way() {
            return true;
        }
        let readable = self.source.features().map_or(readable, |features| features.is_complete());
        let begins = readable && self.progress.wants_refresh(self.running);
        if begins {
            // Half an iteration changes nothing; it begins again.
            self.iteration.stop();
            let whole = self.progress.begin_refresh() == Due::Everything;
            self.refresh.begin(if whole { self.refresh.plan().len() } else { self.refresh_len() });
        }
        begins
    }

    /// Records a piece of the refresh under way, as its credit allows.
    pub(super) fn record_refresh(&mut self, pass: &mut wgpu::ComputePass<'_>) -> Cost {
        let cost = self.refresh.record(pass, self.credit.ms);
        self.credit.charge(cost.time_ms);
        cost
    }

    /// The refresh under way was recorded to its end.
    pub(super) fn refreshed(&mut self, gpu: &Gpu) {
        let made = self.progress.refreshed();
        if made == Due::Everything {
            self.seen.begin();
            self.reexaggeration = Reexaggeration::new(&self.settings);
            self.tsne.set_settings(gpu, self.settings).expect("they were checked");
        } else {
            self.reexaggeration.refreshed(made == Due::Rows);
        }
    }

    /// True if it is to iterate now.
    pub(super) fn iterates(&self) -> bool {
        self.running
            && (self.progress.is_iterating() || self.iteration.is_under_way())
            && self.progress.due() < Due::Affinities
            && !self.refresh.is_under_way()
    }

    /// Records as many iterations as its credit allows, at most `max`, or a part of one where it is long.
    pub(super) fn record_iterations(
        &mut self,
        gpu: &Gpu,
        pass: &mut wgpu::ComputePass<'_>,
        max: u32,
    ) -> Cost {
        let max = max.min(self.progress.left()).max(1);
        let cost = self.iteration.record_runs(pass, self.credit.ms, max);
        self.credit.charge(cost.time_ms);
        if cost.range.start == 0 {
            // The settings are on the GPU before the encoder is.
            if let Some(settings) = self.reexaggeration.before_iterations(cost.runs, &self.settings) {
                self.tsne.set_settings(gpu, settings).expect("they are within range");
                self.progress.wake();
            }
            self.progress.iterated(cost.runs);
        }
        cost
    }

    /// A piece of its refresh, or of its iterations, was measured. What it took beyond its estimate is charged only while the run is
    /// `training`: at rest nobody else waits.
    pub(super) fn learn(&mut self, is_refresh: bool, piece: &Cost, time_ms: f64, training: bool) {
        let work = if is_refresh { &mut self.refresh } else { &mut self.iteration };
        work.learn(piece, time_ms);
        if training || time_ms < piece.time_ms {
            self.credit.settle(piece.time_ms, time_ms);
        }
    }
}
