//! One layout prepared for drawing: the buffers that hold its points' pixels, and the dispatches that write them.

use glam::Vec2;

use super::lasso::Lasso;
use super::picked::PickRecord;
use super::placement::Placement;
use super::scatter_set::{Bindings, FIT, LIST, PROJECT, ScatterParams, ScatterSet, plan};
use super::selection::Selection;
use super::uniform::Uniform;
use super::uniforms::{Camera, PointStyleUniform};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, RenderKernel};
use crate::params;

/// Largest number of points drawn as tiles, with discs, labels and frames.
pub const MAX_LISTED: u32 = 4096;
/// Largest number of points whose dots are drawn one by one; more are written into a pixel buffer.
const MAX_DOTS: u32 = 3000;
/// The pixel buffer grows by steps, so that enlarging the window does not allocate a new one every frame.
const PIXEL_STEP: u32 = 1 << 16;

params! {
    /// A point on the screen, as the GPU writes it.
    pub struct ScreenPoint {
        /// Pixel of its center.
        pixel: Vec2,
        /// Radius of its disc in pixels.
        radius: f32,
        /// Bits 0 to 2: not drawn, pinned, selected; then its group.
        state: u32,
    }
}

params! {
    /// A layout's fit into the rectangle: the first fields of a pick.
    struct Fit { center: Vec2, scale: f32, largest_change: f32 }
}

/// The visible points of a layout, listed by the GPU.
#[derive(Clone, Copy)]
pub struct ListedPoints<'a> {
    /// Every point of the layout.
    pub points: &'a Buffer<ScreenPoint>,
    /// The number of visible points, then the indices of the first [`MAX_LISTED`] of them.
    pub list: &'a Buffer<u32>,
}

/// Points and the list of visible ones, for layouts drawn point by point.
struct PointBuffers {
    points: Buffer<ScreenPoint>,
    list: Buffer<u32>,
    plan: Plan,
}

/// Dots written as pixels: for each pixel the number of dots that cover it and the greatest of their keys.
struct PixelBuffer {
    pixels: Buffer<[u32; 2]>,
    plan: Plan,
}

/// One layout prepared for drawing.
pub(super) struct Projection {
    pub set: ScatterSet,
    pub placement: Option<Placement>,
    pub pick: Buffer<PickRecord>,
    /// A bind group per render kernel, where its buffers exist.
    pub groups: Vec<Option<wgpu::BindGroup>>,
    /// Pixel of the highlighted point.
    marked: Buffer<Vec2>,
    camera: Uniform<Camera>,
    style: Uniform<PointStyleUniform>,
    bindings: Bindings,
    fit: Plan,
    select: Option<Plan>,
    listed: Option<PointBuffers>,
    splat: Option<PixelBuffer>,
}

impl Projection {
    /// Prepares the fit of a set's points.
    pub fn new(gpu: &Gpu, set: &ScatterSet, selection: &Selection) -> Result<Self> {
        let camera = Uniform::new(gpu, "camera", wgpu::BufferUsages::COPY_DST);
        let style = Uniform::new(gpu, "point style", wgpu::BufferUsages::COPY_DST);
        // A uniform for its readers, which bind eight storage buffers besides.
        let fit = Uniform::<Fit>::new(gpu, "fit", wgpu::BufferUsages::STORAGE).range();
        let pick = Buffer::zeroed(gpu, "pick", 1);
        let marked = Buffer::zeroed(gpu, "marked pixel", 1);
        let params = ScatterParams::new(set, 0);
        let parts = Buffer::<[[f32; 4]; 2]>::zeroed(gpu, "parts of the fit", params.parts as usize);
        let none = || Buffer::<f32>::zeroed(gpu, "none", 4).range();
        let bindings: Bindings = vec![
            ("camera", camera.range()),
            ("positions", set.positions.clone()),
            ("flags", set.flags.clone()),
            ("change", set.change.clone().unwrap_or_else(none)),
            ("classes", set.classes.clone().unwrap_or_else(none)),
            ("predictions", set.predictions.clone().or_else(|| set.classes.clone()).unwrap_or_else(none)),
            ("selected", selection.bits.range()),
            ("pick", pick.range()),
            ("marked", marked.range()),
            ("parts", parts.range()),
            ("fit_out", fit.clone()),
            ("fit", fit),
        ];
        let entries = [(&FIT, "fit_parts", 256 * params.parts), (&FIT, "fit_frame", 256)];
        let fit = plan(gpu, &bindings, &params, &entries)?;
        Ok(Self {
            set: set.clone(),
            placement: None,
            pick,
            groups: Vec::new(),
            marked,
            camera,
            style,
            bindings,
            fit,
            select: None,
            listed: None,
            splat: None,
        })
    }

    /// True when a placement's dots are written into the pixel buffer.
    pub fn splats(&self, placement: &Placement) -> bool {
        self.set.count > if placement.style.tiles { MAX_LISTED } else { MAX_DOTS }
    }

    /// True when a placement's points are drawn one by one.
    fn lists(&self, placement: &Placement) -> bool {
        placement.style.tiles || self.set.count <= MAX_DOTS
    }

    /// Prepares the buffers and bind groups that a placement needs.
    pub fn place(&mut self, gpu: &Gpu, kernels: &[RenderKernel], placement: Placement) -> Result<()> {
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
        let max_listed = MAX_LISTED.min(count);
        let points = Buffer::zeroed(gpu, "points on the screen", count as usize);
        let list = Buffer::zeroed(gpu, "visible points", 1 + max_listed as usize);
        let bits = Buffer::<u32>::zeroed(gpu, "visibility bits", count.div_ceil(32) as usize);
        let mut bindings = self.bindings.clone();
        bindings.extend([("points", points.range()), ("bits", bits.range()), ("list", list.range())]);
        let entries = [
            (&PROJECT, "project_points", count),
            (&LIST, "mark_visible", count.div_ceil(32)),
            (&LIST, "list_bits", 256),
        ];
        let plan = plan(gpu, &bindings, &ScatterParams::new(&self.set, max_listed), &entries)?;
        Ok(PointBuffers { points, list, plan })
    }

    fn new_splat(&self, gpu: &Gpu, pixels: u32) -> Result<PixelBuffer> {
        let buffer = Buffer::zeroed(gpu, "pixels of dots", pixels as usize);
        let mut bindings = self.bindings.clone();
        bindings.extend([("pixels", buffer.range()), ("cleared", buffer.range())]);
        let entries = [(&PROJECT, "clear_pixels", pixels / 4), (&PROJECT, "splat_points", self.set.count)];
        let plan = plan(gpu, &bindings, &ScatterParams::new(&self.set, 0), &entries)?;
        Ok(PixelBuffer { pixels: buffer, plan })
    }

    fn new_groups(&self, gpu: &Gpu, kernels: &[RenderKernel]) -> Result<Vec<Option<wgpu::BindGroup>>> {
        let mut named: Bindings = vec![("style", self.style.range()), ("marked", self.marked.range())];
        if let Some(listed) = &self.listed {
            named.extend([("points", listed.points.range()), ("list", listed.list.range())]);
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
    pub fn select(&mut self, gpu: &Gpu, selection: &mut Selection, lasso: &Lasso) -> Result<()> {
        let Some(placement) = &self.placement else { return Ok(()) };
        if selection.set(gpu, lasso, &placement.rectangle) || self.select.is_none() {
            self.select = Some(selection.plan(gpu, &self.set, &self.bindings)?);
        }
        Ok(())
    }

    /// The points and the list of visible ones, where they are drawn one by one.
    pub fn listed(&self) -> Option<ListedPoints<'_>> {
        self.listed.as_ref().map(|listed| ListedPoints { points: &listed.points, list: &listed.list })
    }

    /// Records the dispatches of this frame; `selects` includes those of a pending lasso.
    pub fn record(&self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>, screen: Vec2, selects: bool) {
        let Some(placement) = &self.placement else { return };
        self.camera.write(gpu, &Camera::new(placement));
        self.style.write(gpu, &PointStyleUniform::new(placement, screen, self.set.classes.is_some()));
        let mut record = |plan: &Plan| plan.record(pass, 0..plan.len());
        record(&self.fit);
        self.select.iter().filter(|_| selects).for_each(&mut record);
        self.listed.iter().filter(|_| self.lists(placement)).for_each(|listed| record(&listed.plan));
        self.splat.iter().filter(|_| self.splats(placement)).for_each(|splat| record(&splat.plan));
    }
}
