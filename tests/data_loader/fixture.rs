//! A data loader with the plans of a step and its buffers.

use revacnn::data::{BatchSizes, Clock, DataLoader, Dataset, Sample};
use revacnn::gpu::{Buffer, Gpu, Plan};

use crate::compare::poisoned;

/// Batches of 10 in passes of 3: a slot of padding in each pass, and a last pass of one image; 4 probes.
pub(crate) const SIZES: BatchSizes = BatchSizes { batch: 10, micro_batch: 3, train_slots: 4, slots: 8 };
/// Both words of a seed at work.
pub(crate) const SEED: u64 = 0xfeed_0000_0003;

/// A data loader with the plans of a step and its buffers.
pub(crate) struct Fixture {
    pub loader: DataLoader,
    samples: Buffer<Sample>,
    input: Buffer<f32>,
    draw: Plan,
    pub tick: Plan,
}

impl Fixture {
    pub(crate) fn new(gpu: &Gpu, loader: DataLoader, data: &Dataset, distort: bool) -> Self {
        let samples = Buffer::<Sample>::zeroed(gpu, "samples", SIZES.slots);
        let input = poisoned(gpu, "input", data.shape.len() * SIZES.slots);
        let results = Buffer::<[f32; 2]>::zeroed(gpu, "results", SIZES.slots).range();
        let [draw, _] = loader.build(gpu, SIZES, &samples.range(), &input.range(), distort).unwrap();
        let squares = Buffer::<[f32; 4]>::zeroed(gpu, "squares", 64).range();
        let [_, tick] = loader.build_counting(gpu, SIZES, &results, &squares).unwrap();
        Self { loader, samples, input, draw, tick }
    }

    pub(crate) fn run(&self, gpu: &Gpu, plan: &Plan) {
        let mut encoder = gpu.encoder("loader");
        plan.encode(&mut encoder);
        gpu.submit(encoder);
    }

    pub(crate) fn clock(&self, gpu: &Gpu) -> Clock {
        self.loader.clock().read(gpu)[0]
    }

    /// Draws one pass over poisoned buffers, and counts its images as drawn.
    pub(crate) fn pass(&self, gpu: &Gpu) -> (Vec<Sample>, Vec<f32>) {
        let nothing = Sample { image: u32::MAX, label: u32::MAX, change: 0, scale: f32::NAN, random: 7 };
        self.samples.write(gpu, 0, &[nothing; SIZES.slots]);
        self.input.write(gpu, 0, &vec![f32::NAN; self.input.len()]);
        self.run(gpu, &self.draw);
        let drawn = (self.samples.read(gpu), self.input.read(gpu));
        let drawn_images = self.clock(gpu).drawn + SIZES.micro_batch as u32;
        self.loader.clock().write_field(gpu, std::mem::offset_of!(Clock, drawn), drawn_images);
        drawn
    }
}
