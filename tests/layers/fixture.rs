//! A layer on the GPU, with buffers of its own.

use revacnn::data::{Clock, Sample, Sampling};
use revacnn::gpu::{Buffer, Gpu, Plan};
use revacnn::nn::layers::relu;
use revacnn::nn::twin::RngKey;
use revacnn::nn::{BatchBuffers, BatchExtent, Layer, LayerBuild, LayerPlans, Port, Shape, Tensor};

use crate::compare::{narrow, poisoned};

/// The seed, the step, the layer's index and the position of the pass's first image in its batch.
pub(crate) const KEY: RngKey = RngKey { seed: [0x1234_5678, 3], step: 41, layer: 6, first: 20 };

/// Results of a layer for one batch on the GPU.
pub(crate) struct Results {
    pub output: Vec<f32>,
    pub evaluated: Vec<f32>,
    pub input_gradients: Vec<Vec<f32>>,
    pub gradients: Vec<Vec<f32>>,
    /// relu of the output, where the layer makes it too.
    pub fused: Option<Vec<f32>>,
}

impl Results {
    /// The fused relu is that of the output to the bit, where there is one; NaN stays.
    pub(crate) fn relu_is_right(&self) -> bool {
        let relu = |value: &f32| if *value < 0.0 { 0.0 } else { *value };
        let same = |fused: &Vec<f32>| {
            self.output
                .iter()
                .zip(fused)
                .all(|(v, r)| relu(v).to_bits() == r.to_bits() || v.is_nan() && r.is_nan())
        };
        self.fused.as_ref().is_none_or(same)
    }
}

/// A layer on the GPU with buffers of its own; parameters lie at odd offsets between others.
pub(crate) struct Fixture<'g> {
    gpu: &'g Gpu,
    plans: LayerPlans,
    inputs: Vec<Buffer<f32>>,
    output: Buffer<f32>,
    /// Output of a relu that the layer fuses.
    fused_output: Option<Buffer<f32>>,
    output_gradient: Buffer<f32>,
    input_gradients: Vec<Buffer<f32>>,
    parameters: Buffer<f32>,
    gradients: Buffer<f32>,
    /// First element and length of each parameter tensor.
    tensors: Vec<(usize, usize)>,
}

/// Gradient of the parameters before and between those of the layer; it must not change.
const STRANGER: f32 = 77.0;

/// Samples, clock and seed of a batch.
pub(crate) fn batch_buffers(gpu: &Gpu, [images, train, slots]: [usize; 3]) -> BatchBuffers {
    let scale = |n: usize| {
        if n < images {
            1.0 / images as f32
        } else if n < train {
            0.0
        } else {
            1.0
        }
    };
    let drawn: Vec<Sample> =
        (0..slots).map(|n| Sample { image: 0, label: 0, change: 0, scale: scale(n), random: 0 }).collect();
    let clock = Clock { step: KEY.step, drawn: KEY.first, ..Clock::default() };
    let sampling = Sampling { seed_low: KEY.seed[0], seed_high: KEY.seed[1], ..Sampling::default() };
    BatchBuffers {
        samples: Buffer::from_slice(gpu, "samples", &drawn).range(),
        clock: Buffer::from_slice(gpu, "clock", &[clock]).range(),
        sampling: Buffer::from_slice(gpu, "sampling", &[sampling]).range(),
    }
}

impl<'g> Fixture<'g> {
    pub(crate) fn new(gpu: &'g Gpu, layer: &dyn Layer, shapes: &[Shape], batch: [usize; 3]) -> Self {
        let [_, train, slots] = batch;
        let output = layer.output(shapes).unwrap();
        let mut end = 3;
        let mut append = |len: usize| {
            let at = end;
            end += len + 5;
            (at, len)
        };
        let tensors: Vec<_> = layer.parameters(shapes).iter().map(|spec| append(spec.len())).collect();
        let buffer = |label: &str, len: usize| poisoned(gpu, label, len);
        let maps = |label: &str| shapes.iter().map(|s| buffer(label, s.len() * slots)).collect();
        let mut fixture = Self {
            gpu,
            plans: LayerPlans::default(),
            inputs: maps("input"),
            output: buffer("output", output.len() * slots),
            fused_output: layer.fuses(&relu()).then(|| buffer("relu of the output", output.len() * slots)),
            output_gradient: buffer("output gradient", output.len() * slots),
            input_gradients: maps("input gradient"),
            parameters: buffer("parameters", end),
            gradients: buffer("gradients", end),
            tensors,
        };
        let ports = shapes.iter().zip(&fixture.inputs).zip(&fixture.input_gradients);
        let plans = layer.build(&LayerBuild {
            gpu,
            name: "layer",
            id: KEY.layer,
            trains: true,
            extent: BatchExtent { train_quads: train / 4, quads: slots / 4 },
            batch: &batch_buffers(gpu, batch),
            inputs: ports
                .map(|((shape, values), gradient)| Port {
                    shape: *shape,
                    values: values.range(),
                    gradient: Some(gradient.range()),
                })
                .collect(),
            output_shape: output,
            output: fixture.output.range(),
            fused_output: fixture.fused_output.as_ref().map(Buffer::range),
            output_gradient: fixture.output_gradient.range(),
            parameters: fixture.parameters.range(),
            gradients: fixture.gradients.range(),
            offsets: fixture.tensors.iter().map(|tensor| tensor.0).collect(),
        });
        fixture.plans = plans.unwrap();
        // Every buffer is NaN still, so after this the private ones (packed weights, partial sums) are as well.
        fixture.run(&[&fixture.plans.prepare, &fixture.plans.forward, &fixture.plans.backward]);
        fixture
    }

    fn run(&self, plans: &[&Plan]) {
        let mut encoder = self.gpu.encoder("layer");
        plans.iter().for_each(|plan| plan.encode(&mut encoder));
        self.gpu.submit(encoder);
    }

    /// The parameter tensors in a flat buffer's values.
    fn split(&self, flat: &[f32]) -> Vec<Vec<f32>> {
        self.tensors.iter().map(|(at, len)| flat[*at..*at + *len].to_vec()).collect()
    }

    /// Writes the inputs, poisons the outputs, and runs forward once, backward `times`, then an evaluation.
    pub(crate) fn run_batch(
        &self,
        inputs: &[Tensor],
        parameters: &[Vec<f64>],
        output_gradient: &Tensor,
        times: usize,
    ) -> Results {
        let gpu = self.gpu;
        let poison = |buffer: &Buffer<f32>| buffer.write(gpu, 0, &vec![f32::NAN; buffer.len()]);
        for (buffer, input) in self.inputs.iter().zip(inputs) {
            buffer.write(gpu, 0, &narrow(&input.values));
        }
        self.output_gradient.write(gpu, 0, &narrow(&output_gradient.values));
        self.input_gradients.iter().chain([&self.output]).chain(&self.fused_output).for_each(poison);
        let mut zeros = vec![STRANGER; self.gradients.len()];
        let mut flat = vec![f32::NAN; self.parameters.len()];
        for ((at, len), values) in self.tensors.iter().zip(parameters) {
            zeros[*at..*at + *len].fill(0.0);
            flat[*at..*at + *len].copy_from_slice(&narrow(values));
        }
        self.parameters.write(gpu, 0, &flat);
        self.gradients.write(gpu, 0, &zeros);
        self.run(&[&self.plans.prepare, &self.plans.forward]);
        (0..times).for_each(|_| self.run(&[&self.plans.backward]));
        let (output, mut all) = (self.output.read(gpu), self.gradients.read(gpu));
        let fused = self.fused_output.as_ref().map(|fused| fused.read(gpu));
        assert!(fused.is_none() || output.iter().any(|value| *value < 0.0), "relu would change nothing");
        let gradients = self.split(&all);
        for (at, len) in &self.tensors {
            all[*at..*at + *len].fill(STRANGER);
        }
        assert!(all.iter().all(|v| *v == STRANGER), "a gradient of another layer was written");
        let input_gradients = self.input_gradients.iter().map(|b| b.read(gpu)).collect();
        poison(&self.output);
        self.run(&[self.plans.evaluation.as_ref().unwrap_or(&self.plans.forward)]);
        Results { output, evaluated: self.output.read(gpu), input_gradients, gradients, fused }
    }
}
