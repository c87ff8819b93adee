//! A trainer beside another one, which goes on from the same state.

use std::rc::Rc;

use super::Trainer;
use crate::error::Result;
use crate::nn::pass::Pass;
use crate::nn::snapshot::{copy, kept};
use crate::nn::{Optimizer, Parameters};

impl Trainer {
    /// Another trainer in the same state: its next step is the one that this one makes next, unless either is changed. It shares the images.
    /// No step may be under way, and nothing recorded that is not submitted. Its probe is the first test image.
    ///
    /// # Errors
    /// When it does not fit the adapter.
    pub fn twin(&self) -> Result<Self> {
        let gpu = &self.gpu;
        let mut encoder = gpu.encoder("twin");
        let mut loader = self.loader.shared(gpu, &mut encoder);
        loader.set_sampling(gpu, self.options.seed, &self.options.augmentation);
        let network = self.network.copy();
        let parameters = Parameters::blank(gpu, &network)?;
        let optimizer = Optimizer::new(gpu, self.options.hyper, self.steps_per_epoch());
        let quick = gpu.preferring_compiled();
        let pass = Pass::build(&quick, &network, &loader, &parameters, &optimizer, &self.options)?;
        // Images that stream go on with those of the next step.
        loader.continue_at(&self.clock);
        kept(&self.parameters).iter().zip(kept(&parameters)).for_each(|(of, to)| copy(&mut encoder, of, to));
        gpu.submit(encoder);
        let (gpu, options, clock) = (Rc::clone(gpu), self.options, self.clock);
        Ok(Self { gpu, network, loader, parameters, optimizer, options, pass, clock, start: None })
    }
}
