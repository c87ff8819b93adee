//! Edges drawn from the buffers that hold their flow: a frame places sets of edges between tiles, and draws them with one instanced call a
//! set, and one more for the edges of the tile in focus.

use glam::Vec2;

use super::edge_flow::{EdgeFlow, EdgeRanking};
use super::edges::EdgeSet;
use super::places::{EdgePlacement, Focus, Lane};
use super::products::{ProductSet, Products};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Params as _, RenderKernel, RenderOptions, Source};
use crate::view::color_map::Theme;
use crate::view::uniform::Uniform;
use crate::{params, wgsl};

const FLOW: Source = wgsl!("view/flow.wgsl", FlowDrawParams, EdgeRanking);

/// Largest number of values that a frame reads to compute flow, about; the next frame goes on.
const FRAME_READS: u32 = 1 << 20;
/// Vertices of an edge, as the shader has them.
const VERTICES: u32 = 16;
/// Width of the strongest edge of a set, in points, where few and where many edges are drawn.
const WIDEST: [f32; 2] = [4.5, 2.2];
/// Opacity of the weakest edge, where few and where many are drawn.
const FAINTEST: [f32; 2] = [0.35, 0.03];
/// Power of an edge's share of the strongest by which its opacity grows, where few and where many are drawn.
const CONTRAST: [f32; 2] = [1.3, 2.6];
/// Opacity of all other edges while a tile is in focus.
const DIMMED: f32 = 0.16;

params! {
    struct FlowDrawParams {
        /// Width and height of the target, in pixels.
        screen: Vec2,
        /// First anchor of the source's tiles.
        source_anchor: u32,
        /// First anchor of the target's tiles.
        target_anchor: u32,
        /// Number of edges.
        edges: u32,
        /// Tiles that a filter sees; 0 where there are no kernels.
        sources: u32,
        /// Filters that see the same tiles.
        group_targets: u32,
        /// Edges from one tile of the source, without kernels.
        source_divisor: u32,
        /// Edges to one tile of the target, without kernels.
        target_divisor: u32,
        /// First tile of the target that has one, without kernels.
        first_target: u32,
        /// 1 where edges go along a lane.
        has_lane: u32,
        /// Middle of the lane, in pixels from the top.
        lane: f32,
        /// Left end of the lane.
        lane_left: f32,
        /// Right end of the lane.
        lane_right: f32,
        /// Height of the lane.
        lane_height: f32,
        /// Pixels per point.
        scale: f32,
        /// Width of the strongest edge, in points.
        widest: f32,
        /// Opacity of the weakest edge.
        faintest: f32,
        /// Factor of the opacity of listed edges.
        opacity: f32,
        /// Power of an edge's share of the strongest by which its opacity grows.
        contrast: f32,
    }
}

params! {
    /// An edge of the tile in focus.
    struct FocusedEdge {
        /// Its index.
        edge: u32,
    }
}

/// A set prepared for drawing.
struct Prepared {
    set: EdgeSet,
    share: f32,
    flow: EdgeFlow,
    uniform: Uniform<FlowDrawParams>,
    /// Bind groups of listed and focused edges.
    groups: Option<[wgpu::BindGroup; 2]>,
    /// Its parameters in this frame, and its edges in focus among those of the frame.
    placed: Option<(FlowDrawParams, std::ops::Range<u32>)>,
    /// Next dispatch.
    next: usize,
    /// All dispatches were recorded once.
    computed: bool,
}

/// Draws edges into targets of one format.
pub struct Flows {
    format: wgpu::TextureFormat,
    /// Of listed and of focused edges.
    kernels: [RenderKernel; 2],
    prepared: Vec<Option<Prepared>>,
    anchors: Vec<[f32; 4]>,
    anchor_buffer: Buffer<[f32; 4]>,
    focused: Vec<FocusedEdge>,
    focused_buffer: wgpu::Buffer,
    screen: Vec2,
    /// Set at which the next frame goes on.
    next: usize,
    /// The filter whose computation is shown, and whether this frame shows it.
    products: Option<(Products, bool)>,
}

fn focused_buffer(gpu: &Gpu, edges: usize) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("edges in focus"),
        size: (edges * size_of::<FocusedEdge>()) as u64,
        usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// The pipelines of listed and of focused edges.
fn kernels(gpu: &Gpu, format: wgpu::TextureFormat, theme: Theme) -> Result<[RenderKernel; 2]> {
    let mut constants = theme.palette().constants(["SELECTED", "PINNED"]);
    constants.push(("PAIRS", VERTICES / 2));
    let kernel = |vertex, instance| {
        let blend = Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING);
        let topology = wgpu::PrimitiveTopology::TriangleStrip;
        let options = RenderOptions { format, blend, topology, instance };
        RenderKernel::new(gpu, &FLOW, (vertex, "edge_fragment"), &constants, &options)
    };
    Ok([kernel("listed_edge_vertex", None)?, kernel("focused_edge_vertex", Some(FocusedEdge::DEF))?])
}

impl Flows {
    /// The pipelines for targets of `format`.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat) -> Result<Self> {
        Ok(Self {
            format,
            kernels: kernels(gpu, format, Theme::default())?,
            prepared: Vec::new(),
            anchors: Vec::new(),
            anchor_buffer: Buffer::zeroed(gpu, "anchors of edges", 1024),
            focused: Vec::new(),
            focused_buffer: focused_buffer(gpu, 1024),
            screen: Vec2::ONE,
            next: 0,
            products: None,
        })
    }

    /// Draws in the colors of `theme` from the next frame on.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn set_theme(&mut self, gpu: &Gpu, theme: Theme) -> Result<()> {
        self.kernels = kernels(gpu, self.format, theme)?;
        self.prepared.clear();
        Ok(())
    }

    /// Begins a frame for a target of `width × height` pixels.
    pub fn begin(&mut self, width: u32, height: u32) {
        self.screen = Vec2::new(width as f32, height as f32);
        self.anchors.clear();
        self.focused.clear();
        self.prepared.iter_mut().flatten().for_each(|prepared| prepared.placed = None);
        // The computation that the last frame did not show is dropped.
        self.products =
            self.products.take().filter(|(_, shown)| *shown).map(|(products, _)| (products, false));
    }

    /// Shows the computation of a filter in this frame.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn show_products(&mut self, gpu: &Gpu, set: &ProductSet) -> Result<&Products> {
        let known =
            self.products.take().map(|(products, _)| products).filter(|products| products.are_of(set));
        let products = known.map_or_else(|| Products::new(gpu, set), Ok)?;
        Ok(&self.products.insert((products, true)).0)
    }

    /// Places the edges of set `index` in this frame, of which the `share` (0 to 1) with the largest flow is listed.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn place(
        &mut self,
        gpu: &Gpu,
        index: usize,
        (set, share): (&EdgeSet, f32),
        placement: EdgePlacement<'_>,
    ) -> Result<()> {
        if self.prepared.len() <= index {
            self.prepared.resize_with(index + 1, || None);
        }
        let known = self.prepared[index].take().filter(|known| known.set.same_as(set));
        let mut prepared = match known {
            Some(known) if known.share == share => known,
            _ => Prepared {
                set: set.clone(),
                share,
                flow: EdgeFlow::new(gpu, set, share)?,
                uniform: Uniform::new(gpu, "edges", wgpu::BufferUsages::COPY_DST),
                groups: None,
                placed: None,
                next: 0,
                computed: false,
            },
        };
        let first = self.focused.len() as u32;
        let edges = match placement.focus {
            Some(Focus::Source(tile)) => set.edges_from(tile),
            Some(Focus::Target(tile)) => set.edges_to(tile),
            Some(Focus::Elsewhere) | None => Vec::new(),
        };
        self.focused.extend(edges.into_iter().map(|edge| FocusedEdge { edge }));
        let params = self.params(&prepared.flow, set, &placement);
        for [left, right, middle] in placement.sources.iter().chain(placement.targets) {
            self.anchors.push([*left, *right, *middle, 0.0]);
        }
        prepared.placed = Some((params, first..self.focused.len() as u32));
        self.prepared[index] = Some(prepared);
        Ok(())
    }

    fn params(&self, flow: &EdgeFlow, set: &EdgeSet, placement: &EdgePlacement<'_>) -> FlowDrawParams {
        let source_anchor = self.anchors.len() as u32;
        // 1 for a few edges, 0 for as many as are ever drawn.
        let few = (1.0 - (flow.wanted as f32 / 16.0).max(1.0).log2() / 4.0).clamp(0.0, 1.0);
        let between = |[at_few, at_many]: [f32; 2]| at_many + few * (at_few - at_many);
        let lane = placement.lane.unwrap_or(Lane { ends: [0.0; 2], middle: 0.0, height: 0.0 });
        // In a lane they lie side by side.
        let in_lane = placement
            .lane
            .map_or(f32::MAX, |lane| (lane.height / placement.scale / set.edges() as f32).max(0.8));
        FlowDrawParams {
            screen: self.screen,
            source_anchor,
            target_anchor: source_anchor + placement.sources.len() as u32,
            edges: set.edges(),
            sources: set.sources(),
            group_targets: set.group_targets(),
            source_divisor: set.joins.source_divisor,
            target_divisor: set.joins.target_divisor,
            first_target: set.joins.first_target,
            has_lane: u32::from(placement.lane.is_some()),
            lane: lane.middle,
            lane_left: lane.ends[0],
            lane_right: lane.ends[1],
            lane_height: lane.height,
            scale: placement.scale,
            widest: between(WIDEST).min(in_lane),
            faintest: between(FAINTEST),
            opacity: if placement.focus.is_some() { DIMMED } else { 1.0 },
            contrast: between(CONTRAST),
        }
    }

    /// Uploads the places, and records a frame's share of the dispatches.
    pub fn prepare(&mut self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>) {
        self.upload(gpu);
        self.compute(pass, true);
    }

    /// True where a set is placed in this frame, or a filter's computation is shown.
    pub fn are_shown(&self) -> bool {
        self.prepared.iter().flatten().any(|prepared| prepared.placed.is_some())
            || matches!(self.products, Some((_, true)))
    }

    /// True where some of what is shown was never computed.
    pub fn are_new(&self) -> bool {
        self.prepared.iter().flatten().any(|prepared| prepared.placed.is_some() && !prepared.computed)
            || matches!(&self.products, Some((products, true)) if !products.are_computed())
    }

    /// Uploads the places.
    pub fn upload(&mut self, gpu: &Gpu) {
        if self.anchor_buffer.len() < self.anchors.len() {
            self.anchor_buffer =
                Buffer::zeroed(gpu, "anchors of edges", self.anchors.len().next_power_of_two());
            self.prepared.iter_mut().flatten().for_each(|prepared| prepared.groups = None);
        }
        self.anchor_buffer.write(gpu, 0, &self.anchors);
        if self.focused_buffer.size() < (self.focused.len() * size_of::<FocusedEdge>()) as u64 {
            self.focused_buffer = focused_buffer(gpu, self.focused.len().next_power_of_two());
        }
        gpu.queue.write_buffer(&self.focused_buffer, 0, bytemuck::cast_slice(&self.focused));
        for prepared in self.prepared.iter_mut().flatten() {
            let Some((params, _)) = &prepared.placed else { continue };
            prepared.uniform.write(gpu, params);
            if prepared.groups.is_none() {
                let named = [
                    ("params", prepared.uniform.range()),
                    ("flows", prepared.flow.flows.range()),
                    ("ranking", prepared.flow.ranking.range()),
                    ("listed", prepared.flow.listed.range()),
                    ("anchors", self.anchor_buffer.range()),
                ];
                let [listed, focused] = &self.kernels;
                let bind = |kernel: &RenderKernel| {
                    kernel.bind(gpu, 0, named.clone()).expect("all that the shader binds is named")
                };
                prepared.groups = Some([bind(listed), bind(focused)]);
            }
        }
    }

    /// Records a frame's share of the dispatches: of `all` in turn, or of those alone that were never recorded.
    pub fn compute(&mut self, pass: &mut wgpu::ComputePass<'_>, all: bool) {
        if let Some((products, true)) = &mut self.products
            && (all || !products.are_computed())
        {
            products.record(pass);
        }
        self.record(pass, all);
    }

    /// Records dispatches of the placed sets in turn, each set's once at most, until they have read enough values.
    fn record(&mut self, pass: &mut wgpu::ComputePass<'_>, all: bool) {
        let count = self.prepared.len();
        let mut left = i64::from(FRAME_READS);
        let first = self.next;
        for index in (0..count).map(|i| (first + i) % count) {
            let wanted = |p: &&mut Prepared| p.placed.is_some() && (all || !p.computed);
            let Some(prepared) = self.prepared[index].as_mut().filter(wanted) else { continue };
            self.next = index;
            while prepared.next < prepared.flow.plan.len() {
                if left <= 0 {
                    return;
                }
                prepared.flow.plan.record(pass, prepared.next..prepared.next + 1);
                left -= i64::from(prepared.flow.reads[prepared.next]);
                prepared.next += 1;
            }
            prepared.next = 0;
            prepared.computed = true;
            self.next = index + 1;
        }
    }

    /// Draws the edges of all placed sets. The viewport must be the whole target.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>) {
        let placed = |prepared: &'_ Prepared| {
            let (_, focused) = prepared.placed.clone()?;
            Some((prepared.groups.clone()?, focused, prepared.flow.wanted))
        };
        let placed: Vec<_> = self.prepared.iter().flatten().filter_map(placed).collect();
        pass.set_pipeline(self.kernels[0].pipeline());
        for ([listed, _], _, wanted) in &placed {
            pass.set_bind_group(0, listed, &[]);
            pass.draw(0..VERTICES, 0..*wanted);
        }
        pass.set_pipeline(self.kernels[1].pipeline());
        pass.set_vertex_buffer(0, self.focused_buffer.slice(..));
        for ([_, group], focused, _) in placed.iter().filter(|(_, focused, _)| !focused.is_empty()) {
            pass.set_bind_group(0, group, &[]);
            pass.draw(0..VERTICES, focused.clone());
        }
    }
}
