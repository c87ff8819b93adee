//! The graphics backends: asked one after another, by one thread at a time, and OpenGL only where the others have nothing.
//!
//! Drivers are loaded and their adapters opened under one lock of the process: two threads that did so at once have waited for each other
//! for ever in a vendor's driver.

use std::sync::{Mutex, PoisonError};

use wgpu::{Adapter, Backends, Instance, InstanceDescriptor, InstanceFlags};

static OPENING: Mutex<()> = Mutex::new(());

/// Runs `open` while no other thread opens an adapter or a device.
pub(super) fn one_at_a_time<R>(open: impl FnOnce() -> R) -> R {
    let _guard = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    open()
}

/// The backends to ask in turn, of those that are allowed: OpenGL last.
pub(super) fn stages(allowed: Backends) -> [Backends; 2] {
    [allowed - Backends::GL, allowed & Backends::GL]
}

/// The backends that the environment allows (`WGPU_BACKEND`), all by default.
pub(super) fn allowed() -> Backends {
    InstanceDescriptor::new_without_display_handle_from_env().backends
}

/// An instance of some backends whose indirect dispatches are not checked one by one: their counts are made by our own kernels and are in
/// range, and the checks would double the number of dispatches.
pub(super) fn instance(mut descriptor: InstanceDescriptor, backends: Backends) -> Instance {
    descriptor.backends = backends;
    descriptor.flags.remove(InstanceFlags::VALIDATION_INDIRECT_CALL);
    Instance::new(descriptor)
}

/// An instance of a stage for no window, of its own for each opening: Mesa's software driver (22.3) looks, for every draw, through what the
/// other devices of the same instance draw, without a lock, and ends the process when one of them is on another thread.
pub(super) fn headless(backends: Backends) -> Instance {
    instance(InstanceDescriptor::new_without_display_handle_from_env(), backends)
}

/// The adapters of an instance, GPUs before the software adapter.
pub(super) fn adapters(instance: &Instance) -> Vec<Adapter> {
    let mut adapters = pollster::block_on(instance.enumerate_adapters(Backends::all()));
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::gpu::{AdapterChoice, Gpu};

    #[test]
    fn opengl_is_asked_by_itself_and_last() {
        let [first, last] = stages(Backends::all());
        assert!(
            !first.contains(Backends::GL)
                && first.contains(Backends::VULKAN | Backends::METAL | Backends::DX12)
        );
        assert_eq!(last, Backends::GL);
        assert_eq!(stages(Backends::GL), [Backends::empty(), Backends::GL]);
        assert_eq!(stages(Backends::VULKAN), [Backends::VULKAN, Backends::empty()]);
    }

    #[test]
    fn no_two_threads_open_at_once() {
        let (inside, opened) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        one_at_a_time(|| {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "another thread opens");
                            std::thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                        });
                        opened.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(opened.into_inner(), 400);
        // A thread that failed while it opened keeps no other out.
        let failed = std::thread::spawn(|| one_at_a_time(|| panic!("a driver failed"))).join();
        assert!(failed.is_err() && one_at_a_time(|| true));
    }

    #[test]
    fn eight_threads_open_fifty_times() {
        for _ in 0..50 {
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| Gpu::open(&AdapterChoice::Best).unwrap().info.name.clone());
                }
            });
        }
    }
}
