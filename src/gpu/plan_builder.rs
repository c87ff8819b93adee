//! The builder of plans: dispatches whose bindings are checked by name.
//!
//! The parameter struct of a dispatch is part of a uniform buffer, and is never written again.

use std::sync::Arc;

use super::buffer::BufferRange;
use super::context::Gpu;
use super::indirect::ConditionalDispatches;
use super::kernel::Kernel;
use super::plan::{Dispatch, Plan};
use super::reflect::{Binding, BindingKind};
use super::structs::Params;
use crate::error::{Error, Result};

/// Builds a [`Plan`].
pub struct PlanBuilder<'g> {
    gpu: &'g Gpu,
    plan: Plan,
}

impl<'g> PlanBuilder<'g> {
    /// An empty plan.
    pub fn new(gpu: &'g Gpu) -> Self {
        Self { gpu, plan: Plan::default() }
    }

    /// The device that the plan is for.
    pub fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// Begins a dispatch of `kernel`; it joins the plan at [`DispatchBuilder::threads`].
    pub fn dispatch<'b>(&'b mut self, label: &str, kernel: &Arc<Kernel>) -> DispatchBuilder<'b, 'g> {
        DispatchBuilder {
            builder: self,
            label: label.into(),
            kernel: Arc::clone(kernel),
            bound: Vec::new(),
            flops: 0,
            bytes: None,
            predicted_us: None,
            error: None,
        }
    }

    /// Appends a plan that was built before.
    pub fn extend(&mut self, plan: &Plan) {
        self.plan.extend(plan);
    }

    /// The plan.
    pub fn finish(self) -> Plan {
        self.plan
    }
}

/// One dispatch being prepared.
pub struct DispatchBuilder<'b, 'g> {
    builder: &'b mut PlanBuilder<'g>,
    label: Arc<str>,
    kernel: Arc<Kernel>,
    bound: Vec<(u32, BufferRange)>,
    flops: u64,
    bytes: Option<u64>,
    predicted_us: Option<f64>,
    error: Option<Error>,
}

impl<'b> DispatchBuilder<'b, '_> {
    /// Binds a buffer to the WGSL variable `name`.
    #[must_use]
    pub fn bind(mut self, name: &str, range: BufferRange) -> Self {
        match self.try_bind(name, &range) {
            Ok(index) => self.bound.push((index, range)),
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    /// Binds the buffers whose names the kernel has.
    #[must_use]
    pub fn bind_those<'n>(self, bindings: impl IntoIterator<Item = (&'n str, BufferRange)>) -> Self {
        bindings.into_iter().fold(self, |dispatch, (name, range)| {
            if dispatch.kernel.binding(name).is_ok() { dispatch.bind(name, range) } else { dispatch }
        })
    }

    fn try_bind(&self, name: &str, range: &BufferRange) -> Result<u32> {
        let binding = self.kernel.binding(name)?;
        let place = || format!("{}, binding {name:?}", self.kernel.label);
        binding.check(&self.kernel.label, range)?;
        self.builder.gpu.check_fits(&place(), range.size)?;
        for (index, other) in &self.bound {
            let other_binding = self.kernel.entry.bindings.iter().find(|b| b.index == *index);
            let writes = |binding: &Binding| binding.kind == BindingKind::StorageReadWrite;
            let [own, others] = [writes(binding), other_binding.is_some_and(writes)];
            // Both may write, to parts of their own; wgpu lets no part be read while another is written.
            let apart = own == others && (!own || !range.overlaps(other));
            if other.buffer == range.buffer && !apart {
                let name = other_binding.map_or("", |b| b.name.as_str());
                return Err(Error::new(
                    format!("{}: its buffer is bound as {name:?} too, and one of them writes", place()),
                    "use two buffers",
                ));
            }
        }
        Ok(binding.index)
    }

    /// Sets the parameter struct.
    #[must_use]
    pub fn params<P: Params>(mut self, params: &P) -> Self {
        if let Err(error) = self.kernel.check_params::<P>() {
            self.error = self.error.or(Some(error));
            return self;
        }
        let index = self.kernel.params_binding().map_or(0, |b| b.index);
        let (buffer, offset, size) = self.builder.gpu.uniform(bytemuck::bytes_of(params));
        self.bound.push((index, BufferRange::new(&buffer, offset, size)));
        self
    }

    /// Floating-point operations, for the benchmark's GFLOP/s.
    #[must_use]
    pub fn flops(mut self, flops: u64) -> Self {
        self.flops = flops;
        self
    }

    /// Bytes read and written, for the benchmark's GB/s, where that is not all that is bound.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Microseconds that it is predicted to take on an H100, by the count of its loads and multiply-adds.
    #[must_use]
    pub fn predicted_us(mut self, time_us: f64) -> Self {
        self.predicted_us = Some(time_us);
        self
    }

    /// Ends the dispatch with at least `threads` threads in x, y, z. Where x needs more workgroups than the
    /// adapter allows it is folded into y, which then must be 1, if the kernel asks for `num_workgroups`: it takes
    /// `id.x + id.y * num_workgroups.x * WORKGROUP` as its index, or `group.x + group.y * num_workgroups.x` as that of its workgroup.
    ///
    /// # Errors
    /// When a binding failed or is missing, or the threads pass the adapter's limit.
    pub fn threads(self, threads: [u32; 3]) -> Result<()> {
        let workgroups = self.workgroups(threads)?;
        self.join(workgroups, None)
    }

    /// Ends the dispatch with as many threads (see [`Self::threads`]) as stand beside the key that a kernel before it finds to hold, or
    /// with none.
    ///
    /// # Errors
    /// As [`Self::threads`].
    pub fn threads_if(
        self,
        conditions: &ConditionalDispatches,
        threads: impl IntoIterator<Item = (u32, [u32; 3])>,
    ) -> Result<()> {
        let workgroups = |(key, threads)| Ok((key, self.workgroups(threads)?));
        let workgroups: Vec<_> = threads.into_iter().map(workgroups).collect::<Result<_>>()?;
        let count = |groups: &[u32; 3]| groups.iter().map(|size| u64::from(*size)).product::<u64>();
        let largest = workgroups.iter().map(|(_, groups)| *groups).max_by_key(count);
        self.join(largest.unwrap_or_default(), Some(conditions.add(&workgroups)))
    }

    /// Workgroups of at least `threads` threads.
    ///
    /// # Errors
    /// When a binding failed, or the threads pass the adapter's limit.
    fn workgroups(&self, threads: [u32; 3]) -> Result<[u32; 3]> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let (gpu, entry) = (self.builder.gpu, &self.kernel.entry);
        let max = gpu.limits.max_compute_workgroups_per_dimension;
        fold(threads, entry.workgroup_size, max, entry.folds).ok_or_else(|| {
            Error::new(
                format!("{}: {threads:?} threads are more than {} allows", self.kernel.label, gpu.info.name),
                "take a smaller batch, or fewer rows",
            )
        })
    }

    /// Joins the plan.
    ///
    /// # Errors
    /// When a binding is missing.
    fn join(self, workgroups: [u32; 3], condition: Option<(wgpu::Buffer, u64)>) -> Result<()> {
        let gpu = self.builder.gpu;
        if let Some(missing) =
            self.kernel.entry.bindings.iter().find(|b| !self.bound.iter().any(|(index, _)| *index == b.index))
        {
            return Err(Error::new(
                format!("{}: nothing is bound to {:?}", self.kernel.label, missing.name),
                "bind it",
            ));
        }
        let entries: Vec<_> = self
            .bound
            .iter()
            .map(|(index, range)| wgpu::BindGroupEntry { binding: *index, resource: range.as_binding() })
            .collect();
        let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&self.kernel.label),
            layout: &self.kernel.layout,
            entries: &entries,
        });
        self.builder.plan.dispatches.push(Dispatch {
            label: self.label,
            kernel: self.kernel,
            flops: self.flops,
            bytes: self.bytes.unwrap_or_else(|| self.bound.iter().map(|(_, range)| range.size).sum()),
            predicted_us: self.predicted_us,
            bind_group,
            workgroups,
            condition,
        });
        Ok(())
    }
}

/// Workgroups of `size` for `threads`, at max `max` a dimension; x is folded into y where it is longer and the kernel `folds`.
fn fold(threads: [u32; 3], size: [u32; 3], max: u32, folds: bool) -> Option<[u32; 3]> {
    let mut groups = [0, 1, 2].map(|d| threads[d].max(1).div_ceil(size[d]));
    if groups[0] > max {
        if groups[1] != 1 || !folds {
            return None;
        }
        let rows = groups[0].div_ceil(max);
        groups = [groups[0].div_ceil(rows), rows, groups[2]];
    }
    groups.iter().all(|g| *g <= max).then_some(groups)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn folding_covers_every_thread_and_keeps_the_limit() {
        for (threads, most) in [(1, 7), (448, 7), (449, 7), (3_000, 7), (64 * 49, 7)] {
            let [x, y, z] = fold([threads, 1, 1], [64, 1, 1], most, true).unwrap();
            assert!(x <= most && y <= most && z == 1);
            assert!(x * y * 64 >= threads, "{threads} threads in {x}×{y} groups");
        }
        assert_eq!(fold([64 * 50, 1, 1], [64, 1, 1], 7, true), None, "49 groups are the most");
        assert_eq!(fold([64 * 8, 2, 1], [64, 1, 1], 7, true), None, "only a line can be folded");
        assert_eq!(
            fold([64 * 8, 1, 1], [64, 1, 1], 7, false),
            None,
            "only a kernel that unfolds can be folded"
        );
    }
}
