//! A render pipeline, reflected from its shader like a [`Kernel`](super::Kernel): buffers are bound by their WGSL names.

use super::buffer::BufferRange;
use super::device::Device;
use super::reflect::{Binding, EntryPoint, VertexInput, reflect};
use super::shader::Source;
use super::structs::StructDef;
use crate::error::{Error, Result};

/// State of a render pipeline beside its shader.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// Format of the color target.
    pub format: wgpu::TextureFormat,
    /// Blending; none overwrites.
    pub blend: Option<wgpu::BlendState>,
    /// Assembly of vertices into triangles.
    pub topology: wgpu::PrimitiveTopology,
    /// Struct of the instance buffer, whose fields the vertex entry point takes by name; none where it takes none.
    pub instance: Option<&'static StructDef>,
}

/// A render pipeline and its bindings, by reflection.
pub struct RenderKernel {
    /// `path:vertex+fragment`, for messages.
    pub label: String,
    /// The bindings of both entry points, by group and index.
    pub bindings: Vec<Binding>,
    pipeline: wgpu::RenderPipeline,
    /// By group.
    layouts: Vec<wgpu::BindGroupLayout>,
}

impl RenderKernel {
    /// Compiles the entry points `vertex` and `fragment` of `source` with `constants` set.
    ///
    /// # Errors
    /// When the shader is not valid, has no such entry point or constant, or the driver refuses it.
    pub fn new(
        gpu: &Device,
        source: &Source,
        (vertex, fragment): (&str, &str),
        constants: &[(&str, u32)],
        options: &RenderOptions,
    ) -> Result<Self> {
        let shader = source.expand(constants)?;
        let label = format!("{}:{vertex}+{fragment}", source.path);
        let points = reflect(&shader)?;
        let bindings = bindings_of(source.path, &points, [vertex, fragment])?;
        let layouts = bind_group_layouts(gpu, &label, &bindings);
        let inputs = points.iter().filter(|point| point.name == vertex).flat_map(|point| &point.inputs);
        let attributes = inputs.map(|input| attribute(&label, input, options.instance));
        let attributes = attributes.collect::<Result<Vec<_>>>()?;
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(source.path),
            source: wgpu::ShaderSource::Wgsl(shader.text.into()),
        });
        let pipeline = pipeline(gpu, &label, &module, (vertex, fragment), &layouts, &attributes, options);
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(Error::new(
                format!("the driver refused {label}: {error}"),
                "update the graphics driver",
            ));
        }
        Ok(Self { label, bindings, pipeline, layouts })
    }

    /// The bind group `group`, of the buffers of `named` that its bindings name; other names are ignored.
    ///
    /// # Errors
    /// When a binding is named by none, or its buffer is too small.
    pub fn bind<'n>(
        &self,
        gpu: &Device,
        group: u32,
        named: impl IntoIterator<Item = (&'n str, BufferRange)>,
    ) -> Result<wgpu::BindGroup> {
        let named: Vec<_> = named.into_iter().collect();
        let mut entries = Vec::new();
        for binding in self.bindings.iter().filter(|b| b.group == group) {
            let Some((_, range)) = named.iter().find(|(name, _)| *name == binding.name) else {
                return Err(Error::new(
                    format!("{}: nothing is bound to {:?}", self.label, binding.name),
                    "bind it",
                ));
            };
            binding.check(&self.label, range)?;
            entries.push(wgpu::BindGroupEntry { binding: binding.index, resource: range.as_binding() });
        }
        let Some(layout) = self.layouts.get(group as usize) else {
            return Err(Error::new(format!("{} has no bind group {group}", self.label), "name one it has"));
        };
        Ok(gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&self.label),
            layout,
            entries: &entries,
        }))
    }

    /// The pipeline, to be set in a pass.
    pub fn pipeline(&self) -> &wgpu::RenderPipeline {
        &self.pipeline
    }
}

/// The bindings that either entry point uses, by group and index.
fn bindings_of(path: &str, points: &[EntryPoint], entries: [&str; 2]) -> Result<Vec<Binding>> {
    let mut bindings: Vec<Binding> = Vec::new();
    for entry in entries {
        let point = points.iter().find(|point| point.name == entry).ok_or_else(|| {
            Error::new(format!("shader {path} has no entry point {entry}"), "name one it has")
        })?;
        let new = |b: &&Binding| !bindings.iter().any(|known| known.name == b.name);
        let new: Vec<Binding> = point.bindings.iter().filter(new).cloned().collect();
        bindings.extend(new);
    }
    bindings.sort_by_key(|b| (b.group, b.index));
    Ok(bindings)
}

fn bind_group_layouts(gpu: &Device, label: &str, bindings: &[Binding]) -> Vec<wgpu::BindGroupLayout> {
    let groups = bindings.last().map_or(0, |b| b.group + 1);
    let layout = |group| {
        let own = bindings.iter().filter(|b| b.group == group);
        let entries: Vec<_> = own.map(|b| b.layout_entry(wgpu::ShaderStages::VERTEX_FRAGMENT)).collect();
        gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(label),
            entries: &entries,
        })
    };
    (0..groups).map(layout).collect()
}

/// The field of the instance buffer that a vertex entry point takes.
fn attribute(
    label: &str,
    input: &VertexInput,
    instance: Option<&'static StructDef>,
) -> Result<wgpu::VertexAttribute> {
    let mut fields = instance.iter().flat_map(|instance| instance.fields);
    let Some(field) = fields.find(|f| f.name == input.name && f.size as u64 == input.format.size()) else {
        let what =
            format!("{label}: no field {:?} of {} bytes is in {instance:?}", input.name, input.format.size());
        return Err(Error::new(what, "name the struct of its instances"));
    };
    let (format, shader_location) = (input.format, input.location);
    Ok(wgpu::VertexAttribute { format, offset: field.offset as u64, shader_location })
}

fn pipeline(
    gpu: &Device,
    label: &str,
    module: &wgpu::ShaderModule,
    (vertex, fragment): (&str, &str),
    layouts: &[wgpu::BindGroupLayout],
    attributes: &[wgpu::VertexAttribute],
    options: &RenderOptions,
) -> wgpu::RenderPipeline {
    let bind_group_layouts: Vec<_> = layouts.iter().map(Some).collect();
    let layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &bind_group_layouts,
        immediate_size: 0,
    });
    let instances = options.instance.map(|instance| wgpu::VertexBufferLayout {
        array_stride: instance.size as u64,
        step_mode: wgpu::VertexStepMode::Instance,
        attributes,
    });
    let buffers = if instances.is_some() { &[instances][..] } else { &[] };
    let target = wgpu::ColorTargetState {
        format: options.format,
        blend: options.blend,
        write_mask: wgpu::ColorWrites::ALL,
    };
    gpu.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(label),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some(vertex),
            compilation_options: Default::default(),
            buffers,
        },
        primitive: wgpu::PrimitiveState { topology: options.topology, ..Default::default() },
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(fragment),
            compilation_options: Default::default(),
            targets: &[Some(target)],
        }),
        multiview_mask: None,
        cache: None,
    })
}
