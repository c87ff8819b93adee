//! Timed passes: timestamps around passes, copied back a few frames later with what the caller says each pass was.

use std::sync::Arc;

use super::device::Device;
use super::readback::ReadbackRing;
use super::recorder::Recorder;
use super::timer::Timer;

/// Encoders whose times may be on their way at once.
const ENCODERS: usize = 4;

/// A timer, its read-back ring, and a tag `T` for each timed pass.
///
/// ```text
/// passes.compute(&mut encoder, "statistics", |pass| {     // or `render_writes` for a render pass
///     plan.record(pass, 0..plan.len());
///     (tag, ())
/// });
/// passes.copy(&mut encoder);                              // once, at the end of the encoder
/// gpu.submit(encoder);
/// passes.after_submit();
/// // A few frames later, after the device was polled:
/// for encoder in passes.take() { for (tag, time_ms) in encoder { ... } }
/// ```
///
/// Pieces of work that follow each other may share a pass, its two timestamps and a tag: see [`TimedPasses::compute_shared`].
///
/// Passes beyond the capacity of an encoder, and all where the adapter has no timestamps, run untimed; so do those of an encoder
/// when `ENCODERS` others are on their way.
pub struct TimedPasses<T> {
    timer: Timer,
    ring: ReadbackRing<(Vec<Arc<str>>, Vec<T>)>,
    /// Of this encoder's passes that are complete.
    tags: Vec<T>,
    /// The pass that others may share.
    shared: Option<Shared<T>>,
}

/// A pass that may be open.
struct Shared<T> {
    /// Its number among those of its recorder.
    number: u32,
    timed: bool,
    tag: T,
}

impl<T> TimedPasses<T> {
    /// Room for `capacity` passes per encoder.
    pub fn new(device: &Device, capacity: u32) -> Self {
        Self {
            timer: Timer::new(device, capacity),
            ring: ReadbackRing::new(device, u64::from(capacity) * 16, ENCODERS),
            tags: Vec::new(),
            shared: None,
        }
    }

    /// Records a compute pass; `record` tells the pass's tag, which may depend on what it recorded, and a result.
    pub fn compute<R>(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        label: &str,
        record: impl FnOnce(&mut wgpu::ComputePass<'_>) -> (T, R),
    ) -> R {
        self.end_shared();
        let timestamp_writes = self.timer.span(&Arc::from(label));
        let timed = timestamp_writes.is_some();
        let descriptor = wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes };
        let (tag, result) = record(&mut encoder.begin_compute_pass(&descriptor));
        if timed {
            self.tags.push(tag);
        }
        result
    }

    /// The pass to record what `tag` tells of into: the one of the last call where it is still open and `join` takes this tag into that
    /// one's, else a new one, which stays open.
    pub fn compute_shared<'p>(
        &mut self,
        recorder: &'p mut Recorder<'_>,
        label: &str,
        tag: T,
        join: impl FnOnce(&mut T, &T) -> bool,
    ) -> &'p mut wgpu::ComputePass<'static> {
        let open = self.shared.as_mut().filter(|shared| recorder.has_open(shared.number));
        let joins = open.is_some_and(|shared| join(&mut shared.tag, &tag));
        if !joins {
            self.end_shared();
        }
        let Self { timer, shared, .. } = self;
        recorder.pass(joins, |encoder, number| {
            let timestamp_writes = timer.span(&Arc::from(label));
            *shared = Some(Shared { number, timed: timestamp_writes.is_some(), tag });
            let descriptor = wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes };
            encoder.begin_compute_pass(&descriptor).forget_lifetime()
        })
    }

    /// Nothing is added to the shared pass any more.
    fn end_shared(&mut self) {
        let shared = self.shared.take().filter(|shared| shared.timed);
        self.tags.extend(shared.map(|shared| shared.tag));
    }

    /// Timestamp writes of a render pass.
    pub fn render_writes(&mut self, label: &str, tag: T) -> Option<wgpu::RenderPassTimestampWrites<'_>> {
        self.end_shared();
        let writes = self.timer.render_span(&Arc::from(label));
        if writes.is_some() {
            self.tags.push(tag);
        }
        writes
    }

    /// Records the copy of this encoder's times.
    pub fn copy(&mut self, encoder: &mut wgpu::CommandEncoder) {
        self.end_shared();
        let tags = std::mem::take(&mut self.tags);
        if let Some((buffer, size, labels)) = self.timer.resolve(encoder) {
            self.ring.copy(encoder, buffer, 0, size, (labels, tags));
        }
    }

    /// Asks for the copied times. Call after the submit that holds them.
    pub fn after_submit(&mut self) {
        self.ring.after_submit();
    }

    /// Tags and milliseconds of the encoders whose times have arrived, oldest first.
    pub fn take(&mut self) -> Vec<Vec<(T, f64)>> {
        let mut all = Vec::new();
        for ((labels, tags), bytes) in self.ring.take() {
            let times = self.timer.spans(&labels, &bytes).into_iter().map(|span| span.time_ms);
            all.push(tags.into_iter().zip(times).collect());
        }
        all
    }

    /// Bytes that have come back so far.
    pub fn bytes_read(&self) -> u64 {
        self.ring.bytes_read()
    }
}
