//! Answers to any inputs, beside a run or without one: forward passes with a copy of its weights, in buffers of their own.

use super::pass::held_out_count;
use super::{HeldOutPass, Model, Network, Parameters, Shape};
use crate::data::{HeldOutImages, ImageShape, Sampling};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu};

/// Forward passes of inputs from the CPU.
pub struct Predictor {
    images: HeldOutImages,
    pass: HeldOutPass,
    /// Values of an input.
    input: usize,
    /// Outputs and classes; none of these where the loss knows none.
    said: [usize; 2],
}

/// Answers of a network to some inputs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// Outputs before the loss, `[n, outputs]`: of a classifier the logits.
    pub outputs: Vec<f32>,
    /// Share of each class, `[n, classes]`; empty where the network's loss knows no classes.
    pub shares: Vec<f32>,
}

impl Predictor {
    /// Forward passes over room for images, of a network.
    pub(super) fn new(images: HeldOutImages, pass: HeldOutPass, network: &Network) -> Self {
        let classes = if network.loss.has_classes() { network.classes } else { 0 };
        let said = [network.shape_of(network.layers.len()).len(), classes];
        Self { images, pass, input: network.shape_of(0).len(), said }
    }

    /// Forward passes of a network with its weights, without a data set. Submits work.
    ///
    /// # Errors
    /// When its buffers do not fit the adapter.
    pub fn of_model(gpu: &Gpu, model: &Model) -> Result<Self> {
        let network = &model.network;
        let parameters = Parameters::fixed(gpu, network)?;
        let Shape { channels, height, width } = network.input;
        let shape = ImageShape { channels, height, width };
        let images = HeldOutImages::of_shape(gpu, shape, held_out_count(gpu, network)?)?;
        let counters = [images.clock.range(), Buffer::<Sampling>::zeroed(gpu, "sampling", 1).range()];
        let pass = HeldOutPass::build(gpu, network, counters, &parameters, &images)?;
        pass.values.write(gpu, 0, &model.start().flat(&parameters)?);
        Ok(Self::new(images, pass, network))
    }

    /// Inputs of a pass at most.
    pub fn most(&self) -> usize {
        self.images.count()
    }

    /// The answers to `[n, c, y, x]`, normalized as the network wants it, at most [`Predictor::most`]. Waits for the GPU.
    ///
    /// # Errors
    /// When there are more, or they are no whole inputs; and when the driver refused a kernel.
    pub fn answer(&self, gpu: &Gpu, inputs: &[f32]) -> Result<Answers> {
        let count = inputs.len() / self.input;
        if count > self.most() || count * self.input != inputs.len() {
            let what =
                format!("{} values are not at most {} inputs of {}", inputs.len(), self.most(), self.input);
            return Err(Error::new(what, "give whole inputs, and fewer at once"));
        }
        let slots = self.images.sizes.slots;
        let mut batch = vec![0.0; self.input * slots];
        for (slot, input) in inputs.chunks_exact(self.input).enumerate() {
            input.iter().enumerate().for_each(|(at, value)| batch[at * slots + slot] = *value);
        }
        self.pass.plan.wait_compiled()?;
        Buffer::of_range(&self.images.input).write(gpu, 0, &batch);
        let mut encoder = gpu.encoder("predictions of inputs");
        self.images.restart(&mut encoder);
        self.pass.plan.encode(&mut encoder);
        gpu.submit(encoder);
        let [outputs, shares] = [0, 1].map(|which| {
            let found: Vec<f32> = Buffer::of_range(&self.pass.said[which]).read(gpu);
            let len = self.said[which];
            (0..count)
                .flat_map(|slot| (0..len).map(move |at| at * slots + slot))
                .map(|at| found[at])
                .collect()
        });
        Ok(Answers { outputs, shares })
    }
}
