//! Layouts as points: dots, discs behind them, indices beside them, the one under the pointer and those that are selected, all from
//! the buffers in which the layout moves them.
//!
//! A frame places a layout in a rectangle ([`Scatters::place`]). On the GPU its points are fitted into it, moved and enlarged as
//! the user asked. Where they are few, or near enough to be seen as tiles, their pixels are written, and those that the rectangle
//! shows are listed: tiles, discs and labels are drawn from the list. Many points are written straight into a buffer of pixels,
//! how many dots cover each and which comes first, and that buffer is drawn as one rectangle.

use std::collections::BTreeMap;

use super::color_map::{CLASS_COLORS, RIGHT_WRONG, UNKNOWN};
use super::placement::{Camera, Look, MOST_POINTS, Placement};
use super::projection::{MOST_LISTED, Projection};
use super::selection::{Lasso, Selection};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const SCATTER: Source = wgsl!("view/scatter.wgsl", Camera, ScatterParams);
const POINTS: Source = wgsl!("view/points.wgsl", Look);

params! {
    pub(super) struct ScatterParams {
        count: u32,
        /// Workgroups of the frame's first pass.
        parts: u32,
        /// Indices of a list at most.
        most: u32,
        /// Not 0: there are changes, classes; a list is followed by numbers by class.
        change: u32, classes: u32, tally: u32,
    }
}

/// Buffers by the names that kernels bind them to.
pub(super) type Bindings = Vec<(&'static str, BufferRange)>;

/// Dispatches of the entry points of the shader, each with so many threads; each binds what it names.
pub(super) fn plan(
    gpu: &Gpu,
    bindings: &Bindings,
    params: &ScatterParams,
    entries: &[(&'static str, u32)],
) -> Result<Plan> {
    let mut plan = PlanBuilder::new(gpu);
    for (entry, threads) in entries {
        let kernel = gpu.kernel(&SCATTER, entry, &[])?;
        let mut dispatch = plan.dispatch(&entry.replace('_', " "), &kernel);
        if kernel.binding("params").is_ok() {
            dispatch = dispatch.params(params);
        }
        dispatch = dispatch.bind_those(bindings.iter().cloned());
        dispatch.threads([*threads, 1, 1])?;
    }
    Ok(plan.finish())
}

/// The points of a layout.
#[derive(Clone)]
pub struct ScatterSet {
    /// Two values a point; what stands at 1e14 or farther is not drawn.
    pub positions: BufferRange,
    /// Bit 0: not drawn; bit 1: pinned.
    pub flags: BufferRange,
    /// Number of points.
    pub count: u32,
    /// A value a point: the radius of its disc, the largest as large as there is room.
    pub change: Option<BufferRange>,
    /// A number a point, below 255: its class.
    pub classes: Option<BufferRange>,
    /// A number a point: what it is taken for; from 255 on nothing.
    pub predictions: Option<BufferRange>,
}

impl ScatterSet {
    fn same_as(&self, other: &Self) -> bool {
        let buffers = |set: &Self| {
            [&set.change, &set.classes, &set.predictions]
                .map(|range| range.as_ref().map(|range| range.buffer.clone()))
        };
        self.positions.buffer == other.positions.buffer
            && self.flags.buffer == other.flags.buffer
            && self.count == other.count
            && buffers(self) == buffers(other)
    }
}

/// What [`Scatters::draw`] draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Behind the points.
    Discs,
    /// Frames around what is pinned, selected or marked; the tiles cover their inside.
    Rings,
    /// Beside the points.
    Labels,
    /// The points themselves, in the colours of their groups.
    Dots,
}

/// The shader's names for the parts, in their order; the last are dots as pixels.
const PIPELINES: [&str; 5] = ["disc", "ring", "label", "dot", "splat"];
const _: () = assert!(Part::Discs as usize == 0 && Part::Rings as usize == 1);
const _: () = assert!(Part::Labels as usize == 2 && Part::Dots as usize == 3);

/// Draws layouts into targets of one format.
pub struct Scatters {
    pipelines: [wgpu::RenderPipeline; 5],
    layout: wgpu::BindGroupLayout,
    prepared: BTreeMap<u64, Projection>,
    selections: BTreeMap<u64, Selection>,
    screen: [f32; 2],
}

impl Scatters {
    /// Layouts for targets of `format`.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat) -> Result<Self> {
        let buffer = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let storage = wgpu::BufferBindingType::Storage { read_only: true };
        let uniform = buffer(0, wgpu::BufferBindingType::Uniform);
        let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("points"),
            entries: &[
                uniform,
                buffer(1, storage),
                buffer(2, storage),
                buffer(3, storage),
                buffer(4, storage),
            ],
        });
        let names: Vec<String> = (0..CLASS_COLORS.len()).map(|class| format!("CLASS_{class}")).collect();
        let pack = |[r, g, b]: [u8; 3]| u32::from_be_bytes([0, r, g, b]);
        let mut knobs: Vec<(&str, u32)> =
            names.iter().map(String::as_str).zip(CLASS_COLORS.map(pack)).collect();
        knobs.extend(["RIGHT", "WRONG"].into_iter().zip(RIGHT_WRONG.map(pack)));
        knobs.push(("UNKNOWN", pack(UNKNOWN)));
        let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(POINTS.path),
            source: wgpu::ShaderSource::Wgsl(POINTS.expand(&knobs)?.text.into()),
        });
        let pipelines = PIPELINES.map(|name| pipeline(gpu, format, &layout, &module, name));
        let (prepared, selections) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { pipelines, layout, prepared, selections, screen: [1.0; 2] })
    }

    /// Begins a frame for a target of `width × height` pixels.
    pub fn begin(&mut self, width: u32, height: u32) {
        self.screen = [width as f32, height as f32];
        // What the last frame did not show is gone.
        self.prepared.retain(|_, prepared| prepared.placement.take().is_some());
    }

    /// Shows a layout, known by `id`, in this frame.
    ///
    /// # Errors
    /// When it has more than [`MOST_POINTS`] points, or does not fit the adapter.
    pub fn place(&mut self, gpu: &Gpu, id: u64, set: &ScatterSet, placement: Placement) -> Result<()> {
        if set.count > MOST_POINTS {
            return Err(Error::new(
                format!("a layout of {} points cannot be shown", set.count),
                format!("lay out at most {MOST_POINTS}"),
            ));
        }
        if self.selections.get(&id).is_none_or(|selection| selection.count != set.count) {
            let mut selection = Selection::new(gpu, set.count);
            // Of what was selected before nothing is left: that is to be read back.
            selection.changed = self.selections.contains_key(&id);
            self.selections.insert(id, selection);
            self.prepared.remove(&id);
        }
        if !self.prepared.get(&id).is_some_and(|prepared| prepared.set.same_as(set)) {
            self.prepared.insert(id, Projection::new(gpu, set, &self.selections[&id])?);
        }
        let Some(prepared) = self.prepared.get_mut(&id) else { return Ok(()) };
        prepared.place(gpu, &self.layout, placement)
    }

    /// The points that a layout shows, written by [`Scatters::prepare`] where it is placed with tiles or has few points: each
    /// point's pixel x and y, radius of the disc and flags; and a list of how many the rectangle shows, and of the first
    /// [`MOST_LISTED`] of them.
    pub fn listed(&self, id: u64) -> Option<(&Buffer<[f32; 4]>, &Buffer<u32>)> {
        self.prepared.get(&id)?.listed()
    }

    /// What is to be read back as [`Picked`](super::Picked).
    pub fn found(&self, id: u64) -> Option<&Buffer<u32>> {
        self.prepared.get(&id).map(|prepared| &prepared.found)
    }

    /// Selects what this frame shows on pixels within a lasso. The layout must have been placed.
    ///
    /// # Errors
    /// When the rectangle's pixels do not fit the adapter.
    pub fn select(&mut self, gpu: &Gpu, id: u64, lasso: &Lasso) -> Result<()> {
        match (self.prepared.get_mut(&id), self.selections.get_mut(&id)) {
            (Some(prepared), Some(selection)) => prepared.select(gpu, selection, lasso),
            _ => Ok(()),
        }
    }

    /// Selects nothing.
    pub fn clear_selection(&mut self, gpu: &Gpu, id: u64) {
        if let Some(selection) = self.selections.get_mut(&id) {
            selection.clear(gpu);
        }
    }

    /// Forgets the selections of all other layouts.
    pub fn keep_selections(&mut self, ids: &[u64]) {
        self.selections.retain(|id, _| ids.contains(id));
    }

    /// The selections that changed since their [`Chosen`](super::Chosen) was copied, with what is to be read back of them;
    /// `copy` says whether it did.
    pub fn copy_chosen(&mut self, mut copy: impl FnMut(u64, &Buffer<u32>) -> bool) {
        for (id, selection) in self.selections.iter_mut().filter(|(_, s)| s.changed && !s.pending) {
            selection.changed = !copy(*id, &selection.chosen);
        }
    }

    /// Finds the pixels of the points that this frame shows, within `pass`.
    pub fn prepare(&mut self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>) {
        for (id, prepared) in self.prepared.iter().filter(|(_, prepared)| prepared.placement.is_some()) {
            let Some(selection) = self.selections.get_mut(id) else { continue };
            prepared.record(gpu, pass, self.screen, std::mem::take(&mut selection.pending));
        }
    }

    /// Draws a part of a layout. The viewport must be the whole target.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>, id: u64, part: Part) {
        let Some(prepared) = self.prepared.get(&id) else { return };
        let (Some(placement), Some(group)) = (&prepared.placement, &prepared.group) else { return };
        let as_pixels = part == Part::Dots && prepared.splats(placement);
        pass.set_pipeline(&self.pipelines[part as usize + usize::from(as_pixels)]);
        pass.set_bind_group(0, group, &[]);
        pass.draw(0..4, 0..if as_pixels { 1 } else { prepared.set.count.min(MOST_LISTED) });
    }
}

fn pipeline(
    gpu: &Gpu,
    format: wgpu::TextureFormat,
    layout: &wgpu::BindGroupLayout,
    module: &wgpu::ShaderModule,
    name: &str,
) -> wgpu::RenderPipeline {
    let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("points"),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    let target = wgpu::ColorTargetState {
        format,
        blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
        write_mask: wgpu::ColorWrites::ALL,
    };
    gpu.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(name),
        layout: Some(&pipeline_layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some(&format!("{name}_corner")),
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..Default::default()
        },
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(&format!("{name}_colour")),
            compilation_options: Default::default(),
            targets: &[Some(target)],
        }),
        multiview_mask: None,
        cache: None,
    })
}
