//! One layout made ready for frames: the buffers that its points pass through, and the dispatches that fill them.

use super::placement::{Camera, Look, Placement};
use super::scatter::{Bindings, ScatterParams, ScatterSet, plan};
use super::selection::{Lasso, Selection};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan};

/// Points at most that are drawn as tiles, with discs, labels and frames.
pub const MOST_LISTED: u32 = 4096;
/// From so many points on dots are written as pixels.
const SPLAT_FROM: u32 = 3000;
/// Points of a workgroup of the frame's first pass, and such workgroups at most.
const PART: u32 = 4096;
const MOST_PARTS: u32 = 256;
/// Pixels of a layout grow in steps, so that a window that is drawn larger does not need new ones each frame.
const PIXEL_STEP: u32 = 1 << 16;

impl ScatterParams {
    pub fn of(set: &ScatterSet) -> Self {
        Self {
            count: set.count,
            parts: set.count.div_ceil(PART).clamp(1, MOST_PARTS),
            most: MOST_LISTED,
            change: u32::from(set.change.is_some()),
            classes: u32::from(set.classes.is_some()),
            tally: 0,
        }
    }
}

/// Each point's pixel, and which of them the rectangle shows.
struct Near {
    places: Buffer<[f32; 4]>,
    /// Their number, then their indices.
    list: Buffer<u32>,
    plan: Plan,
}

/// Dots as pixels.
struct Splat {
    pixels: Buffer<u32>,
    plan: Plan,
}

pub(super) struct Projection {
    pub set: ScatterSet,
    pub placement: Option<Placement>,
    /// The frame, then what is picked.
    pub found: Buffer<u32>,
    pub group: Option<wgpu::BindGroup>,
    camera: wgpu::Buffer,
    look: wgpu::Buffer,
    bindings: Bindings,
    fit: Plan,
    select: Option<Plan>,
    near: Option<Near>,
    splat: Option<Splat>,
}

impl Projection {
    pub fn new(gpu: &Gpu, set: &ScatterSet, selection: &Selection) -> Result<Self> {
        let uniform = |label, size: usize, more: wgpu::BufferUsages| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: (size as u64).next_multiple_of(16),
                usage: wgpu::BufferUsages::UNIFORM | more,
                mapped_at_creation: false,
            })
        };
        let camera = uniform("camera", size_of::<Camera>(), wgpu::BufferUsages::COPY_DST);
        let look = uniform("look of points", size_of::<Look>(), wgpu::BufferUsages::COPY_DST);
        // Written by one kernel and read by others, which bind eight storage buffers besides.
        let known = uniform("fitted frame", 16, wgpu::BufferUsages::STORAGE);
        let known = BufferRange::whole(&known);
        let found = Buffer::<u32>::zeroed(gpu, "frame of points", 12);
        let params = ScatterParams::of(set);
        let parts = Buffer::<[f32; 4]>::zeroed(gpu, "parts of the frame", 2 * params.parts as usize);
        let none = || Buffer::<f32>::zeroed(gpu, "none", 4).range();
        let bindings: Bindings = vec![
            ("camera", BufferRange::whole(&camera)),
            ("positions", set.positions.clone()),
            ("flags", set.flags.clone()),
            ("change", set.change.clone().unwrap_or_else(none)),
            ("classes", set.classes.clone().unwrap_or_else(none)),
            ("predictions", set.predictions.clone().or_else(|| set.classes.clone()).unwrap_or_else(none)),
            ("selected", selection.bits.range()),
            ("found", found.range()),
            ("parts", parts.range()),
            ("fitted", known.clone()),
            ("known", known),
        ];
        let fit = plan(gpu, &bindings, &params, &[("fit_parts", 256 * params.parts), ("fit_frame", 256)])?;
        let set = set.clone();
        let (placement, group, select, near, splat) = (None, None, None, None, None);
        Ok(Self { set, placement, found, group, camera, look, bindings, fit, select, near, splat })
    }

    /// Whether a placement's dots are written as pixels.
    pub fn splats(&self, placement: &Placement) -> bool {
        self.set.count > if placement.tiles { MOST_LISTED } else { SPLAT_FROM }
    }

    fn lists(&self, placement: &Placement) -> bool {
        placement.tiles || self.set.count <= SPLAT_FROM
    }

    /// Makes ready what a placement needs.
    pub fn place(&mut self, gpu: &Gpu, layout: &wgpu::BindGroupLayout, placement: Placement) -> Result<()> {
        let (splats, lists) = (self.splats(&placement), self.lists(&placement));
        self.placement = Some(placement);
        let [columns, rows] = placement.pixels();
        let pixels = columns * rows;
        if lists && self.near.is_none() {
            self.near = Some(self.new_near(gpu)?);
            self.group = None;
        }
        if splats && self.splat.as_ref().is_none_or(|splat| splat.pixels.len() < 2 * pixels as usize) {
            self.splat = Some(self.new_splat(gpu, pixels.next_multiple_of(PIXEL_STEP))?);
            self.group = None;
        }
        if self.group.is_none() {
            self.group = Some(self.new_group(gpu, layout));
        }
        Ok(())
    }

    fn new_near(&self, gpu: &Gpu) -> Result<Near> {
        let count = self.set.count;
        let places = Buffer::zeroed(gpu, "places of points", count as usize);
        let list = Buffer::zeroed(gpu, "shown points", 1 + MOST_LISTED.min(count) as usize);
        let bits = Buffer::<u32>::zeroed(gpu, "which points are shown", count.div_ceil(32) as usize);
        let mut bindings = self.bindings.clone();
        bindings.push(("places", places.range()));
        bindings.push(("bits", bits.range()));
        bindings.push(("list", list.range()));
        let params = ScatterParams { most: MOST_LISTED.min(count), ..ScatterParams::of(&self.set) };
        let entries = [("project_points", count), ("mark_shown", count.div_ceil(32)), ("list_bits", 256)];
        Ok(Near { places, list, plan: plan(gpu, &bindings, &params, &entries)? })
    }

    fn new_splat(&self, gpu: &Gpu, pixels: u32) -> Result<Splat> {
        let buffer = Buffer::zeroed(gpu, "pixels of dots", 2 * pixels as usize);
        let mut bindings = self.bindings.clone();
        bindings.push(("pixels", buffer.range()));
        bindings.push(("cleared", buffer.range()));
        let entries = [("clear_pixels", pixels / 4), ("splat_points", self.set.count)];
        let plan = plan(gpu, &bindings, &ScatterParams::of(&self.set), &entries)?;
        Ok(Splat { pixels: buffer, plan })
    }

    fn new_group(&self, gpu: &Gpu, layout: &wgpu::BindGroupLayout) -> wgpu::BindGroup {
        let none = Buffer::<[f32; 4]>::zeroed(gpu, "none", 1);
        let places = self.near.as_ref().map_or(none.raw(), |near| near.places.raw());
        let list = self.near.as_ref().map_or(none.raw(), |near| near.list.raw());
        let pixels = self.splat.as_ref().map_or(none.raw(), |splat| splat.pixels.raw());
        let buffers = [&self.look, places, list, pixels, self.found.raw()];
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("points"),
            layout,
            entries: &entries,
        })
    }

    /// Selects from this frame on what lies within a lasso, as the frame shows it.
    pub fn select(&mut self, gpu: &Gpu, selection: &mut Selection, lasso: &Lasso) -> Result<()> {
        let Some(placement) = &self.placement else { return Ok(()) };
        if selection.set(gpu, lasso, placement) || self.select.is_none() {
            self.select = Some(selection.plan(gpu, &self.set, &self.bindings)?);
        }
        Ok(())
    }

    /// The pixels of the points and the list of those that are shown.
    pub fn listed(&self) -> Option<(&Buffer<[f32; 4]>, &Buffer<u32>)> {
        self.near.as_ref().map(|near| (&near.places, &near.list))
    }

    /// Records what this frame needs; a lasso that is pending selects among what it shows.
    pub fn record(&self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>, screen: [f32; 2], selects: bool) {
        let Some(placement) = &self.placement else { return };
        gpu.queue.write_buffer(&self.camera, 0, bytemuck::bytes_of(&placement.camera()));
        let look = placement.look(screen, self.set.classes.is_some());
        gpu.queue.write_buffer(&self.look, 0, bytemuck::bytes_of(&look));
        let mut record = |plan: &Plan| plan.record(pass, 0..plan.len());
        record(&self.fit);
        self.select.iter().filter(|_| selects).for_each(&mut record);
        self.near.iter().filter(|_| self.lists(placement)).for_each(|near| record(&near.plan));
        self.splat.iter().filter(|_| self.splats(placement)).for_each(|splat| record(&splat.plan));
    }
}
