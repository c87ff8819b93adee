//! Paints frames: the interface and the pictures in it, into any target, within one encoder.

use egui::Ui;
use egui_wgpu::{RendererOptions, ScreenDescriptor};

use super::fills::fill_apart;
use super::frame::{Frame, MAX_WEIGHTS, Requests, TermsOf};
use super::number::take_rails;
use super::theme;
use super::tile_set::{TileId, TileSetId, TileSetIndices};
use crate::error::Result;
use crate::gpu::{Gpu, ReadbackRing, TimedPasses};
use crate::session::LayoutId;
use crate::view::flow::Flows;
use crate::view::{Fills, Picked, Scatters, SelectionSummary, Tiles};

/// Classes whose probabilities are read back at most.
const MAX_CLASSES: u64 = 256;

/// A frame that was laid out and is yet to be painted.
pub struct Painting {
    output: egui::FullOutput,
    requests: Requests,
    size: [u32; 2],
}

impl Painting {
    /// The shapes of the interface.
    pub fn shapes(&self) -> &[egui::epaint::ClippedShape] {
        &self.output.shapes
    }

    /// The newer painting, with what egui asked for in both.
    pub(super) fn followed_by(mut self, newer: Self) -> Self {
        self.output.append(newer.output);
        Self { output: self.output, ..newer }
    }
}

/// Points of a layout whose positions are read back at most.
pub(crate) const MAX_READ_POINTS: u32 = 4096;

/// Numbers that came back from the GPU.
#[derive(Debug, Default)]
pub struct Readings {
    /// Minimum, maximum, mean and standard deviation of tiles.
    pub tiles: Vec<(TileId, [f32; 4])>,
    /// Class probabilities of the probe.
    pub classes: Option<Vec<f32>>,
    /// Weights of a filter, which is given by the numbers of its layer and itself.
    pub weights: Option<((u32, u32), Vec<f32>)>,
    /// Its bias.
    pub bias: Option<((u32, u32), f32)>,
    /// Numbers of one output pixel of a filter's computation.
    pub terms: Option<(TermsOf, Vec<f32>)>,
    /// Rows under the pointer.
    pub picks: Vec<(LayoutId, Picked)>,
    /// Positions of a layout's points.
    pub points: Option<(LayoutId, Vec<[f32; 2]>)>,
    /// Selected rows of layouts.
    pub rows: Vec<(LayoutId, SelectionSummary)>,
    /// GPU milliseconds of the pictures and the interface of a frame.
    pub views_ms: Option<f64>,
}

/// egui's context and renderer, the pictures and the timers of one device and target format.
pub struct Canvas {
    /// egui's context.
    pub ctx: egui::Context,
    renderer: egui_wgpu::Renderer,
    tiles: Option<Tiles>,
    indices: TileSetIndices,
    scatters: Option<Scatters>,
    flows: Option<Flows>,
    statistics: ReadbackRing<TileId>,
    classes: ReadbackRing<()>,
    weights: ReadbackRing<(u32, u32)>,
    bias: ReadbackRing<(u32, u32)>,
    terms: ReadbackRing<TermsOf>,
    picks: ReadbackRing<LayoutId>,
    points: ReadbackRing<LayoutId>,
    rows: ReadbackRing<LayoutId>,
    passes: TimedPasses<()>,
    /// Events that are kept back for the next frame.
    later: Vec<egui::Event>,
}

impl Canvas {
    /// A canvas for targets of `format`; `predictable` pictures come out the same every time.
    ///
    /// # Errors
    /// When a shader is faulty.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat, predictable: bool) -> Result<Self> {
        let ctx = egui::Context::default();
        theme::apply(&ctx);
        let options = if predictable { RendererOptions::PREDICTABLE } else { RendererOptions::default() };
        let mut renderer = egui_wgpu::Renderer::new(&gpu.device, format, options);
        renderer.callback_resources.insert(Fills::new(gpu, format)?);
        Ok(Self {
            ctx,
            renderer,
            tiles: Some(Tiles::new(gpu, format)?),
            indices: TileSetIndices::default(),
            scatters: Some(Scatters::new(gpu, format)?),
            flows: Some(Flows::new(gpu, format)?),
            statistics: ReadbackRing::new(gpu, 16, 8),
            classes: ReadbackRing::new(gpu, MAX_CLASSES * 16, 4),
            weights: ReadbackRing::new(gpu, 4 * MAX_WEIGHTS as u64, 4),
            bias: ReadbackRing::new(gpu, 4, 4),
            terms: ReadbackRing::new(gpu, 4 * MAX_WEIGHTS as u64, 4),
            picks: ReadbackRing::new(gpu, Picked::BYTES, 32),
            points: ReadbackRing::new(gpu, 8 * u64::from(MAX_READ_POINTS), 3),
            rows: ReadbackRing::new(gpu, SelectionSummary::BYTES, 8),
            passes: TimedPasses::new(gpu, 2),
            later: Vec::new(),
        })
    }

    /// Lays out the interface `content` in a target of `size` pixels; [`Canvas::record`] paints it.
    pub fn run(
        &mut self,
        gpu: &Gpu,
        mut input: egui::RawInput,
        size: [u32; 2],
        mut content: impl FnMut(&mut Ui, &mut Frame<'_>),
    ) -> Painting {
        let tiles = self.tiles.as_mut().expect("record puts the tiles back");
        let scatters = self.scatters.as_mut().expect("record puts the layouts back");
        let flows = self.flows.as_mut().expect("record puts the edges back");
        let indices = &mut self.indices;
        let mut requests = Requests::default();
        input.events.splice(0..0, std::mem::take(&mut self.later));
        self.later = split_at_release(&mut input.events, &take_rails(&self.ctx));
        let waits = !self.later.is_empty();
        scatters.begin(size[0], size[1]);
        let output = self.ctx.run_ui(input, |ui| {
            if waits {
                ui.ctx().request_repaint();
            }
            tiles.begin(size[0], size[1]);
            flows.begin(size[0], size[1]);
            let mut frame = Frame::new(gpu, tiles, indices, scatters, flows);
            content(ui, &mut frame);
            requests = frame.into_requests();
        });
        Painting { output, requests, size }
    }

    /// Records the painting of a frame; returns egui's requests to the platform.
    pub fn record(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        painting: Painting,
        view: &wgpu::TextureView,
    ) -> egui::FullOutput {
        let Painting { mut output, requests, size } = painting;
        let mut delta = std::mem::take(&mut output.textures_delta);
        for (id, deltas) in &delta.set {
            deltas.iter().for_each(|d| self.renderer.update_texture(&gpu.device, &gpu.queue, *id, d));
        }
        fill_apart(&mut output.shapes);
        let shapes = self.ctx.tessellate(std::mem::take(&mut output.shapes), output.pixels_per_point);
        let screen = ScreenDescriptor { size_in_pixels: size, pixels_per_point: output.pixels_per_point };
        self.renderer.update_buffers(&gpu.device, &gpu.queue, encoder, &shapes, &screen);
        self.record_passes(encoder, gpu, &shapes, &screen, view);
        self.copy_requested(encoder, requests);
        self.passes.copy(encoder);
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
        let mut flows = self.flows.take().expect("they are put back below");
        self.passes.compute(encoder, "statistics", |pass| {
            flows.prepare(gpu, pass);
            tiles.prepare(gpu, pass);
            scatters.prepare(gpu, pass);
            ((), ())
        });
        self.renderer.callback_resources.insert(tiles);
        self.renderer.callback_resources.insert(scatters);
        self.renderer.callback_resources.insert(flows);
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
            timestamp_writes: self.passes.render_writes("workbench", ()),
            ..Default::default()
        });
        self.renderer.render(&mut pass.forget_lifetime(), shapes, screen);
        self.tiles = self.renderer.callback_resources.remove::<Tiles>();
        self.scatters = self.renderer.callback_resources.remove::<Scatters>();
        self.flows = self.renderer.callback_resources.remove::<Flows>();
    }

    fn copy_requested(&mut self, encoder: &mut wgpu::CommandEncoder, requests: Requests) {
        let (Some(tiles), Some(scatters)) = (&self.tiles, &mut self.scatters) else { return };
        for id in requests.tiles {
            let index = self.indices.get(TileSetId::Node(id.node));
            if let Some(stats) = index.and_then(|index| tiles.stats(index)) {
                self.statistics.copy(encoder, stats.raw(), u64::from(id.tile) * 16, 16, id);
            }
        }
        let index = self.indices.get(TileSetId::Classes).filter(|_| requests.classes);
        if let Some(stats) = index.and_then(|index| tiles.stats(index)) {
            let size = stats.range().size.min(MAX_CLASSES * 16);
            self.classes.copy(encoder, stats.raw(), 0, size, ());
        }
        if let Some((filter, range)) =
            requests.weights.filter(|(_, range)| range.size <= 4 * MAX_WEIGHTS as u64)
        {
            self.weights.copy(encoder, &range.buffer, range.offset, range.size, filter);
        }
        if let Some((filter, range)) = requests.bias {
            self.bias.copy(encoder, &range.buffer, range.offset, 4, filter);
        }
        if let Some((of, range)) = requests.terms {
            self.terms.copy(encoder, &range.buffer, 0, range.size, of);
        }
        for id in requests.picks {
            if let Some(pick) = scatters.pick(id.0) {
                self.picks.copy(encoder, pick.raw(), 0, Picked::BYTES, id);
            }
        }
        for (id, positions) in requests.points {
            let size = positions.size.min(8 * u64::from(MAX_READ_POINTS));
            self.points.copy(encoder, &positions.buffer, positions.offset, size, id);
        }
        let ring = &mut self.rows;
        scatters.copy_selections(|id, rows| {
            ring.copy(encoder, rows.raw(), 0, SelectionSummary::BYTES, LayoutId(id))
        });
    }

    /// Bytes read back so far: statistics of tiles, weights of the filter that is painted, numbers of a pixel, picked and selected rows, and times;
    /// never pictures.
    pub fn bytes_read(&self) -> u64 {
        self.statistics.bytes_read()
            + self.classes.bytes_read()
            + self.weights.bytes_read()
            + self.bias.bytes_read()
            + self.terms.bytes_read()
            + self.picks.bytes_read()
            + self.points.bytes_read()
            + self.rows.bytes_read()
            + self.passes.bytes_read()
    }

    /// Call after the submit that holds the frame.
    pub fn after_submit(&mut self) {
        self.statistics.after_submit();
        self.classes.after_submit();
        self.weights.after_submit();
        self.bias.after_submit();
        self.terms.after_submit();
        self.picks.after_submit();
        self.points.after_submit();
        self.rows.after_submit();
        self.passes.after_submit();
    }

    /// Takes the numbers that arrived.
    pub fn poll(&mut self) -> Readings {
        let mut readings = Readings::default();
        let statistics = self.statistics.take().into_iter();
        readings.tiles = statistics.map(|(id, bytes)| (id, bytemuck::pod_read_unaligned(&bytes))).collect();
        // The mean of one value is this value.
        let means =
            |bytes: &[u8]| bytemuck::pod_collect_to_vec::<u8, [f32; 4]>(bytes).iter().map(|s| s[2]).collect();
        readings.classes = self.classes.take().last().map(|(_, bytes)| means(bytes));
        let weights = self.weights.take().pop();
        readings.weights = weights.map(|(filter, bytes)| (filter, bytemuck::pod_collect_to_vec(&bytes)));
        let bias = self.bias.take().pop();
        readings.bias = bias.map(|(filter, bytes)| (filter, bytemuck::pod_read_unaligned(&bytes)));
        let terms = self.terms.take().pop();
        readings.terms = terms.map(|(of, bytes)| (of, bytemuck::pod_collect_to_vec(&bytes)));
        readings.picks =
            self.picks.take().into_iter().map(|(id, bytes)| (id, Picked::read(&bytes))).collect();
        let points = self.points.take().into_iter().next_back();
        readings.points = points.map(|(id, bytes)| (id, bytemuck::pod_collect_to_vec(&bytes)));
        readings.rows =
            self.rows.take().into_iter().map(|(id, bytes)| (id, SelectionSummary::read(&bytes))).collect();
        for passes in self.passes.take() {
            readings.views_ms = Some(passes.iter().map(|((), time_ms)| time_ms).sum());
        }
        readings
    }
}

/// Splits off the events from the one on that lets go a button which was pressed on one of the `rails` in the same frame: egui's
/// sliders move only while they are held.
fn split_at_release(events: &mut Vec<egui::Event>, rails: &[egui::Rect]) -> Vec<egui::Event> {
    let mut held = false;
    let lets_go = |event: &egui::Event| match event {
        egui::Event::PointerButton { pos, pressed: true, .. } => {
            held |= rails.iter().any(|rail| rail.contains(*pos));
            false
        }
        egui::Event::PointerButton { pressed: false, .. } => held,
        _ => false,
    };
    let at = events.iter().position(lets_go).unwrap_or(events.len());
    events.split_off(at)
}
