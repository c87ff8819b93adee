//! One layout prepared for drawing: the buffers that hold its points' pixels, and the dispatches that write them.

use glam::Vec2;

use super::camera::{Camera, PointStyleUniform};
use super::color_map::{GROUPS, Theme};
use super::fit::{Fit, FitPart};
use super::grid::Grid;
use super::lasso::Lasso;
use super::listed::{ListedPoints, ScreenPoint};
use super::picked::PickRecord;
use super::placement::Placement;
use super::scatter_set::{ScatterParams, ScatterSet};
use super::selection::{LIST, Selection};
use super::spread::Spread;
use super::uniform::Uniform;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, RenderKernel, Source, Stage};
use crate::{params, wgsl};

/// The fit of the points into the rectangle.
const FIT: Source = wgsl!("view/fit.wgsl", Camera, ScatterParams, Fit, FitPart, PickRecord);
/// The pixels of the points.
const PROJECT: Source =
    wgsl!("view/project.wgsl", Camera, ScatterParams, Fit, PickRecord, Pixel, ScreenPoint);

/// Buffers by their names in shaders.
type Bindings = Vec<(&'static str, BufferRange)>;

/// Largest number of points drawn as tiles, with discs, labels and frames.
pub const MAX_LISTED: u32 = 4096;
/// Largest number of points whose dots are drawn one by one; more are written into a pixel buffer.
const MAX_DOTS: u32 = 3000;
/// The pixel buffer grows by steps, so that enlarging the window does not allocate a new one every frame.
const PIXEL_STEP: u32 = 1 << 16;

params! {
    /// A pixel of the pixel buffer.
    pub(super) struct Pixel {
        /// Number of dots that cover it.
        dots: u32,
        /// Greatest of their keys. Bit 31: pinned; bit 30: selected; then a shuffled order; bits 0 to 8: the group.
        key: u32,
        /// Sum of the red of their groups, each 0 to 255.
        red: u32,
        /// Sum of the green.
        green: u32,
        /// Sum of the blue.
        blue: u32,
    }
}

/// The points and the list of visible ones, for layouts drawn point by point.
struct PointBuffers {
    points: Buffer<ScreenPoint>,
    list: Buffer<u32>,
    plan: Plan,
}

impl PointBuffers {
    fn listed(&self) -> ListedPoints<'_> {
        ListedPoints { points: &self.points, list: &self.list }
    }
}

/// The pixel buffer, for layouts of many points.
struct PixelBuffer {
    pixels: Buffer<Pixel>,
    plan: Plan,
}

/// One layout prepared for drawing.
pub(super) struct Projection {
    theme: Theme,
    pub set: ScatterSet,
    pub placement: Option<Placement>,
    pub pick: Buffer<PickRecord>,
    /// A bind group per render kernel, where its buffers exist.
    pub groups: Vec<Option<wgpu::BindGroup>>,
    /// Pixel of the highlighted point.
    marked: Buffer<Vec2>,
    camera: Uniform<Camera>,
    style: Uniform<PointStyleUniform>,
    /// Buffers of all entry points that project points.
    bindings: Bindings,
    fit: Plan,
    spread: Option<Spread>,
    select: Option<Plan>,
    listed: Option<PointBuffers>,
    splat: Option<PixelBuffer>,
}

/// The dispatches that fit a set's points into the rectangle.
fn fit_plan(gpu: &Gpu, set: &ScatterSet, shared: &Bindings, fit: &BufferRange) -> Result<Plan> {
    let params = ScatterParams::new(set, 0);
    let parts = Buffer::<FitPart>::zeroed(gpu, "parts of the fit", params.parts as usize);
    let stage = Stage::new(gpu, &FIT, &[])
        .with_all(shared.iter().cloned())
        .with("parts", parts.range())
        .with("fit_out", fit.clone());
    let mut plan = PlanBuilder::new(gpu);
    stage.dispatch(&mut plan, "fit_parts", &params, [256 * params.parts, 1, 1])?;
    stage.dispatch(&mut plan, "fit_frame", &params, [256, 1, 1])?;
    Ok(plan.finish())
}

impl Projection {
    /// Prepares the fit of a set's points, and their spread onto a grid if one is given.
    pub(super) fn new(
        gpu: &Gpu,
        set: &ScatterSet,
        selection: &Selection,
        theme: Theme,
        grid: Option<Grid>,
    ) -> Result<Self> {
        let camera = Uniform::new(gpu, "camera", wgpu::BufferUsages::COPY_DST);
        let style = Uniform::new(gpu, "point style", wgpu::BufferUsages::COPY_DST);
        // A uniform for its readers, which bind eight storage buffers besides.
        let fit = Uniform::<Fit>::new(gpu, "fit", wgpu::BufferUsages::STORAGE).range();
        let (pick, marked) = (Buffer::zeroed(gpu, "pick", 1), Buffer::zeroed(gpu, "marked pixel", 1));
        let none = || Buffer::<f32>::zeroed(gpu, "none", 4).range();
        let classes = set.classes.clone().unwrap_or_else(none);
        let shared: Bindings = vec![
            ("camera", camera.range()),
            ("positions", set.positions.clone()),
            ("flags", set.flags.clone()),
            ("change", set.change.clone().unwrap_or_else(none)),
            ("pick", pick.range()),
            ("marked", marked.range()),
        ];
        let fit_plan = fit_plan(gpu, set, &shared, &fit)?;
        let points = (set.positions.clone(), set.flags.clone(), set.count);
        let uniforms = (camera.range(), fit.clone());
        let spread = grid.map(|grid| Spread::new(gpu, points, grid, uniforms)).transpose()?;
        let mut bindings = shared;
        if let Some(spread) = &spread {
            bindings.retain(|(name, _)| *name != "positions");
            bindings.push(("positions", spread.shown.range()));
        }
        bindings.extend([
            ("fit", fit),
            ("classes", classes.clone()),
            ("predictions", set.predictions.clone().unwrap_or(classes)),
            ("selected", selection.bits.range()),
        ]);
        Ok(Self {
            theme,
            set: set.clone(),
            placement: None,
            pick,
            groups: Vec::new(),
            marked,
            camera,
            style,
            bindings,
            fit: fit_plan,
            spread,
            select: None,
            listed: None,
            splat: None,
        })
    }

    /// True when the points can be spread onto the grid that a placement asks for, if any.
    pub(super) fn has_grid(&self, placement: &Placement) -> bool {
        let grid = self.spread.as_ref().map(|spread| spread.grid);
        placement.spread.is_none_or(|(wanted, _)| grid == Some(wanted))
    }

    /// True when a placement's dots are written into the pixel buffer.
    pub(super) fn splats(&self, placement: &Placement) -> bool {
        self.set.count > if placement.style.tiles { MAX_LISTED } else { MAX_DOTS }
    }

    /// True when a placement's points are drawn one by one.
    fn lists(&self, placement: &Placement) -> bool {
        placement.style.tiles || self.set.count <= MAX_DOTS
    }

    /// Prepares the buffers and bind groups that a placement needs.
    pub(super) fn place(&mut self, gpu: &Gpu, kernels: &[RenderKernel], placement: Placement) -> Result<()> {
        let (splats, lists) = (self.splats(&placement), self.lists(&placement));
        self.placement = Some(placement);
        let [columns, rows] = placement.rectangle.pixels();
        let pixels = columns * rows;
        if lists && self.listed.is_none() {
            self.listed = Some(self.new_listed(gpu)?);
            self.groups.clear();
        }
        if splats && self.splat.as_ref().is_none_or(|splat| splat.pixels.len() < pixels as usize) {
            self.splat = Some(self.new_splat(gpu, pixels.next_multiple_of(PIXEL_STEP))?);
            self.groups.clear();
        }
        if self.groups.is_empty() {
            self.groups = self.new_groups(gpu, kernels)?;
        }
        Ok(())
    }

    fn new_listed(&self, gpu: &Gpu) -> Result<PointBuffers> {
        let count = self.set.count;
        let params = ScatterParams::new(&self.set, MAX_LISTED.min(count));
        let points = Buffer::zeroed(gpu, "points on the screen", count as usize);
        let list = Buffer::zeroed(gpu, "visible points", 1 + params.max_listed as usize);
        let bits = Buffer::<u32>::zeroed(gpu, "visibility bits", count.div_ceil(32) as usize);
        let mut buffers = PointBuffers { points, list, plan: Plan::default() };
        let project = self.project_stage(gpu).with("points", buffers.points.range());
        let lists = Stage::new(gpu, &LIST, &[])
            .with("camera", self.camera.range())
            .with("bits", bits.range())
            .with_all(buffers.listed().bindings());
        let mut plan = PlanBuilder::new(gpu);
        project.dispatch(&mut plan, "project_points", &params, [count, 1, 1])?;
        lists.dispatch(&mut plan, "mark_visible", &params, [count.div_ceil(32), 1, 1])?;
        lists.dispatch(&mut plan, "list_bits", &params, [256, 1, 1])?;
        buffers.plan = plan.finish();
        Ok(buffers)
    }

    fn new_splat(&self, gpu: &Gpu, count: u32) -> Result<PixelBuffer> {
        let params = ScatterParams::new(&self.set, 0);
        let pixels = Buffer::<Pixel>::zeroed(gpu, "pixels of dots", count as usize);
        let stage = self
            .project_stage(gpu)
            .with("pixels", pixels.range())
            .with("cleared", BufferRange::whole(pixels.raw()));
        let mut plan = PlanBuilder::new(gpu);
        stage.dispatch(&mut plan, "clear_pixels", &params, [count / 4, 1, 1])?;
        stage.dispatch(&mut plan, "splat_points", &params, [self.set.count, 1, 1])?;
        Ok(PixelBuffer { pixels, plan: plan.finish() })
    }

    /// The entry points that project points, with the buffers of all of them.
    fn project_stage<'g>(&self, gpu: &'g Gpu) -> Stage<'g> {
        Stage::new(gpu, &PROJECT, &self.theme.palette().constants(GROUPS))
            .with_all(self.bindings.iter().cloned())
    }

    fn new_groups(&self, gpu: &Gpu, kernels: &[RenderKernel]) -> Result<Vec<Option<wgpu::BindGroup>>> {
        let mut named: Bindings = vec![("style", self.style.range()), ("marked", self.marked.range())];
        if let Some(listed) = &self.listed {
            named.extend(listed.listed().bindings());
        }
        named.extend(self.splat.iter().map(|splat| ("pixels", splat.pixels.range())));
        let exists = |name: &str| named.iter().any(|n| n.0 == name);
        let bind = |kernel: &RenderKernel| {
            let complete = kernel.bindings.iter().all(|binding| exists(&binding.name));
            complete.then(|| kernel.bind(gpu, 0, named.clone())).transpose()
        };
        kernels.iter().map(bind).collect()
    }

    /// Selects the points inside a lasso, as this frame shows them.
    pub(super) fn select(&mut self, gpu: &Gpu, selection: &mut Selection, lasso: &Lasso) -> Result<()> {
        let Some(placement) = &self.placement else { return Ok(()) };
        if selection.set(gpu, lasso, &placement.rectangle) || self.select.is_none() {
            self.select = Some(selection.plan(gpu, &self.set, self.project_stage(gpu))?);
        }
        Ok(())
    }

    /// The points and the list of visible ones, where they are drawn one by one.
    pub(super) fn listed(&self) -> Option<ListedPoints<'_>> {
        self.listed.as_ref().map(PointBuffers::listed)
    }

    /// Records the dispatches of this frame; `selects` includes those of a pending lasso.
    pub(super) fn record(
        &mut self,
        gpu: &Gpu,
        pass: &mut wgpu::ComputePass<'_>,
        screen: Vec2,
        selects: bool,
    ) {
        let Some(placement) = self.placement else { return };
        self.camera.write(gpu, &Camera::new(&placement));
        self.style.write(gpu, &PointStyleUniform::new(&placement, screen, self.set.classes.is_some()));
        self.fit.record(pass, 0..self.fit.len());
        if let Some(spread) = &mut self.spread {
            spread.record(pass);
        }
        let mut record = |plan: &Plan| plan.record(pass, 0..plan.len());
        self.select.iter().filter(|_| selects).for_each(&mut record);
        self.listed.iter().filter(|_| self.lists(&placement)).for_each(|listed| record(&listed.plan));
        self.splat.iter().filter(|_| self.splats(&placement)).for_each(|splat| record(&splat.plan));
    }
}
