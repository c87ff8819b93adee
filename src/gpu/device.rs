//! The opened device: queue, limits, the cache of compiled kernels, the error hook.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use humansize::{BINARY, format_size};

use super::adapter::{self, AdapterChoice};
use super::buffer::Buffer;
use super::choice::{Choices, Choosing};
use super::kernel::Kernel;
use super::plan::PlanBuilder;
use super::shader::Source;
use crate::error::{Error, Result};
use crate::wgsl;

const SUBGROUP_SIZE: Source = wgsl!("gpu/subgroup_size.wgsl");

type KernelKey = (&'static str, &'static str, Vec<(&'static str, u32)>);

/// What the hot kernels are shaped for. Chosen from the adapter; tests set it, to try every variant of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Whether loads are shared among the 8 lanes of a subgroup. On the software adapter every load is done lane
    /// by lane, so sharing pays (16 against 10 GFLOP/s in a convolution); a GPU's cache does it by itself.
    pub shares_loads: bool,
    /// Whether register tiles are large and threads few, as on the software adapter, where loads cost most; a GPU
    /// wants many threads, and 16 channels × 4 images fill its registers.
    pub large_tiles: bool,
    /// Whether a relu is made by the kernel whose result it takes, which saves reading that again. On the software adapter a
    /// kernel's scattered second store costs twice what the relu does by itself (8 to 10 ms against 4 ms).
    pub fuses_relu: bool,
}

/// An opened GPU. Single-threaded by design: the GPU is the second thread.
pub struct Gpu {
    /// The wgpu device.
    pub device: wgpu::Device,
    /// The wgpu queue.
    pub queue: wgpu::Queue,
    /// Name, kind and driver of the adapter.
    pub info: wgpu::AdapterInfo,
    /// What may be bound and dispatched.
    pub limits: wgpu::Limits,
    /// Whether passes can write timestamps.
    pub timestamps: bool,
    tuning: Tuning,
    choosing: Choosing,
    image_memory: Option<u64>,
    pub(super) prefers_compiled: Cell<bool>,
    pub(super) choices: RefCell<Choices>,
    subgroups_of_8: bool,
    pub(super) allocated: Cell<u64>,
    kernels: RefCell<HashMap<KernelKey, Arc<Kernel>>>,
    errors: Arc<Mutex<ErrorLog>>,
}

/// Each distinct GPU error once.
#[derive(Default)]
struct ErrorLog {
    seen: HashSet<String>,
    unread: Vec<String>,
}

impl Gpu {
    /// Opens the adapter that `choice` means, without a window.
    ///
    /// # Errors
    /// When there is no such adapter, or its driver refuses a device.
    pub fn open(choice: &AdapterChoice) -> Result<Self> {
        let instance = adapter::instance(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        Self::open_on(&adapter::choose(&instance, choice, None)?)
    }

    /// Opens the adapter that `choice` means and that can present to `surface`; the adapter comes along
    /// for the surface's configuration.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn open_for_surface(
        instance: &wgpu::Instance,
        choice: &AdapterChoice,
        surface: &wgpu::Surface<'_>,
    ) -> Result<(Self, wgpu::Adapter)> {
        let adapter = adapter::choose(instance, choice, Some(surface))?;
        Ok((Self::open_on(&adapter)?, adapter))
    }

    fn open_on(adapter: &wgpu::Adapter) -> Result<Self> {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP;
        let required_features = adapter.features() & wanted;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("revacnn"),
            required_features,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|e| {
            Error::new(
                format!("the driver of {} refused to open a device: {e}", info.name),
                "update the graphics driver, or take another adapter (see: revacnn adapters)",
            )
        })?;
        log::info!("adapter: {} ({:?}, {} {})", info.name, info.backend, info.driver, info.driver_info);
        let errors = Arc::new(Mutex::new(ErrorLog::default()));
        let log = Arc::clone(&errors);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let text = error.to_string();
            let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if log.seen.insert(text.clone()) {
                log::error!("GPU error: {text}");
                log.unread.push(text);
            }
        }));
        let timestamps = required_features.contains(wgpu::Features::TIMESTAMP_QUERY);
        let mut gpu = Self {
            device,
            queue,
            info,
            limits,
            timestamps,
            tuning: Tuning { shares_loads: false, large_tiles: false, fuses_relu: false },
            choosing: Choosing::Known,
            image_memory: None,
            prefers_compiled: Cell::new(false),
            choices: RefCell::default(),
            subgroups_of_8: false,
            allocated: Cell::new(0),
            kernels: RefCell::default(),
            errors,
        };
        let software = gpu.is_software();
        gpu.subgroups_of_8 =
            software && required_features.contains(wgpu::Features::SUBGROUP) && gpu.measure_subgroup()? == 8;
        gpu.choices = RefCell::new(Choices::open(&gpu.info));
        gpu.tuning =
            Tuning { shares_loads: gpu.subgroups_of_8, large_tiles: software, fuses_relu: !software };
        Ok(gpu)
    }

    /// The number of lanes that a workgroup of 64 really runs in step.
    fn measure_subgroup(&self) -> Result<u32> {
        let kernel = self.kernel(&SUBGROUP_SIZE, "subgroup_size", &[])?;
        let size = Buffer::<u32>::zeroed(self, "subgroup size", 64);
        let mut builder = PlanBuilder::new(self);
        builder.dispatch("subgroup size", &kernel).bind("size", size.range()).threads([64, 1, 1])?;
        let mut encoder = self.encoder("subgroup size");
        builder.finish().encode(&mut encoder);
        self.submit(encoder);
        Ok(size.read(self)[0])
    }

    /// Whether the adapter computes on the CPU (then looking and learning share its cores).
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// What the hot kernels are shaped for.
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// Shapes the kernels of plans built from now on.
    ///
    /// # Errors
    /// When loads are to be shared and the adapter does not run subgroups of 8 lanes in step.
    pub fn set_tuning(&mut self, tuning: Tuning) -> Result<()> {
        if tuning.shares_loads && !self.subgroups_of_8 {
            let what = format!("{} has no subgroups of 8 lanes to share loads", self.info.name);
            return Err(Error::new(what, "leave shared loads off"));
        }
        self.tuning = tuning;
        Ok(())
    }

    /// How variants of kernels are chosen.
    pub fn choosing(&self) -> Choosing {
        self.choosing
    }

    /// Chooses the kernels of plans built from now on in this way.
    pub fn set_choosing(&mut self, choosing: Choosing) {
        self.choosing = choosing;
    }

    /// Bytes that the images of a data set may take; all that the bindings allow if none.
    pub fn image_memory(&self) -> Option<u64> {
        self.image_memory
    }

    /// Data sets opened from now on take at most so many bytes: larger ones stream.
    pub fn set_image_memory(&mut self, bytes: Option<u64>) {
        self.image_memory = bytes;
    }

    /// From now on a choice among the candidates of a kernel falls on one that is compiled, if there is one: an edit of the
    /// network must not wait for the driver's compiler.
    pub fn prefer_compiled(&self, prefer: bool) {
        self.prefers_compiled.set(prefer);
    }

    /// Whether the kernel is compiled already.
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
        if let Some(kernel) = self.kernels.borrow().get(&key) {
            return Ok(Arc::clone(kernel));
        }
        let kernel = Arc::new(Kernel::new(self, source, entry, constants)?);
        self.kernels.borrow_mut().insert(key, Arc::clone(&kernel));
        Ok(kernel)
    }

    /// How many pipelines have been compiled so far.
    pub fn kernels_compiled(&self) -> usize {
        self.kernels.borrow().len()
    }

    /// A new command encoder.
    pub fn encoder(&self, label: &str) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) })
    }

    /// Submits one encoder.
    pub fn submit(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.queue.submit([encoder.finish()])
    }

    /// Waits until a submission is done.
    pub fn wait_for(&self, submission: wgpu::SubmissionIndex) {
        let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        if let Err(error) = self.device.poll(poll) {
            log::warn!("waiting for the GPU: {error}");
        }
    }

    /// Lets finished work call back, without waiting.
    pub fn poll(&self) {
        if let Err(error) = self.device.poll(wgpu::PollType::Poll) {
            log::warn!("polling the GPU: {error}");
        }
    }

    /// Waits until all submitted work is done.
    pub fn wait(&self) {
        if let Err(error) = self.device.poll(wgpu::PollType::wait_indefinitely()) {
            log::warn!("waiting for the GPU: {error}");
        }
    }

    /// The GPU errors since the last call, each distinct one once in the life of the device.
    pub fn take_errors(&self) -> Vec<String> {
        let mut log = self.errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut log.unread)
    }

    /// An error that says that `what` needs a binding of `bytes`, when the adapter allows less.
    ///
    /// # Errors
    /// When `bytes` is above the adapter's largest storage binding or buffer.
    pub fn check_fits(&self, what: &str, bytes: u64) -> Result<()> {
        let most = self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size);
        if bytes <= most {
            return Ok(());
        }
        // Rounded up, so that what is needed is never said to be what is allowed.
        let needed = format_size(bytes.next_multiple_of(1 << 20), BINARY);
        let allowed = format_size(most, BINARY);
        Err(Error::new(
            format!("{what} needs a buffer of {needed}; {} allows {allowed}", self.info.name),
            "take less at once: a smaller batch or network, fewer rows or images; or another adapter (see: revacnn adapters)",
        ))
    }
}
