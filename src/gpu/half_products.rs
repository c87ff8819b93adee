//! Products of 16-bit factors with sums in 32 bits: by cooperative matrices, where an adapter offers the ones that the kernels are written
//! for.

use super::trusted;

/// Making of products of 16-bit factors with sums in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfProducts {
    /// The 32 lanes of a subgroup multiply 16×16 matrices together, on the adapter's matrix units.
    Matrices,
    /// Each lane multiplies by itself, on any adapter: slower than products of 32-bit factors, for tests.
    Lanes,
}

/// Lanes of the subgroups that the kernels with cooperative matrices are written for.
const LANES: u32 = 32;

/// Features that products by cooperative matrices need.
fn features() -> wgpu::Features {
    wgpu::Features::SHADER_F16 | wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
}

/// The features that products by cooperative matrices need, if subgroups of 32 lanes multiply 16×16 matrices of `f16` on this adapter
/// and add in `f32`; none otherwise.
pub(super) fn matrix_features(adapter: &wgpu::Adapter) -> wgpu::Features {
    let info = adapter.get_info();
    let offered = adapter.features().contains(features())
        && [info.subgroup_min_size, info.subgroup_max_size] == [LANES; 2]
        && adapter.cooperative_matrix_properties().iter().any(is_used);
    if offered { features() } else { wgpu::Features::empty() }
}

/// The configuration that the kernels use.
fn is_used(matrix: &wgpu::CooperativeMatrixProperties) -> bool {
    [matrix.m_size, matrix.n_size, matrix.k_size] == [16; 3]
        && matrix.ab_type == wgpu::CooperativeScalarType::F16
        && matrix.cr_type == wgpu::CooperativeScalarType::F32
}

/// A device with `extra` features beside those of `descriptor`, and without them where the driver refuses that.
pub(super) fn request_device(
    adapter: &wgpu::Adapter,
    descriptor: &wgpu::DeviceDescriptor<'_>,
    extra: wgpu::Features,
) -> Result<(wgpu::Device, wgpu::Queue), wgpu::RequestDeviceError> {
    if !extra.is_empty() {
        let all = wgpu::DeviceDescriptor {
            required_features: descriptor.required_features | extra,
            experimental_features: trusted::experimental(),
            ..descriptor.clone()
        };
        match pollster::block_on(adapter.request_device(&all)) {
            Ok(opened) => return Ok(opened),
            Err(error) => log::info!("no device with {extra:?}: {error}"),
        }
    }
    pollster::block_on(adapter.request_device(descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_matrices_that_the_kernels_use_count() {
        let used = wgpu::CooperativeMatrixProperties {
            m_size: 16,
            n_size: 16,
            k_size: 16,
            ab_type: wgpu::CooperativeScalarType::F16,
            cr_type: wgpu::CooperativeScalarType::F32,
            saturating_accumulation: false,
        };
        assert!(is_used(&used));
        assert!(!is_used(&wgpu::CooperativeMatrixProperties { n_size: 8, ..used }));
        let narrow = wgpu::CooperativeScalarType::F16;
        assert!(!is_used(&wgpu::CooperativeMatrixProperties { cr_type: narrow, ..used }));
    }
}
