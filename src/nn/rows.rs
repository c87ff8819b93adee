//! Activations of many images as rows `[i, d]`, an image a row, as layouts take them: forwarded a micro-batch at a time, on the GPU.

use std::ops::Range;

use super::Trainer;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, PlanBuilder, Source};
use crate::{params, wgsl};

const TAKE_ROWS: Source = wgsl!("nn/take_rows.wgsl");

params! { struct TakeRowsParams { dims: u32, columns: u32, first: u32, images: u32 } }

impl Trainer {
    /// The activations of layer `layer` (0 is the input) for these places in the order of images, as the evaluation has them; no
    /// step may be under way. Waits for the GPU.
    ///
    /// # Errors
    /// When there is no such layer, or the rows do not fit the adapter.
    pub fn rows(&mut self, layer: usize, images: Range<usize>) -> Result<Buffer<f32>> {
        let layers = self.network.layers.len();
        if layer > layers || images.is_empty() {
            let what = format!("there are no activations of layer {layer} for {} images", images.len());
            return Err(Error::new(what, format!("count layers from 0, the input, to {layers}")));
        }
        let gpu = std::rc::Rc::clone(self.gpu());
        let dims = self.network.shape_of(layer).len();
        gpu.check_fits("the rows", (images.len() * dims * 4) as u64)?;
        let rows = Buffer::<f32>::zeroed(&gpu, "rows of activations", images.len() * dims);
        let sizes = self.sizes();
        self.begin_evaluation(images.clone());
        for first in (0..images.len()).step_by(sizes.micro_batch) {
            self.supply();
            while !self.has_evaluation_pass() {
                gpu.wait();
                self.supply();
            }
            let kernel = gpu.kernel(&TAKE_ROWS, "take_rows", &[])?;
            let params = TakeRowsParams {
                dims: dims as u32,
                columns: sizes.columns as u32,
                first: first as u32,
                images: sizes.micro_batch.min(images.len() - first) as u32,
            };
            let mut taking = PlanBuilder::new(&gpu);
            taking
                .dispatch("take rows", &kernel)
                .bind("activations", self.activation_range(layer))
                .bind("rows", rows.range())
                .params(&params)
                .threads([params.images, params.dims, 1])?;
            let mut encoder = gpu.encoder("rows");
            self.evaluation_plan().encode(&mut encoder);
            taking.finish().encode(&mut encoder);
            self.end_evaluation_pass();
            gpu.submit(encoder);
        }
        gpu.wait();
        Ok(rows)
    }
}
