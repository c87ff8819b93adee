//! Checks that there is memory for a plan.

use humansize::{BINARY, format_size};

use super::device::Device;
use crate::error::{Error, Result};

/// Linux's file with the free memory, in kilobytes.
const MEMORY_INFO: &str = "/proc/meminfo";

impl Device {
    /// Bytes of all buffers made so far by [`Buffer::zeroed`](super::Buffer::zeroed), those since dropped too: the difference of
    /// after and before is the memory of what was made in between.
    pub fn bytes_allocated(&self) -> u64 {
        self.allocated.get()
    }

    /// An error where `bytes` for `what` are more than the free memory. Only the software adapter's memory, which is the computer's,
    /// is known, and only on Linux, which would hand out more than it has and kill the program when that is used.
    ///
    /// # Errors
    /// When `bytes` are more than is free.
    pub fn check_memory(&self, what: &str, bytes: u64) -> Result<()> {
        let free = self.is_software().then(|| std::fs::read_to_string(MEMORY_INFO).ok()).flatten();
        match free.as_deref().and_then(available) {
            Some(free) if bytes > free => Err(Error::new(
                format!(
                    "{what} needs {}; {} are free",
                    format_size(bytes, BINARY),
                    format_size(free, BINARY)
                ),
                "take fewer rows or images, or a smaller perplexity",
            )),
            _ => Ok(()),
        }
    }

    /// Runs `make` in an out-of-memory error scope.
    ///
    /// # Errors
    /// As those of `make`, and where the driver has no memory left.
    pub fn within_memory<T>(&self, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = self.bytes_allocated();
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = make();
        if pollster::block_on(scope.pop()).is_none() {
            return made;
        }
        let needed = format_size(self.bytes_allocated() - before, BINARY);
        Err(Error::new(
            format!("{} has no memory left for another {needed}", self.info.name),
            "close other layouts, or lay out less",
        ))
    }
}

/// Available bytes in the text of [`MEMORY_INFO`].
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Gpu;

    #[test]
    fn what_is_free_is_read_where_it_is_told() {
        let text = "MemTotal:       24683008 kB\nMemFree:  17 kB\nMemAvailable:   22270812 kB\n";
        assert_eq!(available(text), Some(22_270_812 * 1024));
        assert_eq!(available("MemTotal: 3 kB"), None);
        assert_eq!(available("MemAvailable: many kB"), None);
    }

    #[test]
    fn more_than_is_free_is_refused() {
        let gpu = Gpu::open(&crate::gpu::AdapterChoice::Best).unwrap();
        gpu.check_memory("a layout", 1 << 20).unwrap();
        if gpu.is_software() && std::path::Path::new(MEMORY_INFO).exists() {
            let refused = gpu.check_memory("a layout", 1 << 60).unwrap_err();
            assert!(refused.what().contains("a layout needs") && refused.help().contains("fewer rows"));
        }
    }
}
