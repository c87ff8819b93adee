//! A compiled compute entry point, with its bindings known by name.
//!
//! **Loop bounds.** Mesa's software driver puts the values of uniforms into loops whose bounds are made of uniforms alone. Where
//! that makes the code much shorter or longer, it compiles the kernel again at *every* dispatch: 4 to 15 ms with a warm disk
//! cache, 800 ms without. A term in the bound that is no uniform, such as `+ (id.x >> 31u)`, which is 0, prevents it.
//! `MESA_SHADER_CACHE_DISABLE=1 revacnn bench train` shows at a glance which kernel needs it.

use super::device::Device;
use super::reflect::{Binding, BindingKind, EntryPoint, reflect};
use super::shader::Source;
use super::structs::Params;
use super::trusted;
use super::wide_loads::with_wide_loads;
use crate::error::{Error, Result};

/// A compute pipeline and its bindings, by reflection.
pub struct Kernel {
    /// `path:entry`, for messages and timings.
    pub label: String,
    /// The entry point's bindings and workgroup size.
    pub entry: EntryPoint,
    /// Names that any entry point of the file binds, sorted.
    pub(super) file_bindings: Vec<String>,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl Kernel {
    /// Compiles `entry` of `source` with `constants` set.
    ///
    /// # Errors
    /// When the shader is not valid, has no such entry point or constant, or the driver refuses it.
    pub fn new(gpu: &Device, source: &Source, entry: &str, constants: &[(&str, u32)]) -> Result<Self> {
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
        let text = if gpu.wide_loads { with_wide_loads(&shader.text) } else { shader.text };
        // The first error is the cause: all that is made of a faulty part is faulty too.
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = trusted::create_module(
            &gpu.device,
            wgpu::ShaderModuleDescriptor {
                label: Some(source.path),
                source: wgpu::ShaderSource::Wgsl(text.into()),
            },
        );
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
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&label),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Kernels write workgroup memory before they read it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(Error::new(
                format!("the driver refused {label}: {error}"),
                "update the graphics driver",
            ));
        }
        Ok(Self { label, entry: point, file_bindings, pipeline, layout })
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
