//! A plan: prepared dispatches in order, recorded in whole or in part.
//!
//! Recording only sets pipelines and bind groups; see [`PlanBuilder`](super::PlanBuilder) for how dispatches are prepared.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::device::Device;
use super::h100;
use super::kernel::Kernel;
use super::readback::ReadbackRing;
use super::timer::{Span, Timer};

/// One prepared dispatch.
#[derive(Clone)]
pub struct Dispatch {
    /// Label, for timings: `conv1 forward`.
    pub label: Arc<str>,
    /// The kernel that runs.
    pub kernel: Arc<Kernel>,
    /// Floating-point operations, a multiply-add counted as two; 0 where that is no measure.
    pub flops: u64,
    /// Bytes read and written at least: all that is bound, unless given.
    pub bytes: u64,
    pub(super) predicted_us: Option<f64>,
    pub(super) bind_group: wgpu::BindGroup,
    pub(super) workgroups: [u32; 3],
    /// Buffer and offset of the number of workgroups, where the GPU decides.
    pub(super) condition: Option<(wgpu::Buffer, u64)>,
}

/// Prepared dispatches, in order.
#[derive(Clone, Default)]
pub struct Plan {
    /// The dispatches.
    pub dispatches: Vec<Dispatch>,
}

impl Plan {
    /// Number of dispatches.
    pub fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// It has no dispatches.
    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Appends another plan.
    pub fn extend(&mut self, other: &Plan) {
        self.dispatches.extend(other.dispatches.iter().cloned());
    }

    /// This plan, then another.
    #[must_use]
    pub(super) fn followed_by(mut self, other: &Plan) -> Self {
        self.extend(other);
        self
    }

    /// Records the dispatches of `range` into a pass of the caller.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, range: Range<usize>) {
        for dispatch in &self.dispatches[range] {
            dispatch.record(pass);
        }
    }

    /// Records all dispatches as one compute pass.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        self.record(&mut pass, 0..self.len());
    }

    /// Runs it once; GPU time of each dispatch, in order; none where the adapter has no timestamps. Waits for the GPU.
    pub fn time(&self, gpu: &Device) -> Vec<Span> {
        let mut timer = Timer::new(gpu, self.len() as u32);
        let mut encoder = gpu.encoder("timed");
        self.encode_timed(&mut encoder, &mut timer);
        let resolved = timer.resolve(&mut encoder).map(|(buffer, size, labels)| {
            let mut ring = ReadbackRing::new(gpu, size, 1);
            ring.copy(&mut encoder, buffer, 0, size, ());
            (ring, labels)
        });
        gpu.submit(encoder);
        let Some((mut ring, labels)) = resolved else { return Vec::new() };
        ring.after_submit();
        gpu.wait();
        ring.take().iter().flat_map(|((), bytes)| timer.spans(&labels, bytes)).collect()
    }

    /// Records each dispatch as a compute pass of its own, timed.
    pub fn encode_timed(&self, encoder: &mut wgpu::CommandEncoder, timer: &mut Timer) {
        for dispatch in &self.dispatches {
            let timestamp_writes = timer.span(&dispatch.label);
            let descriptor = wgpu::ComputePassDescriptor { label: Some(&dispatch.label), timestamp_writes };
            dispatch.record(&mut encoder.begin_compute_pass(&descriptor));
        }
    }
}

/// A line a dispatch: label, kernel, workgroups, bytes that it moves at least.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for dispatch in &self.dispatches {
            let [x, y, z] = dispatch.workgroups;
            let conditional = if dispatch.condition.is_some() { ", indirect" } else { "" };
            let Dispatch { label, kernel, bytes, .. } = dispatch;
            writeln!(f, "{label}: {}, {x}×{y}×{z} workgroups{conditional}, {bytes} bytes", kernel.label)?;
        }
        Ok(())
    }
}

impl Dispatch {
    /// Workgroups in x, y and z; the most there may be, where the GPU decides.
    pub fn workgroups(&self) -> [u32; 3] {
        self.workgroups
    }

    /// Microseconds that it is predicted to take on the GPU that was measured, an H100 (see [`super::facts`]): by the count of its loads and
    /// multiply-adds where that was given, else by its bytes.
    pub fn predicted_us(&self) -> f64 {
        self.predicted_us.map_or_else(|| h100::moving_us(self.bytes), |us| us.max(h100::DISPATCH_US))
    }

    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(self.kernel.pipeline());
        pass.set_bind_group(0, &self.bind_group, &[]);
        let [x, y, z] = self.workgroups;
        match &self.condition {
            Some((counts, offset)) => pass.dispatch_workgroups_indirect(counts, *offset),
            None => pass.dispatch_workgroups(x, y, z),
        }
    }
}
