//! Opening the GPU: the adapter that was asked for, its device, and a measurement of its subgroups.

use super::adapter::{self, AdapterChoice};
use super::buffer::Buffer;
use super::context::Gpu;
use super::device::Device;
use super::plan_builder::PlanBuilder;
use super::shader::Source;
use crate::error::Result;
use crate::wgsl;

const SUBGROUP_SIZE: Source = wgsl!("gpu/subgroup_size.wgsl");

impl Gpu {
    /// Opens the adapter that `choice` means, without a window.
    ///
    /// # Errors
    /// When there is no such adapter, or its driver refuses a device.
    pub fn open(choice: &AdapterChoice) -> Result<Self> {
        let instance = adapter::instance(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        open_on(&adapter::choose(&instance, choice, None)?)
    }

    /// Opens the adapter that `choice` means and that can present to `surface`; the adapter comes along
    /// for the surface's configuration.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn open_for_surface(
        instance: &wgpu::Instance,
        choice: &AdapterChoice,
        surface: &wgpu::Surface<'_>,
    ) -> Result<(Self, wgpu::Adapter)> {
        let adapter = adapter::choose(instance, choice, Some(surface))?;
        Ok((open_on(&adapter)?, adapter))
    }
}

fn open_on(adapter: &wgpu::Adapter) -> Result<Gpu> {
    let mut gpu = Gpu::new(Device::open(adapter)?);
    if gpu.is_software() && gpu.subgroups && subgroup_size(&gpu)? == 8 {
        gpu.set_subgroups_of_8();
    }
    Ok(gpu)
}

/// Lanes that a workgroup of 64 really runs in step.
fn subgroup_size(gpu: &Gpu) -> Result<u32> {
    let kernel = gpu.kernel(&SUBGROUP_SIZE, "subgroup_size", &[])?;
    let size = Buffer::<u32>::zeroed(gpu, "subgroup size", 64);
    let mut plan = PlanBuilder::new(gpu);
    plan.dispatch("subgroup size", &kernel).bind("size", size.range()).threads([64, 1, 1])?;
    let mut encoder = gpu.encoder("subgroup size");
    plan.finish().encode(&mut encoder);
    gpu.submit(encoder);
    Ok(size.read(gpu)[0])
}
