//! What is taken of the images that a trainer evaluates: activations as rows `[i, d]`, an image a row, as layouts take them; what the
//! network says of them; how its filters respond. All of it stays on the GPU.

use std::ops::Range;

use super::{Role, Taking, Trainer};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, PlanBuilder};

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
        let mut taking = PlanBuilder::new(&gpu);
        self.take_rows(&mut taking, &images, layer, 1, rows.range())?;
        let taking = taking.finish();
        let micro_batch = self.sizes().micro_batch;
        self.begin_evaluation(images.clone());
        for _ in 0..images.len().div_ceil(micro_batch) {
            self.supply();
            while !self.has_evaluation_pass() {
                gpu.wait();
                self.supply();
            }
            let mut encoder = gpu.encoder("rows");
            self.evaluation_plan().encode(&mut encoder);
            taking.encode(&mut encoder);
            self.end_evaluation_pass();
            gpu.submit(encoder);
        }
        gpu.wait();
        Ok(rows)
    }

    fn taking(&self, places: &Range<usize>) -> Taking {
        let sizes = self.sizes();
        Taking {
            clock: self.feed.clock().range(),
            places: places.clone(),
            micro_batch: sizes.micro_batch,
            columns: sizes.columns,
        }
    }

    /// Prepares to take the activations of layer `layer` (0 is the input) after each pass of an evaluation of these places; see
    /// [`Taking::rows`]. Holds until the batch's size or what is frozen changes.
    ///
    /// # Errors
    /// When the rows do not fit the adapter.
    pub fn take_rows(
        &self,
        plan: &mut PlanBuilder<'_>,
        places: &Range<usize>,
        layer: usize,
        shrink: usize,
        rows: BufferRange,
    ) -> Result<()> {
        let maps = (self.activation_range(layer), self.network.shape_of(layer));
        self.taking(places).rows(plan, maps, shrink, rows)
    }

    /// The same for what the network says of the images; see [`Taking::predictions`].
    ///
    /// # Errors
    /// As those of [`Trainer::take_rows`].
    pub fn take_predictions(
        &self,
        plan: &mut PlanBuilder<'_>,
        places: &Range<usize>,
        to: [BufferRange; 3],
    ) -> Result<()> {
        let classes = if self.network.loss.has_classes() { self.network.classes } else { 0 };
        let outputs = self.activation_range(self.network.layers.len());
        let ranges = [self.column_range(), outputs, self.probability_range()];
        self.taking(places).predictions(plan, ranges, classes, to)
    }

    /// The same for the responses of a layer's filters; see [`Taking::responses`].
    ///
    /// # Errors
    /// As those of [`Trainer::take_rows`].
    pub fn take_responses(
        &self,
        plan: &mut PlanBuilder<'_>,
        places: &Range<usize>,
        layer: usize,
        first_row: usize,
        responses: BufferRange,
    ) -> Result<()> {
        let place = self.response_place(layer);
        let maps = (self.activation_range(place), self.network.shape_of(place));
        self.taking(places).responses(plan, maps, first_row, responses)
    }

    /// Whether layer `layer` (0 is the input) has filters: weights of more than one value each.
    pub fn has_filters(&self, layer: usize) -> bool {
        let tensors = layer.checked_sub(1).map(|index| self.network.layers[index].parameters());
        tensors.is_some_and(|all| all.iter().any(|t| t.role == Role::Weight && t.shape.len() == 4))
    }

    /// The place whose activations are the responses of a layer's filters: after the normalisation and the activation function that
    /// follow it, where nothing else takes its output. A mean over the map of what comes before those is linear in the image, and
    /// tells little.
    pub fn response_place(&self, layer: usize) -> usize {
        let mut place = layer;
        loop {
            let takers = self.network.takers(place);
            let [taker] = takers[..] else { return place };
            let next = &self.network.layers[taker];
            let alike = next.inputs.len() == 1 && next.output == self.network.shape_of(place);
            let maps = matches!(
                next.layer.kind(),
                "batch_norm" | "relu" | "leaky_relu" | "elu" | "gelu" | "sigmoid" | "tanh"
            );
            if !(alike && maps) {
                return place;
            }
            place = taker + 1;
        }
    }
}
