//! The loss over held-out images with given weights, beside a run: in buffers of its own, so that nothing of the run changes.

use super::forward::Forward;
use super::sizes::room;
use crate::data::{Clock, HeldOutImages};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};
use crate::nn::features::{Extraction, TopK};
use crate::nn::{Network, Parameters};

/// Most images that are held out: enough that a loss tells, few enough that it costs little.
const MAX_IMAGES: usize = 256;
/// The same on the software adapter.
const MAX_SOFTWARE_IMAGES: usize = 64;

/// Number of images to hold out for a network: of most adapters a few hundred, fewer where their maps do not fit.
///
/// # Errors
/// When not even one fits.
pub(crate) fn held_out_count(gpu: &Gpu, network: &Network) -> Result<usize> {
    let most = if gpu.is_software() { MAX_SOFTWARE_IMAGES } else { MAX_IMAGES };
    room(gpu, network, 0).map(|room| room.min(most))
}

/// Evaluation of held-out images with weights of its own.
pub struct HeldOutPass {
    /// The flat weights, laid out as the run's parameters; to be written before an evaluation.
    pub values: Buffer<f32>,
    /// The evaluation; its result is in the images' clock.
    pub plan: Plan,
    /// Outputs and class probabilities, `[class, n]`.
    pub(in crate::nn) said: [BufferRange; 2],
}

/// Predictions of a batch of images, one each.
pub struct Predictions {
    /// The dispatch that writes them, after the evaluation.
    pub plan: Plan,
    /// The classes with the largest outputs.
    pub best: Buffer<TopK>,
}

impl HeldOutPass {
    /// Buffers and dispatches for a network whose parameters are laid out as `parameters`; `counters` are clock and sampler parameters.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(in crate::nn) fn build(
        gpu: &Gpu,
        network: &Network,
        counters: [BufferRange; 2],
        parameters: &Parameters,
        images: &HeldOutImages,
    ) -> Result<Self> {
        let forward = Forward::build(gpu, network, counters, parameters, images)?;
        let maps = &forward.maps;
        let said = [maps.activations[network.layers.len()].clone(), maps.probabilities.clone()];
        let mut plan = forward.plan_from(0);
        plan.extend(&images.build_counting(gpu, &maps.results)?);
        Ok(Self { values: forward.values, plan, said })
    }

    /// The predictions of the images that it evaluates.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(in crate::nn) fn predictions(
        &self,
        gpu: &Gpu,
        network: &Network,
        images: &HeldOutImages,
    ) -> Result<Predictions> {
        let count = images.count();
        let best = Buffer::zeroed(gpu, "predictions", count);
        let [labels, classes] = ["labels", "classes"].map(|label| Buffer::<u32>::zeroed(gpu, label, count));
        let extraction = Extraction {
            clock: images.clock.range(),
            positions: 0..count,
            micro_batch: images.sizes.micro_batch,
            slots: images.sizes.slots,
        };
        let [outputs, probabilities] = self.said.clone();
        let known = if network.loss.has_classes() { network.classes } else { 0 };
        let to = [labels.range(), classes.range(), best.range()];
        let mut plan = PlanBuilder::new(gpu);
        extraction.predictions(&mut plan, [images.samples.clone(), outputs, probabilities], known, to)?;
        Ok(Predictions { plan: plan.finish(), best })
    }

    /// Mean loss by the clock after an evaluation.
    pub fn loss(clock: &Clock, images: usize) -> f32 {
        clock.eval_loss / images.max(1) as f32
    }
}
