//! Remedies for faults of a driver: where memory is what lacks, more of it.

use humansize::{BINARY, format_size};

use super::processor::{FAST_MESA, old_mesa_without_avx512};

/// Linux's file with the limits of this process.
const LIMITS: &str = "/proc/self/limits";
/// Drivers with their compilers take a few GiB of addresses: larger limits are not the cause.
const AMPLE: u64 = 8 << 30;

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
    old_mesa_without_avx512(info).map(newer_mesa)
}

/// Advice for an old version of Mesa. Measured with AVX2: 22.3.6 trains `revacnn` at 0.6 of the rate of 25.0.7.
fn newer_mesa(version: &str) -> String {
    format!(
        "Mesa {version} trains at about 0.6 of the rate of Mesa {FAST_MESA} on this processor: take mesa-vulkan-drivers of a newer \
         release, or of the backports (on Debian 12: sudo apt-get install -t bookworm-backports mesa-vulkan-drivers)"
    )
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
        let advice = newer_mesa("22.3.6");
        assert!(advice.contains("Mesa 22.3.6 trains") && advice.contains("backports"), "{advice}");
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
