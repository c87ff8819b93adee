//! Paints a frame: the interface and the pictures under it, into any target, within one encoder.

use std::sync::Arc;

use egui::{Rect, Ui};
use egui_wgpu::{CallbackTrait, RendererOptions, ScreenDescriptor};

use super::theme;
use super::workbench::{Pane, TileId, Workbench};
use crate::error::Result;
use crate::gpu::{Gpu, ReadbackRing, Timer};
use crate::session::Session;
use crate::view::{Chosen, Part, Picked, Placed, Rect as Pixels, Scatters, Tiles};

/// What the panes draw pictures with.
pub struct Frame<'a> {
    /// The device.
    pub gpu: &'a Gpu,
    /// The pictures.
    pub tiles: &'a mut Tiles,
    /// The tiles whose numbers are to come back.
    pub asked: Vec<TileId>,
    /// The layouts.
    pub scatters: &'a mut Scatters,
    /// The layouts of which is to come back what lies under the pointer.
    pub asked_points: Vec<u64>,
}

impl Frame<'_> {
    /// Places a tile at a rectangle in points, snapped to pixels.
    pub fn place(&mut self, ui: &Ui, set: usize, tile: u32, rect: Rect) {
        let scale = ui.ctx().pixels_per_point();
        let (min, max) = ((rect.min.to_vec2() * scale).round(), (rect.max.to_vec2() * scale).round());
        self.tiles.place(
            set,
            tile,
            Pixels { x: min.x, y: min.y, width: max.x - min.x, height: max.y - min.y },
        );
    }

    /// Draws what was placed at this point of the interface, clipped to `area`.
    pub fn paint(&self, ui: &Ui, area: Rect, placed: Placed) {
        ui.painter_at(area).add(egui_wgpu::Callback::new_paint_callback(area, Pictures(placed)));
    }

    /// Draws a part of a layout at this point of the interface, clipped to `area`.
    pub fn paint_points(&self, ui: &Ui, area: Rect, id: u64, part: Part) {
        ui.painter_at(area).add(egui_wgpu::Callback::new_paint_callback(area, Points(id, part)));
    }
}

/// The paint callback of a part of a layout.
struct Points(u64, Part);

impl CallbackTrait for Points {
    fn paint(
        &self,
        info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        if let Some(scatters) = resources.get::<Scatters>() {
            let [width, height] = info.screen_size_px;
            pass.set_viewport(0.0, 0.0, width as f32, height as f32, 0.0, 1.0);
            scatters.draw(pass, self.0, self.1);
        }
    }
}

/// The paint callback of a stretch of tiles.
struct Pictures(Placed);

impl CallbackTrait for Pictures {
    fn paint(
        &self,
        info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        if let Some(tiles) = resources.get::<Tiles>() {
            let [width, height] = info.screen_size_px;
            pass.set_viewport(0.0, 0.0, width as f32, height as f32, 0.0, 1.0);
            tiles.draw(pass, &self.0);
        }
    }
}

/// Which part of the workbench a frame shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// All of it.
    Workbench,
    /// One pane.
    Pane(Pane),
}

/// A frame that was laid out and is yet to be painted.
pub struct Painting {
    output: egui::FullOutput,
    asked: Vec<TileId>,
    asked_points: Vec<u64>,
    size: [u32; 2],
}

/// The egui context and renderer, the pictures and the timers of one device and target format.
pub struct Canvas {
    /// The egui context.
    pub ctx: egui::Context,
    renderer: egui_wgpu::Renderer,
    tiles: Option<Tiles>,
    scatters: Option<Scatters>,
    numbers: ReadbackRing<TileId>,
    points: ReadbackRing<u64>,
    chosen: ReadbackRing<u64>,
    timer: Timer,
    times: ReadbackRing<Vec<Arc<str>>>,
}

impl Canvas {
    /// A canvas for targets of `format`. Pictures come out the same every time when `predictable`.
    ///
    /// # Errors
    /// When a shader is faulty.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat, predictable: bool) -> Result<Self> {
        let ctx = egui::Context::default();
        theme::apply(&ctx);
        let options = if predictable { RendererOptions::PREDICTABLE } else { RendererOptions::default() };
        Ok(Self {
            ctx,
            renderer: egui_wgpu::Renderer::new(&gpu.device, format, options),
            tiles: Some(Tiles::new(gpu, format)?),
            scatters: Some(Scatters::new(gpu, format)?),
            numbers: ReadbackRing::new(gpu, 16, 8),
            points: ReadbackRing::new(gpu, Picked::BYTES, 32),
            chosen: ReadbackRing::new(gpu, Chosen::BYTES, 8),
            timer: Timer::new(gpu, 4),
            times: ReadbackRing::new(gpu, 64, 4),
        })
    }

    /// Runs the interface, which may act on the session; what it shows is painted by [`Canvas::record`].
    pub fn run(
        &mut self,
        session: &mut Session,
        bench: &mut Workbench,
        input: egui::RawInput,
        show: Show,
        size: [u32; 2],
    ) -> Painting {
        let gpu = std::rc::Rc::clone(session.trainer().gpu());
        let tiles = self.tiles.as_mut().expect("record puts the pictures back");
        let scatters = self.scatters.as_mut().expect("record puts the layouts back");
        let (mut asked, mut asked_points) = (Vec::new(), Vec::new());
        scatters.begin(size[0], size[1]);
        let output = self.ctx.run_ui(input, |ui| {
            tiles.begin(size[0], size[1]);
            let mut frame = Frame { gpu: &gpu, tiles, asked: Vec::new(), scatters, asked_points: Vec::new() };
            match show {
                Show::Workbench => bench.ui(ui, session, &mut frame),
                Show::Pane(pane) => bench.pane_ui(ui, pane, session, &mut frame, false),
            }
            (asked, asked_points) = (frame.asked, frame.asked_points);
        });
        Painting { output, asked, asked_points, size }
    }

    /// Records the painting of what [`Canvas::run`] laid out; returns what egui wants of the platform.
    pub fn record(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        painting: Painting,
        view: &wgpu::TextureView,
    ) -> egui::FullOutput {
        let Painting { mut output, asked, asked_points, size } = painting;
        let mut delta = std::mem::take(&mut output.textures_delta);
        for (id, deltas) in &delta.set {
            deltas.iter().for_each(|d| self.renderer.update_texture(&gpu.device, &gpu.queue, *id, d));
        }
        let shapes = self.ctx.tessellate(std::mem::take(&mut output.shapes), output.pixels_per_point);
        let screen = ScreenDescriptor { size_in_pixels: size, pixels_per_point: output.pixels_per_point };
        self.renderer.update_buffers(&gpu.device, &gpu.queue, encoder, &shapes, &screen);
        self.record_passes(encoder, gpu, &shapes, &screen, view);
        asked.into_iter().for_each(|id| self.ask_for_numbers(encoder, id));
        for id in asked_points {
            if let Some(pick) = self.scatters.as_ref().and_then(|scatters| scatters.pick(id)) {
                self.points.copy(encoder, pick.raw(), 0, Picked::BYTES, id);
            }
        }
        if let Some(scatters) = &mut self.scatters {
            let ring = &mut self.chosen;
            scatters.copy_selections(|id, chosen| ring.copy(encoder, chosen.raw(), 0, Chosen::BYTES, id));
        }
        if let Some((buffer, size, labels)) = self.timer.resolve(encoder) {
            self.times.copy(encoder, buffer, 0, size, labels);
        }
        delta.free.iter().for_each(|id| self.renderer.free_texture(id));
        delta.clear();
        output
    }

    fn record_passes(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        gpu: &Gpu,
        shapes: &[egui::ClippedPrimitive],
        screen: &ScreenDescriptor,
        view: &wgpu::TextureView,
    ) {
        let mut tiles = self.tiles.take().expect("they are put back below");
        let mut scatters = self.scatters.take().expect("they are put back below");
        {
            let timestamp_writes = self.timer.span(&Arc::from("statistics"));
            let descriptor = wgpu::ComputePassDescriptor { label: Some("statistics"), timestamp_writes };
            let pass = &mut encoder.begin_compute_pass(&descriptor);
            tiles.prepare(gpu, pass);
            scatters.prepare(gpu, pass);
        }
        self.renderer.callback_resources.insert(tiles);
        self.renderer.callback_resources.insert(scatters);
        let [r, g, b] = [theme::PANEL.r(), theme::PANEL.g(), theme::PANEL.b()].map(|c| f64::from(c) / 255.0);
        let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("workbench"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view,
                resolve_target: None,
                depth_slice: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 }),
                    store: wgpu::StoreOp::Store,
                },
            })],
            timestamp_writes: self.timer.render_span(&Arc::from("workbench")),
            ..Default::default()
        });
        self.renderer.render(&mut pass.forget_lifetime(), shapes, screen);
        self.tiles = self.renderer.callback_resources.remove::<Tiles>();
        self.scatters = self.renderer.callback_resources.remove::<Scatters>();
    }

    fn ask_for_numbers(&mut self, encoder: &mut wgpu::CommandEncoder, id: TileId) {
        if let Some(stats) = self.tiles.as_ref().and_then(|t| t.stats(id.layer)) {
            self.numbers.copy(encoder, stats.raw(), u64::from(id.tile) * 16, 16, id);
        }
    }

    /// Bytes that came back so far: numbers of the tiles that are hovered or selected, which points are, and times; never pictures.
    pub fn bytes_read(&self) -> u64 {
        self.numbers.bytes_read()
            + self.points.bytes_read()
            + self.chosen.bytes_read()
            + self.times.bytes_read()
    }

    /// Call after the submit that holds the frame.
    pub fn after_submit(&mut self) {
        self.numbers.after_submit();
        self.points.after_submit();
        self.chosen.after_submit();
        self.times.after_submit();
    }

    /// Takes in what has arrived: the numbers of tiles, and what the views cost.
    pub fn poll(&mut self, bench: &mut Workbench) {
        for (id, bytes) in self.numbers.take() {
            bench.take_numbers(id, bytemuck::pod_read_unaligned(&bytes));
        }
        for (id, bytes) in self.points.take() {
            bench.embedding.take_found(id, Picked::read(&bytes));
        }
        for (id, bytes) in self.chosen.take() {
            bench.embedding.take_chosen(id, Chosen::read(&bytes));
        }
        for (labels, bytes) in self.times.take() {
            let spans = self.timer.spans(&labels, &bytes);
            log::debug!("views: {spans:?}");
            bench.costs.views_ms = spans.iter().map(|s| s.time_ms).sum();
        }
    }
}
