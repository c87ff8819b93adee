//! One pass over a micro-batch: buffers whose sizes depend on the batch, and the plans of step, evaluation and refresh.
//!
//! A step is: clear the gradients, pack the weights, then for each micro-batch draw → forward → loss → backward →
//! count; at last the optimizer and the clock's tick. Activations are `[c, y, x, n]`; the probes are the last columns.

use super::layer::{BatchBuffers, LayerBuild, LayerPlans, Port};
use super::layers::add;
use super::{Columns, LossBuffers, Network, NetworkLayer, Optimizer, Parameters, Shape, TrainerOptions};
use crate::data::{BatchSizes, Column, Feed};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};

/// On the software adapter a pass stays this small, so that no dispatch takes long and the window stays responsive.
const SOFTWARE_MICRO_BATCH: usize = 128;

/// Buffers and plans whose sizes depend on the batch.
pub(super) struct Pass {
    pub sizes: BatchSizes,
    pub columns: BufferRange,
    /// Input, then each layer's output.
    pub activations: Vec<BufferRange>,
    /// Gradients of the same; of the input and of what lies below the first weights there is none.
    pub activation_gradients: Vec<Option<BufferRange>>,
    pub probabilities: BufferRange,
    pub step: Plan,
    /// How many of the step's dispatches each of its passes ends after.
    pub pass_ends: Vec<usize>,
    pub evaluation: Plan,
    pub refresh: Plan,
}

/// The gradients that the takers of one output make: with one taker it is the output's gradient itself, with more each has
/// its own and they are added.
struct Shares {
    /// One for each time that the output is taken, in order.
    parts: Vec<BufferRange>,
    /// Adds them, before the layer's own backward pass.
    sum: Plan,
}

/// Images of one pass: as many as the adapter's bindings allow for the largest map, the probes beside them.
pub(super) fn choose_sizes(gpu: &Gpu, network: &Network, options: &TrainerOptions) -> Result<BatchSizes> {
    let probes = options.probes.next_multiple_of(4);
    let largest_of = |l: &NetworkLayer, of: fn(&Shape) -> usize| {
        l.input_shapes.iter().chain([&l.output]).map(of).max().unwrap_or(1)
    };
    let (name, largest) = network
        .layers
        .iter()
        .map(|l| (l.name.as_str(), largest_of(l, Shape::len)))
        .max_by_key(|(_, len)| *len)
        .expect("a network has a layer");
    let most = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size) / 4;
    // A convolution has a thread a pixel and quad, in one dimension, in workgroups of 64.
    let pixels = network.layers.iter().map(|l| largest_of(l, Shape::pixels)).max().unwrap_or(1);
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
    let columns = (train_columns + probes).next_multiple_of(4);
    Ok(BatchSizes { batch: options.batch, micro_batch, train_columns, columns })
}

impl Pass {
    pub fn build(
        gpu: &Gpu,
        network: &Network,
        feed: &Feed,
        parameters: &Parameters,
        optimizer: &Optimizer,
        options: &TrainerOptions,
    ) -> Result<Self> {
        let sizes = choose_sizes(gpu, network, options)?;
        let maps = |label: &str, shape: Shape| {
            Buffer::<f32>::zeroed(gpu, label, shape.len() * sizes.columns).range()
        };
        let learns = network.learns();
        if !learns.contains(&true) {
            let frozen = network.layers.iter().any(|layer| layer.frozen);
            let (why, help) = if frozen {
                ("has nothing left to train", "thaw a layer")
            } else {
                ("has no weights", "give it a dense layer")
            };
            return Err(Error::new(format!("network {} {why}", network.name), help));
        }
        let label = |place: usize| if place == 0 { "input" } else { &network.layers[place - 1].name };
        let places = 0..=network.layers.len();
        let activations = places.clone().map(|p| maps(label(p), network.shape_of(p))).collect();
        let activation_gradients =
            places.map(|p| learns[p].then(|| maps(label(p), network.shape_of(p)))).collect();
        let mut pass = Self {
            sizes,
            columns: Buffer::<Column>::zeroed(gpu, "columns", sizes.columns).range(),
            activations,
            activation_gradients,
            probabilities: maps("probabilities", Shape::new(network.classes, 1, 1)),
            step: Plan::default(),
            pass_ends: Vec::new(),
            evaluation: Plan::default(),
            refresh: Plan::default(),
        };
        let layers = pass.build_layers(gpu, network, feed, parameters)?;
        pass.build_plans(
            gpu,
            network,
            feed,
            &layers,
            optimizer.build(gpu, parameters, feed)?,
            options.augmentation.distorts(),
        )?;
        Ok(pass)
    }

    /// Where the takers of each place leave their gradients.
    fn build_shares(&self, gpu: &Gpu, network: &Network) -> Result<Vec<Option<Shares>>> {
        let shares = |(place, gradient): (usize, &Option<BufferRange>)| {
            let Some(gradient) = gradient else { return Ok(None) };
            let takers = network.takers(place).len();
            if takers < 2 {
                return Ok(Some(Shares { parts: vec![gradient.clone()], sum: Plan::default() }));
            }
            let len = network.shape_of(place).len() * self.sizes.columns;
            let part = |_| Buffer::<f32>::zeroed(gpu, "share of a gradient", len).range();
            let parts: Vec<_> = (0..takers).map(part).collect();
            let mut sum = PlanBuilder::new(gpu);
            let label = format!("{} gradient sum", network.layers[place - 1].name);
            add(gpu, &mut sum, &label, &parts, gradient, (len / 4) as u32)?;
            Ok(Some(Shares { parts, sum: sum.finish() }))
        };
        self.activation_gradients.iter().enumerate().map(shares).collect()
    }

    fn build_layers(
        &self,
        gpu: &Gpu,
        network: &Network,
        feed: &Feed,
        parameters: &Parameters,
    ) -> Result<Vec<LayerPlans>> {
        let columns = Columns { train_quads: self.sizes.train_columns / 4, quads: self.sizes.columns / 4 };
        let batch = BatchBuffers {
            columns: self.columns.clone(),
            clock: feed.clock().range(),
            sampling: feed.sampling().range(),
        };
        let mut shares = self.build_shares(gpu, network)?;
        let mut layers = Vec::new();
        // The relu that each layer makes together with its output.
        let relu_after = |index: usize| {
            let layer = network.layers[index].layer.as_ref();
            let mut takers = network.takers(index + 1).into_iter();
            (gpu.tuning().fuses_relu && layer.makes_relu())
                .then(|| takers.find(|taker| network.layers[*taker].layer.is_relu()))
                .flatten()
        };
        let made: Vec<usize> = (0..network.layers.len()).filter_map(relu_after).collect();
        for (index, layer) in network.layers.iter().enumerate() {
            let mut port = |(place, shape): (&usize, &Shape)| Port {
                shape: *shape,
                values: self.activations[*place].clone(),
                gradient: shares[*place].as_mut().map(|shares| shares.parts.remove(0)),
            };
            let inputs = layer.inputs.iter().zip(&layer.input_shapes).map(&mut port).collect();
            // Before the first weights nothing flows back, and what stands here is never read.
            let output_gradient =
                self.activation_gradients[index + 1].as_ref().unwrap_or(&self.activations[index + 1]);
            let mut plans = layer.layer.build(&LayerBuild {
                gpu,
                name: &layer.name,
                index,
                trains: layer.trains(),
                columns,
                batch: &batch,
                inputs,
                output_shape: layer.output,
                output: self.activations[index + 1].clone(),
                rectified: relu_after(index).map(|relu| self.activations[relu + 1].clone()),
                output_gradient: output_gradient.clone(),
                parameters: parameters.values.range(),
                gradients: parameters.gradients.range(),
                offsets: parameters.offsets[index].clone(),
            })?;
            if made.contains(&index) {
                plans.forward = Plan::default();
            }
            if let Some(shares) = &shares[index + 1] {
                let mut backward = shares.sum.clone();
                backward.extend(&plans.backward);
                plans.backward = backward;
            }
            layers.push(plans);
        }
        Ok(layers)
    }

    fn build_plans(
        &mut self,
        gpu: &Gpu,
        network: &Network,
        feed: &Feed,
        layers: &[LayerPlans],
        (clear, update): (Plan, Plan),
        distort: bool,
    ) -> Result<()> {
        let sizes = self.sizes;
        let results = Buffer::<[f32; 2]>::zeroed(gpu, "results", sizes.columns).range();
        let columns = Columns { train_quads: sizes.train_columns / 4, quads: sizes.columns / 4 };
        let buffers = LossBuffers {
            columns: self.columns.clone(),
            images: self.activations[0].clone(),
            outputs: self.activations[layers.len()].clone(),
            probabilities: self.probabilities.clone(),
            gradient: self.activation_gradients[layers.len()]
                .clone()
                .expect("something learns, and all of it is used"),
            results: results.clone(),
        };
        let outputs = network.shape_of(layers.len()).len();
        let loss = network.loss.build(gpu, &buffers, (outputs, network.classes), columns)?;
        let build = |sizes: BatchSizes| feed.build(gpu, sizes, &self.columns, &self.activations[0], distort);
        let [draw_training, draw_evaluation] = build(sizes)?;
        // A batch of no images: padding and probes alone.
        let [draw_probes, _] = build(BatchSizes { batch: 0, ..sizes })?;
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
            self.pass_ends.push(self.step.len());
        }
        self.step.extend(&update);
        self.step.extend(&tick);
        for (plan, draw) in [(&mut self.evaluation, &draw_evaluation), (&mut self.refresh, &draw_probes)] {
            each(plan, |l| &l.prepare);
            plan.extend(draw);
            each(plan, |l| l.evaluation.as_ref().unwrap_or(&l.forward));
            plan.extend(&loss);
        }
        self.evaluation.extend(&count_evaluation);
        backward(&mut self.refresh);
        Ok(())
    }
}
