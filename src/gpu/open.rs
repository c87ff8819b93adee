//! Opening the GPU: the adapter that was asked for, its device, and a measurement of its subgroups.

use super::adapter::{self, AdapterChoice};
use super::buffer::Buffer;
use super::context::Gpu;
use super::device::Device;
use super::instances;
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
        instances::one_at_a_time(|| {
            let (adapter, _) = adapter::find(choice, |backends| Ok((instances::headless(backends), None)))?;
            open_on(&adapter)
        })
    }

    /// Opens the adapter that `choice` means and that can present to a window: `descriptor` is that of an instance on its display, and
    /// `surface` makes its surface. Adapter and surface come along, for the surface's configuration.
    ///
    /// # Errors
    /// As [`Gpu::open`], or when the window cannot be drawn to.
    pub fn open_for_surface(
        choice: &AdapterChoice,
        descriptor: impl Fn() -> wgpu::InstanceDescriptor,
        surface: impl Fn(&wgpu::Instance) -> Result<wgpu::Surface<'static>>,
    ) -> Result<(Self, wgpu::Adapter, wgpu::Surface<'static>)> {
        instances::one_at_a_time(|| {
            let (adapter, surface) = adapter::find(choice, |backends| {
                let instance = instances::instance(descriptor(), backends);
                let surface = surface(&instance)?;
                Ok((instance, Some(surface)))
            })?;
            Ok((open_on(&adapter)?, adapter, surface.expect("each instance came with a surface")))
        })
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
