//! Measurements beside a run: loss and predictions of given weights over images apart, and the weights of a change on trial.

use super::Trainer;
use crate::data::HeldOutImages;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Plan, TensorView};
use crate::nn::pass::{held_out_count, room};
use crate::nn::{
    Ablation, AblationPass, Edit, FilterSigns, HeldOutPass, Model, Network, NetworkLayer, Predictions,
    Predictor, SignSources, Surgery,
};

impl Trainer {
    /// The first validation images, as many as are evaluated at once.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn hold_out(&self) -> Result<HeldOutImages> {
        self.loader.hold_out(&self.gpu, held_out_count(&self.gpu, &self.network)?)
    }

    /// The evaluation of held-out images for the network as it is.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn held_out_pass(&self, images: &HeldOutImages) -> Result<HeldOutPass> {
        let quick = self.gpu.preferring_compiled();
        HeldOutPass::build(&quick, &self.network, self.loader.counters(), &self.parameters, images)
    }

    /// The evaluations of images without one filter after the other, and the signs of filters over these images, for the network as it is.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn ablation_pass(&self, images: &HeldOutImages) -> Result<(AblationPass, FilterSigns)> {
        let quick = self.gpu.preferring_compiled();
        let counters = self.loader.counters();
        let pass = AblationPass::build(&quick, &self.network, counters, &self.parameters, images)?;
        let sources = SignSources {
            samples: images.samples.clone(),
            slots: images.sizes.slots,
            activations: pass.activations(),
            values: &pass.values,
        };
        let node = |node| self.response_node(node);
        let signs = FilterSigns::new(&self.gpu, &self.network, &self.parameters, &sources, node)?;
        Ok((pass, signs))
    }

    /// The dispatches of a pass without the filters of an ablation of this network.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn without(&self, pass: &AblationPass, ablation: &Ablation) -> Result<Plan> {
        pass.without(&self.gpu, &self.network, &self.parameters, ablation)
    }

    /// Room for some validation images, of which [`DataLoader::fill`](crate::data::DataLoader::fill) puts in one part after the other.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn room_for_validation(&self, most: usize) -> Result<HeldOutImages> {
        let room = room(&self.gpu, &self.network, 0)?;
        self.loader.room_for(&self.gpu, most.min(room).min(self.loader.validation_images))
    }

    /// The predictions of the images that an evaluation of [`Trainer::held_out_pass`] is of.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn predictions(&self, pass: &HeldOutPass, images: &HeldOutImages) -> Result<Predictions> {
        pass.predictions(&self.gpu, &self.network, images)
    }

    /// The weights as they are, or their averages.
    ///
    /// # Errors
    /// When the run keeps no averages.
    fn flat_weights(&self, averaged: bool) -> Result<&Buffer<f32>> {
        match averaged {
            false => Ok(&self.parameters.values),
            true if self.options.hyper.averaging > 0.0 => Ok(&self.parameters.averages),
            true => {
                let what = "the run keeps no average of its weights";
                Err(Error::new(what, "take the weights as they are, or train it on with --average 1"))
            }
        }
    }

    /// The network with its weights as they are, or with their averages. Waits for the GPU.
    ///
    /// # Errors
    /// When the run keeps no averages.
    pub fn model(&self, averaged: bool) -> Result<Model> {
        let flat = self.flat_weights(averaged)?.read(&self.gpu);
        let network = Network::parse(&self.network.to_toml(), self.network.input, self.network.classes)?;
        let of_layer = |(layer, offsets): (&NetworkLayer, &Vec<usize>)| {
            let tensors = layer.parameters().into_iter().zip(offsets);
            tensors.map(|(tensor, offset)| flat[*offset..*offset + tensor.len()].to_vec()).collect()
        };
        let weights = network.layers.iter().zip(&self.parameters.offsets).map(of_layer).collect();
        Ok(Model { network, weights, notes: Vec::new() })
    }

    /// Forward passes of any inputs with the weights as they are, or with their averages. Submits work.
    ///
    /// # Errors
    /// When its buffers do not fit the adapter, or the run keeps no averages.
    pub fn predictor(&self, averaged: bool) -> Result<Predictor> {
        let weights = self.flat_weights(averaged)?;
        let images = self.loader.room_for(&self.gpu, held_out_count(&self.gpu, &self.network)?)?;
        let pass = self.held_out_pass(&images)?;
        let mut encoder = self.gpu.encoder("weights to predict with");
        encoder.copy_buffer_to_buffer(weights.raw(), 0, pass.values.raw(), 0, pass.values.raw().size());
        self.gpu.submit(encoder);
        Ok(Predictor::new(images, pass, &self.network))
    }

    /// Loss and correctness of each slot of the last pass, `[n]` of two values.
    pub fn results(&self) -> &BufferRange {
        &self.pass.maps.results
    }

    /// Records the weights that a change would give into the flat buffer `values`; the run stays as it is.
    ///
    /// # Errors
    /// When the change is none of this network, or not one of the weights alone.
    pub fn record_trial(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        edit: &Edit,
        values: &Buffer<f32>,
    ) -> Result<()> {
        Surgery::of(&self.network, edit)?.record_trial(&self.gpu, encoder, &self.parameters, values)
    }

    /// View of the filters of the layer that makes a node in other weights than the run's, which are laid out alike.
    pub fn filters_in(&self, values: &Buffer<f32>, node: usize) -> Option<TensorView> {
        self.parameters.filters(&self.network, node.checked_sub(1)?, values)
    }
}
