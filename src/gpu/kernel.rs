//! A compute entry point, with its bindings known by name, and its pipeline once it is compiled.
//!
//! Reading a shader takes milliseconds, and its faults are known at once. A driver takes 40 to 800 ms for the pipeline: threads in the
//! background begin with it, and it is waited for where a dispatch is recorded (`deferred`, `compile_pool`, `kernel_cache`).
//!
//! **Loop bounds.** Mesa's software driver puts the values of uniforms into loops whose bounds are made of uniforms alone. Where
//! that makes the code much shorter or longer, it compiles the kernel again at *every* dispatch: 4 to 15 ms with a warm disk
//! cache, 800 ms without. A term in the bound that is no uniform, such as `+ (id.x >> 31u)`, which is 0, prevents it.
//! `MESA_SHADER_CACHE_DISABLE=1 revacnn bench train` shows at a glance which kernel needs it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::deferred::Deferred;
use super::device::{Device, Faults};
use super::reflect::{Binding, BindingKind, EntryPoint, reflect};
use super::remedy::remedy;
use super::shader::Source;
use super::structs::Params;
use super::trusted;
use super::wide_loads::with_wide_loads;
use crate::error::{Error, Result};

/// A compute pipeline and its bindings, by reflection. The pipeline is compiled by a thread in the background, or where it is first
/// needed.
pub struct Kernel {
    /// `path:entry`, for messages and timings.
    pub label: String,
    /// The entry point's bindings and workgroup size.
    pub entry: EntryPoint,
    /// Names that any entry point of the file binds, sorted.
    pub(super) file_bindings: Vec<String>,
    pub(super) layout: wgpu::BindGroupLayout,
    pipeline: Deferred<Result<wgpu::ComputePipeline>>,
    faults: Faults,
}

/// Device that kernels are compiled for, and its faults, as any thread may use them.
#[derive(Clone)]
pub(super) struct CompileTarget {
    device: wgpu::Device,
    wide_loads: bool,
    faults: Faults,
}

impl CompileTarget {
    /// That of a device.
    pub(super) fn of(gpu: &Device) -> Self {
        Self { device: gpu.device.clone(), wide_loads: gpu.wide_loads, faults: gpu.faults.clone() }
    }

    /// The result of `make`, with an error where it panics or the device reports one of its own on this thread.
    pub(super) fn guarded<T>(&self, label: &str, make: impl FnOnce() -> Result<T>) -> Result<T> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        // Scopes belong to the thread, and the first error in each is the cause: all that is made of a faulty part is faulty too.
        let scopes = [Internal, OutOfMemory, Validation].map(|filter| self.device.push_error_scope(filter));
        let made = catch_unwind(AssertUnwindSafe(make));
        let errors = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop()));
        let fault = errors.map(|error| error.to_string()).reduce(|first, _| first);
        let made = made.map_err(|panic| said(&*panic));
        match (made, fault) {
            (Ok(made), None) => made,
            (Err(fault), _) | (Ok(_), Some(fault)) => {
                Err(Error::new(format!("the driver refused {label}: {fault}"), remedy(&fault)))
            }
        }
    }
}

/// The words of a panic.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    format!("its compiler stopped: {}", text.unwrap_or("it gives no reason"))
}

impl Kernel {
    /// Reads `entry` of `source` with `constants` set; it is compiled where it is first used.
    ///
    /// # Errors
    /// When the shader is not valid, or has no such entry point or constant. A driver that refuses it says so at its first use.
    pub fn new(
        gpu: &Device,
        source: &Source,
        entry: &'static str,
        constants: &[(&str, u32)],
    ) -> Result<Self> {
        Self::read(&CompileTarget::of(gpu), source, entry, constants)
    }

    /// As [`Kernel::new`], on any thread.
    pub(super) fn read(
        target: &CompileTarget,
        source: &Source,
        entry: &'static str,
        constants: &[(&str, u32)],
    ) -> Result<Self> {
        let shader = source.expand(constants)?;
        let label = format!("{}:{entry}", source.path);
        let points = reflect(&shader)?;
        let mut file_bindings: Vec<String> =
            points.iter().flat_map(|point| &point.bindings).map(|b| b.name.clone()).collect();
        file_bindings.sort();
        file_bindings.dedup();
        let point = points.into_iter().find(|point| point.name == entry).ok_or_else(|| {
            Error::new(format!("shader {} has no entry point {entry}", source.path), "name one it has")
        })?;
        let text = if target.wide_loads { with_wide_loads(&shader.text) } else { shader.text };
        let layout = target.guarded(&label, || {
            let entries: Vec<_> =
                point.bindings.iter().map(|b| b.layout_entry(wgpu::ShaderStages::COMPUTE)).collect();
            Ok(target.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some(&label),
                entries: &entries,
            }))
        })?;
        let pipeline = {
            let (target, layout, label, path) = (target.clone(), layout.clone(), label.clone(), source.path);
            move || {
                target.guarded(&label, || Ok(pipeline(&target.device, &layout, (path, text), &label, entry)))
            }
        };
        let (pipeline, faults) = (Deferred::new(pipeline), target.faults.clone());
        Ok(Self { label, entry: point, file_bindings, layout, pipeline, faults })
    }

    /// Compiles it on this thread, unless another one has begun to.
    pub(super) fn compile(&self) {
        self.pipeline.begin();
    }

    /// The driver has compiled or refused it.
    pub(super) fn is_compiled(&self) -> bool {
        self.pipeline.peek().is_some()
    }

    /// Waits until it is compiled, or compiles it.
    ///
    /// # Errors
    /// When the driver refuses it.
    pub(super) fn wait_compiled(&self) -> Result<()> {
        self.pipeline.get().as_ref().map(|_| ()).map_err(Error::clone)
    }

    /// The pipeline, once it is compiled. Where the driver refused it there is none, and the device reports that
    /// ([`Device::check`]).
    pub(super) fn pipeline(&self) -> Option<&wgpu::ComputePipeline> {
        let pipeline = self.pipeline.get().as_ref();
        pipeline.inspect_err(|refused| self.faults.note(refused.what())).ok()
    }

    /// The binding called `name`.
    ///
    /// # Errors
    /// When the entry point binds no such name.
    pub fn binding(&self, name: &str) -> Result<&Binding> {
        self.entry.bindings.iter().find(|b| b.name == name).ok_or_else(|| {
            let known: Vec<_> = self.entry.bindings.iter().map(|b| b.name.as_str()).collect();
            Error::new(format!("{} binds no {name:?}", self.label), format!("it binds {}", known.join(", ")))
        })
    }

    /// The binding of the parameter struct, `var<uniform> params`.
    pub(super) fn params_binding(&self) -> Option<&Binding> {
        self.entry.bindings.iter().find(|b| b.name == "params" && b.kind == BindingKind::Uniform)
    }

    /// Compares a Rust parameter struct with the shader's, field by field.
    ///
    /// # Errors
    /// When a name, an offset or a size differs.
    pub fn check_params<P: Params>(&self) -> Result<()> {
        let binding = self.params_binding();
        if binding.map_or(P::DEF.fields.is_empty(), |b| b.is_of(P::DEF)) {
            return Ok(());
        }
        let theirs = binding.map_or(&[][..], |b| &b.fields);
        let ours: Vec<_> = P::DEF.extents().collect();
        Err(Error::new(
            format!("{}: its parameters are {theirs:?}, the program has {ours:?}", self.label),
            "make the two structs equal",
        ))
    }
}

/// Compiles `entry` of a shader's path and text.
fn pipeline(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    (path, text): (&str, String),
    label: &str,
    entry: &str,
) -> wgpu::ComputePipeline {
    let source = wgpu::ShaderSource::Wgsl(text.into());
    let module = trusted::create_module(device, wgpu::ShaderModuleDescriptor { label: Some(path), source });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            // Kernels write workgroup memory before they read it.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{AdapterChoice, Gpu};

    #[test]
    fn what_goes_wrong_while_a_kernel_is_compiled_is_an_error() {
        let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
        let target = CompileTarget::of(&gpu);
        let stopped = target.guarded::<()>("a.wgsl:f", || panic!("too deep"));
        assert_eq!(
            stopped.unwrap_err().what(),
            "the driver refused a.wgsl:f: its compiler stopped: too deep"
        );
        // Of the first of two errors of the device; none is left for whoever comes next.
        let refused = target.guarded("a.wgsl:f", || {
            let size = gpu.limits.max_buffer_size + 4;
            let usage = wgpu::BufferUsages::STORAGE;
            for label in [Some("first"), Some("second")] {
                let descriptor = wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false };
                drop(gpu.device.create_buffer(&descriptor));
            }
            Ok(())
        });
        let refused = refused.unwrap_err();
        assert!(refused.what().starts_with("the driver refused a.wgsl:f: "), "{refused}");
        assert!(refused.what().contains("first") && !refused.what().contains("second"), "{refused}");
        assert_eq!(target.guarded("a.wgsl:f", || Ok(5)).unwrap(), 5);
        gpu.check().unwrap();
    }
}
