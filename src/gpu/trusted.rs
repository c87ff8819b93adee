//! The only `unsafe` of the crate: shaders compiled without the injected loop bound.
#![allow(unsafe_code, reason = "wgpu leaves out its loop bound only by an unsafe call, and this is it")]

/// Compiles a shader of our own without the bound that wgpu injects into every loop; index checks stay.
///
/// The injected counter keeps drivers from unrolling register tiles (2 to 3 times slower on the software adapter).
pub(super) fn create_module(
    device: &wgpu::Device,
    desc: wgpu::ShaderModuleDescriptor<'_>,
) -> wgpu::ShaderModule {
    let checks =
        wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
    // SAFETY: the sources are files of this crate, whose loops all have bounds taken from shapes and so end;
    // every other run-time check stays on.
    unsafe { device.create_shader_module_trusted(desc, checks) }
}
