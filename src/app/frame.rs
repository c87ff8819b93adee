//! The GPU pictures of one frame: panes declare tile sets and layouts, place them in points, and paint them between widgets.

use egui::{Rect, Ui, Vec2};
use egui_wgpu::{Callback, CallbackResources, CallbackTrait};

use super::tile_set::{TileId, TileSetId, TileSetIndices};
use crate::error::Result;
use crate::gpu::{BufferRange, Gpu, TensorView};
use crate::session::LayoutId;
use crate::view::flow::products::ProductSet;
use crate::view::flow::{EdgePlacement, EdgeSet, Flows};
use crate::view::{Lasso, Placement, PointPrimitive, Rect as Pixels, ScatterSet, Scatters, TileSet, Tiles};

/// Most weights of a filter that are read back.
pub(crate) const MAX_WEIGHTS: usize = 1 << 14;

/// Most numbers of an output pixel that are read back one by one.
pub(crate) const MAX_VALUES: usize = 256;

/// The output pixel of a filter's computation whose numbers are shown: tile, index of the pixel, channel.
pub(crate) type TermsOf = (TileId, u32, u32);

/// Numbers that panes want back from the GPU.
#[derive(Debug, Default)]
pub struct Requests {
    /// Tiles, for their statistics.
    pub tiles: Vec<TileId>,
    /// Layouts, for the row under the pointer.
    pub picks: Vec<LayoutId>,
    /// Layouts with their points, for the positions.
    pub points: Vec<(LayoutId, BufferRange)>,
    /// The class probabilities of the probe.
    pub classes: bool,
    /// Weights of a filter, which is given by the numbers of its layer and itself.
    pub weights: Option<((u32, u32), BufferRange)>,
    /// Bias of a filter, given alike.
    pub bias: Option<((u32, u32), BufferRange)>,
    /// Numbers of one output pixel of a filter's computation.
    pub terms: Option<(TermsOf, BufferRange)>,
    /// Numbers of one output pixel, each with the buffer and the element that it lies at.
    pub values: Option<(TermsOf, Vec<(wgpu::Buffer, u32)>)>,
}

/// The pictures of a frame.
pub struct Frame<'a> {
    gpu: &'a Gpu,
    tiles: &'a mut Tiles,
    indices: &'a mut TileSetIndices,
    scatters: &'a mut Scatters,
    flows: &'a mut Flows,
    requests: Requests,
}

/// Start of a stretch of placed tiles.
#[derive(Debug, Clone, Copy)]
pub struct Mark(usize);

impl<'a> Frame<'a> {
    /// A frame without pictures.
    pub fn new(
        gpu: &'a Gpu,
        tiles: &'a mut Tiles,
        indices: &'a mut TileSetIndices,
        scatters: &'a mut Scatters,
        flows: &'a mut Flows,
    ) -> Self {
        Self { gpu, tiles, indices, scatters, flows, requests: Requests::default() }
    }

    /// The numbers that were asked for.
    pub fn into_requests(self) -> Requests {
        self.requests
    }

    /// Asks for minimum, maximum, mean and standard deviation of a tile.
    pub fn request_tile(&mut self, tile: TileId) {
        self.requests.tiles.push(tile);
    }

    /// Asks for the class probabilities, whose set is declared.
    pub fn request_classes(&mut self) {
        if let Some(index) = self.indices.get(TileSetId::Classes) {
            self.tiles.want_stats(index);
            self.requests.classes = true;
        }
    }

    /// Asks for the weights of a filter, which is given by the numbers of its layer and itself: at most [`MAX_WEIGHTS`].
    pub fn request_weights(&mut self, filter: (u32, u32), weights: BufferRange) {
        self.requests.weights = Some((filter, weights));
    }

    /// Asks for the bias of a filter, which is given alike.
    pub fn request_bias(&mut self, filter: (u32, u32), bias: BufferRange) {
        self.requests.bias = Some((filter, bias));
    }

    /// Shows the computation of a filter; its product maps, and sum and output. Where they are few enough, asks for the numbers of the pixel
    /// in focus.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn show_products(&mut self, tile: TileId, set: &ProductSet) -> Result<[TensorView; 2]> {
        let products = self.flows.show_products(self.gpu, set)?;
        let terms = BufferRange { size: 4 * products.terms.len() as u64, ..products.terms.range() };
        let views = products.views();
        if products.terms.len() <= MAX_WEIGHTS {
            self.requests.terms = Some(((tile, set.focus.0, set.focus.1), terms));
        }
        Ok(views)
    }

    /// Asks for the numbers of an output pixel, each given by the buffer and the element that it lies at: at most [`MAX_VALUES`].
    pub fn request_values(&mut self, of: TermsOf, values: Vec<(wgpu::Buffer, u32)>) {
        self.requests.values = Some((of, values)).filter(|(_, values)| values.len() <= MAX_VALUES);
    }

    /// Asks for the row of a layout under the pointer.
    pub fn request_pick(&mut self, layout: LayoutId) {
        self.requests.picks.push(layout);
    }

    /// Asks for the positions of a layout's points.
    pub fn request_points(&mut self, layout: LayoutId, positions: BufferRange) {
        self.requests.points.push((layout, positions));
    }

    /// Declares the tensor and style of a tile set in this frame.
    ///
    /// # Errors
    /// When its statistics do not fit the adapter.
    pub fn declare(&mut self, set: TileSetId, tiles: &TileSet) -> Result<()> {
        self.tiles.set(self.gpu, self.indices.take(set), tiles)
    }

    /// Declares that a set's values never change, so that its statistics are computed once.
    pub fn never_changes(&mut self, set: TileSetId) {
        if let Some(index) = self.indices.get(set) {
            self.tiles.never_changes(index);
        }
    }

    /// Lets the glows of a set tremble as at a time in seconds; 0 is still.
    pub fn tremble(&mut self, set: TileSetId, seconds: f32) {
        if let Some(index) = self.indices.get(set) {
            self.tiles.tremble(index, seconds);
        }
    }

    /// Begins a stretch of tiles that [`Frame::paint`] paints.
    pub fn begin(&mut self) -> Mark {
        Mark(self.tiles.begin_batch())
    }

    /// Places a tile of a declared set at a rectangle in points, snapped to pixels.
    pub fn place(&mut self, ui: &Ui, set: TileSetId, tile: u32, rect: Rect) {
        let scale = ui.ctx().pixels_per_point();
        let snapped = Rect::from_min_max((rect.min * scale).round(), (rect.max * scale).round());
        if let Some(index) = self.indices.get(set) {
            self.tiles.place(index, tile, pixels(snapped, 1.0));
        }
    }

    /// Places the visible rows of a layout as tiles of `size` pixels.
    ///
    /// # Errors
    /// When a shader is faulty.
    pub fn place_rows(&mut self, layout: LayoutId, size: glam::Vec2) -> Result<()> {
        let index = self.indices.get(TileSetId::Layout(layout));
        match self.scatters.listed(layout.0).zip(index) {
            Some((listed, index)) => self.tiles.place_points(self.gpu, index, listed, size),
            None => Ok(()),
        }
    }

    /// Paints the tiles placed since `mark` at this point of the interface, clipped to `area`.
    pub fn paint(&self, ui: &Ui, area: Rect, mark: Mark) {
        let placed = self.tiles.end_batch(mark.0);
        paint(ui, area, move |resources, pass| {
            if let Some(tiles) = resources.get::<Tiles>() {
                tiles.draw(pass, &placed);
            }
        });
    }

    /// Places edges between tiles as set `index`, of which the `share` with the largest flow is shown.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn place_edges(
        &mut self,
        index: usize,
        (set, share): (&EdgeSet, f32),
        placement: EdgePlacement<'_>,
    ) -> Result<()> {
        self.flows.place(self.gpu, index, (set, share), placement)
    }

    /// Paints all edges of the frame at this point of the interface, clipped to `area`.
    pub fn paint_edges(&self, ui: &Ui, area: Rect) {
        paint(ui, area, |resources, pass| {
            if let Some(flows) = resources.get::<Flows>() {
                flows.draw(pass);
            }
        });
    }

    /// Declares the points of a layout and their place in this frame.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn place_layout(&mut self, layout: LayoutId, set: &ScatterSet, placement: Placement) -> Result<()> {
        self.scatters.place(self.gpu, layout.0, set, placement)
    }

    /// Paints a part of a layout at this point of the interface, clipped to `area`.
    pub fn paint_layout(&self, ui: &Ui, area: Rect, layout: LayoutId, part: PointPrimitive) {
        paint(ui, area, move |resources, pass| {
            if let Some(scatters) = resources.get::<Scatters>() {
                scatters.draw(pass, layout.0, part);
            }
        });
    }

    /// Selects the points of a layout inside a lasso.
    ///
    /// # Errors
    /// When a shader is faulty.
    pub fn select(&mut self, layout: LayoutId, lasso: &Lasso) -> Result<()> {
        self.scatters.select(self.gpu, layout.0, lasso)
    }

    /// Selects no point of a layout.
    pub fn clear_selection(&mut self, layout: LayoutId) {
        self.scatters.clear_selection(self.gpu, layout.0);
    }

    /// Drops tile sets and selections of all layouts but these.
    pub fn keep_layouts(&mut self, open: &[LayoutId]) {
        self.indices.keep_layouts(open);
        let ids: Vec<u64> = open.iter().map(|id| id.0).collect();
        self.scatters.keep_selections(&ids);
    }
}

/// A rectangle of the interface in physical pixels.
pub(crate) fn pixels(rect: Rect, scale: f32) -> Pixels {
    let (min, size): (_, Vec2) = (rect.min * scale, rect.size() * scale);
    Pixels { x: min.x, y: min.y, width: size.x, height: size.y }
}

/// A paint callback whose viewport is the whole target.
pub(super) struct Draw<F>(pub(super) F);

impl<F> CallbackTrait for Draw<F>
where
    F: Fn(&CallbackResources, &mut wgpu::RenderPass<'static>) + Send + Sync,
{
    fn paint(
        &self,
        info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let [width, height] = info.screen_size_px;
        pass.set_viewport(0.0, 0.0, width as f32, height as f32, 0.0, 1.0);
        (self.0)(resources, pass);
    }
}

/// Adds a paint callback to the interface, clipped to `area`.
fn paint<F>(ui: &Ui, area: Rect, draw: F)
where
    F: Fn(&CallbackResources, &mut wgpu::RenderPass<'static>) + Send + Sync + 'static,
{
    ui.painter_at(area).add(Callback::new_paint_callback(area, Draw(draw)));
}
