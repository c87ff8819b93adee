//! The GPU as the program uses it: the device, the cache of compiled kernels, device profile and tuning policy.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;

use super::device::Device;
use super::half_products::HalfProducts;
use super::kernel::Kernel;
use super::parsed_shader::ParsedShader;
use super::processor::stalls_at_loads;
use super::shader::Source;
use super::tune_cache::{TuneCache, TunePolicy};
use super::uncompiled::Uncompiled;
use crate::error::{Error, Result};

/// Shader file, entry point, and the constants that are set.
pub type KernelKey = (&'static str, &'static str, Vec<(&'static str, u32)>);
/// Shader file, and the constants that are set.
type ShaderKey = (&'static str, Vec<(&'static str, u32)>);

/// Device profile that the hot kernels are shaped for: chosen from the adapter; tests set it to try every variant of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceProfile {
    /// Loads are shared among the 8 lanes of a subgroup. The software adapter loads lane by lane, so sharing pays (16 against
    /// 10 GFLOP/s in a convolution); a GPU's cache does it by itself.
    pub shares_loads: bool,
    /// Register tiles are large and threads few, as on the software adapter, where loads cost most; a GPU wants many
    /// threads, and 16 channels × 4 images fill its registers.
    pub large_tiles: bool,
    /// A load takes as long as hundreds of multiply-adds, as with an old driver on a processor without AVX-512: register tiles are larger
    /// yet.
    pub stalls_at_loads: bool,
    /// A relu is computed by the kernel before it, which saves reading its input again. On the software adapter a
    /// kernel's scattered second store costs twice what the relu does by itself (8 to 10 ms against 4 ms).
    pub fuses_relu: bool,
    /// The gradient below a relu is made by the max pooling above it, and on a GPU the bias gradient below with it: on all adapters that
    /// saves a write and two reads of a map. Tests switch it off to compare.
    pub fuses_gradients: bool,
}

impl DeviceProfile {
    /// The profile of every GPU.
    pub const GPU: Self = Self {
        shares_loads: false,
        large_tiles: false,
        stalls_at_loads: false,
        fuses_relu: true,
        fuses_gradients: true,
    };
}

/// An opened GPU; its [`Device`] is reached by its own fields and methods. A clone is another handle to the same device and
/// kernels, with a tuning and a policy of its own.
#[derive(Clone)]
pub struct Gpu {
    ground: Device,
    kernels: Rc<RefCell<HashMap<KernelKey, Arc<Kernel>>>>,
    /// Shader files by path and constants, each parsed for all its kernels.
    shaders: Rc<RefCell<HashMap<ShaderKey, Arc<ParsedShader>>>>,
    /// Kernels that are to be compiled together, where they are.
    uncompiled: Option<Rc<RefCell<Vec<Arc<Kernel>>>>>,
    profile: DeviceProfile,
    /// Making of products of 16-bit factors, where layers take those.
    pub(super) half_products: Option<HalfProducts>,
    subgroups_of_8: bool,
    policy: TunePolicy,
    prefers_compiled: bool,
    /// Kernels built since the last look whose candidates are to be timed later.
    untimed: Rc<Cell<usize>>,
    /// Kernels whose candidates may be timed yet, where not all are.
    timings_left: Option<Rc<Cell<usize>>>,
    image_memory: Option<u64>,
    /// Path and text of shader files that are compiled in place of the program's.
    replaced: Vec<(&'static str, &'static str)>,
    /// Kernels that were fastest on the adapter.
    pub(super) tuned: Rc<RefCell<TuneCache>>,
}

impl Deref for Gpu {
    type Target = Device;

    fn deref(&self) -> &Device {
        &self.ground
    }
}

impl DerefMut for Gpu {
    fn deref_mut(&mut self) -> &mut Device {
        &mut self.ground
    }
}

impl Gpu {
    /// A device with nothing compiled. Kernels are shaped for what needs no subgroups, until [`Gpu::set_subgroups_of_8`].
    pub(super) fn new(ground: Device) -> Self {
        let (software, stalls_at_loads) = (ground.is_software(), stalls_at_loads(&ground.info));
        Self {
            tuned: Rc::new(RefCell::new(TuneCache::open(&ground.info))),
            ground,
            kernels: Rc::default(),
            shaders: Rc::default(),
            uncompiled: None,
            profile: DeviceProfile {
                large_tiles: software,
                stalls_at_loads,
                fuses_relu: !software,
                ..DeviceProfile::GPU
            },
            half_products: None,
            subgroups_of_8: false,
            policy: TunePolicy::Cached,
            prefers_compiled: false,
            untimed: Rc::default(),
            timings_left: None,
            image_memory: None,
            replaced: Vec::new(),
        }
    }

    /// Shapes kernels for an adapter that runs subgroups of 8 lanes in step.
    pub(super) fn set_subgroups_of_8(&mut self) {
        self.subgroups_of_8 = true;
        self.profile.shares_loads = true;
    }

    /// Device profile of the hot kernels.
    pub fn profile(&self) -> DeviceProfile {
        self.profile
    }

    /// Precision and order in which the layers' kernels add, where they are not the first that there were. All candidates of the autotuner add in it, so
    /// that runs with the same one give the same bits on an adapter.
    pub fn summation(&self) -> Option<&'static str> {
        match (self.profile.large_tiles, self.half_products) {
            (true, None) => None,
            (false, None) => Some("gpu 1"),
            (true, Some(HalfProducts::Matrices)) => Some("mixed 1"),
            (false, Some(HalfProducts::Matrices)) => Some("gpu 1 mixed 1"),
            (true, Some(HalfProducts::Lanes)) => Some("mixed by lanes 1"),
            (false, Some(HalfProducts::Lanes)) => Some("gpu 1 mixed by lanes 1"),
        }
    }

    /// Shapes the kernels of plans built from now on.
    ///
    /// # Errors
    /// When loads are to be shared and the adapter does not run subgroups of 8 lanes in step.
    pub fn set_profile(&mut self, profile: DeviceProfile) -> Result<()> {
        if profile.shares_loads && !self.subgroups_of_8 {
            let what = format!("{} has no subgroups of 8 lanes to share loads", self.info.name);
            return Err(Error::new(what, "leave shared loads off"));
        }
        self.profile = profile;
        Ok(())
    }

    /// Policy by which the autotuner picks among candidates.
    pub fn tune_policy(&self) -> TunePolicy {
        self.policy
    }

    /// Sets the policy for plans built from now on.
    pub fn set_tune_policy(&mut self, policy: TunePolicy) {
        self.policy = policy;
    }

    /// A handle whose autotuner picks a candidate that is compiled already, where there is one: an edit of the network must not
    /// wait for the driver's compiler.
    #[must_use]
    pub fn preferring_compiled(&self) -> Self {
        Self { prefers_compiled: true, ..self.clone() }
    }

    /// A handle whose autotuner times the candidates of one kernel, the first of which nothing is known.
    #[must_use]
    pub fn timing_next(&self) -> Self {
        let timings_left = Some(Rc::new(Cell::new(1)));
        Self { policy: TunePolicy::Benchmark, timings_left, ..self.clone() }
    }

    /// Number of kernels built since the last call whose candidates were left to be timed later.
    pub fn take_untimed(&self) -> usize {
        self.untimed.take()
    }

    /// True if a kernel of `candidates` candidates, of which nothing is known, is to be timed now. If it is to be later, it is counted.
    pub(super) fn times_now(&self, candidates: usize) -> bool {
        match (self.policy, &self.timings_left) {
            (TunePolicy::Benchmark, None) => true,
            (TunePolicy::Benchmark, Some(left)) if left.get() > 0 && candidates > 1 => {
                left.set(left.get() - 1);
                true
            }
            (TunePolicy::Benchmark | TunePolicy::Later, _) => {
                self.untimed.set(self.untimed.get() + usize::from(candidates > 1));
                false
            }
            _ => false,
        }
    }

    /// Compiled candidates come before all others.
    pub(super) fn prefers_compiled(&self) -> bool {
        self.prefers_compiled
    }

    /// Bytes that the images of a data set may take; none allows all that the bindings do.
    pub fn image_memory(&self) -> Option<u64> {
        self.image_memory
    }

    /// Sets the bytes that data sets opened from now on may take: larger ones stream.
    pub fn set_image_memory(&mut self, bytes: Option<u64>) {
        self.image_memory = bytes;
    }

    /// A handle for which the shader at `path` reads `text`: with a fault in it, a test shows that it would find one.
    #[must_use]
    pub fn replacing_shader(&self, path: &'static str, text: &'static str) -> Self {
        let replaced = self.replaced.iter().copied().chain([(path, text)]).collect();
        Self { kernels: Rc::default(), shaders: Rc::default(), replaced, ..self.clone() }
    }

    /// The kernel is compiled already.
    pub fn has_kernel(
        &self,
        source: &Source,
        entry: &'static str,
        constants: &[(&'static str, u32)],
    ) -> bool {
        self.kernels.borrow().contains_key(&(source.path, entry, constants.to_vec()))
    }

    /// The compiled kernel `entry` of `source`, with constants set; compiled at its first use, kept after.
    ///
    /// # Errors
    /// When the shader is not valid or lacks the entry point or a constant.
    pub fn kernel(
        &self,
        source: &Source,
        entry: &'static str,
        constants: &[(&'static str, u32)],
    ) -> Result<Arc<Kernel>> {
        let key = (source.path, entry, constants.to_vec());
        let known = self.kernels.borrow().get(&key).cloned();
        let is_new = known.is_none();
        let kernel = match known {
            Some(kernel) => kernel,
            None => Arc::new(Kernel::uncompiled(self, &self.parsed(source, constants)?, entry)?),
        };
        match &self.uncompiled {
            None => kernel.compile()?,
            Some(later) if is_new => later.borrow_mut().push(Arc::clone(&kernel)),
            Some(_) => {}
        }
        if is_new {
            self.kernels.borrow_mut().insert(key, Arc::clone(&kernel));
        }
        Ok(kernel)
    }

    /// The shader file of `source`, parsed at its first use with these constants.
    fn parsed(&self, source: &Source, constants: &[(&'static str, u32)]) -> Result<Arc<ParsedShader>> {
        let key = (source.path, constants.to_vec());
        if let Some(shader) = self.shaders.borrow().get(&key) {
            return Ok(Arc::clone(shader));
        }
        let replaced = self.replaced.iter().find(|(path, _)| *path == source.path);
        let source = Source { text: replaced.map_or(source.text, |(_, text)| text), ..*source };
        let shader = Arc::new(ParsedShader::new(self, &source, constants)?);
        self.shaders.borrow_mut().insert(key, Arc::clone(&shader));
        Ok(shader)
    }

    /// A handle that leaves the kernels of its plans uncompiled, for [`Gpu::take_uncompiled`].
    #[must_use]
    pub fn compiling_later(&self) -> Self {
        Self { uncompiled: Some(Rc::default()), ..self.clone() }
    }

    /// A handle to the same kernels that compiles each when it is asked for.
    #[cfg(test)]
    pub(super) fn compiling_at_once(&self) -> Self {
        Self { uncompiled: None, ..self.clone() }
    }

    /// The kernels that were asked for since the last call and left uncompiled. One that is recorded before is compiled then.
    pub fn take_uncompiled(&self) -> Uncompiled {
        let kernels = self.uncompiled.as_ref().map(|kernels| kernels.take()).unwrap_or_default();
        Uncompiled::new(kernels, self.is_software())
    }

    /// The kernels compiled so far, sorted.
    pub fn compiled(&self) -> Vec<KernelKey> {
        let mut keys: Vec<KernelKey> = self.kernels.borrow().keys().cloned().collect();
        keys.sort();
        keys
    }

    /// Number of kernels compiled so far.
    pub fn kernels_compiled(&self) -> usize {
        self.kernels.borrow().len()
    }
}
