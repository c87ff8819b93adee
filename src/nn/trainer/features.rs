//! Features of the images that a trainer evaluates: activations as rows `[i, d]`, predictions, responses of filters. All of
//! them stay on the GPU.

use std::ops::Range;

use super::Trainer;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, PlanBuilder};
use crate::nn::Role;
use crate::nn::features::Extraction;

impl Trainer {
    /// Features of a node (0 is the input) for these positions of the image order, as the evaluation has them: `[i, d]`, read back
    /// pass by pass, so that no buffer holds more than a pass. Passes without any of the positions are left out. No step may be
    /// under way. Waits for the GPU.
    ///
    /// # Errors
    /// When there is no such node, the positions do not ascend, or the features of a pass do not fit the adapter.
    pub fn features(&mut self, node: usize, positions: &[usize]) -> Result<Vec<f32>> {
        let layers = self.network.layers.len();
        if node > layers || positions.is_empty() {
            let what = format!("there are no activations of layer {node} for {} images", positions.len());
            return Err(Error::new(what, format!("count layers from 0, the input, to {layers}")));
        }
        if !positions.is_sorted_by(|a, b| a < b) {
            return Err(Error::new("images are asked for out of order", "sort them, and name each once"));
        }
        let gpu = std::rc::Rc::clone(self.gpu());
        let (dims, micro_batch) = (self.network.shape_of(node).len(), self.sizes().micro_batch);
        gpu.check_fits("the rows", (micro_batch * dims * 4) as u64)?;
        let rows = Buffer::<f32>::zeroed(&gpu, "features", micro_batch * dims);
        let mut values = Vec::with_capacity(positions.len() * dims);
        let mut left = positions;
        while let Some(&first) = left.first() {
            let (here, others) = left.split_at(left.partition_point(|at| *at < first + micro_batch));
            self.run_pass(first..here[here.len() - 1] + 1, node, &rows)?;
            let found = rows.read(&gpu);
            here.iter().for_each(|at| values.extend(&found[(at - first) * dims..][..dims]));
            left = others;
        }
        Ok(values)
    }

    /// Evaluates these positions, of which one pass holds all, and copies a node's features into `rows`.
    fn run_pass(&mut self, positions: Range<usize>, node: usize, rows: &Buffer<f32>) -> Result<()> {
        let gpu = std::rc::Rc::clone(self.gpu());
        let mut plan = PlanBuilder::new(&gpu);
        self.copy_features(&mut plan, &positions, node, 1, rows.range())?;
        let plan = plan.finish();
        self.begin_evaluation(positions);
        self.supply();
        while !self.has_evaluation_pass() {
            gpu.wait();
            self.supply();
        }
        let mut encoder = gpu.encoder("features");
        self.evaluation_plan().encode(&mut encoder);
        plan.encode(&mut encoder);
        self.end_evaluation_pass();
        gpu.submit(encoder);
        Ok(())
    }

    fn extraction(&self, positions: &Range<usize>) -> Extraction {
        let sizes = self.sizes();
        Extraction {
            clock: self.loader.clock().range(),
            positions: positions.clone(),
            micro_batch: sizes.micro_batch,
            slots: sizes.slots,
        }
    }

    /// Adds the dispatch that copies a node's features (0 is the input) after each pass of an evaluation of these
    /// positions; see [`Extraction::features`]. Valid until the batch's size, the network or the frozen layers change.
    ///
    /// # Errors
    /// When the features do not fit the adapter.
    pub fn copy_features(
        &self,
        plan: &mut PlanBuilder<'_>,
        positions: &Range<usize>,
        node: usize,
        shrink: usize,
        features: BufferRange,
    ) -> Result<()> {
        let maps = (self.pass.maps.activations[node].clone(), self.network.shape_of(node));
        self.extraction(positions).features(plan, maps, shrink, features)
    }

    /// Adds the dispatch that copies labels and predictions; see [`Extraction::predictions`]. Valid as [`Trainer::copy_features`].
    ///
    /// # Errors
    /// As those of [`Trainer::copy_features`].
    pub fn copy_predictions(
        &self,
        plan: &mut PlanBuilder<'_>,
        positions: &Range<usize>,
        to: [BufferRange; 3],
    ) -> Result<()> {
        let classes = if self.network.loss.has_classes() { self.network.classes } else { 0 };
        let maps = &self.pass.maps;
        let outputs = &maps.activations[self.network.layers.len()];
        let from = [&maps.samples, outputs, &maps.probabilities].map(BufferRange::clone);
        self.extraction(positions).predictions(plan, from, classes, to)
    }

    /// Adds the dispatch that writes the responses of a layer's filters; see [`Extraction::responses`]. Valid as
    /// [`Trainer::copy_features`].
    ///
    /// # Errors
    /// As those of [`Trainer::copy_features`].
    pub fn copy_responses(
        &self,
        plan: &mut PlanBuilder<'_>,
        positions: &Range<usize>,
        node: usize,
        first_row: usize,
        responses: BufferRange,
    ) -> Result<()> {
        let node = self.response_node(node);
        let maps = (self.pass.maps.activations[node].clone(), self.network.shape_of(node));
        self.extraction(positions).responses(plan, maps, first_row, responses)
    }

    /// True if the layer that makes a node has filters: weights of more than one value each.
    pub fn has_filters(&self, node: usize) -> bool {
        let tensors = node.checked_sub(1).map(|index| self.network.layers[index].parameters());
        tensors.is_some_and(|all| all.iter().any(|t| t.role == Role::Weight && t.shape.len() == 4))
    }

    /// Node whose activations are the responses of the filters of `node`: after the normalization and the activation function that
    /// follow it, where it has no other consumer. Before those, a mean over the map is linear in the image, and tells little.
    pub fn response_node(&self, node: usize) -> usize {
        let mut node = node;
        let consumers = self.network.consumers();
        loop {
            let [consumer] = consumers[node][..] else { return node };
            let next = &self.network.layers[consumer];
            let same_shape = next.inputs.len() == 1 && next.output == self.network.shape_of(node);
            if !(same_shape && next.layer.is_elementwise()) {
                return node;
            }
            node = consumer + 1;
        }
    }
}
