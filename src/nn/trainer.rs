//! The training step: one network, its data and its buffers, as plans.
//!
//! A step is: clear the gradients, pack the weights, then for each micro-batch draw → forward → loss → backward →
//! count; at last the optimizer and the clock's tick. Activations are `[c, y, x, n]`; the probes are the last columns.

use std::rc::Rc;

use super::layer::{LayerBuild, LayerPlans};
use super::loss::SoftmaxCrossEntropy;
use super::{Columns, Hyper, Network, Parameters, Sgd, Shape};
use crate::data::{BatchSizes, Clock, Column, Dataset, Feed, MAX_PROBES};
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
    /// Largest random shift in pixels.
    pub shift: u32,
    /// Whether half of the images are flipped.
    pub flip: bool,
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
            shift: 0,
            flip: false,
            probes: 4,
        }
    }
}

/// On the software adapter a pass stays this small, so that no dispatch takes long and the window stays responsive.
const SOFTWARE_MICRO_BATCH: usize = 128;

/// Buffers and plans whose sizes depend on the batch.
struct Pass {
    sizes: BatchSizes,
    columns: BufferRange,
    /// Input, then each layer's output.
    activations: Vec<BufferRange>,
    /// Gradients of the same; of the input and of what lies below the first weights there is none.
    activation_gradients: Vec<Option<BufferRange>>,
    probabilities: BufferRange,
    step: Plan,
    evaluation: Plan,
    refresh: Plan,
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
    sgd: Sgd,
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
        let feed = Feed::new(&gpu, data)?;
        let options = TrainerOptions { hyper: options.hyper.checked()?, ..options };
        check_batch(options.batch, &feed)?;
        if !(1..=MAX_PROBES).contains(&options.probes) {
            let what = format!("the number of probes is {}", options.probes);
            return Err(Error::usage(what, format!("give it a value from 1 to {MAX_PROBES}")));
        }
        let parameters = Parameters::new(&gpu, &network, options.seed)?;
        let sgd = Sgd::new(&gpu, options.hyper);
        feed.set_sampling(&gpu, options.seed, options.shift, options.flip);
        feed.set_probes(&gpu, &[0]);
        let pass = Pass::build(&gpu, &network, &feed, &parameters, &sgd, &options)?;
        Ok(Self { gpu, network, feed, parameters, sgd, options, pass, clock: Clock::default() })
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

    /// Submits one whole training step.
    pub fn step(&mut self) -> wgpu::SubmissionIndex {
        let mut encoder = self.gpu.encoder("step");
        self.pass.step.encode(&mut encoder);
        self.tick();
        self.gpu.submit(encoder)
    }

    /// The next step uses these hyper-parameters; nothing is reset.
    ///
    /// # Errors
    /// When one is out of range.
    pub fn set_hyper(&mut self, hyper: Hyper) -> Result<()> {
        self.options.hyper = hyper.checked()?;
        self.sgd.set(&self.gpu, hyper);
        Ok(())
    }

    /// The next step shifts by up to `shift` pixels, and flips.
    pub fn set_augmentation(&mut self, shift: u32, flip: bool) {
        (self.options.shift, self.options.flip) = (shift, flip);
        self.feed.set_sampling(&self.gpu, self.options.seed, shift, flip);
    }

    /// The next step draws `batch` images: new buffers and plans, the same weights and moments.
    ///
    /// # Errors
    /// When the batch is 0 or larger than the data, or does not fit; then nothing changes.
    pub fn set_batch(&mut self, batch: usize) -> Result<()> {
        check_batch(batch, &self.feed)?;
        let options = TrainerOptions { batch, ..self.options };
        self.pass = Pass::build(&self.gpu, &self.network, &self.feed, &self.parameters, &self.sgd, &options)?;
        self.options = options;
        Ok(())
    }

    /// Back to step 0 with fresh weights from `seed`.
    pub fn reset(&mut self, seed: u64) {
        self.options.seed = seed;
        self.parameters.reset(&self.gpu, seed);
        self.feed.set_sampling(&self.gpu, seed, self.options.shift, self.options.flip);
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
        let words = self.feed.clock().read(&self.gpu);
        hash.update(bytemuck::cast_slice(&words[..3]));
        hash.finalize().to_hex().to_string()
    }

    /// Probe `probe`'s activation maps after layer `layer` (0 is the input), one tile a channel.
    pub fn activations(&self, layer: usize, probe: usize) -> TensorView {
        self.maps(&self.pass.activations[layer], self.shape_after(layer), probe)
    }

    /// The gradients of the same, where there are any.
    pub fn activation_gradients(&self, layer: usize, probe: usize) -> Option<TensorView> {
        let range = self.pass.activation_gradients[layer].as_ref()?;
        Some(self.maps(range, self.shape_after(layer), probe))
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

    fn shape_after(&self, layer: usize) -> Shape {
        if layer == 0 { self.network.input } else { self.network.layers[layer - 1].output }
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
        let place = &self.network.layers[index];
        let [out, inputs, ky, kx] = place.layer.weights(place.input)?.map(|e| e as u32);
        Some(TensorView {
            buffer: buffer.raw().clone(),
            offset: self.parameters.slots[index]?.weight_offset as u32,
            extents: [out, inputs, ky, kx],
            strides: [inputs * ky * kx, ky * kx, kx, 1],
        })
    }
}

fn check_batch(batch: usize, feed: &Feed) -> Result<()> {
    if (1..=feed.train_images).contains(&batch) {
        return Ok(());
    }
    Err(Error::usage(
        format!("the batch is {batch}"),
        format!("give it a value from 1 to {}, the number of training images", feed.train_images),
    ))
}

/// Images of one pass: as many as the adapter's bindings allow for the largest map, the probes beside them.
fn choose_sizes(gpu: &Gpu, network: &Network, options: &TrainerOptions) -> Result<BatchSizes> {
    let probes = options.probes.next_multiple_of(4);
    let (name, largest) = network
        .layers
        .iter()
        .map(|l| (l.name.as_str(), l.output.len().max(l.input.len())))
        .max_by_key(|(_, len)| *len)
        .expect("a network has a layer");
    let most = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size) / 4;
    // A convolution has a thread a pixel and quad, in one dimension, in workgroups of 64.
    let pixels = network.layers.iter().map(|l| l.output.pixels().max(l.input.pixels())).max().unwrap_or(1);
    let most_threads = gpu.limits.max_compute_workgroups_per_dimension as usize * 64;
    let columns = (most as usize / largest).min(most_threads / pixels * 4);
    let room = columns.saturating_sub(probes + 4) & !3;
    if room == 0 {
        let what = format!("network {}, layer {name}: its maps", network.name);
        gpu.check_fits(&what, (largest * (probes + 8) * 4) as u64)?;
        let what = format!("{what} have more pixels than {} has threads", gpu.info.name);
        return Err(Error::new(what, "take smaller images"));
    }
    let most = if gpu.is_software() { room.min(SOFTWARE_MICRO_BATCH) } else { room };
    let most = options.micro_batch.map_or(most, |m| m.clamp(1, room));
    // Passes of equal size, so that none is nearly empty.
    let micro_batch = options.batch.div_ceil(options.batch.div_ceil(most));
    let train_columns = micro_batch.next_multiple_of(4);
    // On the software adapter a convolution thread makes two quads at once.
    let columns = (train_columns + probes).next_multiple_of(if gpu.tuning().large_tiles { 8 } else { 4 });
    Ok(BatchSizes { batch: options.batch, micro_batch, train_columns, columns })
}

impl Pass {
    fn build(
        gpu: &Gpu,
        network: &Network,
        feed: &Feed,
        parameters: &Parameters,
        sgd: &Sgd,
        options: &TrainerOptions,
    ) -> Result<Self> {
        let sizes = choose_sizes(gpu, network, options)?;
        let maps = |label: &str, shape: Shape| {
            Buffer::<f32>::zeroed(gpu, label, shape.len() * sizes.columns).range()
        };
        let first_weights = network.layers.iter().position(|l| l.layer.weights(l.input).is_some());
        let first_weights = first_weights.ok_or_else(|| {
            Error::new(format!("network {} has no weights", network.name), "give it a dense layer")
        })?;
        let mut activations = vec![maps("input", network.input)];
        let mut activation_gradients = vec![None];
        for (index, layer) in network.layers.iter().enumerate() {
            activations.push(maps(&layer.name, layer.output));
            activation_gradients.push((index >= first_weights).then(|| maps(&layer.name, layer.output)));
        }
        let logits = Shape::new(network.classes, 1, 1);
        let mut pass = Self {
            sizes,
            columns: Buffer::<Column>::zeroed(gpu, "columns", sizes.columns).range(),
            activations,
            activation_gradients,
            probabilities: maps("probabilities", logits),
            step: Plan::default(),
            evaluation: Plan::default(),
            refresh: Plan::default(),
        };
        let layers = pass.build_layers(gpu, network, parameters)?;
        pass.build_plans(gpu, network, feed, &layers, sgd.build(gpu, parameters)?)?;
        Ok(pass)
    }

    fn build_layers(&self, gpu: &Gpu, network: &Network, parameters: &Parameters) -> Result<Vec<LayerPlans>> {
        let columns = Columns { train_quads: self.sizes.train_columns / 4, quads: self.sizes.columns / 4 };
        let build = |(index, place): (usize, &super::NetworkLayer)| {
            // Before the first weights nothing flows back, and what stands here is never read.
            let output_gradient =
                self.activation_gradients[index + 1].as_ref().unwrap_or(&self.activations[index + 1]);
            place.layer.build(&LayerBuild {
                gpu,
                name: &place.name,
                input_shape: place.input,
                output_shape: place.output,
                columns,
                input: self.activations[index].clone(),
                output: self.activations[index + 1].clone(),
                input_gradient: self.activation_gradients[index].clone(),
                output_gradient: output_gradient.clone(),
                parameters: parameters.values.range(),
                gradients: parameters.gradients.range(),
                slot: parameters.slots[index],
            })
        };
        network.layers.iter().enumerate().map(build).collect()
    }

    fn build_plans(
        &mut self,
        gpu: &Gpu,
        network: &Network,
        feed: &Feed,
        layers: &[LayerPlans],
        (clear, update): (Plan, Plan),
    ) -> Result<()> {
        let sizes = self.sizes;
        let results = Buffer::<[f32; 2]>::zeroed(gpu, "results", sizes.columns).range();
        let columns = Columns { train_quads: sizes.train_columns / 4, quads: sizes.columns / 4 };
        let loss = SoftmaxCrossEntropy {
            columns: self.columns.clone(),
            logits: self.activations[layers.len()].clone(),
            probabilities: self.probabilities.clone(),
            logits_gradient: self.activation_gradients[layers.len()]
                .clone()
                .expect("the last layer has a gradient"),
            results: results.clone(),
        }
        .build(gpu, network.classes, columns)?;
        let [draw_training, draw_evaluation] = feed.build(gpu, sizes, &self.columns, &self.activations[0])?;
        // A batch of no images: padding and probes alone.
        let [draw_probes, _] =
            feed.build(gpu, BatchSizes { batch: 0, ..sizes }, &self.columns, &self.activations[0])?;
        let [count_training, count_evaluation, tick] = feed.build_counting(gpu, sizes, &results)?;
        let each = |plan: &mut Plan, part: fn(&LayerPlans) -> &Plan| {
            layers.iter().for_each(|l| plan.extend(part(l)))
        };
        let backward = |plan: &mut Plan| layers.iter().rev().for_each(|l| plan.extend(&l.backward));
        self.step.extend(&clear);
        each(&mut self.step, |l| &l.prepare);
        for _ in 0..sizes.batch.div_ceil(sizes.micro_batch) {
            self.step.extend(&draw_training);
            each(&mut self.step, |l| &l.forward);
            self.step.extend(&loss);
            backward(&mut self.step);
            self.step.extend(&count_training);
        }
        self.step.extend(&update);
        self.step.extend(&tick);
        for (plan, draw) in [(&mut self.evaluation, &draw_evaluation), (&mut self.refresh, &draw_probes)] {
            each(plan, |l| &l.prepare);
            plan.extend(draw);
            each(plan, |l| &l.forward);
            plan.extend(&loss);
        }
        self.evaluation.extend(&count_evaluation);
        backward(&mut self.refresh);
        Ok(())
    }
}
