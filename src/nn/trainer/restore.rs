//! Snapshots taken, and gone back to.

use super::Trainer;
use crate::error::Result;
use crate::gpu::Buffer;
use crate::nn::pass::Pass;
use crate::nn::snapshot::{Snapshot, bytes_of, copy, kept};
use crate::nn::{Network, Parameters, TrainerOptions};

impl Trainer {
    /// Bytes on the GPU of a snapshot.
    pub fn snapshot_bytes(&self) -> u64 {
        let parameters = kept(&self.parameters).map(bytes_of);
        parameters.iter().sum::<u64>() + self.loader.clock().raw().size()
    }

    /// Records the copies of the state after what `encoder` holds so far, which must end with a step. A snapshot that is no longer
    /// wanted may give its memory.
    pub fn snapshot(&self, encoder: &mut wgpu::CommandEncoder, former: Option<Snapshot>) -> Snapshot {
        let from = kept(&self.parameters);
        let gpu = &self.gpu;
        let fits = |former: &Snapshot| former.buffers[0].len() == from[0].len();
        let (buffers, gpu_clock) = match former.filter(fits) {
            Some(former) => (former.buffers, former.gpu_clock),
            None => {
                let blank = |buffer: &Buffer<f32>| Buffer::zeroed(gpu, "snapshot", buffer.len());
                (from.map(blank), Buffer::zeroed(gpu, "clock of a snapshot", 1))
            }
        };
        from.iter().zip(&buffers).for_each(|(from, to)| copy(encoder, from, to));
        copy(encoder, self.loader.clock(), &gpu_clock);
        Snapshot { buffers, gpu_clock, clock: self.clock, options: self.options }
    }

    /// Goes back, or on, to a snapshot: the next step is the one that followed it. `network` is the network of then, where it is not
    /// the present one. Does not wait for the GPU; what is recorded and not submitted must not be submitted after it.
    ///
    /// # Errors
    /// When what is needed does not fit the adapter; then nothing changes.
    pub fn restore(&mut self, snapshot: &Snapshot, network: Option<Network>) -> Result<()> {
        let options = snapshot.options;
        let plans_of = |options: &TrainerOptions| {
            let averages = options.hyper.averaging > 0.0;
            (options.batch, options.augmentation.distorts(), averages)
        };
        if network.is_some() || plans_of(&options) != plans_of(&self.options) {
            let parameters = network.as_ref().map(|n| Parameters::blank(&self.gpu, n)).transpose()?;
            let quick = self.gpu.preferring_compiled();
            self.pass = Pass::build(
                &quick,
                network.as_ref().unwrap_or(&self.network),
                &self.loader,
                parameters.as_ref().unwrap_or(&self.parameters),
                &self.optimizer,
                &options,
            )?;
            network.into_iter().for_each(|network| self.network = network);
            parameters.into_iter().for_each(|parameters| self.parameters = parameters);
        }
        self.options = options;
        self.write_hyper();
        self.loader.set_sampling(&self.gpu, options.seed, &options.augmentation);
        self.set_clock(snapshot.clock);
        let mut encoder = self.gpu.encoder("restore");
        let to = kept(&self.parameters);
        snapshot.buffers.iter().zip(to).for_each(|(from, to)| copy(&mut encoder, from, to));
        copy(&mut encoder, &snapshot.gpu_clock, self.loader.clock());
        self.gpu.submit(encoder);
        Ok(())
    }
}
