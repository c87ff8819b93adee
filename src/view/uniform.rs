//! A typed uniform buffer.

use std::marker::PhantomData;

use crate::gpu::{BufferRange, Gpu, Params};

/// A uniform buffer of one `P`.
pub(super) struct Uniform<P> {
    raw: wgpu::Buffer,
    marker: PhantomData<P>,
}

impl<P: Params> Uniform<P> {
    /// An empty buffer with further `usages`.
    pub(super) fn new(gpu: &Gpu, label: &str, usages: wgpu::BufferUsages) -> Self {
        let raw = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: (size_of::<P>() as u64).next_multiple_of(16),
            usage: wgpu::BufferUsages::UNIFORM | usages,
            mapped_at_creation: false,
        });
        Self { raw, marker: PhantomData }
    }

    /// Writes the value before the next submit.
    pub(super) fn write(&self, gpu: &Gpu, value: &P) {
        gpu.queue.write_buffer(&self.raw, 0, bytemuck::bytes_of(value));
    }

    /// The whole buffer, to be bound.
    pub(super) fn range(&self) -> BufferRange {
        BufferRange { element: Some(P::DEF), ..BufferRange::whole(&self.raw) }
    }
}
