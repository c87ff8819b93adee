//! The whole training step in plain loops and f64, and small synthetic data for it.

#![allow(dead_code, reason = "each test file uses its part")]

use revacnn::data::{
    Augmentation, BatchSizes, Changes, Clock, Dataset, ImageShape, Sampling, Split, draw_twin, split_order,
};
use revacnn::gpu::Gpu;
use revacnn::nn::{
    Draw, Hyper, Mode, Network, NetworkLayer, Pace, Parameters, Role, Shape, StepPlace, Tensor,
    TrainerOptions, TwinCall, TwinState, loss_twin, optimizer_twin,
};

/// Classes of the synthetic data.
pub const CLASSES: usize = 5;
/// A column that is drawn as it is.
pub const UNCHANGED: u32 = 0x80_8000;

/// Convolution, rectifier, pooling and dense layers, all sizes odd.
pub const NETWORK: &str = r#"
[[layer]]
kind = "conv2d"
filters = 6
kernel = 3
padding = 1
[[layer]]
kind = "relu"
[[layer]]
kind = "max_pool2d"
size = 3
stride = 2
[[layer]]
kind = "conv2d"
filters = 7
kernel = 2
[[layer]]
kind = "relu"
[[layer]]
kind = "dense"
"#;

/// Images of 2×9×7 (126 bytes: no multiple of 4) with a bright row for the class, and noise.
pub fn synthetic(train: usize, test: usize) -> Dataset {
    let shape = ImageShape { channels: 2, height: 9, width: 7 };
    let split = |count: usize, seed: u64| {
        let noise = Tensor::sample(Shape::new(2, 9, 7), count, seed);
        let labels: Vec<u8> = (0..count).map(|n| ((n * 7 + n / 3) % CLASSES) as u8).collect();
        let mut images = Vec::with_capacity(count * shape.len());
        for (n, label) in labels.iter().enumerate() {
            for i in 0..shape.len() {
                let bright = i / 7 % 9 == usize::from(*label) + 2;
                let value = if bright { 160.0 } else { 70.0 } + 45.0 * noise.values[i * count + n];
                images.push(value as u8);
            }
        }
        Split { images: images.into(), labels }
    };
    let classes = (0..CLASSES).map(|c| format!("row {c}")).collect();
    Dataset::new("synthetic", shape, classes, split(train, 1), split(test, 2)).unwrap()
}

/// A residual network with everything that depends on the mode, on the draw, or on more than one input.
pub const GRAPH: &str = r#"
[[layer]]
kind = "conv2d"
name = "stem"
filters = 4
kernel = 3
padding = 1
[[layer]]
kind = "batch_norm"
[[layer]]
kind = "relu"
name = "trunk"
[[layer]]
kind = "conv2d"
filters = 4
kernel = 3
padding = 1
groups = 2
[[layer]]
kind = "dropout"
name = "branch"
rate = 0.25
[[layer]]
kind = "add"
name = "sum"
inputs = ["trunk", "branch"]
[[layer]]
kind = "concat"
inputs = ["sum", "trunk", "input", "stem"]
[[layer]]
kind = "avg_pool2d"
size = 3
stride = 2
padding = 1
[[layer]]
kind = "dense"
"#;

/// The residual network for the synthetic data.
pub fn graph() -> Network {
    Network::parse(GRAPH, Shape::new(2, 9, 7), CLASSES).unwrap()
}

/// The test network for the synthetic data.
pub fn network() -> Network {
    Network::parse(NETWORK, Shape::new(2, 9, 7), CLASSES).unwrap()
}

/// Draws, changes and normalises images on the CPU.
pub struct DataTwin<'d> {
    pub augmentation: Augmentation,
    data: &'d Dataset,
    pub order: Vec<u32>,
    /// Mean and standard deviation of each channel of all training images, for pixels from 0 to 1.
    normal: Vec<[f64; 2]>,
}

impl<'d> DataTwin<'d> {
    pub fn new(data: &'d Dataset) -> Self {
        let plane = data.shape.height * data.shape.width;
        let statistics = |c: usize| {
            let pixels: Vec<f64> = data
                .train
                .images
                .chunks(plane)
                .skip(c)
                .step_by(data.shape.channels)
                .flatten()
                .map(|v| f64::from(*v) / 255.0)
                .collect();
            let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
            let variance = pixels.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / pixels.len() as f64;
            [mean, variance.sqrt()]
        };
        let normal = (0..data.shape.channels).map(statistics).collect();
        Self {
            augmentation: Augmentation::default(),
            data,
            order: split_order(data.train.len(), data.test.len()),
            normal,
        }
    }

    /// The same, with these changes beside flip and shift.
    pub fn with(self, augmentation: Augmentation) -> Self {
        Self { augmentation, ..self }
    }

    fn split(&self, image: u32) -> (&Split, usize) {
        let train = self.data.train.len();
        if (image as usize) < train {
            (&self.data.train, image as usize)
        } else {
            (&self.data.test, image as usize - train)
        }
    }

    pub fn label(&self, image: u32) -> usize {
        let (split, at) = self.split(image);
        usize::from(split.labels[at])
    }

    /// `[c, y, x, n]` of drawn images: `[image, change, random]`, or `None` for padding.
    pub fn input(&self, drawn: &[Option<[u32; 3]>]) -> Tensor {
        let ImageShape { channels, height, width } = self.data.shape;
        let mut input = Tensor::zeros(Shape::new(channels, height, width), drawn.len());
        for [c, y, x, n] in input.places() {
            if let Some(drawn) = drawn[n] {
                let to = input.index(c, y, x, n);
                input.values[to] = self.value(drawn, [c, y, x]);
            }
        }
        input
    }

    /// A value of a changed image.
    fn value(&self, [image, change, random]: [u32; 3], [c, y, x]: [usize; 3]) -> f64 {
        let ImageShape { height, width, .. } = self.data.shape;
        let (dx, dy) = ((change >> 8 & 255) as f64 - 128.0, (change >> 16 & 255) as f64 - 128.0);
        let changes = Changes::of(&self.augmentation, random, [height, width]);
        let [rows, columns] = changes.cut;
        let cut = |at: usize, [first, end]: [i64; 2]| (first..end).contains(&(at as i64));
        if cut(y, rows) && cut(x, columns) {
            return 0.0;
        }
        let turned = if change & 1 == 1 { width - 1 - x } else { x };
        let (middle_y, middle_x) = ((height - 1) as f64 / 2.0, (width - 1) as f64 / 2.0);
        let (off_y, off_x) =
            ((y as f64 - middle_y) / changes.factor, (turned as f64 - middle_x) / changes.factor);
        let (sin, cos) = changes.angle.sin_cos();
        let from_y = middle_y + cos * off_y - sin * off_x + dy;
        let from_x = middle_x + sin * off_y + cos * off_x + dx;
        let (corner_y, corner_x) = (from_y.floor(), from_x.floor());
        let (share_y, share_x) = (from_y - corner_y, from_x - corner_x);
        let mut seen = 0.0;
        for (row, weight_y) in [(0, 1.0 - share_y), (1, share_y)] {
            for (column, weight_x) in [(0, 1.0 - share_x), (1, share_x)] {
                let at = [corner_y as isize + row, corner_x as isize + column];
                seen += weight_y * weight_x * self.normalised(image, c, at);
            }
        }
        changes.contrast * seen + changes.brightness / self.normal[c][1]
    }

    /// A pixel, normalised; 0 outside the image.
    fn normalised(&self, image: u32, c: usize, [y, x]: [isize; 2]) -> f64 {
        let ImageShape { height, width, .. } = self.data.shape;
        if !(0..height as isize).contains(&y) || !(0..width as isize).contains(&x) {
            return 0.0;
        }
        let (split, at) = self.split(image);
        let byte = split.image(at)[(c * height + y as usize) * width + x as usize];
        (f64::from(byte) / 255.0 - self.normal[c][0]) / self.normal[c][1]
    }
}

/// A network that learns on the CPU.
pub struct StepTwin<'d> {
    pub data: DataTwin<'d>,
    network: Network,
    hyper: Hyper,
    batch: usize,
    sampling: Sampling,
    train_images: u32,
    pub parameters: ByLayer,
    pub moments: ByLayer,
    second_moments: ByLayer,
    pub clock: Clock,
}

/// The tensors of each layer.
type ByLayer = Vec<Vec<Vec<f64>>>;

/// The tensors of each layer, out of a flat buffer's values.
pub fn by_layer(network: &Network, parameters: &Parameters, flat: &[f32]) -> ByLayer {
    let layer = |(place, offsets): (&NetworkLayer, &Vec<usize>)| {
        let tensors = offsets.iter().zip(place.parameters());
        tensors.map(|(at, spec)| flat[*at..][..spec.len()].iter().map(|v| f64::from(*v)).collect()).collect()
    };
    network.layers.iter().zip(&parameters.offsets).map(layer).collect()
}

fn zeros_like(tensors: &ByLayer) -> ByLayer {
    let zeros = |layer: &Vec<Vec<f64>>| layer.iter().map(|t| vec![0.0; t.len()]).collect();
    tensors.iter().map(zeros).collect()
}

impl<'d> StepTwin<'d> {
    /// Begins with the parameters that lie on the GPU.
    pub fn new(
        gpu: &Gpu,
        data: &'d Dataset,
        network: Network,
        start: &Parameters,
        options: &TrainerOptions,
    ) -> Self {
        let parameters = by_layer(&network, start, &start.values.read(gpu));
        let validation = (data.train.len() / 10).max(1);
        Self {
            data: DataTwin::new(data).with(options.augmentation),
            hyper: options.hyper,
            batch: options.batch,
            sampling: Sampling::of(options.seed, &options.augmentation),
            train_images: (data.train.len() - validation) as u32,
            moments: zeros_like(&parameters),
            second_moments: zeros_like(&parameters),
            parameters,
            network,
            clock: Clock::default(),
        }
    }

    fn draw(&self) -> Draw {
        let Sampling { seed_low, seed_high, .. } = self.sampling;
        Draw { seed: [seed_low, seed_high], step: self.clock.step, layer: 0, first: 0 }
    }

    fn mode(&self, training: bool, layer: usize) -> Mode {
        let draw = Draw { layer: layer as u32, ..self.draw() };
        let frozen =
            self.network.layers[layer].frozen && self.network.layers[layer].layer.kind() == "batch_norm";
        if training && !frozen { Mode::Training(draw) } else { Mode::Evaluation }
    }

    /// The input and every layer's output.
    pub fn activations(&self, input: Tensor, training: bool) -> Vec<Tensor> {
        let mut all = vec![input];
        for (index, place) in self.network.layers.iter().enumerate() {
            let inputs: Vec<Tensor> = place.inputs.iter().map(|i| all[*i].clone()).collect();
            let mode = self.mode(training, index);
            let call = TwinCall { inputs: &inputs, parameters: &self.parameters[index], mode };
            all.push(place.layer.forward_twin(&call));
        }
        all
    }

    /// Loss of each image, whether it is classified rightly, and the logits' gradient.
    pub fn judge(&self, logits: &Tensor, labels: &[usize], scale: f64) -> (Vec<f64>, Vec<bool>, Tensor) {
        let mut gradient = Tensor::zeros(logits.shape, logits.images);
        let (mut losses, mut right) = (Vec::new(), Vec::new());
        for (n, label) in labels.iter().enumerate() {
            let z: Vec<f64> = (0..CLASSES).map(|c| logits.values[c * logits.images + n]).collect();
            let made = loss_twin(self.network.loss, &z, *label, &[], scale, CLASSES);
            losses.push(made.loss);
            right.push(made.correct);
            let share = made.gradient;
            (0..CLASSES).for_each(|c| gradient.values[c * logits.images + n] = share[c]);
        }
        (losses, right, gradient)
    }

    /// Summed loss and number of right answers over these images as they are.
    pub fn evaluate(&self, images: &[u32]) -> (f64, usize) {
        let drawn: Vec<_> = images.iter().map(|image| Some([*image, UNCHANGED, 0])).collect();
        let labels: Vec<usize> = images.iter().map(|image| self.data.label(*image)).collect();
        let activations = self.activations(self.data.input(&drawn), false);
        let (losses, right, _) = self.judge(activations.last().unwrap(), &labels, 1.0);
        (losses.iter().sum(), right.iter().filter(|r| **r).count())
    }

    /// The optimizer over all parameters.
    fn update(&mut self, gradients: &ByLayer) {
        let pace = Pace { train_images: self.train_images as usize, batch: self.batch };
        let trained = |(place, tensors): (&NetworkLayer, &Vec<Vec<f64>>)| -> f64 {
            let tensors = place.parameters().into_iter().zip(tensors.clone()).filter(|_| !place.frozen);
            let tensors = tensors.filter(|(spec, _)| spec.role != Role::Statistic);
            tensors.flat_map(|(_, tensor)| tensor).map(|g| g * g).sum()
        };
        let squares: f64 = self.network.layers.iter().zip(gradients).map(trained).sum();
        let epochs =
            f64::from(self.clock.epoch) + f64::from(self.clock.cursor) / f64::from(self.train_images);
        let at = StepPlace { step: self.clock.step, epochs, norm: squares.sqrt() };
        for (index, place) in self.network.layers.iter().enumerate().filter(|(_, place)| !place.frozen) {
            for (tensor, spec) in place.parameters().iter().enumerate() {
                if spec.role == Role::Statistic {
                    let values = self.parameters[index][tensor].iter_mut();
                    values.zip(&gradients[index][tensor]).for_each(|(value, g)| *value -= g);
                    continue;
                }
                let decays = vec![spec.role == Role::Weight; spec.len()];
                let take = |all: &mut ByLayer| std::mem::take(&mut all[index][tensor]);
                let mut state = TwinState {
                    values: take(&mut self.parameters),
                    moments: take(&mut self.moments),
                    second_moments: take(&mut self.second_moments),
                };
                optimizer_twin(self.hyper, pace, at, &gradients[index][tensor], &decays, &mut state);
                self.parameters[index][tensor] = state.values;
                self.moments[index][tensor] = state.moments;
                self.second_moments[index][tensor] = state.second_moments;
            }
        }
    }

    /// One step: mean loss and share of right answers.
    pub fn step(&mut self) -> [f64; 2] {
        let batch = self.batch;
        let sizes = BatchSizes { batch, micro_batch: batch, train_columns: batch, columns: batch };
        let draw = |n| draw_twin(&self.clock, &self.sampling, &self.data.order, sizes, self.train_images, n);
        let drawn: Vec<_> = (0..batch as u32).map(draw).collect();
        let labels: Vec<usize> = drawn.iter().map(|d| self.data.label(d.unwrap()[0])).collect();
        let activations = self.activations(self.data.input(&drawn), true);
        let (losses, right, gradient) = self.judge(activations.last().unwrap(), &labels, 1.0 / batch as f64);
        let mut gradients: Vec<Tensor> =
            activations.iter().map(|a| Tensor::zeros(a.shape, a.images)).collect();
        *gradients.last_mut().unwrap() = gradient;
        let mut all: ByLayer = vec![Vec::new(); self.network.layers.len()];
        for (index, place) in self.network.layers.iter().enumerate().rev() {
            let inputs: Vec<Tensor> = place.inputs.iter().map(|i| activations[*i].clone()).collect();
            let mode = self.mode(true, index);
            let call = TwinCall { inputs: &inputs, parameters: &self.parameters[index], mode };
            let made = place.layer.backward_twin(&call, &gradients[index + 1]);
            for (to, share) in place.inputs.iter().zip(made.inputs) {
                gradients[*to].values.iter_mut().zip(share.values).for_each(|(sum, g)| *sum += g);
            }
            all[index] = made.parameters;
        }
        self.update(&all);
        self.clock.step += 1;
        self.clock.cursor += batch as u32;
        if self.clock.cursor >= self.train_images {
            self.clock.cursor -= self.train_images;
            self.clock.epoch += 1;
        }
        let share = right.iter().filter(|r| **r).count() as f64 / batch as f64;
        [losses.iter().sum::<f64>() / batch as f64, share]
    }
}
