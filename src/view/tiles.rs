//! Tiles: each rectangle shows one tile of a tensor view, texel by texel, straight from the training's buffer.
//!
//! A frame places rectangles ([`Tiles::place`]) between two marks; what lies between them is drawn by
//! [`Tiles::draw`], one instanced draw per tile set. Bind groups are made anew only when a set's view changes.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::stats::TileStats;
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Source, TensorView};
use crate::{params, wgsl};

const TILES: Source = wgsl!("view/tiles.wgsl", TilesParams);
/// How values become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A diverging map, zero in the middle, the same scale for all tiles of the set.
    Signed,
    /// Channels as red, green, blue (or grey), each tile over its own range.
    Rgb,
    /// One value from 0 to 1, as a bar.
    Bar,
}

/// A rectangle in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Instance {
    rectangle: Rect,
    tile: u32,
}

params! {
    struct TilesParams {
        offset: u32,
        tiles: u32,
        channels: u32,
        height: u32,
        width: u32,
        tile_stride: u32,
        channel_stride: u32,
        row_stride: u32,
        column_stride: u32,
        /// 0: signed values in a diverging map; 1: red, green, blue; 2: a bar from 0 to 1.
        style: u32,
        /// Channels of a mosaic lie in rows of so many.
        mosaic_columns: u32,
        /// Texels of one tile, with all its channels.
        texel_columns: u32,
        texel_rows: u32,
        screen_width: f32,
        screen_height: f32,
        /// Where WGSL aligns the next.
        padding: u32,
        /// 1 / (width + 1), 1 / (height + 1): a division of texels without integer division.
        inverse_pitch: [f32; 2],
        /// Pixels of a tile that stands at a point of a layout.
        point_width: f32,
        point_height: f32,
    }
}

/// What a set of tiles shows.
#[derive(Clone)]
pub struct TileSet {
    /// The values.
    pub view: TensorView,
    /// Their colours.
    pub style: Style,
}

impl TileSet {
    /// Rows and columns of texels of one tile with all its channels.
    pub fn texels(&self) -> [u32; 2] {
        let [_, channels, height, width] = self.view.extents;
        if self.style != Style::Signed || channels == 1 {
            return [height, width];
        }
        let columns = mosaic_columns(channels);
        [channels.div_ceil(columns) * (height + 1) - 1, columns * (width + 1) - 1]
    }

    fn same_as(&self, other: &Self) -> bool {
        let (a, b) = (&self.view, &other.view);
        self.style == other.style
            && a.buffer == b.buffer
            && (a.offset, a.extents, a.strides) == (b.offset, b.extents, b.strides)
    }
}

/// Channels in a row of a mosaic: about as many as there are rows.
fn mosaic_columns(channels: u32) -> u32 {
    (1..=channels).find(|c| c * c >= channels).unwrap_or(1)
}

/// A set prepared for drawing.
struct Prepared {
    set: TileSet,
    stats: TileStats,
    /// Of values that never change: dispatches of the statistics that were recorded.
    known: Option<usize>,
    uniform: wgpu::Buffer,
    group: wgpu::BindGroup,
    /// Pixels of a tile that stands at a point.
    point_size: [f32; 2],
}

impl Prepared {
    /// All statistics; of values that never change, the next ones that are not known yet.
    fn record_stats(&mut self, pass: &mut wgpu::ComputePass<'_>) {
        let all = self.stats.plan.len();
        let now = match &mut self.known {
            None => 0..all,
            Some(known) => {
                let first = *known;
                *known = (first + 1).min(all);
                first..*known
            }
        };
        self.stats.plan.record(pass, now);
    }
}

/// What is drawn at once.
enum Batch {
    /// Rectangles of one set.
    Rectangles(usize, Range<u32>),
    /// Tiles of a set, each at its point, so many at most.
    Points(usize, wgpu::BindGroup, u32),
    /// Nothing: what follows is drawn apart.
    Cut,
}

/// The rectangles between two marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    batches: Range<usize>,
}

/// Draws tiles into targets of one format.
pub struct Tiles {
    pipeline: wgpu::RenderPipeline,
    point_pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    point_layout: wgpu::BindGroupLayout,
    prepared: Vec<Option<Prepared>>,
    instances: Vec<Instance>,
    batches: Vec<Batch>,
    vertex_buffer: wgpu::Buffer,
    screen: [f32; 2],
}

fn vertex_buffer(gpu: &Gpu, instances: usize) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("tile rectangles"),
        size: (instances * size_of::<Instance>()) as u64,
        usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

impl Tiles {
    /// Tiles for targets of `format`.
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
            label: Some("tiles"),
            entries: &[buffer(0, wgpu::BufferBindingType::Uniform), buffer(1, storage), buffer(2, storage)],
        });
        let point_layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("points of tiles"),
            entries: &[buffer(0, storage), buffer(1, storage)],
        });
        let pipeline = pipelines(gpu, format, &layout, &point_layout)?;
        let [pipeline, point_pipeline] = pipeline;
        Ok(Self {
            pipeline,
            point_pipeline,
            layout,
            point_layout,
            prepared: Vec::new(),
            instances: Vec::new(),
            batches: Vec::new(),
            vertex_buffer: vertex_buffer(gpu, 1024),
            screen: [1.0; 2],
        })
    }

    /// Begins a frame for a target of `width × height` pixels.
    pub fn begin(&mut self, width: u32, height: u32) {
        self.screen = [width as f32, height as f32];
        self.instances.clear();
        self.batches.clear();
    }

    /// Declares what set `index` shows in this frame.
    ///
    /// # Errors
    /// When its statistics do not fit the adapter.
    pub fn set(&mut self, gpu: &Gpu, index: usize, set: &TileSet) -> Result<()> {
        if self.prepared.len() <= index {
            self.prepared.resize_with(index + 1, || None);
        }
        if self.prepared[index].as_ref().is_some_and(|p| p.set.same_as(set)) {
            return Ok(());
        }
        let stats = TileStats::new(gpu, &set.view)?;
        let uniform = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("tiles"),
            size: (size_of::<TilesParams>() as u64).next_multiple_of(16),
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("tiles"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: set.view.buffer.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 2, resource: stats.buffer.raw().as_entire_binding() },
            ],
        });
        let set = set.clone();
        let known = None;
        self.prepared[index] = Some(Prepared { set, stats, known, uniform, group, point_size: [0.0; 2] });
        Ok(())
    }

    /// The values of set `index` never change: their statistics are computed once, over some frames where there are many.
    pub fn never_changes(&mut self, index: usize) {
        if let Some(Some(prepared)) = self.prepared.get_mut(index) {
            prepared.known.get_or_insert(0);
        }
    }

    /// Where the next rectangle will come: take it before and after placing.
    pub fn mark(&self) -> usize {
        self.batches.len()
    }

    /// What was placed since `mark`.
    pub fn since(&self, mark: usize) -> Placed {
        Placed { batches: mark..self.batches.len() }
    }

    /// Places tile `tile` of set `set`.
    pub fn place(&mut self, set: usize, tile: u32, rectangle: Rect) {
        let next = self.instances.len() as u32;
        self.instances.push(Instance { rectangle, tile });
        match self.batches.last_mut() {
            Some(Batch::Rectangles(last, range)) if *last == set && range.end == next => range.end += 1,
            _ => self.batches.push(Batch::Rectangles(set, next..next + 1)),
        }
    }

    /// Places tiles of set `set`, of `size` pixels each, with their middles at `places` (pixels x and y, two values unused):
    /// those of `list`, which holds their number and then the tiles.
    pub fn place_points(
        &mut self,
        gpu: &Gpu,
        set: usize,
        (places, list): (&Buffer<[f32; 4]>, &Buffer<u32>),
        size: [f32; 2],
    ) {
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("points of tiles"),
            layout: &self.point_layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: places.raw().as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: list.raw().as_entire_binding() },
            ],
        });
        if let Some(Some(prepared)) = self.prepared.get_mut(set) {
            prepared.point_size = size;
            self.batches.push(Batch::Points(set, group, list.len() as u32 - 1));
        }
    }

    /// A batch that later ones must not join: call between what is drawn apart.
    pub fn cut(&mut self) {
        self.batches.push(Batch::Cut);
    }

    /// Statistics of a set's tiles, to be read back for a hover's numbers.
    pub fn stats(&self, set: usize) -> Option<&Buffer<[f32; 4]>> {
        self.prepared.get(set)?.as_ref().map(|p| &p.stats.buffer)
    }

    /// Uploads the rectangles, and computes the statistics of the sets that this frame shows, within `pass`.
    pub fn prepare(&mut self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>) {
        if self.vertex_buffer.size() < (self.instances.len() * size_of::<Instance>()) as u64 {
            self.vertex_buffer = vertex_buffer(gpu, self.instances.len().next_power_of_two());
        }
        gpu.queue.write_buffer(&self.vertex_buffer, 0, bytemuck::cast_slice(&self.instances));
        let set_of = |batch: &Batch| match batch {
            Batch::Rectangles(set, _) | Batch::Points(set, ..) => Some(*set),
            Batch::Cut => None,
        };
        let mut shown: Vec<usize> = self.batches.iter().filter_map(set_of).collect();
        shown.sort_unstable();
        shown.dedup();
        for index in shown {
            let Some(prepared) = self.prepared[index].as_mut() else { continue };
            let params = params_of(&prepared.set, self.screen, prepared.point_size);
            gpu.queue.write_buffer(&prepared.uniform, 0, bytemuck::bytes_of(&params));
            if prepared.set.style != Style::Bar {
                prepared.record_stats(pass);
            }
        }
    }

    /// Draws what was placed between two marks. The viewport must be the whole target.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>, placed: &Placed) {
        pass.set_vertex_buffer(0, self.vertex_buffer.slice(..));
        for batch in &self.batches[placed.batches.clone()] {
            let (Batch::Rectangles(set, _) | Batch::Points(set, ..)) = batch else { continue };
            let Some(Some(prepared)) = self.prepared.get(*set) else { continue };
            match batch {
                Batch::Points(_, places, most) => {
                    pass.set_pipeline(&self.point_pipeline);
                    pass.set_bind_group(0, &prepared.group, &[]);
                    pass.set_bind_group(1, places, &[]);
                    pass.draw(0..4, 0..*most);
                }
                Batch::Rectangles(_, range) => {
                    pass.set_pipeline(&self.pipeline);
                    pass.set_bind_group(0, &prepared.group, &[]);
                    pass.draw(0..4, range.clone());
                }
                Batch::Cut => {}
            }
        }
    }
}

fn params_of(set: &TileSet, screen: [f32; 2], point_size: [f32; 2]) -> TilesParams {
    let [tiles, channels, height, width] = set.view.extents;
    let [tile_stride, channel_stride, row_stride, column_stride] = set.view.strides;
    let [texel_rows, texel_columns] = set.texels();
    TilesParams {
        offset: set.view.offset,
        tiles,
        channels,
        height,
        width,
        tile_stride,
        channel_stride,
        row_stride,
        column_stride,
        style: set.style as u32,
        mosaic_columns: mosaic_columns(channels),
        texel_columns,
        texel_rows,
        screen_width: screen[0],
        screen_height: screen[1],
        padding: 0,
        inverse_pitch: [1.0 / (width + 1) as f32, 1.0 / (height + 1) as f32],
        point_width: point_size[0],
        point_height: point_size[1],
    }
}

/// The pipelines of tiles in rectangles, and at points.
fn pipelines(
    gpu: &Gpu,
    format: wgpu::TextureFormat,
    layout: &wgpu::BindGroupLayout,
    point_layout: &wgpu::BindGroupLayout,
) -> Result<[wgpu::RenderPipeline; 2]> {
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(TILES.path),
        source: wgpu::ShaderSource::Wgsl(TILES.expand(&[])?.text.into()),
    });
    let instance = wgpu::VertexBufferLayout {
        array_stride: size_of::<Instance>() as u64,
        step_mode: wgpu::VertexStepMode::Instance,
        attributes: &wgpu::vertex_attr_array![0 => Float32x4, 1 => Uint32],
    };
    let make = |entry: &str, layouts: &[Option<&wgpu::BindGroupLayout>], buffers: &[Option<_>]| {
        let pipeline_layout = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("tiles"),
            bind_group_layouts: layouts,
            immediate_size: 0,
        });
        gpu.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("tiles"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some(entry),
                compilation_options: Default::default(),
                buffers,
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..Default::default()
            },
            depth_stencil: None,
            multisample: Default::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("colour"),
                compilation_options: Default::default(),
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        })
    };
    let in_rectangles = make("corner", &[Some(layout)], &[Some(instance)]);
    Ok([in_rectangles, make("corner_at_point", &[Some(layout), Some(point_layout)], &[])])
}
