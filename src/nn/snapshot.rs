//! Snapshots: the state of a run between two steps, kept on the GPU.

use super::{Network, Parameters, StartWeights, TrainerOptions};
use crate::data::Clock;
use crate::error::Result;
use crate::gpu::{Buffer, Element, Gpu};

/// Parameters, moments, average, clock and options at the end of a step, and the gradients of that step, for pictures.
pub struct Snapshot {
    /// Values, moments, second moments, averages and last gradients.
    pub(super) buffers: [Buffer<f32>; 5],
    pub(super) gpu_clock: Buffer<Clock>,
    pub(super) clock: Clock,
    pub(super) options: TrainerOptions,
}

/// The buffers of the parameters that a snapshot copies, in its order.
pub(super) fn kept(parameters: &Parameters) -> [&Buffer<f32>; 5] {
    let Parameters { values, moments, second_moments, averages, last_gradients, .. } = parameters;
    [values, moments, second_moments, averages, last_gradients]
}

/// Bytes of the elements of a buffer, without what lies behind them.
pub(super) fn bytes_of(buffer: &Buffer<f32>) -> u64 {
    (4 * buffer.len().max(1) as u64).next_multiple_of(16)
}

/// Records a copy of a whole buffer, as far as both go.
pub(super) fn copy<T>(encoder: &mut wgpu::CommandEncoder, from: &Buffer<T>, to: &Buffer<T>)
where
    T: Element,
{
    encoder.copy_buffer_to_buffer(from.raw(), 0, to.raw(), 0, from.raw().size().min(to.raw().size()));
}

impl Snapshot {
    /// The state at step 0 of a network with the weights of `start`, or without them from the options' seed.
    ///
    /// # Errors
    /// When it does not fit the adapter, or the weights not the network.
    pub fn of_beginning(
        gpu: &Gpu,
        network: &Network,
        options: TrainerOptions,
        start: Option<&StartWeights>,
    ) -> Result<Self> {
        let parameters = Parameters::new(gpu, network, options.seed)?;
        start.map_or(Ok(()), |start| start.write(gpu, &parameters))?;
        let buffers = kept(&parameters).map(Buffer::clone);
        let gpu_clock = Buffer::zeroed(gpu, "clock of a snapshot", 1);
        Ok(Self { buffers, gpu_clock, clock: Clock::default(), options })
    }

    /// Bytes on the GPU.
    pub fn bytes(&self) -> u64 {
        let all = self.buffers.iter().map(bytes_of);
        all.sum::<u64>() + self.gpu_clock.raw().size()
    }
}
