//! Changes between two steps: hyper-parameters, augmentation, batch, frozen layers, network, seed.

use super::{Trainer, TuneTurn};
use crate::data::{Augmentation, Clock, DataEdits};
use crate::error::{Error, Result};
use crate::nn::options::check_batch;
use crate::nn::pass::{Pass, choose_sizes};
use crate::nn::surgery::{ChannelMap, Stream};
use crate::nn::{Edit, Hyper, Surgery, TrainerOptions};

impl Trainer {
    /// Sets the hyper-parameters of the next step. Another optimizer resets the moments; an average that is switched on begins with
    /// the present weights.
    ///
    /// # Errors
    /// When one is out of range, or what an average needs does not fit; then nothing changes.
    pub fn set_hyper(&mut self, hyper: Hyper) -> Result<()> {
        let mut hyper = hyper.checked()?;
        if (hyper.averaging > 0.0) != (self.options.hyper.averaging > 0.0) {
            self.pass = self.rebuilt(&TrainerOptions { hyper, ..self.options })?;
            self.parameters.restart_average(&self.gpu, std::iter::once(0..self.parameters.values.len()));
        }
        if hyper.optimizer != self.options.hyper.optimizer {
            self.parameters.clear_moments(&self.gpu);
            hyper.since = self.clock.step;
        }
        self.options.hyper = hyper;
        self.write_hyper();
        Ok(())
    }

    pub(super) fn write_hyper(&self) {
        self.optimizer.set(&self.gpu, self.options.hyper, self.steps_per_epoch());
    }

    /// The pass for other options.
    fn rebuilt(&self, options: &TrainerOptions) -> Result<Pass> {
        Pass::build(&self.gpu, &self.network, &self.loader, &self.parameters, &self.optimizer, options)
    }

    /// Takes a turn of the autotuner, for kernels that run on the usual choice so far ([`TunePolicy::Later`]). The first turns begin to compile
    /// the candidates in the background and come back at once. When all are compiled, each turn times those of one kernel, and takes the
    /// fastest from the next step on: other plans, the same bits. No step may be under way. Waits for the timing alone.
    ///
    /// # Errors
    /// When there is no room for the plans beside those in use, or the driver refuses a candidate; then those in use stay.
    ///
    /// [`TunePolicy::Later`]: crate::gpu::TunePolicy::Later
    pub fn tune_next(&mut self) -> Result<TuneTurn> {
        if !self.gpu.has_untimed() {
            return Ok(TuneTurn::Done);
        }
        if !self.gpu.compile_untimed() {
            return Ok(TuneTurn::Compiling);
        }
        let (gpu, options) = (self.gpu.timing_next(), &self.options);
        let build =
            || Pass::build(&gpu, &self.network, &self.loader, &self.parameters, &self.optimizer, options);
        self.pass = gpu.within_memory(build)?;
        Ok(TuneTurn::Timed)
    }

    /// Sets the augmentation of the next step.
    ///
    /// # Errors
    /// When a value is out of range; then nothing changes.
    pub fn set_augmentation(&mut self, augmentation: Augmentation) -> Result<()> {
        let options = TrainerOptions { augmentation: augmentation.checked()?, ..self.options };
        if augmentation.distorts() != self.options.augmentation.distorts() {
            self.pass = self.rebuilt(&options)?;
        }
        self.options = options;
        self.loader.set_sampling(&self.gpu, self.options.seed, &augmentation);
        Ok(())
    }

    /// Sets the changes of the training images by hand from the next step on.
    pub fn set_data_edits(&mut self, edits: &DataEdits) {
        self.loader.set_edits(&self.gpu, edits);
    }

    /// An error for a batch that [`Trainer::set_batch`] would refuse.
    ///
    /// # Errors
    /// When the batch is 0 or larger than the data, does not fit, or is too small for a layer.
    pub fn check_batch(&self, batch: usize) -> Result<()> {
        check_batch(batch, &self.loader)?;
        choose_sizes(&self.gpu, &self.network, &TrainerOptions { batch, ..self.options }).map(|_| ())
    }

    /// Sets the batch of the next step: new buffers and plans, the same weights and moments.
    ///
    /// # Errors
    /// Those of [`Trainer::check_batch`]; then nothing changes.
    pub fn set_batch(&mut self, batch: usize) -> Result<()> {
        self.check_batch(batch)?;
        let options = TrainerOptions { batch, ..self.options };
        self.pass = self.rebuilt(&options)?;
        self.options = options;
        self.write_hyper();
        Ok(())
    }

    /// Freezes these layers (indices in the network) and thaws all others: the parameters and moments of a frozen
    /// layer stay bit for bit, and the next step leaves out the dispatches that are no longer needed.
    ///
    /// # Errors
    /// When there is no such layer, or nothing is left to train; then nothing changes.
    pub fn set_frozen(&mut self, frozen: &[usize]) -> Result<()> {
        if let Some(layer) = frozen.iter().find(|layer| **layer >= self.network.layers.len()) {
            let what = format!("there is no layer {layer}");
            return Err(Error::new(what, format!("count from 0 to {}", self.network.layers.len() - 1)));
        }
        let mut network = self.network.copy();
        for (index, layer) in network.layers.iter_mut().enumerate() {
            layer.frozen = frozen.contains(&index);
        }
        self.steer(network)
    }

    /// Changes the network between two steps. What is not touched keeps its bits, moments and average included. Does not wait for a
    /// step, and prefers kernels that are compiled. Returns the origins of the channels of each node, the image first.
    ///
    /// # Errors
    /// When the change is none of this network, or the changed network does not fit; then nothing changes.
    pub fn edit(&mut self, edit: &Edit) -> Result<Vec<Option<ChannelMap>>> {
        self.operate(Surgery::of(&self.network, edit)?)
    }

    /// Changes the network as [`Trainer::edit`] does, by a change of it that is prepared.
    ///
    /// # Errors
    /// When the changed network does not fit; then nothing changes.
    pub fn operate(&mut self, surgery: Surgery) -> Result<Vec<Option<ChannelMap>>> {
        let stream = Stream { seed: self.options.seed, step: self.clock.step };
        let parameters = surgery.operate(&self.gpu, &self.parameters, stream)?;
        let quick = self.gpu.preferring_compiled();
        let network = &surgery.network;
        self.pass = Pass::build(&quick, network, &self.loader, &parameters, &self.optimizer, &self.options)?;
        (self.network, self.parameters) = (surgery.network, parameters);
        Ok(surgery.channels)
    }

    /// Resets to step 0 with fresh weights from `seed`.
    pub fn reset(&mut self, seed: u64) {
        self.options.seed = seed;
        self.options.hyper.since = 0;
        self.write_hyper();
        self.parameters.reset(&self.gpu, seed);
        self.loader.set_sampling(&self.gpu, seed, &self.options.augmentation);
        self.set_clock(Clock::default());
    }
}
