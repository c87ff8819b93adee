//! The whole training step in plain loops and f64, and small synthetic data for it.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod data;
mod networks;

use revacnn::data::twin::sample;
use revacnn::data::{BatchSizes, Clock, Dataset, Sampling};
use revacnn::gpu::Gpu;
use revacnn::nn::twin::{self, Mode, RngKey, StepContext, Treatment, TwinCall, TwinState};
use revacnn::nn::{
    Hyper, Network, NetworkLayer, ParameterSpec, Parameters, Role, StepsPerEpoch, Tensor, TrainerOptions,
};

pub(crate) use data::{CLASSES, DataTwin, UNCHANGED, synthetic};
pub(crate) use networks::{GRAPH, NETWORK, graph, network};

/// A network trained on the CPU.
pub(crate) struct StepTwin<'d> {
    pub data: DataTwin<'d>,
    network: Network,
    hyper: Hyper,
    batch: usize,
    sampling: Sampling,
    train_images: u32,
    pub parameters: ByLayer,
    pub moments: ByLayer,
    second_moments: ByLayer,
    pub clock: Clock,
}

/// The tensors of each layer.
type ByLayer = Vec<Vec<Vec<f64>>>;

/// The tensors of each layer, out of a flat buffer's values.
pub(crate) fn by_layer(network: &Network, parameters: &Parameters, flat: &[f32]) -> ByLayer {
    let layer = |(layer, offsets): (&NetworkLayer, &Vec<usize>)| {
        let tensors = offsets.iter().zip(layer.parameters());
        tensors.map(|(at, spec)| flat[*at..][..spec.len()].iter().map(|v| f64::from(*v)).collect()).collect()
    };
    network.layers.iter().zip(&parameters.offsets).map(layer).collect()
}

/// Treatment of each value of a layer's tensor by the optimizer.
pub(crate) fn treatments(layer: &NetworkLayer, spec: &ParameterSpec) -> Vec<Treatment> {
    let row = spec.len() / spec.shape[0];
    let treatment = |i: usize| Treatment {
        decays: spec.role == Role::Weight,
        frozen: layer.filter_ids.get(i / row).map_or(layer.frozen, |id| layer.is_filter_frozen(*id)),
        rate_factor: f64::from(layer.rate_factor),
    };
    (0..spec.len()).map(treatment).collect()
}

fn zeros_like(tensors: &ByLayer) -> ByLayer {
    let zeros = |layer: &Vec<Vec<f64>>| layer.iter().map(|t| vec![0.0; t.len()]).collect();
    tensors.iter().map(zeros).collect()
}

impl<'d> StepTwin<'d> {
    /// Begins with the parameters that lie on the GPU.
    pub(crate) fn new(
        gpu: &Gpu,
        data: &'d Dataset,
        network: Network,
        start: &Parameters,
        options: &TrainerOptions,
    ) -> Self {
        let parameters = by_layer(&network, start, &start.values.read(gpu));
        let validation = (data.train.len() / 10).max(1);
        Self {
            data: DataTwin::new(data).with(options.augmentation),
            hyper: options.hyper,
            batch: options.batch,
            sampling: Sampling::of(options.seed, &options.augmentation),
            train_images: (data.train.len() - validation) as u32,
            moments: zeros_like(&parameters),
            second_moments: zeros_like(&parameters),
            parameters,
            network,
            clock: Clock::default(),
        }
    }

    fn key(&self) -> RngKey {
        let Sampling { seed_low, seed_high, .. } = self.sampling;
        RngKey { seed: [seed_low, seed_high], step: self.clock.step, layer: 0, first: 0 }
    }

    fn mode(&self, training: bool, layer: usize) -> Mode {
        let key = RngKey { layer: layer as u32, ..self.key() };
        let frozen =
            self.network.layers[layer].frozen && self.network.layers[layer].layer.kind() == "batch_norm";
        if training && !frozen { Mode::Training(key) } else { Mode::Evaluation }
    }

    /// The input and every layer's output.
    pub(crate) fn activations(&self, input: Tensor, training: bool) -> Vec<Tensor> {
        let mut all = vec![input];
        for (index, layer) in self.network.layers.iter().enumerate() {
            let inputs: Vec<Tensor> = layer.inputs.iter().map(|i| all[*i].clone()).collect();
            let mode = self.mode(training, index);
            let call = TwinCall { inputs: &inputs, parameters: &self.parameters[index], mode };
            all.push(layer.layer.forward_twin(&call));
        }
        all
    }

    /// Loss of each image, whether it is classified rightly, and the logits' gradient.
    pub(crate) fn judge(
        &self,
        logits: &Tensor,
        labels: &[usize],
        scale: f64,
    ) -> (Vec<f64>, Vec<bool>, Tensor) {
        let mut gradient = Tensor::zeros(logits.shape, logits.images);
        let (mut losses, mut right) = (Vec::new(), Vec::new());
        for (n, label) in labels.iter().enumerate() {
            let z: Vec<f64> = (0..CLASSES).map(|c| logits.values[c * logits.images + n]).collect();
            let made = twin::loss(self.network.loss, &z, *label, &[], scale, CLASSES);
            losses.push(made.loss);
            right.push(made.correct);
            let share = made.gradient;
            (0..CLASSES).for_each(|c| gradient.values[c * logits.images + n] = share[c]);
        }
        (losses, right, gradient)
    }

    /// Summed loss and number of right answers over these images as they are.
    pub(crate) fn evaluate(&self, images: &[u32]) -> (f64, usize) {
        let drawn: Vec<_> = images.iter().map(|image| Some([*image, UNCHANGED, 0])).collect();
        let labels: Vec<usize> = images.iter().map(|image| self.data.label(*image)).collect();
        let activations = self.activations(self.data.input(&drawn), false);
        let (losses, right, _) = self.judge(activations.last().unwrap(), &labels, 1.0);
        (losses.iter().sum(), right.iter().filter(|r| **r).count())
    }

    /// The optimizer over all parameters.
    fn update(&mut self, gradients: &ByLayer) {
        let epoch = StepsPerEpoch { train_images: self.train_images as usize, batch: self.batch };
        let trained = |(layer, tensors): (&NetworkLayer, &Vec<Vec<f64>>)| -> f64 {
            let tensors = layer.parameters().into_iter().zip(tensors.clone()).filter(|_| !layer.frozen);
            let tensors = tensors.filter(|(spec, _)| spec.role != Role::Buffer);
            let treated =
                |(spec, tensor): (ParameterSpec, Vec<f64>)| treatments(layer, &spec).into_iter().zip(tensor);
            tensors.flat_map(treated).filter(|(how, _)| !how.frozen).map(|(_, g)| g * g).sum()
        };
        let squares: f64 = self.network.layers.iter().zip(gradients).map(trained).sum();
        let epochs =
            f64::from(self.clock.epoch) + f64::from(self.clock.cursor) / f64::from(self.train_images);
        let at = StepContext { step: self.clock.step, epochs, norm: squares.sqrt() };
        for (index, layer) in self.network.layers.iter().enumerate().filter(|(_, layer)| !layer.frozen) {
            for (tensor, spec) in layer.parameters().iter().enumerate() {
                if spec.role == Role::Buffer {
                    let values = self.parameters[index][tensor].iter_mut();
                    values.zip(&gradients[index][tensor]).for_each(|(value, g)| *value -= g);
                    continue;
                }
                let treatments = treatments(layer, spec);
                let take = |all: &mut ByLayer| std::mem::take(&mut all[index][tensor]);
                let mut state = TwinState {
                    values: take(&mut self.parameters),
                    moments: take(&mut self.moments),
                    second_moments: take(&mut self.second_moments),
                };
                twin::optimizer_step(
                    self.hyper,
                    epoch,
                    at,
                    &gradients[index][tensor],
                    &treatments,
                    &mut state,
                );
                self.parameters[index][tensor] = state.values;
                self.moments[index][tensor] = state.moments;
                self.second_moments[index][tensor] = state.second_moments;
            }
        }
    }

    /// One step: mean loss and share of right answers.
    pub(crate) fn step(&mut self) -> [f64; 2] {
        let batch = self.batch;
        let sizes = BatchSizes { batch, micro_batch: batch, train_slots: batch, slots: batch };
        let draw = |n| sample(&self.clock, &self.sampling, &self.data.order, sizes, self.train_images, n);
        let drawn: Vec<_> = (0..batch as u32).map(draw).collect();
        let labels: Vec<usize> = drawn.iter().map(|d| self.data.label(d.unwrap()[0])).collect();
        let activations = self.activations(self.data.input(&drawn), true);
        let (losses, right, gradient) = self.judge(activations.last().unwrap(), &labels, 1.0 / batch as f64);
        let mut gradients: Vec<Tensor> =
            activations.iter().map(|a| Tensor::zeros(a.shape, a.images)).collect();
        *gradients.last_mut().unwrap() = gradient;
        let mut all: ByLayer = vec![Vec::new(); self.network.layers.len()];
        for (index, layer) in self.network.layers.iter().enumerate().rev() {
            let inputs: Vec<Tensor> = layer.inputs.iter().map(|i| activations[*i].clone()).collect();
            let mode = self.mode(true, index);
            let call = TwinCall { inputs: &inputs, parameters: &self.parameters[index], mode };
            let made = layer.layer.backward_twin(&call, &gradients[index + 1]);
            for (to, share) in layer.inputs.iter().zip(made.inputs) {
                gradients[*to].values.iter_mut().zip(share.values).for_each(|(sum, g)| *sum += g);
            }
            all[index] = made.parameters;
        }
        self.update(&all);
        self.clock.step += 1;
        self.clock.cursor += batch as u32;
        if self.clock.cursor >= self.train_images {
            self.clock.cursor -= self.train_images;
            self.clock.epoch += 1;
        }
        let share = right.iter().filter(|r| **r).count() as f64 / batch as f64;
        [losses.iter().sum::<f64>() / batch as f64, share]
    }
}
