//! Tiles: rectangles that each show one tile of a tensor view, texel by texel, straight from the buffer that training writes.
//!
//! A frame places rectangles ([`Tiles::place`]) in batches; [`Tiles::draw`] draws a batch, with one instanced draw call per run of
//! tiles of a set. Bind groups are made again only when a set's view changes.

use std::ops::Range;

use glam::Vec2;

use super::color_map::Theme;
use super::listed::{ListedPoints, PointList, ScreenPoint};
use super::rect::Rect;
use super::stats::{SetStats, TileStats, ValueStats};
use super::tile_set::{Style, TileSet, TilesParams};
use super::uniform::Uniform;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Params as _, RenderKernel, RenderOptions, Source};
use crate::{params, wgsl};

/// Constants of the shader that are colors.
const COLORS: [&str; 9] =
    ["ZERO", "NEGATIVE", "NEGATIVE_END", "POSITIVE", "POSITIVE_END", "SELECTED", "PINNED", "GAP", "TROUGH"];
const TILES: Source = wgsl!("view/tiles.wgsl", TilesParams, ValueStats, SetStats, ScreenPoint, PointList);

params! {
    /// A tile in a rectangle, as the instance buffer holds it.
    struct Instance {
        /// Left and upper edge, width and height.
        rectangle: [f32; 4],
        /// Index of the tile.
        tile: u32,
    }
}

/// A set prepared for drawing.
struct Prepared {
    set: TileSet,
    stats: TileStats,
    /// For constant values, the number of statistics dispatches recorded so far.
    recorded: Option<usize>,
    /// The statistics of a bar, its value, are wanted in this frame.
    wanted: bool,
    uniform: Uniform<TilesParams>,
    group: wgpu::BindGroup,
    /// Pixels of a tile at a point.
    point_size: Vec2,
    /// Time at which glows tremble, in seconds.
    tremble: f32,
}

impl Prepared {
    fn new(gpu: &Gpu, set: &TileSet, kernel: &RenderKernel) -> Result<Self> {
        let stats = TileStats::new(gpu, &set.view)?;
        let uniform = Uniform::new(gpu, "tiles", wgpu::BufferUsages::COPY_DST);
        let group = kernel.bind(gpu, 0, bindings(set, &stats, &uniform))?;
        Ok(Self {
            set: set.clone(),
            stats,
            recorded: None,
            wanted: false,
            uniform,
            group,
            point_size: Vec2::ZERO,
            tremble: 0.0,
        })
    }

    /// Records all statistics; those of constant values once, one dispatch per frame.
    fn record_stats(&mut self, pass: &mut wgpu::ComputePass<'_>) {
        let all = self.stats.plan.len();
        let now = match &mut self.recorded {
            None => 0..all,
            Some(recorded) => {
                let first = *recorded;
                *recorded = (first + 1).min(all);
                first..*recorded
            }
        };
        self.stats.plan.record(pass, now);
    }
}

/// The buffers of a set, by their names in the shader.
fn bindings(
    set: &TileSet,
    stats: &TileStats,
    uniform: &Uniform<TilesParams>,
) -> [(&'static str, BufferRange); 5] {
    let values = BufferRange::whole(&set.view.buffer);
    [
        ("params", uniform.range()),
        ("values", values),
        ("stats", stats.tiles.range()),
        ("whole", stats.whole.range()),
        ("activity", stats.activity.range()),
    ]
}

/// An instanced draw call.
enum DrawCall {
    /// A range of rectangles with tiles of one set.
    Rectangles(usize, Range<u32>),
    /// Tiles of a set, each at its point, and their largest number.
    Points(usize, wgpu::BindGroup, u32),
    /// Nothing: the start of a batch, which no call spans.
    Start,
}

/// The draw calls of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    calls: Range<usize>,
}

/// Draws tiles into targets of one format.
pub struct Tiles {
    format: wgpu::TextureFormat,
    kernel: RenderKernel,
    point_kernel: RenderKernel,
    prepared: Vec<Option<Prepared>>,
    instances: Vec<Instance>,
    calls: Vec<DrawCall>,
    instance_buffer: wgpu::Buffer,
    screen: Vec2,
}

fn instance_buffer(gpu: &Gpu, instances: usize) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("tile rectangles"),
        size: (instances * size_of::<Instance>()) as u64,
        usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// The pipelines of tiles in rectangles and at points.
fn kernels(gpu: &Gpu, format: wgpu::TextureFormat, theme: Theme) -> Result<[RenderKernel; 2]> {
    let colors = theme.palette().constants(COLORS);
    let kernel = |vertex, instance| {
        let topology = wgpu::PrimitiveTopology::TriangleStrip;
        let options = RenderOptions { format, blend: None, topology, instance };
        RenderKernel::new(gpu, &TILES, (vertex, "tile_fragment"), &colors, &options)
    };
    Ok([kernel("tile_in_rectangle", Some(Instance::DEF))?, kernel("tile_at_point", None)?])
}

impl Tiles {
    /// The pipelines for targets of `format`.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat) -> Result<Self> {
        let [kernel, point_kernel] = kernels(gpu, format, Theme::default())?;
        Ok(Self {
            format,
            kernel,
            point_kernel,
            prepared: Vec::new(),
            instances: Vec::new(),
            calls: Vec::new(),
            instance_buffer: instance_buffer(gpu, 1024),
            screen: Vec2::ONE,
        })
    }

    /// Draws in the colors of `theme` from the next frame on.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn set_theme(&mut self, gpu: &Gpu, theme: Theme) -> Result<()> {
        [self.kernel, self.point_kernel] = kernels(gpu, self.format, theme)?;
        self.prepared.clear();
        Ok(())
    }

    /// Begins a frame for a target of `width × height` pixels.
    pub fn begin(&mut self, width: u32, height: u32) {
        self.screen = Vec2::new(width as f32, height as f32);
        self.instances.clear();
        self.calls.clear();
    }

    /// Declares the content of set `index` in this frame.
    ///
    /// # Errors
    /// When its statistics do not fit the adapter.
    pub fn set(&mut self, gpu: &Gpu, index: usize, set: &TileSet) -> Result<()> {
        if self.prepared.len() <= index {
            self.prepared.resize_with(index + 1, || None);
        }
        if !self.prepared[index].as_ref().is_some_and(|p| p.set.same_as(set)) {
            self.prepared[index] = Some(Prepared::new(gpu, set, &self.kernel)?);
        }
        Ok(())
    }

    /// Declares the values of set `index` constant: their statistics are computed once, spread over several frames.
    pub fn never_changes(&mut self, index: usize) {
        if let Some(Some(prepared)) = self.prepared.get_mut(index) {
            prepared.recorded.get_or_insert(0);
        }
    }

    /// Computes the statistics of set `index` in this frame even where its colors do not need them.
    pub fn want_stats(&mut self, index: usize) {
        if let Some(Some(prepared)) = self.prepared.get_mut(index) {
            prepared.wanted = true;
        }
    }

    /// Lets the glows of set `index` tremble as at a time in seconds, more where they are brighter; 0 is still.
    pub fn tremble(&mut self, index: usize, seconds: f32) {
        if let Some(Some(prepared)) = self.prepared.get_mut(index) {
            prepared.tremble = seconds;
        }
    }

    /// Begins a batch of tiles that are drawn together; returns its start for [`Tiles::end_batch`].
    pub fn begin_batch(&mut self) -> usize {
        self.calls.push(DrawCall::Start);
        self.calls.len()
    }

    /// The tiles placed since [`Tiles::begin_batch`] returned `start`.
    pub fn end_batch(&self, start: usize) -> Placed {
        Placed { calls: start..self.calls.len() }
    }

    /// Places tile `tile` of set `set` in a rectangle.
    pub fn place(&mut self, set: usize, tile: u32, rectangle: Rect) {
        let next = self.instances.len() as u32;
        self.instances.push(Instance { rectangle: bytemuck::cast(rectangle), tile });
        match self.calls.last_mut() {
            Some(DrawCall::Rectangles(last, range)) if *last == set && range.end == next => range.end += 1,
            _ => self.calls.push(DrawCall::Rectangles(set, next..next + 1)),
        }
    }

    /// Places tiles of set `set`, of `size` pixels each, centered on the listed points of a layout.
    ///
    /// # Errors
    /// When the buffers cannot be bound.
    pub fn place_points(
        &mut self,
        gpu: &Gpu,
        set: usize,
        listed: ListedPoints<'_>,
        size: impl Into<Vec2>,
    ) -> Result<()> {
        let Some(Some(prepared)) = self.prepared.get_mut(set) else { return Ok(()) };
        let named =
            bindings(&prepared.set, &prepared.stats, &prepared.uniform).into_iter().chain(listed.bindings());
        let group = self.point_kernel.bind(gpu, 0, named)?;
        prepared.point_size = size.into();
        self.calls.push(DrawCall::Points(set, group, listed.max_listed()));
        Ok(())
    }

    /// Statistics of a set's tiles, to be read back for a hovered tile.
    pub fn stats(&self, set: usize) -> Option<&Buffer<ValueStats>> {
        self.prepared.get(set)?.as_ref().map(|p| &p.stats.tiles)
    }

    /// Uploads the rectangles and records the statistics of the sets that this frame shows.
    pub fn prepare(&mut self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>) {
        if self.instance_buffer.size() < (self.instances.len() * size_of::<Instance>()) as u64 {
            self.instance_buffer = instance_buffer(gpu, self.instances.len().next_power_of_two());
        }
        gpu.queue.write_buffer(&self.instance_buffer, 0, bytemuck::cast_slice(&self.instances));
        let set_of = |call: &DrawCall| match call {
            DrawCall::Rectangles(set, _) | DrawCall::Points(set, ..) => Some(*set),
            DrawCall::Start => None,
        };
        let mut shown: Vec<usize> = self.calls.iter().filter_map(set_of).collect();
        shown.sort_unstable();
        shown.dedup();
        for index in shown {
            let Some(prepared) = self.prepared[index].as_mut() else { continue };
            prepared
                .uniform
                .write(gpu, &prepared.set.params(self.screen, prepared.point_size, prepared.tremble));
            if std::mem::take(&mut prepared.wanted) || prepared.set.style != Style::Bar {
                prepared.record_stats(pass);
            }
        }
    }

    /// Draws a batch. The viewport must be the whole target.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>, placed: &Placed) {
        pass.set_vertex_buffer(0, self.instance_buffer.slice(..));
        for call in &self.calls[placed.calls.clone()] {
            match call {
                DrawCall::Points(_, group, max) => {
                    pass.set_pipeline(self.point_kernel.pipeline());
                    pass.set_bind_group(0, group, &[]);
                    pass.draw(0..4, 0..*max);
                }
                DrawCall::Rectangles(set, range) => {
                    let Some(Some(prepared)) = self.prepared.get(*set) else { continue };
                    pass.set_pipeline(self.kernel.pipeline());
                    pass.set_bind_group(0, &prepared.group, &[]);
                    pass.draw(0..4, range.clone());
                }
                DrawCall::Start => {}
            }
        }
    }
}
