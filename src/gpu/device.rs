//! The opened device, on which all else of `gpu` stands: wgpu device, queue, limits, the error hook, submits and waits.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use humansize::{BINARY, format_size};

use super::half_products::{matrix_features, request_device};
use super::remedy::{newer_driver, remedy};
use super::uniforms::Uniforms;
use crate::error::{Error, Result};

/// Name that Mesa's software driver for Vulkan goes by.
const SOFTWARE_MESA: &str = "llvmpipe";

/// An opened device; a clone is another handle to it. Single-threaded by design: the GPU is the second thread.
#[derive(Clone)]
pub struct Device {
    /// The wgpu device.
    pub device: wgpu::Device,
    /// The wgpu queue.
    pub queue: wgpu::Queue,
    /// Name, kind and driver of the adapter.
    pub info: wgpu::AdapterInfo,
    /// Largest bindings, buffers and dispatches.
    pub limits: wgpu::Limits,
    /// Passes can write timestamps.
    pub timestamps: bool,
    /// Kernels can use subgroups.
    pub(super) subgroups: bool,
    /// Kernels read `vec4<f32>` by loads of 64 bits: see `wide_loads`.
    pub(super) wide_loads: bool,
    /// Kernels can multiply matrices of 16-bit floats with sums in 32 bits.
    pub(super) half_matrices: bool,
    /// Bytes of all buffers made so far.
    pub(super) allocated: Rc<Cell<u64>>,
    uniforms: Rc<RefCell<Uniforms>>,
    pub(super) faults: Faults,
}

/// Each distinct GPU error once; a clone is another handle, for any thread.
#[derive(Clone, Default)]
pub(super) struct Faults(Arc<Mutex<FaultLog>>);

#[derive(Default)]
struct FaultLog {
    seen: HashSet<String>,
    unread: Vec<String>,
}

impl Faults {
    /// Notes and logs the uncaptured errors of a device.
    fn of(device: &wgpu::Device) -> Self {
        let faults = Self::default();
        let notes = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| notes.note(&error.to_string())));
        faults
    }

    /// Notes and logs an error, the first time.
    pub(super) fn note(&self, text: &str) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !log.seen.insert(text.to_owned()) {
            return;
        }
        // The first one is the cause; the others tell of what could not be made after it.
        let level = if log.unread.is_empty() { log::Level::Error } else { log::Level::Debug };
        log::log!(level, "GPU error: {text}");
        log.unread.push(text.to_owned());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).unread)
    }
}

impl Device {
    /// Opens an adapter with all its limits, and timestamps, subgroups and cooperative matrices where it has them.
    ///
    /// # Errors
    /// When its driver refuses a device.
    pub(super) fn open(adapter: &wgpu::Adapter) -> Result<Self> {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let mut wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP;
        if info.driver == SOFTWARE_MESA {
            wanted |= wgpu::Features::SHADER_INT64;
        }
        let features = adapter.features() & wanted;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("revacnn"),
            required_features: features,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let matrices = matrix_features(adapter);
        let (device, queue) = request_device(adapter, &descriptor, matrices).map_err(|e| {
            let what = format!("the driver of {} refused to open a device: {e}", info.name);
            Error::new(what, remedy(&e.to_string()))
        })?;
        log::info!("adapter: {} ({:?}, {} {})", info.name, info.backend, info.driver, info.driver_info);
        newer_driver(&info).into_iter().for_each(|advice| log::info!("{advice}"));
        Ok(Self {
            faults: Faults::of(&device),
            half_matrices: !matrices.is_empty() && device.features().contains(matrices),
            device,
            queue,
            info,
            limits,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            subgroups: features.contains(wgpu::Features::SUBGROUP),
            wide_loads: features.contains(wgpu::Features::SHADER_INT64),
            allocated: Rc::default(),
            uniforms: Rc::default(),
        })
    }

    /// The adapter computes on the CPU: then rendering and training share its cores.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// A new command encoder.
    pub fn encoder(&self, label: &str) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) })
    }

    /// Submits one encoder.
    pub fn submit(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.uniforms.borrow_mut().write(&self.queue);
        self.queue.submit([encoder.finish()])
    }

    /// Buffer, first byte and number of bytes of a parameter struct, which is on the GPU from the next submit on.
    pub(super) fn uniform(&self, bytes: &[u8]) -> (wgpu::Buffer, u64, u64) {
        let alignment = u64::from(self.limits.min_uniform_buffer_offset_alignment);
        self.uniforms.borrow_mut().add(&self.device, &self.queue, alignment, bytes)
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
        self.faults.take()
    }

    /// An error when the GPU reported one since the last call: the first, of which all others may be effects.
    ///
    /// # Errors
    /// As it says.
    pub fn check(&self) -> Result<()> {
        let Some(fault) = self.take_errors().into_iter().next() else { return Ok(()) };
        let help = remedy(&fault);
        Err(Error::gpu(&fault, help))
    }

    /// An error that says that `what` needs a binding of `bytes`, when the adapter allows less.
    ///
    /// # Errors
    /// When `bytes` is above the adapter's largest storage binding or buffer.
    pub fn check_fits(&self, what: &str, bytes: u64) -> Result<()> {
        let max = self.max_binding();
        if bytes <= max {
            return Ok(());
        }
        // Rounded up, so that what is needed is never said to be what is allowed.
        let needed = format_size(bytes.next_multiple_of(1 << 20), BINARY);
        let allowed = format_size(max, BINARY);
        Err(Error::new(
            format!("{what} needs a buffer of {needed}; {} allows {allowed}", self.info.name),
            "take less at once: a smaller batch or network, fewer rows or images; or another adapter (see: revacnn adapters)",
        ))
    }

    /// Bytes of the largest buffer that can be bound whole.
    pub fn max_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }
}
