//! GPU time by timestamps, one span per pass.

use std::sync::Arc;

use super::device::Device;

/// The GPU time of one labelled pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Label of the pass.
    pub label: Arc<str>,
    /// Its GPU time in milliseconds.
    pub time_ms: f64,
}

/// Times passes; does nothing where the adapter has no timestamps.
pub struct Timer {
    queries: Option<wgpu::QuerySet>,
    resolved: wgpu::Buffer,
    labels: Vec<Arc<str>>,
    capacity: u32,
    period_ns: f64,
}

impl Timer {
    /// A timer for up to `capacity` passes a submit.
    pub fn new(gpu: &Device, capacity: u32) -> Self {
        let capacity = capacity.clamp(1, wgpu::QUERY_SET_MAX_QUERIES / 2);
        let queries = gpu.timestamps.then(|| {
            gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timer"),
                ty: wgpu::QueryType::Timestamp,
                count: capacity * 2,
            })
        });
        let resolved = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timer"),
            size: u64::from(capacity) * 16,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let period_ns = f64::from(gpu.queue.get_timestamp_period());
        Self { queries, resolved, labels: Vec::new(), capacity, period_ns }
    }

    fn next(&mut self, label: &Arc<str>) -> Option<(&wgpu::QuerySet, u32)> {
        let queries = self.queries.as_ref()?;
        let index = self.labels.len() as u32;
        if index == self.capacity {
            return None;
        }
        self.labels.push(Arc::clone(label));
        Some((queries, index * 2))
    }

    /// The timestamp writes of the next compute pass.
    pub fn span(&mut self, label: &Arc<str>) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let (query_set, first) = self.next(label)?;
        Some(wgpu::ComputePassTimestampWrites {
            query_set,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        })
    }

    /// The timestamp writes of the next render pass.
    pub fn render_span(&mut self, label: &Arc<str>) -> Option<wgpu::RenderPassTimestampWrites<'_>> {
        let (query_set, first) = self.next(label)?;
        Some(wgpu::RenderPassTimestampWrites {
            query_set,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        })
    }

    /// Resolves the spans of this encoder and begins the next; returns the buffer of timestamps, their bytes and the labels.
    pub fn resolve(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Option<(&wgpu::Buffer, u64, Vec<Arc<str>>)> {
        let queries = self.queries.as_ref()?;
        let labels = std::mem::take(&mut self.labels);
        if labels.is_empty() {
            return None;
        }
        encoder.resolve_query_set(queries, 0..labels.len() as u32 * 2, &self.resolved, 0);
        Some((&self.resolved, labels.len() as u64 * 16, labels))
    }

    /// Spans from resolved timestamps.
    pub fn spans(&self, labels: &[Arc<str>], bytes: &[u8]) -> Vec<Span> {
        let stamps: Vec<u64> = bytemuck::pod_collect_to_vec(bytes);
        let time = |i: usize| stamps[2 * i + 1].saturating_sub(stamps[2 * i]) as f64 * self.period_ns / 1e6;
        let span = |(i, label): (usize, &Arc<str>)| Span { label: Arc::clone(label), time_ms: time(i) };
        labels.iter().enumerate().take(stamps.len() / 2).map(span).collect()
    }
}
