//! Paints frames: the interface and the pictures in it, into any target, within one encoder.

use std::time::Instant;

use egui::Ui;
use egui_wgpu::{RendererOptions, ScreenDescriptor};

use super::fills::fill_apart;
use super::frame::{Frame, MAX_VALUES, MAX_WEIGHTS, Requests, TermsOf};
use super::number::take_rails;
use super::theme;
use super::tile_set::{TileId, TileSetId, TileSetIndices};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, ReadbackRing, TimedPasses};
use crate::session::LayoutId;
use crate::view::flow::{Flows, TimeShare};
use crate::view::{Fills, Picked, Scatters, SelectionSummary, Theme, Tiles};

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

/// Purpose of a timed pass of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Statistics, pictures and the interface.
    Views,
    /// Flow between layers, and the computation of a filter's map.
    Flow,
}

/// egui's context and renderer, the pictures and the timers of one device and target format.
pub struct Canvas {
    theme: Theme,
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
    /// Numbers of an output pixel, brought together to be read back.
    values: Buffer<f32>,
    picks: ReadbackRing<LayoutId>,
    points: ReadbackRing<LayoutId>,
    rows: ReadbackRing<LayoutId>,
    passes: TimedPasses<Part>,
    /// Share of the time that flow takes; none where every frame computes it.
    flow_share: Option<TimeShare>,
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
            theme: Theme::default(),
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
            values: Buffer::zeroed(gpu, "numbers of a pixel", MAX_VALUES),
            picks: ReadbackRing::new(gpu, Picked::BYTES, 32),
            points: ReadbackRing::new(gpu, 8 * u64::from(MAX_READ_POINTS), 3),
            rows: ReadbackRing::new(gpu, SelectionSummary::BYTES, 8),
            passes: TimedPasses::new(gpu, 3),
            flow_share: None,
            later: Vec::new(),
        })
    }

    /// The canvas of a window, beside which a run trains: what flows between layers takes a fixed share of the time.
    pub fn sharing_time(self) -> Self {
        Self { flow_share: Some(TimeShare::default()), ..self }
    }

    /// Lays out the interface `content` in a target of `size` pixels; [`Canvas::record`] paints it.
    pub fn run(
        &mut self,
        gpu: &Gpu,
        mut input: egui::RawInput,
        size: [u32; 2],
        mut content: impl FnMut(&mut Ui, &mut Frame<'_>),
    ) -> Painting {
        self.follow_theme(gpu);
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

    /// Draws in the theme that the user, or else the system, chose, as it was when the last frame ended.
    fn follow_theme(&mut self, gpu: &Gpu) {
        let wanted = theme::wanted(&self.ctx);
        theme::show(self.theme);
        if wanted == self.theme {
            return;
        }
        let (Some(tiles), Some(scatters), Some(flows)) =
            (&mut self.tiles, &mut self.scatters, &mut self.flows)
        else {
            return;
        };
        let changed = tiles.set_theme(gpu, wanted).and_then(|()| scatters.set_theme(gpu, wanted));
        match changed.and_then(|()| flows.set_theme(gpu, wanted)) {
            Ok(()) => {
                self.theme = wanted;
                theme::show(wanted);
            }
            Err(error) => log::warn!("{error}; {}", error.help()),
        }
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
        self.record_flow(encoder, gpu, &mut flows);
        self.passes.compute(encoder, "statistics", |pass| {
            tiles.prepare(gpu, pass);
            scatters.prepare(gpu, pass);
            (Part::Views, ())
        });
        self.renderer.callback_resources.insert(tiles);
        self.renderer.callback_resources.insert(scatters);
        self.renderer.callback_resources.insert(flows);
        let panel = theme::panel();
        let [r, g, b] = [panel.r(), panel.g(), panel.b()].map(|c| f64::from(c) / 255.0);
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
            timestamp_writes: self.passes.render_writes("workbench", Part::Views),
            ..Default::default()
        });
        self.renderer.render(&mut pass.forget_lifetime(), shapes, screen);
        self.tiles = self.renderer.callback_resources.remove::<Tiles>();
        self.scatters = self.renderer.callback_resources.remove::<Scatters>();
        self.flows = self.renderer.callback_resources.remove::<Flows>();
    }

    /// Records what is due of the flow between layers.
    fn record_flow(&mut self, encoder: &mut wgpu::CommandEncoder, gpu: &Gpu, flows: &mut Flows) {
        if !flows.are_shown() {
            return;
        }
        flows.upload(gpu);
        let now = Instant::now();
        let all = self.flow_share.as_mut().is_none_or(|share| share.is_due(now));
        if all || flows.are_new() {
            self.passes.compute(encoder, "flow", |pass| (Part::Flow, flows.compute(pass, all)));
            self.flow_share.iter_mut().for_each(|share| share.begins(now));
        }
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
        if let Some((of, values)) = requests.values {
            for (i, (buffer, element)) in (0..).zip(&values) {
                encoder.copy_buffer_to_buffer(buffer, 4 * u64::from(*element), self.values.raw(), 4 * i, 4);
            }
            self.terms.copy(encoder, self.values.raw(), 0, 4 * values.len() as u64, of);
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
            readings.views_ms = Some(passes.iter().map(|(_, time_ms)| time_ms).sum());
            let flow = passes.iter().find(|(part, _)| *part == Part::Flow);
            if let (Some(share), Some((_, time_ms))) = (&mut self.flow_share, flow) {
                share.took(*time_ms);
            }
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
