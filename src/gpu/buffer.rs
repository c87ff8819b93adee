//! Typed storage buffers.

use std::marker::PhantomData;

use super::device::Device;
use super::structs::{Element, StructDef};

/// A storage buffer of `len` elements of `T`, readable and writable by kernels and copies.
pub struct Buffer<T> {
    raw: wgpu::Buffer,
    len: usize,
    marker: PhantomData<T>,
}

impl<T> Clone for Buffer<T> {
    /// The same memory under another handle.
    fn clone(&self) -> Self {
        Self { raw: self.raw.clone(), len: self.len, marker: PhantomData }
    }
}

/// Part of a buffer, as it is bound.
#[derive(Debug, Clone)]
pub struct BufferRange {
    /// The buffer.
    pub buffer: wgpu::Buffer,
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub size: u64,
    /// The shared struct of its elements; none where they are numbers, or not known.
    pub element: Option<&'static StructDef>,
}

impl BufferRange {
    /// Bytes `offset..offset + size` of a buffer.
    pub fn new(buffer: &wgpu::Buffer, offset: u64, size: u64) -> Self {
        Self { buffer: buffer.clone(), offset, size, element: None }
    }

    /// A whole buffer.
    pub fn whole(buffer: &wgpu::Buffer) -> Self {
        Self::new(buffer, 0, buffer.size())
    }

    /// True if they have bytes in common, where they are of one buffer.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.offset + other.size && other.offset < self.offset + self.size
    }

    /// The entry of a bind group.
    pub(super) fn as_binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: self.offset,
            size: std::num::NonZeroU64::new(self.size),
        })
    }
}

impl<T: Element> Buffer<T> {
    /// A zero-filled buffer of `len` elements (at least one, so that it can be bound).
    pub fn zeroed(gpu: &Device, label: &str, len: usize) -> Self {
        Self::with_tail(gpu, label, len, 0)
    }

    /// The same with room for `tail` elements more behind them, which kernels reach and [`Buffer::read`] leaves out.
    pub fn with_tail(gpu: &Device, label: &str, len: usize, tail: usize) -> Self {
        // A multiple of 16 bytes, so that it can be bound as vec4.
        let bytes = (((len + tail).max(1) * size_of::<T>()) as u64).next_multiple_of(16);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        gpu.allocated.set(gpu.allocated.get() + bytes);
        let raw = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        Self { raw, len, marker: PhantomData }
    }

    /// A buffer holding `data`.
    pub fn from_slice(gpu: &Device, label: &str, data: &[T]) -> Self {
        let buffer = Self::zeroed(gpu, label, data.len());
        buffer.write(gpu, 0, data);
        buffer
    }

    /// A wgpu buffer, whole, as elements of `T`.
    pub fn of_range(range: &BufferRange) -> Self {
        let len = (range.buffer.size() as usize) / size_of::<T>();
        Self { raw: range.buffer.clone(), len, marker: PhantomData }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// It has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The wgpu buffer.
    pub fn raw(&self) -> &wgpu::Buffer {
        &self.raw
    }

    /// The whole buffer, for a binding.
    pub fn range(&self) -> BufferRange {
        BufferRange { element: T::STRUCT, ..BufferRange::whole(&self.raw) }
    }

    /// Writes `data` from element `start`, before the next submit. Bytes are padded to a multiple of 4
    /// within the buffer's own padding.
    pub fn write(&self, gpu: &Device, start: usize, data: &[T]) {
        assert!(start + data.len() <= self.len, "a write past the end of a buffer");
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let offset = (start * size_of::<T>()) as u64;
        let whole = bytes.len() & !3;
        gpu.queue.write_buffer(&self.raw, offset, &bytes[..whole]);
        if whole < bytes.len() {
            let mut tail = [0_u8; 4];
            tail[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            gpu.queue.write_buffer(&self.raw, offset + whole as u64, &tail);
        }
    }

    /// Writes one field of the first element, `offset` bytes from its beginning (`offset_of!`), before the next submit.
    pub fn write_field<F: bytemuck::NoUninit>(&self, gpu: &Device, offset: usize, value: F) {
        gpu.queue.write_buffer(&self.raw, offset as u64, bytemuck::bytes_of(&value));
    }

    /// Reads the whole buffer, waiting for the GPU. For tests, checkpoints and pictures only.
    pub fn read(&self, gpu: &Device) -> Vec<T> {
        let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read"),
            size: self.raw.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.encoder("read");
        encoder.copy_buffer_to_buffer(&self.raw, 0, &staging, 0, self.raw.size());
        gpu.submit(encoder);
        staging.slice(..).map_async(wgpu::MapMode::Read, |_| ());
        gpu.wait();
        let Ok(bytes) = staging.slice(..).get_mapped_range() else {
            log::error!("a buffer could not be read back");
            return vec![T::zeroed(); self.len];
        };
        bytemuck::pod_collect_to_vec(&bytes[..self.len * size_of::<T>()])
    }
}
