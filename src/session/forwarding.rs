//! Rows of a layout's own: images forwarded through the network as it is, in passes between two steps, like an evaluation.
//!
//! A forward pass over all its images belongs to one state of the weights: steps wait until it is done, and frames do not. It
//! changes nothing of the run.

use std::ops::Range;

use super::embedding::{Content, Layout, LayoutId};
use super::recording::{Phase, Purpose};
use super::{Event, Session};
use crate::error::Result;
use crate::gpu::{BufferRange, Plan, PlanBuilder};
use crate::nn::{Trainer, standardise};

/// Where a forward pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is to be done.
    Idle,
    /// To begin when the step is done.
    Wanted,
    UnderWay,
}

/// The images that a layout forwards, and where their rows go.
pub(super) struct Forward {
    places: Range<usize>,
    rows: BufferRange,
    /// Whether it is done anew as the training goes on.
    follows: bool,
    stage: Stage,
    /// The step whose weights made the rows, where there are any.
    step: Option<u32>,
    after_pass: Plan,
    at_end: Plan,
}

impl Forward {
    /// Of the images at these places in the order of images; it is to begin at once.
    pub fn new(places: Range<usize>, rows: BufferRange, follows: bool) -> Self {
        Self {
            places,
            rows,
            follows,
            stage: Stage::Wanted,
            step: None,
            after_pass: Plan::default(),
            at_end: Plan::default(),
        }
    }

    /// Whether it waits or is under way.
    pub fn is_to_come(&self) -> bool {
        self.stage != Stage::Idle
    }

    /// Whether there are rows, of one state of the weights.
    pub fn is_complete(&self) -> bool {
        self.stage != Stage::UnderWay && self.step.is_some()
    }

    fn want(&mut self) {
        if self.stage == Stage::Idle {
            self.stage = Stage::Wanted;
        }
    }
}

impl Layout {
    /// Whether it forwards its images anew every [`Layout::every`] steps; what is laid out by a tensor of the run always follows.
    pub fn follows(&self) -> bool {
        self.forward.as_ref().is_none_or(|forward| forward.follows)
    }

    /// Lets it follow the training, or stay as it is.
    pub fn set_follows(&mut self, follows: bool) {
        if let Some(forward) = &mut self.forward {
            forward.follows = follows;
        }
    }

    /// Forwards its images anew once the step is done, where it has images.
    pub fn forward_again(&mut self) {
        if let Some(forward) = &mut self.forward {
            forward.want();
        }
    }

    /// The step whose weights its images went through last, where they went through any.
    pub fn forwarded_at(&self) -> Option<u32> {
        self.forward.as_ref().and_then(|forward| forward.step)
    }

    /// Images that it forwards.
    pub fn forwards(&self) -> usize {
        self.forward.as_ref().map_or(0, |forward| forward.places.len())
    }

    /// A step was made, or the run began anew.
    pub(super) fn step_made(&mut self) {
        match &mut self.forward {
            Some(forward) if forward.follows && self.running => forward.want(),
            Some(_) => {}
            None => self.mark_due(),
        }
    }

    /// Whether its images wait to be forwarded.
    pub(super) fn wants_forward(&self) -> bool {
        self.forward.as_ref().is_some_and(|forward| forward.stage == Stage::Wanted)
    }

    /// The evaluation under way was given up.
    pub(super) fn forward_lost(&mut self) {
        if let Some(forward) = self.forward.as_mut().filter(|forward| forward.stage == Stage::UnderWay) {
            forward.stage = Stage::Wanted;
        }
    }

    /// Prepares what is taken after each pass, and after the last; returns the places of the images.
    fn prepare_forward(&mut self, trainer: &Trainer) -> Result<Range<usize>> {
        let Some(forward) = &mut self.forward else { return Ok(0..0) };
        let (mut after_pass, mut at_end) = (PlanBuilder::new(trainer.gpu()), PlanBuilder::new(trainer.gpu()));
        let places = forward.places.clone();
        // What does not go well is not tried again by itself.
        forward.stage = Stage::Idle;
        match &self.content {
            Content::Images(images) => {
                trainer.take_rows(&mut after_pass, &places, self.layer, 1, forward.rows.clone())?;
                trainer.take_predictions(&mut after_pass, &places, images.said())?;
                if forward.step.is_none() {
                    let tiles = images.tile_range();
                    trainer.take_rows(&mut after_pass, &places, 0, images.shrink, tiles)?;
                }
            }
            Content::Filters(filters) => {
                for (layer, first_row) in filters.layers() {
                    let rows = forward.rows.clone();
                    trainer.take_responses(&mut after_pass, &places, layer, first_row, rows)?;
                }
                standardise(&mut at_end, [filters.count(), places.len()], forward.rows.clone())?;
            }
            Content::Tiles => {}
        }
        forward.stage = Stage::UnderWay;
        (forward.after_pass, forward.at_end) = (after_pass.finish(), at_end.finish());
        Ok(places)
    }

    /// Records what is taken after a pass, the last one or not, with the weights of this step.
    fn after_pass(&mut self, encoder: &mut wgpu::CommandEncoder, last: bool, step: u32) {
        let Some(forward) = &mut self.forward else { return };
        forward.after_pass.encode(encoder);
        if last {
            forward.at_end.encode(encoder);
            (forward.stage, forward.step) = (Stage::Idle, Some(step));
            self.mark_due();
        }
    }
}

impl Session {
    /// Begins the forward pass of a layout that waits for one.
    pub(super) fn begin_forward(&mut self) {
        let Some(embedding) = self.embeddings.open.iter_mut().find(|e| e.wants_forward()) else { return };
        match embedding.prepare_forward(&self.trainer) {
            Ok(places) => {
                let of = Purpose::Rows(embedding.id);
                self.begin_passes(places, of);
            }
            Err(error) => self.events.push(Event::Fault(error)),
        }
    }

    /// Begins an evaluation of these places in the order of images.
    pub(super) fn begin_passes(&mut self, places: Range<usize>, of: Purpose) {
        self.trainer.begin_evaluation(places.clone());
        let passes = places.len().div_ceil(self.trainer.sizes().micro_batch);
        self.phase = Phase::Evaluation { of, passes, next: 0 };
    }

    /// A pass was recorded for a layout's rows; returns whether the layout is still there.
    pub(super) fn take_pass(&mut self, encoder: &mut wgpu::CommandEncoder, id: LayoutId, last: bool) -> bool {
        let step = self.step();
        let embedding = self.embeddings.open.iter_mut().find(|e| e.id == id);
        let there = embedding.is_some();
        embedding.into_iter().for_each(|embedding| embedding.after_pass(encoder, last, step));
        there
    }

    /// What of a layout is being made, in words, and the share of it that is done: where it cannot iterate yet, or begins anew.
    pub fn layout_progress(&self, id: impl Into<LayoutId>) -> Option<(&'static str, f64)> {
        let id = id.into();
        let embedding = self.embeddings.open.iter().find(|e| e.id == id)?;
        if let Phase::Evaluation { of, passes, .. } = self.phase
            && of == Purpose::Rows(id)
        {
            let all = embedding.forwards().div_ceil(self.trainer.sizes().micro_batch).max(1);
            return Some(("forwarding", 1.0 - passes as f64 / all as f64));
        }
        if embedding.wants_forward() {
            return Some(("forwarding", 0.0));
        }
        embedding.refresh.done().map(|done| ("finding neighbours", done))
    }

    /// Estimated GPU milliseconds of forwarding so many images.
    pub fn forward_ms(&self, images: usize) -> f64 {
        let passes = images.div_ceil(self.trainer.sizes().micro_batch);
        passes as f64 * self.evaluation_budget.fit(0, f64::INFINITY).1
    }
}
