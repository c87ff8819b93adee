//! Layouts drawn as points: dots, discs behind them, indices beside them; the point under the pointer and the selected ones. All
//! of it is read from the buffers in which the layout moves its points.
//!
//! A frame places a layout in a rectangle ([`Scatters::place`]). The GPU fits its points into the rectangle, then pans and zooms.
//! Few points, or points large enough to be tiles, are projected one by one, the visible ones are listed, and tiles, discs,
//! labels and dots are drawn from the list. Many points are written into a pixel buffer: per pixel the number of dots that cover
//! it and the front one. The buffer is drawn as one rectangle.

use std::collections::BTreeMap;

use glam::Vec2;

use super::camera::PointStyleUniform;
use super::color_map::{GROUPS, Theme};
use super::lasso::Lasso;
use super::listed::{ListedPoints, PointList, ScreenPoint};
use super::picked::{MAX_POINTS, PickRecord};
use super::placement::Placement;
use super::projection::{MAX_LISTED, Pixel, Projection};
use super::scatter_set::ScatterSet;
use super::selection::{Selection, SelectionRecord};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu, RenderKernel, RenderOptions, Source};
use crate::wgsl;

const POINTS: Source = wgsl!("view/points.wgsl", PointStyleUniform, ScreenPoint, PointList);
const LABELS: Source = wgsl!("view/labels.wgsl", PointStyleUniform, ScreenPoint, PointList);
const SPLAT: Source = wgsl!("view/splat.wgsl", PointStyleUniform, Pixel);

/// Primitive of a draw call of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointPrimitive {
    /// Discs behind the points.
    Discs,
    /// Frames around tiles, in the colors of groups and of pinned, selected and marked points. Tiles cover their inside.
    Rings,
    /// Indices beside the points.
    Labels,
    /// Dots in the colors of their groups.
    Dots,
}

/// Shader and name prefix of the entry points of each primitive, in their order; the last draws dots from the pixel buffer.
const KERNELS: [(Source, &str); 5] =
    [(POINTS, "disc"), (POINTS, "ring"), (LABELS, "label"), (POINTS, "dot"), (SPLAT, "splat")];
const _: () = assert!(PointPrimitive::Discs as usize == 0 && PointPrimitive::Rings as usize == 1);
const _: () = assert!(PointPrimitive::Labels as usize == 2 && PointPrimitive::Dots as usize == 3);

/// Draws layouts into targets of one format.
pub struct Scatters {
    format: wgpu::TextureFormat,
    theme: Theme,
    kernels: Vec<RenderKernel>,
    prepared: BTreeMap<u64, Projection>,
    selections: BTreeMap<u64, Selection>,
    screen: Vec2,
}

/// The pipelines of all primitives.
fn kernels(gpu: &Gpu, format: wgpu::TextureFormat, theme: Theme) -> Result<Vec<RenderKernel>> {
    let options = RenderOptions {
        format,
        blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
        topology: wgpu::PrimitiveTopology::TriangleStrip,
        instance: None,
    };
    let colors =
        |more: &[&'static str]| theme.palette().constants(GROUPS.into_iter().chain(more.iter().copied()));
    let kernel = |(source, name): &(Source, &str)| {
        let entries = (&*format!("{name}_vertex"), &*format!("{name}_fragment"));
        let constants = match source.path {
            path if path == LABELS.path => Vec::new(),
            path if path == SPLAT.path => colors(&["PINNED", "INK"]),
            _ => colors(&["ZERO", "SELECTED", "PINNED", "INK"]),
        };
        RenderKernel::new(gpu, source, entries, &constants, &options)
    };
    KERNELS.iter().map(kernel).collect()
}

impl Scatters {
    /// The pipelines for targets of `format`.
    ///
    /// # Errors
    /// When the shader is faulty.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat) -> Result<Self> {
        Ok(Self {
            format,
            theme: Theme::default(),
            kernels: kernels(gpu, format, Theme::default())?,
            prepared: BTreeMap::new(),
            selections: BTreeMap::new(),
            screen: Vec2::ONE,
        })
    }

    /// Draws in the colors of `theme` from the next frame on.
    ///
    /// # Errors
    /// When a shader is faulty.
    pub fn set_theme(&mut self, gpu: &Gpu, theme: Theme) -> Result<()> {
        self.kernels = kernels(gpu, self.format, theme)?;
        self.theme = theme;
        self.prepared.clear();
        Ok(())
    }

    /// Begins a frame for a target of `width × height` pixels.
    pub fn begin(&mut self, width: u32, height: u32) {
        self.screen = Vec2::new(width as f32, height as f32);
        // Layouts that the last frame did not show are dropped.
        self.prepared.retain(|_, prepared| prepared.placement.take().is_some());
    }

    /// Shows the layout `id` in this frame.
    ///
    /// # Errors
    /// When it has more than [`MAX_POINTS`] points, or does not fit the adapter.
    pub fn place(&mut self, gpu: &Gpu, id: u64, set: &ScatterSet, placement: Placement) -> Result<()> {
        if set.count > MAX_POINTS {
            return Err(Error::new(
                format!("a layout of {} points cannot be shown", set.count),
                format!("lay out at most {MAX_POINTS}"),
            ));
        }
        if self.selections.get(&id).is_none_or(|selection| selection.count != set.count) {
            let mut selection = Selection::new(gpu, set.count);
            // A selection that is lost with its layout is read back as empty.
            selection.changed = self.selections.contains_key(&id);
            self.selections.insert(id, selection);
            self.prepared.remove(&id);
        }
        let fits = |prepared: &Projection| prepared.set.same_as(set) && prepared.has_grid(&placement);
        if !self.prepared.get(&id).is_some_and(fits) {
            let grid = placement.spread.map(|(grid, _)| grid);
            let projection = Projection::new(gpu, set, &self.selections[&id], self.theme, grid)?;
            self.prepared.insert(id, projection);
        }
        let Some(prepared) = self.prepared.get_mut(&id) else { return Ok(()) };
        prepared.place(gpu, &self.kernels, placement)
    }

    /// The visible points of a layout that is placed with tiles or has few points, written by [`Scatters::prepare`].
    pub fn listed(&self, id: u64) -> Option<ListedPoints<'_>> {
        self.prepared.get(&id)?.listed()
    }

    /// A layout's pick, to be read back as [`Picked`](super::Picked).
    pub fn pick(&self, id: u64) -> Option<&Buffer<PickRecord>> {
        self.prepared.get(&id).map(|prepared| &prepared.pick)
    }

    /// Selects the points inside a lasso, as this frame shows them. The layout must have been placed.
    ///
    /// # Errors
    /// When the rectangle's pixels do not fit the adapter.
    pub fn select(&mut self, gpu: &Gpu, id: u64, lasso: &Lasso) -> Result<()> {
        match (self.prepared.get_mut(&id), self.selections.get_mut(&id)) {
            (Some(prepared), Some(selection)) => prepared.select(gpu, selection, lasso),
            _ => Ok(()),
        }
    }

    /// Deselects all points of a layout.
    pub fn clear_selection(&mut self, gpu: &Gpu, id: u64) {
        if let Some(selection) = self.selections.get_mut(&id) {
            selection.clear(gpu);
        }
    }

    /// Drops the selections of all other layouts.
    pub fn keep_selections(&mut self, ids: &[u64]) {
        self.selections.retain(|id, _| ids.contains(id));
    }

    /// Hands the records of changed selections to `copy`, which returns true when it recorded the copy for read-back as
    /// [`SelectionSummary`](super::SelectionSummary).
    pub fn copy_selections(&mut self, mut copy: impl FnMut(u64, &Buffer<SelectionRecord>) -> bool) {
        for (id, selection) in self.selections.iter_mut().filter(|(_, s)| s.changed && !s.pending) {
            selection.changed = !copy(*id, &selection.record);
        }
    }

    /// Records the projection of the layouts that this frame shows.
    pub fn prepare(&mut self, gpu: &Gpu, pass: &mut wgpu::ComputePass<'_>) {
        for (id, prepared) in self.prepared.iter_mut().filter(|(_, prepared)| prepared.placement.is_some()) {
            let Some(selection) = self.selections.get_mut(id) else { continue };
            prepared.record(gpu, pass, self.screen, std::mem::take(&mut selection.pending));
        }
    }

    /// Draws a primitive of a layout. The viewport must be the whole target.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>, id: u64, primitive: PointPrimitive) {
        let Some(prepared) = self.prepared.get(&id) else { return };
        let Some(placement) = &prepared.placement else { return };
        let splats = primitive == PointPrimitive::Dots && prepared.splats(placement);
        let kernel = primitive as usize + usize::from(splats);
        let Some(Some(group)) = prepared.groups.get(kernel) else { return };
        pass.set_pipeline(self.kernels[kernel].pipeline());
        pass.set_bind_group(0, group, &[]);
        pass.draw(0..4, 0..if splats { 1 } else { prepared.set.count.min(MAX_LISTED) });
    }
}
