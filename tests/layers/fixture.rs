//! A layer on the GPU, with buffers of its own.

use revacnn::data::{Clock, Sample, Sampling};
use revacnn::gpu::{Buffer, Gpu, Plan};
use revacnn::nn::layers::relu;
use revacnn::nn::twin::{RngKey, gradient_sums};
use revacnn::nn::{
    BatchBuffers, BatchExtent, Layer, LayerBuild, LayerPlans, Packing, PartialSums, Port, Shape, Tensor,
};

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

/// A layer on the GPU with buffers of its own; its parameters lie after others, as a network lays them out.
pub(crate) struct Fixture<'g> {
    gpu: &'g Gpu,
    /// Packs the weights.
    prepare: Plan,
    plans: LayerPlans,
    inputs: Vec<Buffer<f32>>,
    output: Buffer<f32>,
    /// Output of a relu that the layer fuses.
    fused_output: Option<Buffer<f32>>,
    output_gradient: Buffer<f32>,
    input_gradients: Vec<Buffer<f32>>,
    parameters: Buffer<f32>,
    packing: Packing,
    partials: PartialSums,
    /// First element and length of each parameter tensor.
    tensors: Vec<(usize, usize)>,
}

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
        let mut end = 12;
        let mut append = |len: usize| {
            let at = end;
            end += len.next_multiple_of(4);
            (at, len)
        };
        let tensors: Vec<_> = layer.parameters(shapes).iter().map(|spec| append(spec.len())).collect();
        let buffer = |label: &str, len: usize| poisoned(gpu, label, len);
        let maps = |label: &str| shapes.iter().map(|s| buffer(label, s.len() * slots)).collect();
        let mut fixture = Self {
            gpu,
            prepare: Plan::default(),
            plans: LayerPlans::default(),
            inputs: maps("input"),
            output: buffer("output", output.len() * slots),
            fused_output: layer.fuses(&relu()).then(|| buffer("relu of the output", output.len() * slots)),
            output_gradient: buffer("output gradient", output.len() * slots),
            input_gradients: maps("input gradient"),
            parameters: buffer("parameters", end),
            packing: Packing::new(end),
            partials: PartialSums::default(),
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
            pooling: None,
            rectified_gradient: None,
            biases_below: None,
            leaves_biases: false,
            output_gradient: fixture.output_gradient.range(),
            parameters: fixture.parameters.range(),
            packing: &fixture.packing,
            partials: &fixture.partials,
            offsets: fixture.tensors.iter().map(|tensor| tensor.0).collect(),
        });
        fixture.plans = plans.unwrap();
        fixture.prepare = fixture.packing.build(gpu, &fixture.parameters.range()).unwrap();
        // Every buffer is NaN still, so after this the private ones (packed weights, partial sums) are as well.
        fixture.run(&[&fixture.prepare, &fixture.plans.forward, &fixture.plans.backward]);
        fixture
    }

    fn run(&self, plans: &[&Plan]) {
        let mut encoder = self.gpu.encoder("layer");
        plans.iter().for_each(|plan| plan.encode(&mut encoder));
        self.gpu.submit(encoder);
    }

    /// Adds the partial sums of a pass to the gradients of the tensors.
    fn add_partials(&self, gradients: &mut [Vec<f32>]) {
        for (range, partials) in self.partials.read(self.gpu) {
            let sums = gradient_sums(&partials.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), range.len);
            let mut found = 0;
            for ((at, len), gradient) in self.tensors.iter().zip(&mut *gradients) {
                if let Some(first) = at.checked_sub(range.offset).filter(|first| first + len <= range.len) {
                    gradient.iter_mut().zip(&sums[first..]).for_each(|(g, sum)| *g += *sum as f32);
                    found += len;
                }
            }
            assert!(found > 0 && range.len < found + 4 * self.tensors.len(), "{range:?} is of no tensor");
        }
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
        let mut gradients: Vec<Vec<f32>> = self.tensors.iter().map(|(_, len)| vec![0.0; *len]).collect();
        let mut flat = vec![f32::NAN; self.parameters.len()];
        for ((at, len), values) in self.tensors.iter().zip(parameters) {
            flat[*at..*at + *len].copy_from_slice(&narrow(values));
        }
        self.parameters.write(gpu, 0, &flat);
        self.run(&[&self.prepare, &self.plans.forward]);
        for _ in 0..times {
            self.run(&[&self.plans.backward]);
            self.add_partials(&mut gradients);
        }
        let output = self.output.read(gpu);
        let fused = self.fused_output.as_ref().map(|fused| fused.read(gpu));
        assert!(fused.is_none() || output.iter().any(|value| *value < 0.0), "relu would change nothing");
        let input_gradients = self.input_gradients.iter().map(|b| b.read(gpu)).collect();
        poison(&self.output);
        self.run(&[self.plans.evaluation.as_ref().unwrap_or(&self.plans.forward)]);
        Results { output, evaluated: self.output.read(gpu), input_gradients, gradients, fused }
    }
}
