//! All parameters of a network in one flat buffer, with gradients and optimizer moments laid out alike.

use std::ops::Range;

use super::network::{Network, NetworkLayer};
use super::parameter::{ParameterSpec, Role};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, TensorView};

/// Flag of a parameter: decay applies (weights, not biases).
const DECAYS: u32 = 1;
/// Flag of a frozen parameter.
const FROZEN: u32 = 2;
/// Flag of a running statistic.
const RUNNING: u32 = 4;

/// Most sums of squares that the dispatch of the gradients' sums leaves.
const MAX_SQUARE_SUMS: usize = 1024;

/// Sums of squares that the dispatch of the gradients' sums leaves, one of each of its workgroups: few where threads are few.
pub(super) fn square_sums(gpu: &Gpu) -> usize {
    if gpu.profile().large_tiles { 64 } else { MAX_SQUARE_SUMS }
}

/// A named tensor inside the flat buffers.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorRange {
    /// `conv1.weight` or `conv1.bias`.
    pub name: String,
    /// Shape, role and initialization.
    pub spec: ParameterSpec,
    /// First element.
    pub offset: usize,
    /// Elements.
    pub len: usize,
}

/// Parameters, gradients and moments; every tensor begins at a multiple of 4 elements.
pub struct Parameters {
    /// The parameters.
    pub values: Buffer<f32>,
    /// Their gradients, summed over the batch of the last step.
    pub gradients: Buffer<f32>,
    /// The gradients of the last whole step, for the optimizer and pictures: while a step is under way `gradients` holds part of a sum.
    /// Behind them, where the buffer's elements end, lie the sums of their squares.
    pub last_gradients: Buffer<f32>,
    /// First moments of the optimizer: SGD's momentum, Adam's mean of gradients.
    pub moments: Buffer<f32>,
    /// Second moments: means or sums of squared gradients.
    pub second_moments: Buffer<f32>,
    /// Average of the last parameters.
    pub averages: Buffer<f32>,
    /// Two words per four parameters: a byte of flags for each, and the bits of the factor of their learning rate.
    pub flags: Buffer<u32>,
    /// The tensors, in order.
    pub tensors: Vec<TensorRange>,
    /// First elements of each layer's tensors, by layer.
    pub offsets: Vec<Vec<usize>>,
}

/// The tensors of a network, the first elements of each layer's tensors, and the length of the flat buffers.
fn lay_out(network: &Network) -> (Vec<TensorRange>, Vec<Vec<usize>>, usize) {
    let mut tensors = Vec::new();
    let mut end = 0_usize;
    let mut append = |layer: &str, spec: ParameterSpec| {
        let (offset, len) = (end, spec.len());
        end += len.next_multiple_of(4);
        tensors.push(TensorRange { name: format!("{layer}.{}", spec.name), spec, offset, len });
        offset
    };
    let offsets = network
        .layers
        .iter()
        .map(|layer| layer.parameters().into_iter().map(|spec| append(&layer.name, spec)).collect())
        .collect();
    (tensors, offsets, end)
}

/// Element at which the sums of squares begin, behind `len` gradients; 256 bytes is the strictest alignment of a binding.
fn first_square(len: usize) -> usize {
    len.next_multiple_of(64)
}

/// One past their last element.
fn square_end(len: usize) -> usize {
    first_square(len) + 4 * MAX_SQUARE_SUMS
}

impl Parameters {
    /// Buffers for the network, initialized from `seed`.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn new(gpu: &Gpu, network: &Network, seed: u64) -> Result<Self> {
        let parameters = Self::blank(gpu, network)?;
        parameters.reset(gpu, seed);
        Ok(parameters)
    }

    /// Buffers for the network, with values of 0.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn blank(gpu: &Gpu, network: &Network) -> Result<Self> {
        let len = lay_out(network).2;
        let parameters = Self {
            gradients: Buffer::zeroed(gpu, "gradients", len),
            last_gradients: Buffer::with_tail(gpu, "last gradients", len, square_end(len) - len),
            moments: Buffer::zeroed(gpu, "moments", len),
            second_moments: Buffer::zeroed(gpu, "second moments", len),
            averages: Buffer::zeroed(gpu, "average of parameters", len),
            flags: Buffer::zeroed(gpu, "flags", 2 * len.div_ceil(4)),
            ..Self::fixed(gpu, network)?
        };
        parameters.set_flags(gpu, network);
        Ok(parameters)
    }

    /// Values of 0 alone, for forward passes: all that learning needs has no elements.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn fixed(gpu: &Gpu, network: &Network) -> Result<Self> {
        let (tensors, offsets, len) = lay_out(network);
        gpu.check_fits(&format!("network {}: its parameters", network.name), len as u64 * 4)?;
        let none = Buffer::zeroed(gpu, "none", 0);
        Ok(Self {
            values: Buffer::zeroed(gpu, "parameters", len),
            gradients: none.clone(),
            last_gradients: none.clone(),
            moments: none.clone(),
            second_moments: none.clone(),
            averages: none,
            flags: Buffer::zeroed(gpu, "none", 0),
            tensors,
            offsets,
        })
    }

    /// First quad of the sums of squares in the buffer of the last gradients.
    pub(super) fn first_square(&self) -> usize {
        first_square(self.values.len()) / 4
    }

    /// The sums of the squares of the step's gradients, each in the first of four values.
    pub fn squares(&self, gpu: &Gpu) -> BufferRange {
        let (first, count) = (16 * self.first_square() as u64, square_sums(gpu) as u64);
        BufferRange::new(self.last_gradients.raw(), first, 16 * count)
    }

    /// Writes the flags of decaying, frozen and running parameters, and the factors of their learning rates, as the network has them.
    pub fn set_flags(&self, gpu: &Gpu, network: &Network) {
        let mut flags = vec![[0_u32; 2]; self.flags.len() / 2];
        for (index, layer) in network.layers.iter().enumerate() {
            let (frozen, rate) = (if layer.frozen { FROZEN } else { 0 }, layer.rate_factor.to_bits());
            for (tensor, offset) in layer.parameters().iter().zip(&self.offsets[index]) {
                let role = match tensor.role {
                    Role::Weight => DECAYS,
                    Role::Bias => 0,
                    Role::Buffer => RUNNING,
                };
                // A tensor begins at a whole word; what fills up its last one has no flag.
                let (first, whole, rest) = (offset / 4, tensor.len() / 4, tensor.len() % 4);
                flags[first..first + whole].fill([(role | frozen) * 0x0101_0101, rate]);
                for byte in 0..rest {
                    let [word, factor] = &mut flags[first + whole];
                    (*word, *factor) = (*word | (role | frozen) << (8 * byte), rate);
                }
            }
            let is_frozen = |(_, id): &(usize, &u32)| layer.frozen_filters.contains(id);
            for (filter, _) in layer.filter_ids.iter().enumerate().filter(is_frozen) {
                for at in self.rows((index, layer), filter).into_iter().flatten() {
                    flags[at / 4][0] |= FROZEN << (8 * (at % 4));
                }
            }
        }
        self.flags.write(gpu, 0, bytemuck::cast_slice(&flags));
    }

    /// Elements of a filter in each of its layer's tensors: a row of the weights, and of the bias.
    pub(super) fn rows(&self, (index, layer): (usize, &NetworkLayer), filter: usize) -> Vec<Range<usize>> {
        let row = |(tensor, offset): (ParameterSpec, &usize)| {
            let len = tensor.len() / tensor.shape[0];
            let first = offset + filter * len;
            first..first + len
        };
        layer.parameters().into_iter().zip(&self.offsets[index]).map(row).collect()
    }

    /// Fresh parameters from `seed`, zero gradients and moments.
    pub fn reset(&self, gpu: &Gpu, seed: u64) {
        let zeros = vec![0.0; self.values.len()];
        self.gradients.write(gpu, 0, &zeros);
        self.last_gradients.write(gpu, 0, &zeros);
        self.clear_moments(gpu);
        let mut values = zeros;
        for (index, tensor) in self.tensors.iter().enumerate() {
            let fresh = tensor.spec.init.values(&tensor.spec.shape, seed, index as u64);
            values[tensor.offset..tensor.offset + tensor.len].copy_from_slice(&fresh);
        }
        self.values.write(gpu, 0, &values);
        self.averages.write(gpu, 0, &values);
    }

    /// Begins the average of these elements again with the present parameters.
    pub fn restart_average(&self, gpu: &Gpu, elements: impl IntoIterator<Item = Range<usize>>) {
        let mut encoder = gpu.encoder("average");
        for range in elements {
            let [first, len] = [range.start, range.len()].map(|n| 4 * n as u64);
            encoder.copy_buffer_to_buffer(self.values.raw(), first, self.averages.raw(), first, len);
        }
        gpu.submit(encoder);
    }

    /// Sets both moments to 0.
    pub fn clear_moments(&self, gpu: &Gpu) {
        let zeros = vec![0.0; self.values.len()];
        self.moments.write(gpu, 0, &zeros);
        self.second_moments.write(gpu, 0, &zeros);
    }

    /// View of the filters of layer `index` in one of these buffers, one tile `in × ky × kx` per filter; one value per
    /// channel is a filter of one tap.
    pub fn filters(&self, network: &Network, index: usize, buffer: &Buffer<f32>) -> Option<TensorView> {
        let tensor = network.layers[index].parameters().into_iter().next()?;
        let extent = |i: usize| tensor.shape.get(i).map_or(1, |e| *e as u32);
        let [out, inputs, ky, kx] = [0, 1, 2, 3].map(extent);
        Some(TensorView {
            buffer: buffer.raw().clone(),
            offset: self.offsets[index][0] as u32,
            extents: [out, inputs, ky, kx],
            strides: [inputs * ky * kx, ky * kx, kx, 1],
        })
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// When the network has none.
    pub fn tensor(&self, name: &str) -> Result<&TensorRange> {
        self.tensors.iter().find(|t| t.name == name).ok_or_else(|| {
            let known: Vec<_> = self.tensors.iter().map(|t| t.name.as_str()).collect();
            Error::new(format!("no tensor is called {name:?}"), format!("there are {}", known.join(", ")))
        })
    }
}
