//! Surgery carried out: the parameters of the changed network, out of those before, on the GPU.

use super::carry::{Content, carry};
use super::plan::{Carried, TensorPlan};
use super::rebuild::Surgery;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu};
use crate::nn::{Parameters, TensorRange};

/// Random numbers of fresh filters: others at each step, and for each new filter.
#[derive(Debug, Clone, Copy)]
pub(in crate::nn) struct Stream {
    /// The run's seed.
    pub seed: u64,
    /// Steps finished.
    pub step: u32,
}

/// A run of elements that is copied as it is: first element before and after, and number of elements.
type Run = [usize; 3];

/// The tensors that stay as they are, neighbours as one run.
fn runs(surgery: &Surgery, before: &Parameters, after: &Parameters) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::new();
    for (plan, new) in surgery.tensors.iter().zip(&after.tensors) {
        let TensorPlan::Same(old) = plan else { continue };
        // With the padding to the next tensor.
        let (from, len) = (before.tensors[*old].offset, new.len.next_multiple_of(4));
        match all.last_mut().filter(|[f, t, l]| f + l == from && t + l == new.offset) {
            Some([.., before]) => *before += len,
            None => all.push([from, new.offset, len]),
        }
    }
    all
}

impl Surgery {
    /// The tensors that are not copied as they are: how, where they were, and where they are.
    pub(super) fn carriages<'t>(
        &'t self,
        before: &'t [TensorRange],
        after: &'t [TensorRange],
    ) -> Vec<(&'t Carried, [&'t TensorRange; 2])> {
        let carriage = |(plan, new): (&'t TensorPlan, &'t TensorRange)| match plan {
            TensorPlan::Carried(carried) => Some((carried, [&before[carried.old], new])),
            TensorPlan::Same(_) | TensorPlan::Fresh => None,
        };
        self.tensors.iter().zip(after).filter_map(carriage).collect()
    }

    /// Parameters, moments and averages of the changed network; the ones before may have work under way.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(in crate::nn) fn operate(
        &self,
        gpu: &Gpu,
        before: &Parameters,
        stream: Stream,
    ) -> Result<Parameters> {
        let after = Parameters::blank(gpu, &self.network)?;
        let carried = self.carriages(&before.tensors, &after.tensors);
        let runs = runs(self, before, &after);
        let mut encoder = gpu.encoder("surgery");
        let contents = [
            (Content::Weights, [&before.values, &after.values]),
            (Content::Weights, [&before.averages, &after.averages]),
            (Content::Moments, [&before.moments, &after.moments]),
            (Content::SecondMoments, [&before.second_moments, &after.second_moments]),
        ];
        for (_, buffers) in contents {
            for [from, to, len] in runs.iter().map(|run| run.map(|n| 4 * n as u64)) {
                encoder.copy_buffer_to_buffer(buffers[0].raw(), from, buffers[1].raw(), to, len);
            }
        }
        carry(gpu, &carried, &contents)?.encode(&mut encoder);
        gpu.submit(encoder);
        // Written once the above is submitted, and so after it.
        self.write_fresh(gpu, &after, stream);
        Ok(after)
    }

    fn write_fresh(&self, gpu: &Gpu, after: &Parameters, stream: Stream) {
        // Another for each new layer and filter.
        let filters = self.network.layers.iter().map(|layer| u64::from(layer.next_filter)).sum::<u64>();
        let born = (u64::from(self.network.next_id) + filters) & 0xffff;
        let stream_of =
            |tensor: usize| (u64::from(stream.step) + 1) << 32 | born << 16 | (tensor as u64 & 0xffff);
        let write = |at: usize, values: &[f32]| {
            let both: [&Buffer<f32>; 2] = [&after.values, &after.averages];
            both.iter().for_each(|buffer| buffer.write(gpu, at, values));
        };
        let identity = self.identity.map(|layer| &after.offsets[layer]);
        for (index, (plan, tensor)) in self.tensors.iter().zip(&after.tensors).enumerate() {
            let spec = &tensor.spec;
            match plan {
                TensorPlan::Same(_) => {}
                TensorPlan::Fresh if identity.is_some_and(|tensors| tensors.contains(&tensor.offset)) => {
                    write(tensor.offset, &identity_kernel(&spec.shape));
                }
                TensorPlan::Fresh => {
                    write(tensor.offset, &spec.init.values(&spec.shape, stream.seed, stream_of(index)));
                }
                TensorPlan::Carried(carried) => {
                    let rows: Vec<usize> = carried.fresh_rows().collect();
                    let values = spec.init.rows(&spec.shape, rows.len(), stream.seed, stream_of(index));
                    let len = tensor.len / spec.shape[0];
                    for (row, values) in rows.into_iter().zip(values.chunks(len)) {
                        write(tensor.offset + row * len, values);
                    }
                }
            }
        }
    }
}

/// Weights `[out, in, ky, kx]` of a convolution that gives its input, or its biases, which are 0. With groups, `in` counts within one.
fn identity_kernel(shape: &[usize]) -> Vec<f32> {
    let &[rows, columns, height, width] = shape else { return vec![0.0; shape.iter().product()] };
    let value = |i: usize| {
        let (row, column) = (i / (columns * height * width), i / (height * width) % columns);
        let is_center = i % (height * width) == height / 2 * width + width / 2;
        f32::from(is_center && column == row % columns)
    };
    (0..rows * columns * height * width).map(value).collect()
}
