//! Responses of filters to the images of an evaluation, one row per filter.

use super::extraction::Extraction;
use crate::data::Clock;
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::shape::Shape;
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const RESPONSES: Source = wgsl!("nn/responses.wgsl", Clock, ResponseParams);
/// Twins of the kernels.
pub(crate) const TWINS: &[KernelTwin] = &[
    ("nn/responses.wgsl", "mean_responses", "nn::twin::responses"),
    ("nn/responses.wgsl", "standardize", "nn::twin::responses"),
];

params! {
    struct ResponseParams {
        channels: u32, pixels: u32, first_row: u32, rows: u32, images: u32, quads: u32, begin: u32, micro_batch: u32,
    }
}

impl Extraction {
    /// Writes the mean of each of a layer's maps for each image into `responses`, `[filter, image]`, the layer's first
    /// channel in row `first_row`.
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
        let kernel = plan.gpu().kernel(&RESPONSES, "mean_responses", &[])?;
        plan.dispatch("responses", &kernel)
            .bind("clock", self.clock.clone())
            .bind("activations", activations)
            .bind("responses", responses)
            .params(&ResponseParams {
                channels: shape.channels as u32,
                pixels: shape.pixels() as u32,
                first_row: first_row as u32,
                rows: 0,
                images: self.positions.len() as u32,
                quads: (self.slots / 4) as u32,
                begin: self.positions.start as u32,
                micro_batch: self.micro_batch as u32,
            })
            .threads([(self.micro_batch.div_ceil(4) * shape.channels) as u32, 1, 1])
    }
}

/// Standardizes each row of the responses `[filters, images]` to mean 0 and norm 1, so that a squared distance is 2 − 2
/// times a correlation; a constant row becomes 0.
///
/// # Errors
/// When a buffer does not fit the adapter.
pub fn standardize(
    plan: &mut PlanBuilder<'_>,
    [filters, images]: [usize; 2],
    responses: BufferRange,
) -> Result<()> {
    let kernel = plan.gpu().kernel(&RESPONSES, "standardize", &[])?;
    plan.dispatch("standardize responses", &kernel)
        .bind("responses", responses)
        .params(&ResponseParams { rows: filters as u32, images: images as u32, ..Default::default() })
        .threads([filters as u32 * 64, 1, 1])
}
