//! Conditional dispatches: the GPU decides whether they run, by an indirect dispatch of all workgroups or of none. (None costs next
//! to nothing; a kernel that returns at once still costs its workgroups.)
//!
//! A plan's conditional dispatches add themselves to a table, one row for each key under which they run; a kernel that comes before
//! them in the plan writes the workgroups of the row that holds, or zeros, into the counts, three numbers a dispatch.

use std::cell::{Cell, RefCell};

use super::buffer::{Buffer, BufferRange};
use super::device::Device;

/// The conditional dispatches of a plan.
pub struct ConditionalDispatches {
    counts: wgpu::Buffer,
    table: Buffer<[u32; 4]>,
    entries: RefCell<Vec<[u32; 4]>>,
    dispatches: Cell<u32>,
}

impl ConditionalDispatches {
    /// Room for `max` rows, all of them off.
    pub fn new(gpu: &Device, max: usize) -> Self {
        let counts = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("conditions"),
            size: (max * 12).next_multiple_of(16) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::INDIRECT,
            mapped_at_creation: false,
        });
        let table = Buffer::zeroed(gpu, "table of conditions", max);
        Self { counts, table, entries: RefCell::default(), dispatches: Cell::new(0) }
    }

    /// `[dispatch][3]`: workgroups in x, y and z, to be written by a kernel.
    pub fn counts(&self) -> BufferRange {
        BufferRange::whole(&self.counts)
    }

    /// `[row][4]`: the workgroups of a dispatch while a key holds, and the key, of 16 bits, with the dispatch's number in the upper 16;
    /// zeros where there is none.
    pub fn table(&self) -> BufferRange {
        self.table.range()
    }

    /// Writes the table, once all dispatches are known.
    pub fn finish(&self, gpu: &Device) {
        self.table.write(gpu, 0, &self.entries.borrow());
    }

    /// Adds a dispatch with its workgroups under each key, of which at most one may hold; returns the buffer and offset of its counts.
    ///
    /// # Panics
    /// When the table is full, or a key has more than 16 bits.
    pub(super) fn add(&self, workgroups: &[(u32, [u32; 3])]) -> (wgpu::Buffer, u64) {
        assert!(self.entries.borrow().len() + workgroups.len() <= self.table.len(), "the table is full");
        assert!(workgroups.iter().all(|(key, _)| key >> 16 == 0), "keys have 16 bits");
        let dispatch = self.dispatches.get();
        self.dispatches.set(dispatch + 1);
        let rows = workgroups.iter().map(|&(key, [x, y, z])| [x, y, z, key | dispatch << 16]);
        self.entries.borrow_mut().extend(rows);
        (self.counts.clone(), u64::from(dispatch) * 12)
    }
}
