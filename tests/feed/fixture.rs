//! A data loader with the plans of a step and its buffers.

use revacnn::data::{BatchSizes, Clock, Column, Dataset, Feed};
use revacnn::gpu::{Buffer, Gpu, Plan};

use crate::compare::poisoned;

/// Batches of 10 in passes of 3: a slot of padding in each pass, and a last pass of one image; 4 probes.
pub const SIZES: BatchSizes = BatchSizes { batch: 10, micro_batch: 3, train_slots: 4, slots: 8 };
/// Both words of a seed at work.
pub const SEED: u64 = 0xfeed_0000_0003;

/// A data loader with the plans of a step and its buffers.
pub struct Fixture {
    pub feed: Feed,
    samples: Buffer<Column>,
    input: Buffer<f32>,
    draw: Plan,
    count: Plan,
    pub tick: Plan,
}

impl Fixture {
    pub fn new(gpu: &Gpu, feed: Feed, data: &Dataset, distort: bool) -> Self {
        let samples = Buffer::<Column>::zeroed(gpu, "samples", SIZES.slots);
        let input = poisoned(gpu, "input", data.shape.len() * SIZES.slots);
        let results = Buffer::<[f32; 2]>::zeroed(gpu, "results", SIZES.slots).range();
        let [draw, _] = feed.build(gpu, SIZES, &samples.range(), &input.range(), distort).unwrap();
        let [count, _, tick] = feed.build_counting(gpu, SIZES, &results).unwrap();
        Self { feed, samples, input, draw, count, tick }
    }

    pub fn run(&self, gpu: &Gpu, plan: &Plan) {
        let mut encoder = gpu.encoder("feed");
        plan.encode(&mut encoder);
        gpu.submit(encoder);
    }

    pub fn clock(&self, gpu: &Gpu) -> Clock {
        self.feed.clock().read(gpu)[0]
    }

    /// Draws one pass over poisoned buffers.
    pub fn pass(&self, gpu: &Gpu) -> (Vec<Column>, Vec<f32>) {
        let nothing = Column { image: u32::MAX, label: u32::MAX, change: 0, scale: f32::NAN, random: 7 };
        self.samples.write(gpu, 0, &[nothing; SIZES.slots]);
        self.input.write(gpu, 0, &vec![f32::NAN; self.input.len()]);
        self.run(gpu, &self.draw);
        let drawn = (self.samples.read(gpu), self.input.read(gpu));
        self.run(gpu, &self.count);
        drawn
    }
}
