//! All live embeddings of a session: when their rows are read, and how much of a frame they take.
//!
//! Rows are read at the end of a step, when weights, gradients and maps belong together. While the network trains, layouts take
//! a small share of the time, each as much as the others; what one does not use at once it may use later, and what it used too much
//! it waits for. A layout that was just opened has more, until it is laid out for the first time.

use std::ops::Range;
use std::sync::Arc;

use super::embedding::{Content, Layout, LayoutId, LayoutSource, can_be_laid_out};
use super::{LayerInfo, Session, TensorKind};
use crate::embed::{Change, State};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu, Plan, ReadbackRing, TensorView, Timer};
use crate::nn::Best;

/// Share of the time that layouts take together while the network trains.
const SHARE: f64 = 0.03;
/// The same of those that begin, beyond that.
const SHARE_AT_FIRST: f64 = 0.3;
/// The same of all while the network does not train.
const SHARE_AT_REST: f64 = 0.5;
/// Timed passes in one submit; further ones are not timed.
const MOST_SPANS: u32 = 32;
/// Iterations recorded at once.
const MOST_ITERATIONS: u32 = 50;

/// What a timed pass was of.
#[derive(Clone)]
enum Work {
    Refresh(Range<usize>),
    /// These dispatches, so many times.
    Iterations(Range<usize>, u32),
}

/// What of a layout comes back, and the era that it is of.
#[derive(Clone, Copy)]
enum Told {
    State(u32),
    /// The number of rows that are not left out.
    Kept(u32),
    /// What the network says of an image.
    Image(u32),
}

/// The timed passes of one encoder, and what each was.
struct Timed {
    labels: Vec<Arc<str>>,
    work: Vec<(LayoutId, Work)>,
}

/// The embeddings that are open.
pub(super) struct Embeddings {
    pub open: Vec<Layout>,
    next_id: u64,
    /// By layer: the change of its filters over the last epoch, where it has any.
    changes: Vec<Option<Change>>,
    /// The filters are to be kept anew before the next step.
    keep: bool,
    timer: Timer,
    work: Vec<(LayoutId, Work)>,
    times: ReadbackRing<Timed>,
    told: ReadbackRing<(LayoutId, Told)>,
    /// The layout and image of which is to come back what the network says.
    pub asked: Option<(LayoutId, u32)>,
}

impl Embeddings {
    pub fn new(gpu: &Gpu, filters: Vec<Option<TensorView>>) -> Result<Self> {
        let change = |view: Option<TensorView>| view.map(|v| Change::new(gpu, &v)).transpose();
        Ok(Self {
            open: Vec::new(),
            next_id: 0,
            changes: filters.into_iter().map(change).collect::<Result<_>>()?,
            keep: true,
            timer: Timer::new(gpu, MOST_SPANS),
            work: Vec::new(),
            times: ReadbackRing::new(gpu, u64::from(MOST_SPANS) * 16, 4),
            told: ReadbackRing::new(gpu, size_of::<State>() as u64, 48),
            asked: None,
        })
    }

    /// Opens a layout in place of the one that its source replaces; its number is the next.
    pub fn open(&mut self, layout: Layout) {
        let source = layout.source();
        if let Some(index) = self.open.iter().position(|open| source.replaces(&open.source())) {
            self.open.remove(index);
        }
        self.next_id = layout.id.0 + 1;
        self.open.push(layout);
    }

    /// The number of the next layout.
    pub fn next_id(&self) -> LayoutId {
        LayoutId(self.next_id)
    }

    /// Skips numbers that were given out already.
    pub fn skip_ids(&mut self, next: u64) {
        self.next_id = self.next_id.max(next);
    }

    /// An open layout.
    pub fn find(&mut self, id: LayoutId) -> Option<&mut Layout> {
        self.open.iter_mut().find(|layout| layout.id == id)
    }

    /// Whether images of a layout wait to be forwarded.
    pub fn want_forward(&self) -> bool {
        self.open.iter().any(Layout::wants_forward)
    }

    /// The run began anew: what changed before is of no interest.
    pub fn restart(&mut self, gpu: &Gpu) {
        for change in self.changes.iter().flatten() {
            change.values.write(gpu, 0, &vec![0.0; change.values.len()]);
        }
        self.keep = true;
        self.open.iter_mut().for_each(Layout::step_made);
    }

    /// To be recorded before the first step.
    pub fn begin(&mut self, encoder: &mut wgpu::CommandEncoder) {
        if std::mem::take(&mut self.keep) {
            self.changes.iter().flatten().for_each(|change| change.keep.encode(encoder));
        }
    }

    /// To be recorded after each step.
    pub fn after_step(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, step: u32, ends_epoch: bool) {
        if ends_epoch {
            for change in self.changes.iter().flatten() {
                change.measure.encode(encoder);
                change.keep.encode(encoder);
            }
        }
        for embedding in &mut self.open {
            if step.is_multiple_of(embedding.every) {
                embedding.step_made();
            }
        }
        self.record_refreshes(gpu, encoder, true);
    }

    /// Another image is pinned: its maps were computed anew.
    pub fn after_probes(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) {
        for embedding in self.open.iter_mut().filter(|e| e.is_of_tiles()) {
            if matches!(embedding.kind, TensorKind::Activations | TensorKind::ActivationGradients) {
                embedding.mark_due();
            }
        }
        self.record_refreshes(gpu, encoder, true);
    }

    /// What the layouts may use from now on: a share of the milliseconds that the run took, or had.
    pub fn grant(&mut self, time_ms: f64, training: bool) {
        let awake = self.open.iter().filter(|e| !e.rests()).count().max(1) as f64;
        let beginning = self.open.iter().filter(|e| e.begins()).count().max(1) as f64;
        for embedding in &mut self.open {
            let share = match training {
                false => SHARE_AT_REST / awake,
                true if embedding.begins() => SHARE / awake + SHARE_AT_FIRST / beginning,
                true => SHARE / awake,
            };
            embedding.grant(share * time_ms, time_ms);
        }
    }

    /// Reads the rows that are due and makes their affinities while the credit lasts. Rows of the run itself are read only where a
    /// step `ended`.
    pub fn record_refreshes(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, ended: bool) {
        for index in 0..self.open.len() {
            while self.open[index].credit_ms > 0.0 && self.open[index].refreshes(ended) {
                self.record_piece(gpu, encoder, index);
            }
        }
    }

    /// A piece of the refresh of one layout.
    fn record_piece(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, index: usize) {
        let embedding = &mut self.open[index];
        let (plan, range, cost_ms) = embedding.refresh.next_piece(embedding.credit_ms);
        embedding.credit_ms -= cost_ms;
        let work = (embedding.id, Work::Refresh(range.clone()));
        time(encoder, &mut self.timer, &mut self.work, (plan, range, 1), work);
        if !embedding.refresh.under_way() {
            embedding.refreshed(gpu);
            let summary = embedding.tsne.summary();
            // The second word.
            let told = (embedding.id, Told::Kept(embedding.era));
            self.told.copy(encoder, &summary.buffer, summary.offset + 4, 4, told);
        }
    }

    /// Iterates as long as the credit lasts: whole iterations, or a part of one where it is long. Returns whether anything was recorded.
    pub fn record_iterations(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> bool {
        let mut recorded = false;
        for embedding in self.open.iter_mut().filter(|e| e.iterates() && e.credit_ms > 0.0) {
            recorded = true;
            let whole_ms = embedding.iteration.total_ms();
            let fit = (embedding.credit_ms / whole_ms) as u32;
            let (range, iterations, cost_ms) = if embedding.part == 0 && fit > 0 {
                let iterations = fit.min(MOST_ITERATIONS).min(embedding.left);
                (0..embedding.iteration.len(), iterations, f64::from(iterations) * whole_ms)
            } else {
                let (range, cost_ms) = embedding.iteration.fit(embedding.part, embedding.credit_ms);
                (range, 1, cost_ms)
            };
            if range.start == 0 {
                embedding.iterated(gpu, iterations);
            }
            embedding.credit_ms -= cost_ms;
            let ends = range.end == embedding.iteration.len();
            embedding.part = if ends { 0 } else { range.end };
            let work = (embedding.id, Work::Iterations(range.clone(), iterations));
            let plan = embedding.tsne.iteration_plan();
            time(encoder, &mut self.timer, &mut self.work, (plan, range, iterations), work);
            if ends {
                let state = embedding.tsne.state_range();
                let told = (embedding.id, Told::State(embedding.era));
                self.told.copy(encoder, &state.buffer, state.offset, size_of::<State>() as u64, told);
            }
        }
        recorded
    }

    /// Copies the times of this encoder, and what was asked for.
    pub fn copy(&mut self, encoder: &mut wgpu::CommandEncoder) {
        if let Some((id, image)) = self.asked.take() {
            let images = self.open.iter().find(|e| e.id == id).and_then(Layout::images);
            if let Some(best) = images.and_then(|images| images.best(image)) {
                let told = (id, Told::Image(image));
                self.told.copy(encoder, &best.buffer, best.offset, best.size, told);
            }
        }
        let work = std::mem::take(&mut self.work);
        if let Some((buffer, size, labels)) = self.timer.resolve(encoder) {
            self.times.copy(encoder, buffer, 0, size, Timed { labels, work });
        }
    }

    pub fn after_submit(&mut self) {
        self.times.after_submit();
        self.told.after_submit();
    }

    /// Takes in the states and times that arrived; returns the layouts' share of it in milliseconds of GPU time.
    pub fn poll(&mut self) -> Option<f64> {
        for ((id, told), bytes) in self.told.take() {
            let Some(embedding) = self.open.iter_mut().find(|e| e.id == id) else { continue };
            match told {
                Told::State(era) if era == embedding.era => {
                    embedding.take_state(bytemuck::pod_read_unaligned(&bytes));
                }
                Told::Kept(era) if era == embedding.era => {
                    embedding.take_kept(bytemuck::pod_read_unaligned(&bytes));
                }
                Told::Image(image) => {
                    let best: Best = bytemuck::pod_read_unaligned(&bytes);
                    if let Content::Images(images) = &mut embedding.content {
                        images.take_told(image, best);
                    }
                }
                Told::State(_) | Told::Kept(_) => {}
            }
        }
        let mut total = None;
        for (Timed { labels, work }, bytes) in self.times.take() {
            let spans = self.timer.spans(&labels, &bytes);
            total = Some(spans.iter().map(|s| s.time_ms).sum());
            for ((id, work), span) in work.into_iter().zip(spans) {
                let Some(embedding) = self.open.iter_mut().find(|e| e.id == id) else { continue };
                match work {
                    Work::Refresh(range) => embedding.refresh.learn(range, span.time_ms),
                    Work::Iterations(range, n) => {
                        embedding.iteration.learn(range, span.time_ms / f64::from(n));
                    }
                }
            }
        }
        total
    }
}

/// Records dispatches of a plan some times as one timed pass.
fn time(
    encoder: &mut wgpu::CommandEncoder,
    timer: &mut Timer,
    all: &mut Vec<(LayoutId, Work)>,
    (plan, range, times): (&Plan, Range<usize>, u32),
    work: (LayoutId, Work),
) {
    let timestamp_writes = timer.span(&Arc::from("t-SNE"));
    if timestamp_writes.is_some() {
        all.push(work);
    }
    let descriptor = wgpu::ComputePassDescriptor { label: Some("t-SNE"), timestamp_writes };
    let mut pass = encoder.begin_compute_pass(&descriptor);
    (0..times).for_each(|_| plan.record(&mut pass, range.clone()));
}

impl Session {
    /// The live layouts, in the order in which they were opened.
    pub fn layouts(&self) -> &[Layout] {
        &self.embeddings.open
    }

    /// A live layout.
    pub fn layout(&self, id: LayoutId) -> Option<&Layout> {
        self.embeddings.open.iter().find(|layout| layout.id == id)
    }

    /// Whether a layer has such a tensor, of tiles enough for a layout.
    pub fn can_embed(&self, layer: usize, kind: TensorKind) -> bool {
        (1..self.layers.len()).contains(&layer)
            && self.tensor(layer, kind).is_some_and(|view| can_be_laid_out(&view))
    }

    /// The tiles of a layer's tensor, where they can be laid out.
    pub(super) fn tiles_to_lay_out(&self, layer: usize, kind: TensorKind) -> Result<TensorView> {
        let can = self.can_embed(layer, kind);
        can.then(|| self.tensor(layer, kind)).flatten().ok_or_else(|| {
            let name = self.layers.get(layer).map_or("this layer", |info: &LayerInfo| &info.name);
            Error::new(
                format!("{name} has nothing of this kind to lay out"),
                "choose a layer with at least 4 filters or maps",
            )
        })
    }

    /// A layout of the tiles of a layer's tensor.
    fn tensor_layout(&self, id: LayoutId, layer: usize, kind: TensorKind) -> Result<Layout> {
        let view = self.tiles_to_lay_out(layer, kind)?;
        let opened = Layout::new(self.trainer.gpu(), id, (layer, kind), view, (Content::Tiles, None, 0));
        let mut layout = opened.map_err(|e| e.within(&self.layers[layer].name))?;
        let source = layout.source();
        if let Some(former) = self.embeddings.open.iter().find(|open| source.replaces(&open.source())) {
            (layout.running, layout.every) = (former.running, former.every);
        }
        Ok(layout)
    }

    /// Opens a layout; where another one has a like source, this one takes its place.
    pub(super) fn open_layout(&mut self, source: LayoutSource) -> Result<()> {
        let id = self.embeddings.next_id();
        let layout = match source {
            LayoutSource::Tensor { node, kind } => {
                self.stale = true;
                self.tensor_layout(id, node, kind)
            }
            LayoutSource::Images(source) => self.image_layout(id, source),
            LayoutSource::Filters => self.filter_layout(id),
        }?;
        self.embeddings.open(layout);
        Ok(())
    }

    /// The activations of layer `layer` (0 is the input) for all test images, a row `[d]` an image, and the images' labels. Finishes
    /// the step or evaluation that is under way, and waits for the GPU.
    ///
    /// # Errors
    /// When there is no such layer, or the rows do not fit the adapter.
    pub fn test_rows(&mut self, layer: usize) -> Result<(Buffer<f32>, &[u8])> {
        self.finish_under_way();
        let images = self.trainer.feed.test();
        let rows = self.trainer.rows(layer, images)?;
        Ok((rows, &self.test_labels))
    }

    /// By filter, on the GPU: the sum over its coefficients of their absolute change over the last whole epoch; 0 before one
    /// ended.
    pub fn filter_changes(&self, layer: usize) -> Option<&Buffer<f32>> {
        self.embeddings.changes.get(layer)?.as_ref().map(|change| &change.values)
    }

    /// What is laid out may lie in another buffer since the last encoder.
    pub(super) fn follow_views(&mut self) {
        let gpu = std::rc::Rc::clone(self.trainer.gpu());
        for index in 0..self.embeddings.open.len() {
            self.embeddings.open[index].move_waiting_points(&gpu);
            let (layer, kind) = (self.embeddings.open[index].layer, self.embeddings.open[index].kind);
            let view = self.tensor(layer, kind);
            if let Err(error) = self.embeddings.open[index].follow(&gpu, view) {
                self.events.push(super::Event::Fault(error));
                self.embeddings.open[index].running = false;
            }
        }
    }
}
