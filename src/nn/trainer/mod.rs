//! The trainer: one network, its data and its buffers, its step as a plan.

mod changes;
mod features;
mod hand;
mod held_out;
mod histograms;
mod non_finite;
mod restore;
mod shown;
mod twin;

use std::rc::Rc;

use super::mixed_check::with_checked_products;
use super::pass::{Pass, StepPart};
use super::{Network, Optimizer, Parameters, Shape, StartWeights, StepsPerEpoch, TrainerOptions, surgery};
use crate::data::{BatchSizes, Clock, DataLoader, Dataset};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, TensorView};

/// Hash of a state: the parameters and both moments as the GPU has them, and the clock.
pub fn state_hash(parameters: [&[f32]; 3], clock: &Clock) -> String {
    let mut hash = blake3::Hasher::new();
    for values in parameters {
        hash.update(bytemuck::cast_slice(values));
    }
    let Clock { step, epoch, cursor, .. } = clock;
    hash.update(bytemuck::cast_slice(&[*step, *epoch, *cursor]));
    hash.finalize().to_hex().to_string()
}

/// Turn of the autotuner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TuneTurn {
    /// No kernel is left to be timed.
    Done,
    /// Candidates are compiled in the background: nothing was timed.
    Compiling,
    /// The candidates of one kernel were timed, and the plans are others.
    Timed,
}

/// A network in training.
pub struct Trainer {
    gpu: Rc<Gpu>,
    /// The network.
    pub network: Network,
    /// The data loader.
    pub loader: DataLoader,
    /// The parameters.
    pub parameters: Parameters,
    optimizer: Optimizer,
    options: TrainerOptions,
    pass: Pass,
    /// The clock on the CPU: step, epoch and cursor only.
    clock: Clock,
    /// The weights that the run began with, where they are not of the seed.
    start: Option<Rc<StartWeights>>,
}

impl Trainer {
    /// Uploads the data, initializes the network and builds its plans. Mixed precision takes effect where the adapter has it (see
    /// [`Gpu::mixed_refusal`]).
    ///
    /// # Errors
    /// When an option is out of range, or something does not fit the adapter.
    pub fn new(gpu: Rc<Gpu>, data: &Dataset, network: Network, options: TrainerOptions) -> Result<Self> {
        let handle = with_checked_products(gpu.in_precision(options.precision));
        let gpu = if handle.half_products() == gpu.half_products() { gpu } else { Rc::new(handle) };
        let mut loader = DataLoader::new(&gpu, data)?;
        let options = options.checked(&loader)?;
        let parameters = Parameters::new(&gpu, &network, options.seed)?;
        let epoch = StepsPerEpoch { train_images: loader.train_images, batch: options.batch };
        let optimizer = Optimizer::new(&gpu, options.hyper, epoch);
        loader.set_sampling(&gpu, options.seed, &options.augmentation);
        loader.set_probes(&gpu, &[0]);
        let pass = Pass::build(&gpu, &network, &loader, &parameters, &optimizer, &options)?;
        surgery::compile(&gpu)?;
        Ok(Self {
            gpu,
            network,
            loader,
            parameters,
            optimizer,
            options,
            pass,
            clock: Clock::default(),
            start: None,
        })
    }

    /// The weights that the run began with, where they are not of the seed.
    pub fn start(&self) -> Option<&StartWeights> {
        self.start.as_deref()
    }

    /// Keeps the weights that the run began with.
    pub fn keep_start(&mut self, start: StartWeights) {
        self.start = Some(Rc::new(start));
    }

    /// Takes these weights, and keeps them as those that the run begins with. No step may have been made.
    ///
    /// # Errors
    /// When they are not of this network; then nothing changes.
    pub fn begin_with(&mut self, start: StartWeights) -> Result<()> {
        start.write(&self.gpu, &self.parameters)?;
        self.keep_start(start);
        Ok(())
    }

    /// The device, as a handle for plans in the precision of the training.
    pub fn gpu(&self) -> &Rc<Gpu> {
        &self.gpu
    }

    /// Current options.
    pub fn options(&self) -> &TrainerOptions {
        &self.options
    }

    /// Sizes of a batch and its passes.
    pub fn sizes(&self) -> BatchSizes {
        self.pass.maps.sizes
    }

    /// Step, epoch and cursor.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Epochs with their fraction, by images drawn.
    pub fn epochs(&self) -> f64 {
        self.clock.epochs(self.loader.train_images as u32)
    }

    /// Images trained on since the run began, repeated ones too.
    pub fn images_trained(&self) -> u64 {
        u64::from(self.clock.epoch) * self.loader.train_images as u64 + u64::from(self.clock.cursor)
    }

    /// Dispatches of one training step.
    pub fn step_plan(&self) -> &Plan {
        &self.pass.step
    }

    /// Part of a step that a dispatch of its plan belongs to, and the first dispatch after that part.
    pub fn step_part(&self, dispatch: usize) -> (StepPart, usize) {
        self.pass.part_of(dispatch)
    }

    /// Dispatches that evaluate one micro-batch of images.
    pub fn evaluation_plan(&self) -> &Plan {
        &self.pass.evaluation
    }

    /// Dispatches that evaluate one micro-batch of images with the average of the last weights; none without an average.
    pub fn average_evaluation_plan(&self) -> &Plan {
        &self.pass.average_evaluation
    }

    /// Dispatches that update the probes without a step.
    pub fn refresh_plan(&self) -> &Plan {
        &self.pass.refresh
    }

    /// Advances the CPU's clock, when the last dispatch of a step was recorded. True if an epoch ended.
    pub fn tick(&mut self) -> bool {
        self.clock.advance(self.options.batch as u32, self.loader.train_images as u32)
    }

    /// Uploads the images of the next steps and of an evaluation under way, where they stream. To be called after everything
    /// recorded is submitted, before more is recorded.
    pub fn supply(&mut self) {
        self.loader.supply(&self.gpu, &self.clock, self.options.batch);
    }

    /// Pins these images of the test set as probes; the last one fills the slots left.
    pub fn set_probes(&mut self, test_images: &[usize]) {
        self.loader.set_probes(&self.gpu, test_images);
    }

    /// Pins images as probes by their numbers (see [`DataLoader::test_number`]); the last one fills the slots left.
    pub fn pin(&mut self, numbers: &[u32]) {
        self.loader.pin(&self.gpu, numbers);
    }

    /// Sets an image of the user's own (see [`DataLoader::set_own_image`]).
    pub fn set_own_image(&mut self, index: usize, image: &[u8], class: u8) {
        self.loader.set_own_image(&self.gpu, index, image, class);
    }

    /// Begins an evaluation of these positions of the image order; see [`Trainer::evaluation_plan`].
    pub fn begin_evaluation(&mut self, range: std::ops::Range<usize>) {
        self.loader.begin_evaluation(&self.gpu, range);
        self.pass.fired.write(&self.gpu, 0, &vec![0; self.pass.fired.len()]);
    }

    /// Nodes of the rectifying layers, and 1 for each of them of which a unit fired in the evaluation so far, else 0.
    pub fn fired(&self) -> (&[usize], &Buffer<u32>) {
        (&self.pass.rectified, &self.pass.fired)
    }

    /// True if the images of the next pass of the evaluation are on the GPU.
    pub fn has_evaluation_pass(&self) -> bool {
        self.loader.has_evaluation_pass(self.pass.maps.sizes.micro_batch)
    }

    /// Advances the evaluation, when the last dispatch of one of its passes was recorded.
    pub fn end_evaluation_pass(&mut self) {
        self.loader.end_evaluation_pass(self.pass.maps.sizes.micro_batch);
    }

    /// True if the images of the next step are on the GPU.
    pub fn has_step(&self) -> bool {
        self.loader.has_step(&self.clock, self.options.batch)
    }

    /// Submits one whole training step.
    pub fn step(&mut self) -> wgpu::SubmissionIndex {
        self.steps(1).1
    }

    /// Submits whole training steps as one compute pass, at least one, as far as their images are on the GPU; returns their number.
    pub fn steps(&mut self, most: u32) -> (u32, wgpu::SubmissionIndex) {
        self.supply();
        let mut encoder = self.gpu.encoder("steps");
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let mut steps = 0;
        while steps == 0 || steps < most && self.has_step() {
            self.pass.step.record(&mut pass, 0..self.pass.step.len());
            self.tick();
            steps += 1;
        }
        drop(pass);
        (steps, self.gpu.submit(encoder))
    }

    /// Takes back a step of which the first `recorded` dispatches are submitted; false where they may change the parameters, so that it
    /// has to be finished. Until the passes over the batch are done a step writes gradients and counts, and the next one begins with
    /// new ones.
    pub fn take_back(&self, recorded: usize) -> bool {
        let can = self.pass.pass_ends.last().is_some_and(|passes| recorded <= *passes);
        if can {
            self.loader.restart_step(&self.gpu);
        }
        can
    }

    /// Learning rate of the next step, by the schedule.
    pub fn learning_rate(&self) -> f64 {
        self.options.hyper.rate(self.epochs(), self.steps_per_epoch())
    }

    /// Sets the clock, here and on the GPU.
    pub fn set_clock(&mut self, clock: Clock) {
        self.loader.set_clock(&self.gpu, &clock);
        self.clock = clock;
    }

    /// Hash of the state (parameters, moments, clock): equal for equal runs. Waits for the GPU.
    pub fn state_hash(&self) -> String {
        let Parameters { values, moments, second_moments, .. } = &self.parameters;
        let state = [values, moments, second_moments].map(|buffer| buffer.read(&self.gpu));
        state_hash(state.each_ref().map(Vec::as_slice), &self.loader.clock().read(&self.gpu)[0])
    }

    /// View of a probe's activations of a node (0 is the input), one tile per channel.
    pub fn activations(&self, node: usize, probe: usize) -> TensorView {
        let maps = &self.pass.maps;
        maps.view(&maps.activations[node], self.network.shape_of(node), probe)
    }

    /// View of the gradients of [`Trainer::activations`], where there are any.
    pub fn activation_gradients(&self, node: usize, probe: usize) -> Option<TensorView> {
        let range = self.pass.maps.gradients[node].as_ref()?;
        Some(self.pass.maps.view(range, self.network.shape_of(node), probe))
    }

    /// View of a probe's class probabilities, one tile of 1×1 per class.
    pub fn probabilities(&self, probe: usize) -> TensorView {
        let shape = Shape::new(self.network.classes, 1, 1);
        self.pass.maps.view(&self.pass.maps.probabilities, shape, probe)
    }

    /// View of the filters of the layer that makes a node, one tile `in × ky × kx` per filter.
    pub fn weights(&self, node: usize) -> Option<TensorView> {
        self.parameters.filters(&self.network, node.checked_sub(1)?, &self.parameters.values)
    }

    /// View of the gradients of [`Trainer::weights`], of the last whole step.
    pub fn weight_gradients(&self, node: usize) -> Option<TensorView> {
        self.parameters.filters(&self.network, node.checked_sub(1)?, &self.parameters.last_gradients)
    }

    /// Sizes of an epoch and a step.
    fn steps_per_epoch(&self) -> StepsPerEpoch {
        StepsPerEpoch { train_images: self.loader.train_images, batch: self.options.batch }
    }
}
