//! All live embeddings of a session: when their rows are read, and how much of a frame they take.
//!
//! Rows are read at the end of a step, when weights, gradients and maps belong together. While the network trains, layouts take
//! a small share of the time; what they do not use at once they may use later.

use std::sync::Arc;

use super::embedding::{Embedding, Images, can_be_laid_out};
use super::{LayerInfo, Session, TensorKind};
use crate::embed::{Change, State};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu, Plan, ReadbackRing, TensorView, Timer};

/// Share of a frame's time that layouts take while the network trains.
const SHARE: f64 = 0.05;
/// Images of a layout at most: every one of them pushes all others.
const MOST_IMAGES: usize = 10_000;
/// The same on the software adapter.
const MOST_IMAGES_SOFTWARE: usize = 2000;
/// Timed passes in one submit; further ones are not timed.
const MOST_SPANS: u32 = 32;
/// Iterations recorded at once.
const MOST_ITERATIONS: u32 = 50;

/// What a timed pass was of.
#[derive(Clone, Copy)]
enum Work {
    Refresh,
    Iterations(u32),
}

/// The timed passes of one encoder, and what each was.
struct Timed {
    labels: Vec<Arc<str>>,
    work: Vec<(u64, Work)>,
}

/// The embeddings that are open.
pub(super) struct Embeddings {
    pub open: Vec<Embedding>,
    next_id: u64,
    /// By layer: the change of its filters over the last epoch, where it has any.
    changes: Vec<Option<Change>>,
    /// The filters are to be kept anew before the next step.
    keep: bool,
    credit_ms: f64,
    /// Whose rows are read first.
    turn: usize,
    timer: Timer,
    work: Vec<(u64, Work)>,
    times: ReadbackRing<Timed>,
    states: ReadbackRing<u64>,
}

impl Embeddings {
    pub fn new(gpu: &Gpu, filters: Vec<Option<TensorView>>) -> Result<Self> {
        let change = |view: Option<TensorView>| view.map(|v| Change::new(gpu, &v)).transpose();
        Ok(Self {
            open: Vec::new(),
            next_id: 0,
            changes: filters.into_iter().map(change).collect::<Result<_>>()?,
            keep: true,
            credit_ms: 0.0,
            turn: 0,
            timer: Timer::new(gpu, MOST_SPANS),
            work: Vec::new(),
            times: ReadbackRing::new(gpu, u64::from(MOST_SPANS) * 16, 4),
            states: ReadbackRing::new(gpu, size_of::<State>() as u64, 32),
        })
    }

    /// The run began anew: what changed before is of no interest.
    pub fn restart(&mut self, gpu: &Gpu) {
        for change in self.changes.iter().flatten() {
            change.values.write(gpu, 0, &vec![0.0; change.values.len()]);
        }
        self.keep = true;
        self.open.iter_mut().for_each(Embedding::mark_due);
    }

    /// To be recorded before the first step.
    pub fn begin(&mut self, encoder: &mut wgpu::CommandEncoder) {
        if std::mem::take(&mut self.keep) {
            self.changes.iter().flatten().for_each(|change| change.keep.encode(encoder));
        }
    }

    /// To be recorded after each step.
    pub fn after_step(&mut self, encoder: &mut wgpu::CommandEncoder, step: u32, ends_epoch: bool) {
        if ends_epoch {
            for change in self.changes.iter().flatten() {
                change.measure.encode(encoder);
                change.keep.encode(encoder);
            }
        }
        for embedding in &mut self.open {
            if step.is_multiple_of(embedding.every) {
                embedding.mark_due();
            }
        }
        self.record_refreshes(encoder);
    }

    /// Another image is pinned: its maps were computed anew.
    pub fn after_probes(&mut self, encoder: &mut wgpu::CommandEncoder) {
        for embedding in &mut self.open {
            if matches!(embedding.kind, TensorKind::Activations | TensorKind::ActivationGradients) {
                embedding.mark_due();
            }
        }
        self.record_refreshes(encoder);
    }

    /// What the layouts may use from now on.
    pub fn grant(&mut self, budget_ms: f64, training: bool) {
        let granted = if training { SHARE * budget_ms } else { 0.5 * budget_ms };
        self.credit_ms = if self.open.is_empty() { 0.0 } else { (self.credit_ms + granted).min(budget_ms) };
    }

    /// Reads the rows that are due while the credit lasts; the next one comes first the next time.
    pub fn record_refreshes(&mut self, encoder: &mut wgpu::CommandEncoder) {
        for turn in 0..self.open.len() {
            let index = (self.turn + turn) % self.open.len();
            let embedding = &mut self.open[index];
            if !embedding.may_refresh() {
                continue;
            }
            if self.credit_ms <= 0.0 {
                self.turn = index;
                break;
            }
            embedding.refreshed();
            self.credit_ms -= embedding.refresh_ms;
            let (id, plan) = (embedding.id, embedding.tsne.refresh_plan());
            time(encoder, &mut self.timer, &mut self.work, plan, 1, (id, Work::Refresh));
        }
    }

    /// Iterates as long as the credit lasts; returns whether anything was recorded.
    pub fn record_iterations(&mut self, encoder: &mut wgpu::CommandEncoder) -> bool {
        let awake = self.open.iter().filter(|e| e.running && e.left > 0).count();
        if awake == 0 || self.credit_ms <= 0.0 {
            return false;
        }
        let each_ms = self.credit_ms / awake as f64;
        let mut recorded = false;
        for embedding in self.open.iter_mut().filter(|e| e.running && e.left > 0) {
            let fit = (each_ms / embedding.iteration_ms) as u32;
            let iterations = fit.clamp(1, MOST_ITERATIONS).min(embedding.left);
            embedding.iterated(iterations);
            self.credit_ms -= f64::from(iterations) * embedding.iteration_ms;
            let work = (embedding.id, Work::Iterations(iterations));
            let plan = embedding.tsne.iteration_plan();
            time(encoder, &mut self.timer, &mut self.work, plan, iterations, work);
            let state = embedding.tsne.state_range();
            self.states.copy(encoder, &state.buffer, state.offset, size_of::<State>() as u64, embedding.id);
            recorded = true;
        }
        recorded
    }

    /// Copies the times of this encoder.
    pub fn copy(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let work = std::mem::take(&mut self.work);
        if let Some((buffer, size, labels)) = self.timer.resolve(encoder) {
            self.times.copy(encoder, buffer, 0, size, Timed { labels, work });
        }
    }

    pub fn after_submit(&mut self) {
        self.times.after_submit();
        self.states.after_submit();
    }

    /// Takes in the states and times that arrived; returns the layouts' share of it in milliseconds of GPU time.
    pub fn poll(&mut self) -> Option<f64> {
        for (id, bytes) in self.states.take() {
            if let Some(embedding) = self.open.iter_mut().find(|e| e.id == id) {
                embedding.take_state(bytemuck::pod_read_unaligned(&bytes));
            }
        }
        let mut total = None;
        for (Timed { labels, work }, bytes) in self.times.take() {
            let spans = self.timer.spans(&labels, &bytes);
            total = Some(spans.iter().map(|s| s.time_ms).sum());
            for ((id, work), span) in work.into_iter().zip(spans) {
                let Some(embedding) = self.open.iter_mut().find(|e| e.id == id) else { continue };
                let (cost, now) = match work {
                    Work::Refresh => (&mut embedding.refresh_ms, span.time_ms),
                    Work::Iterations(n) => (&mut embedding.iteration_ms, span.time_ms / f64::from(n)),
                };
                *cost = (*cost + 0.3 * (now.clamp(0.25 * *cost, 4.0 * *cost) - *cost)).max(1e-3);
            }
        }
        total
    }
}

/// Records a plan some times as one timed pass.
fn time(
    encoder: &mut wgpu::CommandEncoder,
    timer: &mut Timer,
    all: &mut Vec<(u64, Work)>,
    plan: &Plan,
    times: u32,
    work: (u64, Work),
) {
    let timestamp_writes = timer.span(&Arc::from("t-SNE"));
    if timestamp_writes.is_some() {
        all.push(work);
    }
    let descriptor = wgpu::ComputePassDescriptor { label: Some("t-SNE"), timestamp_writes };
    let mut pass = encoder.begin_compute_pass(&descriptor);
    (0..times).for_each(|_| plan.record(&mut pass, 0..plan.len()));
}

impl Session {
    /// The embeddings that are open.
    pub fn embeddings(&self) -> &[Embedding] {
        &self.embeddings.open
    }

    /// One of them, by its number.
    pub fn embedding_mut(&mut self, id: u64) -> Option<&mut Embedding> {
        self.embeddings.open.iter_mut().find(|e| e.id == id)
    }

    /// Whether a layer has such a tensor, of tiles enough for a layout.
    pub fn can_embed(&self, layer: usize, kind: TensorKind) -> bool {
        (1..self.layers.len()).contains(&layer)
            && self.tensor(layer, kind).is_some_and(|view| can_be_laid_out(&view))
    }

    /// Lays out the tiles of a layer's tensor; where the layer is laid out by another tensor, this one takes its place.
    ///
    /// # Errors
    /// When there are fewer than 4 tiles, or they do not fit the adapter.
    pub fn open_embedding(&mut self, layer: usize, kind: TensorKind) -> Result<u64> {
        let name = self.layers.get(layer).map_or("this layer", |info: &LayerInfo| &info.name).to_owned();
        let can = self.can_embed(layer, kind);
        let Some(view) = can.then(|| self.tensor(layer, kind)).flatten() else {
            return Err(Error::new(
                format!("{name} has nothing of this kind to lay out"),
                "choose a layer with at least 4 filters or maps",
            ));
        };
        let id = self.embeddings.next_id;
        self.embeddings.next_id += 1;
        let mut embedding = Embedding::new(self.trainer.gpu(), id, layer, kind, view, None)?;
        if let Some(former) = self.embeddings.open.iter().find(|e| e.layer == layer && e.images.is_none()) {
            (embedding.running, embedding.every) = (former.running, former.every);
        }
        self.close_embedding(layer);
        self.embeddings.open.push(embedding);
        self.stale = true;
        Ok(id)
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

    /// Closes the embedding of a layer.
    pub fn close_embedding(&mut self, layer: usize) {
        self.embeddings.open.retain(|e| e.layer != layer || e.images.is_some());
    }

    /// The layer by whose activations images are laid out: the one before the last.
    pub fn image_layer(&self) -> usize {
        self.layers.len().saturating_sub(2)
    }

    /// Lays out test images by their activations of the last hidden layer, as the network is now; in place of the layout of images
    /// that is open. Finishes the step that is under way, and waits for the GPU.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn open_image_embedding(&mut self) -> Result<u64> {
        let layer = self.image_layer();
        let gpu = std::rc::Rc::clone(self.trainer.gpu());
        let most = if gpu.is_software() { MOST_IMAGES_SOFTWARE } else { MOST_IMAGES };
        let count = self.test_images().min(most);
        let test = self.trainer.feed.test();
        self.finish_under_way();
        let places = test.start..test.start + count;
        let rows = self.trainer.rows(layer, places.clone())?;
        let pixels = self.trainer.rows(0, places)?;
        let labels: Vec<u32> = self.test_labels[..count].iter().map(|label| u32::from(*label)).collect();
        let tiles = |layer: usize, rows: &Buffer<f32>| {
            let [c, h, w] = self.layers[layer].output.map(|extent| extent as u32);
            TensorView {
                buffer: rows.raw().clone(),
                offset: 0,
                extents: [count as u32, c, h, w],
                strides: [c * h * w, h * w, w, 1],
            }
        };
        let images = Images {
            tiles: tiles(0, &pixels),
            labels: Buffer::from_slice(&gpu, "labels of images", &labels),
            predictions: Buffer::from_slice(&gpu, "predictions of images", &labels),
        };
        let view = tiles(layer, &rows);
        let id = self.embeddings.next_id;
        self.embeddings.next_id += 1;
        let embedding = Embedding::new(&gpu, id, layer, TensorKind::Activations, view, Some(images))?;
        self.close_image_embedding();
        self.embeddings.open.push(embedding);
        Ok(id)
    }

    /// Closes the layout of images.
    pub fn close_image_embedding(&mut self) {
        self.embeddings.open.retain(|e| e.images.is_none());
    }

    /// By filter, on the GPU: the sum over its coefficients of their absolute change over the last whole epoch; 0 before one
    /// ended.
    pub fn filter_changes(&self, layer: usize) -> Option<&Buffer<f32>> {
        self.embeddings.changes.get(layer)?.as_ref().map(|change| &change.values)
    }

    /// What is laid out may lie in another buffer since the last encoder.
    pub(super) fn follow_views(&mut self) {
        for index in 0..self.embeddings.open.len() {
            let (layer, kind) = (self.embeddings.open[index].layer, self.embeddings.open[index].kind);
            let view = self.tensor(layer, kind);
            let gpu = std::rc::Rc::clone(self.trainer.gpu());
            if let Err(error) = self.embeddings.open[index].follow(&gpu, view) {
                self.events.push(super::Event::Fault(error));
                self.embeddings.open[index].running = false;
            }
        }
    }
}
