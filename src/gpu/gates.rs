//! Gates: dispatches that run or not as the GPU decides, without the CPU knowing (an indirect dispatch of no workgroups costs next
//! to nothing, where a kernel that returns at once still costs its workgroups).
//!
//! A plan's gated dispatches add themselves to a table, `(x, y, z, key)` each; a kernel of the plan that comes before them writes
//! for each either these workgroups or zeros into the counts, three numbers a dispatch.

use std::cell::RefCell;

use super::buffer::{Buffer, BufferRange};
use super::device::Gpu;

/// The gates of a plan.
pub struct Gates {
    counts: wgpu::Buffer,
    table: Buffer<[u32; 4]>,
    entries: RefCell<Vec<[u32; 4]>>,
}

impl Gates {
    /// Room for at most `most` gates, all of them closed.
    pub fn new(gpu: &Gpu, most: usize) -> Self {
        let counts = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("gates"),
            size: (most * 12).next_multiple_of(16) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::INDIRECT,
            mapped_at_creation: false,
        });
        Self { counts, table: Buffer::zeroed(gpu, "table of gates", most), entries: RefCell::default() }
    }

    /// `[gate][3]`: workgroups in x, y and z, to be written by a kernel.
    pub fn counts(&self) -> BufferRange {
        BufferRange::whole(&self.counts)
    }

    /// `[gate][4]`: the workgroups of a gate when it is open, and its key; zeros where there is none.
    pub fn table(&self) -> BufferRange {
        self.table.range()
    }

    /// Writes the table, once all gates are known.
    pub fn finish(&self, gpu: &Gpu) {
        self.table.write(gpu, 0, &self.entries.borrow());
    }

    /// Another gate; where its counts lie.
    pub(super) fn add(&self, [x, y, z]: [u32; 3], key: u32) -> (wgpu::Buffer, u64) {
        let mut entries = self.entries.borrow_mut();
        let offset = entries.len() as u64 * 12;
        entries.push([x, y, z, key]);
        (self.counts.clone(), offset)
    }
}
