//! The processor that the software adapter computes on: together with the driver's version it decides which kernels are fast.

use wgpu::{AdapterInfo, DeviceType};

/// First version of Mesa that was measured to load fast without AVX-512.
pub(super) const FAST_MESA: u32 = 25;

/// The processor has registers of 512 bits, and with them 32 vector registers and masks.
fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Loads of this adapter stall: it is a software adapter whose driver is an old one, on a processor without AVX-512. The driver inserts
/// each lane's value into a vector at an index that it does not know; without masks that is a store of the vector, one of
/// the value, and a load of both, which waits until they are in the cache.
pub(super) fn stalls_at_loads(info: &AdapterInfo) -> bool {
    old_mesa_without_avx512(info).is_some()
}

/// The version of an old Mesa that makes a software adapter of a processor without AVX-512.
pub(super) fn old_mesa_without_avx512(info: &AdapterInfo) -> Option<&str> {
    (info.device_type == DeviceType::Cpu && !has_avx512()).then(|| old_mesa(&info.driver_info)).flatten()
}

/// The version of a driver that calls itself so, `Mesa 22.3.6 (LLVM 15.0.6)`, where it is older than [`FAST_MESA`].
pub(super) fn old_mesa(driver: &str) -> Option<&str> {
    let version = driver.strip_prefix("Mesa ")?.split_whitespace().next()?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major < FAST_MESA).then_some(version)
}

/// The processor's part in the name under which fast kernels are kept: nothing where a GPU computes.
pub(super) fn cache_suffix(info: &AdapterInfo) -> &'static str {
    match (info.device_type, has_avx512()) {
        (DeviceType::Cpu, true) => " AVX-512",
        (DeviceType::Cpu, false) => " without AVX-512",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::old_mesa;

    #[test]
    fn old_versions_are_told_from_new_ones() {
        assert_eq!(old_mesa("Mesa 22.3.6 (LLVM 15.0.6)"), Some("22.3.6"));
        assert_eq!(old_mesa("Mesa 24.2.8-1ubuntu1~24.04.1 (LLVM 19.1.1)"), Some("24.2.8-1ubuntu1~24.04.1"));
        for driver in ["Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)", "Mesa", "535.54", "Mesa git", ""] {
            assert_eq!(old_mesa(driver), None, "{driver}");
        }
    }
}
