//! The only `unsafe` of the crate: shaders compiled without the injected loop bound, and wgpu's experimental features.
#![allow(
    unsafe_code,
    reason = "wgpu leaves out its loop bound, and gives its experimental features, only by unsafe calls"
)]

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

/// Consent to wgpu's experimental features, of which a device is given those that it asks for: cooperative matrices.
pub(super) fn experimental() -> wgpu::ExperimentalFeatures {
    // SAFETY: no code of others is run. What may be wrong in the feature reaches only kernels that declare matrices, which are
    // taken where a run asks for mixed precision; their loads and stores lie within their buffers by construction.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}
