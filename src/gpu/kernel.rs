//! A compiled compute entry point, with its bindings known by name.
//!
//! **Loop bounds.** Mesa's software driver puts the values of uniforms into loops whose bounds are made of uniforms alone. Where
//! that makes the code much shorter or longer, it compiles the kernel again at *every* dispatch: 4 to 15 ms with a warm disk
//! cache, 800 ms without. A term in the bound that is no uniform, such as `+ (id.x >> 31u)`, which is 0, prevents it.
//! `MESA_SHADER_CACHE_DISABLE=1 revacnn bench train` shows at a glance which kernel needs it.

use std::sync::{Arc, OnceLock};

use super::device::Device;
use super::parsed_shader::ParsedShader;
use super::reflect::{Binding, BindingKind, EntryPoint};
use super::shader::Source;
use super::structs::Params;
use crate::error::{Error, Result};

/// A compute pipeline and its bindings, by reflection.
pub struct Kernel {
    /// `path:entry`, for messages and timings.
    pub label: String,
    /// The entry point's bindings and workgroup size.
    pub entry: EntryPoint,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) shader: Arc<ParsedShader>,
    device: wgpu::Device,
    pipeline_layout: wgpu::PipelineLayout,
    compiled: OnceLock<Compiled>,
}

/// The pipeline, and why the driver refused it where it did.
struct Compiled {
    pipeline: wgpu::ComputePipeline,
    refusal: Option<Error>,
}

impl Kernel {
    /// Compiles `entry` of `source` with `constants` set.
    ///
    /// # Errors
    /// When the shader is not valid, has no such entry point or constant, or the driver refuses it.
    pub fn new(gpu: &Device, source: &Source, entry: &str, constants: &[(&str, u32)]) -> Result<Self> {
        let kernel = Self::uncompiled(gpu, &Arc::new(ParsedShader::new(gpu, source, constants)?), entry)?;
        kernel.compile()?;
        Ok(kernel)
    }

    /// `entry` of a shader, which the driver compiles at [`Kernel::compile`], or when it is first recorded.
    ///
    /// # Errors
    /// When the shader has no such entry point, or the driver refuses its bindings.
    pub(super) fn uncompiled(gpu: &Device, shader: &Arc<ParsedShader>, entry: &str) -> Result<Self> {
        let label = format!("{}:{entry}", shader.path);
        let point = shader.entry(entry)?;
        // The first error is the cause: all that is made of a faulty part is faulty too.
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let entries: Vec<_> =
            point.bindings.iter().map(|b| b.layout_entry(wgpu::ShaderStages::COMPUTE)).collect();
        let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(&label),
            entries: &entries,
        });
        let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(&label),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(refusal(&label, &error));
        }
        Ok(Self {
            label,
            entry: point,
            layout,
            shader: Arc::clone(shader),
            device: gpu.device.clone(),
            pipeline_layout,
            compiled: OnceLock::new(),
        })
    }

    /// Lets the driver compile the kernel, if it has not yet.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) fn compile(&self) -> Result<()> {
        self.compiled().refusal.clone().map_or(Ok(()), Err)
    }

    /// The pipeline, compiled now if it is not yet.
    pub(super) fn pipeline(&self) -> &wgpu::ComputePipeline {
        &self.compiled().pipeline
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
            let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&self.label),
                layout: Some(&self.pipeline_layout),
                module: self.shader.module(&self.device),
                entry_point: Some(&self.entry.name),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Kernels write workgroup memory before they read it.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            });
            let error = pollster::block_on(scope.pop());
            Compiled { pipeline, refusal: error.map(|error| refusal(&self.label, &error)) }
        })
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

fn refusal(label: &str, error: &wgpu::Error) -> Error {
    Error::new(format!("the driver refused {label}: {error}"), "update the graphics driver")
}
