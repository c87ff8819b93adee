//! Remedies for faults of a driver: where memory is what lacks, more of it.

use humansize::{BINARY, format_size};

/// Linux's file with the limits of this process.
const LIMITS: &str = "/proc/self/limits";
/// Drivers with their compilers take a few GiB of addresses: larger limits are not the cause.
const AMPLE: u64 = 8 << 30;
/// First version of Mesa that was measured to be fast without AVX-512.
const FAST_MESA: u32 = 25;

/// Help for a driver's fault.
pub(super) fn remedy(fault: &str) -> String {
    remedy_within(fault, limit())
}

/// Help where no driver could be loaded.
pub(super) fn remedy_without_driver(limit: Option<u64>) -> String {
    let install =
        "install a driver; on Debian and Ubuntu the software one: sudo apt-get install mesa-vulkan-drivers";
    limit.map_or(install.to_owned(), |limit| format!("{}: no driver may fit it; or {install}", lift(limit)))
}

/// The limit on this process's addresses in bytes, where there is one by which drivers may fail.
pub(super) fn limit() -> Option<u64> {
    address_limit(&std::fs::read_to_string(LIMITS).ok()?).filter(|limit| *limit < AMPLE)
}

fn remedy_within(fault: &str, limit: Option<u64>) -> String {
    if !fault.to_lowercase().contains("memory") {
        return "update the graphics driver, or take another adapter (see: revacnn adapters)".to_owned();
    }
    let free = "free some memory: close other programs, or take a smaller network, batch or data set";
    limit.map_or(free.to_owned(), |limit| format!("{}; or {free}", lift(limit)))
}

fn lift(limit: u64) -> String {
    format!("lift the limit of {} on this program's memory (ulimit -v unlimited)", format_size(limit, BINARY))
}

/// Advice where the software driver is an old one on a processor on which a newer one is faster: one line; none otherwise.
pub(super) fn newer_driver(info: &wgpu::AdapterInfo) -> Option<String> {
    if info.device_type != wgpu::DeviceType::Cpu || has_avx512() {
        return None;
    }
    newer_mesa(&info.driver_info)
}

/// The processor has registers of 512 bits, with which the kernels are as fast, or faster, with older versions of Mesa.
fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Advice for a driver that calls itself so: `Mesa 22.3.6 (LLVM 15.0.6)`. Measured with AVX2: 22.3.6 trains `revacnn` at 0.47 of the rate of
/// 25.0.7.
fn newer_mesa(driver: &str) -> Option<String> {
    let version = driver.strip_prefix("Mesa ")?.split_whitespace().next()?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major < FAST_MESA).then(|| {
        format!(
            "Mesa {version} trains at about half the rate of Mesa {FAST_MESA} on this processor: take mesa-vulkan-drivers of a newer \
             release, or of the backports (on Debian 12: sudo apt-get install -t bookworm-backports mesa-vulkan-drivers)"
        )
    })
}

/// The soft limit on addresses in the text of [`LIMITS`].
fn address_limit(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_where_they_are_told() {
        let text = "Name                      Soft                 Hard                 Units\n\
                    Max open files            1024                 524288               files\n\
                    Max address space         1024000000           unlimited            bytes\n";
        assert_eq!(address_limit(text), Some(1_024_000_000));
        assert_eq!(address_limit("Max address space         unlimited            unlimited  bytes"), None);
        assert_eq!(address_limit(""), None);
    }

    #[test]
    fn an_old_mesa_is_told_of_a_newer_one() {
        let advice = newer_mesa("Mesa 22.3.6 (LLVM 15.0.6)").unwrap();
        assert!(advice.contains("Mesa 22.3.6 trains") && advice.contains("backports"), "{advice}");
        assert!(newer_mesa("Mesa 24.2.8-1ubuntu1~24.04.1 (LLVM 19.1.1)").is_some());
        for driver in ["Mesa 25.0.7 (LLVM 19.1.7)", "Mesa", "535.54", "Mesa git", ""] {
            assert_eq!(newer_mesa(driver), None, "{driver}");
        }
    }

    #[test]
    fn lack_of_memory_is_no_fault_of_the_driver() {
        let help = remedy_within("Not enough memory left.", Some(1 << 30));
        assert!(help.contains("1 GiB") && help.contains("ulimit -v") && !help.contains("update"), "{help}");
        let help = remedy_within("Out of Memory", None);
        assert!(help.contains("free some memory") && !help.contains("ulimit"), "{help}");
        assert!(remedy_within("device lost", Some(1 << 30)).contains("update the graphics driver"));
        assert!(remedy_without_driver(Some(1 << 28)).contains("256 MiB"));
        assert!(remedy_without_driver(None).starts_with("install"));
    }
}
