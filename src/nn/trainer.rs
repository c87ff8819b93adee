//! A network that learns: one network, its data and its buffers, its step as a plan.

use std::rc::Rc;

use super::pass::Pass;
use super::{Hyper, Network, Optimizer, Pace, Parameters, Shape, TensorRange};
use crate::data::{Augmentation, BatchSizes, Clock, Dataset, Feed, MAX_PROBES};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, TensorView};

/// How a trainer begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainerOptions {
    /// Images of a step.
    pub batch: usize,
    /// Images of one pass at most, where the adapter would allow more.
    pub micro_batch: Option<usize>,
    /// Optimizer settings.
    pub hyper: Hyper,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// How training images are changed at random.
    pub augmentation: Augmentation,
    /// Number of probes, 1 to [`crate::data::MAX_PROBES`].
    pub probes: usize,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        Self {
            batch: 64,
            micro_batch: None,
            hyper: Hyper::default(),
            seed: 1,
            augmentation: Augmentation::default(),
            probes: 4,
        }
    }
}

/// A network that learns.
pub struct Trainer {
    gpu: Rc<Gpu>,
    /// The network.
    pub network: Network,
    /// Its data.
    pub feed: Feed,
    /// Its parameters.
    pub parameters: Parameters,
    optimizer: Optimizer,
    options: TrainerOptions,
    pass: Pass,
    /// The clock as the CPU knows it: step, epoch and cursor only.
    clock: Clock,
}

impl Trainer {
    /// Uploads the data, initialises the network and prepares its plans.
    ///
    /// # Errors
    /// When an option is out of range, or something does not fit the adapter.
    pub fn new(gpu: Rc<Gpu>, data: &Dataset, network: Network, options: TrainerOptions) -> Result<Self> {
        let mut feed = Feed::new(&gpu, data)?;
        let options = TrainerOptions {
            hyper: options.hyper.checked()?,
            augmentation: options.augmentation.checked()?,
            ..options
        };
        check_batch(options.batch, &feed)?;
        if !(1..=MAX_PROBES).contains(&options.probes) {
            let what = format!("the number of probes is {}", options.probes);
            return Err(Error::usage(what, format!("give it a value from 1 to {MAX_PROBES}")));
        }
        let parameters = Parameters::new(&gpu, &network, options.seed)?;
        let pace = Pace { train_images: feed.train_images, batch: options.batch };
        let optimizer = Optimizer::new(&gpu, options.hyper, pace);
        feed.set_sampling(&gpu, options.seed, &options.augmentation);
        feed.set_probes(&gpu, &[0]);
        let pass = Pass::build(&gpu, &network, &feed, &parameters, &optimizer, &options)?;
        Ok(Self { gpu, network, feed, parameters, optimizer, options, pass, clock: Clock::default() })
    }

    /// The device.
    pub fn gpu(&self) -> &Rc<Gpu> {
        &self.gpu
    }

    /// The options as they are now.
    pub fn options(&self) -> &TrainerOptions {
        &self.options
    }

    /// Sizes of a batch and its passes.
    pub fn sizes(&self) -> BatchSizes {
        self.pass.sizes
    }

    /// Step, epoch and cursor.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Epochs and part of one, by images drawn.
    pub fn epochs(&self) -> f64 {
        f64::from(self.clock.epoch) + f64::from(self.clock.cursor) / self.feed.train_images as f64
    }

    /// The dispatches of one training step.
    pub fn step_plan(&self) -> &Plan {
        &self.pass.step
    }

    /// The dispatches that evaluate one micro-batch of images.
    pub fn evaluation_plan(&self) -> &Plan {
        &self.pass.evaluation
    }

    /// The dispatches that bring the probes up to date while no step is made.
    pub fn refresh_plan(&self) -> &Plan {
        &self.pass.refresh
    }

    /// To be called when the last dispatch of a step was recorded: the CPU's clock follows. Returns whether an epoch ended.
    pub fn tick(&mut self) -> bool {
        let train = self.feed.train_images as u32;
        self.clock.step += 1;
        self.clock.cursor += self.options.batch as u32;
        let ended = self.clock.cursor >= train;
        if ended {
            self.clock.cursor -= train;
            self.clock.epoch += 1;
        }
        ended
    }

    /// Supplies the images of the next steps and of an evaluation under way, where they stream. To be called when all that was
    /// recorded is submitted, before more is.
    pub fn supply(&mut self) {
        self.feed.supply(&self.gpu, &self.clock, self.options.batch);
    }

    /// Pins these images of the test set as probes; the last one fills the places left.
    pub fn set_probes(&mut self, test_images: &[usize]) {
        self.feed.set_probes(&self.gpu, test_images);
    }

    /// Begins an evaluation of these places in the order of images; see [`Trainer::evaluation_plan`].
    pub fn begin_evaluation(&mut self, range: std::ops::Range<usize>) {
        self.feed.begin_evaluation(&self.gpu, range);
    }

    /// Whether the images of the next pass of the evaluation are on the GPU.
    pub fn has_evaluation_pass(&self) -> bool {
        self.feed.has_evaluation_pass(self.pass.sizes.micro_batch)
    }

    /// To be called when the last dispatch of a pass of the evaluation was recorded.
    pub fn end_evaluation_pass(&mut self) {
        self.feed.end_evaluation_pass(self.pass.sizes.micro_batch);
    }

    /// Whether the images of the next step are on the GPU.
    pub fn has_step(&self) -> bool {
        self.feed.has_step(&self.clock, self.options.batch)
    }

    /// Submits one whole training step.
    pub fn step(&mut self) -> wgpu::SubmissionIndex {
        self.supply();
        let mut encoder = self.gpu.encoder("step");
        self.pass.step.encode(&mut encoder);
        self.tick();
        self.gpu.submit(encoder)
    }

    /// The next step uses these hyper-parameters. Nothing is reset but the moments, where the optimizer is another one.
    ///
    /// # Errors
    /// When one is out of range.
    pub fn set_hyper(&mut self, hyper: Hyper) -> Result<()> {
        let mut hyper = hyper.checked()?;
        if hyper.optimizer != self.options.hyper.optimizer {
            self.parameters.clear_moments(&self.gpu);
            hyper.since = self.clock.step;
        }
        self.options.hyper = hyper;
        self.write_hyper();
        Ok(())
    }

    fn write_hyper(&self) {
        let pace = Pace { train_images: self.feed.train_images, batch: self.options.batch };
        self.optimizer.set(&self.gpu, self.options.hyper, pace);
    }

    /// The learning rate of the next step, as the schedule has it.
    pub fn learning_rate(&self) -> f64 {
        let pace = Pace { train_images: self.feed.train_images, batch: self.options.batch };
        self.options.hyper.rate(self.epochs(), pace)
    }

    /// The next step changes its images like this.
    ///
    /// # Errors
    /// When a value is out of range; then nothing changes.
    pub fn set_augmentation(&mut self, augmentation: Augmentation) -> Result<()> {
        let options = TrainerOptions { augmentation: augmentation.checked()?, ..self.options };
        if augmentation.distorts() != self.options.augmentation.distorts() {
            self.pass = Pass::build(
                &self.gpu,
                &self.network,
                &self.feed,
                &self.parameters,
                &self.optimizer,
                &options,
            )?;
        }
        self.options = options;
        self.feed.set_sampling(&self.gpu, self.options.seed, &augmentation);
        Ok(())
    }

    /// The next step draws `batch` images: new buffers and plans, the same weights and moments.
    ///
    /// # Errors
    /// When the batch is 0 or larger than the data, or does not fit; then nothing changes.
    pub fn set_batch(&mut self, batch: usize) -> Result<()> {
        check_batch(batch, &self.feed)?;
        let options = TrainerOptions { batch, ..self.options };
        self.pass =
            Pass::build(&self.gpu, &self.network, &self.feed, &self.parameters, &self.optimizer, &options)?;
        self.options = options;
        self.write_hyper();
        Ok(())
    }

    /// Freezes these layers (places in [`Network::layers`]) and thaws all others: the parameters and moments of a frozen
    /// layer stay bit for bit, and the next step leaves out what nothing needs any more.
    ///
    /// # Errors
    /// When there is no such layer, or nothing is left to train; then nothing changes.
    pub fn set_frozen(&mut self, frozen: &[usize]) -> Result<()> {
        if let Some(layer) = frozen.iter().find(|layer| **layer >= self.network.layers.len()) {
            let what = format!("there is no layer {layer}");
            return Err(Error::new(what, format!("count from 0 to {}", self.network.layers.len() - 1)));
        }
        let before: Vec<bool> = self.network.layers.iter().map(|layer| layer.frozen).collect();
        for (index, layer) in self.network.layers.iter_mut().enumerate() {
            layer.frozen = frozen.contains(&index);
        }
        let built = Pass::build(
            &self.gpu,
            &self.network,
            &self.feed,
            &self.parameters,
            &self.optimizer,
            &self.options,
        );
        match built {
            Ok(pass) => self.pass = pass,
            Err(error) => {
                self.network.layers.iter_mut().zip(before).for_each(|(layer, was)| layer.frozen = was);
                return Err(error);
            }
        }
        self.parameters.set_flags(&self.gpu, &self.network);
        Ok(())
    }

    /// Takes another network in place of this one, for the same data: a layer with more or fewer filters, say. Parameters and
    /// moments stay where tensors of the same name have them in common; what is new is initialised from the seed. No step is
    /// waited for, and where a compiled kernel will do, none is compiled.
    ///
    /// # Errors
    /// When it is for other data or does not fit; then nothing changes.
    pub fn set_network(&mut self, network: Network) -> Result<()> {
        let given = |network: &Network| (network.shape_of(0), network.classes);
        if given(&network) != given(&self.network) {
            let what = format!("network {} is for other images or classes", network.name);
            return Err(Error::new(what, "give it the shape and the classes of the data"));
        }
        let parameters = Parameters::new(&self.gpu, &network, self.options.seed)?;
        self.gpu.prefer_compiled(true);
        let pass = Pass::build(&self.gpu, &network, &self.feed, &parameters, &self.optimizer, &self.options);
        self.gpu.prefer_compiled(false);
        self.pass = pass?;
        parameters.carry(&self.gpu, &self.parameters);
        (self.network, self.parameters) = (network, parameters);
        Ok(())
    }

    /// Back to step 0 with fresh weights from `seed`.
    pub fn reset(&mut self, seed: u64) {
        self.options.seed = seed;
        self.options.hyper.since = 0;
        self.write_hyper();
        self.parameters.reset(&self.gpu, seed);
        self.feed.set_sampling(&self.gpu, seed, &self.options.augmentation);
        self.set_clock(Clock::default());
    }

    /// Sets the clock, here and on the GPU.
    pub fn set_clock(&mut self, clock: Clock) {
        self.feed.set_clock(&self.gpu, &clock);
        self.clock = clock;
    }

    /// Hash of the state (parameters, moments, clock): equal for equal runs. Waits for the GPU.
    pub fn state_hash(&self) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(bytemuck::cast_slice(&self.parameters.values.read(&self.gpu)));
        hash.update(bytemuck::cast_slice(&self.parameters.moments.read(&self.gpu)));
        hash.update(bytemuck::cast_slice(&self.parameters.second_moments.read(&self.gpu)));
        for Clock { step, epoch, cursor, .. } in self.feed.clock().read(&self.gpu) {
            hash.update(bytemuck::cast_slice(&[step, epoch, cursor]));
        }
        hash.finalize().to_hex().to_string()
    }

    /// Makes the step at `clock`, which is halted so that it has no effect, once more, and finds where numbers first are
    /// not finite: `conv2`, or `the gradient of conv2`. Waits for the GPU.
    pub fn first_not_finite(&mut self, clock: Clock) -> Option<String> {
        self.set_clock(clock);
        self.supply();
        let plan = &self.pass.step;
        let mut from = 0;
        for end in &self.pass.pass_ends {
            let mut encoder = self.gpu.encoder("look for what is not finite");
            plan.record(&mut encoder.begin_compute_pass(&Default::default()), from..*end);
            self.gpu.submit(encoder);
            from = *end;
            if let Some(found) = self.not_finite() {
                return Some(found);
            }
        }
        let gradients = self.parameters.gradients.read(&self.gpu);
        let finite = |t: &&TensorRange| gradients[t.offset..t.offset + t.len].iter().all(|v| v.is_finite());
        self.parameters.tensors.iter().find(|t| !finite(t)).map(|t| format!("the gradient of {}", t.name))
    }

    /// The first map of the last pass that holds something not finite: forward, then backward.
    fn not_finite(&self) -> Option<String> {
        let finite = |range: &BufferRange| {
            Buffer::<f32>::of_range(range).read(&self.gpu).iter().all(|value| value.is_finite())
        };
        let name = |place: usize| match place {
            0 => "the input".to_owned(),
            place => self.network.layers[place - 1].name.clone(),
        };
        let maps = self.pass.activations.iter().enumerate();
        let forward = maps.clone().find(|(_, range)| !finite(range)).map(|(place, _)| name(place));
        forward.or_else(|| {
            let gradients = self.pass.activation_gradients.iter().enumerate().rev();
            let mut gradients = gradients.filter_map(|(place, range)| Some((place, range.as_ref()?)));
            let found = gradients.find(|(_, range)| !finite(range));
            found.map(|(place, _)| format!("the gradient of {}", name(place)))
        })
    }

    /// Probe `probe`'s activation maps after layer `layer` (0 is the input), one tile a channel.
    pub fn activations(&self, layer: usize, probe: usize) -> TensorView {
        self.maps(&self.pass.activations[layer], self.network.shape_of(layer), probe)
    }

    /// The activations of layer `layer` (0 is the input) of the whole batch, `[d, n]`.
    pub(super) fn activation_range(&self, layer: usize) -> BufferRange {
        self.pass.activations[layer].clone()
    }

    /// The drawn columns of a pass.
    pub(super) fn column_range(&self) -> BufferRange {
        self.pass.columns.clone()
    }

    /// The classes' shares in a pass, `[class, n]`.
    pub(super) fn probability_range(&self) -> BufferRange {
        self.pass.probabilities.clone()
    }

    /// The gradients of the same, where there are any.
    pub fn activation_gradients(&self, layer: usize, probe: usize) -> Option<TensorView> {
        let range = self.pass.activation_gradients[layer].as_ref()?;
        Some(self.maps(range, self.network.shape_of(layer), probe))
    }

    /// Probe `probe`'s class probabilities, one tile of 1×1 a class.
    pub fn probabilities(&self, probe: usize) -> TensorView {
        self.maps(&self.pass.probabilities, Shape::new(self.network.classes, 1, 1), probe)
    }

    /// The filters of layer `layer` (0 is the input, so 1 is the first), one tile `in × ky × kx` a filter.
    pub fn weights(&self, layer: usize) -> Option<TensorView> {
        self.filters(layer, &self.parameters.values)
    }

    /// The gradients of the filters of layer `layer`, of the last whole step.
    pub fn weight_gradients(&self, layer: usize) -> Option<TensorView> {
        self.filters(layer, &self.parameters.last_gradients)
    }

    fn maps(&self, range: &BufferRange, shape: Shape, probe: usize) -> TensorView {
        let n = self.pass.sizes.columns as u32;
        let (height, width) = (shape.height as u32, shape.width as u32);
        TensorView {
            buffer: range.buffer.clone(),
            offset: (self.pass.sizes.train_columns + probe) as u32,
            extents: [shape.channels as u32, 1, height, width],
            strides: [height * width * n, 0, width * n, n],
        }
    }

    fn filters(&self, layer: usize, buffer: &Buffer<f32>) -> Option<TensorView> {
        let index = layer.checked_sub(1)?;
        let tensor = self.network.layers[index].parameters().into_iter().next()?;
        // One value a channel is a filter of one tap.
        let extent = |i: usize| tensor.shape.get(i).map_or(1, |e| *e as u32);
        let [out, inputs, ky, kx] = [0, 1, 2, 3].map(extent);
        Some(TensorView {
            buffer: buffer.raw().clone(),
            offset: self.parameters.offsets[index][0] as u32,
            extents: [out, inputs, ky, kx],
            strides: [inputs * ky * kx, ky * kx, kx, 1],
        })
    }
}

fn check_batch(batch: usize, feed: &Feed) -> Result<()> {
    let most = feed.most_batch();
    if (1..=most).contains(&batch) {
        return Ok(());
    }
    let why = if most == feed.train_images {
        "the number of training images"
    } else {
        "the images on the GPU at a time; or allow them more memory (--image-memory)"
    };
    Err(Error::usage(format!("the batch is {batch}"), format!("give it a value from 1 to {most}, {why}")))
}
