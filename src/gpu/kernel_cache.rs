//! The kernels of a device: each is read by reflection where it is first asked for, and compiled in the background from then on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::compile_pool::CompilePool;
use super::deferred::Deferred;
use super::device::Device;
use super::kernel::{CompileTarget, Kernel};
use super::shader::Source;
use crate::error::Result;

/// Shader file, entry point, and the constants that are set.
pub type KernelKey = (&'static str, &'static str, Vec<(&'static str, u32)>);

/// An entry point of a shader file with constants set: all that a kernel is made of.
#[derive(Debug, Clone)]
pub struct KernelVariant {
    source: Source,
    entry: &'static str,
    constants: Vec<(&'static str, u32)>,
}

impl KernelVariant {
    /// `entry` of `source` with `constants` set.
    pub fn new(source: &Source, entry: &'static str, constants: &[(&'static str, u32)]) -> Self {
        Self { source: *source, entry, constants: constants.to_vec() }
    }

    /// The same entry point of the text that stands beside its path in `replaced`, where one does.
    pub(super) fn replaced_by(mut self, replaced: &[(&'static str, &'static str)]) -> Self {
        let text = replaced.iter().find(|(path, _)| *path == self.source.path).map(|(_, text)| *text);
        self.source.text = text.unwrap_or(self.source.text);
        self
    }

    /// Both are of one kernel.
    pub(super) fn is(&self, other: &Self) -> bool {
        let key = |of: &Self| (of.source.path, of.entry);
        key(self) == key(other) && self.constants == other.constants
    }

    fn key(&self) -> KernelKey {
        (self.source.path, self.entry, self.constants.clone())
    }
}

/// State of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KernelState {
    /// Nobody has asked for it.
    Unknown,
    /// It is to be compiled, or is being compiled.
    Compiling,
    /// A dispatch of it waits for nothing.
    Compiled,
    /// It cannot be read, or the driver refused it.
    Refused,
}

/// A kernel that may not have been read yet.
type Read = Arc<Deferred<Result<Arc<Kernel>>>>;

/// The kernels of a device, and the threads that compile them.
pub(super) struct KernelCache {
    /// Dropped first: its threads have ended before the device goes.
    pool: CompilePool,
    target: CompileTarget,
    kernels: RefCell<HashMap<KernelKey, Read>>,
}

impl KernelCache {
    /// No kernel yet.
    pub(super) fn new(device: &Device) -> Self {
        Self {
            pool: CompilePool::new(&device.info),
            target: CompileTarget::of(device),
            kernels: RefCell::default(),
        }
    }

    /// The kernel, read at once where it is new, and compiled in the background.
    ///
    /// # Errors
    /// When the shader is not valid or lacks the entry point or a constant; then it is not kept.
    pub(super) fn kernel(&self, variant: &KernelVariant) -> Result<Arc<Kernel>> {
        let known = self.kernels.borrow().get(&variant.key()).cloned();
        let is_new = known.is_none();
        let read = known.unwrap_or_else(|| self.deferred(variant));
        let kernel = read.get().clone().inspect_err(|_| {
            self.kernels.borrow_mut().remove(&variant.key());
        })?;
        if is_new {
            self.kernels.borrow_mut().insert(variant.key(), read);
            let compiled = Arc::clone(&kernel);
            // Before those that are compiled for later.
            self.pool.add(true, move || compiled.compile());
        }
        Ok(kernel)
    }

    /// Reads and compiles the kernel in the background, unless it is asked for already.
    pub(super) fn compile_ahead(&self, variant: &KernelVariant) {
        let mut kernels = self.kernels.borrow_mut();
        kernels.entry(variant.key()).or_insert_with(|| {
            let read = self.deferred(variant);
            let asked = Arc::clone(&read);
            self.pool.add(false, move || {
                if let Ok(kernel) = asked.get() {
                    kernel.compile();
                }
            });
            read
        });
    }

    fn deferred(&self, variant: &KernelVariant) -> Read {
        let (target, KernelVariant { source, entry, constants }) = (self.target.clone(), variant.clone());
        Arc::new(Deferred::new(move || {
            let label = format!("{}:{entry}", source.path);
            let read = target.guarded(&label, || Kernel::read(&target, &source, entry, &constants));
            read.map(Arc::new)
        }))
    }

    /// State of a kernel.
    pub(super) fn state(&self, variant: &KernelVariant) -> KernelState {
        let kernels = self.kernels.borrow();
        let Some(read) = kernels.get(&variant.key()) else { return KernelState::Unknown };
        match read.peek() {
            None => KernelState::Compiling,
            Some(Err(_)) => KernelState::Refused,
            Some(Ok(kernel)) if !kernel.is_compiled() => KernelState::Compiling,
            Some(Ok(kernel)) if kernel.wait_compiled().is_err() => KernelState::Refused,
            Some(Ok(_)) => KernelState::Compiled,
        }
    }

    /// True where kernels are compiled in the background; else where they are first needed.
    pub(super) fn compiles_ahead(&self) -> bool {
        self.pool.has_threads()
    }

    /// The kernels that were asked for so far.
    pub(super) fn keys(&self) -> Vec<KernelKey> {
        self.kernels.borrow().keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::FILL;
    use crate::gpu::{AdapterChoice, Gpu};

    fn variant(value: u32) -> KernelVariant {
        KernelVariant::new(&FILL, "fill", &[("VALUE", value)])
    }

    #[test]
    fn a_kernel_that_is_compiled_ahead_is_the_one_that_is_used() {
        let cache = KernelCache::new(&Gpu::open(&AdapterChoice::Best).unwrap());
        assert_eq!(cache.state(&variant(3)), KernelState::Unknown);
        (0..2).for_each(|_| cache.compile_ahead(&variant(3)));
        assert_ne!(cache.state(&variant(3)), KernelState::Unknown);
        let kernel = cache.kernel(&variant(3)).unwrap();
        kernel.wait_compiled().unwrap();
        assert_eq!(cache.state(&variant(3)), KernelState::Compiled);
        assert!(Arc::ptr_eq(&kernel, &cache.kernel(&variant(3)).unwrap()), "it is made once");
        // Where it is not valid, that is known once it is read, and said to each who asks.
        let missing = KernelVariant::new(&FILL, "missing", &[]);
        cache.compile_ahead(&missing);
        for _ in 0..2 {
            let error = cache.kernel(&missing).err().expect("it was accepted");
            assert!(error.what().contains("has no entry point missing"), "{error}");
        }
        assert_eq!(cache.keys().len(), 1, "it is not kept");
    }

    #[test]
    fn a_kernel_outlives_the_threads_that_were_to_compile_it() {
        for round in 0..4 {
            let cache = KernelCache::new(&Gpu::open(&AdapterChoice::Best).unwrap());
            let kernels: Vec<_> =
                (0..12).map(|value| cache.kernel(&variant(16 * round + value)).unwrap()).collect();
            (0..12).for_each(|value| cache.compile_ahead(&variant(1000 + value)));
            drop(cache);
            kernels.iter().try_for_each(|kernel| kernel.wait_compiled()).unwrap();
        }
    }
}
