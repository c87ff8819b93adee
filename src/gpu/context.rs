//! The GPU as the program uses it: the device, the cache of compiled kernels, device profile and tuning policy.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;

use super::device::Device;
use super::half_products::HalfProducts;
use super::kernel::Kernel;
use super::kernel_cache::{KernelCache, KernelKey, KernelState, KernelVariant};
use super::processor::stalls_at_loads;
use super::shader::Source;
use super::tune_cache::{TuneCache, TunePolicy};
use crate::error::{Error, Result};

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
    kernels: Rc<KernelCache>,
    profile: DeviceProfile,
    /// Making of products of 16-bit factors, where layers take those.
    pub(super) half_products: Option<HalfProducts>,
    subgroups_of_8: bool,
    policy: TunePolicy,
    prefers_compiled: bool,
    /// Candidates of kernels built since the last look that are to be timed later.
    untimed: Rc<RefCell<Vec<KernelVariant>>>,
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
            kernels: Rc::new(KernelCache::new(&ground)),
            ground,
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

    /// A handle whose autotuner picks a candidate that is compiled already, or is being compiled, where there is one: an edit of the
    /// network must not wait for the driver's compiler.
    #[must_use]
    pub fn preferring_compiled(&self) -> Self {
        Self { prefers_compiled: true, ..self.clone() }
    }

    /// A handle whose autotuner times the candidates of one kernel, the first of which nothing is known. Those that are not compiled are
    /// waited for: see [`Gpu::compile_untimed`].
    #[must_use]
    pub fn timing_next(&self) -> Self {
        self.untimed.take();
        let timings_left = Some(Rc::new(Cell::new(1)));
        Self { policy: TunePolicy::Benchmark, timings_left, ..self.clone() }
    }

    /// True if the candidates of a kernel built since the last [`Gpu::timing_next`] were left to be timed later.
    pub fn has_untimed(&self) -> bool {
        !self.untimed.borrow().is_empty()
    }

    /// True where kernels are compiled in the background; else nobody may wait for them but by recording them.
    pub fn compiles_ahead(&self) -> bool {
        self.kernels.compiles_ahead()
    }

    /// Compiles the candidates that were left to be timed later, in the background; true once all of them are compiled or refused, or where that
    /// is not done in the background.
    pub fn compile_untimed(&self) -> bool {
        if !self.compiles_ahead() {
            return true;
        }
        let untimed = self.untimed.borrow();
        untimed.iter().for_each(|variant| self.compile_ahead(variant));
        let is_done = |state| matches!(state, KernelState::Compiled | KernelState::Refused);
        untimed.iter().all(|variant| is_done(self.kernels.state(variant)))
    }

    /// True if a kernel of `candidates` candidates, of which nothing is known, is to be timed now. If it is to be later, `variants`, the kernels
    /// of those to be timed, are noted.
    pub(super) fn times_now(&self, candidates: usize, variants: &[KernelVariant]) -> bool {
        match (self.policy, &self.timings_left) {
            (TunePolicy::Benchmark, None) => true,
            (TunePolicy::Benchmark, Some(left)) if left.get() > 0 && candidates > 1 => {
                left.set(left.get() - 1);
                true
            }
            (TunePolicy::Benchmark | TunePolicy::Later, _) => {
                let mut untimed = self.untimed.borrow_mut();
                for variant in variants.iter().filter(|_| candidates > 1) {
                    if untimed.iter().all(|known| !known.is(variant)) {
                        untimed.push(variant.clone());
                    }
                }
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
        Self { kernels: Rc::new(KernelCache::new(&self.ground)), replaced, ..self.clone() }
    }

    /// State of a kernel.
    pub(super) fn kernel_state(&self, variant: &KernelVariant) -> KernelState {
        self.kernels.state(variant)
    }

    /// Compiles a kernel in the background, for who needs it later.
    pub(super) fn compile_ahead(&self, variant: &KernelVariant) {
        self.kernels.compile_ahead(&self.with_replaced(variant));
    }

    /// The kernel `entry` of `source`, with constants set; read at its first use, compiled in the background from then on, and kept. A driver
    /// that refuses it says so where it is recorded ([`Device::check`]).
    ///
    /// # Errors
    /// When the shader is not valid or lacks the entry point or a constant.
    pub fn kernel(
        &self,
        source: &Source,
        entry: &'static str,
        constants: &[(&'static str, u32)],
    ) -> Result<Arc<Kernel>> {
        self.kernels.kernel(&self.with_replaced(&KernelVariant::new(source, entry, constants)))
    }

    /// A kernel of the shader that takes the place of its own.
    fn with_replaced(&self, variant: &KernelVariant) -> KernelVariant {
        variant.clone().replaced_by(&self.replaced)
    }

    /// The kernels that were asked for so far, sorted.
    pub fn kernel_keys(&self) -> Vec<KernelKey> {
        let mut keys = self.kernels.keys();
        keys.sort();
        keys
    }

    /// Number of kernels that were asked for so far.
    pub fn kernel_count(&self) -> usize {
        self.kernels.keys().len()
    }
}
