//! What is kept of the images of an evaluation, pass by pass: activations as rows, what the network says of each image, how each
//! filter responds.
//!
//! These dispatches follow the evaluation's (see [`super::Trainer::evaluation_plan`]). Which images the pass held they read from the
//! clock that its counting moved, so that one plan serves every pass. Each has a plain-loop twin here.

use std::ops::Range;

use super::{Shape, Tensor};
use crate::data::{Clock, Column};
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::{params, wgsl};

const TAKE_ROWS: Source = wgsl!("nn/take_rows.wgsl", Clock, TakeRowsParams);
const TAKE_PREDICTIONS: Source =
    wgsl!("nn/take_predictions.wgsl", Clock, Column, Best, TakePredictionsParams);
const TAKE_RESPONSES: Source = wgsl!("nn/take_responses.wgsl", Clock, TakeResponsesParams);

params! {
    struct TakeRowsParams {
        channels: u32, height: u32, width: u32, shrink: u32, columns: u32, begin: u32, micro_batch: u32,
    }
}
params! { struct TakePredictionsParams { classes: u32, columns: u32, begin: u32, micro_batch: u32 } }
params! {
    struct TakeResponsesParams {
        channels: u32, pixels: u32, first_row: u32, rows: u32, images: u32, quads: u32, begin: u32, micro_batch: u32,
    }
}

params! {
    /// The three classes that a network gives most to, and their shares.
    pub struct Best {
        /// The class of the largest output; [`Best::NONE`] where no output is a number.
        first: u32,
        /// The next.
        second: u32,
        /// The next; [`Best::NONE`] where there are only two classes.
        third: u32,
        /// Share of the first, 0 to 1.
        first_share: f32,
        /// Share of the second.
        second_share: f32,
        /// Share of the third.
        third_share: f32,
    }
}

impl Best {
    /// In place of a class: there is none.
    pub const NONE: u32 = u32::MAX;

    /// Classes and shares, the largest first.
    pub fn classes(&self) -> impl Iterator<Item = (usize, f32)> {
        let all = [
            (self.first, self.first_share),
            (self.second, self.second_share),
            (self.third, self.third_share),
        ];
        all.into_iter()
            .filter(|(class, _)| *class != Self::NONE)
            .map(|(class, share)| (class as usize, share))
    }
}

/// An evaluation of whose passes something is taken.
pub struct Taking {
    /// The clock.
    pub clock: BufferRange,
    /// Places of the images in the order of images.
    pub places: Range<usize>,
    /// Images of a pass.
    pub micro_batch: usize,
    /// Columns of a pass, probes and padding with them.
    pub columns: usize,
}

impl Taking {
    /// Takes the activations `[c, y, x, n]` of each image into `rows`: `[i, c, y, x]`, pixels averaged over squares of side
    /// `shrink` (1: as they are).
    ///
    /// # Errors
    /// When a buffer is too small or does not fit the adapter.
    pub fn rows(
        &self,
        plan: &mut PlanBuilder<'_>,
        (activations, shape): (BufferRange, Shape),
        shrink: usize,
        rows: BufferRange,
    ) -> Result<()> {
        let kernel = plan.gpu().kernel(&TAKE_ROWS, "take_rows", &[])?;
        let dims = shrunk(shape, shrink).len();
        plan.dispatch("take rows", &kernel)
            .bind("clock", self.clock.clone())
            .bind("activations", activations)
            .bind("rows", rows)
            .params(&TakeRowsParams {
                channels: shape.channels as u32,
                height: shape.height as u32,
                width: shape.width as u32,
                shrink: shrink as u32,
                columns: self.columns as u32,
                begin: self.places.start as u32,
                micro_batch: self.micro_batch as u32,
            })
            .threads([(self.micro_batch * dims) as u32, 1, 1])
    }

    /// Takes the label of each image (from `columns`, see [`crate::data::Column`]) and what the network says of it, from its outputs
    /// `[class, n]` and the classes' shares, into labels, predictions and [`Best`], an element an image. A prediction is
    /// [`Best::NONE`] where no output is a number, or `classes` is 0.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn predictions(
        &self,
        plan: &mut PlanBuilder<'_>,
        [columns, outputs, probabilities]: [BufferRange; 3],
        classes: usize,
        [labels, predictions, best]: [BufferRange; 3],
    ) -> Result<()> {
        let kernel = plan.gpu().kernel(&TAKE_PREDICTIONS, "take_predictions", &[])?;
        plan.dispatch("take predictions", &kernel)
            .bind("clock", self.clock.clone())
            .bind("columns", columns)
            .bind("outputs", outputs)
            .bind("probabilities", probabilities)
            .bind("labels", labels)
            .bind("predictions", predictions)
            .bind("best", best)
            .params(&TakePredictionsParams {
                classes: classes as u32,
                columns: self.columns as u32,
                begin: self.places.start as u32,
                micro_batch: self.micro_batch as u32,
            })
            .threads([self.micro_batch as u32, 1, 1])
    }

    /// Takes the mean of each map of a layer for each image into `responses`, `[row, image]`, the layer's first channel in row
    /// `first_row`.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn responses(
        &self,
        plan: &mut PlanBuilder<'_>,
        (activations, shape): (BufferRange, Shape),
        first_row: usize,
        responses: BufferRange,
    ) -> Result<()> {
        let kernel = plan.gpu().kernel(&TAKE_RESPONSES, "take_responses", &[])?;
        plan.dispatch("take responses", &kernel)
            .bind("clock", self.clock.clone())
            .bind("activations", activations)
            .bind("responses", responses)
            .params(&TakeResponsesParams {
                channels: shape.channels as u32,
                pixels: shape.pixels() as u32,
                first_row: first_row as u32,
                rows: 0,
                images: self.places.len() as u32,
                quads: (self.columns / 4) as u32,
                begin: self.places.start as u32,
                micro_batch: self.micro_batch as u32,
            })
            .threads([(self.micro_batch.div_ceil(4) * shape.channels) as u32, 1, 1])
    }
}

/// Makes the responses `[rows, images]` those of mean 0 and norm 1, row by row, so that their squared distance is 2 − 2 times their
/// correlation; a filter that responds to all images alike has 0.
///
/// # Errors
/// When a buffer does not fit the adapter.
pub fn standardise(
    plan: &mut PlanBuilder<'_>,
    [rows, images]: [usize; 2],
    responses: BufferRange,
) -> Result<()> {
    let kernel = plan.gpu().kernel(&TAKE_RESPONSES, "standardise", &[])?;
    plan.dispatch("standardise responses", &kernel)
        .bind("responses", responses)
        .params(&TakeResponsesParams { rows: rows as u32, images: images as u32, ..Default::default() })
        .threads([rows as u32 * 64, 1, 1])
}

/// The shape that squares of side `shrink` leave.
pub fn shrunk(shape: Shape, shrink: usize) -> Shape {
    Shape { height: shape.height.div_ceil(shrink), width: shape.width.div_ceil(shrink), ..shape }
}

/// The twin of [`Taking::rows`], for image `n`.
pub fn rows_twin(activations: &Tensor, shrink: usize, n: usize) -> Vec<f64> {
    let small = shrunk(activations.shape, shrink);
    let Shape { height, width, .. } = activations.shape;
    let mean = |[c, y, x, _]: [usize; 4]| {
        let rows = y * shrink..((y + 1) * shrink).min(height);
        let mut values = Vec::new();
        for y in rows {
            let columns = x * shrink..((x + 1) * shrink).min(width);
            values.extend(columns.map(|x| activations.values[activations.index(c, y, x, n)]));
        }
        values.iter().sum::<f64>() / values.len() as f64
    };
    Tensor::zeros(small, 1).places().map(mean).collect()
}

/// The twin of [`Taking::predictions`], for one image: classes and shares, the first three at most.
pub fn predictions_twin(outputs: &[f64], shares: &[f64]) -> Vec<(usize, f64)> {
    let mut order: Vec<usize> = (0..outputs.len()).filter(|c| !outputs[*c].is_nan()).collect();
    order.sort_by(|a, b| outputs[*b].total_cmp(&outputs[*a]));
    order.into_iter().take(3).map(|c| (c, shares[c])).collect()
}

/// The twin of [`Taking::responses`] and [`standardise`]: a row a channel.
pub fn responses_twin(activations: &Tensor) -> Vec<Vec<f64>> {
    let Shape { channels, height, width } = activations.shape;
    let images = activations.images;
    let response = |c: usize, n: usize| {
        let pixels = (0..height * width).map(|p| activations.index(c, p / width, p % width, n));
        pixels.map(|at| activations.values[at]).sum::<f64>() / (height * width) as f64
    };
    let row = |c: usize| {
        let given: Vec<f64> = (0..images).map(|n| response(c, n)).collect();
        let mean = given.iter().sum::<f64>() / images as f64;
        let norm = given.iter().map(|r| (r - mean).powi(2)).sum::<f64>().sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        given.iter().map(|r| (r - mean) * scale).collect()
    };
    (0..channels).map(row).collect()
}
