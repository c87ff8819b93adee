//! A ring of staging buffers: small results reach the CPU a few frames later, without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::device::Device;

const FREE: u8 = 0;
const COPIED: u8 = 1;
const MAPPING: u8 = 2;
const READY: u8 = 3;

struct Slot<T> {
    staging: wgpu::Buffer,
    state: Arc<AtomicU8>,
    size: u64,
    tag: Option<T>,
    order: u64,
}

/// A ring of staging buffers; each copy carries a tag `T`, which comes back with its bytes.
pub struct ReadbackRing<T> {
    slots: Vec<Slot<T>>,
    next: u64,
    bytes_read: u64,
}

impl<T> ReadbackRing<T> {
    /// A ring of `slots` buffers of `size` bytes.
    pub fn new(gpu: &Device, size: u64, slots: usize) -> Self {
        let slot = |_| Slot {
            staging: gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read-back ring"),
                size: size.next_multiple_of(8),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
            state: Arc::new(AtomicU8::new(FREE)),
            size: 0,
            tag: None,
            order: 0,
        };
        Self { slots: (0..slots).map(slot).collect(), next: 0, bytes_read: 0 }
    }

    /// A slot is free.
    pub fn has_room(&self) -> bool {
        self.slots.iter().any(|s| s.state.load(Ordering::Acquire) == FREE)
    }

    /// Records a copy of `size` bytes; false when every slot is in flight (the caller tries again next frame).
    pub fn copy(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        source: &wgpu::Buffer,
        offset: u64,
        size: u64,
        tag: T,
    ) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|s| s.state.load(Ordering::Acquire) == FREE) else {
            return false;
        };
        encoder.copy_buffer_to_buffer(source, offset, &slot.staging, 0, size);
        slot.state.store(COPIED, Ordering::Release);
        (slot.size, slot.tag, slot.order) = (size, Some(tag), self.next);
        self.next += 1;
        true
    }

    /// Asks for the copies to be mapped. Call after the submit that holds them.
    pub fn after_submit(&mut self) {
        for slot in self.slots.iter().filter(|s| s.state.load(Ordering::Acquire) == COPIED) {
            slot.state.store(MAPPING, Ordering::Release);
            let state = Arc::clone(&slot.state);
            slot.staging.slice(..slot.size).map_async(wgpu::MapMode::Read, move |result| {
                state.store(if result.is_ok() { READY } else { FREE }, Ordering::Release);
            });
        }
    }

    /// Tags and bytes that have arrived, oldest first. Does not wait; the device must have been polled.
    pub fn take(&mut self) -> Vec<(T, Vec<u8>)> {
        let mut arrived = Vec::new();
        for slot in self.slots.iter_mut().filter(|s| s.state.load(Ordering::Acquire) == READY) {
            let bytes =
                slot.staging.slice(..slot.size).get_mapped_range().map(|b| b.to_vec()).unwrap_or_default();
            slot.staging.unmap();
            slot.state.store(FREE, Ordering::Release);
            self.bytes_read += bytes.len() as u64;
            if let Some(tag) = slot.tag.take() {
                arrived.push((slot.order, tag, bytes));
            }
        }
        arrived.sort_by_key(|(order, ..)| *order);
        arrived.into_iter().map(|(_, tag, bytes)| (tag, bytes)).collect()
    }

    /// Some copies have not arrived yet.
    pub fn in_flight(&self) -> bool {
        self.slots.iter().any(|s| s.state.load(Ordering::Acquire) != FREE)
    }

    /// Bytes that have come back so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}
