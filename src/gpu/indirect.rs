//! Conditional dispatches: the GPU decides whether they run, by an indirect dispatch of all workgroups or of none. (None costs next
//! to nothing; a kernel that returns at once still costs its workgroups.)
//!
//! A plan's conditional dispatches add themselves to a table, `(x, y, z, key)` each; a kernel that comes before them in the plan writes
//! these workgroups or zeros into the counts, three numbers a dispatch.

use std::cell::RefCell;

use super::buffer::{Buffer, BufferRange};
use super::device::Device;

/// The conditional dispatches of a plan.
pub struct ConditionalDispatches {
    counts: wgpu::Buffer,
    table: Buffer<[u32; 4]>,
    entries: RefCell<Vec<[u32; 4]>>,
}

impl ConditionalDispatches {
    /// Room for `max` conditions, all of them off.
    pub fn new(gpu: &Device, max: usize) -> Self {
        let counts = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("conditions"),
            size: (max * 12).next_multiple_of(16) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::INDIRECT,
            mapped_at_creation: false,
        });
        Self { counts, table: Buffer::zeroed(gpu, "table of conditions", max), entries: RefCell::default() }
    }

    /// `[condition][3]`: workgroups in x, y and z, to be written by a kernel.
    pub fn counts(&self) -> BufferRange {
        BufferRange::whole(&self.counts)
    }

    /// `[condition][4]`: the workgroups of a condition when it is on, and its key; zeros where there is none.
    pub fn table(&self) -> BufferRange {
        self.table.range()
    }

    /// Writes the table, once all conditions are known.
    pub fn finish(&self, gpu: &Device) {
        self.table.write(gpu, 0, &self.entries.borrow());
    }

    /// Adds a condition; returns the buffer and offset of its counts.
    pub(super) fn add(&self, [x, y, z]: [u32; 3], key: u32) -> (wgpu::Buffer, u64) {
        let mut entries = self.entries.borrow_mut();
        let offset = entries.len() as u64 * 12;
        entries.push([x, y, z, key]);
        (self.counts.clone(), offset)
    }
}
