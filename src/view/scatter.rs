//! Layouts as points: their pixels, discs behind them, indices beside them, and the one under the pointer, all from the buffers
//! in which the layout moves them.
//!
//! A frame places a layout in a rectangle ([`Scatters::place`]). On the GPU its points are fitted into it, moved and enlarged as
//! the user asked, and written as pixels ([`Scatters::places`]), from which tiles, discs and labels are drawn.

use std::collections::BTreeMap;

use super::color_map::CLASS_COLORS;
use super::tiles::Rect;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const SCATTER: Source = wgsl!("view/scatter.wgsl");
const POINTS: Source = wgsl!("view/points.wgsl");
/// What [`Picked::index`] can tell apart.
pub const MOST_POINTS: u32 = 1 << 20;
/// Pixels of the largest disc's radius, beside half a tile.
const DISC: f32 = 14.0;

params! { struct ScatterParams { count: u32 } }

params! {
    struct Camera {
        left: f32, top: f32, width: f32, height: f32,
        pan_x: f32, pan_y: f32, zoom: f32,
        pointer_x: f32, pointer_y: f32,
        reach_x: f32, reach_y: f32,
        margin: f32, disc: f32,
        hold: f32,
    }
}

params! {
    struct Look {
        screen_width: f32, screen_height: f32,
        label_x: f32, label_y: f32, dot: f32,
        red: f32, green: f32, blue: f32,
        marked: f32,
        half_width: f32, half_height: f32,
        dot_radius: f32,
    }
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
    /// A number a point: the colour of its dot.
    pub classes: Option<BufferRange>,
}

impl ScatterSet {
    fn same_as(&self, other: &Self) -> bool {
        let change = |set: &Self| {
            [&set.change, &set.classes].map(|range| range.as_ref().map(|range| range.buffer.clone()))
        };
        self.positions.buffer == other.positions.buffer
            && self.flags.buffer == other.flags.buffer
            && self.count == other.count
            && change(self) == change(other)
    }
}

/// How a layout is shown in a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Where.
    pub rectangle: Rect,
    /// How far its middle is shifted.
    pub pan: [f32; 2],
    /// How many times it is larger than what fits.
    pub zoom: f32,
    /// Width and height of a point's tile.
    pub tile: [f32; 2],
    /// Where the pointer is, if it is here.
    pub pointer: Option<[f32; 2]>,
    /// The frame stays as it is, while points move.
    pub hold: bool,
    /// Diameter of a point's dot.
    pub dot: f32,
    /// The point that is marked.
    pub marked: Option<u32>,
    /// Pixels of a point of the interface.
    pub scale: f32,
}

/// What lies under the pointer, and how pixels and positions belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picked {
    /// The point.
    pub index: Option<u32>,
    /// The position in the middle of the rectangle, before it is shifted.
    pub middle: [f32; 2],
    /// Pixels a unit, before it is enlarged.
    pub scale: f32,
}

impl Picked {
    /// Bytes that are to be read back for it.
    pub const BYTES: u64 = 32;

    /// From what was read back.
    pub fn read(bytes: &[u8]) -> Self {
        let words: Vec<f32> = bytemuck::pod_collect_to_vec(bytes);
        let key = words[4].to_bits();
        let index = (key != u32::MAX).then_some(key & (MOST_POINTS - 1));
        Self { index, middle: [words[0], words[1]], scale: words[2] }
    }

    /// The layout's position at a pixel.
    pub fn position(&self, pixel: [f32; 2], placement: &Placement) -> [f32; 2] {
        let r = placement.rectangle;
        let middle = [r.x + r.width / 2.0, r.y + r.height / 2.0];
        [0, 1].map(|axis| {
            let away = pixel[axis] - middle[axis] - placement.pan[axis];
            self.middle[axis] + away / (self.scale * placement.zoom)
        })
    }
}

struct Prepared {
    set: ScatterSet,
    plan: Plan,
    camera: Buffer<f32>,
    /// The frame, then what is picked.
    found: Buffer<u32>,
    places: Buffer<[f32; 4]>,
    look: wgpu::Buffer,
    group: wgpu::BindGroup,
    placement: Option<Placement>,
}

/// What [`Scatters::draw`] draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Behind the points.
    Discs,
    /// Frames around what is pinned or marked; the tiles cover their inside.
    Rings,
    /// Beside the points.
    Labels,
    /// The points themselves, in the colours of their classes.
    Dots,
}

/// Draws layouts into targets of one format.
pub struct Scatters {
    pipelines: [wgpu::RenderPipeline; 4],
    layout: wgpu::BindGroupLayout,
    prepared: BTreeMap<u64, Prepared>,
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
        let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("points"),
            entries: &[buffer(0, wgpu::BufferBindingType::Uniform), buffer(1, storage), buffer(2, storage)],
        });
        let names: Vec<String> = (0..CLASS_COLORS.len()).map(|class| format!("CLASS_{class}")).collect();
        let packed = CLASS_COLORS.map(|[r, g, b]| u32::from_be_bytes([0, r, g, b]));
        let knobs: Vec<(&str, u32)> = names.iter().map(String::as_str).zip(packed).collect();
        let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(POINTS.path),
            source: wgpu::ShaderSource::Wgsl(POINTS.expand(&knobs)?.into()),
        });
        let names = ["disc", "ring", "label", "dot"];
        let pipelines = names.map(|name| pipeline(gpu, format, &layout, &module, name));
        Ok(Self { pipelines, layout, prepared: BTreeMap::new(), screen: [1.0; 2] })
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
    /// When it does not fit the adapter.
    pub fn place(&mut self, gpu: &Gpu, id: u64, set: &ScatterSet, placement: Placement) -> Result<()> {
        if !self.prepared.get(&id).is_some_and(|prepared| prepared.set.same_as(set)) {
            let prepared = Prepared::new(gpu, &self.layout, set)?;
            self.prepared.insert(id, prepared);
        }
        if let Some(prepared) = self.prepared.get_mut(&id) {
            prepared.placement = Some(placement);
        }
        Ok(())
    }

    /// The pixels of a layout's points, written by [`Scatters::prepare`]: x, y, radius of the disc, flags.
    pub fn places(&self, id: u64) -> Option<&Buffer<[f32; 4]>> {
        self.prepared.get(&id).map(|prepared| &prepared.places)
    }

    /// What is to be read back as [`Picked`].
    pub fn found(&self, id: u64) -> Option<&Buffer<u32>> {
        self.prepared.get(&id).map(|prepared| &prepared.found)
    }

    /// Finds the pixels of the points that this frame shows, within `pass`.
    pub fn prepare(&self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>) {
        for prepared in self.prepared.values() {
            let Some(placement) = &prepared.placement else { continue };
            prepared.camera.write(gpu, 0, bytemuck::cast_slice(&[camera(placement)]));
            gpu.queue.write_buffer(&prepared.look, 0, bytemuck::bytes_of(&look(placement, self.screen)));
            prepared.plan.record(pass, 0..prepared.plan.len());
        }
    }

    /// Draws a part of a layout. The viewport must be the whole target.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>, id: u64, part: Part) {
        let Some(prepared) = self.prepared.get(&id) else { return };
        pass.set_pipeline(&self.pipelines[part as usize]);
        pass.set_bind_group(0, &prepared.group, &[]);
        pass.draw(0..4, 0..prepared.set.count);
    }
}

// The order of the pipelines.
const _: () = assert!(Part::Discs as usize == 0 && Part::Rings as usize == 1);
const _: () = assert!(Part::Labels as usize == 2 && Part::Dots as usize == 3);

fn camera(placement: &Placement) -> Camera {
    let Placement { rectangle, pan, zoom, tile, pointer, hold, scale, .. } = *placement;
    let [pointer_x, pointer_y] = pointer.unwrap_or([-1e7, -1e7]);
    let half = [tile[0] / 2.0, tile[1] / 2.0];
    Camera {
        left: rectangle.x,
        top: rectangle.y,
        width: rectangle.width,
        height: rectangle.height,
        pan_x: pan[0],
        pan_y: pan[1],
        zoom,
        pointer_x,
        pointer_y,
        reach_x: half[0].max(4.0 * scale),
        reach_y: half[1].max(4.0 * scale),
        margin: half[0].max(half[1]) + DISC * scale,
        disc: half[0].max(half[1]) + DISC * scale,
        hold: f32::from(u8::from(hold)),
    }
}

fn look(placement: &Placement, screen: [f32; 2]) -> Look {
    let half = [placement.tile[0] / 2.0, placement.tile[1] / 2.0];
    Look {
        screen_width: screen[0],
        screen_height: screen[1],
        label_x: half[0],
        label_y: half[1] - 6.0 * placement.scale,
        // Larger digits where there is room for them.
        dot: if half[0] > 15.0 * placement.scale { 2.0 * placement.scale } else { placement.scale }
            .round()
            .max(1.0),
        red: 0.353,
        green: 0.663,
        blue: 0.949,
        marked: placement.marked.map_or(-1.0, |index| index as f32),
        half_width: half[0],
        half_height: half[1],
        dot_radius: placement.dot / 2.0,
    }
}

impl Prepared {
    fn new(gpu: &Gpu, layout: &wgpu::BindGroupLayout, set: &ScatterSet) -> Result<Self> {
        let camera = Buffer::<f32>::zeroed(gpu, "camera", size_of::<Camera>() / 4);
        let found = Buffer::<u32>::zeroed(gpu, "frame of points", 8);
        let places = Buffer::<[f32; 4]>::zeroed(gpu, "places of points", set.count as usize);
        let none = || Buffer::<f32>::zeroed(gpu, "no change", set.count as usize).range();
        let classes = set.classes.clone().unwrap_or_else(none);
        let bindings = [
            ("camera", camera.range()),
            ("positions", set.positions.clone()),
            ("flags", set.flags.clone()),
            ("change", set.change.clone().unwrap_or_else(none)),
            ("found", found.range()),
            ("places", places.range()),
        ];
        let mut plan = PlanBuilder::new(gpu);
        for (entry, threads) in [("fit_frame", 256), ("project_points", set.count)] {
            let kernel = gpu.kernel(&SCATTER, entry, &[])?;
            let mut dispatch = plan.dispatch(&entry.replace('_', " "), &kernel);
            dispatch = dispatch.params(&ScatterParams { count: set.count });
            for (name, range) in &bindings {
                if kernel.binding(name).is_ok() {
                    dispatch = dispatch.bind(name, range.clone());
                }
            }
            dispatch.threads([threads, 1, 1])?;
        }
        let look = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("points"),
            size: (size_of::<Look>() as u64).next_multiple_of(16),
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("points"),
            layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: look.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: places.raw().as_entire_binding() },
                wgpu::BindGroupEntry { binding: 2, resource: classes.buffer.as_entire_binding() },
            ],
        });
        Ok(Self {
            set: set.clone(),
            plan: plan.finish(),
            camera,
            found,
            places,
            look,
            group,
            placement: None,
        })
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
